package services

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// apacheArgs are the arguments of apache2_module.
type apacheArgs struct {
	Name       string `arg:"name" need:"yes" help:"the module as a2enmod calls it"`
	Identifier string `arg:"identifier" help:"the module as apache2ctl -M calls it; default: NAME_module"`
	State      string `arg:"state" default:"present" choices:"absent,present" help:"whether it is on"`
	Force      bool   `arg:"force" default:"no" help:"with absent: although others need it"`
	Ignore     bool   `arg:"ignore_configcheck" default:"no" help:"a configuration that Apache refuses is warned of"`
	WarnMPM    bool   `arg:"warn_mpm_absent" default:"yes" help:"with ignore_configcheck: warn where no MPM is on"`
}

// Apache2Module keeps modules of Apache.
func Apache2Module() play.Module {
	return kit.Define(kit.Doc{Name: "apache2_module", Short: "modules of Apache, on or off"}, apacheModule{})
}

type apacheModule struct{}

func (apacheModule) Validate(a apacheArgs) *play.ArgError {
	if a.Name == "" || strings.HasPrefix(a.Name, "-") || strings.ContainsAny(a.Name, " \t\n/") {
		return &play.ArgError{Arg: "name", Msg: fmt.Sprintf("%q is not valid as the name of a module", a.Name)}
	}
	return nil
}

// phpModule is a name with a version: php8.2 is php8_module.
var phpModule = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(php\d)\.`) })

// identifier is the module as Apache lists it.
func (a apacheArgs) identifier() string {
	switch m := phpModule().FindStringSubmatch(a.Name); {
	case a.Identifier != "":
		return a.Identifier
	case strings.Contains(a.Name, "shib"):
		return "mod_shib"
	case strings.Contains(a.Name, "evasive"):
		return "evasive20_module"
	case m != nil:
		return m[1] + "_module"
	}
	return a.Name + "_module"
}

// apacheText prints apache2ctl or none, the status of its list, threaded or -; then
// the list, or what it said instead.
const apacheText sh.Constant = `if c=$(command -v apache2ctl) || c=$(command -v apachectl); then :; else echo none; exit 0; fi
o=$("$c" -M 2>&1)
r=$? t=-
case $("$c" -V 2>/dev/null) in *threaded:\ *yes*) t=threaded ;; esac
printf "%s %s %s\n%s\n" "${c##*/}" "$r" "$t" "$o"`

func (apacheModule) Facts(apacheArgs) []host.Question {
	return []host.Question{host.NewProbe(apacheText)}
}

// enabled reads the answer: whether the module is on, what to warn of, and why it
// cannot be told.
func (a apacheArgs) enabled(ans host.Answer) (on bool, warn []string, why string) {
	head, list, _ := strings.Cut(string(ans.Stdout), "\n")
	f := append(strings.Fields(head), "", "", "")
	switch {
	case f[0] == "none" || f[0] == "":
		return false, nil, "Neither of apache2ctl nor apachctl found. At least one apache control binary is necessary."
	case a.Name == "cgi" && f[2] == "threaded":
		return false, nil, "Your MPM seems to be threaded. No automatic actions on module cgi possible."
	case f[1] == "0":
		return strings.Contains(list, " "+a.identifier()), nil, ""
	}
	text := "Error executing " + f[0] + ": " + list
	switch {
	case !a.Ignore:
		return false, nil, text
	case !strings.Contains(list, "AH00534") || !strings.Contains(a.Name, "mpm_"):
		return false, []string{text}, ""
	case a.WarnMPM:
		warn = []string{"No MPM module loaded! apache2 reload AND other module actions will fail if no MPM module is loaded immediately."}
	}
	return false, warn, ""
}

// apacheSetText turns a module on or off: program, force or empty, name. It prints the
// program's status, then what it said: what counts is what Apache says afterwards.
const apacheSetText sh.Constant = `command -v "$1" >/dev/null || { echo "$1 not found. Perhaps this system does not use $1 to manage apache" >&2; exit 1; }
if [ -n "$2" ]; then o=$("$1" -f "$3" 2>&1 </dev/null); else o=$("$1" "$3" 2>&1 </dev/null); fi
printf "%s\n%s\n" "$?" "$o"`

func (apacheModule) Plan(a apacheArgs, s host.Seen) (play.Plan, error) {
	ans, err := s.Answer(host.NewProbe(apacheText))
	if err != nil {
		return play.Plan{}, err
	}
	on, warn, why := a.enabled(ans)
	if why != "" {
		return kit.Failure("%s", why), nil
	}
	word, program := "enabled", "a2enmod"
	if a.State == "absent" {
		word, program = "disabled", "a2dismod"
	}
	data := value.MapOf("result", value.String("Module "+a.Name+" "+word))
	if on == (a.State == "present") {
		p := kit.Unchanged("the module "+a.Name+" is "+word, data)
		p.Result.Warnings = warn
		return p, nil
	}
	return play.Plan{
		Steps:  []host.Step{host.Run{Cmd: sh.Script(apacheSetText, program, kit.Yes(a.Force && a.State == "absent"), a.Name), What: program + " " + a.Name}},
		Result: play.Result{Changed: true, Data: data, Warnings: warn},
		Then: func(ran []host.Output) (play.Bound, error) {
			return kit.Stage(func(s host.Seen) (play.Plan, error) { return a.proven(s, ran[0], word, data, warn) }), nil
		},
	}, nil
}

// proven asks Apache whether it took.
func (a apacheArgs) proven(s host.Seen, ran host.Output, word string, data *value.Map, warn []string) (play.Plan, error) {
	ans, err := s.Answer(host.NewProbe(apacheText))
	if err != nil {
		return play.Plan{}, err
	}
	on, more, why := a.enabled(ans)
	status, said, _ := strings.Cut(string(ran.Stdout), "\n")
	switch {
	case why != "":
		return kit.Failure("%s", why), nil
	case on == (a.State == "present"):
		for _, w := range more {
			if len(warn) == 0 || warn[0] != w {
				warn = append(warn, w)
			}
		}
		return play.Plan{Note: "Apache says so", Result: play.Result{Changed: true, Data: data, Warnings: warn}}, nil
	}
	p := kit.Failure("Failed to set module %s to %s:\n%s\nMaybe the module identifier (%s) was guessed incorrectly.Consider setting the \"identifier\" option.", a.Name, word, strings.TrimRight(said, "\n"), a.identifier())
	p.Result.Data = value.MapOf("stdout", kit.HostText(said), "rc", kit.HostText(status))
	return p, nil
}
