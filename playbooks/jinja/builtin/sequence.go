package builtin

import (
	"errors"
	"slices"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/lex"
	"remoterun/playbooks/jinja/methods"
	"remoterun/runner/value"
)

// sequenceFilterEntries are Jinja's filters over lists and mappings. Their
// results hold the items themselves, so marks stay where they are.
func sequenceFilterEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "default", Aliases: []string{"d"}, Sig: "default(value='', boolean=False)", Example: "{{ missing | default('x') }}", Shows: "x", Func: filterDefault, Undefined: true, Spread: core.SpreadNone, Shallow: true, Lax: true},
		{Name: "first", Sig: "first", Example: "{{ [1, 2, 3] | first }}", Shows: "1", Func: filterFirst, Spread: core.SpreadNone, Shallow: true},
		{Name: "last", Sig: "last", Example: "{{ [1, 2, 3] | last }}", Shows: "3", Func: filterLast, Spread: core.SpreadNone, Shallow: true},
		{Name: "length", Aliases: []string{"count"}, Sig: "length", Example: "{{ [1, 2, 3] | length }}", Shows: "3", Func: filterLength, Spread: core.SpreadNone, Shallow: true},
		{Name: "list", Sig: "list", Example: "{{ 'abc' | list }}", Shows: "['a', 'b', 'c']", Func: filterList, Spread: core.SpreadNone, Shallow: true},
		{Name: "items", Sig: "items", Example: "{{ {'a': 1} | items }}", Shows: "[('a', 1)]", Func: filterItems, Undefined: true, Spread: core.SpreadNone, Shallow: true},
		{Name: "reverse", Sig: "reverse", Example: "{{ [1, 2, 3] | reverse }}", Shows: "[3, 2, 1]", Func: filterReverse, Spread: core.SpreadNone, Shallow: true},
		{Name: "join", Sig: "join(d='', attribute=None)", Example: "{{ [1, 2, 3] | join('-') }}", Shows: "1-2-3", Func: filterJoin},
		{Name: "sort", Sig: "sort(reverse=False, case_sensitive=False, attribute=None)", Example: "{{ [3, 1, 2] | sort }}", Shows: "[1, 2, 3]", Func: filterSort, Spread: core.SpreadNone},
		{Name: "dictsort", Sig: "dictsort(case_sensitive=False, by='key', reverse=False)", Example: "{{ {'b': 1, 'a': 2} | dictsort }}", Shows: "[('a', 2), ('b', 1)]", Func: filterDictSort, Spread: core.SpreadNone},
		{Name: "min", Sig: "min(case_sensitive=False, attribute=None)", Example: "{{ [3, 1, 2] | min }}", Shows: "1", Func: filterMin, Spread: core.SpreadNone},
		{Name: "max", Sig: "max(case_sensitive=False, attribute=None)", Example: "{{ [3, 1, 2] | max }}", Shows: "3", Func: filterMax, Spread: core.SpreadNone},
		{Name: "sum", Sig: "sum(attribute=None, start=0)", Example: "{{ [1, 2, 3] | sum }}", Shows: "6", Func: filterSum},
		{Name: "slice", Sig: "slice(slices, fill_with=None)", Example: "{{ [1, 2, 3] | slice(2) }}", Shows: "[[1, 2], [3]]", Func: filterSlice, Spread: core.SpreadNone, Shallow: true},
		{Name: "batch", Sig: "batch(linecount, fill_with=None)", Example: "{{ [1, 2, 3] | batch(2) }}", Shows: "[[1, 2], [3]]", Func: filterBatch, Spread: core.SpreadNone, Shallow: true},
		{Name: "groupby", Sig: "groupby(attribute, default=None, case_sensitive=False)", Example: "{{ [{'a': 1}, {'a': 2}] | groupby('a') | map('first') }}", Shows: "[1, 2]", Func: filterGroupBy, Spread: core.SpreadNone, Lax: true},
	})
}

func filterDefault(c *core.Call) (value.Value, error) {
	params := []core.Param{"default_value=", "boolean="}
	a, err := c.Bind(params...)
	if err != nil {
		return value.Value{}, err
	}
	if !c.In.IsUndefined() {
		if err := c.AllDefined(params, a, "boolean"); err != nil {
			return value.Value{}, err
		}
		if !value.Truth(a[1]) || value.Truth(c.In) {
			return c.In, nil
		}
	}
	if a[0].IsUndefined() && len(c.Args) == 0 && !c.Given("default_value") {
		return value.String(""), nil
	}
	return a[0], nil
}

func noItem(what string) value.Value {
	return value.FromMissing(value.Missing{Hint: what + ", sequence was empty."})
}

// itemsOf is what Iterate returns, at no cost for a list: one item of it is taken.
func itemsOf(c *core.Call) ([]value.Value, error) {
	if _, ok := c.In.AsSeq(); ok {
		return c.In.Items(), nil
	}
	return c.Iterate(c.In)
}

func filterFirst(c *core.Call) (value.Value, error) {
	items, err := itemsOf(c)
	if err != nil {
		return value.Value{}, err
	}
	if len(items) == 0 {
		return noItem("No first item"), c.NoArguments()
	}
	return items[0], c.NoArguments()
}

func filterLast(c *core.Call) (value.Value, error) {
	items, err := itemsOf(c)
	if err != nil {
		return value.Value{}, err
	}
	if len(items) == 0 {
		return noItem("No last item"), c.NoArguments()
	}
	return items[len(items)-1], c.NoArguments()
}

func filterLength(c *core.Call) (value.Value, error) {
	n, err := c.Length(c.In)
	if err != nil {
		return value.Value{}, err
	}
	return value.Int(int64(n)).With(c.In.Marks()), c.NoArguments()
}

func filterList(c *core.Call) (value.Value, error) {
	items, err := c.Iterate(c.In)
	if err != nil {
		return value.Value{}, err
	}
	return value.List(slices.Clone(items)...), c.NoArguments()
}

func filterItems(c *core.Call) (value.Value, error) {
	if c.In.IsUndefined() {
		return value.List(), c.NoArguments()
	}
	if _, ok, err := value.Mapping(c.In); !ok || err != nil {
		return value.Value{}, errors.Join(err, errors.New("Can only get item pairs from a mapping."))
	}
	return methods.Items(c)
}

func filterReverse(c *core.Call) (value.Value, error) {
	items, err := c.Iterate(c.In)
	if err != nil {
		return value.Value{}, err
	}
	out := slices.Clone(items)
	slices.Reverse(out)
	if !c.In.IsString() {
		return value.List(out...), c.NoArguments()
	}
	var b strings.Builder
	for _, it := range out {
		b.WriteString(value.Str(it))
	}
	return value.MarkedString(b.String(), c.In.Marks()), c.NoArguments()
}

func filterJoin(c *core.Call) (value.Value, error) {
	a, err := c.Bind("d=", "attribute=")
	if err != nil {
		return value.Value{}, err
	}
	items, err := attributesOf(c, c.In, core.OrUndefined(a[1]))
	if err != nil {
		return value.Value{}, err
	}
	sep := ""
	if !a[0].IsUndefined() {
		sep = value.Str(a[0])
	} else if len(c.Args) > 0 || c.Given("d") {
		return value.Value{}, core.Defined(a[0])
	}
	b := c.Buffer(0)
	for i, it := range items {
		if i > 0 {
			err = b.Text(sep)
		}
		if err = errors.Join(err, core.Defined(it)); err == nil {
			err = b.Add(it)
		}
		if err != nil {
			return value.Value{}, err
		}
	}
	return value.MarkedString(b.String(), b.Marks), nil
}

// attributesOf returns the items of v, or one attribute of each when attr is
// given.
func attributesOf(c *core.Call, v, attr value.Value) ([]value.Value, error) {
	items, err := c.Iterate(v)
	if err != nil || attr.IsUndefined() {
		return items, err
	}
	out := make([]value.Value, len(items))
	for i, it := range items {
		if out[i], err = attributeAt(c, it, attr); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// attributeAt follows an attribute like "a.b.0" or a number.
func attributeAt(c *core.Call, v, attr value.Value) (value.Value, error) {
	if i, ok := attr.AsInt(); ok {
		return c.Getitem(v, value.Int(i))
	}
	s, ok := attr.AsString()
	if !ok {
		return c.Getitem(v, attr)
	}
	for _, part := range strings.Split(s, ".") {
		key := value.String(part)
		if part != "" && strings.Trim(part, "0123456789") == "" && len(part) < 10 {
			key, _ = lex.Number(lex.Token{Kind: lex.Int, Text: strings.TrimLeft(part[:len(part)-1], "0") + part[len(part)-1:]})
		}
		var err error
		if v, err = c.Getitem(v, key); err != nil {
			return v, err
		}
	}
	return v, nil
}

func filterMin(c *core.Call) (value.Value, error) {
	return extreme(c, func(n int) bool { return n < 0 })
}

func filterMax(c *core.Call) (value.Value, error) {
	return extreme(c, func(n int) bool { return n > 0 })
}

// extreme returns the first item that no other one beats.
func extreme(c *core.Call, beats func(int) bool) (value.Value, error) {
	a, err := c.Bind("case_sensitive=", "attribute=")
	if err != nil {
		return value.Value{}, err
	}
	items, err := c.Iterate(c.In)
	if err != nil {
		return value.Value{}, err
	}
	if len(items) == 0 {
		return noItem("No aggregated item"), nil
	}
	keys, err := attributesOf(c, c.In, core.OrUndefined(a[1]))
	if err != nil {
		return value.Value{}, err
	}
	best := 0
	for i := range keys {
		if len(keys) > 1 {
			if err := core.Defined(keys[i]); err != nil {
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

func filterSum(c *core.Call) (value.Value, error) {
	a, err := c.Bind("attribute=", "start=")
	if err != nil {
		return value.Value{}, err
	}
	items, err := attributesOf(c, c.In, core.OrUndefined(a[0]))
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
		if err := core.Defined(it); err != nil {
			return value.Value{}, err
		}
		if total, err = c.Arith("+", total, it); err != nil {
			return value.Value{}, err
		}
	}
	return total, nil
}

func filterSlice(c *core.Call) (value.Value, error) {
	a, err := c.Bind("slices", "fill_with=")
	if err != nil {
		return value.Value{}, err
	}
	n, err := c.Integer(a[0], 0)
	if err != nil {
		return value.Value{}, err
	}
	items, err := c.Iterate(c.In)
	if err != nil {
		return value.Value{}, err
	}
	switch {
	case n == 0:
		return value.Value{}, errors.New("integer division or modulo by zero")
	case n > core.MaxRange:
		return value.Value{}, core.ErrRepeat
	case n < 0:
		return value.List(), nil
	}
	if err := c.Work(n); err != nil {
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
		if !core.OrUndefined(a[1]).IsUndefined() && i >= extra {
			part = append(part, a[1])
		}
		out[i], at = value.List(part...), end
	}
	return value.List(out...), nil
}

func filterBatch(c *core.Call) (value.Value, error) {
	a, err := c.Bind("linecount", "fill_with=")
	if err != nil {
		return value.Value{}, err
	}
	n, err := c.Integer(a[0], 0)
	if err != nil {
		return value.Value{}, err
	}
	items, err := c.Iterate(c.In)
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
	if n > core.MaxRange {
		return value.Value{}, core.ErrRepeat
	}
	for !core.OrUndefined(a[1]).IsUndefined() && len(part) < n {
		part = append(part, a[1])
	}
	return value.List(append(out, value.List(part...))...), nil
}
