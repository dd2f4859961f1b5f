package ast_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"remoterun/playbooks/ast"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// expr is a stand-in for the expression language: names are words that are not
// called, quoted or behind a dot; an odd parenthesis is a mistake.
type expr struct{}

var (
	quoted   = regexp.MustCompile(`'[^']*'|"[^"]*"`)
	filters  = regexp.MustCompile(`\|\s*[a-z_0-9]+|\bis\s+(not\s+)?[a-z]+`)
	braced   = regexp.MustCompile(`(?s)\{\{(.*?)\}\}|\{%(.*?)%\}`)
	nameForm = regexp.MustCompile(`(^|[^.\w])([a-zA-Z_]\w*)\s*($|[^\w\s(]|\s)`)
)

type exprError struct {
	at  value.Pos
	msg string
}

func (e *exprError) Error() string    { return e.at.String() + ": " + e.msg }
func (e *exprError) Place() value.Pos { return e.at }
func (e *exprError) Message() string  { return e.msg }

func (expr) Inspect(v value.Value, bare bool) (play.Uses, error) {
	text := value.Str(v)
	var parts []string
	if bare && !value.Templated(text) {
		parts = []string{text}
	} else {
		for _, m := range braced.FindAllStringSubmatch(text, -1) {
			parts = append(parts, m[1]+m[2])
		}
		if strings.Count(text, "{{") != strings.Count(text, "}}") {
			return play.Uses{}, &exprError{v.Origin().At(0, strings.Index(text, "{{")), "unexpected end of template"}
		}
	}
	var u play.Uses
	for _, p := range parts {
		if strings.Count(p, "(") != strings.Count(p, ")") {
			return u, &exprError{v.Origin().At(0, 0), "unbalanced parenthesis"}
		}
		p = filters.ReplaceAllString(quoted.ReplaceAllString(p, "1"), "")
		for _, m := range nameForm.FindAllStringSubmatch(p+" ", -1) {
			if n := m[2]; !slices.Contains([]string{"and", "or", "not", "in", "is", "if", "else"}, n) {
				u.Names = append(u.Names, n)
			}
		}
	}
	return u, nil
}

func (expr) Render(_ context.Context, v value.Value, s play.Scope) (value.Value, error) {
	text := value.Str(v)
	var err error
	out := braced.ReplaceAllStringFunc(text, func(m string) string {
		name := strings.TrimSpace(strings.Trim(m, "{}"))
		got, ok, _ := s.Var(name)
		if !ok {
			err = fmt.Errorf("%q is undefined", name)
		}
		return value.Str(got)
	})
	return value.String(out), err
}

func (expr) Test(context.Context, value.Value, play.Scope) (bool, error) { panic("not at load time") }

func (expr) File(context.Context, string, string, play.Scope) (value.Value, error) {
	panic("not at load time")
}

func (expr) Lookup(context.Context, string, value.Value, play.Scope) (value.Value, error) {
	panic("not at load time")
}

// module checks names only.
type module struct{ spec play.Spec }

func (m module) Spec() play.Spec { return m.spec }

func (m module) Check(args *value.Map) []*play.ArgError {
	var errs []*play.ArgError
	var names []string
	for _, a := range m.spec.Args {
		names = append(names, a.Name)
		if _, ok := args.Lookup(a.Name); a.Required && !ok {
			errs = append(errs, &play.ArgError{Arg: a.Name, Msg: "is required", Pos: args.Pos})
		}
	}
	for k := range args.All() {
		if n := value.Str(k); !slices.Contains(names, n) && n != "_raw_params" {
			errs = append(errs, &play.ArgError{Arg: n, Msg: "there is no such argument", Allowed: names, Pos: value.PosOf(k)})
		}
	}
	return errs
}

func (m module) Bind(context.Context, *value.Map, play.Inputs) (play.Bound, error) {
	panic("not at load time")
}

type catalog map[string]play.Module

func (c catalog) Find(name string) (play.Module, bool) { m, ok := c[play.Own(name)]; return m, ok }

func (c catalog) Names() []string {
	var out []string
	for n := range c {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func spec(name, free string, args ...string) play.Spec {
	s := play.Spec{Name: name, FreeForm: free}
	for _, a := range args {
		s.Args = append(s.Args, play.Arg{Name: strings.TrimSuffix(a, "!"), Required: strings.HasSuffix(a, "!"), Type: "raw"})
	}
	return s
}

func modules() catalog {
	c := catalog{}
	for _, s := range []play.Spec{
		spec("command", "_raw_params", "chdir", "creates", "removes", "stdin"),
		spec("shell", "_raw_params", "chdir", "creates", "executable"),
		spec("script", "_raw_params", "creates"),
		spec("copy", "", "src", "dest!", "content", "mode", "remote_src"),
		spec("template", "", "src!", "dest!", "mode"),
		spec("ping", "", "data"),
		spec("file", "", "path!", "state", "mode"),
		spec("apt", "", "name", "state", "update_cache"),
		spec("setup", ""),
	} {
		c[s.Name] = module{s}
	}
	return c
}

func actions() map[string]play.Spec {
	meta := spec("meta", "action", "action")
	meta.Args[0].Choices = []string{"flush_handlers", "end_host", "end_play", "noop", "clear_facts", "refresh_inventory", "reset_connection"}
	debug := spec("debug", "", "msg", "var", "verbosity")
	debug.Args[2].Type = "int"
	out := map[string]play.Spec{"meta": meta, "debug": debug}
	for _, s := range []play.Spec{
		spec("assert", "", "that!", "fail_msg", "success_msg", "quiet"), spec("fail", "", "msg"), spec("set_fact", "", "*", "cacheable"),
		spec("pause", "", "seconds", "minutes", "prompt", "echo"), spec("include_tasks", "_raw_params", "file", "apply"),

		spec("include_role", "", "name!", "tasks_from", "vars_from", "defaults_from", "handlers_from", "apply", "public", "allow_duplicates", "rolespec_validate"),
		spec("include_vars", "_raw_params", "file", "dir", "name"), spec("add_host", "", "name!", "groups", "*"), spec("group_by", "", "key!"),
	} {
		out[s.Name] = s
	}
	return out
}

func env() ast.Env {
	return ast.Env{Modules: modules(), Actions: actions(), Expr: expr{}, Defines: func(n string) bool { return n == "from_inventory" }}
}

// project writes files (a txtar-like map) into a folder of its own.
func project(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// load reads site.yml of a project; texts of mistakes lose the folder.
func load(t testing.TB, files map[string]string) (book *play.Playbook, l *ast.Loader, mistakes string, warnings []string) {
	t.Helper()
	dir := project(t, files)
	l = ast.New(env())
	book, err := l.Playbook(filepath.Join(dir, "site.yml"))
	if err != nil {
		mistakes = strings.ReplaceAll(err.Error(), dir+"/", "")
	}
	for _, w := range l.Warnings() {
		warnings = append(warnings, strings.ReplaceAll(w.String(), dir+"/", ""))
	}
	return book, l, mistakes, warnings
}

// tasks wraps tasks into a play.
func tasks(text string) map[string]string {
	return map[string]string{"site.yml": "- hosts: all\n  tasks:\n" + indent(text, "    ")}
}

func indent(text, by string) string {
	var b strings.Builder
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		b.WriteString(by + line + "\n")
	}
	return b.String()
}
