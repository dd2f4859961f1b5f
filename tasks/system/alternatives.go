package system

import (
	"fmt"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// alternativesArgs are the arguments of alternatives.
type alternativesArgs struct {
	Name     string      `arg:"name" need:"yes" help:"the generic name"`
	Path     string      `arg:"path" type:"path" help:"the program that it shall lead to"`
	Link     string      `arg:"link" type:"path" help:"the link, of a name that is new"`
	Priority *int        `arg:"priority" help:"of an alternative that is added; 50 by default"`
	State    string      `arg:"state" default:"selected" choices:"absent,auto,present,selected" help:"selected: added where it is missing, and chosen; present: only added"`
	Subs     value.Value `arg:"subcommands" type:"list of dict" help:"links that go with it: name, path, link"`
}

// Alternatives keeps which program a generic name leads to.
func Alternatives() play.Module {
	return kit.Define(kit.Doc{Name: "alternatives", Short: "which program a generic name leads to"}, alternatives{})
}

type alternatives struct{}

func (alternatives) Validate(a alternativesArgs) *play.ArgError {
	if a.State != "auto" && a.Path == "" {
		return &play.ArgError{Arg: "path", Msg: "missing required arguments: path"}
	}
	if strings.HasPrefix(a.Name, "-") || strings.ContainsAny(a.Name, "/ \t\n") || a.Name == "" {
		return &play.ArgError{Arg: "name", Msg: fmt.Sprintf("%q is not valid as a generic name", a.Name)}
	}
	for i, it := range a.Subs.Items() {
		m, ok := it.AsMap()
		for _, k := range []string{"name", "path", "link"} {
			if _, has := m.Lookup(k); !ok || !has {
				return &play.ArgError{Arg: "subcommands", Msg: fmt.Sprintf("item %d: name, path and link are needed", i)}
			}
		}
	}
	return nil
}

func (a alternativesArgs) question() host.Probe {
	return host.NewProbe(`LC_ALL=C; export LC_ALL
if command -v update-alternatives >/dev/null; then u=update-alternatives; elif command -v alternatives >/dev/null; then u=alternatives; else exit 9; fi
"$u" --query "$1" 2>/dev/null || "$u" --display "$1" 2>/dev/null; true`, a.Name)
}

func (alternatives) Facts(a alternativesArgs) []host.Question {
	return []host.Question{a.question()}
}

const alternativesText sh.Constant = `if command -v update-alternatives >/dev/null; then update-alternatives "$@"; else alternatives "$@"; fi`

// alternativesAt is what update-alternatives --query says.
type alternativesAt struct {
	link, value, mode string
	prio              map[string]int
	slaves            map[string]map[string]string // by program: name, path
}

func parseAlternatives(text string) alternativesAt {
	at := alternativesAt{prio: map[string]int{}, slaves: map[string]map[string]string{}}
	alt, slaves := "", false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if slaves && strings.HasPrefix(line, " ") && alt != "" {
			n, p, _ := strings.Cut(strings.TrimSpace(line), " ")
			at.slaves[alt][n] = p
			continue
		}
		k, v, _ := strings.Cut(line, ":")
		v = strings.TrimSpace(v)
		slaves = k == "Slaves"
		switch k {
		case "Link":
			at.link = v
		case "Status":
			at.mode = v
		case "Value":
			at.value = v
		case "Alternative":
			alt = v
			at.slaves[alt] = map[string]string{}
			at.prio[alt] = 0
		case "Priority":
			at.prio[alt], _ = strconv.Atoi(v)
		}
	}
	return at
}

func (alternatives) Plan(a alternativesArgs, s host.Seen) (play.Plan, error) {
	ans, err := s.Answer(a.question())
	if err != nil {
		return play.Plan{}, err
	}
	if ans.Status == 9 {
		return kit.Failure(`Failed to find required executable "update-alternatives" on the host`), nil
	}
	at := parseAlternatives(string(ans.Stdout))
	p := play.Plan{Result: play.Result{Changed: true, Data: value.NewMap()}}
	run := func(words ...string) {
		p.Steps = append(p.Steps, host.Run{Cmd: sh.Script(alternativesText, words...), What: "update-alternatives " + strings.Join(words, " ")})
	}
	prio, there := at.prio[a.Path]
	switch a.State {
	case "absent":
		if there {
			run("--remove", a.Name, a.Path)
		}
	case "auto":
		if at.mode == "manual" {
			run("--auto", a.Name)
		}
	default:
		link := a.Link
		if link == "" {
			link = at.link
		}
		if !there || a.Priority != nil && *a.Priority != prio || a.Link != "" && at.link != "" && a.Link != at.link || a.subsDiffer(at) {
			if link == "" {
				return kit.Failure("Needed to install the alternative, but unable to do so as we are missing the link"), nil
			}
			if a.Priority != nil {
				prio = *a.Priority
			} else if !there {
				prio = 50
			}
			run(append([]string{"--install", link, a.Name, a.Path, strconv.Itoa(prio)}, a.subs()...)...)
		}
		if a.State == "selected" && at.value != a.Path {
			run("--set", a.Name, a.Path)
		}
	}
	if len(p.Steps) == 0 {
		return kit.Unchanged(a.Name+" is as it shall be", value.NewMap()), nil
	}
	return p, nil
}

// subs are the words of the links that go with it.
func (a alternativesArgs) subs() []string {
	var out []string
	for _, it := range a.Subs.Items() {
		m, _ := it.AsMap()
		get := func(k string) string { v, _ := m.Lookup(k); return value.Str(v) }
		out = append(out, "--slave", get("link"), get("name"), get("path"))
	}
	return out
}

func (a alternativesArgs) subsDiffer(at alternativesAt) bool {
	for w := a.subs(); len(w) > 3; w = w[4:] {
		if at.slaves[a.Path][w[2]] != w[3] {
			return true
		}
	}
	return false
}
