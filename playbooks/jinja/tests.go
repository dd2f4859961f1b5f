package jinja

import (
	"fmt"
	"strings"

	"remoterun/playbooks/jinja/py/pystr"
	"remoterun/runner/value"
)

// testEntries are Jinja's tests.
func testEntries() []entry {
	is := func(name, example string, holds func(value.Value) bool, aliases ...string) entry {
		return entry{kind: testKind, name: name, aliases: aliases, sig: name, example: example, shows: "True", undefined: true, fn: func(c *call) (value.Value, error) {
			return value.Bool(holds(c.in)), c.none()
		}}
	}
	order := func(name, example string, op string, aliases ...string) entry {
		return entry{kind: testKind, name: name, aliases: aliases, sig: name + "(other)", example: example, shows: "True", fn: testOrder(op)}
	}
	return []entry{
		is("defined", "{{ 1 is defined }}", func(v value.Value) bool { return !v.IsUndefined() }),
		is("undefined", "{{ missing is undefined }}", value.Value.IsUndefined),
		is("none", "{{ none is none }}", value.Value.IsNull),
		is("boolean", "{{ true is boolean }}", func(v value.Value) bool { return v.Kind() == value.KindBool }),
		is("true", "{{ (1 == 1) is true }}", func(v value.Value) bool { return v.Kind() == value.KindBool && value.Truth(v) }),
		is("false", "{{ (1 == 2) is false }}", func(v value.Value) bool { return v.Kind() == value.KindBool && !value.Truth(v) }),
		is("integer", "{{ 3 is integer }}", func(v value.Value) bool { return v.Kind() == value.KindInt || v.Kind() == value.KindBig }),
		is("float", "{{ 3.0 is float }}", func(v value.Value) bool { return v.Kind() == value.KindFloat }),
		is("number", "{{ 3 is number }}", value.Value.IsNumber),
		is("string", "{{ 'x' is string }}", func(v value.Value) bool { return v.IsString() || v.IsOmit() }),
		is("mapping", "{{ {} is mapping }}", mappingLike),
		is("sequence", "{{ [1] is sequence }}", isSequence),
		is("callable", "{{ range is callable }}", isCallable),
		is("escaped", "{{ ('x' is escaped) == false }}", value.Value.IsUndefined),
		{kind: testKind, name: "iterable", sig: "iterable", example: "{{ 'x' is iterable }}", shows: "True", fn: func(c *call) (value.Value, error) {
			return value.Bool(isSequence(c.in)), c.none()
		}},
		{kind: testKind, name: "lower", sig: "lower", example: "{{ 'abc' is lower }}", shows: "True", fn: textTest("islower")},
		{kind: testKind, name: "upper", sig: "upper", example: "{{ 'ABC' is upper }}", shows: "True", fn: textTest("isupper")},
		{kind: testKind, name: "odd", sig: "odd", example: "{{ 3 is odd }}", shows: "True", fn: testModulo(2, 1)},
		{kind: testKind, name: "even", sig: "even", example: "{{ 4 is even }}", shows: "True", fn: testModulo(2, 0)},
		{kind: testKind, name: "divisibleby", sig: "divisibleby(num)", example: "{{ 9 is divisibleby 3 }}", shows: "True", fn: testDivisible},
		{kind: testKind, name: "in", sig: "in(container)", example: "{{ 1 is in [1, 2] }}", shows: "True", fn: testIn},
		{kind: testKind, name: "sameas", sig: "sameas(other)", example: "{{ none is sameas none }}", shows: "True", fn: testSameAs, undefined: true},
		{kind: testKind, name: "filter", sig: "filter", example: "{{ 'upper' is filter }}", shows: "True", fn: testKnown(filterKind)},
		{kind: testKind, name: "test", sig: "test", example: "{{ 'odd' is test }}", shows: "True", fn: testKnown(testKind)},
		order("eq", "{{ 1 is eq 1 }}", "==", "==", "equalto"),
		order("ne", "{{ 1 is ne 2 }}", "!=", "!="),
		order("lt", "{{ 1 is lt 2 }}", "<", "<", "lessthan"),
		order("le", "{{ 2 is le 2 }}", "<=", "<="),
		order("gt", "{{ 3 is gt 2 }}", ">", ">", "greaterthan"),
		order("ge", "{{ 3 is ge 3 }}", ">=", ">="),
	}
}

func isSequence(v value.Value) bool {
	_, isSeq := v.AsSeq()
	return isSeq || v.IsString() || v.IsOmit() || mappingLike(v)
}

func isCallable(v value.Value) bool {
	o, _ := v.AsOpaque()
	_, ok := o.(callable)
	return ok || v.IsUndefined()
}

func textTest(name string) function {
	holds := pystr.Tests()[name]
	return func(c *call) (value.Value, error) { return value.Bool(holds(c.str())), c.none() }
}

func testModulo(n, rest int64) function {
	return func(c *call) (value.Value, error) {
		m, err := c.arith("%", c.in, value.Int(n))
		if err != nil {
			return value.Value{}, err
		}
		return value.Bool(value.Equal(m, value.Int(rest))), c.none()
	}
}

func testDivisible(c *call) (value.Value, error) {
	a, err := c.bind("num")
	if err != nil {
		return value.Value{}, err
	}
	m, err := c.arith("%", c.in, a[0])
	if err != nil {
		return value.Value{}, err
	}
	return value.Bool(value.Equal(m, value.Int(0))), nil
}

func testIn(c *call) (value.Value, error) {
	a, err := c.bind("seq")
	if err != nil {
		return value.Value{}, err
	}
	if err := defined(a[0]); err != nil {
		return value.Value{}, err
	}
	ok, err := c.contains(a[0], c.in)
	return value.Bool(ok), err
}

// testSameAs is Python's "is": the same object. Small constants are one object;
// lists and mappings only when they are one.
func testSameAs(c *call) (value.Value, error) {
	a, err := c.bind("other")
	if err != nil {
		return value.Value{}, err
	}
	x, y := c.in, a[0]
	if x.Kind() != y.Kind() {
		return value.Bool(false), nil
	}
	if s, ok := x.AsSeq(); ok {
		t, _ := y.AsSeq()
		return value.Bool(s == t), nil
	}
	if m, ok := x.AsMap(); ok {
		n, _ := y.AsMap()
		return value.Bool(m == n), nil
	}
	return value.Bool(value.Equal(x, y)), nil
}

func testKnown(k Kind) function {
	return func(c *call) (value.Value, error) {
		s, ok := c.in.AsString()
		return value.Bool(ok && c.known(k, s)), c.none()
	}
}

func testOrder(op string) function {
	return func(c *call) (value.Value, error) {
		if len(c.args) != 1 || c.kw.Len() > 0 {
			return value.Value{}, fmt.Errorf("test %s takes one argument", strings.TrimSpace(c.name))
		}
		if err := defined(c.args[0]); err != nil {
			return value.Value{}, err
		}
		ok, err := c.compares(op, c.in, c.args[0])
		return value.Bool(ok), err
	}
}
