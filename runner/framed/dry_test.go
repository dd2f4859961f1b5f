package framed

import (
	"bytes"
	"io"
	"testing"
)

// TestNothingComesBehindTheEnd: whoever takes a command's output has it for himself
// when the command has returned, also where a cut link still brings some.
func TestNothingComesBehindTheEnd(t *testing.T) {
	r, w := io.Pipe()
	c := collect(r)
	var got bytes.Buffer
	c.pour(&got)
	for _, text := range []string{"some", ""} { // the second is read when the first is written
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	c.dry()
	for _, text := range []string{"more", ""} {
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if got.String() != "some" {
		t.Errorf("it has %q", got.String())
	}
	_ = w.Close()
}
