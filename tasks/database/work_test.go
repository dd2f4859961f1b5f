package database

import (
	"strings"
	"testing"
)

// TestKeptVerifiersBoundTheWork: what a server keeps of a password says how much work
// it is to compare with; only so much of it is done.
func TestKeptVerifiersBoundTheWork(t *testing.T) {
	honest, err := scram("pw", []byte("a salt of sixteen"), 4096)
	if err != nil || !samePassword(honest, "u", "pw") || samePassword(honest, "u", "other") {
		t.Fatalf("%s, %v", honest, err)
	}
	for name, kept := range map[string]string{
		"rounds": strings.Replace(honest, "$4096:", "$2000000000:", 1),
		"salt":   "SCRAM-SHA-256$4096:" + strings.Repeat("QUJD", 2<<20) + "$eA==:eA==",
	} {
		if samePassword(kept, "u", "pw") {
			t.Errorf("%s: it is the password's", name)
		}
	}
}
