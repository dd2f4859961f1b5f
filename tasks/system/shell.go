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
		return &play.ArgError{Msg: "no command given", RC: 256}
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

// hidden puts the second argument, shell text that holds a secret, into a file
// that only its user can read and has the shell that the first one names run it:
// behind -c every user of the host could read it.
const hidden = `_name "${TMPDIR:-/tmp}"
(umask 077; set -C; printf "%s\n" "$2" >"$_t") || exit 126
"$1" "$_t"; r=$?
`

const hiddenShellText sh.Constant = sh.Temp + timedHead + missingHead + `_in "$1" || _missing
` + hidden + timedTail

const hiddenRawText sh.Constant = sh.Temp + hidden + `exit $r`

func (shell) Plan(a shellArgs, s host.Seen) (play.Plan, error) {
	cmd := sh.Script(shellText, a.Cmd.S)
	switch {
	case a.Executable != "" && a.Cmd.Marks.Secret():
		cmd = sh.Script(hiddenShellText, a.Executable, a.Cmd.S)
	case a.Executable != "":
		cmd = sh.Script(otherShellText, a.Executable, a.Cmd.S)
	}
	return a.plan(s, cmd, value.Show(a.Cmd.Value()), a.Cmd.Value())
}
