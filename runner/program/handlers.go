package program

import (
	"slices"

	"remoterun/runner/play"
)

// With is the program of a play's handlers and of those of roles that were taken
// in. Handlers of a use that counts as one known already stay the same: they only
// become the last of their names. The program itself is not changed: hosts that
// run handlers keep to the list that they began.
func (p *Program) With(blocks []*play.Block) *Program {
	known := map[string][]Op{}
	start := 0
	for i, o := range p.ops {
		if o.kind == opRoleEnd {
			known[o.role.ID] = p.ops[start:i]
		}
		if o.kind != opTask {
			start = i + 1
		}
	}
	all := &Program{ops: slices.Clone(p.ops)}
	for _, b := range blocks {
		if again, ok := known[b.Role.ID]; ok {
			all.ops = append(all.ops, again...)
			continue
		}
		all.ops = append(all.ops, shifted(Compile(nil, []play.Item{b}).ops, len(all.ops))...)
	}
	return all
}

// shifted moves instructions behind others: blocks know places of their parts.
func shifted(ops []Op, by int) []Op {
	seen := map[*span]bool{}
	for _, o := range ops {
		if o.block != nil && !seen[o.block] {
			seen[o.block] = true
			o.block.rescue, o.block.always = o.block.rescue+by, o.block.always+by
		}
	}
	return ops
}

// SameList reports handlers of one list: the play's own, or those of one role.
func SameList(a, b *Op) bool {
	of := func(o *Op) *span {
		if len(o.seats) > 0 {
			return o.seats[len(o.seats)-1].block
		}
		return nil
	}
	return of(a) == of(b)
}
