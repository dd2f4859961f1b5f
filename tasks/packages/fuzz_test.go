package packages

import (
	"testing"

	"remoterun/runner/host"
	"remoterun/tasks/tasktest"
)

// FuzzAnswers feeds what a hostile or broken host may say to every reader of
// answers: none may panic.
func FuzzAnswers(f *testing.F) {
	tasktest.AddAnswers(f)
	f.Fuzz(func(t *testing.T, s string) {
		a := host.Answer{Stdout: []byte(s)}
		parseDpkg(s)
		_ = aptResult([]host.Output{{Stdout: a.Stdout, Stderr: a.Stdout, Status: 1}}, "x")
	})
}

// FuzzArguments feeds what users write.
func FuzzArguments(f *testing.F) {
	for _, s := range []string{"u=rwX,go=rX", "0644", `(?P<n>a)(?P=n)\Z[]x]`, `\g<1>\n`, "~root/$HOME/${X}", "name>=1.0", "-- x\nSELECT 1", "%(a)s %s %%"} {
		f.Add(s, "a")
	}
	f.Fuzz(func(t *testing.T, s, _ string) {
		parsePackage(s)
	})
}
