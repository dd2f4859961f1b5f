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

// TestStartAt leaves out what stands before the first task that fits, as long as
// nothing fails; a task that only a rescue holds cannot be started at.
func TestStartAt(t *testing.T) {
	make := func() *Program {
		return OfPlay(&play.Play{Pre: list("pre"), Tasks: []play.Item{named("one"), block(list("two three"), list("saved"), list("always")), named("end")}}, nil)
	}
	for _, c := range []struct {
		pattern, want string
		found         bool
	}{
		{"two", "two three always end", true}, {"t*", "two three always end", true}, {"t?ree", "three always end", true}, {"pre", "pre one two three always end", true},
		{"saved", "", false}, {"nothing", "", false}, {"o", "", false}, {"*", "pre one two three always end", true}, {"t.o", "", false},
	} {
		p := make()
		if p.Has(c.pattern) != c.found || p.StartAt(c.pattern) != c.found {
			t.Errorf("%s: found %v", c.pattern, !c.found)
		}
		if got := walk(NewCursor(p)); got != c.want {
			t.Errorf("%s: ran %q, want %q", c.pattern, got, c.want)
		}
	}
}

// TestForce runs what was notified behind a failure that left every block, once.
func TestForce(t *testing.T) {
	hand := Compile(nil, list("a x b"))
	c := NewCursor(Compile(nil, list("x1 z")))
	if c.Force(hand) {
		t.Error("nothing was notified, and handlers are forced")
	}
	for o := range hand.Tasks() {
		c.Notify(o.Task)
	}
	c.Current()
	if c.Fail() || !c.Lost() || !c.Force(hand) {
		t.Fatal("handlers are not forced")
	}
	if got := walk(c); got != "a x LOST" || !c.Lost() {
		t.Errorf("ran %q", got)
	}
	if c.Force(hand) {
		t.Error("forced twice")
	}
}

// TestRemaining names what an interruption leaves: without what a failure alone
// would bring, and the handlers that were notified last.
func TestRemaining(t *testing.T) {
	hand := Compile(nil, list("h1 h2"))
	var second *play.Task
	for o := range hand.Tasks() {
		o.Task.Handler, second = true, o.Task
	}
	c := NewCursor(Compile(nil, []play.Item{named("a"), block(list("b include c"), list("r"), list("z")), named("e")}))
	c.Notify(second)
	names := func() string {
		var out []string
		for _, o := range c.Remaining(hand) {
			out = append(out, o.Task.Title())
		}
		return strings.Join(out, " ")
	}
	if got := names(); got != "a b include c z e h2" {
		t.Errorf("at the start: %q", got)
	}
	for range 2 {
		c.Current()
		c.Next()
	}
	c.Current()
	c.Push(Included(Compile(nil, list("i1 i2")), nil), Included(Compile(nil, list("j")), nil))
	if got := names(); got != "i1 i2 j c z e h2" {
		t.Errorf("in a file: %q", got)
	}
}

// TestRoles: a role that has run to its end is passed when it comes again, unless
// it may run again, and only if a task of it ran.
func TestRoles(t *testing.T) {
	of := func(r *play.Role, names string) *play.Block {
		b := block(list(names), nil, nil)
		b.Role = r
		for _, it := range b.Body {
			it.(*play.Task).Role = r
		}
		return b
	}
	run := func(r *play.Role, begins bool) string {
		c := NewCursor(Compile(nil, []play.Item{of(r, "a b"), named("m"), of(r, "a b"), named("e")}))
		var out []string
		for o := c.Current(); o != nil; o = c.Current() {
			out = append(out, value.Str(o.Task.Name))
			if o.Task.Role != nil && begins {
				c.Begin(o.Task.Role)
			}
			c.Next()
		}
		return strings.Join(out, " ")
	}
	if got := run(&play.Role{ID: "r"}, true); got != "a b m e" {
		t.Errorf("once: %q", got)
	}
	if got := run(&play.Role{ID: "r", Repeats: true}, true); got != "a b m a b e" {
		t.Errorf("again: %q", got)
	}
	if got := run(&play.Role{ID: "r"}, false); got != "a b m a b e" {
		t.Errorf("of which no task ran: %q", got)
	}
}

// TestHandlersOfRoles are added behind the play's own, each use once, and blocks in
// them still find their parts.
func TestHandlersOfRoles(t *testing.T) {
	r := &play.Role{ID: "r"}
	b := block([]play.Item{block(list("x"), list("saved"), nil), named("last")}, nil, nil)
	b.Role = r
	p := Compile(nil, list("own"))
	with := p.With([]*play.Block{b})
	if again := with.With([]*play.Block{b}); len(p.ops) != 1 || len(again.ops) <= len(with.ops)-1 {
		t.Errorf("%d, %d, %d instructions", len(p.ops), len(with.ops), len(again.ops))
	}
	c := NewCursor(Compile(nil, list("z")))
	var lists []*Op
	for o := range with.Tasks() {
		c.Notify(o.Task)
		lists = append(lists, o)
	}
	c.Push(Handlers(with))
	if got := walk(c); !strings.HasPrefix(got, "own x saved last") {
		t.Errorf("ran %q", got)
	}
	if SameList(lists[0], lists[1]) || !SameList(lists[0], lists[0]) {
		t.Error("the play's handlers are not told from a role's")
	}
}
