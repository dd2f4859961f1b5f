package jinja

import (
	"fmt"
	"slices"
	"strings"

	"remoterun/playbooks/jinja/lex"
	"remoterun/runner/value"
)

// Named is a name of the language; what is behind it is the evaluator's.
type Named interface{ Traits() Traits }

// Traits is what the parser has to know of a name.
type Traits struct {
	// Impure says that two calls may differ (random, now, password).
	Impure bool
	// Anchors says that the result shows which lists and mappings are one.
	Anchors bool
}

// Names are the names of the language.
type Names interface {
	Find(k Kind, name string) (Named, bool)
	// Near proposes the known name that was perhaps meant, as the end of a
	// message; empty when there is none.
	Near(k Kind, name string) string
}

// maxDepth bounds how deeply expressions and statements nest.
const maxDepth = 400

type parser struct {
	toks  []lex.Token
	i     int
	depth int
	syn   lex.Syntax
	names Names
	tpl   *template
	// macros says what the macro being read refers to.
	macro *macroUses
	// ends names the tags that may close what is open, for messages.
	ends []string
}

// parse reads a template. Errors are *syntaxError.
func parse(src string, syn lex.Syntax, names Names) (t *template, err error) {
	toks, err := lex.Tokens(src, syn)
	if err != nil {
		return nil, err
	}
	p := &parser{toks: toks, syn: syn, names: names, tpl: &template{blocks: map[string]*blockStmt{}}}
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *lex.Error:
			t, err = nil, e
		default:
			panic(e)
		}
	}()
	if syn.Bare {
		p.tpl.single = p.tuple(true)
		if p.peek().Kind != lex.EOF {
			p.fail(p.peek().At, "%s follows a whole expression: an operator, a filter or a quote is missing", p.peek())
		}
		return p.tpl, nil
	}
	p.tpl.body = p.statements()
	if p.peek().Kind != lex.EOF {
		p.failUnknownTag()
	}
	if len(p.tpl.body) == 1 {
		switch s := p.tpl.body[0].(type) {
		case *output:
			p.tpl.single = s.x
		case *text:
			p.tpl.plain = true
		}
	}
	p.tpl.plain = p.tpl.plain || len(p.tpl.body) == 0
	return p.tpl, nil
}

// fail ends the reading; parse recovers it. Only *syntaxError is thrown.
func (p *parser) fail(at place, format string, args ...any) {
	panic(&lex.Error{At: at, Msg: fmt.Sprintf(format, args...)})
}

func (p *parser) peek() lex.Token { return p.toks[p.i] }

func (p *parser) next() lex.Token {
	t := p.toks[p.i]
	if t.Kind != lex.EOF {
		p.i++
	}
	return t
}

func (p *parser) isOp(s string) bool { t := p.peek(); return t.Kind == lex.Op && t.Text == s }

func (p *parser) isName(s string) bool { t := p.peek(); return t.Kind == lex.Name && t.Text == s }

func (p *parser) skipOp(s string) bool {
	if p.isOp(s) {
		p.i++
		return true
	}
	return false
}

func (p *parser) skipName(s string) bool {
	if p.isName(s) {
		p.i++
		return true
	}
	return false
}

func (p *parser) wantOp(s string) lex.Token {
	if !p.isOp(s) {
		p.fail(p.peek().At, "expected '%s', got %s", s, p.peek())
	}
	return p.next()
}

func (p *parser) wantName() lex.Token {
	if p.peek().Kind != lex.Name {
		p.fail(p.peek().At, "expected a name, got %s", p.peek())
	}
	return p.next()
}

// deeper guards recursion.
func (p *parser) deeper() func() {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.peek().At, "nested more than %d levels deep", maxDepth)
	}
	return func() { p.depth-- }
}

// expression reads a conditional expression.
func (p *parser) expression() expr { return p.conditional(true) }

func (p *parser) conditional(with bool) expr {
	defer p.deeper()()
	x := p.or()
	for with && p.isName("if") {
		at := p.next().At
		c := &cond{place: at, yes: x, test: p.or()}
		if p.skipName("else") {
			c.no = p.conditional(true)
		}
		x = c
	}
	return x
}

func (p *parser) or() expr {
	x := p.and()
	for p.isName("or") {
		at := p.next().At
		x = &binary{at, "or", x, p.and()}
	}
	return x
}

func (p *parser) and() expr {
	x := p.not()
	for p.isName("and") {
		at := p.next().At
		x = &binary{at, "and", x, p.not()}
	}
	return x
}

func (p *parser) not() expr {
	if p.isName("not") {
		defer p.deeper()()
		at := p.next().At
		return &unary{at, "not", p.not()}
	}
	return p.comparison()
}

func (p *parser) comparison() expr {
	x := p.sum()
	c := &compare{place: x.Pos(), first: x}
	for {
		t := p.peek()
		switch {
		case t.Kind == lex.Op && slices.Contains([]string{"==", "!=", "<", "<=", ">", ">="}, t.Text):
			p.next()
			c.ops = append(c.ops, t.Text)
		case p.isName("in"):
			p.next()
			c.ops = append(c.ops, "in")
		case p.isName("not") && p.toks[p.i+1].Kind == lex.Name && p.toks[p.i+1].Text == "in":
			p.i += 2
			c.ops = append(c.ops, "not in")
		default:
			if len(c.ops) == 0 {
				return x
			}
			return c
		}
		c.rest = append(c.rest, p.sum())
	}
}

func (p *parser) sum() expr {
	x := p.concat()
	for p.isOp("+") || p.isOp("-") {
		t := p.next()
		x = &binary{t.At, t.Text, x, p.concat()}
	}
	return x
}

func (p *parser) concat() expr {
	x := p.product()
	if !p.isOp("~") {
		return x
	}
	c := &concat{place: x.Pos(), parts: []expr{x}}
	for p.skipOp("~") {
		c.parts = append(c.parts, p.product())
	}
	return c
}

func (p *parser) product() expr {
	x := p.power()
	for p.isOp("*") || p.isOp("/") || p.isOp("//") || p.isOp("%") {
		t := p.next()
		x = &binary{t.At, t.Text, x, p.power()}
	}
	return x
}

func (p *parser) power() expr {
	x := p.unary(true)
	for p.isOp("**") {
		at := p.next().At
		x = &binary{at, "**", x, p.unary(true)}
	}
	return x
}

func (p *parser) unary(filters bool) expr {
	defer p.deeper()()
	var x expr
	if p.isOp("-") || p.isOp("+") {
		t := p.next()
		x = &unary{t.At, t.Text, p.unary(false)}
	} else {
		x = p.primary()
	}
	x = p.postfix(x)
	if filters {
		x = p.filtered(x)
	}
	return x
}

func (p *parser) primary() expr {
	t := p.peek()
	switch t.Kind {
	case lex.Name:
		p.next()
		switch t.Text {
		case "true", "True":
			return &literal{t.At, value.Bool(true)}
		case "false", "False":
			return &literal{t.At, value.Bool(false)}
		case "none", "None":
			return &literal{t.At, value.Null()}
		}
		p.uses(t.Text)
		return &name{t.At, t.Text}
	case lex.String:
		var b strings.Builder
		for p.peek().Kind == lex.String {
			b.WriteString(p.next().Text)
		}
		return &literal{t.At, value.String(b.String())}
	case lex.Int:
		p.next()
		return &literal{t.At, p.integer(t)}
	case lex.Float:
		p.next()
		v, _ := lex.Number(t)
		return &literal{t.At, v}
	}
	switch {
	case p.skipOp("("):
		x := p.parenthesis(t.At)
		p.wantOp(")")
		return x
	case p.skipOp("["):
		return &listLit{t.At, p.list("]")}
	case p.skipOp("{"):
		return p.dict(t.At)
	}
	p.fail(t.At, "unexpected %s", t)
	return nil
}

// uses notes a name that is asked for.
func (p *parser) uses(id string) {
	if !slices.Contains(p.tpl.uses, id) {
		p.tpl.uses = append(p.tpl.uses, id)
	}
	if p.macro != nil {
		switch id {
		case "varargs":
			p.macro.varargs = true
		case "kwargs":
			p.macro.kwargs = true
		case "caller":
			p.macro.caller = true
		}
	}
}

func (p *parser) integer(t lex.Token) value.Value {
	v, ok := lex.Number(t)
	if !ok {
		p.fail(t.At, "%s is no number", t.Text)
	}
	return v
}

func (p *parser) parenthesis(at place) expr {
	if p.isOp(")") {
		return &tupleLit{at, nil}
	}
	return p.tuple(true)
}

// tuple reads expressions separated by commas: one without a comma is itself.
func (p *parser) tuple(withCond bool) expr {
	at := p.peek().At
	var items []expr
	comma := false
	for {
		if len(items) > 0 && p.tupleEnd() {
			break
		}
		items = append(items, p.conditional(withCond))
		if !p.skipOp(",") {
			break
		}
		comma = true
	}
	if !comma {
		return items[0]
	}
	return &tupleLit{at, items}
}

func (p *parser) tupleEnd() bool {
	t := p.peek()
	return t.Kind == lex.VarEnd || t.Kind == lex.BlockEnd || t.Kind == lex.EOF || t.Kind == lex.Op && (t.Text == ")" || t.Text == "]")
}

func (p *parser) list(end string) []expr {
	var items []expr
	for !p.isOp(end) {
		if len(items) > 0 {
			p.wantOp(",")
		}
		if p.isOp(end) {
			break
		}
		items = append(items, p.expression())
	}
	p.wantOp(end)
	return items
}

func (p *parser) dict(at place) expr {
	d := &dictLit{place: at}
	for !p.isOp("}") {
		if len(d.keys) > 0 {
			p.wantOp(",")
		}
		if p.isOp("}") {
			break
		}
		d.keys = append(d.keys, p.expression())
		p.wantOp(":")
		d.vals = append(d.vals, p.expression())
	}
	p.wantOp("}")
	return d
}

func (p *parser) postfix(x expr) expr {
	for {
		t := p.peek()
		switch {
		case p.skipOp("."):
			x = p.attribute(x)
		case p.skipOp("["):
			x = &index{t.At, x, p.subscript()}
		case p.isOp("("):
			x = &invoke{t.At, x, p.arguments()}
			p.noteCall(x.(*invoke))
		default:
			return x
		}
	}
}

func (p *parser) attribute(x expr) expr {
	t := p.next()
	switch t.Kind {
	case lex.Name:
		p.tpl.apart = p.tpl.apart || isMutator(t.Text)
		return &attr{t.At, x, t.Text}
	case lex.Int:
		return &index{t.At, x, &literal{t.At, p.integer(t)}}
	}
	p.fail(t.At, "expected name or number, got %s", t)
	return nil
}

func (p *parser) subscript() expr {
	at := p.peek().At
	var items []expr
	for {
		items = append(items, p.sliceOrIndex())
		if !p.skipOp(",") {
			break
		}
	}
	p.wantOp("]")
	if len(items) == 1 {
		return items[0]
	}
	return &tupleLit{at, items}
}

func (p *parser) sliceOrIndex() expr {
	s := &slice{place: p.peek().At}
	part := func() expr {
		if p.isOp(":") || p.isOp("]") || p.isOp(",") {
			return nil
		}
		return p.expression()
	}
	s.from = part()
	if !p.skipOp(":") {
		if s.from == nil {
			p.fail(s.place, "expected subscript expression")
		}
		return s.from
	}
	s.to = part()
	if p.skipOp(":") {
		s.step = part()
	}
	return s
}

// Kind says what a name of the language is.
type Kind uint8

const (
	filterKind Kind = iota
	testKind
	globalKind
	lookupKind
)

func (k Kind) String() string {
	return [...]string{"filter", "test", "global", "lookup"}[k]
}
