package system

import (
	"context"
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// scriptArgs are the arguments of script.
type scriptArgs struct {
	Cmd        kit.Text `arg:"cmd" help:"a script of the laptop and its arguments, looked up in files folders"`
	Executable string   `arg:"executable" type:"path" help:"what runs the script, instead of its first line"`
	Chdir      string   `arg:"chdir" type:"path" help:"the working directory"`
	Creates    string   `arg:"creates" type:"path" help:"do not run when this path or pattern exists"`
	Removes    string   `arg:"removes" type:"path" help:"run only when this path or pattern exists"`

	in   play.Input
	argv []string
}

// Script runs a script of the laptop on the host.
func Script() play.Module {
	return kit.Define(kit.Doc{Name: "script", Short: "run a script of the laptop on the host", FreeForm: "cmd", Waited: true}, script{})
}

type script struct{}

func (script) Validate(a scriptArgs) *play.ArgError {
	words, ok := sh.Split(a.Cmd.S)
	switch {
	case len(words) == 0:
		return &play.ArgError{Msg: "no script given"}
	case !ok:
		return &play.ArgError{Arg: "cmd", Msg: "No closing quotation in " + value.Show(a.Cmd.Value())}
	}
	return nil
}

// Resolve finds the script.
func (script) Resolve(_ context.Context, a *scriptArgs, in play.Inputs) error {
	words, _ := sh.Split(a.Cmd.S)
	f, err := in.File("files", words[0])
	if err != nil {
		return err
	}
	if f.Kind != 'f' {
		return fmt.Errorf("%s is not a file", words[0])
	}
	a.in, a.argv = f, words[1:]
	return nil
}

func (a scriptArgs) run() runArgs {
	return runArgs{Chdir: a.Chdir, Creates: a.Creates, Removes: a.Removes, Strip: false}
}

func (script) Facts(a scriptArgs) []host.Question { return a.run().facts() }

// scriptText puts a script into a file that only its user can read, runs it,
// and removes it. Arguments: hash, folder, program (or empty), the script's.
const scriptText sh.Constant = sh.Temp + `s=$1 d=$2 x=$3; shift 3
u=$(umask); umask 077
_name "${TMPDIR:-/tmp}"
set -C
cat >"$_t" || exit 1
set +C
h=$(sha256sum <"$_t")
case $h in "$s "*) ;; *) echo "the script did not arrive whole" >&2; exit 1 ;; esac
chmod 700 "$_t"; umask "$u"
if [ -n "$d" ]; then cd -P "$d" || exit 126; fi
if [ -n "$x" ]; then $x "$_t" "$@" </dev/null; else "$_t" "$@" </dev/null; fi`

func (script) Plan(a scriptArgs, s host.Seen) (play.Plan, error) {
	r := a.run()
	argv, err := kit.ExpandAll(s, append([]string{a.Chdir, a.Executable}, a.argv...))
	if err != nil {
		return play.Plan{}, err
	}
	cmd := sh.Script(scriptText, append([]string{a.in.SHA256, argv[0], argv[1]}, argv[2:]...)...).With(kit.Stdin(a.in.Data))
	cmd.Secret = a.in.Secret
	plan, err := r.plan(s, cmd, value.Show(a.Cmd.Value()), a.Cmd.Value())
	if err != nil {
		return plan, err
	}
	if plan.Steps == nil {
		if !plan.Result.Failed {
			option := "creates" // Ansible leaves the task out
			if strings.HasSuffix(plan.Note, "does not exist") {
				option = "removes"
			}
			plan.Result = play.Result{Skipped: true, Msg: plan.Note + ", matching " + option + " option"}
		}
		return plan, nil
	}
	finish := plan.Finish
	plan.Finish = func(ran []host.Output) (play.Result, error) {
		res, err := finish(ran)
		if res.Data != nil { // Ansible's script says neither
			res.Data.Delete(value.String("cmd"))
			if m, _ := res.Data.Lookup("msg"); value.Str(m) == "" {
				res.Data.Delete(value.String("msg"))
			}
		}
		return res, err
	}
	st := plan.Steps[0].(host.Run)
	st.Cmd, st.What = cmd, "run script "+kit.OneLine(value.Show(a.Cmd.Value()))
	plan.Steps[0] = st
	plan.Result = play.Result{Skipped: true, Msg: "Script would have run if not in check mode"}
	if a.Creates != "" || a.Removes != "" {
		plan.Result.Skipped, plan.Result.Changed = false, true
	}
	return plan, nil
}
