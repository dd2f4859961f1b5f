package packages

import (
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// wish is what a task wants of a package manager other than apt.
type wish struct {
	program string   // dnf, yum, apk, zypper, pacman
	names   []string // packages, files, addresses, groups
	state   string   // present, absent, latest
	update  bool     // fetch the lists first
	upgrade bool     // every package
	options []string // for the program
	remove  []string // options of a removal
	always  bool     // the program decides, not what is installed
}

// hasText prints the names of those asked for that are installed: manager, names.
// A manager that the host lacks is status 9.
const hasText sh.Constant = `m=$1; shift
case $m in dnf) command -v dnf >/dev/null || command -v dnf5 >/dev/null || command -v microdnf >/dev/null || command -v yum >/dev/null ;; yum) command -v yum >/dev/null || command -v dnf >/dev/null ;; *) command -v "$m" >/dev/null ;; esac || exit 9
for n; do
case $m in
apk) apk info -e "$n" >/dev/null 2>&1 ;;
pacman) pacman -Q -- "$n" >/dev/null 2>&1 || pacman -T -- "$n" >/dev/null 2>&1 ;;
*) rpm -q -- "$n" >/dev/null 2>&1 || rpm -q --whatprovides -- "$n" >/dev/null 2>&1 ;;
esac && printf "%s\n" "$n"
done
true`

func (w wish) question() host.Probe {
	return host.NewProbe(hasText, append([]string{w.program}, w.names...)...)
}

// manageText runs the manager: its name, yes to fetch lists first, then its words.
const manageText sh.Constant = `LC_ALL=C; export LC_ALL
m=$1 u=$2; shift 2
case $m in
dnf) if ! command -v dnf >/dev/null; then if command -v dnf5 >/dev/null; then m=dnf5; elif command -v microdnf >/dev/null; then m=microdnf; else m=yum; fi; fi ;;
yum) if ! command -v yum >/dev/null; then m=dnf; fi ;;
esac
if [ -n "$u" ]; then
case $m in
apk) apk update ;;
pacman) pacman --noconfirm -Sy ;;
zypper) zypper --non-interactive refresh ;;
*) "$m" -y -q makecache ;;
esac >&2 || { echo "Failed to update the lists of $m" >&2; exit 1; }
fi
[ $# -eq 0 ] || "$m" "$@" </dev/null`

// words are the manager's for what is wanted of these names.
func (w wish) words(names []string) []string {
	verb := map[string]map[string][]string{
		"dnf":    {"present": {"-y", "install"}, "latest": {"-y", "install", "--best"}, "absent": {"-y", "remove"}, "upgrade": {"-y", "upgrade"}},
		"yum":    {"present": {"-y", "install"}, "latest": {"-y", "install"}, "absent": {"-y", "remove"}, "upgrade": {"-y", "upgrade"}},
		"apk":    {"present": {"add"}, "latest": {"add", "--upgrade"}, "absent": {"del"}, "upgrade": {"upgrade"}},
		"zypper": {"present": {"--non-interactive", "install", "--auto-agree-with-licenses"}, "latest": {"--non-interactive", "install", "--auto-agree-with-licenses"}, "absent": {"--non-interactive", "remove"}, "upgrade": {"--non-interactive", "update", "--auto-agree-with-licenses"}},
		"pacman": {"present": {"--noconfirm", "--needed", "-S"}, "latest": {"--noconfirm", "--needed", "-S"}, "absent": {"--noconfirm", "-R"}, "upgrade": {"--noconfirm", "-Su"}},
	}[w.program]
	kind := w.state
	if w.upgrade {
		kind = "upgrade"
	}
	opts := w.options
	if w.state == "absent" {
		opts = w.remove
	}
	out := append(append([]string{}, verb[kind]...), opts...)
	return append(out, names...)
}

// plan is the manager's plan.
func (w wish) plan(s host.Seen) (play.Plan, error) {
	ans, err := s.Answer(w.question())
	if err != nil {
		return play.Plan{}, err
	}
	if ans.Status == 9 {
		return kit.Failure("Failed to find required executable \"%s\" on the host", w.program), nil
	}
	has := map[string]bool{}
	for n := range strings.Lines(string(ans.Stdout)) {
		has[strings.TrimSpace(n)] = true
	}
	var todo []string
	for _, n := range w.names {
		switch {
		case w.always, w.state == "latest", w.state == "absent" && (has[n] || strings.HasPrefix(n, "@") || strings.Contains(n, "*")), w.state == "present" && !has[n]:
			todo = append(todo, n)
		}
	}
	data := value.MapOf("rc", value.Int(0), "results", value.List())
	if len(todo) == 0 && !w.upgrade {
		if !w.update {
			p := kit.Unchanged("every package is as it shall be", data)
			p.Result.Msg = "Nothing to do"
			return p, nil
		}
		return w.run(nil, data), nil
	}
	return w.run(w.words(todo), data), nil
}

// idle is how managers say that there was nothing to do.
func idle(text string) bool {
	for _, s := range []string{"Nothing to do", "Nothing to do.", "there is nothing to do", "Package matching", "is already installed"} {
		if strings.Contains(text, s) && !strings.Contains(text, "Complete!") {
			return true
		}
	}
	return false
}

func (w wish) run(words []string, data *value.Map) play.Plan {
	line := strings.TrimSpace(w.program + " " + strings.Join(words, " "))
	what := line
	if w.update {
		what = "fetch the lists; " + line
	}
	decided := w.state != "latest" && !w.upgrade && !w.always && !w.update
	for _, n := range w.names {
		decided = decided && !strings.ContainsAny(n, "@*/")
	}
	return play.Plan{
		Steps:   []host.Step{host.Run{Cmd: sh.Script(manageText, append([]string{w.program, kit.Yes(w.update)}, words...)...), What: kit.OneLine(what)}},
		Repeats: !decided,
		Result:  play.Result{Changed: len(words) > 0, Data: data},
		Finish: func(ran []host.Output) (play.Result, error) {
			text := string(ran[0].Stdout)
			out := data.Clone()
			for k, v := range kit.Outputs(text, string(ran[0].Stderr), false).All() {
				out.Set(k, v)
			}
			out.Put("rc", value.Int(int64(ran[0].Status)))
			var list []value.Value
			for l := range strings.Lines(text) {
				if l = strings.TrimSpace(l); l != "" {
					list = append(list, kit.HostText(l))
				}
			}
			out.Put("results", value.List(list...))
			if ran[0].Status != 0 {
				return play.Result{Failed: true, Msg: w.complaint(text, string(ran[0].Stderr)), Data: out}, nil
			}
			changed := len(words) > 0 && !idle(text)
			if w.program == "apk" {
				changed = strings.Contains(text, ") Installing ") || strings.Contains(text, ") Upgrading ") || strings.Contains(text, ") Purging ") || strings.Contains(text, ") Downgrading ") || strings.Contains(text, ") Replacing ")
			}
			return play.Result{Changed: changed, Data: out}, nil
		},
	}
}

// complaint is why a manager failed, with Ansible's words for a name that is not
// known.
func (w wish) complaint(out, err string) string {
	for line := range strings.Lines(err + "\n" + out) {
		if _, n, ok := strings.Cut(line, "No match for argument: "); ok {
			return "Failed to install some of the specified packages: No package " + strings.TrimSpace(n) + " available."
		}
	}
	if m := strings.TrimSpace(err); m != "" {
		return m
	}
	return strings.TrimSpace(out)
}
