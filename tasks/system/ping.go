package system

import (
	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// pingArgs are the arguments of ping.
type pingArgs struct {
	Data kit.Text `arg:"data" default:"pong" help:"what comes back; crash makes the task fail"`
}

// Ping answers when the host can be worked on.
func Ping() play.Module {
	return kit.Define(kit.Doc{Name: "ping", Short: "whether a host can be logged into and has a working shell"}, ping{})
}

type ping struct{}

func (ping) Facts(pingArgs) []host.Question { return []host.Question{shellAnswers()} }

// shellAnswers is the least that a host must be able to do.
func shellAnswers() host.Probe { return host.NewProbe(`echo pong`) }

func (ping) Plan(a pingArgs, s host.Seen) (play.Plan, error) {
	if _, err := s.Answer(shellAnswers()); err != nil {
		return play.Plan{}, err
	}
	if a.Data.S == "crash" {
		p := kit.Failure("MODULE FAILURE\nSee stdout/stderr for the exact error")
		p.Result.Data = value.MapOf("rc", value.Int(1), "module_stdout", value.String(""), "module_stderr", value.String("Exception: boom\n"))
		return p, nil
	}
	return kit.Unchanged("the host answers", value.MapOf("ping", a.Data.Value())), nil
}
