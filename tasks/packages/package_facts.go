package packages

import (
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// packageFactsArgs are the arguments of package_facts.
type packageFactsArgs struct {
	Managers []string `arg:"manager" default:"auto" choices:"auto,apk,apt,pacman,rpm" help:"whose packages"`
	Strategy string   `arg:"strategy" default:"first" choices:"all,first" help:"the first manager that the host has, or all of them"`
}

// PackageFacts reads which packages are installed.
func PackageFacts() play.Module {
	return kit.Define(kit.Doc{Name: "package_facts", Short: "which packages are installed, as facts"}, packageFacts{})
}

type packageFacts struct{}

// listText prints installed packages: a line with the manager, then one per
// package. Arguments: managers in order, before them yes for all that there are.
const listText sh.Constant = `LC_ALL=C; export LC_ALL
all=$1; shift
for m; do
case $m in
rpm) command -v rpm >/dev/null && l=$(rpm -qa --qf '%{NAME}\t%{VERSION}\t%{RELEASE}\t%{EPOCH}\t%{ARCH}\n' 2>/dev/null) && [ -n "$l" ] || continue ;;
apt) command -v dpkg-query >/dev/null && l=$(dpkg-query -W -f '${db:Status-Abbrev}\t${Package}\t${Version}\t${Architecture}\t${Section}\n' 2>/dev/null | grep "^.i") || continue ;;
pacman) command -v pacman >/dev/null && l=$(pacman -Q 2>/dev/null) || continue ;;
apk) command -v apk >/dev/null && l=$(apk info -v 2>/dev/null) || continue ;;
esac
printf "@%s\n%s\n" "$m" "$l"
if [ -z "$all" ]; then break; fi
done`

func (a packageFactsArgs) question() host.Probe {
	list := []string{}
	for _, m := range a.Managers {
		if m == "auto" {
			list = append(list, "rpm", "apt", "pacman", "apk")
		} else {
			list = append(list, m)
		}
	}
	return host.NewProbe(listText, append([]string{kit.Yes(a.Strategy == "all")}, list...)...)
}

func (packageFacts) Facts(a packageFactsArgs) []host.Question { return []host.Question{a.question()} }

func (packageFacts) Plan(a packageFactsArgs, s host.Seen) (play.Plan, error) {
	ans, err := s.Answer(a.question())
	if err != nil {
		return play.Plan{}, err
	}
	manager := ""
	found := map[string][]value.Value{}
	var names []value.Value
	for line := range strings.Lines(string(ans.Stdout)) {
		line = strings.TrimSuffix(line, "\n")
		if m, ok := strings.CutPrefix(line, "@"); ok {
			manager = m
			continue
		}
		if p := onePackage(manager, line); p != nil {
			name, _ := p.Lookup("name")
			key := value.Str(name)
			if found[key] == nil {
				names = append(names, name)
			}
			found[key] = append(found[key], value.FromMap(p))
		}
	}
	list := value.NewMap()
	for _, n := range names {
		list.Set(n, value.List(found[value.Str(n)]...))
	}
	if manager == "" {
		return kit.Failure("Could not detect a supported package manager from the following list: %s, or the required Python library is not installed. Check warnings for details.", strings.Join(a.Managers, ", ")), nil
	}
	facts := value.MapOf("packages", value.FromMap(list))
	p := kit.Unchanged("it only reads", value.MapOf("ansible_facts", value.FromMap(facts)))
	p.Result.Facts = facts
	return p, nil
}

// onePackage reads a line; nil = it is none.
func onePackage(manager, line string) *value.Map {
	put := func(kv ...string) *value.Map {
		m := value.NewMap()
		for i := 0; i+1 < len(kv); i += 2 {
			m.Put(kv[i], kit.HostText(kv[i+1]))
		}
		m.Put("source", value.String(manager))
		return m
	}
	f := strings.Split(line, "\t")
	switch {
	case manager == "rpm" && len(f) == 5:
		m := put("name", f[0], "version", f[1], "release", f[2], "epoch", f[3], "arch", f[4])
		m.Put("epoch", value.Null())
		if n, ok := digits(f[3]); ok {
			m.Put("epoch", value.Int(n))
		}
		return m
	case manager == "apt" && len(f) == 5:
		return put("name", f[1], "version", f[2], "arch", f[3], "category", f[4], "origin", "")
	case manager == "pacman":
		if n, v, ok := strings.Cut(line, " "); ok {
			return put("name", n, "version", v)
		}
	case manager == "apk":
		if j := strings.LastIndexByte(line, '-'); j > 0 {
			if i := strings.LastIndexByte(line[:j], '-'); i > 0 && i+1 < j && j+1 < len(line) {
				return put("name", line[:i], "version", line[i+1:j], "release", line[j+1:])
			}
		}
	}
	return nil
}

func digits(s string) (n int64, ok bool) {
	for _, r := range s {
		if r < '0' || r > '9' || n > 1<<40 {
			return 0, false
		}
		n = n*10 + int64(r-'0')
	}
	return n, s != ""
}
