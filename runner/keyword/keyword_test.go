package keyword

import (
	"testing"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// TestInner: the innermost keyword that is set counts, false too.
func TestInner(t *testing.T) {
	yes, no, none := &play.Keywords{Become: value.Bool(true)}, &play.Keywords{Become: value.Bool(false)}, &play.Keywords{}
	for _, c := range []struct {
		name  string
		words Words
		want  value.Value
	}{
		{"none", Words{none, none}, value.Null()},
		{"the outer one", Words{yes, none, none}, value.Bool(true)},
		{"the inner one", Words{no, yes, none}, value.Bool(true)},
		{"an inner no", Words{yes, yes, no}, value.Bool(false)},
	} {
		if got := c.words.Inner(Become); value.Repr(got) != value.Repr(c.want) {
			t.Errorf("%s: %s, want %s", c.name, value.Repr(got), value.Repr(c.want))
		}
	}
}

// TestTruth holds Ansible's words of booleans.
func TestTruth(t *testing.T) {
	for _, s := range []string{"yes", "Yes", "true", "True", "on", "1", "y", "t"} {
		if b, ok := Truth(value.String(s)); !b || !ok {
			t.Errorf("%q is %v %v", s, b, ok)
		}
	}
	for _, s := range []string{"no", "No", "false", "False", "off", "0", "n", "f", ""} {
		if b, ok := Truth(value.String(s)); b || !ok {
			t.Errorf("%q is %v %v", s, b, ok)
		}
	}
	for _, s := range []string{"yess", "2", "nein", "{{ x }}"} {
		if _, ok := Truth(value.String(s)); ok {
			t.Errorf("%q is taken for a boolean", s)
		}
	}
}
