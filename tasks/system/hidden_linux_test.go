package system

import (
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/hosttest/real"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// TestRealTextIsInNoArgument: what a playbook gives to a shell as text, in the
// environment or on stdin is in no process's arguments while it runs; a secret's
// environment is the program's own alone. The watcher is root: it sees more than
// any user of the host.
func TestRealTextIsInNoArgument(t *testing.T) {
	const canary = "canary-in-no-argument-4711"
	text := kit.Text{S: "X=" + canary + "; read -r y; sleep 1; printf %s \"$X $y $E\"", Marks: value.Masked}
	for _, user := range []string{"root", real.UserSudo} {
		m := real.NewOperator(t).Start(t, real.Options{Name: user})
		for _, as := range []host.As{{}, {User: "root", Method: "sudo"}} {
			for name, plan := range map[string]func() (cmd host.Run, err error){
				"shell": func() (host.Run, error) { return stepOf(shell{}.Plan(shellArgs{Cmd: text}, host.NewSeen(nil))) },
				"shell with bash": func() (host.Run, error) {
					return stepOf(shell{}.Plan(shellArgs{Cmd: text, Executable: "/bin/bash"}, host.NewSeen(nil)))
				},
				"raw": func() (host.Run, error) { return stepOf(raw{}.Plan(rawArgs{Cmd: text}, host.NewSeen(nil))) },
				"raw with bash": func() (host.Run, error) {
					return stepOf(raw{}.Plan(rawArgs{Cmd: text, Executable: "/bin/bash"}, host.NewSeen(nil)))
				},
			} {
				t.Run(user+" as "+as.User+"/"+name, func(t *testing.T) {
					step, err := plan()
					if err != nil {
						t.Fatal(err)
					}
					step.Cmd.Stdin = sh.Bytes("stdin-" + canary + "\n")
					step.Cmd.Env = []sh.Var{{Name: "E", Value: "env-" + canary}}
					w := real.Watch(t, real.Needles{"canary": []byte(canary)})
					out, err := step.Do(t.Context(), m.Worker(t, user, as))
					if want := canary + " stdin-" + canary + " env-" + canary; err != nil || !strings.Contains(string(out.Stdout), want) {
						t.Fatalf("%q %q %v", out.Stdout, out.Stderr, err)
					}
					for _, hit := range w.Stop() {
						if !strings.Contains(hit, "/environ of ") {
							t.Error(hit)
						}
					}
					if left := m.Run(t, "ls -A /tmp | grep remoterun; true"); left != "" {
						t.Errorf("left: %s", left)
					}
				})
			}
		}
	}
}

func stepOf(p play.Plan, err error) (host.Run, error) {
	if err != nil {
		return host.Run{}, err
	}
	return p.Steps[0].(host.Run), nil
}
