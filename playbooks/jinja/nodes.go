package jinja

import (
	"remoterun/runner/value"

	"remoterun/playbooks/jinja/lex"
)

// place is where a node begins, for messages; every node has one.
type place = lex.Place

// expr is an expression.
type expr interface{ Pos() place }

type (
	literal struct {
		place
		v value.Value
	}
	name struct {
		place
		id string
	}
	listLit struct {
		place
		items []expr
	}
	tupleLit struct {
		place
		items []expr
	}
	dictLit struct {
		place
		keys, vals []expr
	}
	unary struct {
		place
		op string
		x  expr
	}
	binary struct {
		place
		op   string
		a, b expr
	}
	// compare is a chain: a < b < c.
	compare struct {
		place
		first expr
		ops   []string
		rest  []expr
	}
	concat struct {
		place
		parts []expr
	}
	cond struct {
		place
		test, yes, no expr // no is nil without else
	}
	attr struct {
		place
		x    expr
		name string
	}
	index struct {
		place
		x, at expr
	}
	slice struct {
		place
		from, to, step expr // nil where left out
	}
	invoke struct {
		place
		fn   expr
		args arguments
	}
	// filter with a nil x is the filter of a block.
	filter struct {
		place
		x     expr
		name  string
		args  arguments
		named Named
	}
	test struct {
		place
		x     expr
		name  string
		args  arguments
		not   bool
		named Named
	}
)

// arguments of a call, in Python's order.
type arguments struct {
	pos      []expr
	names    []string
	vals     []expr
	star, kw expr // *args and **kwargs
}

// stmt is a statement.
type stmt interface{ Pos() place }

type (
	text struct {
		place
		s string
	}
	output struct {
		place
		x expr
	}
	forStmt struct {
		place
		target    expr // name or tupleLit
		iter      expr
		filter    expr
		body, els []stmt
		recursive bool
	}
	ifStmt struct {
		place
		tests  []expr
		bodies [][]stmt
		els    []stmt
	}
	setStmt struct {
		place
		target expr // name, tupleLit, or attr of a namespace
		x      expr
	}
	setBlock struct {
		place
		target  expr
		filters []*filter
		body    []stmt
	}
	withStmt struct {
		place
		targets, vals []expr
		body          []stmt
	}
	macroStmt struct {
		place
		name     string
		params   []string
		defaults []expr
		body     []stmt
		uses     macroUses
	}
	macroUses struct{ varargs, kwargs, caller bool }
	callStmt  struct {
		place
		call  *invoke
		macro *macroStmt
	}
	filterStmt struct {
		place
		filters []*filter
		body    []stmt
	}
	includeStmt struct {
		place
		name          expr
		ignoreMissing bool
		context       bool
	}
	importStmt struct {
		place
		name    expr
		target  string
		context bool
	}
	fromStmt struct {
		place
		name           expr
		names, targets []string
		context        bool
	}
	extendsStmt struct {
		place
		name expr
	}
	blockStmt struct {
		place
		name     string
		body     []stmt
		scoped   bool
		required bool
	}
	doStmt struct {
		place
		x expr
	}
	jumpStmt struct {
		place
		word string // break or continue
	}
)

// template is a parsed text, shared by all who render it: never changed.
type template struct {
	body   []stmt
	blocks map[string]*blockStmt
	// single is the expression of a text that is one {{ expression }}.
	single expr
	// plain is a text without any tag.
	plain bool
	// uses are the names that it may ask for.
	uses   []string
	impure bool
	// laptop says that it may read files of the laptop.
	laptop bool
	// skipped counts the lines in front of the parsed text (its header).
	skipped int
	// newline is what its line ends become.
	newline string
	// apart says that it matters whether two lists or mappings are one: a method
	// may change them, or YAML writes them with anchors. Variables are copied
	// before the template gets them.
	apart bool
}
