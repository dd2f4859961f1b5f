package repos

import (
	"cmp"
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// gitConfigArgs are the arguments of git_config.
type gitConfigArgs struct {
	Name  string `arg:"name" help:"the setting: user.email"`
	Value string `arg:"value" help:"its value; without one it is read: config_value"`
	State string `arg:"state" default:"present" choices:"absent,present" help:"whether it is set"`
	Scope string `arg:"scope" choices:"file,local,global,system" help:"where: a file, a repository, the user, the host (the default where a name is given)"`
	Repo  string `arg:"repo" type:"path" help:"with scope local: the repository"`
	File  string `arg:"file" type:"path" help:"with scope file: the file"`
	List  bool   `arg:"list_all" default:"no" help:"read all settings: config_values"`
	Mode  string `arg:"add_mode" default:"replace-all" choices:"add,replace-all" help:"add: other values of the setting stay"`
}

// GitConfig keeps settings of git.
func GitConfig() play.Module {
	return kit.Define(kit.Doc{Name: "git_config", Short: "settings of git"}, gitConfig{})
}

type gitConfig struct{}

func (gitConfig) Validate(a gitConfigArgs) *play.ArgError {
	switch {
	case a.List && a.Name != "":
		return &play.ArgError{Msg: "parameters are mutually exclusive: list_all|name"}
	case a.List && a.Value != "":
		return &play.ArgError{Msg: "parameters are mutually exclusive: list_all|value"}
	case !a.List && a.Name == "":
		return &play.ArgError{Msg: "one of the following is required: list_all, name"}
	case strings.HasPrefix(a.Name, "-"):
		return &play.ArgError{Arg: "name", Msg: "is an option, not a setting"}
	case a.Scope == "local" && a.Repo == "":
		return &play.ArgError{Msg: "scope is local but all of the following are missing: repo"}
	case a.Scope == "file" && a.File == "":
		return &play.ArgError{Msg: "scope is file but all of the following are missing: file"}
	}
	return nil
}

// gitConfigText runs git config in a folder: folder, options. It prints nogit, nodir,
// or its status, then what it printed; where it failed, what it said.
const gitConfigText sh.Constant = `if ! command -v git >/dev/null; then echo nogit; exit 0; fi
cd -- "$1" 2>/dev/null || { echo nodir; exit 0; }
shift
LC_ALL=C; export LC_ALL
o=$(git config --includes "$@" 2>/dev/null </dev/null)
r=$?
if [ $r -ge 2 ]; then o=$(git config --includes "$@" 2>&1 </dev/null); fi
printf "%s\n%s" "$r" "$o"`

// gitListText is the same of a list: a setting a line, line breaks as \001.
const gitListText sh.Constant = `if ! command -v git >/dev/null; then echo nogit; exit 0; fi
cd -- "$1" 2>/dev/null || { echo nodir; exit 0; }
shift
LC_ALL=C; export LC_ALL
o=$(git config --includes "$@" 2>&1 >/dev/null </dev/null)
r=$?
if [ $r = 0 ]; then echo 0; git config --includes "$@" -z </dev/null | tr "\n\000" "\001\n"; else printf "%s\n%s" "$r" "$o"; fi`

const gitSetText sh.Constant = `cd -- "$1" || exit 1
shift
LC_ALL=C; export LC_ALL
exec git config "$@" </dev/null`

// where are the folder and the options of the scope.
func (a gitConfigArgs) where() (dir string, words []string) {
	dir = "/"
	switch scope := a.Scope; {
	case scope == "file":
		words = []string{"-f", a.File}
	case scope == "" && a.List:
		dir = cmp.Or(a.Repo, "/")
	default:
		if scope == "local" {
			dir = a.Repo
		}
		words = []string{"--" + cmp.Or(scope, "system")}
	}
	return dir, words
}

func (a gitConfigArgs) ask() host.Probe {
	dir, words := a.where()
	if a.List {
		return host.NewProbe(gitListText, append([]string{kit.Safe(dir)}, append(words, "-l")...)...)
	}
	words = append(words, "--get-all", a.Name)
	return host.NewProbe(gitConfigText, append([]string{kit.Safe(dir)}, words...)...)
}

func (gitConfig) Facts(a gitConfigArgs) []host.Question { return kit.Hint(a.Repo+a.File, a.ask()) }

func (gitConfig) Plan(a gitConfigArgs, s host.Seen) (play.Plan, error) {
	words, err := kit.ExpandAll(s, []string{a.Repo, a.File})
	if err != nil {
		return play.Plan{}, err
	}
	a.Repo, a.File = words[0], words[1]
	ans, err := s.Answer(a.ask())
	if err != nil {
		return play.Plan{}, err
	}
	status, out, _ := strings.Cut(string(ans.Stdout), "\n")
	empty := a.List && a.Scope != "" && status == "128" && strings.Contains(out, "unable to read config file")
	switch {
	case status == "nogit":
		return kit.Failure("Failed to find required executable \"git\" on the host: install it first, with package: {name: git}"), nil
	case status == "nodir":
		return kit.Failure("%s is not a folder on the host", a.Repo), nil
	case status != "0" && status != "1" && !empty:
		return kit.Failure("%s", cmp.Or(strings.TrimSpace(out), "git config ended with status "+status)), nil
	case a.List:
		if empty {
			out = ""
		}
		return kit.Unchanged("it was read", value.MapOf("config_values", value.FromMap(settings(out)))), nil
	}
	var old []string
	if status == "0" {
		old = strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	}
	return a.change(old)
}

// settings reads a list.
func settings(text string) *value.Map {
	m := value.NewMap()
	for one := range strings.Lines(text) {
		if k, v, _ := strings.Cut(strings.TrimSuffix(one, "\n"), "\x01"); k != "" {
			m.Set(kit.HostText(k), kit.HostText(strings.ReplaceAll(v, "\x01", "\n")))
		}
	}
	return m
}

// change plans what is left to do with a setting that has the values old.
func (a gitConfigArgs) change(old []string) (play.Plan, error) {
	dir, words := a.where()
	was := strings.Join(old, "\n")
	switch {
	case a.State == "absent" && old == nil:
		p := kit.Unchanged("no setting to unset", value.NewMap())
		p.Result.Msg = "no setting to unset"
		return p, nil
	case a.State == "absent":
		words = append(words, "--unset-all", a.Name)
	case a.Value == "":
		return kit.Unchanged("it was read", value.MapOf("config_value", kit.HostText(was))), nil
	case a.Mode == "add" && slices.Contains(old, a.Value), a.Mode != "add" && len(old) == 1 && old[0] == a.Value:
		return kit.Unchanged(a.Name+" has the value", value.NewMap()), nil
	default:
		words = append(words, "--"+a.Mode, a.Name, a.Value)
	}
	after := a.Value
	if a.State == "absent" {
		after = ""
	} else if a.Mode == "add" && old != nil {
		after = was + "\n" + a.Value
	}
	head := strings.Join(append([]string{"git config"}, words...), " ")
	return play.Plan{
		Steps:  []host.Step{host.Run{Cmd: sh.Script(gitSetText, append([]string{kit.Safe(dir)}, words...)...), What: "set " + a.Name}},
		Result: play.Result{Changed: true, Msg: "setting changed"},
		Diff:   []play.Diff{{BeforeHeader: head, AfterHeader: head, BeforeText: was + "\n", AfterText: after + "\n"}},
		Finish: kit.After(func([]host.Output) (play.Result, error) {
			return play.Result{Changed: true, Msg: "setting changed"}, nil
		}),
	}, nil
}
