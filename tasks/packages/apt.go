package packages

import (
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// aptArgs are the arguments of apt.
type aptArgs struct {
	Names       []string `arg:"name,package,pkg" help:"packages: name, name=version (* allowed), name>=version, patterns; \"*\" with state=latest is upgrade=yes"`
	State       string   `arg:"state" default:"present" choices:"absent,build-dep,fixed,latest,present" help:"what the packages shall be"`
	Update      bool     `arg:"update_cache,update-cache" default:"no" help:"apt-get update first"`
	Retries     int      `arg:"update_cache_retries" default:"5" help:"how often a failing update is tried"`
	RetryDelay  int      `arg:"update_cache_retry_max_delay" default:"12" help:"longest pause in seconds between tries"`
	Valid       int      `arg:"cache_valid_time" default:"0" help:"update only when the last one is older than so many seconds; implies update_cache"`
	Upgrade     string   `arg:"upgrade" default:"no" choices:"dist,full,no,safe,yes" help:"upgrade every package: yes and safe remove none"`
	Deb         string   `arg:"deb" type:"path" help:"a .deb file on the host, or its URL"`
	Purge       bool     `arg:"purge" default:"no" help:"with absent: configuration files too"`
	AutoRemove  bool     `arg:"autoremove" default:"no" help:"remove what nothing needs any more"`
	AutoClean   bool     `arg:"autoclean" default:"no" help:"remove outdated archives of packages"`
	Clean       bool     `arg:"clean" default:"no" help:"remove every archive of packages"`
	Recommends  *bool    `arg:"install_recommends,install-recommends" help:"install what is recommended; default: as apt is configured"`
	Release     string   `arg:"default_release,default-release" help:"the release to prefer"`
	DpkgOptions string   `arg:"dpkg_options" default:"force-confdef,force-confold" help:"options for dpkg, with commas"`
	OnlyUpgrade bool     `arg:"only_upgrade" default:"no" help:"leave alone what is not installed"`
	NoRemove    bool     `arg:"fail_on_autoremove" default:"no" help:"fail rather than remove a package"`
	Unauth      bool     `arg:"allow_unauthenticated,allow-unauthenticated" default:"no" help:"install what is not signed"`
	Downgrade   bool     `arg:"allow_downgrade,allow-downgrade,allow_downgrades,allow-downgrades" default:"no" help:"allow older versions"`
	Held        bool     `arg:"allow_change_held_packages" default:"no" help:"change packages on hold"`
	Force       bool     `arg:"force" default:"no" help:"unsigned, older and held packages, and essential ones removed"`
	PolicyRcD   *int     `arg:"policy_rc_d" help:"the answer to services that packages want to start: 101 forbids it"`
	LockTimeout int      `arg:"lock_timeout" default:"60" help:"how many seconds to wait for another apt"`
	ForceApt    bool     `arg:"force_apt_get" default:"no" help:"without meaning: apt-get is always used"`
	AutoInstall bool     `arg:"auto_install_module_deps" default:"no" help:"without meaning: nothing has to be installed for this module"`
}

// Apt manages Debian packages.
func Apt() play.Module {
	return kit.Define(kit.Doc{Name: "apt", Short: "Debian packages"}, apt{})
}

type apt struct{}

func (apt) Validate(a aptArgs) *play.ArgError {
	given := 0
	for _, b := range []bool{a.Deb != "", len(a.Names) > 0, a.Upgrade != "no"} {
		if b {
			given++
		}
	}
	switch {
	case given > 1:
		return &play.ArgError{Msg: "parameters are mutually exclusive: deb|package|upgrade"}
	case given == 0 && !a.Update && a.Valid == 0 && !a.AutoRemove && !a.AutoClean && !a.Clean:
		return &play.ArgError{Msg: "one of the following is required: autoremove, deb, package, update_cache, upgrade"}
	case a.Deb != "" && a.State != "present":
		return &play.ArgError{Arg: "state", Msg: "deb only supports state=present"}
	}
	for _, n := range a.Names {
		p := parsePackage(n)
		if strings.Count(n, "=") > 1 || p.name == "" || strings.HasPrefix(p.name, "-") || strings.ContainsAny(n, " \t\n/'\"\\$`;&|<(") && p.op != ">=" {
			return &play.ArgError{Arg: "name", Msg: "invalid package spec: " + n}
		}
	}
	if strings.Trim(a.DpkgOptions, "abcdefghijklmnopqrstuvwxyz-,0123456789") != "" {
		return &play.ArgError{Arg: "dpkg_options", Msg: fmt.Sprintf("%q is not a list of dpkg's options", a.DpkgOptions)}
	}
	return nil
}

// pkg is a package as a playbook names it.
type pkg struct{ spec, name, op, version string }

func parsePackage(spec string) pkg {
	spec = strings.TrimSpace(spec)
	for _, op := range []string{">=", "="} {
		if n, v, ok := strings.Cut(spec, op); ok {
			return pkg{spec: spec, name: n, op: op, version: v}
		}
	}
	return pkg{spec: spec, name: spec}
}

func (apt) Facts(a aptArgs) []host.Question {
	if len(a.Names) == 0 || a.Valid > 0 {
		return nil
	}
	return []host.Question{installed(a.packages()).Q}
}

// packages are the names without the star for all.
func (a aptArgs) packages() []pkg {
	var out []pkg
	for _, n := range a.Names {
		if n != "*" {
			out = append(out, parsePackage(n))
		}
	}
	return out
}

func (m apt) Plan(a aptArgs, s host.Seen) (play.Plan, error) {
	work, err := m.work(a, s)
	if err != nil {
		return play.Plan{}, err
	}
	if !a.Update && a.Valid == 0 {
		return work, nil
	}
	stale := true
	if a.Valid > 0 {
		if stale, err = host.Get(s, cacheAge(a.Valid)); err != nil {
			return play.Plan{}, err
		}
	}
	if !stale {
		return work, nil
	}
	return m.update(a, work), nil
}

// update plans the refresh of the lists; the rest is planned anew behind it.
func (m apt) update(a aptArgs, work play.Plan) play.Plan {
	only := len(a.Names) == 0 && a.Upgrade == "no" && a.Deb == ""
	plan := play.Plan{Steps: []host.Step{a.updateStep()}, Repeats: true, Result: work.Result}
	if work.Result.Failed {
		plan.Result = play.Result{} // the new lists may know the package
	}
	withCache(&plan.Result, true)
	if only {
		plan.Result.Changed = true
		plan.Finish = kit.After(func(ran []host.Output) (play.Result, error) {
			r := play.Result{Changed: updated(ran[0])}
			withCache(&r, r.Changed)
			return r, nil
		})
	}
	if only && !a.AutoRemove && !a.AutoClean {
		return plan
	}
	plan.Then = func(ran []host.Output) (play.Bound, error) {
		fresh := updated(ran[0])
		return kit.Stage(func(s host.Seen) (play.Plan, error) {
			next, err := m.work(a, s)
			if err != nil {
				return next, err
			}
			withCache(&next.Result, fresh)
			if f := next.Finish; f != nil {
				next.Finish = func(ran []host.Output) (play.Result, error) {
					r, err := f(ran)
					withCache(&r, fresh)
					return r, err
				}
			}
			return next, nil
		}), nil
	}
	return plan
}

func withCache(r *play.Result, updated bool) {
	if r.Data == nil {
		r.Data = value.NewMap()
	}
	r.Data.Put("cache_updated", value.Bool(updated))
}

func updated(out host.Output) bool {
	return strings.HasSuffix(strings.TrimSpace(string(out.Stdout)), "lists: new")
}

// work plans everything but the refresh of the lists.
func (m apt) work(a aptArgs, s host.Seen) (play.Plan, error) {
	all := len(a.Names) != len(a.packages())
	switch {
	case a.Clean && len(a.Names) == 0 && a.Upgrade == "no" && a.Deb == "":
		return a.clean(), nil
	case a.Upgrade != "no":
		return a.upgrade(s, a.Upgrade)
	case all && a.State == "latest":
		if len(a.packages()) > 0 {
			return kit.Failure("unable to install additional packages when upgrading all installed packages"), nil
		}
		return a.upgrade(s, "yes")
	case a.Deb != "":
		return a.deb(s)
	case len(a.packages()) == 0:
		return a.tidy(s)
	}
	pkgs, p, err := a.globs(s)
	if err != nil || p.Result.Failed {
		return p, err
	}
	have, err := host.Get(s, installed(pkgs))
	if err != nil {
		return play.Plan{}, err
	}
	if a.State == "absent" {
		return a.remove(pkgs, have), nil
	}
	return a.install(s, pkgs, have)
}
