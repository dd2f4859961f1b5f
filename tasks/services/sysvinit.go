package services

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// sysvArgs are the arguments of sysvinit.
type sysvArgs struct {
	Name      string   `arg:"name,service" need:"yes" help:"the service"`
	State     string   `arg:"state" choices:"started,stopped,restarted,reloaded" help:"what it shall do; reloaded and restarted always act"`
	Enabled   *bool    `arg:"enabled" help:"start at boot"`
	Sleep     int      `arg:"sleep" default:"1" help:"seconds behind the stop and the start of a restart"`
	Pattern   string   `arg:"pattern" help:"text that ps shows while it runs, where the service cannot be asked"`
	Arguments string   `arg:"arguments,args" help:"more words for the init script"`
	Runlevels []string `arg:"runlevels" help:"where it is enabled or not; default: as the system has it"`
	Daemonize bool     `arg:"daemonize" default:"no" help:"the script stays in the foreground: it gets a session of its own"`
}

// Sysvinit manages services by init scripts.
func Sysvinit() play.Module {
	return kit.Define(kit.Doc{Name: "sysvinit", Short: "services, by init scripts"}, sysvinit{})
}

type sysvinit struct{}

func (sysvinit) Validate(a sysvArgs) *play.ArgError {
	switch {
	case a.State == "" && a.Enabled == nil:
		return &play.ArgError{Msg: "one of the following is required: state, enabled"}
	case a.Name == "" || strings.Contains(a.Name, "/") || strings.HasPrefix(a.Name, "-"):
		return &play.ArgError{Arg: "name", Msg: fmt.Sprintf("%q is not valid as the name of a service", a.Name)}
	}
	for _, r := range a.Runlevels {
		if len(r) != 1 {
			return &play.ArgError{Arg: "runlevels", Msg: fmt.Sprintf("%q is not valid as a runlevel", r)}
		}
	}
	return nil
}

// sysvText says whether a service is there, the runlevels that start it, and what
// its status says. Arguments: service, pattern.
const sysvText sh.Constant = `LC_ALL=C; export LC_ALL
if [ ! -x "/etc/init.d/$1" ]; then echo missing; exit 0; fi
l=
for f in /etc/rc?.d/S??"$1"; do
if [ -e "$f" ] || [ -h "$f" ]; then f=${f#/etc/rc}; l=$l${f%%.*}; fi
done
echo "levels $l"
if [ -n "$2" ]; then ps -e -o args 2>/dev/null | grep -v grep | grep -qF -- "$2"
elif command -v service >/dev/null; then service "$1" status 2>/dev/null
else "/etc/init.d/$1" status 2>/dev/null; fi </dev/null`

func (a sysvArgs) question() host.Probe { return host.NewProbe(sysvText, a.Name, a.Pattern).Wide() }

func (sysvinit) Facts(sysvArgs) []host.Question { return nil }

// runs reads what a status said, as Ansible does: words before numbers.
func (a sysvArgs) runs(said string, status int) bool {
	if a.Pattern != "" {
		return status == 0
	}
	if a.Name == "iptables" && strings.Contains(said, "ACCEPT") {
		return true
	}
	if strings.Count(said, "\n") <= 1 {
		low := strings.ReplaceAll(strings.ToLower(said), strings.ToLower(a.Name), "")
		in := func(words ...string) bool {
			return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(low, w) })
		}
		switch {
		case in("stop", "is dead ", "dead but ", "could not access pid file", "inactive"):
			return false
		case in("run", "start", "active") && !in("not "):
			return true
		}
	}
	return status == 0
}

// bootText says when a service starts: yes or no, service, runlevels.
const bootText sh.Constant = `v=$1 n=$2; shift 2
if command -v update-rc.d >/dev/null; then
if [ $# -gt 0 ]; then
if [ "$v" = yes ]; then update-rc.d "$n" enable "$@"; else update-rc.d "$n" disable "$@"; fi
elif [ "$v" = yes ]; then update-rc.d "$n" defaults
else update-rc.d "$n" disable; fi
else
l=; for k; do l=$l$k; done
if [ "$v" = yes ]; then v=on; else v=off; fi
chkconfig ${l:+--level "$l"} "$n" "$v"
fi`

// actText runs an init script: yes for a session of its own, seconds to wait behind each act,
// service, how many acts, acts, more words.
const actText sh.Constant = `d=$1 s=$2 n=$3 k=$4; shift 4
todo=
while [ "$k" -gt 0 ]; do todo="$todo $1"; shift; k=$((k - 1)); done
for v in $todo; do
if [ -n "$d" ]; then setsid "/etc/init.d/$n" "$v" "$@" >/dev/null 2>&1 </dev/null &
else "/etc/init.d/$n" "$v" "$@" </dev/null || exit; fi
if [ "$s" -gt 0 ]; then sleep "$s"; fi
done`

func (m sysvinit) Plan(a sysvArgs, s host.Seen) (play.Plan, error) {
	ans, err := s.Answer(a.question())
	if err != nil {
		return play.Plan{}, err
	}
	first, said, _ := strings.Cut(string(ans.Stdout), "\n")
	levels, ok := strings.CutPrefix(first, "levels ")
	if !ok {
		return kit.Failure("Could not find the requested service %s: host", a.Name), nil
	}
	var steps []host.Step
	var keys []string
	if a.Enabled != nil && !a.booted(levels) {
		words := append([]string{map[bool]string{true: "yes", false: "no"}[*a.Enabled], a.Name}, a.Runlevels...)
		steps = append(steps, host.Run{Cmd: sh.Script(bootText, words...), What: map[bool]string{true: "enable", false: "disable"}[*a.Enabled] + " service " + a.Name})
		keys = append(keys, "enabled")
	}
	if acts, sleep := a.acts(a.runs(said, ans.Status)); len(acts) > 0 {
		words := append([]string{kit.Yes(a.Daemonize), strconv.Itoa(sleep), a.Name, strconv.Itoa(len(acts))}, acts...)
		more, _ := sh.Split(a.Arguments)
		steps = append(steps, host.Run{Cmd: sh.Script(actText, append(words, more...)...), What: strings.Join(acts, ", ") + " service " + a.Name})
		keys = append(keys, a.State)
	}
	if len(steps) == 0 {
		return kit.Unchanged("the service "+a.Name+" is as it shall be", a.data(nil, nil)), nil
	}
	return play.Plan{
		Steps: steps, Repeats: a.State == "restarted" || a.State == "reloaded", Result: play.Result{Changed: true, Data: a.data(keys, nil)},
		Finish: func(ran []host.Output) (play.Result, error) { return a.finish(keys, ran), nil }, ByStatus: true,
	}, nil
}

// booted reports that it starts at boot where it shall.
func (a sysvArgs) booted(levels string) bool {
	if len(a.Runlevels) == 0 {
		return *a.Enabled == (levels != "")
	}
	for _, l := range a.Runlevels {
		if *a.Enabled != strings.Contains(levels, l) {
			return false
		}
	}
	return true
}

// acts are what its script is told, and how long is waited behind each.
func (a sysvArgs) acts(runs bool) ([]string, int) {
	switch a.State {
	case "restarted":
		return []string{"stop", "start"}, a.Sleep
	case "started":
		if !runs {
			return []string{"start"}, 0
		}
	case "stopped":
		if runs {
			return []string{"stop"}, 0
		}
	case "reloaded":
		return []string{"reload"}, 0
	}
	return nil, 0
}

// data is the result: what was done of each.
func (a sysvArgs) data(keys []string, ran []host.Output) *value.Map {
	status := value.NewMap()
	put := func(k string) {
		m := value.MapOf("changed", value.Bool(false), "rc", value.Null(), "stdout", value.Null(), "stderr", value.Null())
		if i := slices.Index(keys, k); i >= 0 {
			m.Put("changed", value.Bool(true))
			if i < len(ran) {
				m.Put("rc", value.Int(int64(ran[i].Status)))
				m.Put("stdout", kit.HostText(string(ran[i].Stdout)))
				m.Put("stderr", kit.HostText(string(ran[i].Stderr)))
			}
		}
		status.Put(k, value.FromMap(m))
	}
	put("enabled")
	if a.State != "" {
		put(a.State)
	}
	return value.MapOf("name", value.String(a.Name), "status", value.FromMap(status))
}

func (a sysvArgs) finish(keys []string, ran []host.Output) play.Result {
	r, bad := kit.FailedStep(ran)
	if !bad {
		return play.Result{Changed: true, Data: a.data(keys, ran)}
	}
	what := keys[len(ran)-1]
	if what == "enabled" {
		what = map[bool]string{true: "enable", false: "disable"}[*a.Enabled]
	} else {
		what = map[string]string{"started": "start", "stopped": "stop", "restarted": "restart", "reloaded": "reload"}[what]
	}
	r.Msg = fmt.Sprintf("Failed to %s service: %s", what, a.Name)
	return r
}
