package jinja

import "slices"

func (p *parser) arguments() arguments {
	defer p.deeper()()
	at := p.wantOp("(").at
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
		case p.peek().kind == tokName && p.toks[p.i+1].kind == tokOp && p.toks[p.i+1].text == "=":
			key := p.next().text
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
			x = &invoke{t.at, x, p.arguments()}
		default:
			return x
		}
	}
}

// dotted reads a name like ansible.builtin.combine.
func (p *parser) dotted() token {
	t := p.wantName()
	for p.isOp(".") && p.toks[p.i+1].kind == tokName {
		p.next()
		t.text += "." + p.next().text
	}
	return t
}

func (p *parser) filter(x expr) expr {
	t := p.dotted()
	f := &filter{place: t.at, x: x, name: t.text, e: p.reg.filter(t.text)}
	p.tpl.apart = p.tpl.apart || f.e != nil && f.e.anchors
	if p.isOp("(") {
		f.args = p.arguments()
	}
	if f.e == nil {
		p.fail(t.at, "no filter named '%s'%s", t.text, suggest(t.text, p.reg.filters))
	}
	p.tpl.impure = p.tpl.impure || f.e.impure
	return f
}

func (p *parser) test(x expr) expr {
	p.next()
	n := &test{x: x, not: p.skipName("not")}
	t := p.dotted()
	n.place, n.name, n.e = t.at, t.text, p.reg.test(t.text)
	if n.e == nil {
		p.fail(t.at, "no test named '%s'%s", t.text, suggest(t.text, p.reg.tests))
	}
	switch a := p.peek(); {
	case p.isOp("("):
		n.args = p.arguments()
	case p.isName("is"):
		p.fail(a.at, "You cannot chain multiple tests with is")
	case a.kind == tokName && !slices.Contains([]string{"else", "or", "and"}, a.text),
		a.kind == tokString, a.kind == tokInt, a.kind == tokFloat, p.isOp("["), p.isOp("{"):
		n.args.pos = []expr{p.postfix(p.primary())}
	}
	return n
}
