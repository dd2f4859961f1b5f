package jinja

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"remoterun/runner/value"
)

// sequenceFilterEntries are Jinja's filters over lists and mappings. Their
// results hold the items themselves, so marks stay where they are.
func sequenceFilterEntries() []entry {
	return []entry{
		{name: "default", aliases: []string{"d"}, sig: "default(value='', boolean=False)", example: "{{ missing | default('x') }}", shows: "x", fn: filterDefault, undefined: true, spread: spreadNone, shallow: true},
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
		{name: "groupby", sig: "groupby(attribute, default=None, case_sensitive=False)", example: "{{ [{'a': 1}, {'a': 2}] | groupby('a') | map('first') }}", shows: "[1, 2]", fn: filterGroupBy, spread: spreadNone},
	}
}

func filterDefault(c *call) (value.Value, error) {
	a, err := c.bind("default_value=", "boolean=")
	if err != nil {
		return value.Value{}, err
	}
	if !c.in.IsUndefined() {
		if !value.Truth(a[1]) || value.Truth(c.in) {
			return c.in, nil
		}
	}
	if a[0].IsUndefined() && len(c.args) == 0 && !c.given("default_value") {
		return value.String(""), nil
	}
	return a[0], nil
}

// given reports whether a keyword argument was written.
func (c *call) given(name string) bool {
	_, ok := c.kw.Lookup(name)
	return ok
}

func noItem(what string) value.Value {
	return value.FromMissing(value.Missing{Hint: what + ", sequence was empty."})
}

func filterFirst(c *call) (value.Value, error) {
	items, err := c.rt.iterate(c.in)
	if err != nil {
		return value.Value{}, err
	}
	if len(items) == 0 {
		return noItem("No first item"), c.none()
	}
	return items[0], c.none()
}

func filterLast(c *call) (value.Value, error) {
	items, err := c.rt.iterate(c.in)
	if err != nil {
		return value.Value{}, err
	}
	if len(items) == 0 {
		return noItem("No last item"), c.none()
	}
	return items[len(items)-1], c.none()
}

func filterLength(c *call) (value.Value, error) {
	n, err := c.rt.length(c.in)
	if err != nil {
		return value.Value{}, err
	}
	return value.Int(int64(n)).With(c.in.Marks()), c.none()
}

func filterList(c *call) (value.Value, error) {
	items, err := c.rt.iterate(c.in)
	if err != nil {
		return value.Value{}, err
	}
	return value.List(slices.Clone(items)...), c.none()
}

func filterItems(c *call) (value.Value, error) {
	if c.in.IsUndefined() {
		return value.List(), c.none()
	}
	if _, ok, err := c.rt.mapping(c.in); !ok || err != nil {
		return value.Value{}, errors.Join(err, errors.New("Can only get item pairs from a mapping."))
	}
	return dictItems(c)
}

func filterReverse(c *call) (value.Value, error) {
	items, err := c.rt.iterate(c.in)
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
	items, err := c.rt.attributes(c.in, orUndefined(a[1]))
	if err != nil {
		return value.Value{}, err
	}
	sep := ""
	if !a[0].IsUndefined() {
		sep = value.Str(a[0])
	} else if len(c.args) > 0 || c.given("d") {
		return value.Value{}, defined(a[0])
	}
	b := &buffer{r: c.rt}
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
func (r *render) attributes(v, attr value.Value) ([]value.Value, error) {
	items, err := r.iterate(v)
	if err != nil || attr.IsUndefined() {
		return items, err
	}
	out := make([]value.Value, len(items))
	for i, it := range items {
		if out[i], err = r.path(it, attr); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// path follows an attribute like "a.b.0" or a number.
func (r *render) path(v, attr value.Value) (value.Value, error) {
	if i, ok := attr.AsInt(); ok {
		return r.getitem(v, value.Int(i))
	}
	s, ok := attr.AsString()
	if !ok {
		return r.getitem(v, attr)
	}
	for _, part := range strings.Split(s, ".") {
		key := value.String(part)
		if part != "" && strings.Trim(part, "0123456789") == "" && len(part) < 10 {
			key, _ = parseNumber(token{kind: tokInt, text: strings.TrimLeft(part[:len(part)-1], "0") + part[len(part)-1:]})
		}
		var err error
		if v, err = r.getitem(v, key); err != nil {
			return v, err
		}
	}
	return v, nil
}

// folded is the key by which text is compared without regard to case.
func folded(v value.Value) value.Value {
	if s, ok := v.AsString(); ok {
		return value.String(strings.ToLower(s))
	}
	return v
}

func filterSort(c *call) (value.Value, error) {
	a, err := c.bind("reverse=", "case_sensitive=", "attribute=")
	if err != nil {
		return value.Value{}, err
	}
	items, err := c.rt.iterate(c.in)
	if err != nil {
		return value.Value{}, err
	}
	keys, err := c.rt.sortKeys(items, orUndefined(a[2]), value.Truth(a[1]))
	if err != nil {
		return value.Value{}, err
	}
	out, err := c.rt.sortedBy(items, keys, value.Truth(a[0]))
	return value.List(out...), err
}

// sortKeys answers what items are sorted by: "a,b" names several attributes.
func (r *render) sortKeys(items []value.Value, attr value.Value, caseSensitive bool) ([]value.Value, error) {
	parts := []value.Value{attr}
	if s, ok := attr.AsString(); ok && strings.Contains(s, ",") {
		parts = nil
		for _, p := range strings.Split(s, ",") {
			parts = append(parts, value.String(p))
		}
	}
	keys := make([]value.Value, len(items))
	for i, it := range items {
		key := make([]value.Value, len(parts))
		for j, p := range parts {
			v := it
			if !attr.IsUndefined() {
				var err error
				if v, err = r.path(it, p); err != nil {
					return nil, err
				}
			}
			if err := defined(v); err != nil && len(items) > 1 {
				return nil, err
			}
			if !caseSensitive {
				v = folded(v)
			}
			key[j] = v
		}
		keys[i] = key[0]
		if len(key) > 1 {
			keys[i] = value.List(key...)
		}
	}
	return keys, nil
}

// sortedBy orders items by their keys; equal ones keep their order.
func (r *render) sortedBy(items, keys []value.Value, reverse bool) ([]value.Value, error) {
	if err := r.work(len(items) * 8); err != nil {
		return nil, err
	}
	order := make([]value.Value, len(items))
	for i := range order {
		order[i] = value.Int(int64(i))
	}
	order, err := sorted(order, reverse, func(v value.Value) value.Value {
		i, _ := v.AsInt()
		return keys[i]
	})
	if err != nil {
		return nil, err
	}
	out := make([]value.Value, len(items))
	for i, at := range order {
		k, _ := at.AsInt()
		out[i] = items[k]
	}
	return out, nil
}

func filterDictSort(c *call) (value.Value, error) {
	a, err := c.bind("case_sensitive=", "by=", "reverse=")
	if err != nil {
		return value.Value{}, err
	}
	at := 0
	switch by, _ := a[1].AsString(); {
	case a[1].IsUndefined(), by == "key":
	case by == "value":
		at = 1
	default:
		return value.Value{}, errors.New(`You can only sort by either "key" or "value"`)
	}
	m, ok, err := c.rt.mapping(c.in)
	if err != nil {
		return value.Value{}, err
	}
	if !ok {
		return value.Value{}, fmt.Errorf("'%s' object has no attribute 'items'", value.TypeName(c.in))
	}
	var items, keys []value.Value
	for k, v := range m.All() {
		key := [2]value.Value{k, v}[at]
		if !value.Truth(a[0]) {
			key = folded(key)
		}
		items, keys = append(items, value.Tuple(k, v)), append(keys, key)
	}
	out, err := c.rt.sortedBy(items, keys, value.Truth(a[2]))
	return value.List(out...), err
}

func filterMin(c *call) (value.Value, error) { return extreme(c, func(n int) bool { return n < 0 }) }

func filterMax(c *call) (value.Value, error) { return extreme(c, func(n int) bool { return n > 0 }) }

// extreme answers the first item that no other one beats.
func extreme(c *call, beats func(int) bool) (value.Value, error) {
	a, err := c.bind("case_sensitive=", "attribute=")
	if err != nil {
		return value.Value{}, err
	}
	items, err := c.rt.iterate(c.in)
	if err != nil {
		return value.Value{}, err
	}
	if len(items) == 0 {
		return noItem("No aggregated item"), nil
	}
	keys, err := c.rt.attributes(c.in, orUndefined(a[1]))
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
	items, err := c.rt.attributes(c.in, orUndefined(a[0]))
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
		if total, err = c.rt.arith("+", total, it); err != nil {
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
	items, err := c.rt.iterate(c.in)
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
	if err := c.rt.work(n); err != nil {
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
	items, err := c.rt.iterate(c.in)
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

func filterGroupBy(c *call) (value.Value, error) {
	a, err := c.bind("attribute", "default=", "case_sensitive=")
	if err != nil {
		return value.Value{}, err
	}
	items, err := c.rt.iterate(c.in)
	if err != nil {
		return value.Value{}, err
	}
	real, keys := make([]value.Value, len(items)), make([]value.Value, len(items))
	for i, it := range items {
		if real[i], err = c.rt.path(it, a[0]); err != nil {
			return value.Value{}, err
		}
		if real[i].IsUndefined() && !orUndefined(a[1]).IsUndefined() {
			real[i] = a[1]
		}
		if err := defined(real[i]); err != nil {
			return value.Value{}, err
		}
		if keys[i] = real[i]; !value.Truth(a[2]) {
			keys[i] = folded(real[i])
		}
	}
	return c.rt.groups(items, real, keys)
}

// groups makes (key, items) of what sorts together.
func (r *render) groups(items, shown, keys []value.Value) (value.Value, error) {
	order := make([]value.Value, len(items))
	for i := range order {
		order[i] = value.Int(int64(i))
	}
	order, err := r.sortedBy(order, keys, false)
	if err != nil {
		return value.Value{}, err
	}
	out := []value.Value{}
	for i := 0; i < len(order); {
		first, _ := order[i].AsInt()
		var group []value.Value
		for ; i < len(order); i++ {
			at, _ := order[i].AsInt()
			if !value.Equal(keys[at], keys[first]) {
				break
			}
			group = append(group, items[at])
		}
		out = append(out, value.Tuple(shown[first], value.List(group...)))
	}
	return value.List(out...), nil
}
