package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// loader answers files of tasks.
type loader map[string][]play.Item

func (l loader) Named(t *play.Task, _ string) (*play.Task, error) { return t, nil }

func (l loader) Tasks(path string, _ *play.Task) (*play.Included, error) {
	return &play.Included{Items: l[path]}, nil
}
func (loader) Role(play.RoleUse, *play.Task) (*play.Included, error) {
	return nil, errors.New("no role")
}
func (loader) Vars(string) (*value.Map, error)   { return nil, errors.New("no file") }
func (loader) Read(string) ([]byte, bool, error) { return nil, false, errors.New("no file") }

// changes is a module that says that it changed something.
func changes(*value.Map) play.Bound {
	return planFunc(func(host.Seen) (play.Plan, error) { return play.Plan{Result: play.Result{Changed: true}}, nil })
}

// say is a task that does nothing.
func say(name string) *play.Task { return taskOf(name, "debug", "msg", value.String("x")) }

// TestUndone: what an interruption leaves is told, host by host, and which plays
// had not begun.
func TestUndone(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	b := &bench{hosts: []string{"h1", "h2", "h3"}, modules: map[string]func(*value.Map) play.Bound{
		"change": changes,
		"halt": func(*value.Map) play.Bound {
			cancel(ErrInterrupted)
			return planFunc(func(host.Seen) (play.Plan, error) { return play.Plan{}, ctx.Err() })
		},
	}}
	note := taskOf("note", "change")
	note.Notify = []value.Value{value.String("restart")}
	take := taskOf("take in", "include_tasks", "file", value.String("/{{ item }}"))
	take.Loop = &play.Loop{Items: value.Strings("one", "two")}
	restart, other := say("restart"), say("other")
	restart.Handler, other.Handler = true, true
	p := &play.Play{
		Hosts: value.String("all"), GatherFacts: value.Bool(false), Serial: []value.Value{value.Int(2)},
		Tasks: []play.Item{
			note, take, block([]play.Item{say("in a block")}, []play.Item{say("rescue")}, []play.Item{say("always")}),
			taskOf("flush_handlers", "meta", "_raw_params", value.String("noop")), say("last"),
		},
		Handlers: []play.Item{restart, other},
	}
	p.Name = value.String("now")
	later := &play.Play{Hosts: value.String("all:!db")}
	l := loader{"/one": {say("a"), taskOf("stop", "halt"), say("b")}, "/two": {say("c")}}
	for _, items := range l {
		b.bind(items)
	}
	r := New(World{Inventory: b, Expr: engine(), Connector: b, Sink: b, Loader: l}, Wishes{})
	st, err := r.Run(ctx, b.bound(p, later))
	if !errors.Is(err, ErrInterrupted) || !st.Interrupted {
		t.Errorf("%v %+v", err, st)
	}
	var got []string
	for _, u := range st.Undone {
		got = append(got, fmt.Sprintf("%s at %q: %s", u.Host, u.At, strings.Join(u.Tasks, ", ")))
	}
	want := []string{
		`h1 at "stop": b, c, in a block, always, last, handler restart`,
		`h2 at "stop": b, c, in a block, always, last, handler restart`,
		`h3 at "": note, take in, in a block, always, last`,
	}
	if !slices.Equal(got, want) || !slices.Equal(st.NotBegun, []string{"all:!db"}) {
		t.Errorf("undone:\n%s\nnot begun: %q", strings.Join(got, "\n"), st.NotBegun)
	}
}
