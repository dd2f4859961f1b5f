package jinja

import (
	"fmt"
	"strings"

	"remoterun/runner/pyre"
	"remoterun/runner/value"
)

// utilEntries are the filters of ansible.utils over nested data.
func utilEntries() []entry {
	rc := &regexes{}
	return strictAll([]entry{
		{name: "get_path", sig: "get_path(path, wantlist=False)", example: "{{ {'a': {'b': [1]}} | ansible.utils.get_path('a.b[0]') }}", shows: "1", fn: filterGetPath, spread: spreadNone},
		{name: "to_paths", sig: "to_paths(prepend=None, wantlist=False)", example: "{{ {'a': {'b': [1]}} | ansible.utils.to_paths }}", shows: "{'a.b[0]': 1}", fn: filterToPaths, spread: spreadNone},
		{name: "index_of", sig: "index_of(test, value=None, key=None, fail_on_missing=False, wantlist=False)", example: "{{ ['a', 'b'] | ansible.utils.index_of('eq', 'b') }}", shows: "1", fn: filterIndexOf},
		{name: "keep_keys", sig: "keep_keys(target, matching_parameter='equality')", example: "{{ {'a': 1, 'b': 2} | ansible.utils.keep_keys(target=['a']) }}", shows: "{'a': 1}", fn: rc.keysFilter(keepKeys), spread: spreadNone},
		{name: "remove_keys", sig: "remove_keys(target, matching_parameter='equality')", example: "{{ {'a': 1, 'b': 2} | ansible.utils.remove_keys(target=['a']) }}", shows: "{'b': 2}", fn: rc.keysFilter(removeKeys), spread: spreadNone},
		{name: "replace_keys", sig: "replace_keys(target, matching_parameter='equality')", example: "{{ {'a': 1} | ansible.utils.replace_keys(target=[{'before': 'a', 'after': 'z'}]) }}", shows: "{'z': 1}", fn: rc.keysFilter(replaceKeys), spread: spreadNone},
		{name: "param_list_compare", sig: "param_list_compare(target)", example: "{{ ['a', 'b'] | ansible.utils.param_list_compare(['all', '!b']) }}", shows: "{'actionable': ['a'], 'unsupported': []}", fn: filterParamList},
	})
}

func filterGetPath(c *call) (value.Value, error) {
	a, err := c.bind("path", "environment=", "wantlist=")
	if err != nil {
		return value.Value{}, err
	}
	m, ok, err := value.Mapping(c.in)
	if err != nil {
		return value.Value{}, err
	}
	if !ok {
		return value.Value{}, fmt.Errorf("argument after ** must be a mapping, not %s", value.TypeName(c.in))
	}
	v, err := c.follow(value.Str(a[0]), m)
	if err == nil {
		err = defined(v)
	}
	if err == nil && truthOr(a[2], false) {
		v = value.List(v)
	}
	return v, err
}

func filterToPaths(c *call) (value.Value, error) {
	a, err := c.bind("prepend=", "wantlist=")
	if err != nil {
		return value.Value{}, err
	}
	v := c.in
	if isList(v) && len(v.Items()) == 0 && !given(a[0]) {
		return v, nil
	}
	if p := textOr(a[0], ""); p != "" {
		m := value.NewMap()
		m.Set(value.MarkedString(p, a[0].Marks()), v)
		v = value.FromMap(m)
	}
	out := value.NewMap()
	if err := toPaths(c, v, value.String(""), out, 0); err != nil {
		return value.Value{}, err
	}
	if truthOr(a[1], false) {
		return value.List(value.FromMap(out)), nil
	}
	return value.FromMap(out), nil
}

// toPaths puts what v holds into out, each by its path, which has the marks of
// all keys on it.
func toPaths(c *call, v, path value.Value, out *value.Map, depth int) error {
	if depth > maxEval {
		return errDepth
	}
	m, isMap, err := value.Mapping(v)
	if err != nil {
		return err
	}
	name, marks := value.Str(path), path.Marks()
	switch {
	case isMap && m.Len() > 0:
		for k, it := range m.All() {
			key := value.Str(k)
			switch {
			case name != "" && pyre.Identifier(key):
				key = name + "." + key
			case name != "":
				key = name + "['" + key + "']"
			}
			if err := c.grown(len(key)); err != nil {
				return err
			}
			if err := toPaths(c, it, value.MarkedString(key, marks|value.DeepMarks(k)), out, depth+1); err != nil {
				return err
			}
		}
	case isList(v) && len(v.Items()) > 0:
		for i, it := range v.Items() {
			if err := c.grown(len(name)); err != nil {
				return err
			}
			if err := toPaths(c, it, value.MarkedString(fmt.Sprintf("%s[%d]", name, i), marks), out, depth+1); err != nil {
				return err
			}
		}
	case name != "" || !isMap && !isList(v):
		out.Set(path, v)
	}
	return c.step()
}

func filterIndexOf(c *call) (value.Value, error) {
	a, err := c.bind("test", "value=", "key=", "fail_on_missing=", "wantlist=")
	if err != nil {
		return value.Value{}, err
	}
	if !listLike(c.in) {
		return value.Value{}, fmt.Errorf("index_of needs a list, got %s", pyType(c.in))
	}
	items := c.in.Items()
	holds, err := c.signedTest(value.Str(a[0]), a[1])
	if err != nil {
		return value.Value{}, err
	}
	var out []value.Value
	for i, it := range items {
		if given(a[2]) {
			m, ok, err := value.Mapping(it)
			if err != nil {
				return value.Value{}, err
			}
			if !ok {
				return value.Value{}, fmt.Errorf("index_of: when a key name is provided, all list entries are required to be dictionaries")
			}
			if it, ok = m.Get(a[2]); !ok {
				if truthOr(a[3], false) {
					return value.Value{}, fmt.Errorf("index_of: '%s' was not found at [%d]", value.Str(a[2]), i)
				}
				continue
			}
		}
		ok, err := holds(it)
		if err != nil {
			return value.Value{}, err
		}
		if ok {
			out = append(out, value.Int(int64(i)))
		}
	}
	if len(out) == 1 && !truthOr(a[4], false) {
		return out[0], nil
	}
	return value.List(out...), nil
}

// signedTest answers a test by its name, "!name" or "not name".
func (c *call) signedTest(name string, arg value.Value) (func(value.Value) (bool, error), error) {
	name, inverted := strings.CutPrefix(name, "!")
	if name == "=" {
		name = "=="
	}
	if rest, ok := strings.CutPrefix(name, "not "); ok {
		name, inverted = rest, true
	}
	test, err := c.namedTest(name)
	if err != nil {
		return nil, fmt.Errorf("index_of: the test '%s' was not found%s", name, c.near(testKind, name))
	}
	var args []value.Value
	if given(arg) {
		if name == "in" && !isList(arg) {
			arg = value.List(arg)
		}
		args = []value.Value{arg}
	}
	return func(v value.Value) (bool, error) {
		ok, err := test(v, args, nil)
		return ok != inverted, err
	}, nil
}

// keyMatcher says whether a key is meant by one target.
type keyMatcher func(target, key string) (bool, error)

// keyWalk changes data by its keys, in depth.
type keyWalk func(c *call, v value.Value, targets []value.Value, match keyMatcher, depth int) (value.Value, error)

func (rc *regexes) keysFilter(walk keyWalk) function {
	return func(c *call) (value.Value, error) {
		a, err := c.bind("target", "matching_parameter=")
		if err != nil {
			return value.Value{}, err
		}
		if !isList(c.in) && !mappingLike(c.in) {
			return value.Value{}, fmt.Errorf("Error when using plugin '%s': the input is neither a list nor a dictionary", shortName(c.name))
		}
		match, err := rc.keyMatch(textOr(a[1], "equality"))
		if err != nil {
			return value.Value{}, err
		}
		targets := a[0].Items()
		if !listLike(a[0]) {
			targets = []value.Value{a[0]}
		}
		return walk(c, c.in, targets, match, 0)
	}
}

func (rc *regexes) keyMatch(how string) (keyMatcher, error) {
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
func each(c *call, v value.Value, targets []value.Value, match keyMatcher, depth int, walk keyWalk) (value.Value, error) {
	if depth > maxEval {
		return value.Value{}, errDepth
	}
	out := make([]value.Value, 0, len(v.Items()))
	for _, it := range v.Items() {
		x, err := walk(c, it, targets, match, depth+1)
		if err != nil {
			return value.Value{}, err
		}
		out = append(out, x)
	}
	return value.List(out...), c.work(len(out))
}

func keepKeys(c *call, v value.Value, targets []value.Value, match keyMatcher, depth int) (value.Value, error) {
	if isList(v) {
		return each(c, v, targets, match, depth, keepKeys)
	}
	m, ok := v.AsMap()
	if !ok {
		return v, nil
	}
	out := value.NewMap()
	for k, it := range m.All() {
		if !isList(it) && !mappingLike(it) {
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
	return value.FromMap(out), c.step()
}

// keptItems drops what is empty from a list; a list of mere text is nothing.
func keptItems(v value.Value) value.Value {
	if !isList(v) {
		return v
	}
	var out []value.Value
	text := true
	for _, it := range v.Items() {
		if (isList(it) || mappingLike(it)) && !value.Truth(it) {
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

func removeKeys(c *call, v value.Value, targets []value.Value, match keyMatcher, depth int) (value.Value, error) {
	if isList(v) {
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
	return value.FromMap(out), c.step()
}

func replaceKeys(c *call, v value.Value, targets []value.Value, match keyMatcher, depth int) (value.Value, error) {
	if isList(v) {
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
	return value.FromMap(out), c.step()
}

func filterParamList(c *call) (value.Value, error) {
	a, err := c.bind("target")
	if err != nil {
		return value.Value{}, err
	}
	if !listLike(c.in) || !listLike(a[0]) {
		return value.Value{}, fmt.Errorf("param_list_compare needs two lists")
	}
	base := c.in.Items()
	var out, unsupported, remain []value.Value
	not := map[string]bool{}
	for _, t := range a[0].Items() {
		s := value.Str(t)
		switch rest, bang := strings.CutPrefix(s, "!"); {
		case bang:
			not[rest] = true
		case s == "all":
			out = base
		case inList(base, t):
			remain = append(remain, t)
		default:
			unsupported = append(unsupported, t)
		}
	}
	var kept []value.Value
	for _, it := range out {
		if !not[value.Str(it)] {
			kept = append(kept, it)
		}
	}
	for _, it := range remain {
		if !inList(kept, it) {
			kept = append(kept, it)
		}
	}
	err = value.Sort(kept)
	return value.FromMap(value.MapOf("actionable", value.List(kept...), "unsupported", value.List(unsupported...))), err
}
