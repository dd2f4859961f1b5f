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

// TestSlashesWhereverTheyAre: letters of several bytes, tags, anchors, documents and
// comments around them; what stands in no double quotes stays as it is.
func TestSlashesWhereverTheyAre(t *testing.T) {
	docs, err := Load("f", []byte(`# it's "a\/b"
éé: "x\/y" # "\/"
"k\/": !!str "t\/"
n: &n "\\\/q\"\/"
m: *n
p: a\/b
---
- {s: 'c\/d', d: "e\/f"}
`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{`{'éé': 'x/y', 'k/': 't/', 'n': '\\/q"/', 'm': '\\/q"/', 'p': 'a\\/b'}`, `[{'s': 'c\\/d', 'd': 'e/f'}]`} {
		if got := value.Repr(docs[i]); got != want {
			t.Errorf("document %d is %s", i, got)
		}
	}
	if _, err := Load("f", []byte("a: \"x\\/y\"\nb: \"\\q\"\n"), Options{}); err == nil {
		t.Error("an escape that nobody has is read")
	}
}
