package jinja

import (
	"errors"
	"fmt"
	"math"

	"remoterun/runner/value"
)

// resultEntries are the tests of task results, and Ansible's tests of lists,
// numbers and truth.
func resultEntries() []entry {
	return strictAll(asTests([]entry{
		{name: "failed", aliases: also("failure"), sig: "failed", example: "{{ {'failed': true} is failed }}", shows: "True", fn: resultTest("failed", false)},
		{name: "succeeded", aliases: also("success", "successful"), sig: "succeeded", example: "{{ {'rc': 0} is succeeded }}", shows: "True", fn: negated(resultTest("failed", false))},
		{name: "unreachable", sig: "unreachable", example: "{{ {} is unreachable }}", shows: "False", fn: resultTest("unreachable", false)},
		{name: "reachable", sig: "reachable", example: "{{ {} is reachable }}", shows: "True", fn: negated(resultTest("unreachable", false))},
		{name: "changed", aliases: also("change"), sig: "changed", example: "{{ {'changed': true} is changed }}", shows: "True", fn: testChanged},
		{name: "skipped", aliases: also("skip"), sig: "skipped", example: "{{ {'skipped': true} is skipped }}", shows: "True", fn: resultTest("skipped", false)},
		{name: "started", sig: "started", example: "{{ {'started': 1} is started }}", shows: "True", fn: asyncTest("started")},
		{name: "finished", sig: "finished", example: "{{ {'finished': 0} is finished }}", shows: "False", fn: asyncTest("finished")},
		{name: "any", sig: "any", example: "{{ [false, true] is any }}", shows: "True", fn: testAny},
		{name: "all", sig: "all", example: "{{ [false, true] is all }}", shows: "False", fn: testAll},
		{name: "truthy", sig: "truthy(convert_bool=False)", example: "{{ 'off' is truthy(convert_bool=True) }}", shows: "False", fn: testTruthy},
		{name: "falsy", sig: "falsy(convert_bool=False)", example: "{{ '' is falsy }}", shows: "True", fn: negated(testTruthy)},
		{name: "vault_encrypted", sig: "vault_encrypted", example: "{{ 'text' is vault_encrypted }}", shows: "False", fn: noArguments(func(c *call) (value.Value, error) { return value.Bool(false), nil })},
		{name: "subset", aliases: also("issubset"), sig: "subset(list)", example: "{{ [1] is subset([1, 2]) }}", shows: "True", fn: subsetTest(false)},
		{name: "superset", aliases: also("issuperset"), sig: "superset(list)", example: "{{ [1] is superset([1, 2]) }}", shows: "False", fn: subsetTest(true)},
		{name: "contains", sig: "contains(value)", example: "{{ [1, 2] is contains(2) }}", shows: "True", fn: testContains},
		{name: "nan", aliases: also("isnan"), sig: "nan", example: "{{ 'nan' | float is nan }}", shows: "True", fn: noArguments(func(c *call) (value.Value, error) {
			f, ok := c.in.AsFloat()
			return value.Bool(ok && math.IsNaN(f)), nil
		})},
	}))
}

// negated answers the contrary.
func negated(fn function) function {
	return func(c *call) (value.Value, error) {
		v, err := fn(c)
		return value.Bool(!value.Truth(v)), err
	}
}

func resultTest(key string, otherwise bool) function {
	return noArguments(func(c *call) (value.Value, error) {
		m, ok, err := value.Mapping(c.in)
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

func testChanged(c *call) (value.Value, error) {
	v, err := resultTest("changed", false)(c)
	if err != nil {
		return v, err
	}
	m, _, _ := value.Mapping(c.in)
	if _, ok := m.Lookup("changed"); ok {
		return v, nil
	}
	results, _ := m.Lookup("results")
	if !isList(results) {
		return value.Bool(false), nil
	}
	if len(results.Items()) == 0 {
		return value.Value{}, errors.New("list index out of range")
	}
	if !mappingLike(results.Items()[0]) {
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
func asyncTest(key string) function {
	return noArguments(func(c *call) (value.Value, error) {
		v, err := resultTest(key, true)(c)
		return value.Bool(value.Equal(v, value.Int(1))), err
	})
}

func testAny(c *call) (value.Value, error) { return truths(c, true) }

func testAll(c *call) (value.Value, error) { return truths(c, false) }

// truths looks for the first item of that truth.
func truths(c *call, want bool) (value.Value, error) {
	items, err := c.iterate(c.in)
	if err != nil {
		return value.Value{}, err
	}
	if _, err := c.bind(); err != nil {
		return value.Value{}, err
	}
	for _, it := range items {
		if err := defined(it); err != nil {
			return value.Value{}, err
		}
		if value.Truth(it) == want {
			return value.Bool(want), nil
		}
	}
	return value.Bool(!want), nil
}

func testTruthy(c *call) (value.Value, error) {
	a, err := c.bind("convert_bool=")
	if err != nil {
		return value.Value{}, err
	}
	if truthOr(a[0], false) {
		if b, ok := boolWord(c.in); ok {
			return value.Bool(b), nil
		}
	}
	return value.Bool(value.Truth(c.in)), nil
}

// subsetTest asks whether all items of one side are in the other.
func subsetTest(swap bool) function {
	return func(c *call) (value.Value, error) {
		a, err := c.bind("b")
		if err != nil {
			return value.Value{}, err
		}
		small, big := c.in, a[0]
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
func hashedItems(c *call, v value.Value) (*value.Map, error) {
	items, err := c.iterate(v)
	if err != nil {
		return nil, err
	}
	out := value.NewMap()
	for _, it := range items {
		if err := defined(it); err != nil {
			return nil, err
		}
		if err := value.Hashable(it); err != nil {
			return nil, err
		}
		out.Set(it, value.Null())
	}
	return out, nil
}

func testContains(c *call) (value.Value, error) {
	a, err := c.bind("value")
	if err != nil {
		return value.Value{}, err
	}
	ok, err := c.contains(c.in, a[0])
	return value.Bool(ok), err
}
