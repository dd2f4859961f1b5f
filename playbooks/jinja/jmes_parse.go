package jinja

import (
	"errors"
	"fmt"
	"strconv"

	"remoterun/runner/value"
)

// JMESPath over values: the order of mappings, whole numbers and marks stay,
// which the usual library cannot keep.

type jmesKind uint8

const (
	jmesIdentity jmesKind = iota
	jmesField
	jmesLiteral
	jmesSub        // a.b
	jmesIndex      // a[n]
	jmesSlice      // a[x:y:z]
	jmesProject    // a[*]
	jmesValues     // a.*
	jmesFilter     // a[?c]
	jmesFlatten    // a[]
	jmesList       // [a, b]
	jmesHash       // {k: a}
	jmesPipe       // a | b
	jmesOr         // a || b
	jmesAnd        // a && b
	jmesNot        // !a
	jmesCompare    // a == b
	jmesCall       // f(a)
	jmesExpression // &a
)

// jmesNode is a node of a parsed query.
type jmesNode struct {
	kind  jmesKind
	name  string // field, function or operator
	lit   value.Value
	bound [3]*int64 // of a slice; an index is bound[0]
	kids  []*jmesNode
	keys  []string // of a hash
}

// jmesParser is a Pratt parser.
type jmesParser struct {
	toks  []jmesToken
	i     int
	depth int
}

// maxQuery bounds a query's nesting.
const maxQuery = 200

func parseJMES(s string) (*jmesNode, error) {
	toks, err := jmesLex(s)
	if err != nil {
		return nil, err
	}
	p := &jmesParser{toks: toks}
	if p.kind() == "end" {
		return nil, errors.New("Invalid JMESPath expression: cannot be empty.")
	}
	n, err := p.expression(0)
	if err == nil && p.kind() != "end" {
		err = p.unexpected()
	}
	return n, err
}

func (p *jmesParser) kind() string { return p.toks[p.i].kind }

func (p *jmesParser) next() jmesToken {
	t := p.toks[p.i]
	if p.i < len(p.toks)-1 {
		p.i++
	}
	return t
}

func (p *jmesParser) unexpected() error {
	t := p.toks[p.i]
	return fmt.Errorf("parse error at column %d: unexpected %q", t.at, t.kind+t.text)
}

func (p *jmesParser) expect(kind string) error {
	if p.kind() != kind {
		return p.unexpected()
	}
	p.next()
	return nil
}

func (p *jmesParser) expression(power int) (*jmesNode, error) {
	if p.depth++; p.depth > maxQuery {
		return nil, errDepth
	}
	defer func() { p.depth-- }()
	left, err := p.prefix(p.next())
	for err == nil && power < jmesPower(p.kind()) {
		left, err = p.infix(left, p.next())
	}
	return left, err
}

func (p *jmesParser) prefix(t jmesToken) (*jmesNode, error) {
	id := &jmesNode{}
	switch t.kind {
	case "literal":
		return &jmesNode{kind: jmesLiteral, lit: t.lit}, nil
	case "name":
		return &jmesNode{kind: jmesField, name: t.text}, nil
	case "quoted":
		if p.kind() == "(" {
			return nil, errors.New("quoted identifier not allowed for function names")
		}
		return &jmesNode{kind: jmesField, name: t.text}, nil
	case "*":
		right, err := p.starRight()
		return &jmesNode{kind: jmesValues, kids: []*jmesNode{id, right}}, err
	case "[?":
		return p.filter(id)
	case "[]":
		return p.flatten(id)
	case "{":
		return p.hash()
	case "(":
		n, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		return n, p.expect(")")
	case "!":
		n, err := p.expression(45)
		return &jmesNode{kind: jmesNot, kids: []*jmesNode{n}}, err
	case "[":
		return p.bracket(id, true)
	case "@":
		return id, nil
	case "&":
		n, err := p.expression(0)
		return &jmesNode{kind: jmesExpression, kids: []*jmesNode{n}}, err
	}
	p.i = max(0, p.i-1)
	return nil, p.unexpected()
}

func (p *jmesParser) starRight() (*jmesNode, error) {
	if p.kind() == "]" {
		return &jmesNode{}, nil
	}
	return p.right(20)
}

func (p *jmesParser) infix(left *jmesNode, t jmesToken) (*jmesNode, error) {
	two := func(kind jmesKind, power int) (*jmesNode, error) {
		right, err := p.expression(power)
		return &jmesNode{kind: kind, name: t.kind, kids: []*jmesNode{left, right}}, err
	}
	switch t.kind {
	case ".":
		if p.kind() == "*" {
			p.next()
			right, err := p.right(20)
			return &jmesNode{kind: jmesValues, kids: []*jmesNode{left, right}}, err
		}
		right, err := p.afterDot(40)
		return &jmesNode{kind: jmesSub, kids: []*jmesNode{left, right}}, err
	case "|":
		return two(jmesPipe, 1)
	case "||":
		return two(jmesOr, 2)
	case "&&":
		return two(jmesAnd, 3)
	case "==", "!=", "<", "<=", ">", ">=":
		return two(jmesCompare, 5)
	case "[]":
		return p.flatten(left)
	case "[?":
		return p.filter(left)
	case "[":
		return p.bracket(left, false)
	case "(":
		return p.call(left)
	}
	p.i--
	return nil, p.unexpected()
}

// right reads what follows a projection.
func (p *jmesParser) right(power int) (*jmesNode, error) {
	switch {
	case jmesPower(p.kind()) < 10:
		return &jmesNode{}, nil
	case p.kind() == "[" || p.kind() == "[?":
		// What follows counts from the item itself.
		return p.expression(power)
	case p.kind() == ".":
		p.next()
		return p.afterDot(power)
	}
	return nil, p.unexpected()
}

func (p *jmesParser) afterDot(power int) (*jmesNode, error) {
	switch p.kind() {
	case "name", "quoted", "*":
		return p.expression(power)
	case "[":
		p.next()
		return p.list()
	case "{":
		p.next()
		return p.hash()
	}
	return nil, p.unexpected()
}

func (p *jmesParser) filter(left *jmesNode) (*jmesNode, error) {
	cond, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if err := p.expect("]"); err != nil {
		return nil, err
	}
	right := &jmesNode{}
	if p.kind() != "[]" {
		if right, err = p.right(21); err != nil {
			return nil, err
		}
	}
	return &jmesNode{kind: jmesFilter, kids: []*jmesNode{left, right, cond}}, nil
}

func (p *jmesParser) flatten(left *jmesNode) (*jmesNode, error) {
	right, err := p.right(9)
	return &jmesNode{kind: jmesProject, kids: []*jmesNode{{kind: jmesFlatten, kids: []*jmesNode{left}}, right}}, err
}

// bracket reads [n], [a:b], [*]; at the start of an expression also [a, b].
func (p *jmesParser) bracket(left *jmesNode, first bool) (*jmesNode, error) {
	switch {
	case p.kind() == "number" || p.kind() == ":":
		return p.index(left)
	case p.kind() == "*" && (!first || p.toks[p.i+1].kind == "]"):
		p.next()
		if err := p.expect("]"); err != nil {
			return nil, err
		}
		right, err := p.right(20)
		return &jmesNode{kind: jmesProject, kids: []*jmesNode{left, right}}, err
	case first:
		return p.list()
	}
	return nil, p.unexpected()
}

func (p *jmesParser) index(left *jmesNode) (*jmesNode, error) {
	n := &jmesNode{kind: jmesIndex, kids: []*jmesNode{left}}
	for part := 0; p.kind() != "]"; {
		switch t := p.next(); {
		case t.kind == ":" && part < 2:
			n.kind = jmesSlice
			part++
		case t.kind == "number" && n.bound[part] == nil:
			i, err := strconv.ParseInt(t.text, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("invalid number %q", t.text)
			}
			n.bound[part] = &i
		default:
			p.i--
			return nil, p.unexpected()
		}
	}
	p.next()
	if n.kind == jmesIndex {
		return n, nil
	}
	right, err := p.right(20)
	return &jmesNode{kind: jmesProject, kids: []*jmesNode{n, right}}, err
}

func (p *jmesParser) list() (*jmesNode, error) {
	n := &jmesNode{kind: jmesList}
	for {
		kid, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		n.kids = append(n.kids, kid)
		if p.kind() == "]" {
			p.next()
			return n, nil
		}
		if err := p.expect(","); err != nil {
			return nil, err
		}
	}
}

func (p *jmesParser) hash() (*jmesNode, error) {
	n := &jmesNode{kind: jmesHash}
	for {
		k := p.next()
		if k.kind != "name" && k.kind != "quoted" {
			p.i--
			return nil, p.unexpected()
		}
		if err := p.expect(":"); err != nil {
			return nil, err
		}
		kid, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		n.keys, n.kids = append(n.keys, k.text), append(n.kids, kid)
		if p.kind() == "}" {
			p.next()
			return n, nil
		}
		if err := p.expect(","); err != nil {
			return nil, err
		}
	}
}

func (p *jmesParser) call(left *jmesNode) (*jmesNode, error) {
	if left.kind != jmesField {
		return nil, fmt.Errorf("invalid function name")
	}
	n := &jmesNode{kind: jmesCall, name: left.name}
	for p.kind() != ")" {
		kid, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		n.kids = append(n.kids, kid)
		if p.kind() == "," {
			p.next()
		}
	}
	p.next()
	return n, nil
}
