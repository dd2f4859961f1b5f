package packages

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// install plans packages that shall be there.
func (a aptArgs) install(s host.Seen, pkgs []pkg, have map[string]dpkgState) (play.Plan, error) {
	if a.State == "build-dep" {
		return a.change(pkgs, "build-dep", nil), nil
	}
	candidates := map[string]string{}
	if a.asksCandidates(pkgs, have) {
		var err error
		if candidates, err = host.Get(s, policy(pkgs, a.Release)); err != nil {
			return play.Plan{}, err
		}
	}
	var need []pkg
	var manual []string
	for _, p := range pkgs {
		wanted, err := a.wants(s, p, have[p.name], candidates)
		if err != nil {
			return play.Plan{}, err
		}
		switch {
		case wanted:
			need = append(need, p)
		case have[p.name].installed && have[p.name].auto:
			manual = append(manual, p.name)
		}
	}
	if len(need) == 0 {
		return a.nothing(manual), nil
	}
	return a.change(need, "install", manual), nil
}

// asksCandidates says whether the lists must be read (half a second of the
// host's time): for the newest version, and for names that only packages
// provide.
func (a aptArgs) asksCandidates(pkgs []pkg, have map[string]dpkgState) bool {
	for _, p := range pkgs {
		h := have[p.name]
		if h.installed && a.State == "latest" || !h.installed && h.provided {
			return true
		}
	}
	return false
}

// wants says whether a package has to be installed or upgraded.
func (a aptArgs) wants(s host.Seen, p pkg, h dpkgState, candidates map[string]string) (bool, error) {
	switch {
	case !h.installed && a.OnlyUpgrade:
		return false, nil
	case !h.installed:
		c, asked := candidates[p.name]
		return !h.provided || asked && c != "", nil
	case p.op == "=":
		ok, _ := path.Match(p.version, h.version)
		return !ok && h.version != p.version, nil
	case p.op == ">=":
		older, err := host.Get(s, olderThan(h.version, p.version))
		return older, err
	case a.State == "latest":
		c := candidates[p.name]
		if c == "" || c == h.version || h.hold && !a.Held && !a.Force {
			return false, nil
		}
		older, err := host.Get(s, olderThan(h.version, c))
		return older, err
	}
	return false, nil
}

// nothing is the plan when every package is as wanted; one that was installed
// on behalf of others is marked as asked for, which Ansible calls unchanged.
func (a aptArgs) nothing(manual []string) play.Plan {
	plan := kit.Unchanged("every package is as it shall be", value.NewMap())
	if len(manual) > 0 {
		plan.Steps = []host.Step{host.Run{Cmd: sh.Script(manualText, manual...), What: "mark as asked for: " + strings.Join(manual, " ")}}
	}
	return plan
}

func (a aptArgs) change(pkgs []pkg, verb string, manual []string) play.Plan {
	var specs []string
	for _, p := range pkgs {
		spec := p.spec
		if p.op == ">=" {
			spec = p.name
		}
		specs = append(specs, spec)
	}
	flags := a.flags()
	if a.State == "fixed" {
		flags = append(flags, "--fix-broken")
	}
	if a.OnlyUpgrade {
		flags = append(flags, "--only-upgrade")
	}
	if a.AutoRemove {
		flags = append(flags, "--auto-remove")
	}
	if a.Recommends != nil {
		flags = append(flags, "-oAPT::Install-Recommends="+map[bool]string{true: "yes", false: "no"}[*a.Recommends])
	}
	plan := a.run(append(append(flags, verb), specs...), verb+" "+strings.Join(specs, " "))
	if verb == "build-dep" {
		plan.Repeats = true
	} else if len(manual) > 0 {
		plan.Steps = append(plan.Steps, host.Run{Cmd: sh.Script(manualText, manual...), What: "mark as asked for: " + strings.Join(manual, " ")})
	}
	return plan
}

// flags are the options that every apt-get gets.
func (a aptArgs) flags() []string {
	out := []string{"-y", "-q", fmt.Sprintf("-oDPkg::Lock::Timeout=%d", a.LockTimeout)}
	for o := range strings.SplitSeq(a.DpkgOptions, ",") {
		if o != "" {
			out = append(out, "-oDpkg::Options::=--"+o)
		}
	}
	for _, f := range []struct {
		on   bool
		flag string
	}{
		{a.NoRemove, "--no-remove"}, {a.Unauth || a.Force, "--allow-unauthenticated"}, {a.Downgrade || a.Force, "--allow-downgrades"},
		{a.Held || a.Force, "--allow-change-held-packages"}, {a.Force, "--allow-remove-essential"},
	} {
		if f.on {
			out = append(out, f.flag)
		}
	}
	if a.Release != "" {
		out = append(out, "-t", a.Release)
	}
	return out
}

// run is a plan of one apt-get.
func (a aptArgs) run(words []string, what string) play.Plan {
	policy := ""
	if a.PolicyRcD != nil {
		policy = strconv.Itoa(*a.PolicyRcD)
	}
	line := "apt-get " + strings.Join(words, " ")
	return play.Plan{
		Steps:  []host.Step{host.Run{Cmd: sh.Script(aptText, append([]string{policy}, words...)...), What: "apt-get " + kit.OneLine(what)}},
		Result: play.Result{Changed: true},
		Finish: func(ran []host.Output) (play.Result, error) { return aptResult(ran, line), nil },
	}
}

// aptResult reads apt-get's words.
func aptResult(ran []host.Output, line string) play.Result {
	out := ran[0]
	text, errs := string(out.Stdout), string(out.Stderr)
	data := kit.Outputs(text, errs, false)
	if last := ran[len(ran)-1]; last.Status != 0 {
		data.Put("rc", value.Int(int64(last.Status)))
		msg := fmt.Sprintf("'%s' failed: %s", line, string(last.Stderr))
		if _, name, ok := strings.Cut(errs, "E: Unable to locate package "); ok {
			name, _, _ = strings.Cut(name, "\n")
			msg = fmt.Sprintf("No package matching '%s' is available", strings.TrimSpace(name))
		}
		return play.Result{Failed: true, Msg: msg, Data: data}
	}
	return play.Result{Changed: !strings.Contains(text, "\n0 upgraded, 0 newly installed, 0 to remove"), Data: data}
}

// remove plans packages that shall be gone.
func (a aptArgs) remove(pkgs []pkg, have map[string]dpkgState) play.Plan {
	var names []string
	for _, p := range pkgs {
		if h := have[p.name]; h.installed || a.Purge && h.files {
			names = append(names, p.name)
		}
	}
	if len(names) == 0 {
		return kit.Unchanged("no such package is installed", value.NewMap())
	}
	flags := a.flags()
	if a.Purge {
		flags = append(flags, "--purge")
	}
	if a.AutoRemove {
		flags = append(flags, "--auto-remove")
	}
	return a.run(append(append(flags, "remove"), names...), "remove "+strings.Join(names, " "))
}

// upgrade plans newer versions of everything, when there are any.
func (a aptArgs) upgrade(s host.Seen, mode string) (play.Plan, error) {
	words := []string{"upgrade", "--with-new-pkgs"}
	if mode == "dist" || mode == "full" {
		words = []string{"dist-upgrade"}
	}
	if a.AutoRemove {
		words = append(words, "--auto-remove")
	}
	return a.simulated(s, words, "upgrade every package")
}

// tidy plans autoremove and autoclean on their own.
func (a aptArgs) tidy(s host.Seen) (play.Plan, error) {
	switch {
	case a.AutoRemove:
		words := []string{"autoremove"}
		if a.Purge {
			words = append(words, "--purge")
		}
		return a.simulated(s, words, "remove packages that nothing needs")
	case a.AutoClean:
		return a.simulated(s, []string{"autoclean"}, "remove outdated archives")
	}
	return kit.Unchanged("nothing to do", value.NewMap()), nil
}

// simulated runs what apt-get's own simulation says would do something.
func (a aptArgs) simulated(s host.Seen, words []string, what string) (play.Plan, error) {
	sim, err := host.Get(s, simulate(append(append([]string{}, words...), a.release()...)))
	if err != nil {
		return play.Plan{}, err
	}
	switch {
	case sim.failed != "":
		return kit.Failure("'apt-get %s' failed: %s", strings.Join(words, " "), sim.failed), nil
	case !sim.does:
		return kit.Unchanged("nothing to "+what, value.NewMap()), nil
	}
	plan := a.run(append(a.flags(), words...), what)
	if words[0] == "autoclean" {
		plan.Finish = kit.After(func(ran []host.Output) (play.Result, error) {
			return play.Result{Changed: strings.Contains(string(ran[0].Stdout), "Del "), Data: kit.Outputs(string(ran[0].Stdout), string(ran[0].Stderr), false)}, nil
		})
	}
	return plan, nil
}

func (a aptArgs) release() []string {
	if a.Release == "" {
		return nil
	}
	return []string{"-t", a.Release}
}

func (a aptArgs) clean() play.Plan {
	plan := a.run([]string{"clean"}, "clean")
	plan.Repeats = true
	plan.Finish = kit.After(func(ran []host.Output) (play.Result, error) {
		return play.Result{Changed: true, Data: kit.Outputs(string(ran[0].Stdout), string(ran[0].Stderr), false)}, nil
	})
	return plan
}

// deb plans a package file: one on the host is compared with what is installed.
func (a aptArgs) deb(s host.Seen) (play.Plan, error) {
	file, err := kit.Place(s, a.Deb)
	if err != nil {
		return play.Plan{}, err
	}
	if strings.Contains(file, "://") {
		plan := a.run(append([]string{file}, a.flags()...), "install "+file)
		plan.Steps = []host.Step{host.Run{Cmd: sh.Script(debURLText, append([]string{file}, a.flags()...)...), What: "fetch and install " + file}}
		plan.Repeats = true
		return plan, nil
	}
	same, err := host.Get(s, debState(file))
	switch {
	case err != nil:
		return play.Plan{}, err
	case same == "missing":
		return kit.Failure("Unable to install package: E:Could not open file %s", file), nil
	case same == "same":
		return kit.Unchanged(file+" is installed", value.NewMap()), nil
	}
	return a.run(append(append(a.flags(), "install"), kit.Join(".", file)), "install "+file), nil
}
