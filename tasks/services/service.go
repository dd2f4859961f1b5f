package services

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// serviceArgs are the arguments of service.
type serviceArgs struct {
	Name      string `arg:"name" help:"the service; needed for all but daemon_reload and daemon_reexec"`
	State     string `arg:"state" choices:"started,stopped,reloaded,restarted" help:"what it shall do; reloaded and restarted always act"`
	Enabled   *bool  `arg:"enabled" help:"start at boot"`
	Sleep     int    `arg:"sleep" default:"0" help:"seconds between stop and start of a restart, where there is no systemd"`
	Runlevel  string `arg:"runlevel" default:"default" help:"OpenRC's runlevel"`
	Use       string `arg:"use" default:"auto" help:"the service manager: auto, systemd, openrc, sysvinit"`
	Pattern   string `arg:"pattern" help:"text that ps shows while it runs, where the service cannot be asked"`
	Arguments string `arg:"arguments,args" help:"more words for the init script"`

	Masked       *bool  `arg:"masked" help:"with systemd alone: never start at all"`
	Force        bool   `arg:"force" default:"no" help:"with systemd alone: replace links that are in the way of enabling"`
	DaemonReload bool   `arg:"daemon_reload,daemon-reload" default:"no" help:"with systemd alone: read unit files again first"`
	DaemonReexec bool   `arg:"daemon_reexec,daemon-reexec" default:"no" help:"with systemd alone: restart systemd itself first"`
	Scope        string `arg:"scope" choices:"system,user,global" help:"with systemd alone: whose units, system by default"`
	NoBlock      bool   `arg:"no_block" default:"no" help:"with systemd alone: do not wait for the unit"`
}

// systemd is the same for systemd, which Ansible hands all arguments to as well.
func (a serviceArgs) systemd() systemdArgs {
	return systemdArgs{Name: a.Name, State: a.State, Enabled: a.Enabled, Masked: a.Masked, Force: a.Force, DaemonReload: a.DaemonReload, DaemonReexec: a.DaemonReexec, Scope: cmp.Or(a.Scope, "system"), NoBlock: a.NoBlock}
}

// alone are the arguments that only systemd has, of those that are set.
func (a serviceArgs) alone() []string {
	var out []string
	for _, w := range []struct {
		set  bool
		name string
	}{{a.DaemonReexec, "daemon_reexec"}, {a.DaemonReload, "daemon_reload"}, {a.Force, "force"}, {a.Masked != nil, "masked"}, {a.NoBlock, "no_block"}, {a.Scope != "", "scope"}} {
		if w.set {
			out = append(out, w.name)
		}
	}
	return out
}

// Service manages services by whatever manager the host has.
func Service() play.Module {
	return kit.Define(kit.Doc{Name: "service", Short: "services, by systemd, OpenRC or init scripts"}, service{})
}

type service struct{}

func (service) Validate(a serviceArgs) *play.ArgError {
	reload := a.DaemonReload || a.DaemonReexec
	if a.Name == "" && (!reload || a.State != "" || a.Enabled != nil || a.Masked != nil) {
		return nameless(a.State, a.Enabled)
	}
	if a.State == "" && a.Enabled == nil && a.Masked == nil && !reload {
		return &play.ArgError{Msg: "one of the following is required: state, enabled"}
	}
	if strings.Contains(a.Name, "/") || strings.HasPrefix(a.Name, "-") {
		return &play.ArgError{Arg: "name", Msg: fmt.Sprintf("%q is not the name of a service", a.Name)}
	}
	return nil
}

// managerText says which manager runs the host.
const managerText sh.Constant = `if [ -d /run/systemd/system ] || [ -d /run/systemd/private ]; then echo systemd
elif command -v rc-service >/dev/null; then echo openrc
else echo sysvinit; fi`

func manager() host.Fact[string] {
	return host.Fact[string]{Q: host.NewProbe(managerText).Plain(), Parse: func(a host.Answer) (string, error) { return strings.TrimSpace(string(a.Stdout)), nil }}
}

func (service) Facts(a serviceArgs) []host.Question { return []host.Question{manager().Q} }

func (service) Plan(a serviceArgs, s host.Seen) (play.Plan, error) {
	use := a.Use
	if use == "auto" {
		var err error
		if use, err = host.Get(s, manager()); err != nil {
			return play.Plan{}, err
		}
	}
	switch use {
	case "systemd":
		return systemd{}.Plan(a.systemd(), s)
	case "openrc", "sysvinit":
		if alone := a.alone(); alone != nil {
			return kit.Failure("Unsupported parameters for (service) module: %s: this host has %s, and systemd alone has them", strings.Join(alone, ", "), use), nil
		}
		return a.script(s, use)
	}
	return kit.Failure("there is no service manager %q: auto, systemd, openrc or sysvinit", use), nil
}

// initText says whether a service is there, runs, and starts at boot.
// Arguments: manager, service, runlevel, pattern.
const initText sh.Constant = `LC_ALL=C; export LC_ALL
if [ ! -x "/etc/init.d/$2" ]; then echo missing; exit 0; fi
echo there
if [ -n "$4" ]; then ps -e -o args 2>/dev/null | grep -v grep | grep -qF -- "$4"
elif [ "$1" = openrc ]; then rc-service "$2" status >/dev/null 2>&1
else "/etc/init.d/$2" status >/dev/null 2>&1; fi
if [ $? -eq 0 ]; then echo runs; else echo stopped; fi
if [ "$1" = openrc ]; then rc-update show "$3" 2>/dev/null | grep -q "^ *$2 "
else ls /etc/rc[2-5].d/S??"$2" >/dev/null 2>&1; fi
if [ $? -eq 0 ]; then echo boot; else echo off; fi`

// initStep runs one act: manager, act, service, runlevel, seconds, words.
const initStepText sh.Constant = `m=$1 v=$2 n=$3 r=$4 s=$5; shift 5
_run() { if [ "$m" = openrc ]; then rc-service "$n" "$@"; else "/etc/init.d/$n" "$@"; fi; }
case $m.$v in
openrc.enable) rc-update add "$n" "$r" ;;
openrc.disable) rc-update del "$n" "$r" ;;
*.enable) if command -v update-rc.d >/dev/null; then update-rc.d "$n" defaults && update-rc.d "$n" enable; else chkconfig "$n" on; fi ;;
*.disable) if command -v update-rc.d >/dev/null; then update-rc.d "$n" disable; else chkconfig "$n" off; fi ;;
*.restart) if [ "$s" -gt 0 ]; then _run stop "$@"; sleep "$s"; _run start "$@"; else _run restart "$@"; fi ;;
*) _run "$v" "$@" ;;
esac </dev/null`

// script plans a service of OpenRC or an init script.
func (a serviceArgs) script(s host.Seen, use string) (play.Plan, error) {
	ans, err := s.Answer(host.NewProbe(initText, use, a.Name, a.Runlevel, a.Pattern))
	if err != nil {
		return play.Plan{}, err
	}
	w := strings.Fields(string(ans.Stdout))
	if len(w) != 3 {
		return kit.Failure("Could not find the requested service %s: host", a.Name), nil
	}
	u := unit{props: map[string]string{"ActiveState": map[bool]string{true: "active", false: "inactive"}[w[1] == "runs"]}}
	data := value.MapOf("name", value.String(a.Name))
	var verbs []string
	if a.Enabled != nil {
		data.Put("enabled", value.Bool(*a.Enabled))
		if *a.Enabled != (w[2] == "boot") {
			verbs = append(verbs, map[bool]string{true: "enable", false: "disable"}[*a.Enabled])
		}
	}
	d := systemdArgs{Name: a.Name, State: a.State}
	if a.State != "" {
		data.Put("state", value.String(map[bool]string{true: "started", false: a.State}[a.State == "restarted" || a.State == "reloaded"]))
		if v := d.verb(u); v != "" {
			verbs = append(verbs, v)
		}
	}
	plan := d.plan(verbs, data)
	for i, v := range verbs {
		words := append([]string{use, v, a.Name, a.Runlevel, strconv.Itoa(a.Sleep)}, strings.Fields(a.Arguments)...)
		plan.Steps[i] = host.Run{Cmd: sh.Script(initStepText, words...), What: v + " service " + a.Name}
	}
	return plan, nil
}
