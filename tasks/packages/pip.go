package packages

import (
	"regexp"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// pipArgs are the arguments of pip.
type pipArgs struct {
	Names        []string `arg:"name" help:"what is installed: name, name==1.2, name>=1,<2, a URL"`
	Version      string   `arg:"version" help:"the version of the one name"`
	Requirements string   `arg:"requirements" help:"a file of requirements, on the host"`
	State        string   `arg:"state" default:"present" choices:"absent,forcereinstall,latest,present" help:"what they shall be"`
	Venv         string   `arg:"virtualenv" type:"path" help:"the environment that they go to, made where it is missing"`
	SitePackages bool     `arg:"virtualenv_site_packages" default:"no" help:"a new environment sees the system's packages"`
	VenvCommand  string   `arg:"virtualenv_command" default:"virtualenv" type:"path" help:"what makes an environment; where the default is missing, python3 -m venv"`
	VenvPython   string   `arg:"virtualenv_python" help:"the Python of a new environment"`
	Extra        string   `arg:"extra_args" help:"more options for pip"`
	Editable     bool     `arg:"editable" default:"no" help:"install from where it lies"`
	Chdir        string   `arg:"chdir" type:"path" help:"the folder in which pip runs"`
	Executable   string   `arg:"executable" type:"path" help:"the path of pip"`
	Umask        string   `arg:"umask" help:"the mask that files are made with, octal"`
	Break        bool     `arg:"break_system_packages" default:"no" help:"install beside the system's own packages (PEP 668)"`
}

// Pip installs Python's packages.
func Pip() play.Module {
	return kit.Define(kit.Doc{Name: "pip", Short: "packages of Python"}, pip{})
}

type pip struct{}

func (pip) Validate(a pipArgs) *play.ArgError {
	switch {
	case len(a.Names) == 0 && a.Requirements == "":
		return &play.ArgError{Msg: "one of the following is required: name, requirements"}
	case len(a.Names) > 0 && a.Requirements != "":
		return &play.ArgError{Msg: "parameters are mutually exclusive: name|requirements"}
	case a.Executable != "" && a.Venv != "":
		return &play.ArgError{Msg: "parameters are mutually exclusive: executable|virtualenv"}
	case a.State == "latest" && a.Version != "":
		return &play.ArgError{Arg: "version", Msg: "version is incompatible with state=latest"}
	case a.Version != "" && len(a.specs()) > 1:
		return &play.ArgError{Arg: "version", Msg: "'version' argument is ambiguous when installing multiple package distributions. Please specify version restrictions next to each package in 'name' argument."}
	case strings.Trim(a.Umask, "01234567o") != "":
		return &play.ArgError{Arg: "umask", Msg: "umask must be an octal integer"}
	}
	for _, n := range a.Names {
		if strings.HasPrefix(n, "-") || strings.ContainsAny(n, "\n") {
			return &play.ArgError{Arg: "name", Msg: n + " is not valid as the name of a package"}
		}
	}
	if _, ok := sh.Split(a.Extra); !ok {
		return &play.ArgError{Arg: "extra_args", Msg: "holds an open quote"}
	}
	return nil
}

// specs are the names; commas inside a range of versions were taken for ends of
// names.
func (a pipArgs) specs() []string {
	var out []string
	for _, n := range a.Names {
		n = strings.TrimSpace(n)
		if len(out) > 0 && regexp.MustCompile(`^(===|==|!=|~=|>=|<=|<|>)`).MatchString(n) {
			out[len(out)-1] += "," + n
		} else if n != "" {
			out = append(out, n)
		}
	}
	if a.Version != "" && len(out) == 1 {
		if strings.Trim(a.Version[:1], "<>=!~") == "" {
			out[0] += a.Version
		} else {
			out[0] += "==" + a.Version
		}
	}
	return out
}

// pipWords finds pip: environment, executable. It leaves its words in "$@".
// The step has the same order in full.
const pipWords = `if [ -n "$v" ]; then set -- "$v/bin/python" -m pip
elif [ -n "$x" ]; then set -- "$x"
elif command -v python3 >/dev/null && python3 -c "import pip" 2>/dev/null; then set -- python3 -m pip
elif command -v pip3 >/dev/null; then set -- pip3
else set -- pip; fi
`

// pipText prints what is installed: environment, executable. Status 9: there is no
// such environment, 8: no pip.
const pipText sh.Constant = `v=$1 x=$2
if [ -n "$v" ] && [ ! -e "$v/bin/activate" ]; then exit 9; fi
` + pipWords + `command -v "$1" >/dev/null || exit 8
PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1 "$@" list --format=freeze --no-cache-dir 2>/dev/null || exit 8`

func (a pipArgs) question(venv string) host.Probe {
	return host.NewProbe(pipText, venv, a.Executable)
}

func (pip) Facts(a pipArgs) []host.Question { return kit.Hint(a.Venv, a.question(a.venv(a.Venv))) }

func (a pipArgs) venv(v string) string {
	if v != "" && a.Chdir != "" {
		return kit.Join(a.Chdir, v)
	}
	return v
}

// normal is a name as PEP 503 compares it, without extras.
func normal(name string) string {
	name, _, _ = strings.Cut(name, "[")
	return strings.ToLower(regexp.MustCompile(`[-_.]+`).ReplaceAllString(strings.TrimSpace(name), "-"))
}

// decided says whether what is installed answers a wish, and how: names alone and
// exact versions do, ranges and addresses are pip's own matter.
func decided(spec string, have map[string]string) (there, ok bool) {
	m := regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)(\[[^\]]*\])?\s*(?:==\s*([A-Za-z0-9.!+-]+))?$`).FindStringSubmatch(spec)
	if m == nil {
		return false, false
	}
	v, there := have[normal(m[1])]
	return there && (m[3] == "" || m[3] == v), true
}

func (m pip) Plan(a pipArgs, s host.Seen) (play.Plan, error) {
	words, err := kit.ExpandAll(s, []string{a.Venv, a.Chdir, a.Requirements})
	if err != nil {
		return play.Plan{}, err
	}
	a.Venv, a.Chdir, a.Requirements = words[0], words[1], words[2]
	venv := a.venv(a.Venv)
	ans, err := s.Answer(a.question(venv))
	if err != nil {
		return play.Plan{}, err
	}
	data := value.MapOf("name", value.Null(), "version", value.Null(), "state", value.String(a.State), "requirements", value.Null(), "virtualenv", value.Null())
	put := func(k, v string) {
		if v != "" {
			data.Put(k, value.String(v))
		}
	}
	put("version", a.Version)
	put("requirements", a.Requirements)
	put("virtualenv", venv)
	if len(a.Names) > 0 {
		items := []value.Value{}
		for _, n := range a.Names {
			items = append(items, value.String(n))
		}
		data.Put("name", value.List(items...))
	}
	if ans.Status == 8 && a.Venv == "" {
		return kit.Failure("Unable to find any of pip3 to use. pip needs to be installed."), nil
	}
	if ans.Status == 0 && a.settled(string(ans.Stdout)) {
		return kit.Unchanged("what pip has is as it shall be", data), nil
	}
	return a.run(venv, data), nil
}

// settled reports that pip need not run.
func (a pipArgs) settled(list string) bool {
	if a.State != "present" && a.State != "absent" || a.Requirements != "" || a.Extra != "" && a.State == "present" && strings.Contains(a.Extra, "-U") || a.Editable {
		return false
	}
	have := map[string]string{}
	for line := range strings.Lines(list) {
		if n, v, ok := strings.Cut(strings.TrimSpace(line), "=="); ok {
			have[normal(n)] = v
		}
	}
	for _, spec := range a.specs() {
		there, ok := decided(spec, have)
		if !ok || there != (a.State == "present") {
			return false
		}
	}
	return true
}

// pipRun runs pip: environment, executable, folder, mask, command that makes
// environments, its Python, yes for the system's packages; then pip's words. Its
// first line says whether an environment was made.
const pipRun sh.Constant = `LC_ALL=C PIP_DISABLE_PIP_VERSION_CHECK=1; export LC_ALL PIP_DISABLE_PIP_VERSION_CHECK
v=$1 x=$2 d=$3 um=$4 mk=$5 py=$6 site=$7
shift 7
if [ -n "$um" ]; then umask "$um"; fi
cd "${d:-${TMPDIR:-/tmp}}" || exit 1
made=no
if [ -n "$v" ] && [ ! -e "$v/bin/activate" ]; then
made=yes
if [ "$mk" = virtualenv ] && ! command -v virtualenv >/dev/null; then mk="${py:-python3} -m venv" py=; fi
case $mk in *venv*) [ "$mk" = virtualenv ] || py= ;; esac
$mk ${py:+-p"$py"} ${site:+--system-site-packages} "$v" >&2 || { echo "failed to make the environment $v" >&2; exit 1; }
fi
if [ -n "$v" ]; then PATH=$v/bin:$PATH; export PATH; fi
echo "$made"
if [ -n "$v" ]; then "$v/bin/python" -m pip "$@"
elif [ -n "$x" ]; then "$x" "$@"
elif command -v python3 >/dev/null && python3 -c "import pip" 2>/dev/null; then python3 -m pip "$@"
elif command -v pip3 >/dev/null; then pip3 "$@"
else pip "$@"; fi`

// run is the plan of one pip.
func (a pipArgs) run(venv string, data *value.Map) play.Plan {
	verb := map[string][]string{"present": {"install"}, "latest": {"install", "-U"}, "forcereinstall": {"install", "-U", "--force-reinstall"}, "absent": {"uninstall", "-y"}}[a.State]
	words := append([]string{}, verb...)
	if a.Break {
		words = append(words, "--break-system-packages")
	}
	extra, _ := sh.Split(a.Extra)
	words = append(words, extra...)
	if a.Editable {
		words = append(words, "-e")
	}
	words = append(words, a.specs()...)
	if a.Requirements != "" {
		words = append(words, "-r", a.Requirements)
	}
	args := []string{venv, a.Executable, a.Chdir, a.Umask, a.VenvCommand, a.VenvPython, kit.Yes(a.SitePackages)}
	line := strings.Join(append([]string{"pip"}, words...), " ")
	simple := a.Requirements == ""
	for _, spec := range a.specs() {
		_, ok := decided(spec, nil)
		simple = simple && ok
	}
	return play.Plan{
		Steps:   []host.Step{host.Run{Cmd: sh.Script(pipRun, append(args, words...)...), What: kit.OneLine(line)}},
		Repeats: !simple || a.State == "latest" || a.State == "forcereinstall" || a.Editable,
		Result:  play.Result{Changed: true, Data: data},
		Finish: kit.After(func(ran []host.Output) (play.Result, error) {
			made, text, _ := strings.Cut(string(ran[0].Stdout), "\n")
			out := data.Clone()
			for k, v := range kit.Outputs(text, string(ran[0].Stderr), false).All() {
				out.Set(k, v)
			}
			out.Put("cmd", value.String(line))
			word := map[bool]string{true: "Successfully uninstalled", false: "Successfully installed"}[a.State == "absent"]
			return play.Result{Changed: made == "yes" || strings.Contains(text, word), Data: out}, nil
		}),
	}
}
