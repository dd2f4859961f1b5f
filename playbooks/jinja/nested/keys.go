package nested

import (
	"fmt"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/pyre"
	"remoterun/runner/value"
)

// keyed compiles what keys are compared with.
type keyed struct{ cache pyre.Cache }

// keyEntries keep, remove and rename keys in depth.
func keyEntries() []core.Entry {
	rc := &keyed{}
	return core.StrictAll([]core.Entry{
		{Name: "keep_keys", Sig: "keep_keys(target, matching_parameter='equality')", Example: "{{ {'a': 1, 'b': 2} | ansible.utils.keep_keys(target=['a']) }}", Shows: "{'a': 1}", Func: rc.keysFilter(keepKeys), Spread: core.SpreadNone},
		{Name: "remove_keys", Sig: "remove_keys(target, matching_parameter='equality')", Example: "{{ {'a': 1, 'b': 2} | ansible.utils.remove_keys(target=['a']) }}", Shows: "{'b': 2}", Func: rc.keysFilter(removeKeys), Spread: core.SpreadNone},
		{Name: "replace_keys", Sig: "replace_keys(target, matching_parameter='equality')", Example: "{{ {'a': 1} | ansible.utils.replace_keys(target=[{'before': 'a', 'after': 'z'}]) }}", Shows: "{'z': 1}", Func: rc.keysFilter(replaceKeys), Spread: core.SpreadNone},
	})
}

// keyMatcher says whether a key is meant by one target.
type keyMatcher func(target, key string) (bool, error)

// keyWalk changes data by its keys, in depth.
type keyWalk func(c *core.Call, v value.Value, targets []value.Value, match keyMatcher, depth int) (value.Value, error)

func (rc *keyed) keysFilter(walk keyWalk) core.Function {
	return func(c *core.Call) (value.Value, error) {
		a, err := c.Bind("target", "matching_parameter=")
		if err != nil {
			return value.Value{}, err
		}
		if !core.IsList(c.In) && !core.MappingLike(c.In) {
			return value.Value{}, fmt.Errorf("Error when using plugin '%s': the input is neither a list nor a dictionary", core.ShortName(c.Name))
		}
		match, err := rc.keyMatch(core.TextOr(a[1], "equality"))
		if err != nil {
			return value.Value{}, err
		}
		targets := a[0].Items()
		if !core.ListLike(a[0]) {
			targets = []value.Value{a[0]}
		}
		return walk(c, c.In, targets, match, 0)
	}
}

func (rc *keyed) keyMatch(how string) (keyMatcher, error) {
	switch how {
	case "equality":
		return func(t, k string) (bool, error) { return t == k, nil }, nil
	case "starts_with":
		return func(t, k string) (bool, error) { return strings.HasPrefix(k, t), nil }, nil
	case "ends_with":
		return func(t, k string) (bool, error) { return strings.HasSuffix(k, t), nil }, nil
	case "regex":
		return func(t, k string) (bool, error) {
			re, err := rc.cache.Compile(t, pyre.Match, pyre.Flags{})
			if err != nil {
				return false, err
			}
			m, err := re.Find(k)
			return m != nil, err
		}, nil
	}
	return nil, fmt.Errorf("matching_parameter must be one of: equality, starts_with, ends_with, regex, got: %s", how)
}

// anyKey says whether one of targets means the key.
func anyKey(targets []value.Value, key string, match keyMatcher) (bool, error) {
	for _, t := range targets {
		if ok, err := match(value.Str(t), key); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// each applies walk to the items of a list.
func each(c *core.Call, v value.Value, targets []value.Value, match keyMatcher, depth int, walk keyWalk) (value.Value, error) {
	if err := c.Deeper(depth); err != nil {
		return value.Value{}, err
	}
	out := make([]value.Value, 0, len(v.Items()))
	for _, it := range v.Items() {
		x, err := walk(c, it, targets, match, depth+1)
		if err != nil {
			return value.Value{}, err
		}
		out = append(out, x)
	}
	return value.List(out...), c.Work(len(out))
}

func keepKeys(c *core.Call, v value.Value, targets []value.Value, match keyMatcher, depth int) (value.Value, error) {
	if core.IsList(v) {
		return each(c, v, targets, match, depth, keepKeys)
	}
	m, ok := v.AsMap()
	if !ok {
		return v, nil
	}
	out := value.NewMap()
	for k, it := range m.All() {
		if !core.IsList(it) && !core.MappingLike(it) {
			keep, err := anyKey(targets, value.Str(k), match)
			if err != nil {
				return value.Value{}, err
			}
			if keep {
				out.Set(k, it)
			}
			continue
		}
		inner, err := keepKeys(c, it, targets, match, depth+1)
		if err != nil {
			return value.Value{}, err
		}
		if inner = keptItems(inner); value.Truth(inner) {
			out.Set(k, inner)
		}
	}
	return value.FromMap(out), c.Step()
}

// keptItems drops what is empty from a list; a list of mere text is nothing.
func keptItems(v value.Value) value.Value {
	if !core.IsList(v) {
		return v
	}
	var out []value.Value
	text := true
	for _, it := range v.Items() {
		if (core.IsList(it) || core.MappingLike(it)) && !value.Truth(it) {
			continue
		}
		text = text && it.IsString()
		out = append(out, it)
	}
	if text {
		return value.List()
	}
	return value.List(out...)
}

func removeKeys(c *core.Call, v value.Value, targets []value.Value, match keyMatcher, depth int) (value.Value, error) {
	if core.IsList(v) {
		out, err := each(c, v, targets, match, depth, removeKeys)
		var full []value.Value
		for _, it := range out.Items() {
			if value.Truth(it) {
				full = append(full, it)
			}
		}
		return value.List(full...), err
	}
	m, ok := v.AsMap()
	if !ok {
		return v, nil
	}
	out := value.NewMap()
	for k, it := range m.All() {
		gone, err := anyKey(targets, value.Str(k), match)
		if err != nil {
			return value.Value{}, err
		}
		if gone {
			continue
		}
		if it, err = removeKeys(c, it, targets, match, depth+1); err != nil {
			return value.Value{}, err
		}
		out.Set(k, it)
	}
	return value.FromMap(out), c.Step()
}

func replaceKeys(c *core.Call, v value.Value, targets []value.Value, match keyMatcher, depth int) (value.Value, error) {
	if core.IsList(v) {
		return each(c, v, targets, match, depth, replaceKeys)
	}
	m, ok := v.AsMap()
	if !ok {
		return v, nil
	}
	m = m.Clone()
	for _, t := range targets {
		pair, _ := t.AsMap()
		before, _ := pair.Lookup("before")
		after, _ := pair.Lookup("after")
		for _, k := range m.Keys() {
			hit, err := match(value.Str(before), value.Str(k))
			if err != nil {
				return value.Value{}, err
			}
			if hit {
				it, _ := m.Get(k)
				m.Delete(k)
				m.Set(after, it)
			}
		}
	}
	out := value.NewMap()
	for k, it := range m.All() {
		it, err := replaceKeys(c, it, targets, match, depth+1)
		if err != nil {
			return value.Value{}, err
		}
		out.Set(k, it)
	}
	return value.FromMap(out), c.Step()
}
