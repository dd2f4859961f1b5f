package services

import (
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// systemdArgs are the arguments of systemd_service.
type systemdArgs struct {
	Name         string `arg:"name,service,unit" help:"the unit; without an ending a service"`
	State        string `arg:"state" choices:"reloaded,restarted,started,stopped" help:"what the unit shall do; reloaded and restarted always act"`
	Enabled      *bool  `arg:"enabled" help:"start at boot"`
	Masked       *bool  `arg:"masked" help:"never start at all"`
	Force        bool   `arg:"force" default:"no" help:"replace links that are in the way of enabling"`
	DaemonReload bool   `arg:"daemon_reload,daemon-reload" default:"no" help:"read unit files again first"`
	DaemonReexec bool   `arg:"daemon_reexec,daemon-reexec" default:"no" help:"restart systemd itself first"`
	Scope        string `arg:"scope" default:"system" choices:"system,user,global" help:"whose units"`
	NoBlock      bool   `arg:"no_block" default:"no" help:"do not wait for the unit"`
}

// SystemdService manages systemd units.
func SystemdService() play.Module {
	return kit.Define(kit.Doc{Name: "systemd_service", Short: "systemd units"}, systemd{})
}

type systemd struct{}

// nameless is the error of what is asked of no unit.
func nameless(state string, enabled *bool) *play.ArgError {
	by := "masked"
	switch {
	case state != "":
		by = "state"
	case enabled != nil:
		by = "enabled"
	}
	return &play.ArgError{Arg: "name", Msg: "state, enabled and masked need a name", Theirs: "missing parameter(s) required by '" + by + "': name"}
}

func (systemd) Validate(a systemdArgs) *play.ArgError {
	if a.Name == "" && (a.State != "" || a.Enabled != nil || a.Masked != nil) {
		return nameless(a.State, a.Enabled)
	}
	if a.Name == "" && !a.DaemonReload && !a.DaemonReexec {
		return &play.ArgError{Msg: "one of the following is required: state, enabled, masked, daemon_reload, daemon_reexec"}
	}
	if strings.ContainsAny(a.Name, "*?[") {
		return &play.ArgError{Arg: "name", Msg: "This module does not currently support using glob patterns, found in service name: " + a.Name}
	}
	return nil
}

// unitText prints a unit's properties, then what is-enabled says. Arguments:
// unit, scope. Properties with process numbers and times are left out: they
// differ though nothing did.
const unitText sh.Constant = `LC_ALL=C; export LC_ALL
if [ "$2" = user ] && [ -z "$XDG_RUNTIME_DIR" ]; then XDG_RUNTIME_DIR=/run/user/$(id -u); export XDG_RUNTIME_DIR; fi
systemctl --no-pager "--$2" show -p Id -p Names -p Description -p LoadState -p LoadError -p ActiveState -p SubState -p UnitFileState -p UnitFilePreset -p FragmentPath -p Type -p Restart -p NeedDaemonReload -- "$1" 2>&1 || exit $?
echo
systemctl --no-pager "--$2" is-enabled -- "$1" 2>/dev/null
echo "status $?"
if [ -x "/etc/init.d/$1" ]; then echo initd; fi
if ls /etc/rc?.d/S??"$1" >/dev/null 2>&1; then echo starts; fi`

// unit is what systemd knows of a unit.
type unit struct {
	props   map[string]string
	order   []string
	enabled string // the word of is-enabled
	ok      bool   // is-enabled's status was 0
	initd   bool   // there is an init script of that name
	starts  bool   // and boot runs it
	broken  string // systemctl itself failed with these words
}

func unitFact(name, scope string) host.Fact[unit] {
	return host.Fact[unit]{Q: host.NewProbe(unitText, name, scope).Plain(), Parse: func(a host.Answer) (unit, error) { return parseUnit(a), nil }}
}

func parseUnit(a host.Answer) unit {
	u := unit{props: map[string]string{}}
	if a.Status != 0 {
		u.broken = strings.TrimSpace(string(a.Stdout))
		if u.broken == "" {
			u.broken = fmt.Sprintf("systemctl ended with status %d", a.Status)
		}
		return u
	}
	text, rest, _ := strings.Cut(string(a.Stdout), "\n\n")
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
			u.props[k] = v
			u.order = append(u.order, k)
		}
	}
	before, after, _ := strings.Cut(rest, "status ")
	u.enabled = strings.TrimSpace(before)
	u.ok = strings.HasPrefix(after, "0")
	u.initd, u.starts = strings.Contains(after, "initd"), strings.Contains(after, "starts")
	return u
}

func (u unit) found() bool {
	return u.initd || u.props["LoadState"] != "" && u.props["LoadState"] != "not-found"
}
func (u unit) running() bool {
	return u.props["ActiveState"] == "active" || u.props["ActiveState"] == "activating"
}

// starting reports whether boot starts the unit.
func (u unit) atBoot() bool {
	if u.ok {
		return u.enabled != "indirect" && u.enabled != "alias"
	}
	return u.initd && u.starts && !strings.HasSuffix(u.enabled, "disabled")
}

func (systemd) Facts(a systemdArgs) []host.Question {
	if a.Name == "" || a.DaemonReload || a.DaemonReexec {
		return nil
	}
	return []host.Question{unitFact(a.Name, a.Scope).Q}
}

func (m systemd) Plan(a systemdArgs, s host.Seen) (play.Plan, error) {
	if !a.DaemonReload && !a.DaemonReexec {
		return m.unit(a, s)
	}
	var steps []host.Step
	if a.DaemonReload {
		steps = append(steps, a.step("daemon-reload", ""))
	}
	if a.DaemonReexec {
		steps = append(steps, a.step("daemon-reexec", ""))
	}
	plan := play.Plan{Steps: steps, Repeats: true, ByStatus: true, Result: play.Result{Data: value.NewMap()}}
	plan.Finish = func(ran []host.Output) (play.Result, error) {
		r, bad := kit.FailedStep(ran)
		if bad {
			r.Msg, r.Changed = fmt.Sprintf("failure %d during daemon-reload: %s", ran[len(ran)-1].Status, r.Msg), false
		}
		return r, nil
	}
	if a.Name == "" {
		return plan, nil
	}
	// What systemd says of the unit is asked again behind the reload.
	next, err := m.unit(a, s)
	if err != nil {
		return plan, err
	}
	if !next.Result.Failed {
		plan.Result = next.Result
	}
	plan.Then = func([]host.Output) (play.Bound, error) {
		return kit.Stage(func(s host.Seen) (play.Plan, error) { return m.unit(a, s) }), nil
	}
	return plan, nil
}

// systemctlText runs systemctl: scope, verb, unit or nothing, options.
const systemctlText sh.Constant = `LC_ALL=C; export LC_ALL
if [ "$1" = user ] && [ -z "$XDG_RUNTIME_DIR" ]; then XDG_RUNTIME_DIR=/run/user/$(id -u); export XDG_RUNTIME_DIR; fi
s=$1 v=$2 n=$3; shift 3
systemctl --no-pager "--$s" "$@" "$v" ${n:+-- "$n"}`

func (a systemdArgs) step(verb, unit string) host.Step {
	args := []string{a.Scope, verb, unit}
	if a.NoBlock {
		args = append(args, "--no-block")
	}
	if a.Force && verb == "enable" {
		args = append(args, "--force")
	}
	return host.Run{Cmd: sh.Script(systemctlText, args...), What: strings.TrimSpace("systemctl " + verb + " " + unit)}
}

// unit plans mask, enable and state of one unit.
func (systemd) unit(a systemdArgs, s host.Seen) (play.Plan, error) {
	u, err := host.Get(s, unitFact(a.Name, a.Scope))
	if err != nil {
		return play.Plan{}, err
	}
	data := value.MapOf("name", value.String(a.Name), "status", u.status())
	if a.State != "" {
		data.Put("state", value.String(map[bool]string{true: "started", false: a.State}[a.State == "restarted" || a.State == "reloaded"]))
	}
	switch {
	case u.broken != "":
		return kit.Failure("Service is in unknown state: %s", u.broken), nil
	case u.props["LoadError"] != "" && u.found() && u.props["LoadState"] != "masked":
		return kit.Failure("Error loading unit file '%s': %s", a.Name, u.props["LoadError"]), nil
	case !u.found() && (a.Enabled != nil || a.State != ""):
		return kit.Failure("Could not find the requested service %s: host", a.Name), nil
	}
	var verbs []string
	if a.Masked != nil && *a.Masked != (u.enabled == "masked") {
		verbs = append(verbs, map[bool]string{true: "mask", false: "unmask"}[*a.Masked])
	}
	if a.Enabled != nil {
		data.Put("enabled", value.Bool(*a.Enabled))
		if *a.Enabled != u.atBoot() {
			verbs = append(verbs, map[bool]string{true: "enable", false: "disable"}[*a.Enabled])
		}
	}
	if v := a.verb(u); v != "" {
		verbs = append(verbs, v)
	}
	return a.plan(verbs, data), nil
}

// verb is what brings the unit into its state.
func (a systemdArgs) verb(u unit) string {
	switch {
	case a.State == "started" && !u.running():
		return "start"
	case a.State == "stopped" && (u.running() || u.props["ActiveState"] == "deactivating" || u.props["ActiveState"] == "reloading"):
		return "stop"
	case a.State == "restarted" || a.State == "reloaded":
		if !u.running() {
			return "start"
		}
		return strings.TrimSuffix(a.State, "ed")
	}
	return ""
}

func (a systemdArgs) plan(verbs []string, data *value.Map) play.Plan {
	if len(verbs) == 0 {
		return kit.Unchanged(a.Name+" is as it shall be", data)
	}
	var steps []host.Step
	for _, v := range verbs {
		steps = append(steps, a.step(v, a.Name))
	}
	return play.Plan{
		Steps: steps, Repeats: a.State == "restarted" || a.State == "reloaded", ByStatus: true,
		Result: play.Result{Changed: true, Data: data},
		Finish: func(ran []host.Output) (play.Result, error) {
			if r, bad := kit.FailedStep(ran); bad {
				r.Msg = fmt.Sprintf("Unable to %s service %s: %s", verbs[len(ran)-1], a.Name, r.Msg)
				return r, nil
			}
			return play.Result{Changed: true, Data: data}, nil
		},
	}
}

// status is the properties as Ansible gives them, without those that change by
// themselves.
func (u unit) status() value.Value {
	m := value.NewMap()
	for _, k := range u.order {
		m.Put(k, kit.HostText(u.props[k]))
	}
	return value.FromMap(m)
}
