package action

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"remoterun/playbooks/jinja"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// names is a scope of plain variables.
type names map[string]value.Value

func (n names) Var(name string) (value.Value, bool, error) { v, ok := n[name]; return v, ok, nil }
func (names) Names() []string                              { return nil }
func (names) Dirs() []string                               { return nil }

// groups is an inventory that keeps what is added.
type groups struct {
	play.Inventory
	said []string
}

func (g *groups) AddHost(name string, in []string, vars *value.Map) (play.Added, error) {
	g.said = append(g.said, "host "+name+" in "+strings.Join(in, ",")+" "+value.Show(value.FromMap(vars)))
	plain, port, _ := strings.Cut(name, ":")
	n, _ := strconv.Atoi(port)
	return play.Added{Name: plain, Port: n, New: true}, nil
}

func (g *groups) AddGroup(host, group string, parents []string) (bool, error) {
	g.said = append(g.said, host+" in "+group+" in "+strings.Join(parents, ","))
	return false, nil
}

// files is a loader of one file of variables.
type files struct{ play.Loader }

func (files) Vars(string) (*value.Map, error) { return value.MapOf("a", value.Int(1)), nil }

func run(t *testing.T, name string, turn *Turn, args ...any) (Did, error) {
	t.Helper()
	a := Of(&play.Task{Action: name})
	if a == nil {
		t.Fatalf("there is no action %s", name)
	}
	turn.Expr = jinja.New(jinja.Options{})
	if turn.Task == nil {
		turn.Task = &play.Task{Action: name}
	}
	if turn.Scope == nil {
		turn.Scope = names{}
	}
	return a.Run(t.Context(), turn, value.MapOf(args...))
}

// TestOf: a module that has an action's name is a module, and nothing is neither.
func TestOf(t *testing.T) {
	if Of(nil) != nil || Of(&play.Task{Action: "copy"}) != nil || Of(&play.Task{Action: "debug", Use: struct{ play.Module }{}}) != nil {
		t.Error("what is no action is taken for one")
	}
}

// TestSpecsMatch: every action has the name under which it is found, a line for
// docs and a way to run, and what waits or asks is not passed by a look ahead.
func TestSpecsMatch(t *testing.T) {
	for name, a := range actions {
		switch {
		case a.Spec.Name != name || a.Spec.Short == "" || a.Run == nil:
			t.Errorf("%s: %+v", name, a.Spec)
		case a.Ahead != Stops && (a.Forgets || a.TakesFiles || a.Quiet || a.Once):
			t.Errorf("%s changes the run, and a look ahead passes it", name)
		case a.TakesFiles && a.Once:
			t.Errorf("%s takes files in for one host alone", name)
		}
	}
	if len(Specs()) != len(actions) {
		t.Error("Specs leaves one out")
	}
}

// TestSetFact: words that mean booleans are booleans, omitted and odd names are
// told, and what is said to be kept is.
func TestSetFact(t *testing.T) {
	did, err := run(t, "set_fact", &Turn{}, "a", value.String("yes"), "b", value.String("x"), "c", value.Int(1), "cacheable", value.Bool(true))
	if err != nil || !did.Cached || value.Repr(value.FromMap(did.Facts)) != "{'a': True, 'b': 'x', 'c': 1}" {
		t.Errorf("%v %v %s", err, did.Cached, value.Repr(value.FromMap(did.Facts)))
	}
	if shown, _ := did.Result.Data.Lookup("ansible_facts"); value.Repr(shown) != value.Repr(value.FromMap(did.Facts)) {
		t.Errorf("the result says %s", value.Repr(shown))
	}
	for _, c := range []struct {
		name string
		want string
	}{
		{"1a", badName("1a").Error()},
		{"a-b", "The variable name 'a-b' is not valid. Variables must start with a letter or underscore character, and contain only letters, numbers and underscores."},
		{"cacheable", "No key/value pairs provided, at least one is required for this action to succeed"},
	} {
		if _, err := run(t, "set_fact", &Turn{}, c.name, value.Bool(true)); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestDebug(t *testing.T) {
	scope := names{"x": value.Int(3), "t": value.String("{{ x + 1 }}")}
	for _, c := range []struct {
		name string
		v    int
		args []any
		want string
	}{
		{"nothing", 0, nil, "{'msg': 'Hello world!'}"},
		{"msg", 0, []any{"msg", value.String("x is {{ x }}")}, "{'msg': 'x is 3'}"},
		{"var", 0, []any{"var", value.String("x")}, "{'x': 3}"},
		{"expression", 0, []any{"var", value.String("x * 2")}, "{'x * 2': 6}"},
		{"no such variable", 0, []any{"var", value.String("nope")}, "{'nope': 'VARIABLE IS NOT DEFINED!'}"},
		{"not loud enough", 0, []any{"msg", value.String("a"), "verbosity", value.Int(1)}, "{'skipped_reason': 'Verbosity threshold not met.'}"},
		{"loud enough", 1, []any{"msg", value.String("a"), "verbosity", value.Int(1)}, "{'msg': 'a'}"},
	} {
		did, err := run(t, "debug", &Turn{Scope: scope, Verbosity: c.v}, c.args...)
		if got := value.Repr(value.FromMap(did.Result.Data)); err != nil || got != c.want {
			t.Errorf("%s: %s %v, want %s", c.name, got, err, c.want)
		}
	}
	if _, err := run(t, "debug", &Turn{}, "msg", value.String("{{ nope }}")); err == nil {
		t.Error("a message of an undefined variable is shown")
	}
}

func TestAssertAndFail(t *testing.T) {
	scope := names{"x": value.Int(3)}
	for _, c := range []struct {
		name   string
		args   []any
		failed bool
		quiet  bool
		want   string
	}{
		{"holds", []any{"that", value.Strings("x == 3", "x > 1")}, false, false, "{'msg': 'All assertions passed'}"},
		{"one text", []any{"that", value.String("x == 3"), "success_msg", value.String("{{ x }} it is"), "quiet", value.String("yes")}, false, true, "{'msg': '3 it is'}"},
		{"the second", []any{"that", value.Strings("x == 3", "x > 9"), "fail_msg", value.String("x is {{ x }}")}, true, false, "{'assertion': 'x > 9', 'evaluated_to': False, 'msg': 'x is 3'}"},
		{"msg is fail_msg", []any{"that", value.Strings("x > 9"), "msg", value.String("no")}, true, false, "{'assertion': 'x > 9', 'evaluated_to': False, 'msg': 'no'}"},
	} {
		did, err := run(t, "assert", &Turn{Scope: scope}, c.args...)
		r := did.Result
		if got := value.Repr(value.FromMap(r.Data)); err != nil || got != c.want || r.Failed != c.failed || r.Quiet != c.quiet {
			t.Errorf("%s: %s failed=%v quiet=%v %v, want %s", c.name, got, r.Failed, r.Quiet, err, c.want)
		}
	}
	if _, err := run(t, "assert", &Turn{}, "that", value.Strings("nope == 1")); err == nil {
		t.Error("a condition of an undefined variable holds or fails, and is no mistake")
	}
	if did, _ := run(t, "fail", &Turn{}); !did.Result.Failed || did.Result.Msg != "Failed as requested from task" {
		t.Errorf("%+v", did.Result)
	}
}

// TestMeta: each word steers as it says, and only those that count for all run on
// one host for all.
func TestMeta(t *testing.T) {
	forAll := strings.Fields("end_play end_batch clear_facts clear_host_errors refresh_inventory")
	want := map[string]Steer{"flush_handlers": FlushHandlers, "end_host": EndHost, "end_batch": EndBatch, "end_play": EndPlay, "clear_facts": ClearFacts, "clear_host_errors": ClearHostErrors, "reset_connection": ResetConnection, "refresh_inventory": RefreshInventory, "end_role": EndRole}
	for _, word := range metaWords {
		did, err := run(t, "meta", &Turn{Task: &play.Task{Role: &play.Role{}}}, "_raw_params", value.String(word))
		task := &play.Task{Action: "meta", Args: value.MapOf("_raw_params", value.String(word))}
		if err != nil || did.Steer != want[word] || Of(task).OnceFor(task) != slices.Contains(forAll, word) {
			t.Errorf("%s: %v %v", word, did.Steer, err)
		}
	}
	if _, err := run(t, "meta", &Turn{}, "_raw_params", value.String("end_all")); err == nil || !strings.HasPrefix(err.Error(), `meta: "end_all" is not one of: noop, flush_handlers`) {
		t.Errorf("%v", err)
	}
}

func TestHostsAndGroups(t *testing.T) {
	g := &groups{}
	did, err := run(t, "add_host", &Turn{Inventory: g}, "hostname", value.String("new"), "groups", value.String("web, db"), "port", value.Int(22))
	if err != nil || did.Regrouped != "new" || !did.Result.Changed {
		t.Errorf("%+v %v", did, err)
	}
	did, err = run(t, "group_by", &Turn{Inventory: g, Host: "h1"}, "key", value.String("os Debian 12"), "parents", value.Strings("my os"))
	if err != nil || did.Regrouped != "h1" || did.Result.Changed {
		t.Errorf("%+v %v", did, err)
	}
	if got := strings.Join(g.said, "; "); got != "host new in web,db {'port': 22}; h1 in os-Debian-12 in my-os" {
		t.Error(got)
	}
	for name, want := range map[string]string{"add_host": "name, host or hostname needs to be provided", "group_by": "the 'key' param is required when using group_by"} {
		if _, err := run(t, name, &Turn{Inventory: g}); err == nil || err.Error() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFilesAreTakenIn(t *testing.T) {
	dir := t.TempDir()
	turn := func() *Turn { return &Turn{Loader: files{}, PlayDir: dir, Dirs: []string{dir}} }
	did, err := run(t, "include_tasks", turn(), "file", value.String("more.yml"))
	if err != nil || did.File != dir+"/more.yml" {
		t.Errorf("%q %v", did.File, err)
	}
	in := turn()
	in.Task = &play.Task{Action: "include_tasks", Dir: "/roles/x/tasks"}
	if did, _ = run(t, "include_tasks", in, "_raw_params", value.String("a.yml")); did.File != "/roles/x/tasks/a.yml" {
		t.Errorf("from a file of its own: %q", did.File)
	}
	if _, err := run(t, "include_vars", turn(), "file", value.String("none.yml")); err == nil || !strings.Contains(err.Error(), "there is no file none.yml on the laptop (looked for "+dir+"/vars/none.yml") {
		t.Errorf("%v", err)
	}
	for _, name := range []string{"include_tasks", "include_vars"} {
		if _, err := run(t, name, turn()); err == nil || !strings.Contains(err.Error(), "needs the name of a file") {
			t.Errorf("%s: %v", name, err)
		}
	}
	role := turn()
	role.Task = &play.Task{Action: "include_role"}
	role.Task.Vars, role.Locals = value.MapOf("a", value.Int(1), "item", value.Int(0)), value.MapOf("item", value.Int(2))
	did, err = run(t, "include_role", role, "name", value.String("web"), "tasks_from", value.String("x"), "public", value.String("yes"), "allow_duplicates", value.Bool(false))
	if err != nil || did.Role.Name != "web" || did.Role.From["tasks"] != "x" || !did.Public || !did.Role.Once || value.Repr(value.FromMap(did.Role.Vars)) != "{'a': 1, 'item': 2}" {
		t.Errorf("%+v %v", did.Role, err)
	}
	if _, err := run(t, "include_role", turn(), "name", value.String("web"), "public", value.String("maybe")); err == nil || err.Error() != "include_role: public: maybe is not a boolean (yes or no)" {
		t.Errorf("%v", err)
	}
}

// TestValidateArgumentSpec: what is given counts before variables, and all that is
// wrong is said at once.
func TestValidateArgumentSpec(t *testing.T) {
	spec := value.FromMap(value.MapOf("port", value.FromMap(value.MapOf("type", value.String("int"), "required", value.Bool(true))), "name", value.FromMap(value.MapOf("required", value.Bool(true)))))
	scope := names{"port": value.String("{{ 80 }}")}
	did, err := run(t, "validate_argument_spec", &Turn{Scope: scope}, "argument_spec", spec, "provided_arguments", value.FromMap(value.MapOf("name", value.String("x"))))
	if err != nil || did.Result.Failed || did.Result.Msg != "The arg spec validation passed" {
		t.Errorf("%+v %v", did.Result, err)
	}
	did, err = run(t, "validate_argument_spec", &Turn{Scope: names{"port": value.String("x")}}, "argument_spec", spec)
	wrong, _ := did.Result.Data.Lookup("argument_errors")
	if err != nil || !did.Result.Failed || len(wrong.Items()) != 2 || !strings.Contains(did.Result.Msg, "missing required arguments: name") {
		t.Errorf("%+v %v", did.Result, err)
	}
}

// TestPause: a number of seconds waits without a question, and says so; a wait that
// is told to stop says why.
func TestPause(t *testing.T) {
	var said []string
	turn := &Turn{Waits: func(text string) { said = append(said, text) }}
	if _, err := run(t, "pause", turn, "seconds", value.Int(0)); err != nil || strings.Join(said, "") != "pausing for 0s" {
		t.Errorf("%q %v", said, err)
	}
	said = nil
	if did, err := run(t, "pause", turn, "seconds", value.Float(0.02)); err != nil || strings.Join(said, "") != "pausing for 20ms" || !strings.Contains(value.Show(value.FromMap(did.Result.Data)), "Paused for 0.0") {
		t.Errorf("%q %v", said, err)
	}
	if _, err := run(t, "pause", turn, "minutes", value.String("x")); err == nil || err.Error() != `minutes: "x" is not a number of minutes` {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if err := Sleep(ctx, time.Hour); err == nil || err.Error() != "enough" {
		t.Errorf("%v", err)
	}
}
