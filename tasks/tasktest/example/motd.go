// Package example holds the module that docs/extending.md builds.
package example

import (
	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// motdArgs are the arguments of motd.
type motdArgs struct {
	Text  kit.Text `arg:"text,msg" need:"yes" help:"what people read when they log in"`
	Path  string   `arg:"path" default:"/etc/motd" type:"path" help:"the file"`
	State string   `arg:"state" default:"present" choices:"absent,present" help:"whether the text shall be there"`
}

// Motd keeps what people read when they log in.
func Motd() play.Module {
	return kit.Define(kit.Doc{Name: "motd", Short: "what people read when they log in"}, motd{})
}

type motd struct{}

func (motd) Facts(a motdArgs) []host.Question {
	return kit.Hint(a.Path, kit.LookAt(a.Path, "", true).Q)
}

func (motd) Plan(a motdArgs, s host.Seen) (play.Plan, error) {
	p, err := kit.Place(s, a.Path)
	if err != nil {
		return play.Plan{}, err
	}
	is, err := host.Get(s, kit.LookAt(p, "", true))
	if err != nil {
		return play.Plan{}, err
	}
	text := a.Text.S + "\n"
	if a.State == "absent" {
		text = ""
	}
	want := kit.MadeInput(p, []byte(text))
	want.Secret = a.Text.Marks.Secret()
	data := value.MapOf("path", value.String(p))
	switch {
	case is.Target.IsDir():
		return kit.Failure("%s is a directory", p), nil
	case is.SHA256 == want.SHA256:
		return kit.Unchanged(p+" holds the text", data), nil
	}
	return play.Plan{
		Steps:  []host.Step{kit.Write{Path: p}.Step(want)},
		Result: play.Result{Changed: true, Data: data},
	}, nil
}
