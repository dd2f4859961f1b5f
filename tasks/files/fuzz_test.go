package files

import (
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/tasks/kit"
	"remoterun/tasks/tasktest"
)

// FuzzAnswers feeds what a hostile or broken host may say to every reader of
// answers: none may panic.
func FuzzAnswers(f *testing.F) {
	tasktest.AddAnswers(f)
	f.Fuzz(func(t *testing.T, s string) {
		a := host.Answer{Stdout: []byte(s)}
		_, _ = statArgs{}.parse(s, "/p")
		_, _, _ = countPairs(a)
	})
}

// FuzzArguments feeds what users write.
func FuzzArguments(f *testing.F) {
	for _, s := range []string{"u=rwX,go=rX", "0644", `(?P<n>a)(?P=n)\Z[]x]`, `\g<1>\n`, "~root/$HOME/${X}", "name>=1.0", "-- x\nSELECT 1", "%(a)s %s %%"} {
		f.Add(s, "a")
	}
	f.Fuzz(func(t *testing.T, s, text string) {
		a := lineArgs{State: "present", Line: &kit.Body{Text: kit.Text{S: text}}, Regexp: &s}
		if (lineinfile{}).Validate(a) != nil || len(s) > 40 {
			return
		}
		once, err := a.edit(keepEnds([]byte(text + "\nx\n")))
		if err != nil || strings.ContainsAny(text, "\r\n") {
			return
		}
		if _, err := a.edit(once.lines); err != nil {
			t.Errorf("%q twice: %v", s, err)
		}
	})
}
