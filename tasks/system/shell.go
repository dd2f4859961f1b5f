package system

import (
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// shellArgs are the arguments of shell.
type shellArgs struct {
	Cmd        kit.Text `arg:"cmd" help:"text for the host's /bin/sh"`
	Executable string   `arg:"executable" type:"path" help:"another shell, by its path"`
	runArgs
}

// Shell runs text in the host's shell.
func Shell() play.Module {
	return kit.Define(kit.Doc{Name: "shell", Short: "run text in the host's shell", FreeForm: "cmd"}, shell{})
}

type shell struct{}

func (shell) Validate(a shellArgs) *play.ArgError {
	if strings.TrimSpace(a.Cmd.S) == "" {
		return &play.ArgError{Msg: "no command given"}
	}
	return nil
}

func (shell) Facts(a shellArgs) []host.Question { return a.facts() }

// shellText runs the first argument as shell text. The text is no program's
// argument, so that no process list shows it.
const shellText sh.Constant = timedHead + `(_s=$1; shift; eval "$_s"); r=$?
` + timedTail

// otherShellText runs the second argument in the shell that the first names.
const otherShellText sh.Constant = timedHead + missingHead + `_in "$1" || _missing
"$1" -c "$2"; r=$?
` + timedTail

func (shell) Plan(a shellArgs, s host.Seen) (play.Plan, error) {
	cmd := sh.Script(shellText, a.Cmd.S)
	if a.Executable != "" {
		cmd = sh.Script(otherShellText, a.Executable, a.Cmd.S)
	}
	return a.plan(s, cmd, value.Show(a.Cmd.Value()), a.Cmd.Value())
}
