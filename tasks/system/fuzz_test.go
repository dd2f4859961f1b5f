package system

import (
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/value"
	"remoterun/tasks/tasktest"
)

// FuzzAnswers feeds what a hostile or broken host may say to every reader of
// answers: none may panic.
func FuzzAnswers(f *testing.F) {
	tasktest.AddAnswers(f)
	f.Fuzz(func(t *testing.T, s string) {
		a := host.Answer{Stdout: []byte(s)}
		_, _ = mountedFact("/m").Parse(a)
		_, _ = guard(runArgs{}).Parse(a)
		_, times := cutTimes(s)
		putTimes(value.NewMap(), times)
		e := fstab{old: s}
		e.with(mountArgs{Path: "/m", Src: "a b", Type: "x", Opts: "o", Dump: "0", Pass: "0"})
		again := fstab{old: e.text}
		if again.with(mountArgs{Path: "/m", Src: "a b", Type: "x", Opts: "o", Dump: "0", Pass: "0"}); again.changed {
			t.Errorf("the table changes twice: %q, %q, %q", s, e.text, again.text)
		}
	})
}
