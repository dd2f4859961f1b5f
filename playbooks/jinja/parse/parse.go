// Package parse reads templates and expressions into nodes. Of the names of the
// language it knows whether they are there and what changes how a template is
// run (Traits); what they do is the evaluator's.
package parse

import (
	"fmt"
	"slices"
	"strings"

	"remoterun/playbooks/jinja/lex"
	"remoterun/runner/value"
)

// MaxDepth bounds how deeply expressions and statements nest.
const MaxDepth = 400

// tokens are read one by one.
type tokens struct {
	toks  []lex.Token
	i     int
	depth int
}

// parser reads expressions.
type parser struct {
	tokens
	syn   lex.Syntax
	names Names
	tpl   *Template
	// macro says what the macro being read refers to.
	macro *MacroUses
}

// stmts reads what stands around expressions: tags and the text between them.
type stmts struct {
	parser
	// ends names the tags that may close what is open, for messages.
	ends []string
}

// Parse reads a template. Errors are *lex.Error.
func Parse(src string, syn lex.Syntax, names Names) (t *Template, err error) {
	toks, err := lex.Tokens(src, syn)
	if err != nil {
		return nil, err
	}
	p := &stmts{parser: parser{tokens: tokens{toks: toks}, syn: syn, names: names, tpl: &Template{Blocks: map[string]*BlockStmt{}}}}
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
		p.tpl.Single = p.tuple(true)
		if p.peek().Kind != lex.EOF {
			p.fail(p.peek().At, "%s follows a whole expression: an operator, a filter or a quote is missing", p.peek())
		}
		return p.tpl, nil
	}
	p.tpl.Body = p.statements()
	if p.peek().Kind != lex.EOF {
		p.failUnknownTag()
	}
	if len(p.tpl.Body) == 1 {
		switch s := p.tpl.Body[0].(type) {
		case *Output:
			p.tpl.Single = s.X
		case *Text:
			p.tpl.plain = true
		}
	}
	p.tpl.plain = p.tpl.plain || len(p.tpl.Body) == 0
	return p.tpl, nil
}

// fail ends the reading; parse recovers it. Only *lex.Error is thrown.
func (p *tokens) fail(at lex.Place, format string, args ...any) {
	panic(&lex.Error{At: at, Msg: fmt.Sprintf(format, args...)})
}

func (p *tokens) peek() lex.Token { return p.toks[p.i] }

func (p *tokens) next() lex.Token {
	t := p.toks[p.i]
	if t.Kind != lex.EOF {
		p.i++
	}
	return t
}

func (p *tokens) isOp(s string) bool { t := p.peek(); return t.Kind == lex.Op && t.Text == s }

func (p *tokens) isName(s string) bool { t := p.peek(); return t.Kind == lex.Name && t.Text == s }

func (p *tokens) skipOp(s string) bool {
	if p.isOp(s) {
		p.i++
		return true
	}
	return false
}

func (p *tokens) skipName(s string) bool {
	if p.isName(s) {
		p.i++
		return true
	}
	return false
}

func (p *tokens) wantOp(s string) lex.Token {
	if !p.isOp(s) {
		p.fail(p.peek().At, "expected '%s', got %s", s, p.peek())
	}
	return p.next()
}

func (p *tokens) wantName() lex.Token {
	if p.peek().Kind != lex.Name {
		p.fail(p.peek().At, "expected a name, got %s", p.peek())
	}
	return p.next()
}

// deeper guards recursion.
func (p *tokens) deeper() func() {
	if p.depth++; p.depth > MaxDepth {
		p.fail(p.peek().At, "nested more than %d levels deep", MaxDepth)
	}
	return func() { p.depth-- }
}

// expression reads a conditional expression.
func (p *parser) expression() Expr { return p.conditional(true) }

func (p *parser) conditional(with bool) Expr {
	defer p.deeper()()
	x := p.or()
	for with && p.isName("if") {
		at := p.next().At
		c := &Cond{Place: at, Yes: x, Test: p.or()}
		if p.skipName("else") {
			c.No = p.conditional(true)
		}
		x = c
	}
	return x
}

func (p *parser) or() Expr {
	x := p.and()
	for p.isName("or") {
		at := p.next().At
		x = &Binary{at, "or", x, p.and()}
	}
	return x
}

func (p *parser) and() Expr {
	x := p.not()
	for p.isName("and") {
		at := p.next().At
		x = &Binary{at, "and", x, p.not()}
	}
	return x
}

func (p *parser) not() Expr {
	if p.isName("not") {
		defer p.deeper()()
		at := p.next().At
		return &Unary{at, "not", p.not()}
	}
	return p.comparison()
}

func (p *parser) comparison() Expr {
	x := p.sum()
	c := &Compare{Place: x.Pos(), First: x}
	for {
		t := p.peek()
		switch {
		case t.Kind == lex.Op && slices.Contains([]string{"==", "!=", "<", "<=", ">", ">="}, t.Text):
			p.next()
			c.Ops = append(c.Ops, t.Text)
		case p.isName("in"):
			p.next()
			c.Ops = append(c.Ops, "in")
		case p.isName("not") && p.toks[p.i+1].Kind == lex.Name && p.toks[p.i+1].Text == "in":
			p.i += 2
			c.Ops = append(c.Ops, "not in")
		default:
			if len(c.Ops) == 0 {
				return x
			}
			return c
		}
		c.Rest = append(c.Rest, p.sum())
	}
}

func (p *parser) sum() Expr {
	x := p.concat()
	for p.isOp("+") || p.isOp("-") {
		t := p.next()
		x = &Binary{t.At, t.Text, x, p.concat()}
	}
	return x
}

func (p *parser) concat() Expr {
	x := p.product()
	if !p.isOp("~") {
		return x
	}
	c := &Concat{Place: x.Pos(), Parts: []Expr{x}}
	for p.skipOp("~") {
		c.Parts = append(c.Parts, p.product())
	}
	return c
}

func (p *parser) product() Expr {
	x := p.power()
	for p.isOp("*") || p.isOp("/") || p.isOp("//") || p.isOp("%") {
		t := p.next()
		x = &Binary{t.At, t.Text, x, p.power()}
	}
	return x
}

func (p *parser) power() Expr {
	x := p.unary(true)
	for p.isOp("**") {
		at := p.next().At
		x = &Binary{at, "**", x, p.unary(true)}
	}
	return x
}

func (p *parser) unary(filters bool) Expr {
	defer p.deeper()()
	var x Expr
	if p.isOp("-") || p.isOp("+") {
		t := p.next()
		x = &Unary{t.At, t.Text, p.unary(false)}
	} else {
		x = p.primary()
	}
	x = p.postfix(x)
	if filters {
		x = p.filtered(x)
	}
	return x
}

func (p *parser) primary() Expr {
	t := p.peek()
	switch t.Kind {
	case lex.Name:
		p.next()
		switch t.Text {
		case "true", "True":
			return &Literal{t.At, value.Bool(true)}
		case "false", "False":
			return &Literal{t.At, value.Bool(false)}
		case "none", "None":
			return &Literal{t.At, value.Null()}
		}
		p.uses(t.Text)
		return &Name{t.At, t.Text}
	case lex.String:
		var b strings.Builder
		for p.peek().Kind == lex.String {
			b.WriteString(p.next().Text)
		}
		return &Literal{t.At, value.String(b.String())}
	case lex.Int:
		p.next()
		return &Literal{t.At, p.integer(t)}
	case lex.Float:
		p.next()
		v, _ := lex.Number(t)
		return &Literal{t.At, v}
	}
	switch {
	case p.skipOp("("):
		x := p.parenthesis(t.At)
		p.wantOp(")")
		return x
	case p.skipOp("["):
		return &ListLit{t.At, p.list("]")}
	case p.skipOp("{"):
		return p.dict(t.At)
	}
	p.fail(t.At, "unexpected %s", t)
	return nil
}

// binds notes a name that the template gives a value itself.
func (t *Template) binds(id string) {
	if !slices.Contains(t.Binds, id) {
		t.Binds = append(t.Binds, id)
	}
}

// uses notes a name that is asked for.
func (p *parser) uses(id string) {
	if !slices.Contains(p.tpl.Uses, id) {
		p.tpl.Uses = append(p.tpl.Uses, id)
	}
	if p.macro != nil {
		switch id {
		case "varargs":
			p.macro.Varargs = true
		case "kwargs":
			p.macro.Kwargs = true
		case "caller":
			p.macro.Caller = true
		}
	}
}

func (p *parser) integer(t lex.Token) value.Value {
	v, ok := lex.Number(t)
	if !ok {
		p.fail(t.At, "%s is not a number", t.Text)
	}
	return v
}

func (p *parser) parenthesis(at lex.Place) Expr {
	if p.isOp(")") {
		return &TupleLit{at, nil}
	}
	return p.tuple(true)
}

// tuple reads expressions separated by commas: one without a comma is itself.
func (p *parser) tuple(withCond bool) Expr {
	at := p.peek().At
	var items []Expr
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
	return &TupleLit{at, items}
}

func (p *parser) tupleEnd() bool {
	t := p.peek()
	return t.Kind == lex.VarEnd || t.Kind == lex.BlockEnd || t.Kind == lex.EOF || t.Kind == lex.Op && (t.Text == ")" || t.Text == "]")
}

func (p *parser) list(end string) []Expr {
	var items []Expr
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

func (p *parser) dict(at lex.Place) Expr {
	d := &DictLit{Place: at}
	for !p.isOp("}") {
		if len(d.Keys) > 0 {
			p.wantOp(",")
		}
		if p.isOp("}") {
			break
		}
		d.Keys = append(d.Keys, p.expression())
		p.wantOp(":")
		d.Vals = append(d.Vals, p.expression())
	}
	p.wantOp("}")
	return d
}

func (p *parser) postfix(x Expr) Expr {
	for {
		t := p.peek()
		switch {
		case p.skipOp("."):
			x = p.attribute(x)
		case p.skipOp("["):
			x = &Index{t.At, x, p.subscript()}
		case p.isOp("("):
			x = &Invoke{t.At, x, p.arguments()}
			p.noteCall(x.(*Invoke))
		default:
			return x
		}
	}
}

func (p *parser) attribute(x Expr) Expr {
	t := p.next()
	switch t.Kind {
	case lex.Name:
		p.tpl.Apart = p.tpl.Apart || isMutator(t.Text)
		return &Attr{t.At, x, t.Text}
	case lex.Int:
		return &Index{t.At, x, &Literal{t.At, p.integer(t)}}
	}
	p.fail(t.At, "expected name or number, got %s", t)
	return nil
}

func (p *parser) subscript() Expr {
	at := p.peek().At
	var items []Expr
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
	return &TupleLit{at, items}
}

func (p *parser) sliceOrIndex() Expr {
	s := &Slice{Place: p.peek().At}
	part := func() Expr {
		if p.isOp(":") || p.isOp("]") || p.isOp(",") {
			return nil
		}
		return p.expression()
	}
	s.From = part()
	if !p.skipOp(":") {
		if s.From == nil {
			p.fail(s.Place, "expected subscript expression")
		}
		return s.From
	}
	s.To = part()
	if p.skipOp(":") {
		s.Step = part()
	}
	return s
}
