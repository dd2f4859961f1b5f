package jinja

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"remoterun/runner/value"
)

// dataLookupEntries are the plug-ins that only rearrange their terms.
func dataLookupEntries() []entry {
	family := []entry{
		{name: "items", aliases: also("flattened_once"), sig: "items(*lists)", example: "{{ query('items', [1, 2], 3) }}", shows: "[1, 2, 3]", fn: lookupItems},
		{name: "list", sig: "list(*terms)", example: "{{ query('list', [1, 2]) }}", shows: "[[1, 2]]", fn: func(c *call) (value.Value, error) { return value.List(c.args...), nil }},
		{name: "flattened", sig: "flattened(*lists)", example: "{{ query('flattened', [1, [2]]) }}", shows: "[1, 2]", fn: lookupFlattened},
		{name: "dict", sig: "dict(*mappings)", example: "{{ query('dict', {'a': 1}) }}", shows: "[{'key': 'a', 'value': 1}]", fn: lookupDict},
		{name: "sequence", sig: "sequence('start=1 end=3 stride=1 format=%d')", example: "{{ query('sequence', '1-3') }}", shows: "['1', '2', '3']", fn: lookupSequence},
		{name: "nested", aliases: also("cartesian"), sig: "nested(*lists)", example: "{{ query('nested', [1, 2], ['a']) }}", shows: "[[1, 'a'], [2, 'a']]", fn: lookupNested},
		{name: "together", sig: "together(*lists)", example: "{{ query('together', [1, 2], ['a']) }}", shows: "[[1, 'a'], [2, None]]", fn: lookupTogether},
		{name: "indexed_items", sig: "indexed_items(*lists)", example: "{{ query('indexed_items', ['a', 'b']) }}", shows: "[(0, 'a'), (1, 'b')]", fn: lookupIndexed},
		{name: "subelements", sig: "subelements(list, subkey, {'skip_missing': False})", example: "{{ query('subelements', [{'n': 'x', 'l': [1]}], 'l') }}", shows: "[({'n': 'x'}, 1)]", fn: lookupSubelements},
		{name: "random_choice", sig: "random_choice(*terms)", example: "{{ query('random_choice', 'a') }}", shows: "['a']", fn: lookupRandom, impure: true},
	}
	return asLookups(family, true)
}

// flattenOnce opens the lists among terms, one level.
func flattenOnce(terms []value.Value) []value.Value {
	var out []value.Value
	for _, t := range terms {
		if listLike(t) {
			out = append(out, t.Items()...)
		} else {
			out = append(out, t)
		}
	}
	return out
}

func lookupItems(c *call) (value.Value, error) {
	out := flattenOnce(c.args)
	return value.List(out...), c.work(len(out))
}

func lookupFlattened(c *call) (value.Value, error) {
	out, err := flatten(c, c.args, -1, true)
	return value.List(out...), err
}

func lookupDict(c *call) (value.Value, error) {
	var out []value.Value
	for _, t := range c.args {
		m, ok, err := value.Mapping(t)
		if err != nil {
			return value.Value{}, err
		}
		if !ok {
			return value.Value{}, errors.New("with_dict expects a dict")
		}
		out = append(out, pairs(m, value.String("key"), value.String("value"))...)
	}
	return value.List(out...), nil
}

// listOf is a term as a list: what cannot be iterated is its only item.
func listOf(c *call, t value.Value) ([]value.Value, error) {
	if t.IsString() || !listLike(t) && !mappingLike(t) {
		return []value.Value{t}, nil
	}
	return c.iterate(t)
}

func lookupNested(c *call) (value.Value, error) {
	if len(c.args) == 0 {
		return value.Value{}, errors.New("with_nested requires at least one element in the nested list")
	}
	out, err := listOf(c, c.args[0])
	if err != nil {
		return value.Value{}, err
	}
	for _, t := range c.args[1:] {
		items, err := listOf(c, t)
		if err != nil {
			return value.Value{}, err
		}
		if len(out)*len(items) > maxRange {
			return value.Value{}, errRepeat
		}
		var next []value.Value
		for _, a := range out {
			for _, b := range items {
				next = append(next, value.List(flattenOnce([]value.Value{a, b})...))
			}
		}
		if err := c.work(len(next)); err != nil {
			return value.Value{}, err
		}
		out = next
	}
	for i, it := range out {
		if !listLike(it) {
			return value.Value{}, fmt.Errorf("'%s' object is not iterable", value.TypeName(it))
		}
		out[i] = value.List(flattenOnce(it.Items())...)
	}
	return value.List(out...), nil
}

func lookupTogether(c *call) (value.Value, error) {
	if len(c.args) == 0 {
		return value.Value{}, errors.New("with_together requires at least one element in each list")
	}
	var cols [][]value.Value
	long := 0
	for _, t := range c.args {
		items, err := listOf(c, t)
		if err != nil {
			return value.Value{}, err
		}
		cols = append(cols, items)
		long = max(long, len(items))
	}
	out := make([]value.Value, long)
	for i := range out {
		out[i] = value.List(flattenOnce(row(cols, i, value.Null()).Items())...)
	}
	return value.List(out...), c.work(long * len(cols))
}

func lookupIndexed(c *call) (value.Value, error) {
	items := flattenOnce(c.args)
	out := make([]value.Value, len(items))
	for i, it := range items {
		out[i] = value.Tuple(value.Int(int64(i)), it)
	}
	return value.List(out...), c.work(len(out))
}

func lookupRandom(c *call) (value.Value, error) {
	if len(c.args) == 0 {
		return value.List(), nil
	}
	draw, err := generator(value.Null())
	if err != nil {
		return value.Value{}, err
	}
	return value.List(c.args[draw(big.NewInt(int64(len(c.args)))).Int64()]), nil
}

func lookupSubelements(c *call) (value.Value, error) {
	if len(c.args) < 2 || len(c.args) > 3 {
		return value.Value{}, errors.New("subelements lookup expects a list of two or three items")
	}
	key, ok := c.args[1].AsString()
	if !ok || !isList(c.args[0]) && !mappingLike(c.args[0]) {
		return value.Value{}, errors.New("subelements lookup expects a list of two or three items, first a dict or a list, second a string pointing to the subkey")
	}
	items := c.args[0].Items()
	if m, ok, err := value.Mapping(c.args[0]); err != nil {
		return value.Value{}, err
	} else if ok {
		if v, there := m.Lookup("skipped"); there && !value.Equal(v, value.Bool(false)) {
			return value.List(), nil // the whole task was skipped
		}
		for _, v := range m.All() {
			items = append(items, v)
		}
	}
	skip := false
	if len(c.args) == 3 {
		flags, ok := c.args[2].AsMap()
		if !ok {
			return value.Value{}, errors.New("subelements lookup: the optional third item must be a dict with the flag skip_missing")
		}
		v, _ := flags.Lookup("skip_missing")
		skip, _ = boolWord(v)
	}
	return subelementPairs(c, items, splitText(key, "."), skip)
}

func subelementPairs(c *call, items, keys []value.Value, skip bool) (value.Value, error) {
	var out []value.Value
	for _, it := range items {
		m, ok, err := value.Mapping(it)
		if err != nil {
			return value.Value{}, err
		}
		if !ok {
			return value.Value{}, fmt.Errorf("subelements lookup expects a dictionary, got '%s'", value.Show(it))
		}
		if v, ok := m.Lookup("skipped"); ok && !value.Equal(v, value.Bool(false)) {
			continue
		}
		inner, err := subelement(c, it, keys, skip)
		if err != nil {
			return value.Value{}, err
		}
		left := without(it, keys)
		for _, v := range inner {
			out = append(out, value.Tuple(left, v))
		}
	}
	return value.List(out...), c.work(len(out))
}

// without is an item less the list that was taken out of it.
func without(v value.Value, keys []value.Value) value.Value {
	m, ok := v.AsMap()
	if !ok {
		return v
	}
	out := m.Clone()
	next, there := m.Get(keys[0])
	switch {
	case len(keys) == 1:
		out.Delete(keys[0])
	case there:
		out.Set(keys[0], without(next, keys[1:]))
	}
	return value.FromMap(out)
}

// parseKV reads "a=1 b='x y' rest": pairs in order, and words without "=".
func parseKV(s string) (pairs [][2]string, raw []string) {
	for _, w := range splitQuoted(s) {
		i := strings.IndexByte(w, '=')
		if i <= 0 || w[i-1] == '\\' {
			raw = append(raw, strings.ReplaceAll(w, `\=`, "="))
			continue
		}
		pairs = append(pairs, [2]string{strings.TrimSpace(w[:i]), unquote(strings.TrimSpace(w[i+1:]))})
	}
	return pairs, raw
}

// splitQuoted splits at blanks outside quotes; the quotes stay.
func splitQuoted(s string) []string {
	var out []string
	var b strings.Builder
	quote := rune(0)
	for _, r := range s {
		switch {
		case quote == 0 && (r == ' ' || r == '\t' || r == '\n'):
			if b.Len() > 0 {
				out = append(out, b.String())
				b.Reset()
			}
			continue
		case quote == 0 && (r == '"' || r == '\''):
			quote = r
		case r == quote:
			quote = 0
		}
		b.WriteRune(r)
	}
	if b.Len() > 0 {
		out = append(out, b.String())
	}
	return out
}

func unquote(s string) string {
	if n := len(s); n > 1 && s[0] == s[n-1] && (s[0] == '"' || s[0] == '\'') {
		return s[1 : n-1]
	}
	return s
}
