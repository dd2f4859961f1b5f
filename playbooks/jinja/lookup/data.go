package lookup

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"remoterun/playbooks/jinja/ansible"
	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/py/pyrandom"
	"remoterun/runner/value"
)

// dataLookupEntries are the plug-ins that only rearrange their terms.
func dataLookupEntries() []core.Entry {
	family := []core.Entry{
		{Name: "items", Aliases: []string{"flattened_once"}, Sig: "items(*lists)", Example: "{{ query('items', [1, 2], 3) }}", Shows: "[1, 2, 3]", Func: lookupItems, Loop: core.MappingIsKeys},
		{Name: "list", Sig: "list(*terms)", Example: "{{ query('list', [1, 2]) }}", Shows: "[[1, 2]]", Func: func(c *core.Call) (value.Value, error) { return value.List(c.Args...), nil }, Loop: core.MappingIsWrong},
		{Name: "flattened", From: []string{"community.general"}, Sig: "flattened(*lists)", Example: "{{ query('flattened', [1, [2]]) }}", Shows: "[1, 2]", Func: lookupFlattened, Loop: core.MappingIsWrong},
		{Name: "dict", Sig: "dict(*mappings)", Example: "{{ query('dict', {'a': 1}) }}", Shows: "[{'key': 'a', 'value': 1}]", Func: lookupDict},
		{Name: "sequence", Sig: "sequence('start=1 end=3 stride=1 format=%d')", Example: "{{ query('sequence', '1-3') }}", Shows: "['1', '2', '3']", Func: lookupSequence},
		{Name: "nested", From: []string{"community.general"}, Aliases: []string{"cartesian"}, Sig: "nested(*lists)", Example: "{{ query('nested', [1, 2], ['a']) }}", Shows: "[[1, 'a'], [2, 'a']]", Func: lookupNested, Loop: core.MappingIsKeys},
		{Name: "together", Sig: "together(*lists)", Example: "{{ query('together', [1, 2], ['a']) }}", Shows: "[[1, 'a'], [2, None]]", Func: lookupTogether, Loop: core.MappingIsKeys},
		{Name: "indexed_items", Sig: "indexed_items(*lists)", Example: "{{ query('indexed_items', ['a', 'b']) }}", Shows: "[(0, 'a'), (1, 'b')]", Func: lookupIndexed, Loop: core.MappingIsWrong},
		{Name: "subelements", Sig: "subelements(list, subkey, {'skip_missing': False})", Example: "{{ query('subelements', [{'n': 'x', 'l': [1]}], 'l') }}", Shows: "[({'n': 'x'}, 1)]", Func: lookupSubelements},
		{Name: "random_choice", Sig: "random_choice(*terms)", Example: "{{ query('random_choice', 'a') }}", Shows: "['a']", Func: lookupRandom, Impure: true, Loop: core.MappingIsWrong},
	}
	return core.Lookups(family, true)
}

// flattenOnce opens the lists among terms, one level.
func flattenOnce(terms []value.Value) []value.Value {
	var out []value.Value
	for _, t := range terms {
		if core.ListLike(t) {
			out = append(out, t.Items()...)
		} else {
			out = append(out, t)
		}
	}
	return out
}

func lookupItems(c *core.Call) (value.Value, error) {
	out := flattenOnce(c.Args)
	return value.List(out...), c.Work(len(out))
}

func lookupFlattened(c *core.Call) (value.Value, error) {
	out, err := ansible.Flatten(c, c.Args, -1, true)
	return value.List(out...), err
}

func lookupDict(c *core.Call) (value.Value, error) {
	var out []value.Value
	for _, t := range c.Args {
		m, ok, err := value.Mapping(t)
		if err != nil {
			return value.Value{}, err
		}
		if !ok {
			return value.Value{}, errors.New("with_dict expects a dict")
		}
		out = append(out, ansible.Pairs(m, value.String("key"), value.String("value"))...)
	}
	return value.List(out...), nil
}

// listOf is a term as a list: what cannot be iterated is its only item.
func listOf(c *core.Call, t value.Value) ([]value.Value, error) {
	if t.IsString() || !core.ListLike(t) && !core.MappingLike(t) {
		return []value.Value{t}, nil
	}
	return c.Iterate(t)
}

func lookupNested(c *core.Call) (value.Value, error) {
	if len(c.Args) == 0 {
		return value.Value{}, errors.New("with_nested requires at least one element in the nested list")
	}
	out, err := listOf(c, c.Args[0])
	if err != nil {
		return value.Value{}, err
	}
	for _, t := range c.Args[1:] {
		items, err := listOf(c, t)
		if err != nil {
			return value.Value{}, err
		}
		if len(out)*len(items) > core.MaxRange {
			return value.Value{}, core.ErrRepeat
		}
		var next []value.Value
		for _, a := range out {
			for _, b := range items {
				next = append(next, value.List(flattenOnce([]value.Value{a, b})...))
			}
		}
		if err := c.Work(len(next)); err != nil {
			return value.Value{}, err
		}
		out = next
	}
	for i, it := range out {
		if !core.ListLike(it) {
			return value.Value{}, fmt.Errorf("'%s' object is not iterable", value.TypeName(it))
		}
		out[i] = value.List(flattenOnce(it.Items())...)
	}
	return value.List(out...), nil
}

func lookupTogether(c *core.Call) (value.Value, error) {
	if len(c.Args) == 0 {
		return value.Value{}, errors.New("with_together requires at least one element in each list")
	}
	var cols [][]value.Value
	long := 0
	for _, t := range c.Args {
		items, err := listOf(c, t)
		if err != nil {
			return value.Value{}, err
		}
		cols = append(cols, items)
		long = max(long, len(items))
	}
	out := make([]value.Value, long)
	for i := range out {
		out[i] = value.List(flattenOnce(ansible.Row(cols, i, value.Null()).Items())...)
	}
	return value.List(out...), c.Work(long * len(cols))
}

func lookupIndexed(c *core.Call) (value.Value, error) {
	items := flattenOnce(c.Args)
	out := make([]value.Value, len(items))
	for i, it := range items {
		out[i] = value.Tuple(value.Int(int64(i)), it)
	}
	return value.List(out...), c.Work(len(out))
}

func lookupRandom(c *core.Call) (value.Value, error) {
	if len(c.Args) == 0 {
		return value.List(), nil
	}
	draw, err := pyrandom.Generator(value.Null())
	if err != nil {
		return value.Value{}, err
	}
	return value.List(c.Args[draw(big.NewInt(int64(len(c.Args)))).Int64()]), nil
}

func lookupSubelements(c *core.Call) (value.Value, error) {
	if len(c.Args) < 2 || len(c.Args) > 3 {
		return value.Value{}, errors.New("subelements lookup expects a list of two or three items")
	}
	key, ok := c.Args[1].AsString()
	if !ok {
		return value.Value{}, errors.New("subelements lookup expects a list of two or three items, first a dict or a list, second a string pointing to the subkey")
	}
	items := c.Args[0].Items()
	if !core.IsList(c.Args[0]) {
		items = c.Args[:1] // one thing is a list of one
	}
	if m, ok, err := value.Mapping(c.Args[0]); err != nil {
		return value.Value{}, err
	} else if ok {
		if v, there := m.Lookup("skipped"); there && !value.Equal(v, value.Bool(false)) {
			return value.List(), nil // the whole task was skipped
		}
		items = nil
		for _, v := range m.All() {
			items = append(items, v)
		}
	}
	skip := false
	if len(c.Args) == 3 {
		flags, ok := c.Args[2].AsMap()
		if !ok {
			return value.Value{}, errors.New("subelements lookup: the optional third item must be a dict with the flag skip_missing")
		}
		v, _ := flags.Lookup("skip_missing")
		skip, _ = core.BoolWord(v)
	}
	return subelementPairs(c, items, core.SplitText(key, "."), skip)
}

func subelementPairs(c *core.Call, items, keys []value.Value, skip bool) (value.Value, error) {
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
		if skip && barred(m, keys) {
			continue
		}
		inner, err := ansible.Subelement(c, it, keys, skip)
		if err != nil {
			return value.Value{}, err
		}
		left := without(it, keys)
		for _, v := range inner {
			out = append(out, value.Tuple(left, v))
		}
	}
	return value.List(out...), c.Work(len(out))
}

// barred reports a key on the way that holds no mapping: the lookup takes that
// for missing, the filter does not.
func barred(m *value.Map, keys []value.Value) bool {
	for _, k := range keys[:len(keys)-1] {
		next, there := m.Get(k)
		inner, ok := next.AsMap()
		if there && !ok {
			return true
		}
		m = inner
	}
	return false
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
