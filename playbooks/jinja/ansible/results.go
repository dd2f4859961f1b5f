package ansible

import (
	"errors"
	"fmt"
	"math"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// resultEntries are the tests of task results, and Ansible's tests of lists,
// numbers and truth.
func resultEntries() []core.Entry {
	return core.StrictAll(core.Tests([]core.Entry{
		{Name: "failed", Aliases: []string{"failure"}, Sig: "failed", Example: "{{ {'failed': true} is failed }}", Shows: "True", Func: resultTest("failed", false)},
		{Name: "succeeded", Aliases: []string{"success", "successful"}, Sig: "succeeded", Example: "{{ {'rc': 0} is succeeded }}", Shows: "True", Func: negated(resultTest("failed", false))},
		{Name: "unreachable", Sig: "unreachable", Example: "{{ {} is unreachable }}", Shows: "False", Func: resultTest("unreachable", false)},
		{Name: "reachable", Sig: "reachable", Example: "{{ {} is reachable }}", Shows: "True", Func: negated(resultTest("unreachable", false))},
		{Name: "changed", Aliases: []string{"change"}, Sig: "changed", Example: "{{ {'changed': true} is changed }}", Shows: "True", Func: testChanged},
		{Name: "timedout", Sig: "timedout", Example: "{{ {'timedout': true} is timedout }}", Shows: "True", Func: resultTest("timedout", false)},
		{Name: "skipped", Aliases: []string{"skip"}, Sig: "skipped", Example: "{{ {'skipped': true} is skipped }}", Shows: "True", Func: resultTest("skipped", false)},
		{Name: "started", Sig: "started", Example: "{{ {'started': 1} is started }}", Shows: "True", Func: asyncTest("started")},
		{Name: "finished", Sig: "finished", Example: "{{ {'finished': 0} is finished }}", Shows: "False", Func: asyncTest("finished")},
		{Name: "any", Sig: "any", Example: "{{ [false, true] is any }}", Shows: "True", Func: testAny},
		{Name: "all", Sig: "all", Example: "{{ [false, true] is all }}", Shows: "False", Func: testAll},
		{Name: "truthy", Sig: "truthy(convert_bool=False)", Example: "{{ 'off' is truthy(convert_bool=True) }}", Shows: "False", Func: testTruthy},
		{Name: "falsy", Sig: "falsy(convert_bool=False)", Example: "{{ '' is falsy }}", Shows: "True", Func: negated(testTruthy)},
		{Name: "vault_encrypted", Sig: "vault_encrypted", Example: "{{ 'text' is vault_encrypted }}", Shows: "False", Func: core.NoArguments(func(c *core.Call) (value.Value, error) { return value.Bool(false), nil })},
		{Name: "subset", Aliases: []string{"issubset"}, Sig: "subset(list)", Example: "{{ [1] is subset([1, 2]) }}", Shows: "True", Func: subsetTest(false)},
		{Name: "superset", Aliases: []string{"issuperset"}, Sig: "superset(list)", Example: "{{ [1] is superset([1, 2]) }}", Shows: "False", Func: subsetTest(true)},
		{Name: "contains", Sig: "contains(value)", Example: "{{ [1, 2] is contains(2) }}", Shows: "True", Func: testContains},
		{Name: "nan", Aliases: []string{"isnan"}, Sig: "nan", Example: "{{ 'nan' | float is nan }}", Shows: "True", Func: core.NoArguments(func(c *core.Call) (value.Value, error) {
			f, ok := c.In.AsFloat()
			return value.Bool(ok && math.IsNaN(f)), nil
		})},
	}))
}

// negated returns the contrary.
func negated(fn core.Function) core.Function {
	return func(c *core.Call) (value.Value, error) {
		v, err := fn(c)
		return value.Bool(!value.Truth(v)), err
	}
}

func resultTest(key string, otherwise bool) core.Function {
	return core.NoArguments(func(c *core.Call) (value.Value, error) {
		m, ok, err := value.Mapping(c.In)
		if err != nil {
			return value.Value{}, err
		}
		if !ok {
			return value.Value{}, fmt.Errorf("The '%s' test expects a dictionary", key)
		}
		v, ok := m.Lookup(key)
		if !ok {
			return value.Bool(otherwise), nil
		}
		return v, nil
	})
}

func testChanged(c *core.Call) (value.Value, error) {
	v, err := resultTest("changed", false)(c)
	if err != nil {
		return v, err
	}
	m, _, _ := value.Mapping(c.In)
	if _, ok := m.Lookup("changed"); ok {
		return v, nil
	}
	results, _ := m.Lookup("results")
	if !core.IsList(results) {
		return value.Bool(false), nil
	}
	if len(results.Items()) == 0 {
		return value.Value{}, errors.New("list index out of range")
	}
	if !core.MappingLike(results.Items()[0]) {
		return value.Bool(false), nil
	}
	for _, it := range results.Items() {
		one, _, err := value.Mapping(it)
		if err != nil {
			return value.Value{}, err
		}
		if v, _ := one.Lookup("changed"); value.Truth(v) {
			return value.Bool(true), nil
		}
	}
	return value.Bool(false), nil
}

// asyncTest is true for what is no async task at all.
func asyncTest(key string) core.Function {
	return core.NoArguments(func(c *core.Call) (value.Value, error) {
		v, err := resultTest(key, true)(c)
		return value.Bool(value.Equal(v, value.Int(1))), err
	})
}

func testAny(c *core.Call) (value.Value, error) { return truths(c, true) }

func testAll(c *core.Call) (value.Value, error) { return truths(c, false) }

// truths looks for the first item of that truth.
func truths(c *core.Call, want bool) (value.Value, error) {
	items, err := c.Iterate(c.In)
	if err != nil {
		return value.Value{}, err
	}
	if _, err := c.Bind(); err != nil {
		return value.Value{}, err
	}
	for _, it := range items {
		if err := core.Defined(it); err != nil {
			return value.Value{}, err
		}
		if value.Truth(it) == want {
			return value.Bool(want), nil
		}
	}
	return value.Bool(!want), nil
}

func testTruthy(c *core.Call) (value.Value, error) {
	a, err := c.Bind("convert_bool=")
	if err != nil {
		return value.Value{}, err
	}
	if core.TruthOr(a[0], false) {
		if b, ok := core.BoolWord(c.In); ok {
			return value.Bool(b), nil
		}
	}
	return value.Bool(value.Truth(c.In)), nil
}

// subsetTest asks whether all items of one side are in the other.
func subsetTest(swap bool) core.Function {
	return func(c *core.Call) (value.Value, error) {
		a, err := c.Bind("b")
		if err != nil {
			return value.Value{}, err
		}
		small, big := c.In, a[0]
		if swap {
			small, big = big, small
		}
		x, err := hashedItems(c, small)
		if err != nil {
			return value.Value{}, err
		}
		y, err := hashedItems(c, big)
		if err != nil {
			return value.Value{}, err
		}
		for k := range x.All() {
			if _, ok := y.Get(k); !ok {
				return value.Bool(false), nil
			}
		}
		return value.Bool(true), nil
	}
}

// hashedItems is Python's set(v).
func hashedItems(c *core.Call, v value.Value) (*value.Map, error) {
	items, err := c.Iterate(v)
	if err != nil {
		return nil, err
	}
	out := value.NewMap()
	for _, it := range items {
		if err := core.Defined(it); err != nil {
			return nil, err
		}
		if err := value.Hashable(it); err != nil {
			return nil, err
		}
		out.Set(it, value.Null())
	}
	return out, nil
}

func testContains(c *core.Call) (value.Value, error) {
	a, err := c.Bind("value")
	if err != nil {
		return value.Value{}, err
	}
	ok, err := c.Contains(c.In, a[0])
	return value.Bool(ok), err
}
