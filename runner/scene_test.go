package runner

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"remoterun/playbooks/ast"
	"remoterun/runner/action"
	"remoterun/runner/event"
	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// scene is a playbook as people write it, on hosts that are played: what its steps
// did, and how its hosts ended, in short words.
//
// The modules are put (NAME, or NAME=TEXT), breaks (on the host that it names, or on
// all), has (data: now, what the host has under NAME) and odd (a result with data and
// a status of its own).
type scene struct {
	name  string
	hosts string // "h1" when empty
	texts string // what every host has: NAME=TEXT …
	play  string // the plays, in YAML
	files map[string]string
	want  Wishes
	ran   string // HOST STEP STEP … | HOST …
	recap string // HOST ok2 changed1 … | HOST …; "" = not looked at
	says  string // what one of the failures says
}

// sceneModules have free text, so that plays stay short.
type sceneModules map[string]func(*value.Map) play.Bound

func (m sceneModules) Find(name string) (play.Module, bool) {
	make, ok := m[name]
	return sceneModule{benchModule{name, make}}, ok
}

func (m sceneModules) Names() []string { return nil }

type sceneModule struct{ benchModule }

func (m sceneModule) Spec() play.Spec {
	return play.Spec{Name: m.name, FreeForm: "text", Args: []play.Arg{{Name: "text"}}}
}

// putText makes the host have NAME=TEXT, or NAME=NAME.
func putText(args *value.Map) play.Bound {
	name := argOf(args, "_raw_params")
	is := name
	for k, v := range args.All() {
		if key := value.Str(k); key != "_raw_params" {
			name, is = key, value.Str(v)
		}
	}
	return thing(value.MapOf("name", value.String(name), "is", value.String(is)))
}

func breaksOn(args *value.Map) play.Bound {
	return fails(value.MapOf("on", value.String(argOf(args, "_raw_params"))))
}

func hasText(args *value.Map) play.Bound {
	return tell(value.MapOf("name", value.String(argOf(args, "_raw_params"))))
}

// odd changes nothing and gives data: what its text says.
func odd(args *value.Map) play.Bound {
	text := argOf(args, "_raw_params")
	return planFunc(func(host.Seen) (play.Plan, error) {
		return play.Plan{Result: play.Result{Msg: text, Data: value.MapOf("rc", value.Int(2), "stdout", value.String(text))}}, nil
	})
}

// perform plays a scene and holds what it says.
func (c scene) perform(t *testing.T) *stage {
	t.Helper()
	s := newStage("h1")
	if c.hosts != "" {
		s = newStage(c.hosts)
	}
	for _, name := range s.hosts {
		h := s.house.Host(name)
		h.Texts["me"] = name
		for _, word := range strings.Fields(c.texts) {
			key, is, _ := strings.Cut(word, "=")
			h.Texts[key] = is
		}
	}
	files := map[string]string{"site.yml": c.play}
	for name, text := range c.files {
		files[name] = text
	}
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	expr := engine()
	loader := ast.New(ast.Env{
		Modules: sceneModules{"put": putText, "breaks": breaksOn, "has": hasText, "odd": odd},
		Actions: action.Specs(),
		Expr:    expr,
	})
	book, err := loader.Playbook(filepath.Join(dir, "site.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range book.Plays {
		p.GatherFacts = value.Bool(false)
	}
	st, err := New(World{Inventory: s, Expr: expr, Connector: s, Sink: s, Loader: loader}, c.want).Run(context.WithoutCancel(t.Context()), book)
	if err != nil {
		t.Fatal(err)
	}
	if bad := s.house.Refused(); bad != nil {
		t.Fatalf("commands that no host knows: %q", bad)
	}
	if got := s.ran(); got != c.ran {
		t.Errorf("ran:\n%s\nwant:\n%s", got, c.ran)
	}
	if got := recap(st); c.recap != "" && got != c.recap {
		t.Errorf("recap:\n%s\nwant:\n%s", got, c.recap)
	}
	if c.says != "" && !slices.ContainsFunc(s.events, func(e event.Event) bool { return strings.Contains(saysOf(e), c.says) }) {
		var all []string
		for _, e := range s.events {
			all = append(all, saysOf(e))
		}
		t.Errorf("nothing says %q:\n%s", c.says, strings.Join(all, "\n"))
	}
	return s
}

// saysOf is what a result or a warning says.
func saysOf(e event.Event) string {
	switch e := e.(type) {
	case event.HostResult:
		msg, _ := e.Result.Lookup("msg")
		return value.Str(msg) + fmt.Sprint(e.Err)
	case event.ItemResult:
		msg, _ := e.Result.Lookup("msg")
		return value.Str(msg) + fmt.Sprint(e.Err)
	case event.Warning:
		return e.Text
	}
	return ""
}

// ran is what steps did on each host, in the order of each.
func (s *stage) ran() string {
	by := map[string][]string{}
	for _, st := range s.house.Steps() {
		name, what, _ := strings.Cut(st, " ")
		if key, is, ok := strings.Cut(what, "="); ok && key == is {
			what = key
		}
		by[name] = append(by[name], what)
	}
	var out []string
	for name, list := range by {
		out = append(out, name+" "+strings.Join(list, " "))
	}
	slices.Sort(out)
	return strings.Join(out, " | ")
}

// recap is how hosts ended, without what is 0.
func recap(st *event.Stats) string {
	var out []string
	for name, c := range st.Hosts {
		line := name
		for _, n := range []struct {
			word string
			n    int
		}{{"ok", c.OK}, {"changed", c.Changed}, {"unreachable", c.Unreachable}, {"failed", c.Failed}, {"skipped", c.Skipped}, {"rescued", c.Rescued}, {"ignored", c.Ignored}} {
			if n.n > 0 {
				line += fmt.Sprintf(" %s%d", n.word, n.n)
			}
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return strings.Join(out, " | ")
}

func performAll(t *testing.T, scenes []scene) {
	for _, c := range scenes {
		t.Run(c.name, func(t *testing.T) { c.perform(t) })
	}
}
