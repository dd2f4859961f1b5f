// Package program lays a play's tasks out as a flat list of instructions, and is
// the place of a host in it: blocks are jump marks, so that hosts can stand at
// different places of the same list and be compared. It runs nothing and renders
// nothing.
package program

import (
	"iter"
	"regexp"
	"slices"
	"strings"

	"remoterun/runner/play"
)

// Op is one instruction: a task, a place at which handlers are due, or a mark.
type Op struct {
	Task *play.Task
	// Around are the enclosing blocks' keywords, outermost first.
	Around []*play.Keywords

	kind  opKind
	role  *play.Role // of opRoleEnd
	block *span      // of opBodyEnd, opRescueEnd, opAlwaysEnd
	seats []seat
}

// Flushes reports a place at which the handlers run that were notified.
func (o *Op) Flushes() bool { return o.kind == opFlush }

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

// Program is a list of instructions: a play's own, an included file's, or the
// handlers.
type Program struct{ ops []Op }

// Keep says whether the tags select a task within the keywords of its blocks.
type Keep func(t *play.Task, around []*play.Keywords) bool

// OfPlay lays a play out: handlers are due behind each of its three lists.
func OfPlay(p *play.Play, keep Keep) *Program {
	c := &compiler{p: &Program{}, keep: keep}
	for _, section := range [][]play.Item{p.Pre, p.Tasks, p.Post} {
		c.items(section)
		c.emit(Op{kind: opFlush})
	}
	return c.p
}

// Compile lays items out; keep = nil keeps all.
func Compile(keep Keep, sections ...[]play.Item) *Program {
	p := &Program{}
	c := &compiler{p: p, keep: keep}
	for _, items := range sections {
		c.items(items)
	}
	return p
}

type compiler struct {
	p     *Program
	keep  Keep
	seats []seat
	words []*play.Keywords
}

func (c *compiler) emit(o Op) {
	o.seats = slices.Clone(c.seats)
	o.Around = slices.Clone(c.words)
	c.p.ops = append(c.p.ops, o)
}

func (c *compiler) items(items []play.Item) {
	for _, it := range items {
		switch it := it.(type) {
		case *play.Task:
			if c.keep == nil || c.keep(it, c.words) {
				c.emit(Op{kind: opTask, Task: it})
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
		c.emit(Op{kind: opRoleEnd, role: b.Role})
	}
	c.emit(Op{kind: opBodyEnd, block: s})
	s.rescue = len(c.p.ops)
	c.part(s, inRescue, b.Rescue)
	c.emit(Op{kind: opRescueEnd, block: s})
	s.always = len(c.p.ops)
	c.part(s, inAlways, b.Always)
	c.emit(Op{kind: opAlwaysEnd, block: s})
	c.words = c.words[:len(c.words)-1]
}

func (c *compiler) part(s *span, p part, items []play.Item) {
	c.seats = append(c.seats, seat{s, p})
	c.items(items)
	c.seats = c.seats[:len(c.seats)-1]
}

// Tasks yields the instructions that are tasks, in the order of the program.
func (p *Program) Tasks() iter.Seq[*Op] {
	return func(yield func(*Op) bool) {
		for i := range p.ops {
			if p.ops[i].kind == opTask && !yield(&p.ops[i]) {
				return
			}
		}
	}
}

// Has reports a task that a host comes to, as long as nothing fails, whose name
// fits a pattern with * and ?.
func (p *Program) Has(pattern string) bool {
	_, found := p.find(pattern)
	return found
}

// StartAt leaves out what stands before the first task that fits the pattern,
// which is everything when there is none.
func (p *Program) StartAt(pattern string) (found bool) {
	begin, found := p.find(pattern)
	for i := range p.ops[:begin] {
		if p.ops[i].kind == opTask {
			p.ops[i].kind = opNothing
		}
	}
	return found
}

// find is the place of the first task that a host comes to, as long as nothing
// fails, whose name fits a pattern with * and ?; the end when there is none.
func (p *Program) find(pattern string) (at int, found bool) {
	words := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
	fits, err := regexp.Compile("(?s)^" + words + "$")
	if err != nil {
		return len(p.ops), false // not a pattern that is made of quoted text
	}
	for o := range (&Frame{prog: p}).path(0) {
		if o.kind == opTask && fits.MatchString(o.Task.Title()) {
			return slices.IndexFunc(p.ops, func(q Op) bool { return q.Task == o.Task }), true
		}
	}
	return len(p.ops), false
}
