package ast_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"remoterun/playbooks/ast"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

func good(t *testing.T) (*play.Playbook, *ast.Loader) {
	t.Helper()
	l := ast.New(env())
	book, err := l.Playbook(filepath.Join("testdata", "good", "site.yml"))
	if err != nil {
		t.Fatalf("the good project has mistakes:\n%v", err)
	}
	for _, w := range l.Warnings() {
		t.Errorf("warning: %s", w)
	}
	return book, l
}

// shown is a task in one line: module, arguments and the keywords that matter
// to this test.
func shown(t *play.Task) string {
	return t.Module + " " + value.Repr(value.FromMap(t.Args))
}

func TestTaskForms(t *testing.T) {
	book, _ := good(t)
	p := book.Plays[0]
	var got []string
	for _, list := range [][]play.Item{p.Pre, p.Tasks, p.Post} {
		for _, it := range list {
			if task, ok := it.(*play.Task); ok {
				got = append(got, shown(task))
			}
		}
	}
	want := []string{
		"ping {}",
		"ping {'data': 'x'}",
		`command {'creates': '/x', '_raw_params': 'echo "a b"'}`,
		"copy {'mode': '0600', 'src': 'motd', 'dest': '/etc/motd'}",
		`command {'chdir': '/tmp', 'creates': '/y', '_raw_params': 'echo a=b "c d"'}`,
		`shell {'_raw_params': 'set -e\necho {{ port }} | cat\n'}`,
		"template {'src': 'a.j2', 'dest': '/etc/a'}",
		"file {'path': '/tmp/{{ item.name }}', 'state': \"{{ item.state | default('file') }}\"}",
		"debug {'var': 'out'}",
		"ping {}",
		"include_tasks {'_raw_params': 'tasks/more.yml'}",
		"include_tasks {'file': 'tasks/more.yml', 'apply': {'become': False, 'tags': ['applied']}}",
		"set_fact {'answer': 42, 'cacheable': False}",
		"assert {'that': ['answer == 42', 'level is defined or port']}",
		"command {'_variable_params': '{{ more_args }}', '_raw_params': 'ls'}",
		"include_vars {'_raw_params': 'common.yml'}",
	}
	for i := range max(len(got), len(want)) {
		g, w := at(got, i), at(want, i)
		if g != w {
			t.Errorf("task %d:\n got %s\nwant %s", i, g, w)
		}
	}
}

func whole(t *testing.T, parts ...string) string {
	t.Helper()
	p, err := filepath.Abs(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "(none)"
}

func TestPlayKeywords(t *testing.T) {
	book, _ := good(t)
	p := book.Plays[0]
	got := fmt.Sprint(value.Str(p.RemoteUser), value.Repr(p.Become), value.Repr(value.List(p.Serial...)), value.Repr(p.MaxFail), p.Strategy,
		p.Order, value.Repr(p.GatherFacts), value.Repr(p.ForceHandler), value.Str(p.Lock), len(p.VarsFiles), p.Dir)
	if want := "deployTrue[1, '30%']25.0freesortedFalseTruedeploy2" + whole(t, "testdata", "good"); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if pr := p.VarsPrompt; len(pr) != 2 || !pr[0].Private || !pr[0].Confirm || pr[1].Private || value.Str(pr[1].Default) != "eu" || pr[1].Text != "region" {
		t.Errorf("prompts %+v", pr)
	}
}

func TestImportedTasksInherit(t *testing.T) {
	book, _ := good(t)
	var b *play.Block
	for _, it := range book.Plays[0].Tasks {
		if x, ok := it.(*play.Block); ok && slices.Contains(x.Tags, "more") {
			b = x
		}
	}
	if b == nil || len(b.Body) != 2 || len(b.When) != 1 || value.Repr(value.FromMap(b.Vars)) != "{'level': 2}" {
		t.Fatalf("block %+v", b)
	}
	inner := b.Body[1].(*play.Task)
	if inner.Dir != whole(t, "testdata", "good", "tasks") || inner.Pos.File != filepath.Join("testdata", "good", "tasks", "more.yml") || inner.Pos.Line != 3 {
		t.Errorf("dir %s pos %s", inner.Dir, inner.Pos)
	}
	if got := shown(inner); got != "copy {'mode': '0600', 'content': 'x', 'dest': '/x'}" {
		t.Errorf("module_defaults in an imported file: %s", got)
	}
}

func TestImportedPlaybookInherits(t *testing.T) {
	book, _ := good(t)
	if len(book.Plays) != 2 {
		t.Fatalf("%d plays", len(book.Plays))
	}
	p := book.Plays[1]
	if got := value.Repr(value.FromMap(p.Vars)); got != "{'stage': 'blue', 'own': 1}" {
		t.Errorf("vars %s", got)
	}
	if !slices.Equal(p.Tags, []string{"second"}) || len(p.When) != 1 {
		t.Errorf("tags %v when %v", p.Tags, p.When)
	}
}

func TestHandlersAndLoops(t *testing.T) {
	book, _ := good(t)
	p := book.Plays[0]
	h := p.Handlers[1].(*play.Task)
	if !h.Handler || !slices.Equal(h.Listen, []string{"all things"}) {
		t.Errorf("handler %+v", h)
	}
	var looped, retried *play.Task
	for _, it := range p.Tasks {
		if x, ok := it.(*play.Task); ok && x.Loop != nil {
			switch {
			case x.Loop.IndexVar == "i":
				looped = x
			case len(x.Until) > 0:
				retried = x
			}
		}
	}
	if l := looped.Loop; l.Var != "item" || !value.Truth(l.Extended) || value.Str(l.Pause) != "0.5" || value.Str(l.Label) != "{{ item.name }}" {
		t.Errorf("loop %+v", l)
	}
	if retried.Loop.With != "dict" || value.Str(retried.Retries) != "3" {
		t.Errorf("with_dict %+v retries %s", retried.Loop, value.Str(retried.Retries))
	}
}

func TestTasksWhileRunning(t *testing.T) {
	book, l := good(t)
	var includes []*play.Task
	for _, it := range book.Plays[0].Tasks {
		if x, ok := it.(*play.Task); ok && x.Action == "include_tasks" {
			includes = append(includes, x)
		}
	}
	in, err := l.Tasks("tasks/more.yml", includes[0])
	items := in.Items
	if err != nil || len(items) != 2 || shown(items[1].(*play.Task)) != "copy {'mode': '0600', 'content': 'x', 'dest': '/x'}" {
		t.Fatalf("items %v: %v", items, err)
	}
	in, err = l.Tasks("tasks/more.yml", includes[1])
	items = in.Items
	b, ok := items[0].(*play.Block)
	if err != nil || !ok || !slices.Equal(b.Tags, []string{"applied"}) || value.Repr(b.Become) != "False" {
		t.Fatalf("apply: %+v: %v", items, err)
	}
	_, err = l.Tasks("nope.yml", includes[0])
	if err == nil || !strings.Contains(err.Error(), "site.yml:87:22: there is no file nope.yml (looked for ") {
		t.Errorf("error %v", err)
	}
}

// TestIncludeBesideThePlaybook loads a file by a name that counts from the
// playbook, from a file in another folder, as the engine asks for it.
func TestIncludeBesideThePlaybook(t *testing.T) {
	files := tasks("- import_tasks: sub/a.yml")
	files["sub/a.yml"] = "- include_tasks: '{{ from_inventory }}/b.yml'\n"
	files["other/b.yml"] = "- ping:\n"
	book, l, mistakes, _ := load(t, files)
	if mistakes != "" {
		t.Fatal(mistakes)
	}
	from := book.Plays[0].Tasks[0].(*play.Block).Body[0].(*play.Task)
	in, err := l.Tasks(filepath.Join(from.Dir, "other", "b.yml"), from)
	if err != nil || len(in.Items) != 1 {
		t.Errorf("%v %v", in.Items, err)
	}
}

func TestVars(t *testing.T) {
	dir := project(t, map[string]string{"a.yml": "x: 1\ny: '{{ x }}'\n", "empty.yml": "", "list.yml": "- a\n"})
	l := ast.New(env())
	m, err := l.Vars(filepath.Join(dir, "a.yml"))
	if err != nil || value.Repr(value.FromMap(m)) != "{'x': 1, 'y': '{{ x }}'}" {
		t.Errorf("%v %v", m, err)
	}
	if m, err = l.Vars(filepath.Join(dir, "empty.yml")); err != nil || m.Len() != 0 {
		t.Errorf("empty: %v %v", m, err)
	}
	if _, err = l.Vars(filepath.Join(dir, "list.yml")); err == nil || !strings.HasSuffix(err.Error(), "list.yml:1:1: a file of variables must be a mapping, this one is a list") {
		t.Errorf("list: %v", err)
	}
}

func TestList(t *testing.T) {
	book, _ := good(t)
	listed := ast.List(book, func(tags []string) bool { return slices.Contains(tags, "blocky") || slices.Contains(tags, "second") })
	if len(listed) != 2 || listed[0].Name != "All forms of a task" || listed[1].Number != 2 {
		t.Fatalf("%+v", listed)
	}
	if got := fmt.Sprint(listed[0].Tasks); got != "[{ping [blocky]}]" {
		t.Errorf("tasks %s", got)
	}
	if got := fmt.Sprint(listed[1].AllTags()) + listed[1].Name; got != "[always second]db,{{ extra_hosts | default([]) }}" {
		t.Errorf("tags %s", got)
	}
}
