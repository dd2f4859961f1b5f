package packages

import (
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/tasks/kit"
)

// dnfArgs are the arguments of dnf and yum.
type dnfArgs struct {
	Names       []string `arg:"name,pkg" help:"packages, with a version (name-1.2) or not, files and addresses of .rpm, @groups; \"*\" with latest is every package"`
	State       string   `arg:"state" choices:"absent,installed,latest,present,removed" help:"what they shall be; present by default, absent with autoremove"`
	EnableRepo  []string `arg:"enablerepo" help:"sources to take besides"`
	DisableRepo []string `arg:"disablerepo" help:"sources to leave out"`
	Exclude     []string `arg:"exclude" help:"packages to leave out"`
	NoGPG       bool     `arg:"disable_gpg_check" default:"no" help:"install what is not signed"`
	Update      bool     `arg:"update_cache,expire-cache" default:"no" help:"fetch the lists first"`
	UpdateOnly  bool     `arg:"update_only" default:"no" help:"with latest: leave alone what is not installed"`
	Security    bool     `arg:"security" default:"no" help:"with latest: only what mends security"`
	Bugfix      bool     `arg:"bugfix" default:"no" help:"with latest: only what mends mistakes"`
	AutoRemove  bool     `arg:"autoremove" default:"no" help:"remove what nothing needs any more"`
	Downgrade   bool     `arg:"allow_downgrade" default:"no" help:"accepted: dnf installs the version that is named"`
	Erasing     bool     `arg:"allowerasing" default:"no" help:"remove packages that are in the way"`
	NoBest      bool     `arg:"nobest" default:"no" help:"another version where the newest cannot be installed"`
	SkipBroken  bool     `arg:"skip_broken" default:"no" help:"leave out what cannot be installed"`
	Weak        bool     `arg:"install_weak_deps" default:"yes" help:"install what is recommended"`
	Root        string   `arg:"installroot" default:"/" help:"another root"`
	Release     string   `arg:"releasever" help:"another release"`
	Conf        string   `arg:"conf_file" type:"path" help:"another file of settings"`
	DownloadDir string   `arg:"download_dir" type:"path" help:"where what is only downloaded goes"`
	Download    bool     `arg:"download_only" default:"no" help:"only download"`
	Plugins     []string `arg:"enable_plugin" help:"plug-ins to take besides"`
	NoPlugins   []string `arg:"disable_plugin" help:"plug-ins to leave out"`
	Excludes    []string `arg:"disable_excludes" help:"settings of exclusions to leave out: all, main, or a source"`
	Cache       bool     `arg:"cacheonly" default:"no" help:"only what was fetched before"`
	Verify      bool     `arg:"sslverify" default:"yes" help:"refuse certificates that the host does not trust"`
	LockTimeout int      `arg:"lock_timeout" default:"30" help:"accepted: the manager waits for its lock"`
	Validate    bool     `arg:"validate_certs" default:"yes" help:"as sslverify, for addresses of .rpm"`
	Backend     string   `arg:"use_backend" default:"auto" help:"accepted: the host's own manager is used"`
}

// DNF keeps packages of Fedora's kin.
func DNF() play.Module {
	return kit.Define(kit.Doc{Name: "dnf", Short: "packages of Fedora, RHEL and their kin"}, dnf{"dnf"})
}

// Yum is the older name.
func Yum() play.Module {
	return kit.Define(kit.Doc{Name: "yum", Short: "packages of RHEL and its kin, by yum or dnf"}, dnf{"yum"})
}

type dnf struct{ program string }

func (dnf) Validate(a dnfArgs) *play.ArgError {
	switch {
	case len(a.Names) == 0 && !a.AutoRemove && !a.Update:
		return &play.ArgError{Msg: "one of the following is required: name, list, update_cache, autoremove"}
	case a.AutoRemove && a.State != "" && a.State != "absent" && a.State != "removed":
		return &play.ArgError{Arg: "state", Msg: "Autoremove should be used alone or with state=absent"}
	}
	for _, n := range a.Names {
		if strings.HasPrefix(n, "-") || strings.ContainsAny(n, "\n\t") || n == "" {
			return &play.ArgError{Arg: "name", Msg: n + " is not valid as the name of a package"}
		}
	}
	return nil
}

func (d dnf) wish(a dnfArgs) wish {
	w := wish{program: d.program, names: a.Names, state: map[string]string{"installed": "present", "removed": "absent"}[a.State], update: a.Update}
	if w.state == "" {
		w.state = a.State
	}
	if w.state == "" {
		w.state = map[bool]string{true: "absent", false: "present"}[a.AutoRemove]
	}
	if len(a.Names) == 1 && a.Names[0] == "*" {
		w.upgrade, w.names = w.state == "latest", nil
	}
	if len(a.Names) == 0 && a.AutoRemove {
		w.remove, w.always = []string{"--setopt=clean_requirements_on_remove=True"}, true
	}
	w.options = a.options()
	w.always = w.always || a.Download || a.Root != "/" && a.Root != ""
	return w
}

// options are those that every call gets.
func (a dnfArgs) options() []string {
	var out []string
	list := func(flag string, l []string) {
		for _, x := range l {
			out = append(out, flag+"="+x)
		}
	}
	list("--enablerepo", a.EnableRepo)
	list("--disablerepo", a.DisableRepo)
	list("--exclude", a.Exclude)
	list("--enableplugin", a.Plugins)
	list("--disableplugin", a.NoPlugins)
	list("--disableexcludes", a.Excludes)
	for _, f := range []struct {
		on   bool
		flag string
	}{
		{a.NoGPG, "--nogpgcheck"}, {a.Security, "--security"}, {a.Bugfix, "--bugfix"}, {a.Erasing, "--allowerasing"}, {a.NoBest, "--nobest"},
		{a.SkipBroken, "--skip-broken"}, {!a.Weak, "--setopt=install_weak_deps=False"}, {a.Root != "/" && a.Root != "", "--installroot=" + a.Root},
		{a.Release != "", "--releasever=" + a.Release}, {a.Conf != "", "--config=" + a.Conf}, {a.Download, "--downloadonly"},
		{a.DownloadDir != "", "--downloaddir=" + a.DownloadDir}, {a.Cache, "--cacheonly"}, {!a.Verify || !a.Validate, "--setopt=sslverify=False"},
	} {
		if f.on {
			out = append(out, f.flag)
		}
	}
	return out
}

func (d dnf) Facts(a dnfArgs) []host.Question { return []host.Question{d.wish(a).question()} }

func (d dnf) Plan(a dnfArgs, s host.Seen) (play.Plan, error) {
	w := d.wish(a)
	if a.AutoRemove && len(a.Names) == 0 {
		w.always = false
		ans, err := s.Answer(w.question())
		if err != nil || ans.Status == 9 {
			return kit.Failure("Failed to find required executable \"%s\" on the host", w.program), err
		}
		p := w.run(append([]string{"-y", "autoremove"}, w.options...), nil)
		p.Repeats = true
		return p, nil
	}
	if a.UpdateOnly && w.state == "latest" && !w.upgrade {
		ans, err := s.Answer(w.question())
		if err != nil {
			return play.Plan{}, err
		}
		w.names = strings.Fields(string(ans.Stdout))
	}
	return w.plan(s)
}
