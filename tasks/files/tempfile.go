package files

import (
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// tempArgs are the arguments of tempfile.
type tempArgs struct {
	State  string `arg:"state" default:"file" choices:"file,directory" help:"what is made"`
	Path   string `arg:"path" type:"path" help:"the folder in which; without one, the host's own for such files"`
	Prefix string `arg:"prefix" default:"ansible." help:"how its name begins"`
	Suffix string `arg:"suffix" help:"how its name ends"`
}

// TempFile makes a temporary file or folder.
func TempFile() play.Module {
	return kit.Define(kit.Doc{Name: "tempfile", Short: "a temporary file or folder"}, tempfile{})
}

type tempfile struct{}

func (tempfile) Validate(a tempArgs) *play.ArgError {
	for arg, v := range map[string]string{"prefix": a.Prefix, "suffix": a.Suffix} {
		if strings.ContainsAny(v, "/\n\x00") {
			return &play.ArgError{Arg: arg, Msg: "must not hold a slash or a line break"}
		}
	}
	return nil
}

func (tempfile) Facts(tempArgs) []host.Question { return nil }

func (tempfile) Plan(a tempArgs, s host.Seen) (play.Plan, error) {
	dir, err := kit.Place(s, a.Path)
	if err != nil {
		return play.Plan{}, err
	}
	return play.Plan{
		Repeats: true,
		Result:  play.Result{Skipped: true, Msg: "remote module (tempfile) does not support check mode"},
		Steps:   []host.Step{kit.MakeTemp(a.State, dir, a.Prefix, a.Suffix)},
		Finish: kit.After(func(ran []host.Output) (play.Result, error) {
			i, size, p, err := kit.Told(ran[0], "the temporary "+a.State)
			data := value.MapOf("path", kit.HostText(p), "state", value.String(a.State), "size", value.Int(size))
			i.PutInto(data)
			return play.Result{Changed: true, Data: data}, err
		}),
	}, nil
}
