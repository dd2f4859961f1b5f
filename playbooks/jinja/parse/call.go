package parse

import (
	"fmt"
	"slices"
	"strings"

	"remoterun/playbooks/jinja/lex"
)

func (p *parser) arguments() Arguments {
	defer p.deeper()()
	at := p.wantOp("(").At
	var a Arguments
	for n := 0; !p.isOp(")"); n++ {
		if n > 0 {
			p.wantOp(",")
			if p.isOp(")") {
				break
			}
		}
		switch {
		case p.skipOp("*"):
			a.Star = p.expression()
		case p.skipOp("**"):
			a.Kw = p.expression()
		case p.peek().Kind == lex.Name && p.toks[p.i+1].Kind == lex.Op && p.toks[p.i+1].Text == "=":
			key := p.next().Text
			p.next()
			a.Names = append(a.Names, key)
			a.Vals = append(a.Vals, p.expression())
		default:
			if len(a.Names) > 0 || a.Kw != nil {
				p.fail(at, "invalid syntax for function call expression")
			}
			a.Pos = append(a.Pos, p.expression())
		}
	}
	p.wantOp(")")
	return a
}

// noteCall marks the template impure when it calls what may differ from call to call.
func (p *parser) noteCall(c *Invoke) {
	n, ok := c.Fn.(*Name)
	if !ok {
		return
	}
	if e, ok := p.names.Find(GlobalKind, n.ID); ok && e.Traits().Impure {
		p.tpl.Impure = true
	}
	if slices.Contains([]string{"lookup", "query", "q"}, n.ID) && len(c.Args.Pos) > 0 {
		p.tpl.Laptop = true
		l, ok := c.Args.Pos[0].(*Literal)
		if !ok {
			p.tpl.Impure = true
			return
		}
		s, _ := l.V.AsString()
		e, ok := p.names.Find(LookupKind, s)
		if !ok {
			p.tpl.Absent = append(p.tpl.Absent, p.lacking(LookupKind, l.Place, s))
		}
		p.tpl.Impure = p.tpl.Impure || !ok || e.Traits().Impure
	}
}

func (p *parser) filtered(x Expr) Expr {
	for {
		t := p.peek()
		switch {
		case p.isOp("|"):
			p.next()
			x = p.filter(x)
		case p.isName("is"):
			x = p.test(x)
		case p.isOp("("):
			x = &Invoke{t.At, x, p.arguments()}
		default:
			return x
		}
	}
}

// dotted reads a name like ansible.builtin.combine.
func (p *parser) dotted() lex.Token {
	t := p.wantName()
	for p.isOp(".") && p.toks[p.i+1].Kind == lex.Name {
		p.next()
		t.Text += "." + p.next().Text
	}
	return t
}

func (p *parser) filter(x Expr) Expr {
	t := p.dotted()
	f := &Filter{Place: t.At, X: x, Name: t.Text}
	e, ok := p.names.Find(FilterKind, t.Text)
	if p.isOp("(") {
		f.Args = p.arguments()
	}
	if !ok {
		panic(p.lacking(FilterKind, t.At, t.Text))
	}
	f.Named = e
	p.named(f)
	p.tpl.Apart = p.tpl.Apart || e.Traits().Anchors
	p.tpl.Impure = p.tpl.Impure || e.Traits().Impure
	return f
}

// lacking is the error of a name that is not there.
func (p *parser) lacking(k Kind, at lex.Place, name string) *lex.Error {
	return &lex.Error{At: at, Msg: fmt.Sprintf("no %s named '%s'%s", k, name, p.names.Near(k, name)), Kind: k.String(), Name: name}
}

// named notes the test or filter that a filter is told to use, where it is not there.
func (p *parser) named(f *Filter) {
	kind, at := TestKind, 0
	switch f.Name[strings.LastIndexByte(f.Name, '.')+1:] {
	case "select", "reject":
	case "selectattr", "rejectattr":
		at = 1
	case "map":
		kind = FilterKind
	default:
		return
	}
	if len(f.Args.Pos) <= at {
		return
	}
	l, ok := f.Args.Pos[at].(*Literal)
	if !ok {
		return
	}
	name, isText := l.V.AsString()
	if _, there := p.names.Find(kind, name); isText && !there {
		p.tpl.Absent = append(p.tpl.Absent, p.lacking(kind, l.Place, name))
	}
}

func (p *parser) test(x Expr) Expr {
	p.next()
	n := &Test{X: x, Not: p.skipName("not")}
	t := p.dotted()
	e, ok := p.names.Find(TestKind, t.Text)
	if !ok {
		panic(p.lacking(TestKind, t.At, t.Text))
	}
	n.Place, n.Name, n.Named = t.At, t.Text, e
	switch a := p.peek(); {
	case p.isOp("("):
		n.Args = p.arguments()
	case p.isName("is"):
		p.fail(a.At, "You cannot chain multiple tests with is")
	case a.Kind == lex.Name && !slices.Contains([]string{"else", "or", "and"}, a.Text),
		a.Kind == lex.String, a.Kind == lex.Int, a.Kind == lex.Float, p.isOp("["), p.isOp("{"):
		n.Args.Pos = []Expr{p.postfix(p.primary())}
	}
	return n
}

// mutators are the methods that change their object: a template that names one
// works on copies of the variables, as Ansible's templates always do.
func mutators() []string {
	return []string{"append", "extend", "insert", "pop", "remove", "clear", "update", "setdefault", "popitem", "sort", "reverse", "__setitem__"}
}

func isMutator(name string) bool { return slices.Contains(mutators(), name) }
