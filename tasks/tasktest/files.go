package tasktest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"remoterun/runner/value"
)

// WriteFile makes a file of mode 0644.
func WriteFile(t testing.TB, p, text string) {
	t.Helper()
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil { // #nosec G306
		t.Fatal(err)
	}
}

// ReadFile is a file's text.
func ReadFile(t testing.TB, p string) string {
	t.Helper()
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Bits is a path's own permission bits with setuid, setgid and sticky: "0644".
func Bits(t testing.TB, p string) string {
	t.Helper()
	st, err := os.Lstat(p)
	if err != nil {
		t.Fatal(err)
	}
	m := st.Mode()
	n := m.Perm()
	if m&os.ModeSetgid != 0 {
		n |= 0o2000
	}
	if m&os.ModeSetuid != 0 {
		n |= 0o4000
	}
	if m&os.ModeSticky != 0 {
		n |= 0o1000
	}
	return fmt.Sprintf("%04o", n)
}

// Get is a key of the result's data as Python shows it, "<none>" when there is
// none.
func (o Outcome) Get(key string) string {
	v, ok := o.Result.Data.Lookup(key)
	if !ok {
		return "<none>"
	}
	return value.Repr(v)
}

// Dig walks into a mapping ("stat.size") and shows what is there as Python does.
func Dig(m *value.Map, path string) string {
	v := value.FromMap(m)
	for part := range strings.SplitSeq(path, ".") {
		mm, ok := v.AsMap()
		if !ok {
			return "<no mapping at " + part + ">"
		}
		if v, ok = mm.Lookup(part); !ok {
			return "<none>"
		}
	}
	return value.Repr(v)
}
