package jinja

import (
	"strings"

	"remoterun/runner/value"
)

// literalText reads text that is a Python list or dict literal, or True or
// False, as that; any other text stays as it is. JSON's true, false and null
// count inside, as in Ansible.
func literalText(v value.Value) value.Value {
	s, ok := v.AsString()
	switch {
	case !ok || s == "":
		return v
	case s == "True", s == "False":
		return value.Bool(s == "True").With(v.Marks())
	case s[0] != '[' && s[0] != '{':
		return v
	}
	got, ok := pyLiteral(s)
	if !ok {
		return v
	}
	return got.With(v.Marks())
}

// pyLiteral reads one Python literal: numbers, text, None, booleans, lists,
// tuples and dicts.
func pyLiteral(s string) (value.Value, bool) {
	toks, err := lex(s, syntax{bare: true})
	if err != nil {
		return value.Value{}, false
	}
	p := &literalParser{toks: toks}
	v, ok := p.value(0)
	return v, ok && p.toks[p.i].kind == tokEOF
}

type literalParser struct {
	toks []token
	i    int
}

func (p *literalParser) op(s string) bool {
	if t := p.toks[p.i]; t.kind == tokOp && t.text == s {
		p.i++
		return true
	}
	return false
}

func (p *literalParser) value(depth int) (value.Value, bool) {
	if depth > maxDepth {
		return value.Value{}, false
	}
	t := p.toks[p.i]
	switch t.kind {
	case tokString:
		return p.text(), true
	case tokInt, tokFloat:
		return p.number(1)
	case tokName:
		p.i++
		return constant(t.text)
	}
	switch {
	case p.op("-"):
		return p.number(-1)
	case p.op("+"):
		return p.number(1)
	case p.op("["):
		items, _, ok := p.items("]", depth)
		return value.List(items...), ok
	case p.op("("):
		items, comma, ok := p.items(")", depth)
		if len(items) == 1 && !comma {
			return items[0], ok
		}
		return value.Tuple(items...), ok
	case p.op("{"):
		return p.dict(depth)
	}
	return value.Value{}, false
}

func constant(name string) (value.Value, bool) {
	switch name {
	case "True", "true":
		return value.Bool(true), true
	case "False", "false":
		return value.Bool(false), true
	case "None", "null":
		return value.Null(), true
	}
	return value.Value{}, false
}

func (p *literalParser) text() value.Value {
	var b strings.Builder
	for p.toks[p.i].kind == tokString {
		b.WriteString(p.toks[p.i].text)
		p.i++
	}
	return value.String(b.String())
}

func (p *literalParser) number(sign int) (value.Value, bool) {
	t := p.toks[p.i]
	if t.kind != tokInt && t.kind != tokFloat {
		return value.Value{}, false
	}
	p.i++
	v, ok := parseNumber(t)
	if !ok || t.kind == tokInt && len(t.text) > 1 && t.text[0] == '0' && strings.Trim(t.text, "0123456789") == "" && strings.Trim(t.text, "0") != "" {
		return value.Value{}, false // 0644 is no literal in Python 3
	}
	if sign < 0 {
		v, _ = negate("-", v)
	}
	return v, true
}

func (p *literalParser) items(end string, depth int) (items []value.Value, comma, ok bool) {
	for !p.op(end) {
		if len(items) > 0 && !comma {
			return nil, false, false
		}
		v, ok := p.value(depth + 1)
		if !ok {
			return nil, false, false
		}
		items = append(items, v)
		comma = p.op(",")
	}
	return items, comma, true
}

func (p *literalParser) dict(depth int) (value.Value, bool) {
	m := value.NewMap()
	for comma := true; !p.op("}"); comma = p.op(",") {
		if !comma {
			return value.Value{}, false
		}
		k, ok := p.value(depth + 1)
		if !ok || !p.op(":") || value.Hashable(k) != nil {
			return value.Value{}, false
		}
		v, ok := p.value(depth + 1)
		if !ok {
			return value.Value{}, false
		}
		m.Set(k, v)
	}
	return value.FromMap(m), true
}
