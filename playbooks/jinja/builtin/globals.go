package builtin

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/methods"
	"remoterun/playbooks/jinja/py/pystr"
	"remoterun/runner/value"
)

func globalEntries() []core.Entry {
	return core.Globals([]core.Entry{
		{Name: "range", Sig: "range([start,] stop[, step])", Example: "{{ range(1, 4) }}", Shows: "[1, 2, 3]", Func: globalRange},
		{Name: "dict", Sig: "dict(mapping_or_pairs, **more)", Example: "{{ dict([('a', 1)], b=2) }}", Shows: "{'a': 1, 'b': 2}", Func: globalDict, Own: map[string]core.Function{"fromkeys": methods.FromKeys}},
		{Name: "namespace", Sig: "namespace(**values)", Example: "{% set ns = namespace(n=0) %}{% for x in [1, 2] %}{% set ns.n = ns.n + x %}{% endfor %}{{ ns.n }}", Shows: "3", Func: globalNamespace},
		{Name: "cycler", Sig: "cycler(*items)", Example: "{% set c = cycler('odd', 'even') %}{{ c.next() }} {{ c.next() }} {{ c.next() }}", Shows: "odd even odd", Func: globalCycler},
		{Name: "joiner", Sig: "joiner(sep=', ')", Example: "{% set sep = joiner('|') %}{% for x in [1, 2, 3] %}{{ sep() }}{{ x }}{% endfor %}", Shows: "1|2|3", Func: globalJoiner},
		{Name: "lipsum", Sig: "lipsum(n=5, html=True, min=20, max=100)", Example: "{{ lipsum(1, false) | wordcount >= 20 }}", Shows: "True", Func: globalLipsum, Impure: true},
		{Name: "undef", Sig: "undef(hint='Mandatory variable has not been overridden')", Example: "{{ undef() | default('none') }}", Shows: "none", Func: globalUndef},
	})
}

func globalRange(c *core.Call) (value.Value, error) {
	if len(c.Args) < 1 || len(c.Args) > 3 || c.Kw.Len() > 0 {
		return value.Value{}, fmt.Errorf("range expected 1 to 3 arguments, got %d", len(c.Args)+c.Kw.Len())
	}
	var n [3]int64
	for i, a := range c.Args {
		if err := core.Defined(a); err != nil {
			return value.Value{}, err
		}
		k, ok := a.AsInt()
		if !ok {
			return value.Value{}, fmt.Errorf("'%s' object cannot be interpreted as an integer", value.TypeName(a))
		}
		n[i] = k
	}
	lo, hi, step := n[0], n[1], int64(1)
	if len(c.Args) == 1 {
		lo, hi = 0, n[0]
	}
	if len(c.Args) == 3 {
		step = n[2]
	}
	return c.Numbers(lo, hi, step)
}

func globalDict(c *core.Call) (value.Value, error) {
	m := value.FromMap(value.NewMap())
	for i, a := range c.Args {
		if i > 0 {
			return value.Value{}, fmt.Errorf("dict expected at most 1 argument, got %d", len(c.Args))
		}
		if err := core.Defined(a); err != nil {
			return value.Value{}, err
		}
		from, err := c.DictOf(a)
		if err != nil {
			return value.Value{}, err
		}
		if _, ok := a.AsMap(); !ok {
			a = value.FromMap(from)
		}
		m = a
	}
	return c.Merged(m, value.FromMap(c.Kw))
}

func globalNamespace(c *core.Call) (value.Value, error) {
	v, err := globalDict(c)
	if err != nil {
		return v, err
	}
	m, _ := v.AsMap()
	return core.Namespace(m), nil
}

func globalCycler(c *core.Call) (value.Value, error) {
	if len(c.Args) == 0 {
		return value.Value{}, errors.New("at least one item has to be provided")
	}
	return value.FromOpaque(&cycler{items: slices.Clone(c.Args)}), nil
}

// cycler returns its items in turn.
type cycler struct {
	items []value.Value
	at    int
}

func (y *cycler) TypeName() string { return "Cycler" }
func (y *cycler) Str() string      { return y.Repr() }
func (y *cycler) Repr() string     { return "<Cycler>" }

func (y *cycler) Attr(name string) (value.Value, bool) {
	switch name {
	case "current":
		return y.items[y.at], true
	case "next":
		return core.Bound(name, func(*core.Call) (value.Value, error) {
			v := y.items[y.at]
			y.at = (y.at + 1) % len(y.items)
			return v, nil
		}), true
	case "reset":
		return core.Bound(name, func(*core.Call) (value.Value, error) { y.at = 0; return value.Null(), nil }), true
	}
	return value.Value{}, false
}

func globalJoiner(c *core.Call) (value.Value, error) {
	a, err := c.Bind("sep=")
	if err != nil {
		return value.Value{}, err
	}
	if a[0].IsUndefined() {
		a[0] = value.String(", ")
	}
	used := false
	return core.Bound("joiner", func(*core.Call) (value.Value, error) {
		if !used {
			used = true
			return value.String(""), nil
		}
		return a[0], nil
	}), nil
}

func globalLipsum(c *core.Call) (value.Value, error) {
	a, err := c.Bind("n=", "html=", "min=", "max=")
	if err != nil {
		return value.Value{}, err
	}
	n, err := c.Integer(a[0], 5)
	if err != nil {
		return value.Value{}, err
	}
	least, err := c.Integer(a[2], 20)
	if err != nil {
		return value.Value{}, err
	}
	if n > 1000 || least > 100_000 {
		return value.Value{}, core.ErrRepeat
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

func globalUndef(c *core.Call) (value.Value, error) {
	a, err := c.Bind("hint=")
	if err != nil {
		return value.Value{}, err
	}
	hint, _ := a[0].AsString()
	if hint == "" {
		hint = "Mandatory variable has not been overridden"
	}
	return value.FromMissing(value.Missing{Hint: hint}), nil
}
