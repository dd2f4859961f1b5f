package view_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"remoterun/runner/event"
	"remoterun/runner/secret"
	"remoterun/runner/value"
	"remoterun/runner/view"
)

// leftOut are the kinds that a view does not show, and why.
var leftOut = map[string]map[string]string{
	"human": {"waiting": "on a terminal's footer alone"},
	"quiet": {
		"play_start": "heading", "task_start": "heading, comes with a failure", "included": "nothing is wrong", "retry": "may still come right",
		"note": "progress", "waiting": "progress", "no_hosts_left": "the recap says it",
	},
	"minimal": {
		"play_start": "there is one", "task_start": "there is one", "item_result": "the result has them", "retry": "may still come right",
		"included": "no ad hoc task takes files in", "waiting": "progress", "note": "progress", "no_hosts_left": "the lines of hosts say it", "check_override": "no ad hoc task says check_mode", "recap": "the lines of hosts say it",
	},
	"json": {
		"play_no_hosts": "the play has no tasks", "task_start": "its results have it", "item_result": "the result has them", "retry": "the result counts tries",
		"included": "its tasks have it", "waiting": "progress", "note": "progress", "no_hosts_left": "the stats say it", "check_override": "the tasks' results say changed",
	},
	"junit": {
		"play_no_hosts": "a suite without cases", "task_start": "begins the clock", "item_result": "the case has them", "retry": "may still come right", "included": "its tasks are cases",
		"waiting": "progress", "note": "progress", "no_hosts_left": "the cases say it", "warning": "no case", "check_override": "no case", "recap": "counted anew",
	},
	"jsonl": {},
}

// filled is an event of a kind with text in every field that holds some.
func filled(empty event.Event, text string) event.Event {
	v := reflect.New(reflect.TypeOf(empty)).Elem()
	fill(v, text)
	if start, ok := v.Interface().(event.TaskStart); ok {
		start.Host = "" // of a host alone it is told with the result (free)
		return start
	}
	return v.Interface().(event.Event)
}

func fill(v reflect.Value, text string) {
	switch v.Type() {
	case reflect.TypeFor[value.Value]():
		v.Set(reflect.ValueOf(value.String(text)))
		return
	case reflect.TypeFor[*value.Map]():
		v.Set(reflect.ValueOf(value.MapOf("msg", value.String(text), "stdout", value.String(text))))
		return
	case reflect.TypeFor[event.Status]():
		v.SetString(string(event.Failed))
		return
	case reflect.TypeFor[*event.Stats]():
		st := event.NewStats()
		st.Of("h1").OK = 1
		v.Set(reflect.ValueOf(st))
		return
	case reflect.TypeFor[*event.Task]():
		v.Set(reflect.ValueOf(&event.Task{ID: "7", Name: text, Module: "ping", Action: "ping"}))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), text)
		}
	case reflect.Slice:
		one := reflect.New(v.Type().Elem()).Elem()
		fill(one, text)
		v.Set(reflect.Append(v, one))
	}
}

// TestEveryKindInEveryView: a view shows a kind, or lists it above as left out,
// never both; and no known secret gets through in any field of any kind.
func TestEveryKindInEveryView(t *testing.T) {
	const canary = `s3"cr<et`
	for _, format := range view.Formats() {
		known := map[string]bool{}
		for _, empty := range event.Kinds() {
			known[empty.Kind()] = true
			red := secret.NewRedactor()
			red.Add([]byte(canary))
			without := shownBy(t, format, red, nil)
			with := shownBy(t, format, red, filled(empty, "text "+canary))
			why, out := leftOut[format][empty.Kind()]
			if shown := with != without; shown == out {
				t.Errorf("%s: %s: shown %v, listed as left out %v (%s):\n%s", format, empty.Kind(), shown, out, why, with)
			}
			for _, bad := range []string{canary, `s3\"cr`, "s3&#34;cr"} {
				if strings.Contains(with, bad) {
					t.Errorf("%s: %s lets a secret through:\n%s", format, empty.Kind(), with)
				}
			}
		}
		for kind := range leftOut[format] {
			if !known[kind] {
				t.Errorf("%s lists %s, which is no kind", format, kind)
			}
		}
	}
}

func shownBy(t *testing.T, format string, red *secret.Redactor, e event.Event) string {
	t.Helper()
	var out, errs bytes.Buffer
	v, err := view.New(format, view.Options{Out: &out, Err: &errs, Redactor: red})
	if err != nil {
		t.Fatal(err)
	}
	if e != nil {
		v.Event(time.Unix(0, 0), e)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String() + errs.String()
}

// TestKindsAreAll: every type with a Kind is in event.Kinds, under a name of its
// own.
func TestKindsAreAll(t *testing.T) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "../event/event.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	types, names := map[string]bool{}, map[string]bool{}
	for _, e := range event.Kinds() {
		types[reflect.TypeOf(e).Name()], names[e.Kind()] = true, true
	}
	if len(names) != len(event.Kinds()) {
		t.Errorf("two kinds have one name: %v", names)
	}
	for _, d := range file.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "Kind" {
			if name := fn.Recv.List[0].Type.(*ast.Ident).Name; !types[name] {
				t.Errorf("%s is not in event.Kinds", name)
			}
		}
	}
}

// TestKindsAreDocumented: docs/output.md names every kind of the machine format.
func TestKindsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/output.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range event.Kinds() {
		if !strings.Contains(string(page), "`"+e.Kind()+"`") {
			t.Errorf("%s is not documented", e.Kind())
		}
	}
}
