package jinja

import (
	"slices"
	"strings"

	"remoterun/playbooks/jinja/lex"
)

// statements reads until a tag that is none of its own (endfor, else, …) or the
// end.
func (p *parser) statements() []stmt {
	defer p.deeper()()
	var out []stmt
	for {
		t := p.peek()
		switch t.Kind {
		case lex.Data:
			p.next()
			out = append(out, &text{t.At, t.Text})
		case lex.VarBegin:
			p.next()
			x := p.tuple(true)
			if p.peek().Kind != lex.VarEnd {
				p.fail(p.peek().At, "%s follows a whole expression: an operator, a filter, a quote or }} is missing", p.peek())
			}
			p.next()
			out = append(out, &output{x.Pos(), x})
		case lex.BlockBegin:
			word := p.toks[p.i+1]
			if word.Kind != lex.Name {
				p.fail(word.At, "tag name expected, got %s", word)
			}
			read, ok := p.reader(word.Text)
			if !ok {
				return out
			}
			p.i += 2
			out = append(out, read(word.At)...)
		default:
			return out
		}
	}
}

func one(s stmt) []stmt { return []stmt{s} }

func (p *parser) reader(word string) (func(place) []stmt, bool) {
	switch word {
	case "for":
		return p.forLoop, true
	case "if":
		return p.ifElse, true
	case "set":
		return p.set, true
	case "with":
		return p.with, true
	case "macro":
		return p.macroDef, true
	case "call":
		return p.callBlock, true
	case "filter":
		return p.filterBlock, true
	case "include":
		return p.include, true
	case "import":
		return p.importAll, true
	case "from":
		return p.fromImport, true
	case "extends":
		return p.extends, true
	case "block":
		return p.block, true
	case "do":
		return func(at place) []stmt { x := p.tuple(true); p.blockEnd(); return one(&doStmt{at, x}) }, p.syn.Do
	case "break", "continue":
		return func(at place) []stmt { p.blockEnd(); return one(&jumpStmt{at, word}) }, p.syn.LoopControls
	case "autoescape":
		return p.autoescape, true
	}
	return nil, false
}

func (p *parser) blockEnd() {
	if p.peek().Kind != lex.BlockEnd {
		p.fail(p.peek().At, "%s follows the statement: an operator, a filter or %%} is missing", p.peek())
	}
	p.next()
}

// until reads statements and the tag that ends them, one of words; the tag's
// name is answered and its tokens up to the name are consumed.
func (p *parser) until(tag string, at place, words ...string) ([]stmt, string) {
	p.ends = append(p.ends, tag)
	body := p.statements()
	if p.peek().Kind == lex.EOF {
		p.fail(at, "Unexpected end of template. Jinja was looking for the following tags: %s. The innermost block that needs to be closed is '%s'.", quoteWords(words), tag)
	}
	word := p.toks[p.i+1]
	if !slices.Contains(words, word.Text) {
		p.failUnknownTag(words...)
	}
	p.ends = p.ends[:len(p.ends)-1]
	p.i += 2
	return body, word.Text
}

func (p *parser) failUnknownTag(want ...string) {
	t := p.toks[min(p.i+1, len(p.toks)-1)]
	msg := "Encountered unknown tag '" + t.Text + "'."
	if len(want) > 0 {
		msg += " Jinja was looking for the following tags: " + quoteWords(want) + "."
	}
	if n := len(p.ends); n > 0 {
		msg += " The innermost block that needs to be closed is '" + p.ends[n-1] + "'."
	}
	p.fail(t.At, "%s", msg)
}

func quoteWords(words []string) string { return "'" + strings.Join(words, "' or '") + "'" }

// target reads what a value is assigned to.
func (p *parser) target() expr {
	first := p.targetOne()
	if !p.isOp(",") {
		return first
	}
	t := &tupleLit{first.Pos(), []expr{first}}
	for p.skipOp(",") {
		if p.isName("in") || p.isOp("=") || p.peek().Kind == lex.BlockEnd {
			break
		}
		t.items = append(t.items, p.targetOne())
	}
	return t
}

func (p *parser) targetOne() expr {
	if p.isOp("(") {
		at := p.next().At
		x := p.target()
		p.wantOp(")")
		if t, ok := x.(*tupleLit); ok {
			t.place = at
		}
		return x
	}
	t := p.wantName()
	if slices.Contains([]string{"true", "false", "none", "True", "False", "None", "loop"}, t.Text) && t.Text != "loop" {
		p.fail(t.At, "can't assign to '%s'", t.Text)
	}
	if p.isOp(".") {
		p.next()
		p.uses(t.Text)
		return &attr{t.At, &name{t.At, t.Text}, p.wantName().Text}
	}
	return &name{t.At, t.Text}
}

func (p *parser) forLoop(at place) []stmt {
	f := &forStmt{place: at, target: p.target()}
	if !p.skipName("in") {
		p.fail(p.peek().At, "expected 'in', got %s", p.peek())
	}
	f.iter = p.tuple(false)
	if p.skipName("if") {
		f.filter = p.expression()
	}
	f.recursive = p.skipName("recursive")
	p.blockEnd()
	var word string
	if f.body, word = p.until("for", at, "endfor", "else"); word == "else" {
		p.blockEnd()
		f.els, _ = p.until("for", at, "endfor")
	}
	p.blockEnd()
	return one(f)
}

func (p *parser) ifElse(at place) []stmt {
	s := &ifStmt{place: at}
	word := "elif"
	for word == "elif" {
		s.tests = append(s.tests, p.tuple(true))
		p.blockEnd()
		var body []stmt
		body, word = p.until("if", at, "elif", "else", "endif")
		s.bodies = append(s.bodies, body)
	}
	if word == "else" {
		p.blockEnd()
		s.els, _ = p.until("if", at, "endif")
	}
	p.blockEnd()
	return one(s)
}

func (p *parser) set(at place) []stmt {
	target := p.target()
	if p.skipOp("=") {
		x := p.tuple(true)
		p.blockEnd()
		return one(&setStmt{at, target, x})
	}
	s := &setBlock{place: at, target: target}
	for p.skipOp("|") {
		s.filters = append(s.filters, p.filter(nil).(*filter))
	}
	p.blockEnd()
	s.body, _ = p.until("set", at, "endset")
	p.blockEnd()
	return one(s)
}

func (p *parser) with(at place) []stmt {
	w := &withStmt{place: at}
	for p.peek().Kind != lex.BlockEnd {
		if len(w.targets) > 0 {
			p.wantOp(",")
		}
		w.targets = append(w.targets, p.targetOne())
		p.wantOp("=")
		w.vals = append(w.vals, p.expression())
	}
	p.blockEnd()
	w.body, _ = p.until("with", at, "endwith")
	p.blockEnd()
	return one(w)
}

func (p *parser) params(m *macroStmt) {
	p.wantOp("(")
	for n := 0; !p.isOp(")"); n++ {
		if n > 0 {
			p.wantOp(",")
		}
		t := p.wantName()
		m.params = append(m.params, t.Text)
		switch {
		case p.skipOp("="):
			m.defaults = append(m.defaults, p.expression())
		case len(m.defaults) > 0:
			p.fail(t.At, "non-default argument follows default argument")
		}
	}
	p.wantOp(")")
}

func (p *parser) macroBody(m *macroStmt, tag, end string) {
	outer := p.macro
	p.macro = &m.uses
	m.body, _ = p.until(tag, m.place, end)
	p.macro = outer
	p.blockEnd()
}

func (p *parser) macroDef(at place) []stmt {
	m := &macroStmt{place: at, name: p.wantName().Text}
	p.params(m)
	p.blockEnd()
	p.macroBody(m, "macro", "endmacro")
	return one(m)
}

func (p *parser) callBlock(at place) []stmt {
	m := &macroStmt{place: at, name: "caller"}
	if p.isOp("(") {
		p.params(m)
	}
	x := p.expression()
	inv, ok := x.(*invoke)
	if !ok {
		p.fail(at, "expected call")
	}
	p.blockEnd()
	p.macroBody(m, "call", "endcall")
	return one(&callStmt{at, inv, m})
}

func (p *parser) filterBlock(at place) []stmt {
	s := &filterStmt{place: at, filters: []*filter{p.filter(nil).(*filter)}}
	for p.skipOp("|") {
		s.filters = append(s.filters, p.filter(nil).(*filter))
	}
	p.blockEnd()
	s.body, _ = p.until("filter", at, "endfilter")
	p.blockEnd()
	return one(s)
}

// contextWords reads "with context" or "without context".
func (p *parser) contextWords(byDefault bool) bool {
	if (p.isName("with") || p.isName("without")) && p.toks[p.i+1].Text == "context" {
		with := p.next().Text == "with"
		p.next()
		return with
	}
	return byDefault
}

func (p *parser) include(at place) []stmt {
	s := &includeStmt{place: at, name: p.expression()}
	if p.isName("ignore") && p.toks[p.i+1].Text == "missing" {
		p.i += 2
		s.ignoreMissing = true
	}
	s.context = p.contextWords(true)
	p.blockEnd()
	p.tpl.impure, p.tpl.apart = true, true // the file may change from call to call
	return one(s)
}

func (p *parser) importAll(at place) []stmt {
	p.tpl.laptop = true
	s := &importStmt{place: at, name: p.expression()}
	if !p.skipName("as") {
		p.fail(p.peek().At, "expected 'as', got %s", p.peek())
	}
	s.target = p.wantName().Text
	s.context = p.contextWords(false)
	p.blockEnd()
	p.tpl.impure, p.tpl.apart = true, true
	return one(s)
}

func (p *parser) fromImport(at place) []stmt {
	p.tpl.laptop = true
	s := &fromStmt{place: at, name: p.expression()}
	if !p.skipName("import") {
		p.fail(p.peek().At, "expected 'import', got %s", p.peek())
	}
	for p.peek().Kind == lex.Name {
		if (p.isName("with") || p.isName("without")) && p.toks[p.i+1].Text == "context" {
			break
		}
		n := p.next()
		if strings.HasPrefix(n.Text, "_") {
			p.fail(n.At, "names starting with an underline can not be imported")
		}
		as := n.Text
		if p.skipName("as") {
			as = p.wantName().Text
		}
		s.names, s.targets = append(s.names, n.Text), append(s.targets, as)
		if !p.skipOp(",") {
			break
		}
	}
	if len(s.names) == 0 {
		p.fail(p.peek().At, "expected names to import, got %s", p.peek())
	}
	s.context = p.contextWords(false)
	p.blockEnd()
	p.tpl.impure, p.tpl.apart = true, true
	return one(s)
}

func (p *parser) extends(at place) []stmt {
	p.tpl.laptop = true
	x := p.expression()
	p.blockEnd()
	p.tpl.impure, p.tpl.apart = true, true
	return one(&extendsStmt{at, x})
}

func (p *parser) block(at place) []stmt {
	b := &blockStmt{place: at, name: p.wantName().Text}
	if _, twice := p.tpl.blocks[b.name]; twice {
		p.fail(at, "block '%s' defined twice", b.name)
	}
	p.tpl.blocks[b.name] = b
	b.scoped = p.skipName("scoped")
	b.required = p.skipName("required")
	p.blockEnd()
	b.body, _ = p.until("block", at, "endblock")
	p.skipName(b.name)
	p.blockEnd()
	return one(b)
}

// autoescape is read and has no effect: Ansible escapes nothing.
func (p *parser) autoescape(at place) []stmt {
	p.expression()
	p.blockEnd()
	body, _ := p.until("autoescape", at, "endautoescape")
	p.blockEnd()
	return body
}
