package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/playbooks/ast"
	"remoterun/runner"
	"remoterun/runner/action"
	"remoterun/runner/event"
	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks"
	"remoterun/tasks/kit"
)

// peekArgs are a test module's: it looks whether a file is there, makes it, or
// tells in a step of its own what its plan was made of.
type peekArgs struct {
	Path string `arg:"path" need:"yes" help:"a file"`
	Do   string `arg:"do" need:"yes" choices:"look,make,tell" help:"what is done"`
}

type peek struct{}

func (peek) Facts(peekArgs) []host.Question { return nil }

func (peek) Plan(a peekArgs, s host.Seen) (play.Plan, error) {
	there, err := s.Answer(host.NewProbe(`[ -e "$1" ] && echo yes || echo no`, a.Path).Wide())
	if err != nil {
		return play.Plan{}, err
	}
	if a.Do == "look" { // a second round of questions: plans behind are made of the first one's answers
		if _, err := s.Answer(host.NewProbe("echo more").Wide()); err != nil {
			return play.Plan{}, err
		}
	}
	said := strings.TrimSpace(string(there.Stdout))
	r := play.Result{Data: value.MapOf("there", value.String(said))}
	switch a.Do {
	case "make":
		return play.Plan{Result: r, Steps: []host.Step{peekStep(func() error { return os.WriteFile(a.Path, nil, 0o600) })}}, nil
	case "tell":
		return play.Plan{Result: r, Steps: []host.Step{peekStep(func() error { return nil })}}, nil
	}
	return play.Plan{Result: r}, nil
}

// peekStep never rides a chain.
type peekStep func() error

func (peekStep) Describe() string { return "a step" }

func (p peekStep) Do(context.Context, host.Writer) (host.Output, error) { return host.Output{}, p() }

// TestPlansFollowAnswers: a task that asks again what a later task was planned
// on makes that plan old, however new the returns are.
func TestPlansFollowAnswers(t *testing.T) {
	dir := t.TempDir()
	book := filepath.Join(dir, "book.yaml")
	writeFile(t, book, `- hosts: h1
  gather_facts: false
  tasks:
    - peek: {path: "{{ root }}/f", do: look}
    - peek: {path: "{{ root }}/f", do: make}
    - peek: {path: "{{ root }}/f", do: look}
    - peek: {path: "{{ root }}/f", do: tell}
`)
	a := &app{in: strings.NewReader(""), out: &strings.Builder{}, err: &strings.Builder{}, env: func(string) (string, bool) { return "", false }}
	a.terminal = func() (terminal, error) { return nil, errors.New("none in this test") }
	s, err := a.open(t.Context(), &runFlags{projectFlags: projectFlags{inventory: []string{"h1,"}, extra: []string{"root=" + dir}}, connection: "local", passphraseFD: -1})
	if err != nil {
		t.Fatal(err)
	}
	s.modules = tasks.NewRegistry(append(tasks.All(), kit.Define(kit.Doc{Name: "peek", Short: "looks"}, peek{}))...)
	s.loader = ast.New(ast.Env{File: s.readFile, Decrypt: s.vaults.decrypt, Exists: s.exists, Modules: s.modules, Actions: action.Specs(), Expr: s.expr, Extra: s.extra, Defines: s.defines})
	books, err := s.loader.Load(book)
	if err != nil {
		t.Fatal(err)
	}
	var saw []string
	s.sink = sinkFunc(func(e event.Event) {
		if e, ok := e.(event.HostResult); ok {
			v, _ := e.Result.Lookup("there")
			saw = append(saw, value.Str(v))
		}
	})
	if _, err := runner.New(s.world(), s.wishes()).Run(t.Context(), books...); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(saw, " "); got != "no no yes yes" {
		t.Errorf("the plans saw %s", got)
	}
}
