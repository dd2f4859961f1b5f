// Package jmes is JMESPath, the language of json_query, over values: mappings
// keep their order, whole numbers stay whole, and marks travel along.
package jmes

import (
	"errors"
	"fmt"
	"strconv"

	"remoterun/runner/value"
)

type kind uint8

const (
	isIdentity kind = iota
	isField
	isLiteral
	isSub        // a.b
	isIndex      // a[n]
	isSlice      // a[x:y:z]
	isProject    // a[*]
	isValues     // a.*
	isFilter     // a[?c]
	isFlatten    // a[]
	isList       // [a, b]
	isHash       // {k: a}
	isPipe       // a | b
	isOr         // a || b
	isAnd        // a && b
	isNot        // !a
	isCompare    // a == b
	isCall       // f(a)
	isExpression // &a
)

// node is a node of a parsed query.
type node struct {
	kind  kind
	name  string // field, function or operator
	lit   value.Value
	bound [3]*int64 // of a slice; an index is bound[0]
	kids  []*node
	keys  []string // of a hash
}

// parser is a Pratt parser.
type parser struct {
	toks  []token
	i     int
	depth int
}

// maxQuery bounds a query's nesting.
const maxQuery = 200

var errDepth = errors.New("the query nests too deeply")

// Query is a parsed query; safe for many goroutines.
type Query struct{ root *node }

// Parse reads a query.
func Parse(s string) (*Query, error) {
	toks, err := lex(s)
	if err != nil {
		return nil, err
	}
	p := &parser{toks: toks}
	if p.kind() == "end" {
		return nil, errors.New("Invalid JMESPath expression: cannot be empty.")
	}
	n, err := p.expression(0)
	if err == nil && p.kind() != "end" {
		err = p.unexpected()
	}
	return &Query{n}, err
}

func (p *parser) kind() string { return p.toks[p.i].kind }

func (p *parser) next() token {
	t := p.toks[p.i]
	if p.i < len(p.toks)-1 {
		p.i++
	}
	return t
}

func (p *parser) unexpected() error {
	t := p.toks[p.i]
	return fmt.Errorf("parse error at column %d: unexpected %q", t.at, t.kind+t.text)
}

func (p *parser) expect(kind string) error {
	if p.kind() != kind {
		return p.unexpected()
	}
	p.next()
	return nil
}

func (p *parser) expression(power int) (*node, error) {
	if p.depth++; p.depth > maxQuery {
		return nil, errDepth
	}
	defer func() { p.depth-- }()
	left, err := p.prefix(p.next())
	for err == nil && power < binds(p.kind()) {
		left, err = p.infix(left, p.next())
	}
	return left, err
}

func (p *parser) prefix(t token) (*node, error) {
	id := &node{}
	switch t.kind {
	case "literal":
		return &node{kind: isLiteral, lit: t.lit}, nil
	case "name":
		return &node{kind: isField, name: t.text}, nil
	case "quoted":
		if p.kind() == "(" {
			return nil, errors.New("quoted identifier not allowed for function names")
		}
		return &node{kind: isField, name: t.text}, nil
	case "*":
		right, err := p.starRight()
		return &node{kind: isValues, kids: []*node{id, right}}, err
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
		return &node{kind: isNot, kids: []*node{n}}, err
	case "[":
		return p.bracket(id, true)
	case "@":
		return id, nil
	case "&":
		n, err := p.expression(0)
		return &node{kind: isExpression, kids: []*node{n}}, err
	}
	p.i = max(0, p.i-1)
	return nil, p.unexpected()
}

func (p *parser) starRight() (*node, error) {
	if p.kind() == "]" {
		return &node{}, nil
	}
	return p.right(20)
}

func (p *parser) infix(left *node, t token) (*node, error) {
	two := func(k kind, power int) (*node, error) {
		right, err := p.expression(power)
		return &node{kind: k, name: t.kind, kids: []*node{left, right}}, err
	}
	switch t.kind {
	case ".":
		if p.kind() == "*" {
			p.next()
			// One step belongs to the projection here, as in Python's library.
			right, err := p.right(40)
			return &node{kind: isValues, kids: []*node{left, right}}, err
		}
		right, err := p.afterDot(40)
		return &node{kind: isSub, kids: []*node{left, right}}, err
	case "|":
		return two(isPipe, 1)
	case "||":
		return two(isOr, 2)
	case "&&":
		return two(isAnd, 3)
	case "==", "!=", "<", "<=", ">", ">=":
		return two(isCompare, 5)
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
func (p *parser) right(power int) (*node, error) {
	switch {
	case binds(p.kind()) < 10:
		return &node{}, nil
	case p.kind() == "[" || p.kind() == "[?":
		// What follows counts from the item itself.
		return p.expression(power)
	case p.kind() == ".":
		p.next()
		return p.afterDot(power)
	}
	return nil, p.unexpected()
}

func (p *parser) afterDot(power int) (*node, error) {
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

func (p *parser) filter(left *node) (*node, error) {
	cond, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if err := p.expect("]"); err != nil {
		return nil, err
	}
	right := &node{}
	if p.kind() != "[]" {
		if right, err = p.right(21); err != nil {
			return nil, err
		}
	}
	return &node{kind: isFilter, kids: []*node{left, right, cond}}, nil
}

func (p *parser) flatten(left *node) (*node, error) {
	right, err := p.right(9)
	return &node{kind: isProject, kids: []*node{{kind: isFlatten, kids: []*node{left}}, right}}, err
}

// bracket reads [n], [a:b], [*]; at the start of an expression also [a, b].
func (p *parser) bracket(left *node, first bool) (*node, error) {
	switch {
	case p.kind() == "number" || p.kind() == ":":
		return p.index(left)
	case p.kind() == "*" && (!first || p.toks[p.i+1].kind == "]"):
		p.next()
		if err := p.expect("]"); err != nil {
			return nil, err
		}
		right, err := p.right(20)
		return &node{kind: isProject, kids: []*node{left, right}}, err
	case first:
		return p.list()
	}
	return nil, p.unexpected()
}

func (p *parser) index(left *node) (*node, error) {
	n := &node{kind: isIndex, kids: []*node{left}}
	for part := 0; p.kind() != "]"; {
		switch t := p.next(); {
		case t.kind == ":" && part < 2:
			n.kind = isSlice
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
	if n.kind == isIndex {
		return n, nil
	}
	right, err := p.right(20)
	return &node{kind: isProject, kids: []*node{n, right}}, err
}

func (p *parser) list() (*node, error) {
	n := &node{kind: isList}
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

func (p *parser) hash() (*node, error) {
	n := &node{kind: isHash}
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

func (p *parser) call(left *node) (*node, error) {
	if left.kind != isField {
		return nil, fmt.Errorf("invalid function name")
	}
	n := &node{kind: isCall, name: left.name}
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
