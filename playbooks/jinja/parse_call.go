package jinja

import (
	"slices"

	"remoterun/playbooks/jinja/lex"
)

func (p *parser) arguments() arguments {
	defer p.deeper()()
	at := p.wantOp("(").At
	var a arguments
	for n := 0; !p.isOp(")"); n++ {
		if n > 0 {
			p.wantOp(",")
			if p.isOp(")") {
				break
			}
		}
		switch {
		case p.skipOp("*"):
			a.star = p.expression()
		case p.skipOp("**"):
			a.kw = p.expression()
		case p.peek().Kind == lex.Name && p.toks[p.i+1].Kind == lex.Op && p.toks[p.i+1].Text == "=":
			key := p.next().Text
			p.next()
			a.names = append(a.names, key)
			a.vals = append(a.vals, p.expression())
		default:
			if len(a.names) > 0 || a.kw != nil {
				p.fail(at, "invalid syntax for function call expression")
			}
			a.pos = append(a.pos, p.expression())
		}
	}
	p.wantOp(")")
	return a
}

// noteCall marks the template impure when it calls what may answer differently.
func (p *parser) noteCall(c *invoke) {
	n, ok := c.fn.(*name)
	if !ok {
		return
	}
	if e, ok := p.reg.globals[n.id]; ok && e.impure {
		p.tpl.impure = true
	}
	if slices.Contains([]string{"lookup", "query", "q"}, n.id) && len(c.args.pos) > 0 {
		p.tpl.laptop = true
		l, ok := c.args.pos[0].(*literal)
		if !ok {
			p.tpl.impure = true
			return
		}
		s, _ := l.v.AsString()
		e := p.reg.lookup(s)
		p.tpl.impure = p.tpl.impure || e == nil || e.impure
	}
}

func (p *parser) filtered(x expr) expr {
	for {
		t := p.peek()
		switch {
		case p.isOp("|"):
			p.next()
			x = p.filter(x)
		case p.isName("is"):
			x = p.test(x)
		case p.isOp("("):
			x = &invoke{t.At, x, p.arguments()}
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

func (p *parser) filter(x expr) expr {
	t := p.dotted()
	f := &filter{place: t.At, x: x, name: t.Text, e: p.reg.filter(t.Text)}
	p.tpl.apart = p.tpl.apart || f.e != nil && f.e.anchors
	if p.isOp("(") {
		f.args = p.arguments()
	}
	if f.e == nil {
		p.fail(t.At, "no filter named '%s'%s", t.Text, suggest(t.Text, p.reg.filters))
	}
	p.tpl.impure = p.tpl.impure || f.e.impure
	return f
}

func (p *parser) test(x expr) expr {
	p.next()
	n := &test{x: x, not: p.skipName("not")}
	t := p.dotted()
	n.place, n.name, n.e = t.At, t.Text, p.reg.test(t.Text)
	if n.e == nil {
		p.fail(t.At, "no test named '%s'%s", t.Text, suggest(t.Text, p.reg.tests))
	}
	switch a := p.peek(); {
	case p.isOp("("):
		n.args = p.arguments()
	case p.isName("is"):
		p.fail(a.At, "You cannot chain multiple tests with is")
	case a.Kind == lex.Name && !slices.Contains([]string{"else", "or", "and"}, a.Text),
		a.Kind == lex.String, a.Kind == lex.Int, a.Kind == lex.Float, p.isOp("["), p.isOp("{"):
		n.args.pos = []expr{p.postfix(p.primary())}
	}
	return n
}
