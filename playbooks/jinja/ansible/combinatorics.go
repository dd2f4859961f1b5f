package ansible

import (
	"errors"
	"fmt"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// combinatoricEntries are the filters over Python's itertools.
func combinatoricEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "zip", Sig: "zip(*lists)", Example: "{{ [1, 2] | zip(['a', 'b']) }}", Shows: "[(1, 'a'), (2, 'b')]", Func: filterZip, Spread: core.SpreadNone},
		{Name: "zip_longest", Sig: "zip_longest(*lists, fillvalue=None)", Example: "{{ [1, 2] | zip_longest(['a'], fillvalue='-') }}", Shows: "[(1, 'a'), (2, '-')]", Func: filterZipLongest, Spread: core.SpreadNone},
		{Name: "product", Sig: "product(*lists, repeat=1)", Example: "{{ [1, 2] | product(['a']) }}", Shows: "[(1, 'a'), (2, 'a')]", Func: filterProduct, Spread: core.SpreadNone},
		{Name: "permutations", Sig: "permutations(r=None)", Example: "{{ [1, 2] | permutations }}", Shows: "[(1, 2), (2, 1)]", Func: filterPermutations, Spread: core.SpreadNone},
		{Name: "combinations", Sig: "combinations(r)", Example: "{{ [1, 2, 3] | combinations(2) }}", Shows: "[(1, 2), (1, 3), (2, 3)]", Func: filterCombinations, Spread: core.SpreadNone},
	})
}

// columns iterates the input and every argument.
func columns(c *core.Call) (cols [][]value.Value, short, long int, err error) {
	for i, v := range append([]value.Value{c.In}, c.Args...) {
		items, err := c.Iterate(v)
		if err != nil {
			return nil, 0, 0, err
		}
		cols = append(cols, items)
		if i == 0 || len(items) < short {
			short = len(items)
		}
		long = max(long, len(items))
	}
	return cols, short, long, nil
}

// Row is the i-th items of all columns; fill stands where one is too short.
func Row(cols [][]value.Value, i int, fill value.Value) value.Value {
	out := make([]value.Value, len(cols))
	for j, col := range cols {
		out[j] = fill
		if i < len(col) {
			out[j] = col[i]
		}
	}
	return value.Tuple(out...)
}

func filterZip(c *core.Call) (value.Value, error) {
	strictly := false
	for k, v := range c.Kw.All() {
		if name, _ := k.AsString(); name != "strict" {
			return value.Value{}, fmt.Errorf("zip() got an unexpected keyword argument '%s'", name)
		}
		strictly = value.Truth(v)
	}
	cols, short, long, err := columns(c)
	if err != nil {
		return value.Value{}, err
	}
	if strictly && short != long {
		return value.Value{}, errors.New("zip() argument 2 is shorter than argument 1")
	}
	return rows(c, cols, short, value.Null())
}

// tuples counts n tuples of so many items: they are kept, and cost more than
// what only passes by.
func tuples(c *core.Call, n, width int) error { return c.Work(n * 2 * (width + 1)) }

func rows(c *core.Call, cols [][]value.Value, n int, fill value.Value) (value.Value, error) {
	if err := tuples(c, n, len(cols)); err != nil {
		return value.Value{}, err
	}
	out := make([]value.Value, n)
	for i := range out {
		out[i] = Row(cols, i, fill)
	}
	return value.List(out...), nil
}

func filterZipLongest(c *core.Call) (value.Value, error) {
	fill := value.Null()
	for k, v := range c.Kw.All() {
		if name, _ := k.AsString(); name != "fillvalue" {
			return value.Value{}, errors.New("zip_longest() got an unexpected keyword argument")
		}
		fill = v
	}
	cols, _, long, err := columns(c)
	if err != nil {
		return value.Value{}, err
	}
	return rows(c, cols, long, fill)
}

func filterProduct(c *core.Call) (value.Value, error) {
	repeat := int64(1)
	for k, v := range c.Kw.All() {
		if name, _ := k.AsString(); name != "repeat" {
			return value.Value{}, fmt.Errorf("'%s' is an invalid keyword argument for product()", name)
		}
		n, err := core.WantInt(v, 1)
		if err != nil {
			return value.Value{}, err
		}
		if repeat = n; n < 0 {
			return value.Value{}, errors.New("repeat argument cannot be negative")
		}
	}
	cols, _, _, err := columns(c)
	if err != nil {
		return value.Value{}, err
	}
	if repeat > 64 {
		return value.Value{}, core.ErrRepeat
	}
	var all [][]value.Value
	for range repeat {
		all = append(all, cols...)
	}
	return product(c, all)
}

// product makes every choice of one item per column, the last column fastest.
func product(c *core.Call, cols [][]value.Value) (value.Value, error) {
	n := 1
	for _, col := range cols {
		if n *= len(col); n > core.MaxRange {
			return value.Value{}, core.ErrRepeat
		}
	}
	if err := tuples(c, n, len(cols)); err != nil {
		return value.Value{}, err
	}
	out := make([]value.Value, n)
	for i := range out {
		tuple := make([]value.Value, len(cols))
		at := i
		for j := len(cols) - 1; j >= 0; j-- {
			tuple[j] = cols[j][at%len(cols[j])]
			at /= len(cols[j])
		}
		out[i] = value.Tuple(tuple...)
	}
	return value.List(out...), nil
}

// choose reads the items and how many are taken.
func choose(c *core.Call, p core.Param) (items []value.Value, n int, err error) {
	a, err := c.Bind(p)
	if err != nil {
		return nil, 0, err
	}
	if items, err = c.Iterate(c.In); err != nil {
		return nil, 0, err
	}
	take, err := core.WantInt(a[0], int64(len(items)))
	if err != nil {
		return nil, 0, err
	}
	if take < 0 {
		return nil, 0, errors.New("r must be non-negative")
	}
	return items, int(min(take, int64(len(items))+1)), nil
}

func filterPermutations(c *core.Call) (value.Value, error) {
	items, n, err := choose(c, "r=")
	if err != nil || n > len(items) {
		return value.List(), err
	}
	p := &picker{c: c, items: items, n: n, used: make([]bool, len(items))}
	err = p.permute(nil)
	return value.List(p.out...), err
}

func filterCombinations(c *core.Call) (value.Value, error) {
	if len(c.Args) == 1 && c.Args[0].IsNull() {
		return value.Value{}, errors.New("'NoneType' object cannot be interpreted as an integer")
	}
	items, n, err := choose(c, "r")
	if err != nil || n > len(items) {
		return value.List(), err
	}
	p := &picker{c: c, items: items, n: n}
	err = p.combine(nil, 0)
	return value.List(p.out...), err
}

// picker takes n of items in every way.
type picker struct {
	c     *core.Call
	items []value.Value
	n     int
	used  []bool
	out   []value.Value
}

func (p *picker) add(chosen []value.Value) error {
	if len(p.out) >= core.MaxRange {
		return core.ErrRepeat
	}
	p.out = append(p.out, value.Tuple(append([]value.Value{}, chosen...)...))
	return tuples(p.c, 1, len(chosen))
}

func (p *picker) permute(chosen []value.Value) error {
	if len(chosen) == p.n {
		return p.add(chosen)
	}
	for i, it := range p.items {
		if p.used[i] {
			continue
		}
		p.used[i] = true
		err := p.permute(append(chosen, it))
		p.used[i] = false
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *picker) combine(chosen []value.Value, from int) error {
	if len(chosen) == p.n {
		return p.add(chosen)
	}
	for i := from; i <= len(p.items)-(p.n-len(chosen)); i++ {
		if err := p.combine(append(chosen, p.items[i]), i+1); err != nil {
			return err
		}
	}
	return nil
}
