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

// sysctlArgs are the arguments of sysctl.
type sysctlArgs struct {
	Name   string  `arg:"name,key" need:"yes" help:"the setting, net.ipv4.ip_forward"`
	Value  *string `arg:"value,val" help:"what it shall be"`
	State  string  `arg:"state" default:"present" choices:"absent,present" help:"whether the file shall hold it"`
	Set    bool    `arg:"sysctl_set" default:"no" help:"the kernel's value is compared and set, too"`
	Reload bool    `arg:"reload" default:"yes" help:"sysctl -p of the file when it changed"`
	File   string  `arg:"sysctl_file" default:"/etc/sysctl.conf" type:"path" help:"the file"`
	Ignore bool    `arg:"ignoreerrors" default:"no" help:"settings that this kernel lacks are not a failure"`
}

// Sysctl keeps settings of the kernel.
func Sysctl() play.Module {
	return kit.Define(kit.Doc{Name: "sysctl", Short: "settings of the kernel"}, sysctl{})
}

type sysctl struct{}

// value is what the setting shall be: words of truth are the kernel's numbers.
func (a sysctlArgs) value() string {
	v := strings.TrimSpace(*a.Value)
	switch strings.ToLower(*a.Value) {
	case "y", "yes", "on", "1", "true", "t", "1.0":
		return "1"
	case "n", "no", "off", "0", "false", "f", "0.0":
		return "0"
	}
	return v
}

func (sysctl) Validate(a sysctlArgs) *play.ArgError {
	switch {
	case a.Name == "" || strings.ContainsAny(a.Name, " =\n\t") || strings.HasPrefix(a.Name, "-"):
		return &play.ArgError{Arg: "name", Msg: fmt.Sprintf("%q is not valid as the name of a setting", a.Name)}
	case a.State == "present" && a.Value == nil:
		return &play.ArgError{Msg: "state is present but all of the following are missing: value"}
	case a.Value != nil && strings.ContainsAny(*a.Value, "\n\r"):
		return &play.ArgError{Arg: "value", Msg: "a line break would begin another line of the file"}
	}
	return nil
}

// kernelText prints what the kernel has; status 1 when it knows no such setting.
const kernelText sh.Constant = `sysctl -n "$1" 2>/dev/null`

// sysctlStepText sets the kernel's value: name, value, -e or nothing.
const sysctlStepText sh.Constant = `o=$(sysctl $3 -w "$1=$2" 2>&1) && case $o in *"Invalid argument"*|*"Read-only file system"*) false ;; esac || { if [ -n "$3" ]; then exit 0; fi; printf '%s\n' "setting $1 failed: $o" >&2; exit 1; }`

// reloadText reads a file's settings: file, -e or nothing.
const reloadText sh.Constant = `o=$(sysctl $2 -p "$1" 2>&1) && case $o in *"Invalid argument"*|*"Read-only file system"*) false ;; esac || { if [ -n "$2" ]; then exit 0; fi; printf '%s\n' "Failed to reload sysctl: $o" >&2; exit 1; }`

func (sysctl) Facts(a sysctlArgs) []host.Question {
	return kit.TextQuestions(a.File)
}

func (sysctl) Plan(a sysctlArgs, s host.Seen) (play.Plan, error) {
	qs := kit.TextQuestions(a.File)
	kernel := host.NewProbe(kernelText, a.Name)
	if a.Set && a.State == "present" {
		qs = append(qs, kernel)
	}
	if err := host.All(s, qs...); err != nil {
		return play.Plan{}, err
	}
	at, err := kit.TextOf(s, a.File, true)
	if err != nil {
		return play.Plan{}, err
	}
	if at.Look.Target.IsDir() {
		return kit.Failure("%s is a directory", a.File), nil
	}
	now, changed := a.edit(string(at.Old))
	ignore := ""
	if a.Ignore {
		ignore = "-e"
	}
	p := play.Plan{Result: play.Result{Changed: true, Data: value.NewMap()}}
	if a.Set && a.State == "present" {
		is, _ := s.Answer(kernel)
		if strings.Join(strings.Fields(string(is.Stdout)), " ") != strings.Join(strings.Fields(a.value()), " ") {
			p.Steps = append(p.Steps, host.Run{Cmd: sh.Script(sysctlStepText, a.Name, a.value(), ignore), What: "set " + a.Name})
		}
	}
	if changed {
		p.Steps = append(p.Steps, at.Write().Step(kit.MadeInput(at.Real(), []byte(now))))
		p.Diff = []play.Diff{{BeforeHeader: a.File, AfterHeader: a.File, BeforeText: string(at.Old), AfterText: now}}
		if a.Reload {
			p.Steps = append(p.Steps, host.Run{Cmd: sh.Script(reloadText, a.File, ignore), What: "reload " + a.File})
		}
	}
	if len(p.Steps) == 0 {
		return kit.Unchanged(a.Name+" is as it shall be", value.NewMap()), nil
	}
	return p, nil
}

// edit returns the file's text with the setting as it shall be: the last line
// that has it is the one that counts, others go.
func (a sysctlArgs) edit(text string) (string, bool) {
	var out []string
	at, before := -1, ""
	for l := range strings.Lines(text) {
		k, v, ok := strings.Cut(strings.TrimSpace(l), "=")
		if strings.HasPrefix(k, "#") || strings.HasPrefix(k, ";") || !ok || sameSetting(k) != sameSetting(a.Name) {
			out = append(out, strings.TrimSuffix(l, "\n"))
			continue
		}
		if at >= 0 {
			out = append(out[:at], out[at+1:]...)
		}
		at, before = len(out), strings.TrimSpace(v)
		out = append(out, strings.TrimSuffix(l, "\n"))
	}
	switch {
	case a.State == "absent" && at < 0:
		return text, false
	case a.State == "absent":
		out = append(out[:at], out[at+1:]...)
	case at < 0:
		out = append(out, a.Name+"="+a.value())
	case before == a.value():
		return text, false
	default:
		out[at] = a.Name + "=" + a.value()
	}
	if len(out) == 0 {
		return "", true
	}
	return strings.Join(out, "\n") + "\n", true
}

// sameSetting writes a name with dots: net/ipv4/ip_forward is the same.
func sameSetting(name string) string {
	name = strings.TrimPrefix(strings.TrimSpace(name), "-")
	if i := strings.IndexAny(name, "./"); i >= 0 && name[i] == '/' {
		return strings.NewReplacer("/", ".", ".", "/").Replace(name)
	}
	return name
}
