package parse

import (
	"slices"
	"strings"

	"remoterun/playbooks/jinja/lex"
)

// statements reads until a tag that is none of its own (endfor, else, …) or the
// end.
func (p *stmts) statements() []Stmt {
	defer p.deeper()()
	var out []Stmt
	for {
		t := p.peek()
		switch t.Kind {
		case lex.Data:
			p.next()
			out = append(out, &Text{t.At, t.Text})
		case lex.VarBegin:
			p.next()
			x := p.tuple(true)
			if p.peek().Kind != lex.VarEnd {
				p.fail(p.peek().At, "%s follows a whole expression: an operator, a filter, a quote or }} is missing", p.peek())
			}
			p.next()
			out = append(out, &Output{x.Pos(), x})
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

func one(s Stmt) []Stmt { return []Stmt{s} }

func (p *stmts) reader(word string) (func(lex.Place) []Stmt, bool) {
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
		return func(at lex.Place) []Stmt { x := p.tuple(true); p.blockEnd(); return one(&DoStmt{at, x}) }, p.syn.Do
	case "break", "continue":
		return func(at lex.Place) []Stmt { p.blockEnd(); return one(&JumpStmt{at, word}) }, p.syn.LoopControls
	case "autoescape":
		return p.autoescape, true
	}
	return nil, false
}

func (p *stmts) blockEnd() {
	if p.peek().Kind != lex.BlockEnd {
		p.fail(p.peek().At, "%s follows the statement: an operator, a filter or %%} is missing", p.peek())
	}
	p.next()
}

// until reads statements and the tag that ends them, one of words; the tag's
// name is returned and its tokens up to the name are consumed.
func (p *stmts) until(tag string, at lex.Place, words ...string) ([]Stmt, string) {
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

func (p *stmts) failUnknownTag(want ...string) {
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
func (p *stmts) target() Expr {
	first := p.targetOne()
	if !p.isOp(",") {
		return first
	}
	t := &TupleLit{first.Pos(), []Expr{first}}
	for p.skipOp(",") {
		if p.isName("in") || p.isOp("=") || p.peek().Kind == lex.BlockEnd {
			break
		}
		t.Items = append(t.Items, p.targetOne())
	}
	return t
}

func (p *stmts) targetOne() Expr {
	if p.isOp("(") {
		at := p.next().At
		x := p.target()
		p.wantOp(")")
		if t, ok := x.(*TupleLit); ok {
			t.Place = at
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
		return &Attr{t.At, &Name{t.At, t.Text}, p.wantName().Text}
	}
	p.tpl.binds(t.Text)
	return &Name{t.At, t.Text}
}

func (p *stmts) forLoop(at lex.Place) []Stmt {
	f := &ForStmt{Place: at, Target: p.target()}
	if !p.skipName("in") {
		p.fail(p.peek().At, "expected 'in', got %s", p.peek())
	}
	f.Iter = p.tuple(false)
	if p.skipName("if") {
		f.Filter = p.expression()
	}
	f.Recursive = p.skipName("recursive")
	p.blockEnd()
	var word string
	if f.Body, word = p.until("for", at, "endfor", "else"); word == "else" {
		p.blockEnd()
		f.Els, _ = p.until("for", at, "endfor")
	}
	p.blockEnd()
	return one(f)
}

func (p *stmts) ifElse(at lex.Place) []Stmt {
	s := &IfStmt{Place: at}
	word := "elif"
	for word == "elif" {
		s.Tests = append(s.Tests, p.tuple(true))
		p.blockEnd()
		var body []Stmt
		body, word = p.until("if", at, "elif", "else", "endif")
		s.Bodies = append(s.Bodies, body)
	}
	if word == "else" {
		p.blockEnd()
		s.Els, _ = p.until("if", at, "endif")
	}
	p.blockEnd()
	return one(s)
}

func (p *stmts) set(at lex.Place) []Stmt {
	target := p.target()
	if p.skipOp("=") {
		x := p.tuple(true)
		p.blockEnd()
		return one(&SetStmt{at, target, x})
	}
	s := &SetBlock{Place: at, Target: target}
	for p.skipOp("|") {
		s.Filters = append(s.Filters, p.filter(nil).(*Filter))
	}
	p.blockEnd()
	s.Body, _ = p.until("set", at, "endset")
	p.blockEnd()
	return one(s)
}

func (p *stmts) with(at lex.Place) []Stmt {
	w := &WithStmt{Place: at}
	for p.peek().Kind != lex.BlockEnd {
		if len(w.Targets) > 0 {
			p.wantOp(",")
		}
		w.Targets = append(w.Targets, p.targetOne())
		p.wantOp("=")
		w.Vals = append(w.Vals, p.expression())
	}
	p.blockEnd()
	w.Body, _ = p.until("with", at, "endwith")
	p.blockEnd()
	return one(w)
}

func (p *stmts) params(m *MacroStmt) {
	p.wantOp("(")
	for n := 0; !p.isOp(")"); n++ {
		if n > 0 {
			p.wantOp(",")
		}
		t := p.wantName()
		m.Params = append(m.Params, t.Text)
		p.tpl.binds(t.Text)
		switch {
		case p.skipOp("="):
			m.Defaults = append(m.Defaults, p.expression())
		case len(m.Defaults) > 0:
			p.fail(t.At, "non-default argument follows default argument")
		}
	}
	p.wantOp(")")
}

func (p *stmts) macroBody(m *MacroStmt, tag, end string) {
	outer := p.macro
	p.macro = &m.Uses
	m.Body, _ = p.until(tag, m.Place, end)
	p.macro = outer
	p.blockEnd()
}

func (p *stmts) macroDef(at lex.Place) []Stmt {
	m := &MacroStmt{Place: at, Name: p.wantName().Text}
	p.tpl.binds(m.Name)
	p.params(m)
	p.blockEnd()
	p.macroBody(m, "macro", "endmacro")
	return one(m)
}

func (p *stmts) callBlock(at lex.Place) []Stmt {
	m := &MacroStmt{Place: at, Name: "caller"}
	if p.isOp("(") {
		p.params(m)
	}
	x := p.expression()
	inv, ok := x.(*Invoke)
	if !ok {
		p.fail(at, "expected call")
	}
	p.blockEnd()
	p.macroBody(m, "call", "endcall")
	return one(&CallStmt{at, inv, m})
}

func (p *stmts) filterBlock(at lex.Place) []Stmt {
	s := &FilterStmt{Place: at, Filters: []*Filter{p.filter(nil).(*Filter)}}
	for p.skipOp("|") {
		s.Filters = append(s.Filters, p.filter(nil).(*Filter))
	}
	p.blockEnd()
	s.Body, _ = p.until("filter", at, "endfilter")
	p.blockEnd()
	return one(s)
}

// contextWords reads "with context" or "without context".
func (p *stmts) contextWords(byDefault bool) bool {
	if (p.isName("with") || p.isName("without")) && p.toks[p.i+1].Text == "context" {
		with := p.next().Text == "with"
		p.next()
		return with
	}
	return byDefault
}

func (p *stmts) include(at lex.Place) []Stmt {
	s := &IncludeStmt{Place: at, Name: p.expression()}
	if p.isName("ignore") && p.toks[p.i+1].Text == "missing" {
		p.i += 2
		s.IgnoreMissing = true
	}
	s.Context = p.contextWords(true)
	p.blockEnd()
	p.tpl.Impure, p.tpl.Apart = true, true // the file may change from call to call
	return one(s)
}

func (p *stmts) importAll(at lex.Place) []Stmt {
	p.tpl.Laptop = true
	s := &ImportStmt{Place: at, Name: p.expression()}
	if !p.skipName("as") {
		p.fail(p.peek().At, "expected 'as', got %s", p.peek())
	}
	s.Target = p.wantName().Text
	p.tpl.binds(s.Target)
	s.Context = p.contextWords(false)
	p.blockEnd()
	p.tpl.Impure, p.tpl.Apart = true, true
	return one(s)
}

func (p *stmts) fromImport(at lex.Place) []Stmt {
	p.tpl.Laptop = true
	s := &FromStmt{Place: at, Name: p.expression()}
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
		s.Names, s.Targets = append(s.Names, n.Text), append(s.Targets, as)
		p.tpl.binds(as)
		if !p.skipOp(",") {
			break
		}
	}
	if len(s.Names) == 0 {
		p.fail(p.peek().At, "expected names to import, got %s", p.peek())
	}
	s.Context = p.contextWords(false)
	p.blockEnd()
	p.tpl.Impure, p.tpl.Apart = true, true
	return one(s)
}

func (p *stmts) extends(at lex.Place) []Stmt {
	p.tpl.Laptop = true
	x := p.expression()
	p.blockEnd()
	p.tpl.Impure, p.tpl.Apart = true, true
	return one(&ExtendsStmt{at, x})
}

func (p *stmts) block(at lex.Place) []Stmt {
	b := &BlockStmt{Place: at, Name: p.wantName().Text}
	if _, twice := p.tpl.Blocks[b.Name]; twice {
		p.fail(at, "block '%s' defined twice", b.Name)
	}
	p.tpl.Blocks[b.Name] = b
	b.Scoped = p.skipName("scoped")
	b.Required = p.skipName("required")
	p.blockEnd()
	b.Body, _ = p.until("block", at, "endblock")
	p.skipName(b.Name)
	p.blockEnd()
	return one(b)
}

// autoescape is read and has no effect: Ansible escapes nothing.
func (p *stmts) autoescape(at lex.Place) []Stmt {
	p.expression()
	p.blockEnd()
	body, _ := p.until("autoescape", at, "endautoescape")
	p.blockEnd()
	return body
}
