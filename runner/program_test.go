package runner

import (
	"slices"
	"strings"
	"testing"

	"remoterun/runner/play"
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

// walk follows a cursor: tasks named "x…" fail. It answers what was run, and
// "LOST" when a failure left every block.
func walk(c *cursor) string {
	var out []string
	for range 100 {
		o := c.current()
		if o == nil {
			if c.failed {
				out = append(out, "LOST")
			}
			break
		}
		if o.kind == opFlush {
			c.next()
			continue
		}
		name := value.Str(o.task.Name)
		out = append(out, name)
		if !strings.HasPrefix(name, "x") {
			c.next()
			continue
		}
		if !c.fail() {
			out = append(out, "LOST")
			break
		}
	}
	return strings.Join(out, " ")
}

func TestBlocks(t *testing.T) {
	for _, c := range []struct {
		name  string
		items []play.Item
		want  string
	}{
		{"plain", list("a b"), "a b"},
		{"failure", list("a x b"), "a x LOST"},
		{"nothing failed", []play.Item{block(list("a"), list("r"), list("z")), named("b")}, "a z b"},
		{"rescued", []play.Item{block(list("a x b"), list("r"), list("z")), named("e")}, "a x r z e"},
		{"always only", []play.Item{block(list("x"), nil, list("z")), named("e")}, "x z LOST"},
		{"rescue fails", []play.Item{block(list("x1"), list("x2 r"), list("z")), named("e")}, "x1 x2 z LOST"},
		{"always fails", []play.Item{block(list("a"), nil, list("x z")), named("e")}, "a x LOST"},
		{"always fails behind a rescue", []play.Item{block(list("x1"), list("r"), list("x2")), named("e")}, "x1 r x2 LOST"},
		{"inner always, outer rescue", []play.Item{block([]play.Item{block(list("x"), nil, list("z")), named("no")}, list("r"), list("y")), named("e")}, "x z r y e"},
		{"inner rescue fails, outer takes it on", []play.Item{block([]play.Item{block(list("x1"), list("x2"), list("z"))}, list("r"), nil), named("e")}, "x1 x2 z r e"},
		{"block in a rescue", []play.Item{block(list("x1"), []play.Item{block(list("x2"), list("r"), nil)}, list("z")), named("e")}, "x1 x2 r z e"},
		{"block in always", []play.Item{block(list("a"), nil, []play.Item{block(list("x"), list("r"), nil)}), named("e")}, "a x r e"},
		{"failure in always of a failing block", []play.Item{block([]play.Item{block(list("x1"), nil, list("x2"))}, list("r"), nil), named("e")}, "x1 x2 r e"},
		{"empty parts", []play.Item{block(nil, list("r"), nil), block(list("x"), nil, nil)}, "x LOST"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := walk(newCursor(compile(nil, c.items))); got != c.want {
				t.Errorf("ran %q, want %q", got, c.want)
			}
		})
	}
}

// Files that a loop includes run one after the other; a failure in one leaves
// the others, and is taken on by the block around the include.
func TestIncludedFrames(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []string
		want  string
	}{
		{"both run", []string{"a b", "c"}, "a b c end z"},
		{"the first fails", []string{"a x b", "c"}, "a x r z"},
		{"the last fails", []string{"a", "x c"}, "a x r z"},
		{"empty ones", []string{"", "a", ""}, "a end z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cur := newCursor(compile(nil, []play.Item{block(list("include end"), list("r"), nil), named("z")}))
			cur.current()
			var frames []*frame
			for _, f := range c.files {
				frames = append(frames, &frame{prog: compile(nil, list(f)), inc: &include{}})
			}
			cur.push(frames...)
			if got := walk(cur); got != c.want {
				t.Errorf("ran %q, want %q", got, c.want)
			}
		})
	}
}

// handlersOf enters a program of handlers of which some are notified.
func handlersOf(c *cursor, hand *program, notified ...int) {
	for _, i := range notified {
		c.notified[hand.ops[i].task] = true
	}
	c.push(&frame{prog: hand, handlers: true})
}

func TestHandlersRunOnce(t *testing.T) {
	t.Run("only the notified", func(t *testing.T) {
		c := newCursor(compile(nil, list("flush z")))
		handlersOf(c, compile(nil, list("a b c")), 0, 2)
		c.current()
		if got := walk(c); got != "a c z" || len(c.notified) > 0 {
			t.Errorf("ran %q, %d still notified", got, len(c.notified))
		}
	})
	t.Run("a failing one is not run again", func(t *testing.T) {
		c := newCursor(compile(nil, []play.Item{block(list("flush"), list("r"), nil), named("z")}))
		c.current()
		handlersOf(c, compile(nil, list("x b")), 0, 1)
		if got := walk(c); got != "x r z" {
			t.Errorf("ran %q", got)
		}
		if len(c.notified) != 1 {
			t.Errorf("%d still notified, want the one behind the failing one", len(c.notified))
		}
	})
	t.Run("one that takes a file in", func(t *testing.T) {
		c := newCursor(compile(nil, list("flush z")))
		handlersOf(c, compile(nil, list("include b")), 0)
		if o := c.current(); value.Str(o.task.Name) != "include" || !c.handling() {
			t.Fatalf("stands at %v", o)
		}
		c.push(&frame{prog: compile(nil, list("i")), inc: &include{}})
		if got := walk(c); got != "i z" || len(c.notified) > 0 {
			t.Errorf("ran %q, %d still notified", got, len(c.notified))
		}
	})
}

// Hosts in step: who stands furthest behind goes first, and hosts at the same
// task go together.
func TestLowest(t *testing.T) {
	p := compile(nil, []play.Item{block(list("a x b"), list("r"), list("z")), named("e")})
	at := func(steps int, fails bool) *hostRun {
		c := newCursor(p)
		for range steps {
			c.current()
			c.next()
		}
		if fails {
			c.current()
			c.fail()
		}
		return &hostRun{cur: c, p: &playRun{hand: &program{}}}
	}
	names := func(hosts ...*hostRun) (string, int) {
		group, o := lowest(hosts)
		return value.Str(o.task.Name), len(group)
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
	inFile.cur.current()
	inFile.cur.push(&frame{prog: compile(nil, list("i")), inc: &include{}})
	if task, n := names(ahead, inFile); task != "i" || n != 1 {
		t.Errorf("a host in an included file: %d at %q", n, task)
	}
}

func TestUpcoming(t *testing.T) {
	c := newCursor(compile(nil, []play.Item{named("a"), block(list("b c"), list("r"), list("z")), named("e")}))
	names := func(most int) string {
		var out []string
		for _, o := range c.upcoming(most) {
			out = append(out, value.Str(o.task.Name))
		}
		return strings.Join(out, " ")
	}
	c.current()
	if got := names(10); got != "b c z e" {
		t.Errorf("behind a: %q: what a rescue holds is not foreseen", got)
	}
	if got := names(2); got != "b c" {
		t.Errorf("at most two: %q", got)
	}
	c.next()
	c.current()
	c.fail()
	c.current()
	if got := names(10); got != "z e" {
		t.Errorf("in the rescue: %q", got)
	}
	d := newCursor(compile(nil, []play.Item{block(list("x"), nil, list("y z")), named("e")}))
	d.current()
	d.fail()
	d.current()
	if got := len(d.upcoming(10)); got != 1 {
		t.Errorf("always of a failure: %d foreseen, want only z", got)
	}
}

// What a block's keywords add up to, and which inner one wins.
func TestWordsOfBlocks(t *testing.T) {
	b := block(list("a"), nil, nil)
	b.Become = value.Bool(true)
	b.Tags = []string{"outer"}
	p := compile(nil, []play.Item{b})
	i := slices.IndexFunc(p.ops, func(o op) bool { return o.kind == opTask })
	w := append(words{&play.Keywords{Become: value.Bool(false)}}, p.ops[i].words...)
	w = append(w, &p.ops[i].task.Keywords)
	if v := w.inner(func(k *play.Keywords) value.Value { return k.Become }); !value.Truth(v) {
		t.Errorf("become is %s, want the block's", value.Repr(v))
	}
	var seen []string
	compile(func(_ *play.Task, words []*play.Keywords) bool {
		for _, w := range words {
			seen = append(seen, w.Tags...)
		}
		return true
	}, []play.Item{b})
	if !slices.Equal(seen, []string{"outer"}) {
		t.Errorf("tags of the blocks around: %q", seen)
	}
}
