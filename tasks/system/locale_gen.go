package system

import (
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// localeArgs are the arguments of locale_gen.
type localeArgs struct {
	Names []string `arg:"name" need:"yes" help:"locales: en_US.UTF-8"`
	State string   `arg:"state" default:"present" choices:"absent,present" help:"whether the host shall have them"`
}

// LocaleGen keeps locales.
func LocaleGen() play.Module {
	return kit.Define(kit.Doc{Name: "locale_gen", Short: "locales of the host"}, localeGen{})
}

type localeGen struct{}

func (localeGen) Validate(a localeArgs) *play.ArgError {
	for _, n := range a.Names {
		if n == "" || strings.HasPrefix(n, "-") || strings.ContainsAny(n, " \t\n/") {
			return &play.ArgError{Arg: "name", Msg: fmt.Sprintf("%q is not valid as the name of a locale", n)}
		}
	}
	return nil
}

// localesText prints what there is, how the host makes them (ubuntu, debian,
// none), then what could be made, then the file of those that are made.
const localesText sh.Constant = `if [ -d /var/lib/locales/supported.d ]; then echo ubuntu
elif [ -f /etc/locale.gen ]; then echo debian
else echo none; fi
locale -a 2>/dev/null
echo @
cat /usr/share/i18n/SUPPORTED 2>/dev/null
echo @
cat /etc/locale.gen 2>/dev/null`

func (localeGen) Facts(localeArgs) []host.Question {
	return []host.Question{host.NewProbe(localesText)}
}

// localeName is a name as locale -a writes it.
func localeName(n string) string {
	base, set, ok := strings.Cut(n, ".")
	if !ok {
		return n
	}
	set, mod, at := strings.Cut(set, "@")
	set = strings.ToLower(strings.ReplaceAll(set, "-", ""))
	if at {
		return base + "." + set + "@" + mod
	}
	return base + "." + set
}

// ubuntuText makes or removes locales of Ubuntu: state, names.
const ubuntuText sh.Constant = `s=$1; shift
if [ "$s" = present ]; then locale-gen "$@"
else localedef --delete-from-archive "$@"; fi`

const localeGenText sh.Constant = `locale-gen`

func (m localeGen) Plan(a localeArgs, s host.Seen) (play.Plan, error) {
	ans, err := s.Answer(host.NewProbe(localesText))
	if err != nil {
		return play.Plan{}, err
	}
	kind, rest, _ := strings.Cut(string(ans.Stdout), "\n")
	have, rest, _ := strings.Cut(rest, "@\n")
	supported, file, _ := strings.Cut(rest, "@\n")
	if kind == "none" {
		return kit.Failure("/etc/locale.gen and /var/lib/locales/supported.d are missing. Is the package \"locales\" installed?"), nil
	}
	data := value.MapOf("name", value.String(strings.Join(a.Names, ",")))
	there := map[string]bool{}
	for l := range strings.Lines(have) {
		there[strings.TrimSpace(l)] = true
	}
	var todo []string
	for _, n := range a.Names {
		if (there[localeName(n)] || there[n]) != (a.State == "present") {
			todo = append(todo, n)
		}
	}
	if len(todo) == 0 {
		return kit.Unchanged("the locales are as they shall be", data), nil
	}
	p := play.Plan{Result: play.Result{Changed: true, Data: data}}
	if kind == "ubuntu" {
		p.Steps = []host.Step{host.Run{Cmd: sh.Script(ubuntuText, append([]string{a.State}, todo...)...), What: "locale-gen " + strings.Join(todo, " ")}}
		return p, nil
	}
	now, missing := editLocales(file, supported, todo, a.State)
	if missing != "" {
		return kit.Failure("The locale you've entered is not available on your system: %s", missing), nil
	}
	if now != file {
		w := kit.Write{Path: "/etc/locale.gen", Old: []byte(file)}
		p.Steps = append(p.Steps, w.Step(kit.MadeInput("/etc/locale.gen", []byte(now))))
		p.Diff = []play.Diff{{BeforeHeader: "/etc/locale.gen", AfterHeader: "/etc/locale.gen", BeforeText: file, AfterText: now}}
	}
	p.Steps = append(p.Steps, host.Run{Cmd: sh.Script(localeGenText), What: "locale-gen"})
	return p, nil
}

// editLocales takes the signs of comments off lines, or puts them on.
func editLocales(file, supported string, names []string, state string) (now, missing string) {
	lines := strings.SplitAfter(file, "\n")
	for _, n := range names {
		found := false
		for i, l := range lines {
			f := strings.Fields(strings.TrimLeft(l, "# \t"))
			if len(f) != 2 || f[0] != n {
				continue
			}
			found = true
			lines[i] = f[0] + " " + f[1] + "\n"
			if state == "absent" {
				lines[i] = "# " + lines[i]
			}
		}
		if found || state == "absent" {
			continue
		}
		for l := range strings.Lines(supported) {
			if f := strings.Fields(l); len(f) == 2 && f[0] == n {
				found = true
				if last := len(lines) - 1; lines[last] != "" {
					lines[last] += "\n"
				}
				lines = append(lines, f[0]+" "+f[1]+"\n")
				break
			}
		}
		if !found {
			return file, n
		}
	}
	return strings.Join(lines, ""), ""
}
