package jinja

import (
	"errors"
	"slices"
	"strings"

	"remoterun/playbooks/jinja/lex"
	"remoterun/runner/value"
)

// sequenceFilterEntries are Jinja's filters over lists and mappings. Their
// results hold the items themselves, so marks stay where they are.
func sequenceFilterEntries() []entry {
	return strictAll([]entry{
		{name: "default", aliases: []string{"d"}, sig: "default(value='', boolean=False)", example: "{{ missing | default('x') }}", shows: "x", fn: filterDefault, undefined: true, spread: spreadNone, shallow: true, lax: true},
		{name: "first", sig: "first", example: "{{ [1, 2, 3] | first }}", shows: "1", fn: filterFirst, spread: spreadNone, shallow: true},
		{name: "last", sig: "last", example: "{{ [1, 2, 3] | last }}", shows: "3", fn: filterLast, spread: spreadNone, shallow: true},
		{name: "length", aliases: []string{"count"}, sig: "length", example: "{{ [1, 2, 3] | length }}", shows: "3", fn: filterLength, spread: spreadNone, shallow: true},
		{name: "list", sig: "list", example: "{{ 'abc' | list }}", shows: "['a', 'b', 'c']", fn: filterList, spread: spreadNone, shallow: true},
		{name: "items", sig: "items", example: "{{ {'a': 1} | items }}", shows: "[('a', 1)]", fn: filterItems, undefined: true, spread: spreadNone, shallow: true},
		{name: "reverse", sig: "reverse", example: "{{ [1, 2, 3] | reverse }}", shows: "[3, 2, 1]", fn: filterReverse, spread: spreadNone, shallow: true},
		{name: "join", sig: "join(d='', attribute=None)", example: "{{ [1, 2, 3] | join('-') }}", shows: "1-2-3", fn: filterJoin},
		{name: "sort", sig: "sort(reverse=False, case_sensitive=False, attribute=None)", example: "{{ [3, 1, 2] | sort }}", shows: "[1, 2, 3]", fn: filterSort, spread: spreadNone},
		{name: "dictsort", sig: "dictsort(case_sensitive=False, by='key', reverse=False)", example: "{{ {'b': 1, 'a': 2} | dictsort }}", shows: "[('a', 2), ('b', 1)]", fn: filterDictSort, spread: spreadNone},
		{name: "min", sig: "min(case_sensitive=False, attribute=None)", example: "{{ [3, 1, 2] | min }}", shows: "1", fn: filterMin, spread: spreadNone},
		{name: "max", sig: "max(case_sensitive=False, attribute=None)", example: "{{ [3, 1, 2] | max }}", shows: "3", fn: filterMax, spread: spreadNone},
		{name: "sum", sig: "sum(attribute=None, start=0)", example: "{{ [1, 2, 3] | sum }}", shows: "6", fn: filterSum},
		{name: "slice", sig: "slice(slices, fill_with=None)", example: "{{ [1, 2, 3] | slice(2) }}", shows: "[[1, 2], [3]]", fn: filterSlice, spread: spreadNone, shallow: true},
		{name: "batch", sig: "batch(linecount, fill_with=None)", example: "{{ [1, 2, 3] | batch(2) }}", shows: "[[1, 2], [3]]", fn: filterBatch, spread: spreadNone, shallow: true},
		{name: "groupby", sig: "groupby(attribute, default=None, case_sensitive=False)", example: "{{ [{'a': 1}, {'a': 2}] | groupby('a') | map('first') }}", shows: "[1, 2]", fn: filterGroupBy, spread: spreadNone, lax: true},
	})
}

func filterDefault(c *call) (value.Value, error) {
	params := []param{"default_value=", "boolean="}
	a, err := c.bind(params...)
	if err != nil {
		return value.Value{}, err
	}
	if !c.in.IsUndefined() {
		if err := c.allDefined(params, a, "boolean"); err != nil {
			return value.Value{}, err
		}
		if !value.Truth(a[1]) || value.Truth(c.in) {
			return c.in, nil
		}
	}
	if a[0].IsUndefined() && len(c.args) == 0 && !c.given("default_value") {
		return value.String(""), nil
	}
	return a[0], nil
}

func noItem(what string) value.Value {
	return value.FromMissing(value.Missing{Hint: what + ", sequence was empty."})
}

func filterFirst(c *call) (value.Value, error) {
	items, err := c.iterate(c.in)
	if err != nil {
		return value.Value{}, err
	}
	if len(items) == 0 {
		return noItem("No first item"), c.none()
	}
	return items[0], c.none()
}

func filterLast(c *call) (value.Value, error) {
	items, err := c.iterate(c.in)
	if err != nil {
		return value.Value{}, err
	}
	if len(items) == 0 {
		return noItem("No last item"), c.none()
	}
	return items[len(items)-1], c.none()
}

func filterLength(c *call) (value.Value, error) {
	n, err := c.length(c.in)
	if err != nil {
		return value.Value{}, err
	}
	return value.Int(int64(n)).With(c.in.Marks()), c.none()
}

func filterList(c *call) (value.Value, error) {
	items, err := c.iterate(c.in)
	if err != nil {
		return value.Value{}, err
	}
	return value.List(slices.Clone(items)...), c.none()
}

func filterItems(c *call) (value.Value, error) {
	if c.in.IsUndefined() {
		return value.List(), c.none()
	}
	if _, ok, err := value.Mapping(c.in); !ok || err != nil {
		return value.Value{}, errors.Join(err, errors.New("Can only get item pairs from a mapping."))
	}
	return dictItems(c)
}

func filterReverse(c *call) (value.Value, error) {
	items, err := c.iterate(c.in)
	if err != nil {
		return value.Value{}, err
	}
	out := slices.Clone(items)
	slices.Reverse(out)
	if !c.in.IsString() {
		return value.List(out...), c.none()
	}
	var b strings.Builder
	for _, it := range out {
		b.WriteString(value.Str(it))
	}
	return value.MarkedString(b.String(), c.in.Marks()), c.none()
}

func filterJoin(c *call) (value.Value, error) {
	a, err := c.bind("d=", "attribute=")
	if err != nil {
		return value.Value{}, err
	}
	items, err := c.attributes(c.in, orUndefined(a[1]))
	if err != nil {
		return value.Value{}, err
	}
	sep := ""
	if !a[0].IsUndefined() {
		sep = value.Str(a[0])
	} else if len(c.args) > 0 || c.given("d") {
		return value.Value{}, defined(a[0])
	}
	b := c.buffer(0)
	for i, it := range items {
		if i > 0 {
			err = b.text(sep)
		}
		if err = errors.Join(err, defined(it)); err == nil {
			err = b.add(it)
		}
		if err != nil {
			return value.Value{}, err
		}
	}
	return value.MarkedString(b.String(), b.marks), nil
}

// attributes answers the items of v, or one attribute of each when attr is
// given.
func (c *call) attributes(v, attr value.Value) ([]value.Value, error) {
	items, err := c.iterate(v)
	if err != nil || attr.IsUndefined() {
		return items, err
	}
	out := make([]value.Value, len(items))
	for i, it := range items {
		if out[i], err = c.path(it, attr); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// path follows an attribute like "a.b.0" or a number.
func (c *call) path(v, attr value.Value) (value.Value, error) {
	if i, ok := attr.AsInt(); ok {
		return c.getitem(v, value.Int(i))
	}
	s, ok := attr.AsString()
	if !ok {
		return c.getitem(v, attr)
	}
	for _, part := range strings.Split(s, ".") {
		key := value.String(part)
		if part != "" && strings.Trim(part, "0123456789") == "" && len(part) < 10 {
			key, _ = lex.Number(lex.Token{Kind: lex.Int, Text: strings.TrimLeft(part[:len(part)-1], "0") + part[len(part)-1:]})
		}
		var err error
		if v, err = c.getitem(v, key); err != nil {
			return v, err
		}
	}
	return v, nil
}

func filterMin(c *call) (value.Value, error) { return extreme(c, func(n int) bool { return n < 0 }) }

func filterMax(c *call) (value.Value, error) { return extreme(c, func(n int) bool { return n > 0 }) }

// extreme answers the first item that no other one beats.
func extreme(c *call, beats func(int) bool) (value.Value, error) {
	a, err := c.bind("case_sensitive=", "attribute=")
	if err != nil {
		return value.Value{}, err
	}
	items, err := c.iterate(c.in)
	if err != nil {
		return value.Value{}, err
	}
	if len(items) == 0 {
		return noItem("No aggregated item"), nil
	}
	keys, err := c.attributes(c.in, orUndefined(a[1]))
	if err != nil {
		return value.Value{}, err
	}
	best := 0
	for i := range keys {
		if len(keys) > 1 {
			if err := defined(keys[i]); err != nil {
				return value.Value{}, err
			}
		}
		x, y := keys[i], keys[best]
		if !value.Truth(a[0]) {
			x, y = folded(x), folded(y)
		}
		if i == 0 {
			continue
		}
		n, err := value.Compare(x, y)
		if err != nil {
			return value.Value{}, err
		}
		if beats(n) {
			best = i
		}
	}
	return items[best], nil
}

func filterSum(c *call) (value.Value, error) {
	a, err := c.bind("attribute=", "start=")
	if err != nil {
		return value.Value{}, err
	}
	items, err := c.attributes(c.in, orUndefined(a[0]))
	if err != nil {
		return value.Value{}, err
	}
	total := value.Int(0)
	if !a[1].IsUndefined() {
		total = a[1]
	}
	if total.IsString() {
		return value.Value{}, errors.New("sum() can't sum strings [use ''.join(seq) instead]")
	}
	for _, it := range items {
		if err := defined(it); err != nil {
			return value.Value{}, err
		}
		if total, err = c.arith("+", total, it); err != nil {
			return value.Value{}, err
		}
	}
	return total, nil
}

func filterSlice(c *call) (value.Value, error) {
	a, err := c.bind("slices", "fill_with=")
	if err != nil {
		return value.Value{}, err
	}
	n, err := c.integer(a[0], 0)
	if err != nil {
		return value.Value{}, err
	}
	items, err := c.iterate(c.in)
	if err != nil {
		return value.Value{}, err
	}
	switch {
	case n == 0:
		return value.Value{}, errors.New("integer division or modulo by zero")
	case n > maxRange:
		return value.Value{}, errRepeat
	case n < 0:
		return value.List(), nil
	}
	if err := c.work(n); err != nil {
		return value.Value{}, err
	}
	per, extra, at := len(items)/n, len(items)%n, 0
	out := make([]value.Value, n)
	for i := range out {
		end := at + per
		if i < extra {
			end++
		}
		part := slices.Clone(items[at:end])
		if !orUndefined(a[1]).IsUndefined() && i >= extra {
			part = append(part, a[1])
		}
		out[i], at = value.List(part...), end
	}
	return value.List(out...), nil
}

func filterBatch(c *call) (value.Value, error) {
	a, err := c.bind("linecount", "fill_with=")
	if err != nil {
		return value.Value{}, err
	}
	n, err := c.integer(a[0], 0)
	if err != nil {
		return value.Value{}, err
	}
	items, err := c.iterate(c.in)
	if err != nil {
		return value.Value{}, err
	}
	out := []value.Value{}
	var part []value.Value
	for _, it := range items {
		if len(part) == n {
			out, part = append(out, value.List(part...)), nil
		}
		part = append(part, it)
	}
	if len(part) == 0 {
		return value.List(out...), nil
	}
	if n > maxRange {
		return value.Value{}, errRepeat
	}
	for !orUndefined(a[1]).IsUndefined() && len(part) < n {
		part = append(part, a[1])
	}
	return value.List(append(out, value.List(part...))...), nil
}
