package runner

import (
	"iter"
	"regexp"
	"slices"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// op is one instruction of a program: a list of tasks with its blocks laid out
// flat, so that hosts can stand at different places of the same list and be
// compared.
type op struct {
	kind  opKind
	task  *play.Task
	role  *play.Role // of opRoleEnd
	block *span      // of opBodyEnd, opRescueEnd, opAlwaysEnd
	seats []seat
	words []*play.Keywords // enclosing blocks' keywords, outermost first
}

type opKind uint8

const (
	opTask opKind = iota
	opFlush
	opBodyEnd
	opRescueEnd
	opAlwaysEnd
	opRoleEnd
	opNothing // left out by --start-at-task
)

// span is where a block's parts begin.
type span struct {
	rescue, always int
	hasRescue      bool
	hasAlways      bool
}

// seat is a task's place in one enclosing block.
type seat struct {
	block *span
	part  part
}

type part uint8

const (
	inBody part = iota
	inRescue
	inAlways
)

type program struct{ ops []op }

// compile lays items out; keep says which tasks the tags select.
func compile(keep func(*play.Task, []*play.Keywords) bool, sections ...[]play.Item) *program {
	p := &program{}
	c := &compiler{p: p, keep: keep}
	for _, items := range sections {
		c.items(items)
	}
	return p
}

type compiler struct {
	p     *program
	keep  func(*play.Task, []*play.Keywords) bool
	seats []seat
	words []*play.Keywords
}

func (c *compiler) emit(o op) {
	o.seats = slices.Clone(c.seats)
	o.words = slices.Clone(c.words)
	c.p.ops = append(c.p.ops, o)
}

func (c *compiler) flush() { c.emit(op{kind: opFlush}) }

func (c *compiler) items(items []play.Item) {
	for _, it := range items {
		switch it := it.(type) {
		case *play.Task:
			if c.keep == nil || c.keep(it, c.words) {
				c.emit(op{kind: opTask, task: it})
			}
		case *play.Block:
			c.block(it)
		}
	}
}

func (c *compiler) block(b *play.Block) {
	s := &span{hasRescue: len(b.Rescue) > 0, hasAlways: len(b.Always) > 0}
	c.words = append(c.words, &b.Keywords)
	c.part(s, inBody, b.Body)
	if b.Role != nil {
		c.emit(op{kind: opRoleEnd, role: b.Role})
	}
	c.emit(op{kind: opBodyEnd, block: s})
	s.rescue = len(c.p.ops)
	c.part(s, inRescue, b.Rescue)
	c.emit(op{kind: opRescueEnd, block: s})
	s.always = len(c.p.ops)
	c.part(s, inAlways, b.Always)
	c.emit(op{kind: opAlwaysEnd, block: s})
	c.words = c.words[:len(c.words)-1]
}

func (c *compiler) part(s *span, p part, items []play.Item) {
	c.seats = append(c.seats, seat{s, p})
	c.items(items)
	c.seats = c.seats[:len(c.seats)-1]
}

// find is the place of the first task that a host comes to, as long as nothing
// fails, whose name fits a pattern with * and ?; the end when there is none.
func (p *program) find(pattern string) (at int, found bool) {
	words := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
	fits, err := regexp.Compile("(?s)^" + words + "$")
	if err != nil {
		return len(p.ops), false // not a pattern that is made of quoted text
	}
	for o := range (&frame{prog: p}).path(0) {
		if o.kind == opTask && fits.MatchString(o.task.Title()) {
			return slices.IndexFunc(p.ops, func(q op) bool { return q.task == o.task }), true
		}
	}
	return len(p.ops), false
}

// frame is one program that a host is in: the play's own, an included file's,
// or the handlers'.
type frame struct {
	prog *program
	pc   int
	// pending are blocks whose always part runs because of a failure.
	pending map[*span]bool
	inc     *include // nil for the play's own and for handlers
	// order tells apart several files included by one loop.
	order int
	// handlers runs only what was notified.
	handlers bool
}

// cursor is where one host stands.
type cursor struct {
	frames []*frame
	// notified are the handlers to run, by identity.
	notified map[*play.Task]bool
	// begun are roles of which a task ran, through those that came to their end, by
	// ID: these are passed when they come again.
	begun, through map[string]bool
	// failed is set when a failure left every block.
	failed bool
	// failedOnce is set when forced handlers run behind a failure.
	failedOnce bool
}

func newCursor(p *program) *cursor {
	return &cursor{frames: []*frame{{prog: p}}, notified: map[*play.Task]bool{}, begun: map[string]bool{}, through: map[string]bool{}}
}

// again reports a task of a role that has run and runs only once.
func (c *cursor) again(t *play.Task) bool {
	return t.Role != nil && !t.Handler && !t.Role.Repeats && c.through[t.Role.ID]
}

// current returns the instruction that the host stands at, after passing the
// ends of blocks; nil at the end of everything.
func (c *cursor) current() *op {
	for len(c.frames) > 0 {
		f := c.frames[len(c.frames)-1]
		if f.pc >= len(f.prog.ops) {
			c.frames = c.frames[:len(c.frames)-1]
			if len(c.frames) > 0 && !f.queued() {
				c.next()
			}
			continue
		}
		o := &f.prog.ops[f.pc]
		switch o.kind {
		case opTask:
			if f.handlers && !c.notified[o.task] || c.again(o.task) {
				f.pc++
				continue
			}
			return o
		case opFlush:
			return o
		case opBodyEnd:
			f.pc = o.block.always
		case opRescueEnd, opNothing:
			f.pc++
		case opRoleEnd:
			if c.begun[o.role.ID] && !f.handlers {
				c.through[o.role.ID] = true
			}
			f.pc++
		case opAlwaysEnd:
			if f.pending[o.block] {
				delete(f.pending, o.block)
				c.raise(o.seats)
				continue
			}
			f.pc++
		}
	}
	return nil
}

// include is what an included file brings along.
type include struct {
	params *value.Map // vars: of the include, and its loop's item
	more   bool       // another file of the same loop waits behind
}

// queued reports a frame behind which another one of the same include waits.
func (f *frame) queued() bool { return f.inc != nil && f.inc.more }

func (c *cursor) top() *frame { return c.frames[len(c.frames)-1] }

// next passes the current instruction.
func (c *cursor) next() {
	f := c.top()
	c.handled(f)
	f.pc++
}

// handled forgets that the handler at which a frame stands was notified: it ran,
// however it ended.
func (c *cursor) handled(f *frame) {
	if f.handlers && f.pc < len(f.prog.ops) {
		delete(c.notified, f.prog.ops[f.pc].task)
	}
}

// handling reports that the host runs handlers.
func (c *cursor) handling() bool {
	for f := range c.live {
		if f.handlers {
			return true
		}
	}
	return false
}

// push enters programs, the first of which runs first; the instruction that
// the host stands at is passed when the last of them has ended.
func (c *cursor) push(frames ...*frame) {
	for i := len(frames) - 1; i >= 0; i-- {
		if frames[i].inc != nil {
			frames[i].inc.more = i < len(frames)-1
		}
		frames[i].order = i
		c.frames = append(c.frames, frames[i])
	}
}

// fail moves the host to where its failure is handled; it answers false when
// nothing does.
func (c *cursor) fail() bool {
	f := c.top()
	return c.raise(f.prog.ops[f.pc].seats)
}

func (c *cursor) raise(seats []seat) bool {
	for {
		f := c.top()
		c.handled(f)
		for _, s := range slices.Backward(seats) {
			switch {
			case s.part == inBody && s.block.hasRescue:
				f.pc = s.block.rescue
				return true
			case s.part != inAlways && s.block.hasAlways:
				if f.pending == nil {
					f.pending = map[*span]bool{}
				}
				f.pending[s.block] = true
				f.pc = s.block.always
				return true
			}
		}
		c.frames = c.frames[:len(c.frames)-1]
		// Files of the same loop that wait behind are left with it.
		for f.queued() && len(c.frames) > 0 {
			f = c.top()
			c.frames = c.frames[:len(c.frames)-1]
		}
		if len(c.frames) == 0 {
			c.failed = true
			return false
		}
		f = c.top()
		seats = f.prog.ops[f.pc].seats
	}
}

// rescues reports whether a failure here would be rescued.
func (c *cursor) rescues() bool {
	for f := range c.live {
		if f.pc >= len(f.prog.ops) {
			continue
		}
		for _, s := range f.prog.ops[f.pc].seats {
			if s.part == inBody && s.block.hasRescue {
				return true
			}
		}
	}
	return false
}

// place orders hosts that run in step: lower ones go first.
func (c *cursor) place() []int {
	var out []int
	for f := range c.live {
		out = append(out, f.order, f.pc)
	}
	return out
}

// live yields the frames that the host is in, outermost first, without those
// that wait for their turn behind another one of the same loop.
func (c *cursor) live(yield func(*frame) bool) {
	for i, f := range c.frames {
		if i+1 < len(c.frames) && c.frames[i+1].queued() {
			continue
		}
		if !yield(f) {
			return
		}
	}
}

// path yields a frame's instructions from pc on as long as nothing fails.
func (f *frame) path(pc int) iter.Seq[*op] {
	return func(yield func(*op) bool) {
		for pc < len(f.prog.ops) {
			o := &f.prog.ops[pc]
			if !yield(o) {
				return
			}
			if pc++; o.kind == opBodyEnd {
				pc = o.block.always
			}
		}
	}
}

// upcoming lists the tasks behind the current one as long as nothing fails,
// up to a flush of handlers or the end of the program.
func (c *cursor) upcoming(most int) []*op {
	f := c.top()
	if f.handlers {
		return nil
	}
	var out []*op
	ended := map[string]bool{}
	for o := range f.path(f.pc + 1) {
		switch {
		case len(out) >= most, o.kind == opFlush, o.kind == opAlwaysEnd && f.pending[o.block]:
			return out
		case o.kind == opRoleEnd:
			ended[o.role.ID] = true
		case o.kind != opTask || c.again(o.task):
		case o.task.Role != nil && !o.task.Role.Repeats && ended[o.task.Role.ID]:
			return out // whether it is passed is known when it is its turn
		default:
			out = append(out, o)
		}
	}
	return out
}

// remaining lists the tasks that are left as long as nothing fails, the one at
// which the host stands first, and then the handlers that are notified.
func (c *cursor) remaining(handlers *program) []*op {
	var out []*op
	due := func(o *op) bool {
		return o.kind == opTask && (!o.task.Handler || c.notified[o.task]) && !c.again(o.task)
	}
	for i, f := range slices.Backward(c.frames) {
		pc := f.pc
		if i+1 < len(c.frames) && !c.frames[i+1].queued() {
			pc++ // it took in what stands above it
		}
		for o := range f.path(pc) {
			if due(o) {
				out = append(out, o)
			}
		}
	}
	if !c.handling() {
		for i := range handlers.ops {
			if due(&handlers.ops[i]) {
				out = append(out, &handlers.ops[i])
			}
		}
	}
	return out
}
