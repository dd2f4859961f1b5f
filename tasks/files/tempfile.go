package files

import (
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
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

// tempText makes it under a name that nobody can guess. Not every mktemp takes
// a suffix: the name is tried with mkdir and noclobber, which never take what is
// there. Arguments: file or directory, folder, prefix, suffix.
const tempText sh.Constant = `d=${2:-${TMPDIR:-/tmp}}
if [ ! -d "$d" ]; then echo "[Errno 2] No such file or directory: '$d'" >&2; exit 1; fi
umask 077
n=0
while [ $n -lt 100 ]; do
r=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
p=$d/$3$r$4
if [ "$1" = directory ]; then mkdir "$p" 2>/dev/null && break
else (set -C; : >"$p") 2>/dev/null && break; fi
n=$((n + 1))
done
if [ $n -eq 100 ]; then echo "nothing can be made in $d" >&2; exit 1; fi
printf %s "$p"`

func (tempfile) Plan(a tempArgs, s host.Seen) (play.Plan, error) {
	dir, err := kit.Place(s, a.Path)
	if err != nil {
		return play.Plan{}, err
	}
	what := "make a temporary " + a.State
	return play.Plan{
		Repeats: true,
		Result:  play.Result{Skipped: true, Msg: "remote module (tempfile) does not support check mode"},
		Steps:   []host.Step{host.Run{Cmd: sh.Script(tempText, a.State, dir, a.Prefix, a.Suffix), What: what}},
		Finish: kit.After(func(ran []host.Output) (play.Result, error) {
			return play.Result{Changed: true, Data: value.MapOf("path", kit.HostText(string(ran[0].Stdout)), "state", value.String(a.State))}, nil
		}),
	}, nil
}
