package jinja

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"remoterun/playbooks/jinja/py/pystr"
	"remoterun/runner/value"
)

func globalEntries() []entry {
	return []entry{
		{kind: globalKind, name: "range", sig: "range([start,] stop[, step])", example: "{{ range(1, 4) }}", shows: "[1, 2, 3]", fn: globalRange},
		{kind: globalKind, name: "dict", sig: "dict(mapping_or_pairs, **more)", example: "{{ dict([('a', 1)], b=2) }}", shows: "{'a': 1, 'b': 2}", fn: globalDict, own: map[string]function{"fromkeys": dictFromKeys}},
		{kind: globalKind, name: "namespace", sig: "namespace(**values)", example: "{% set ns = namespace(n=0) %}{% for x in [1, 2] %}{% set ns.n = ns.n + x %}{% endfor %}{{ ns.n }}", shows: "3", fn: globalNamespace},
		{kind: globalKind, name: "cycler", sig: "cycler(*items)", example: "{% set c = cycler('odd', 'even') %}{{ c.next() }} {{ c.next() }} {{ c.next() }}", shows: "odd even odd", fn: globalCycler},
		{kind: globalKind, name: "joiner", sig: "joiner(sep=', ')", example: "{% set sep = joiner('|') %}{% for x in [1, 2, 3] %}{{ sep() }}{{ x }}{% endfor %}", shows: "1|2|3", fn: globalJoiner},
		{kind: globalKind, name: "lipsum", sig: "lipsum(n=5, html=True, min=20, max=100)", example: "{{ lipsum(1, false) | wordcount >= 20 }}", shows: "True", fn: globalLipsum, impure: true},
		{kind: globalKind, name: "undef", sig: "undef(hint='Mandatory variable has not been overridden')", example: "{{ undef() | default('none') }}", shows: "none", fn: globalUndef},
	}
}

func globalRange(c *call) (value.Value, error) {
	if len(c.args) < 1 || len(c.args) > 3 || c.kw.Len() > 0 {
		return value.Value{}, fmt.Errorf("range expected 1 to 3 arguments, got %d", len(c.args)+c.kw.Len())
	}
	var n [3]int64
	for i, a := range c.args {
		if err := defined(a); err != nil {
			return value.Value{}, err
		}
		k, ok := a.AsInt()
		if !ok {
			return value.Value{}, fmt.Errorf("'%s' object cannot be interpreted as an integer", value.TypeName(a))
		}
		n[i] = k
	}
	lo, hi, step := n[0], n[1], int64(1)
	if len(c.args) == 1 {
		lo, hi = 0, n[0]
	}
	if len(c.args) == 3 {
		step = n[2]
	}
	return c.numbers(lo, hi, step)
}

func globalDict(c *call) (value.Value, error) {
	m := value.NewMap()
	for i, a := range c.args {
		if i > 0 {
			return value.Value{}, fmt.Errorf("dict expected at most 1 argument, got %d", len(c.args))
		}
		if err := defined(a); err != nil {
			return value.Value{}, err
		}
		from, err := c.dictOf(a)
		if err != nil {
			return value.Value{}, err
		}
		m = from.Clone()
	}
	for k, v := range c.kw.All() {
		m.Set(k, v)
	}
	return value.FromMap(m), nil
}

func globalNamespace(c *call) (value.Value, error) {
	v, err := globalDict(c)
	if err != nil {
		return v, err
	}
	m, _ := v.AsMap()
	return newNamespace(m), nil
}

func globalCycler(c *call) (value.Value, error) {
	if len(c.args) == 0 {
		return value.Value{}, errors.New("at least one item has to be provided")
	}
	return value.FromOpaque(&cycler{items: slices.Clone(c.args)}), nil
}

// cycler answers its items in turn.
type cycler struct {
	items []value.Value
	at    int
}

func (y *cycler) TypeName() string { return "Cycler" }
func (y *cycler) Str() string      { return y.Repr() }
func (y *cycler) Repr() string     { return "<Cycler>" }

func (y *cycler) attr(name string) (value.Value, bool) {
	switch name {
	case "current":
		return y.items[y.at], true
	case "next":
		return bound(name, func(*call) (value.Value, error) {
			v := y.items[y.at]
			y.at = (y.at + 1) % len(y.items)
			return v, nil
		}), true
	case "reset":
		return bound(name, func(*call) (value.Value, error) { y.at = 0; return value.Null(), nil }), true
	}
	return value.Value{}, false
}

func globalJoiner(c *call) (value.Value, error) {
	a, err := c.bind("sep=")
	if err != nil {
		return value.Value{}, err
	}
	if a[0].IsUndefined() {
		a[0] = value.String(", ")
	}
	used := false
	return bound("joiner", func(*call) (value.Value, error) {
		if !used {
			used = true
			return value.String(""), nil
		}
		return a[0], nil
	}), nil
}

func globalLipsum(c *call) (value.Value, error) {
	a, err := c.bind("n=", "html=", "min=", "max=")
	if err != nil {
		return value.Value{}, err
	}
	n, err := c.integer(a[0], 5)
	if err != nil {
		return value.Value{}, err
	}
	least, err := c.integer(a[2], 20)
	if err != nil {
		return value.Value{}, err
	}
	if n > 1000 || least > 100_000 {
		return value.Value{}, errRepeat
	}
	words := strings.Fields("lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore magna aliqua")
	paras := make([]string, max(n, 0))
	for i := range paras {
		text := make([]string, max(least, 1))
		for j := range text {
			text[j] = words[(i*7+j)%len(words)]
		}
		paras[i] = pystr.Capitalize(strings.Join(text, " ")) + "."
		if a[1].IsUndefined() || value.Truth(a[1]) {
			paras[i] = "<p>" + paras[i] + "</p>"
		}
	}
	return value.String(strings.Join(paras, "\n\n")), nil
}

func globalUndef(c *call) (value.Value, error) {
	a, err := c.bind("hint=")
	if err != nil {
		return value.Value{}, err
	}
	hint, _ := a[0].AsString()
	if hint == "" {
		hint = "Mandatory variable has not been overridden"
	}
	return value.FromMissing(value.Missing{Hint: hint}), nil
}
