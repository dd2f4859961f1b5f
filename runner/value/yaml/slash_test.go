package yaml

import (
	"testing"

	"remoterun/runner/value"
)

// TestEscapedSlash: "\/" in double quotes is a slash, as PyYAML has it; any other
// escape that nobody knows stays a mistake.
func TestEscapedSlash(t *testing.T) {
	v, err := One("f", []byte("a: 1\nb: \"x\\/y\n  z\\/\"\nc: 'l\\/r'\nd: ['\\/', \"\\/\"]\n"), Options{})
	if got := value.Repr(v); err != nil || got != `{'a': 1, 'b': 'x/y z/', 'c': 'l\\/r', 'd': ['\\/', '/']}` {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := One("f", []byte("a: 1\nb: \"\\q\"\n"), Options{}); err == nil {
		t.Error("\\q is read")
	}
}
