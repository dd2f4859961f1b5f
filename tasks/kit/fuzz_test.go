package kit

import (
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/pyre"
	"remoterun/runner/value"
	"remoterun/tasks/tasktest"
)

// FuzzAnswers feeds what a hostile or broken host may say to every reader of
// answers: none may panic.
func FuzzAnswers(f *testing.F) {
	tasktest.AddAnswers(f)
	f.Fuzz(func(t *testing.T, s string) {
		a := host.Answer{Stdout: []byte(s)}
		if lk, err := parseLook(a, "/p", "b", "sum"); err == nil && !lk.Own.Exists &&
			!strings.Contains(s, "No such file") && !strings.Contains(s, "Not a directory") && !strings.Contains(s, "Too many levels") {
			t.Errorf("%q was read as a missing file", s)
		}
		_, _, _, _ = Told(host.Output{Stdout: a.Stdout}, "/p")
	})
}

// FuzzArguments feeds what users write.
func FuzzArguments(f *testing.F) {
	for _, s := range []string{"u=rwX,go=rX", "0644", `(?P<n>a)(?P=n)\Z[]x]`, `\g<1>\n`, "~root/$HOME/${X}", "name>=1.0", "-- x\nSELECT 1", "%(a)s %s %%"} {
		f.Add(s, "a")
	}
	f.Fuzz(func(t *testing.T, s, text string) {
		var m Mode
		if m.ParseArg(value.String(s)) == nil {
			if got := m.Apply(TypeReg|0o644, 0o022); got > PermBits {
				t.Errorf("mode %q gives %o", s, got)
			}
		}
		if re, err := CompilePy(s, pyre.Flags{}); err == nil && len(s) < 40 && len(text) < 40 {
			_, _ = SearchLine(re, text)
		}
		e := expansionOf(s)
		e.fill("/home", map[string]string{"X": "=1"})
	})
}
