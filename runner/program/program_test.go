package program

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
func walk(c *Cursor) string {
	var out []string
	for range 100 {
		o := c.Current()
		if o == nil {
			if c.failed {
				out = append(out, "LOST")
			}
			break
		}
		if o.Flushes() {
			c.Next()
			continue
		}
		name := value.Str(o.Task.Name)
		out = append(out, name)
		if !strings.HasPrefix(name, "x") {
			c.Next()
			continue
		}
		if !c.Fail() {
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
			if got := walk(NewCursor(Compile(nil, c.items))); got != c.want {
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
			cur := NewCursor(Compile(nil, []play.Item{block(list("include end"), list("r"), nil), named("z")}))
			cur.Current()
			var frames []*Frame
			for _, f := range c.files {
				frames = append(frames, Included(Compile(nil, list(f)), nil))
			}
			cur.Push(frames...)
			if got := walk(cur); got != c.want {
				t.Errorf("ran %q, want %q", got, c.want)
			}
		})
	}
}

// handlersOf enters a program of handlers of which some are notified.
func handlersOf(c *Cursor, hand *Program, notified ...int) {
	for _, i := range notified {
		c.Notify(hand.ops[i].Task)
	}
	c.Push(Handlers(hand))
}

func TestHandlersRunOnce(t *testing.T) {
	t.Run("only the notified", func(t *testing.T) {
		c := NewCursor(Compile(nil, list("flush z")))
		handlersOf(c, Compile(nil, list("a b c")), 0, 2)
		c.Current()
		if got := walk(c); got != "a c z" || c.Notified() > 0 {
			t.Errorf("ran %q, %d still notified", got, c.Notified())
		}
	})
	t.Run("a failing one is not run again", func(t *testing.T) {
		c := NewCursor(Compile(nil, []play.Item{block(list("flush"), list("r"), nil), named("z")}))
		c.Current()
		handlersOf(c, Compile(nil, list("x b")), 0, 1)
		if got := walk(c); got != "x r z" {
			t.Errorf("ran %q", got)
		}
		if c.Notified() != 1 {
			t.Errorf("%d still notified, want the one behind the failing one", c.Notified())
		}
	})
	t.Run("one that takes a file in", func(t *testing.T) {
		c := NewCursor(Compile(nil, list("flush z")))
		handlersOf(c, Compile(nil, list("include b")), 0)
		if o := c.Current(); value.Str(o.Task.Name) != "include" || !c.Handling() {
			t.Fatalf("stands at %v", o)
		}
		c.Push(Included(Compile(nil, list("i")), nil))
		if got := walk(c); got != "i z" || c.Notified() > 0 {
			t.Errorf("ran %q, %d still notified", got, c.Notified())
		}
	})
}

func TestUpcoming(t *testing.T) {
	c := NewCursor(Compile(nil, []play.Item{named("a"), block(list("b c"), list("r"), list("z")), named("e")}))
	names := func(most int) string {
		var out []string
		for _, o := range c.Upcoming(most) {
			out = append(out, value.Str(o.Task.Name))
		}
		return strings.Join(out, " ")
	}
	c.Current()
	if got := names(10); got != "b c z e" {
		t.Errorf("behind a: %q: what a rescue holds is not foreseen", got)
	}
	if got := names(2); got != "b c" {
		t.Errorf("at most two: %q", got)
	}
	c.Next()
	c.Current()
	c.Fail()
	c.Current()
	if got := names(10); got != "z e" {
		t.Errorf("in the rescue: %q", got)
	}
	d := NewCursor(Compile(nil, []play.Item{block(list("x"), nil, list("y z")), named("e")}))
	d.Current()
	d.Fail()
	d.Current()
	if got := len(d.Upcoming(10)); got != 1 {
		t.Errorf("always of a failure: %d foreseen, want only z", got)
	}
}

// What the keywords of blocks add up to is told to who keeps tasks, and goes with
// the instruction.
func TestKeywordsOfBlocks(t *testing.T) {
	outer, inner := block(nil, nil, nil), block(list("a"), nil, nil)
	outer.Body, outer.Tags, inner.Tags = []play.Item{inner}, []string{"outer"}, []string{"inner"}
	tags := func(words []*play.Keywords) (out []string) {
		for _, w := range words {
			out = append(out, w.Tags...)
		}
		return out
	}
	var seen []string
	p := Compile(func(_ *play.Task, around []*play.Keywords) bool { seen = tags(around); return true }, []play.Item{outer})
	for o := range p.Tasks() {
		if got := tags(o.Around); !slices.Equal(got, []string{"outer", "inner"}) || !slices.Equal(got, seen) {
			t.Errorf("around %s: %q, the one who keeps it was told %q", o.Task.Title(), got, seen)
		}
	}
}
