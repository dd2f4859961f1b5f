package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestHintsOnce: many hosts that fail alike get one hint.
func TestHintsOnce(t *testing.T) {
	h := &hints{}
	for i := range 30 {
		name := fmt.Sprintf("web%d", i+1)
		h.add(name, "is the host up?")
		h.add(name, "is the host up?")
		if i < 2 {
			h.add(name, "compare the fingerprint, then: remoterun trust "+name)
		}
	}
	h.add("db", "its disk is full: remoterun run db -- df -h")
	var out strings.Builder
	h.write(&out)
	if want := `remoterun: hint: web1, web2, web3, web4 and 26 more: is the host up?
remoterun: hint: web1, web2: compare the fingerprint, then: remoterun trust web1 (and so for each of them)
remoterun: hint: db: its disk is full: remoterun run db -- df -h
`; out.String() != want {
		t.Errorf("got:\n%s", out.String())
	}
}
