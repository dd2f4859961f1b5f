package builtin

import (
	"fmt"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/parse"
	"remoterun/playbooks/jinja/py/pystr"
	"remoterun/runner/value"
)

// testEntries are Jinja's tests.
func testEntries() []core.Entry {
	is := func(name, example string, holds func(value.Value) bool, aliases ...string) core.Entry {
		return core.Entry{Name: name, Aliases: aliases, Sig: name, Example: example, Shows: "True", Undefined: true, Func: func(c *core.Call) (value.Value, error) {
			return value.Bool(holds(c.In)), c.NoArguments()
		}}
	}
	order := func(name, example string, op string, aliases ...string) core.Entry {
		return core.Entry{Name: name, Aliases: aliases, Sig: name + "(other)", Example: example, Shows: "True", Func: testOrder(op)}
	}
	return core.Tests([]core.Entry{
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
		is("mapping", "{{ {} is mapping }}", core.MappingLike),
		is("sequence", "{{ [1] is sequence }}", isSequence),
		is("callable", "{{ range is callable }}", isCallable),
		is("escaped", "{{ ('x' is escaped) == false }}", value.Value.IsUndefined),
		{Name: "iterable", Sig: "iterable", Example: "{{ 'x' is iterable }}", Shows: "True", Func: func(c *core.Call) (value.Value, error) {
			return value.Bool(isSequence(c.In)), c.NoArguments()
		}},
		{Name: "lower", Sig: "lower", Example: "{{ 'abc' is lower }}", Shows: "True", Func: textTest("islower")},
		{Name: "upper", Sig: "upper", Example: "{{ 'ABC' is upper }}", Shows: "True", Func: textTest("isupper")},
		{Name: "odd", Sig: "odd", Example: "{{ 3 is odd }}", Shows: "True", Func: testModulo(2, 1)},
		{Name: "even", Sig: "even", Example: "{{ 4 is even }}", Shows: "True", Func: testModulo(2, 0)},
		{Name: "divisibleby", Sig: "divisibleby(num)", Example: "{{ 9 is divisibleby 3 }}", Shows: "True", Func: testDivisible},
		{Name: "in", Sig: "in(container)", Example: "{{ 1 is in [1, 2] }}", Shows: "True", Func: testIn},
		{Name: "sameas", Sig: "sameas(other)", Example: "{{ none is sameas none }}", Shows: "True", Func: testSameAs, Undefined: true},
		{Name: "filter", Sig: "filter", Example: "{{ 'upper' is filter }}", Shows: "True", Func: testKnown(parse.FilterKind)},
		{Name: "test", Sig: "test", Example: "{{ 'odd' is test }}", Shows: "True", Func: testKnown(parse.TestKind)},
		order("eq", "{{ 1 is eq 1 }}", "==", "==", "equalto"),
		order("ne", "{{ 1 is ne 2 }}", "!=", "!="),
		order("lt", "{{ 1 is lt 2 }}", "<", "<", "lessthan"),
		order("le", "{{ 2 is le 2 }}", "<=", "<="),
		order("gt", "{{ 3 is gt 2 }}", ">", ">", "greaterthan"),
		order("ge", "{{ 3 is ge 3 }}", ">=", ">="),
	})
}

func isSequence(v value.Value) bool {
	_, isSeq := v.AsSeq()
	return isSeq || v.IsString() || v.IsOmit() || core.MappingLike(v)
}

func isCallable(v value.Value) bool {
	o, _ := v.AsOpaque()
	_, ok := o.(core.Callable)
	return ok || v.IsUndefined()
}

func textTest(name string) core.Function {
	holds := pystr.Tests()[name]
	return func(c *core.Call) (value.Value, error) { return value.Bool(holds(c.Str())), c.NoArguments() }
}

func testModulo(n, rest int64) core.Function {
	return func(c *core.Call) (value.Value, error) {
		m, err := c.Arith("%", c.In, value.Int(n))
		if err != nil {
			return value.Value{}, err
		}
		return value.Bool(value.Equal(m, value.Int(rest))), c.NoArguments()
	}
}

func testDivisible(c *core.Call) (value.Value, error) {
	a, err := c.Bind("num")
	if err != nil {
		return value.Value{}, err
	}
	m, err := c.Arith("%", c.In, a[0])
	if err != nil {
		return value.Value{}, err
	}
	return value.Bool(value.Equal(m, value.Int(0))), nil
}

func testIn(c *core.Call) (value.Value, error) {
	a, err := c.Bind("seq")
	if err != nil {
		return value.Value{}, err
	}
	if err := core.Defined(a[0]); err != nil {
		return value.Value{}, err
	}
	ok, err := c.Contains(a[0], c.In)
	return value.Bool(ok), err
}

// testSameAs is Python's "is": the same object. Small constants are one object;
// lists and mappings only when they are one.
func testSameAs(c *core.Call) (value.Value, error) {
	a, err := c.Bind("other")
	if err != nil {
		return value.Value{}, err
	}
	x, y := c.In, a[0]
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

func testKnown(k parse.Kind) core.Function {
	return func(c *core.Call) (value.Value, error) {
		s, ok := c.In.AsString()
		return value.Bool(ok && c.Known(k, s)), c.NoArguments()
	}
}

func testOrder(op string) core.Function {
	return func(c *core.Call) (value.Value, error) {
		if len(c.Args) != 1 || c.Kw.Len() > 0 {
			return value.Value{}, fmt.Errorf("test %s takes one argument", strings.TrimSpace(c.Name))
		}
		if err := core.Defined(c.Args[0]); err != nil {
			return value.Value{}, err
		}
		ok, err := c.Compares(op, c.In, c.Args[0])
		return value.Bool(ok), err
	}
}
