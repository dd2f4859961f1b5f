package tasks

import (
	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// pingArgs are the arguments of ping.
type pingArgs struct {
	Data Text `arg:"data" default:"pong" help:"what comes back; crash makes the task fail"`
}

// Ping answers when the host can be worked on.
func Ping() play.Module {
	return Define(Doc{Name: "ping", Short: "whether a host can be logged into and has a working shell"}, ping{})
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
		return failure("boom"), nil
	}
	return unchanged("", value.MapOf("ping", a.Data.Value())), nil
}
