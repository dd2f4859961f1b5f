package system

import (
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// rawArgs are the arguments of raw.
type rawArgs struct {
	Cmd        kit.Text `arg:"cmd" help:"text for the host's shell"`
	Executable string   `arg:"executable" type:"path" help:"another shell, by its path"`
}

// Raw runs text and nothing around it.
func Raw() play.Module {
	return kit.Define(kit.Doc{Name: "raw", Short: "run text in the host's shell with nothing around it", FreeForm: "cmd", Waited: true}, raw{})
}

type raw struct{}

func (raw) Validate(a rawArgs) *play.ArgError {
	if strings.TrimSpace(a.Cmd.S) == "" {
		return &play.ArgError{Msg: "no command given"}
	}
	return nil
}

func (raw) Facts(rawArgs) []host.Question { return nil }

func (raw) Plan(a rawArgs, _ host.Seen) (play.Plan, error) {
	cmd := sh.User(a.Cmd.S)
	switch {
	case a.Executable != "" && a.Cmd.Marks.Secret():
		cmd = sh.Script(hiddenRawText, a.Executable, a.Cmd.S)
	case a.Executable != "":
		cmd = sh.Exec(a.Executable, "-c", a.Cmd.S)
	}
	return play.Plan{
		Steps:  []host.Step{host.Run{Cmd: cmd, What: "run " + kit.OneLine(value.Show(a.Cmd.Value()))}},
		Result: play.Result{Skipped: true}, Repeats: true, ByStatus: true,
		Finish: func(ran []host.Output) (play.Result, error) {
			out := ran[0]
			data := kit.Outputs(string(out.Stdout), string(out.Stderr), false)
			data.Put("rc", value.Int(int64(out.Status)))
			r := play.Result{Changed: true, Data: data}
			if out.Status != 0 {
				r.Failed, r.Msg = true, "non-zero return code"
			}
			return r, nil
		},
	}, nil
}
