package files

import (
	"strings"
	"testing"
)

// TestKeptSaltsBoundTheWork: a salt that no program makes is not reckoned with.
func TestKeptSaltsBoundTheWork(t *testing.T) {
	if kept := apr1("pw", "12345678"); !samePassword(kept, "pw") || samePassword(kept, "other") {
		t.Fatal(kept)
	}
	if long := strings.Repeat("x", 1<<20); samePassword("$apr1$"+long+"$"+long, "pw") {
		t.Error("it is the password's")
	}
}
