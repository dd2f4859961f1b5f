package kit

import (
	"os"
	"strings"
	"testing"

	"remoterun/runner/value"
)

// oracle is what Ansible answered (testdata/oracle.py).
func oracle(t *testing.T, part string) []value.Value {
	t.Helper()
	text, err := os.ReadFile("../testdata/oracle.json")
	if err != nil {
		t.Fatal(err)
	}
	v, err := value.ParseJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	m, _ := v.AsMap()
	list, _ := m.Lookup(part)
	if len(list.Items()) < 100 {
		t.Fatalf("only %d cases of %s", len(list.Items()), part)
	}
	return list.Items()
}

func TestModesAsAnsible(t *testing.T) {
	for _, c := range oracle(t, "modes") {
		m, _ := c.AsMap()
		mode, _ := m.Lookup("mode")
		from, _ := m.Lookup("from")
		to, _ := m.Lookup("to")
		var md Mode
		f, _ := from.AsInt()
		want, _ := to.AsInt()
		if err := md.ParseArg(mode); err != nil {
			t.Errorf("%s: %v", value.Str(mode), err)
		} else if got := md.Apply(uint32(f), 0o022); int64(got) != want && !copiesLater(md) {
			t.Errorf("%s on %o: %o, want %o", value.Str(mode), f, got, want)
		}
	}
}

// copiesLater reports a mode in which a copy (g=u) follows another clause: there
// Ansible is left alone on purpose, see modeClause.apply.
func copiesLater(m Mode) bool {
	for i, c := range m.clauses {
		if i > 0 && strings.ContainsAny(c.perms, "ugo") {
			return true
		}
	}
	return false
}
