package packages

import (
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/tasks/kit"
)

// apkArgs are the arguments of apk.
type apkArgs struct {
	Names      []string `arg:"name" help:"packages, with a version (name=1.2) or not"`
	State      string   `arg:"state" default:"present" choices:"absent,installed,latest,present,removed" help:"what they shall be"`
	Repository []string `arg:"repository" help:"sources to take instead of the host's"`
	Update     bool     `arg:"update_cache" default:"no" help:"fetch the lists first"`
	Upgrade    bool     `arg:"upgrade" default:"no" help:"every package"`
	Available  bool     `arg:"available" default:"no" help:"with upgrade: also to older versions that are there"`
	NoCache    bool     `arg:"no_cache" default:"no" help:"keep nothing of the lists"`
	World      string   `arg:"world" default:"/etc/apk/world" help:"accepted: apk knows its own file"`
}

// Apk keeps packages of Alpine.
func Apk() play.Module {
	return kit.Define(kit.Doc{Name: "apk", Short: "packages of Alpine"}, apk{})
}

type apk struct{}

func (apk) Validate(a apkArgs) *play.ArgError {
	if len(a.Names) == 0 && !a.Update && !a.Upgrade {
		return &play.ArgError{Msg: "one of the following is required: name, update_cache, upgrade"}
	}
	if len(a.Names) > 0 && a.Upgrade {
		return &play.ArgError{Msg: "parameters are mutually exclusive: name|upgrade"}
	}
	for _, n := range a.Names {
		if strings.HasPrefix(n, "-") || strings.ContainsAny(n, "\n\t ") || n == "" {
			return &play.ArgError{Arg: "name", Msg: n + " is not valid as the name of a package"}
		}
	}
	return nil
}

func (a apkArgs) wish() wish {
	w := wish{program: "apk", names: a.Names, state: a.State, update: a.Update, upgrade: a.Upgrade}
	switch a.State {
	case "installed":
		w.state = "present"
	case "removed":
		w.state = "absent"
	}
	if a.NoCache {
		w.options = append(w.options, "--no-cache")
	}
	for _, r := range a.Repository {
		w.options = append(w.options, "--repository", r)
	}
	if a.Upgrade && a.Available {
		w.options = append(w.options, "--available")
	}
	return w
}

func (apk) Facts(a apkArgs) []host.Question { return []host.Question{a.wish().question()} }

func (apk) Plan(a apkArgs, s host.Seen) (play.Plan, error) { return a.wish().plan(s) }
