package jinja

import (
	"errors"
	"fmt"

	"remoterun/runner/value"
)

// combinatoricEntries are the filters over Python's itertools.
func combinatoricEntries() []entry {
	return strictAll([]entry{
		{name: "zip", sig: "zip(*lists)", example: "{{ [1, 2] | zip(['a', 'b']) }}", shows: "[(1, 'a'), (2, 'b')]", fn: filterZip, spread: spreadNone},
		{name: "zip_longest", sig: "zip_longest(*lists, fillvalue=None)", example: "{{ [1, 2] | zip_longest(['a'], fillvalue='-') }}", shows: "[(1, 'a'), (2, '-')]", fn: filterZipLongest, spread: spreadNone},
		{name: "product", sig: "product(*lists, repeat=1)", example: "{{ [1, 2] | product(['a']) }}", shows: "[(1, 'a'), (2, 'a')]", fn: filterProduct, spread: spreadNone},
		{name: "permutations", sig: "permutations(r=None)", example: "{{ [1, 2] | permutations }}", shows: "[(1, 2), (2, 1)]", fn: filterPermutations, spread: spreadNone},
		{name: "combinations", sig: "combinations(r)", example: "{{ [1, 2, 3] | combinations(2) }}", shows: "[(1, 2), (1, 3), (2, 3)]", fn: filterCombinations, spread: spreadNone},
	})
}

// columns iterates the input and every argument.
func columns(c *call) (cols [][]value.Value, short, long int, err error) {
	for i, v := range append([]value.Value{c.in}, c.args...) {
		items, err := c.iterate(v)
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

func row(cols [][]value.Value, i int, fill value.Value) value.Value {
	out := make([]value.Value, len(cols))
	for j, col := range cols {
		out[j] = fill
		if i < len(col) {
			out[j] = col[i]
		}
	}
	return value.Tuple(out...)
}

func filterZip(c *call) (value.Value, error) {
	strictly := false
	for k, v := range c.kw.All() {
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
func (c *call) tuples(n, width int) error { return c.work(n * 2 * (width + 1)) }

func rows(c *call, cols [][]value.Value, n int, fill value.Value) (value.Value, error) {
	if err := c.tuples(n, len(cols)); err != nil {
		return value.Value{}, err
	}
	out := make([]value.Value, n)
	for i := range out {
		out[i] = row(cols, i, fill)
	}
	return value.List(out...), nil
}

func filterZipLongest(c *call) (value.Value, error) {
	fill := value.Null()
	for k, v := range c.kw.All() {
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

func filterProduct(c *call) (value.Value, error) {
	repeat := int64(1)
	for k, v := range c.kw.All() {
		if name, _ := k.AsString(); name != "repeat" {
			return value.Value{}, fmt.Errorf("'%s' is an invalid keyword argument for product()", name)
		}
		n, err := wantInt(v, 1)
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
		return value.Value{}, errRepeat
	}
	var all [][]value.Value
	for range repeat {
		all = append(all, cols...)
	}
	return product(c, all)
}

// product makes every choice of one item per column, the last column fastest.
func product(c *call, cols [][]value.Value) (value.Value, error) {
	n := 1
	for _, col := range cols {
		if n *= len(col); n > maxRange {
			return value.Value{}, errRepeat
		}
	}
	if err := c.tuples(n, len(cols)); err != nil {
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
func choose(c *call, p param) (items []value.Value, n int, err error) {
	a, err := c.bind(p)
	if err != nil {
		return nil, 0, err
	}
	if items, err = c.iterate(c.in); err != nil {
		return nil, 0, err
	}
	take, err := wantInt(a[0], int64(len(items)))
	if err != nil {
		return nil, 0, err
	}
	if take < 0 {
		return nil, 0, errors.New("r must be non-negative")
	}
	return items, int(min(take, int64(len(items))+1)), nil
}

func filterPermutations(c *call) (value.Value, error) {
	items, n, err := choose(c, "r=")
	if err != nil || n > len(items) {
		return value.List(), err
	}
	p := &picker{c: c, items: items, n: n, used: make([]bool, len(items))}
	err = p.permute(nil)
	return value.List(p.out...), err
}

func filterCombinations(c *call) (value.Value, error) {
	if len(c.args) == 1 && c.args[0].IsNull() {
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
	c     *call
	items []value.Value
	n     int
	used  []bool
	out   []value.Value
}

func (p *picker) add(chosen []value.Value) error {
	if len(p.out) >= maxRange {
		return errRepeat
	}
	p.out = append(p.out, value.Tuple(append([]value.Value{}, chosen...)...))
	return p.c.tuples(1, len(chosen))
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
