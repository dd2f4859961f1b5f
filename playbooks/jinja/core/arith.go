package core

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"remoterun/playbooks/jinja/py/pyfmt"
	"remoterun/playbooks/jinja/py/pynum"
	"remoterun/runner/value"
)

// Arithmetic is an opaque datum that takes part in + and - (dates). swapped
// says that the datum is the right operand; ok=false means that it does not
// know the other one.
type Arithmetic interface {
	Arith(op string, other value.Value, swapped bool) (v value.Value, ok bool, err error)
}

// Ops are Python's operations on values, within the limits of one rendering:
// whatever loops, makes text or nests is counted.
type Ops struct {
	weights
	texts texts
	// me stands for this rendering: mappings that it made may share storage.
	me *int
}

// Arith is a op b for + - * / // % **, with the marks of both.
func (po *Ops) Arith(op string, a, b value.Value) (value.Value, error) {
	if a.IsNumber() && b.IsNumber() {
		return pynum.Op(op, a, b)
	}
	if a.IsString() && op == "%" {
		return po.Percent(a, b)
	}
	if v, ok, err := opaqueArith(op, a, b); ok || err != nil {
		return v, err
	}
	switch op {
	case "+":
		return po.plus(a, b)
	case "*":
		return po.repeat(a, b)
	}
	return value.Value{}, NoOperator(op, a, b)
}

// NoOperator is the error of an operator that two types do not have.
func NoOperator(op string, a, b value.Value) error {
	if op == "**" {
		op = "** or pow()"
	}
	return fmt.Errorf("unsupported operand type(s) for %s: '%s' and '%s'", op, value.TypeName(a), value.TypeName(b))
}

func opaqueArith(op string, a, b value.Value) (value.Value, bool, error) {
	if o, ok := a.AsOpaque(); ok {
		if x, ok := o.(Arithmetic); ok {
			if v, ok, err := x.Arith(op, b, false); ok || err != nil {
				return v, ok, err
			}
		}
	}
	if o, ok := b.AsOpaque(); ok {
		if x, ok := o.(Arithmetic); ok {
			return x.Arith(op, a, true)
		}
	}
	return value.Value{}, false, nil
}

// plus joins text, lists and tuples.
func (po *Ops) plus(a, b value.Value) (value.Value, error) {
	s, isText := a.AsString()
	if isText {
		t, ok := b.AsString()
		if !ok {
			return value.Value{}, fmt.Errorf("can only concatenate str (not \"%s\") to str", value.TypeName(b))
		}
		sum, err := po.glue(s, t)
		return value.MarkedString(sum, a.Marks()|b.Marks()), err
	}
	if _, ok := a.AsSeq(); !ok {
		return value.Value{}, NoOperator("+", a, b)
	}
	if a.Kind() != b.Kind() {
		name := value.TypeName(a)
		return value.Value{}, fmt.Errorf("can only concatenate %s (not \"%s\") to %s", name, value.TypeName(b), name)
	}
	if len(a.Items())+len(b.Items()) > maxWeight {
		return value.Value{}, errWeight
	}
	x, _ := a.AsSeq()
	seq, copied := x.Plus(b.Items())
	if err := po.Copying(copied); err != nil {
		return value.Value{}, err
	}
	sum := value.FromSeq(a.Kind(), seq)
	return sum, po.joined(sum, a, b)
}

// repeat is text or a list times a number.
func (po *Ops) repeat(a, b value.Value) (value.Value, error) {
	n, ok := b.AsInt()
	if !ok || a.IsNumber() {
		a, b = b, a
		if n, ok = b.AsInt(); !ok {
			return value.Value{}, noRepeat(b, a)
		}
	}
	n = max(n, 0)
	if s, isText := a.AsString(); isText {
		if len(s) > 0 && n > int64(MaxRepeat/len(s)) {
			return value.Value{}, ErrRepeat
		}
		if err := po.Grown(len(s) * int(n)); err != nil {
			return value.Value{}, err
		}
		return value.MarkedString(strings.Repeat(s, int(n)), a.Marks()|b.Marks()), nil
	}
	if _, isSeq := a.AsSeq(); !isSeq {
		return value.Value{}, NoOperator("*", b, a)
	}
	items := a.Items()
	if len(items) == 0 {
		return Like(a, nil), nil
	}
	if n > int64(MaxRange/len(items)) {
		return value.Value{}, ErrRepeat
	}
	if err := po.Work(len(items) * int(n)); err != nil {
		return value.Value{}, err
	}
	out := make([]value.Value, 0, len(items)*int(n))
	for range n {
		out = append(out, items...)
	}
	return Like(a, out), nil
}

func noRepeat(a, b value.Value) error {
	for _, pair := range [][2]value.Value{{a, b}, {b, a}} {
		if _, isSeq := pair[0].AsSeq(); isSeq || pair[0].IsString() {
			return fmt.Errorf("can't multiply sequence by non-int of type '%s'", value.TypeName(pair[1]))
		}
	}
	return NoOperator("*", a, b)
}

// Percent is Python's format % arg.
func (po *Ops) Percent(format, arg value.Value) (value.Value, error) {
	s, _ := format.AsString()
	if err := Defined(arg); err != nil {
		return value.Value{}, err
	}
	p := &percentArgs{arg: arg, items: []value.Value{arg}}
	if arg.Kind() == value.KindTuple {
		p.items = arg.Items()
	}
	p.mapping, _ = arg.AsMap()
	b := &Buffer{po: po, Marks: format.Marks() | value.DeepMarks(arg)}
	for s != "" {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			i = len(s)
		}
		if err := b.Text(s[:i]); err != nil {
			return value.Value{}, err
		}
		if s = s[i:]; s == "" {
			break
		}
		out, n, err := p.one(s)
		if err == nil {
			err = b.Text(out)
		}
		if err != nil {
			return value.Value{}, err
		}
		s = s[n:]
	}
	// Python takes a list for a mapping here: what is left over is no mistake.
	if p.used < len(p.items) && !isContainer(arg) || arg.Kind() == value.KindTuple && p.used < len(p.items) {
		return value.Value{}, errors.New("not all arguments converted during string formatting")
	}
	return value.MarkedString(b.String(), b.Marks), nil
}

type percentArgs struct {
	arg     value.Value
	items   []value.Value
	used    int
	mapping *value.Map
}

func (p *percentArgs) next() (value.Value, error) {
	if p.used >= len(p.items) {
		return value.Value{}, errors.New("not enough arguments for format string")
	}
	v := p.items[p.used]
	p.used++
	return v, Defined(v)
}

// one formats the conversion that s begins with and returns its length.
func (p *percentArgs) one(s string) (out string, n int, err error) {
	i := 1
	var v value.Value
	keyed := false
	if strings.HasPrefix(s[i:], "(") {
		end := strings.IndexByte(s, ')')
		if end < 0 {
			return "", 0, errors.New("incomplete format key")
		}
		if p.mapping == nil {
			return "", 0, errors.New("format requires a mapping")
		}
		key := s[i+1 : end]
		if v, keyed = p.mapping.Lookup(key); !keyed {
			return "", 0, fmt.Errorf("KeyError: '%s'", key)
		}
		if err := Defined(v); err != nil {
			return "", 0, err
		}
		i = end + 1
	}
	sp := pyfmt.Spec{Align: '>', Fill: ' ', Precision: -1}
	for ; i < len(s) && strings.IndexByte("#0- +", s[i]) >= 0; i++ {
		switch s[i] {
		case '#':
			sp.Alt = true
		case '0':
			sp.Zero = true
		case '-':
			sp.Align = '<'
		case ' ', '+':
			if sp.Sign != '+' {
				sp.Sign = s[i]
			}
		}
	}
	if i, sp.Width, err = p.size(s, i, &sp); err != nil {
		return "", 0, err
	}
	if i < len(s) && s[i] == '.' {
		if i, sp.Precision, err = p.size(s, i+1, nil); err != nil {
			return "", 0, err
		}
	}
	for i < len(s) && strings.IndexByte("hlL", s[i]) >= 0 {
		i++
	}
	if i >= len(s) {
		return "", 0, errors.New("incomplete format")
	}
	verb, n := utf8.DecodeRuneInString(s[i:])
	if verb == '%' {
		return "%", i + n, nil
	}
	if !strings.ContainsRune("diouxXeEfFgGcrsa", verb) {
		return "", 0, fmt.Errorf("unsupported format character '%c' (%#x) at index %d", verb, verb, i)
	}
	if !keyed {
		if v, err = p.next(); err != nil {
			return "", 0, err
		}
	}
	out, err = pyfmt.Percent(byte(verb), v, sp)
	return out, i + n, err
}

// size reads a number or a star.
func (p *percentArgs) size(s string, i int, sp *pyfmt.Spec) (at, n int, err error) {
	if i < len(s) && s[i] == '*' {
		v, err := p.next()
		if err != nil {
			return 0, 0, err
		}
		k, ok := v.AsInt()
		if !ok {
			return 0, 0, errors.New("* wants int")
		}
		if k < 0 && sp != nil {
			sp.Align, k = '<', -k
		}
		if k > pyfmt.MaxWidth {
			return 0, 0, pyfmt.ErrWidth
		}
		return i + 1, int(max(k, 0)), nil
	}
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		if n = n*10 + int(s[i]-'0'); n > pyfmt.MaxWidth {
			return 0, 0, pyfmt.ErrWidth
		}
	}
	return i, n, nil
}

// same is Python's ==, with lazy mappings worked out: ansible_facts == {}.
func (po *Ops) same(a, b value.Value) (bool, error) {
	if value.Equal(a, b) || !hasObject(a) && !hasObject(b) {
		return value.Equal(a, b), nil
	}
	if MappingLike(a) && MappingLike(b) { // what has not as many keys need not be worked out
		n, err := po.Length(a)
		m, other := po.Length(b)
		if err != nil || other != nil || n != m {
			return false, errors.Join(err, other)
		}
	}
	x, err := po.opened(a)
	if err != nil {
		return false, err
	}
	y, err := po.opened(b)
	return err == nil && value.Equal(x, y), err
}

// Compares is a op b for the operators == != < <= > >= in.
func (po *Ops) Compares(op string, a, b value.Value) (bool, error) {
	if isContainer(a) || isContainer(b) {
		if err := errors.Join(po.weigh(a), po.weigh(b)); err != nil {
			return false, err
		}
	}
	switch op {
	case "==":
		return po.same(a, b)
	case "!=":
		same, err := po.same(a, b)
		return !same, err
	case "in":
		return po.Contains(b, a)
	case "not in":
		ok, err := po.Contains(b, a)
		return !ok, err
	}
	if pynum.IsNaN(a) || pynum.IsNaN(b) {
		return false, nil
	}
	c, err := value.Compare(a, b)
	if err != nil {
		return false, fmt.Errorf("'%s' not supported between instances of '%s' and '%s'", op, value.TypeName(a), value.TypeName(b))
	}
	switch op {
	case "<":
		return c < 0, nil
	case "<=":
		return c <= 0, nil
	case ">":
		return c > 0, nil
	}
	return c >= 0, nil
}
