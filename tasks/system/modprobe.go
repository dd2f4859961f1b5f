package system

import (
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// modprobeArgs are the arguments of modprobe.
type modprobeArgs struct {
	Name       string `arg:"name" need:"yes" help:"the module of the kernel"`
	State      string `arg:"state" default:"present" choices:"absent,present" help:"whether it shall be loaded"`
	Params     string `arg:"params" help:"its parameters, when it is loaded"`
	Persistent string `arg:"persistent" default:"disabled" choices:"absent,disabled,present" help:"whether it is loaded at boot: files in modules-load.d and modprobe.d"`
}

// Modprobe loads modules of the kernel.
func Modprobe() play.Module {
	return kit.Define(kit.Doc{Name: "modprobe", Short: "modules of the kernel"}, modprobe{})
}

type modprobe struct{}

func (modprobe) Validate(a modprobeArgs) *play.ArgError {
	if a.Name == "" || strings.HasPrefix(a.Name, "-") || strings.ContainsAny(a.Name, "/ \t\n") {
		return &play.ArgError{Arg: "name", Msg: fmt.Sprintf("%q is not valid as the name of a module", a.Name)}
	}
	if strings.ContainsAny(a.Params, "\n\r") {
		return &play.ArgError{Arg: "params", Msg: "a line break would begin another line of the file"}
	}
	return nil
}

// loadedText says whether a module is loaded or built in: name. Underscores and
// dashes are the same to the kernel.
const loadedText sh.Constant = `n=$(printf %s "$1" | tr - _)
if grep -q "^$n " /proc/modules 2>/dev/null; then echo loaded
elif [ -r "/lib/modules/$(uname -r)/modules.builtin" ] && tr - _ <"/lib/modules/$(uname -r)/modules.builtin" | grep -q "/$n\.ko"; then echo loaded
else echo none; fi`

func (modprobe) Facts(a modprobeArgs) []host.Question {
	return append([]host.Question{host.NewProbe(loadedText, a.Name)}, a.questions()...)
}

func (a modprobeArgs) load() string { return "/etc/modules-load.d/" + a.Name + ".conf" }

func (a modprobeArgs) options() string { return "/etc/modprobe.d/" + a.Name + ".conf" }

func (a modprobeArgs) questions() []host.Question {
	if a.Persistent == "disabled" {
		return nil
	}
	return []host.Question{kit.Content(a.load()), kit.Content(a.options())}
}

const modprobeText sh.Constant = `if ! command -v modprobe >/dev/null; then echo "this host has no modprobe" >&2; exit 1; fi
a=$1 n=$2; shift 2
if [ "$a" = absent ]; then modprobe -r "$n"; else modprobe "$n" "$@"; fi`

func (modprobe) Plan(a modprobeArgs, s host.Seen) (play.Plan, error) {
	loaded := host.NewProbe(loadedText, a.Name)
	if err := host.All(s, append([]host.Question{loaded}, a.questions()...)...); err != nil {
		return play.Plan{}, err
	}
	is, _ := s.Answer(loaded)
	data := value.MapOf("name", value.String(a.Name), "params", value.String(a.Params), "state", value.String(a.State))
	p := play.Plan{Result: play.Result{Changed: true, Data: data}}
	if (strings.TrimSpace(string(is.Stdout)) == "loaded") != (a.State == "present") {
		verb := map[string]string{"present": "load", "absent": "unload"}[a.State]
		p.Steps = append(p.Steps, host.Run{Cmd: sh.Script(modprobeText, append([]string{a.State, a.Name}, strings.Fields(a.Params)...)...), What: verb + " the module " + a.Name})
	}
	a.persist(&p, s)
	if len(p.Steps) == 0 {
		return kit.Unchanged("the module "+a.Name+" is as it shall be", data), nil
	}
	return p, nil
}

// persist adds what has to change in the files that are read at boot.
func (a modprobeArgs) persist(p *play.Plan, s host.Seen) {
	if a.Persistent == "disabled" {
		return
	}
	options := ""
	for _, w := range strings.Fields(a.Params) {
		options += "options " + a.Name + " " + w + "\n"
	}
	for _, f := range []struct{ path, text string }{{a.load(), a.Name + "\n"}, {a.options(), options}} {
		is, _ := s.Answer(kit.Content(f.path))
		there := is.Status == 0
		switch {
		case a.Persistent == "present" && f.text != "" && string(is.Stdout) != f.text:
			p.Steps = append(p.Steps, kit.Write{Path: f.path, Mkdir: true, Want: kit.Change{Mode: kit.Octal(0o644)}}.Step(kit.MadeInput(f.path, []byte(f.text))))
		case there && (a.Persistent == "absent" || f.text == ""):
			p.Steps = append(p.Steps, kit.Remove(f.path, "file"))
		}
	}
}
