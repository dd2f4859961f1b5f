package runner

import (
	"strings"
	"testing"

	"remoterun/runner/play"
	"remoterun/runner/program"
	"remoterun/runner/value"
)

// named is a task that is only a name.
func named(name string) *play.Task {
	t := &play.Task{Module: "debug", Action: "debug"}
	t.Name = value.String(name)
	return t
}

// list makes items of names.
func list(names string) []play.Item {
	var out []play.Item
	for _, n := range strings.Fields(names) {
		out = append(out, named(n))
	}
	return out
}

func block(body, rescue, always []play.Item) *play.Block {
	return &play.Block{Body: body, Rescue: rescue, Always: always}
}

// Hosts in step: who stands furthest behind goes first, and hosts at the same
// task go together.
func TestLowest(t *testing.T) {
	p := program.Compile(nil, []play.Item{block(list("a x b"), list("r"), list("z")), named("e")})
	at := func(steps int, fails bool) *hostRun {
		c := program.NewCursor(p)
		for range steps {
			c.Current()
			c.Next()
		}
		if fails {
			c.Current()
			c.Fail()
		}
		return &hostRun{cur: c, p: &playRun{hand: &program.Program{}}}
	}
	names := func(hosts ...*hostRun) (string, int) {
		group, o := lowest(hosts)
		return value.Str(o.Task.Name), len(group)
	}
	ahead, behind, rescued := at(2, false), at(1, false), at(1, true)
	for _, c := range []struct {
		name  string
		hosts []*hostRun
		task  string
		size  int
	}{
		{"all at the start", []*hostRun{at(0, false), at(0, false)}, "a", 2},
		{"one is behind", []*hostRun{ahead, behind}, "x", 1},
		{"the body before the rescue", []*hostRun{rescued, ahead}, "b", 1},
		{"the rescue before always", []*hostRun{rescued, at(3, false)}, "r", 1},
	} {
		if task, n := names(c.hosts...); task != c.task || n != c.size {
			t.Errorf("%s: %d at %q, want %d at %q", c.name, n, task, c.size, c.task)
		}
	}
	inFile := at(1, false)
	inFile.cur.Current()
	inFile.cur.Push(program.Included(program.Compile(nil, list("i")), nil))
	if task, n := names(ahead, inFile); task != "i" || n != 1 {
		t.Errorf("a host in an included file: %d at %q", n, task)
	}
}
