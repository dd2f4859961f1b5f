// Package lint looks for what is right and yet unwise in playbooks that were
// read without a mistake. Each finding has the name of its rule; rules.go holds
// the rules, one function each. It runs nothing and changes nothing.
package lint

import (
	"slices"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// Finding is one thing that is unwise.
type Finding struct {
	Pos  value.Pos
	Rule string
	Msg  string
}

// String is file:line:column, what, and the rule's name.
func (f Finding) String() string { return f.Pos.String() + ": " + f.Msg + " [" + f.Rule + "]" }

// Env is what the rules ask.
type Env struct {
	Expr play.Expr
	// Secret reports variables that come from a vault; nil = none.
	Secret func(name string) bool
}

// Check applies every rule; findings are in the order of the files. Tasks of
// files that are included while a playbook runs are not looked at.
func Check(e Env, books ...*play.Playbook) []Finding {
	l := &linter{env: e}
	for _, b := range books {
		for _, p := range b.Plays {
			l.play(p)
		}
	}
	slices.SortStableFunc(l.found, func(a, b Finding) int {
		switch {
		case a.Pos.File != b.Pos.File:
			return 0
		case a.Pos.Line != b.Pos.Line:
			return a.Pos.Line - b.Pos.Line
		}
		return a.Pos.Col - b.Pos.Col
	})
	return slices.Compact(l.found)
}

type linter struct {
	env   Env
	found []Finding
}

func (l *linter) add(at value.Pos, rule, msg string) {
	l.found = append(l.found, Finding{Pos: at, Rule: rule, Msg: msg})
}

func (l *linter) play(p *play.Play) {
	outer := []*play.Keywords{&p.Keywords}
	for _, list := range [][]play.Item{p.Pre, p.Tasks, p.Post, p.Handlers} {
		l.items(list, outer)
	}
	l.unusedHandlers(p)
}

// items visits tasks with the keywords that stand around them, outermost first.
func (l *linter) items(items []play.Item, outer []*play.Keywords) {
	for _, it := range items {
		around := append(slices.Clip(outer), it.Words())
		switch it := it.(type) {
		case *play.Block:
			for _, list := range [][]play.Item{it.Body, it.Rescue, it.Always} {
				l.items(list, around)
			}
		case *play.Task:
			for _, rule := range []func(*play.Task, []*play.Keywords){
				l.nameless, l.alwaysChanged, l.thrownAway, l.decimalMode, l.secretInCommand, l.plainSecret, l.becomeUser, l.runsInCheck,
			} {
				rule(it, around)
			}
		}
	}
}
