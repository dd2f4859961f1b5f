package packages

import (
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/tasks/kit"
)

// packageArgs are the arguments of package: those of apt, which is the manager
// that it hands most tasks to. Of others, name, state and update_cache count.
type packageArgs struct {
	Use string `arg:"use" default:"auto" help:"the package manager: auto, apt, dnf, yum, apk, zypper, pacman"`
	aptArgs
}

// Package keeps packages by whatever manager the host has.
func Package() play.Module {
	return kit.Define(kit.Doc{Name: "package", Short: "packages, by the host's own manager"}, generic{})
}

type generic struct{}

// managerText says which package manager the host has.
const managerText = `if command -v apt-get >/dev/null; then echo apt
elif command -v apk >/dev/null; then echo apk
elif command -v dnf >/dev/null || command -v dnf5 >/dev/null || command -v microdnf >/dev/null; then echo dnf
elif command -v yum >/dev/null; then echo yum
elif command -v zypper >/dev/null; then echo zypper
elif command -v pacman >/dev/null; then echo pacman
else echo none; fi`

func packageManager() host.Fact[string] {
	return host.Fact[string]{
		Q:     host.NewProbe(managerText).Plain(),
		Parse: func(a host.Answer) (string, error) { return strings.TrimSpace(string(a.Stdout)), nil },
	}
}

func (generic) Validate(a packageArgs) *play.ArgError { return apt{}.Validate(a.aptArgs) }

func (generic) Facts(packageArgs) []host.Question { return []host.Question{packageManager().Q} }

func (generic) Plan(a packageArgs, s host.Seen) (play.Plan, error) {
	use := a.Use
	if use == "auto" {
		var err error
		if use, err = host.Get(s, packageManager()); err != nil {
			return play.Plan{}, err
		}
	}
	switch use {
	case "apt":
		return apt{}.Plan(a.aptArgs, s)
	case "none":
		return kit.Failure("Could not detect which package manager to use. Try gathering facts or setting the \"use\" option."), nil
	}
	w := wish{program: use, names: a.Names, state: a.State, update: a.Update || a.Valid > 0}
	switch {
	case use != "dnf" && use != "yum" && use != "apk" && use != "zypper" && use != "pacman":
		return kit.Failure("Could not find a module for %s: apt, dnf, yum, apk, zypper and pacman are known", use), nil
	case w.state == "build-dep" || w.state == "fixed":
		return kit.Failure("state %s is apt's alone: %s knows present, absent and latest", w.state, use), nil
	case len(a.Names) == 1 && a.Names[0] == "*":
		w.names, w.upgrade = nil, w.state == "latest"
	}
	return w.plan(s)
}
