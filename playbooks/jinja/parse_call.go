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
	if e, ok := p.names.Find(globalKind, n.id); ok && e.Traits().Impure {
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
		e, ok := p.names.Find(lookupKind, s)
		p.tpl.impure = p.tpl.impure || !ok || e.Traits().Impure
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
	f := &filter{place: t.At, x: x, name: t.Text}
	e, ok := p.names.Find(filterKind, t.Text)
	if p.isOp("(") {
		f.args = p.arguments()
	}
	if !ok {
		p.fail(t.At, "no filter named '%s'%s", t.Text, p.names.Near(filterKind, t.Text))
	}
	f.named = e
	p.tpl.apart = p.tpl.apart || e.Traits().Anchors
	p.tpl.impure = p.tpl.impure || e.Traits().Impure
	return f
}

func (p *parser) test(x expr) expr {
	p.next()
	n := &test{x: x, not: p.skipName("not")}
	t := p.dotted()
	e, ok := p.names.Find(testKind, t.Text)
	if !ok {
		p.fail(t.At, "no test named '%s'%s", t.Text, p.names.Near(testKind, t.Text))
	}
	n.place, n.name, n.named = t.At, t.Text, e
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

// mutators are the methods that change their object: a template that names one
// works on copies of the variables, as Ansible's templates always do.
func mutators() []string {
	return []string{"append", "extend", "insert", "pop", "remove", "clear", "update", "setdefault", "popitem", "sort", "reverse", "__setitem__"}
}

func isMutator(name string) bool { return slices.Contains(mutators(), name) }
