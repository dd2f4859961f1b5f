package program

import (
	"iter"
	"slices"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// Frame is one program that a host is in: the play's own, an included file's,
// or the handlers'.
type Frame struct {
	prog *Program
	pc   int
	// pending are blocks whose always part runs because of a failure.
	pending map[*span]bool
	inc     *include // nil for the play's own and for handlers
	// order tells apart several files included by one loop.
	order int
	// handlers runs only what was notified.
	handlers bool
}

// Cursor is where one host stands.
type Cursor struct {
	frames []*Frame
	// notified are the handlers to run, by identity.
	notified map[*play.Task]bool
	// begun are roles of which a task ran, through those that came to their end, by
	// ID: these are passed when they come again.
	begun, through map[string]bool
	// failed is set when a failure left every block, forced when handlers run
	// behind it all the same.
	failed, forced bool
}

// NewCursor stands at the beginning of a program.
func NewCursor(p *Program) *Cursor {
	return &Cursor{frames: []*Frame{{prog: p}}, notified: map[*play.Task]bool{}, begun: map[string]bool{}, through: map[string]bool{}}
}

// Begin says that a task of a role ran.
func (c *Cursor) Begin(r *play.Role) { c.begun[r.ID] = true }

// again reports a task of a role that has run and runs only once.
func (c *Cursor) again(t *play.Task) bool {
	return t.Role != nil && !t.Handler && !t.Role.Repeats && c.through[t.Role.ID]
}

// Handlers is the frame of a play's handlers: of them only what was notified runs.
func Handlers(p *Program) *Frame { return &Frame{prog: p, handlers: true} }

// Included is the frame of an included file; params are the variables that it
// brings (vars of the include, its loop's item).
func Included(p *Program, params *value.Map) *Frame {
	return &Frame{prog: p, inc: &include{params: params}}
}

// Current returns the instruction that the host stands at, after passing the
// ends of blocks; nil at the end of everything.
func (c *Cursor) Current() *Op {
	for len(c.frames) > 0 {
		f := c.frames[len(c.frames)-1]
		if f.pc >= len(f.prog.ops) {
			c.frames = c.frames[:len(c.frames)-1]
			if len(c.frames) > 0 && !f.queued() {
				c.Next()
			}
			continue
		}
		o := &f.prog.ops[f.pc]
		switch o.kind {
		case opTask:
			if f.handlers && !c.notified[o.Task] || c.again(o.Task) {
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
func (f *Frame) queued() bool { return f.inc != nil && f.inc.more }

func (c *Cursor) top() *Frame { return c.frames[len(c.frames)-1] }

// Next passes the current instruction.
func (c *Cursor) Next() {
	f := c.top()
	c.handled(f)
	f.pc++
}

// handled forgets that the handler at which a frame stands was notified: it ran,
// however it ended.
func (c *Cursor) handled(f *Frame) {
	if f.handlers && f.pc < len(f.prog.ops) {
		delete(c.notified, f.prog.ops[f.pc].Task)
	}
}

// Handling reports that the host runs handlers.
func (c *Cursor) Handling() bool {
	for f := range c.live {
		if f.handlers {
			return true
		}
	}
	return false
}

// Push enters programs, the first of which runs first; the instruction that
// the host stands at is passed when the last of them has ended.
func (c *Cursor) Push(frames ...*Frame) {
	for i := len(frames) - 1; i >= 0; i-- {
		if frames[i].inc != nil {
			frames[i].inc.more = i < len(frames)-1
		}
		frames[i].order = i
		c.frames = append(c.frames, frames[i])
	}
}

// EndRole passes what is left of a role that the host is in, with the files that its
// tasks took in.
func (c *Cursor) EndRole(r *play.Role) {
	in := map[*Frame]bool{}
	for f := range c.live {
		in[f] = true
	}
	for i, f := range slices.Backward(c.frames) {
		if !in[f] || f.handlers {
			continue
		}
		for pc := f.pc; pc < len(f.prog.ops); pc++ {
			if o := &f.prog.ops[pc]; o.kind == opRoleEnd && o.role.ID == r.ID {
				c.frames, f.pc = c.frames[:i+1], pc
				return
			}
		}
	}
}

// Fail moves the host to where its failure is handled; it answers false when
// nothing does.
func (c *Cursor) Fail() bool {
	f := c.top()
	return c.raise(f.prog.ops[f.pc].seats)
}

func (c *Cursor) raise(seats []seat) bool {
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

// Lost reports a host whose failure left every block.
func (c *Cursor) Lost() bool { return c.failed || c.forced }

// Notify marks a handler to be run.
func (c *Cursor) Notify(handler *play.Task) { c.notified[handler] = true }

// Notified is how many handlers are to be run.
func (c *Cursor) Notified() int { return len(c.notified) }

// Force runs the handlers that were notified behind a failure that left every
// block, once; false = there are none, or they ran.
func (c *Cursor) Force(handlers *Program) bool {
	if len(c.notified) == 0 || c.forced {
		return false
	}
	c.forced, c.frames = true, []*Frame{Handlers(handlers)}
	return true
}

// Around are the keywords of the blocks around the includes that the host is in,
// outermost first.
func (c *Cursor) Around() []*play.Keywords {
	var out []*play.Keywords
	for f := range c.live {
		if f.pc < len(f.prog.ops) && f != c.top() {
			out = append(out, f.prog.ops[f.pc].Around...)
		}
	}
	return out
}

// Params are the variables of the includes that the host is in, outermost first.
func (c *Cursor) Params() []*value.Map {
	var out []*value.Map
	for f := range c.live {
		if f.inc != nil && f.inc.params.Len() > 0 {
			out = append(out, f.inc.params)
		}
	}
	return out
}

// Rescues reports whether a failure here would be rescued.
func (c *Cursor) Rescues() bool {
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

// Place orders hosts that run in step: lower ones go first.
func (c *Cursor) Place() []int {
	var out []int
	for f := range c.live {
		out = append(out, f.order, f.pc)
	}
	return out
}

// live yields the frames that the host is in, outermost first, without those
// that wait for their turn behind another one of the same loop.
func (c *Cursor) live(yield func(*Frame) bool) {
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
func (f *Frame) path(pc int) iter.Seq[*Op] {
	return func(yield func(*Op) bool) {
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

// Upcoming lists the tasks behind the current one as long as nothing fails,
// up to a flush of handlers or the end of the program.
func (c *Cursor) Upcoming(most int) []*Op {
	f := c.top()
	if f.handlers {
		return nil
	}
	var out []*Op
	ended := map[string]bool{}
	for o := range f.path(f.pc + 1) {
		switch {
		case len(out) >= most, o.kind == opFlush, o.kind == opAlwaysEnd && f.pending[o.block]:
			return out
		case o.kind == opRoleEnd:
			ended[o.role.ID] = true
		case o.kind != opTask || c.again(o.Task):
		case o.Task.Role != nil && !o.Task.Role.Repeats && ended[o.Task.Role.ID]:
			return out // whether it is passed is known when it is its turn
		default:
			out = append(out, o)
		}
	}
	return out
}

// Remaining lists the tasks that are left as long as nothing fails, the one at
// which the host stands first, and then the handlers that are notified.
func (c *Cursor) Remaining(handlers *Program) []*Op {
	var out []*Op
	due := func(o *Op) bool {
		return o.kind == opTask && (!o.Task.Handler || c.notified[o.Task]) && !c.again(o.Task)
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
	if !c.Handling() {
		for o := range handlers.Tasks() {
			if due(o) {
				out = append(out, o)
			}
		}
	}
	return out
}
