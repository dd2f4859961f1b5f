package parse

import (
	"remoterun/runner/value"

	"remoterun/playbooks/jinja/lex"
)

// Expr is an expression; every node has a place, for messages.
type Expr interface{ Pos() lex.Place }

type (
	Literal struct {
		lex.Place
		V value.Value
	}
	Name struct {
		lex.Place
		ID string
	}
	ListLit struct {
		lex.Place
		Items []Expr
	}
	TupleLit struct {
		lex.Place
		Items []Expr
	}
	DictLit struct {
		lex.Place
		Keys, Vals []Expr
	}
	Unary struct {
		lex.Place
		Op string
		X  Expr
	}
	Binary struct {
		lex.Place
		Op   string
		A, B Expr
	}
	// Compare is a chain: a < b < c.
	Compare struct {
		lex.Place
		First Expr
		Ops   []string
		Rest  []Expr
	}
	Concat struct {
		lex.Place
		Parts []Expr
	}
	Cond struct {
		lex.Place
		Test, Yes, No Expr // No is nil without else
	}
	Attr struct {
		lex.Place
		X    Expr
		Name string
	}
	Index struct {
		lex.Place
		X, At Expr
	}
	Slice struct {
		lex.Place
		From, To, Step Expr // nil where left out
	}
	Invoke struct {
		lex.Place
		Fn   Expr
		Args Arguments
	}
	// Filter with a nil X is the filter of a block.
	Filter struct {
		lex.Place
		X     Expr
		Name  string
		Args  Arguments
		Named Named
	}
	Test struct {
		lex.Place
		X     Expr
		Name  string
		Args  Arguments
		Not   bool
		Named Named
	}
)

// Arguments of a call, in Python's order.
type Arguments struct {
	Pos      []Expr
	Names    []string
	Vals     []Expr
	Star, Kw Expr // *args and **kwargs
}

// Stmt is a statement.
type Stmt interface{ Pos() lex.Place }

type (
	Text struct {
		lex.Place
		S string
	}
	Output struct {
		lex.Place
		X Expr
	}
	ForStmt struct {
		lex.Place
		Target    Expr // Name or TupleLit
		Iter      Expr
		Filter    Expr
		Body, Els []Stmt
		Recursive bool
	}
	IfStmt struct {
		lex.Place
		Tests  []Expr
		Bodies [][]Stmt
		Els    []Stmt
	}
	SetStmt struct {
		lex.Place
		Target Expr // Name, TupleLit, or Attr of a namespace
		X      Expr
	}
	SetBlock struct {
		lex.Place
		Target  Expr
		Filters []*Filter
		Body    []Stmt
	}
	WithStmt struct {
		lex.Place
		Targets, Vals []Expr
		Body          []Stmt
	}
	MacroStmt struct {
		lex.Place
		Name     string
		Params   []string
		Defaults []Expr
		Body     []Stmt
		Uses     MacroUses
	}
	MacroUses struct{ Varargs, Kwargs, Caller bool }
	CallStmt  struct {
		lex.Place
		Call  *Invoke
		Macro *MacroStmt
	}
	FilterStmt struct {
		lex.Place
		Filters []*Filter
		Body    []Stmt
	}
	IncludeStmt struct {
		lex.Place
		Name          Expr
		IgnoreMissing bool
		Context       bool
	}
	ImportStmt struct {
		lex.Place
		Name    Expr
		Target  string
		Context bool
	}
	FromStmt struct {
		lex.Place
		Name           Expr
		Names, Targets []string
		Context        bool
	}
	ExtendsStmt struct {
		lex.Place
		Name Expr
	}
	BlockStmt struct {
		lex.Place
		Name     string
		Body     []Stmt
		Scoped   bool
		Required bool
	}
	DoStmt struct {
		lex.Place
		X Expr
	}
	JumpStmt struct {
		lex.Place
		Word string // break or continue
	}
)

// Template is a parsed text, shared by all who render it: never changed.
type Template struct {
	Body   []Stmt
	Blocks map[string]*BlockStmt
	// Single is the expression of a text that is one {{ expression }}.
	Single Expr
	// plain is a text without any tag.
	plain bool
	// Uses are the names that it may ask for.
	Uses []string
	// Binds are names that it gives a value itself, somewhere: a loop's, those
	// that are set or imported, macros and their parameters.
	Binds  []string
	Impure bool
	// Laptop says that it may read files of the laptop.
	Laptop bool
	// Absent are lookups, and tests and filters that stand as text (select('x')), that
	// are not there: where they are called, and only there, it fails.
	Absent []*lex.Error
	// Skipped counts the lines in front of the parsed text (its header).
	Skipped int
	// Newline is what its line ends become.
	Newline string
	// Apart says that it matters whether two lists or mappings are one: a method
	// may change them, or YAML writes them with anchors. Variables are copied
	// before the template gets them.
	Apart bool
}
