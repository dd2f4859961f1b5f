package core

import (
	"fmt"
	"strings"

	"remoterun/playbooks/jinja/py/pynum"
	"remoterun/runner/value"
)

// Arithmetic is an opaque datum that takes part in + and - (dates). swapped
// says that the datum is the right operand; ok=false means that it does not
// know the other one.
type Arithmetic interface {
	Arith(op string, other value.Value, swapped bool) (v value.Value, ok bool, err error)
}

// arith is a op b for + - * / // % **, with the marks of both.
func (r *render) arith(op string, a, b value.Value) (value.Value, error) {
	if a.IsNumber() && b.IsNumber() {
		return pynum.Op(op, a, b)
	}
	if s, ok := a.AsString(); ok && op == "%" {
		return r.percent(a, s, b)
	}
	if v, ok, err := opaqueArith(op, a, b); ok || err != nil {
		return v, err
	}
	switch op {
	case "+":
		return r.plus(a, b)
	case "*":
		return r.repeat(a, b)
	}
	return value.Value{}, NoOperator(op, a, b)
}

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
func (r *render) plus(a, b value.Value) (value.Value, error) {
	s, isText := a.AsString()
	if isText {
		t, ok := b.AsString()
		if !ok {
			return value.Value{}, fmt.Errorf("can only concatenate str (not \"%s\") to str", value.TypeName(b))
		}
		if err := r.grown(len(s) + len(t)); err != nil {
			return value.Value{}, err
		}
		return value.MarkedString(s+t, a.Marks()|b.Marks()), nil
	}
	if _, ok := a.AsSeq(); !ok {
		return value.Value{}, NoOperator("+", a, b)
	}
	if a.Kind() != b.Kind() {
		name := value.TypeName(a)
		return value.Value{}, fmt.Errorf("can only concatenate %s (not \"%s\") to %s", name, value.TypeName(b), name)
	}
	if err := r.copying(len(a.Items()) + len(b.Items())); err != nil {
		return value.Value{}, err
	}
	items := append(append(make([]value.Value, 0, len(a.Items())+len(b.Items())), a.Items()...), b.Items()...)
	sum := Like(a, items)
	return sum, r.joined(sum, a, b)
}

// repeat is text or a list times a number.
func (r *render) repeat(a, b value.Value) (value.Value, error) {
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
		if err := r.grown(len(s) * int(n)); err != nil {
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
	if err := r.work(len(items) * int(n)); err != nil {
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
