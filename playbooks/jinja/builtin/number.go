package builtin

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/py/pynum"
	"remoterun/runner/value"
)

// numberFilterEntries are Jinja's filters that make or take numbers.
func numberFilterEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "int", Sig: "int(default=0, base=10)", Example: "{{ '42.9' | int }}", Shows: "42", Func: filterInt, Lax: true},
		{Name: "float", Sig: "float(default=0.0)", Example: "{{ '1.5' | float }}", Shows: "1.5", Func: filterFloat, Lax: true},
		{Name: "abs", Sig: "abs", Example: "{{ -3 | abs }}", Shows: "3", Func: filterAbs},
		{Name: "round", Sig: "round(precision=0, method='common')", Example: "{{ 2.567 | round(1) }}", Shows: "2.6", Func: filterRound},
		{Name: "filesizeformat", Sig: "filesizeformat(binary=False)", Example: "{{ 1500 | filesizeformat }}", Shows: "1.5 kB", Func: filterFileSize},
		{Name: "tojson", Sig: "tojson(indent=None)", Example: "{{ {'b': 1, 'a': '<x>'} | tojson }}", Shows: `{"a": "\u003cx\u003e", "b": 1}`, Func: filterToJSON},
		{Name: "urlencode", Sig: "urlencode", Example: "{{ 'a b&c' | urlencode }}", Shows: "a%20b%26c", Func: filterURLEncode},
	})
}

func filterInt(c *core.Call) (value.Value, error) {
	a, err := c.Bind("default=", "base=")
	if err != nil {
		return value.Value{}, err
	}
	base, err := c.Integer(a[1], 10)
	if err != nil {
		return value.Value{}, err
	}
	if s, ok := c.In.AsString(); ok {
		if n, ok := pynum.ParseInt(s, base); ok {
			return value.Big(n), nil
		}
		if f, ok := pynum.ParseFloat(s); ok {
			if n, err := pynum.Truncated(f); err == nil {
				return value.Big(n), nil
			}
		}
	} else if n, ok := c.In.AsBig(); ok {
		return value.Big(n), nil
	} else if f, ok := c.In.AsFloat(); ok {
		if n, err := pynum.Truncated(f); err == nil {
			return value.Big(n), nil
		}
	}
	if a[0].IsUndefined() && len(c.Args) == 0 && !c.Given("default") {
		return value.Int(0), nil
	}
	return a[0], nil
}

func filterFloat(c *core.Call) (value.Value, error) {
	a, err := c.Bind("default=")
	if err != nil {
		return value.Value{}, err
	}
	if s, ok := c.In.AsString(); ok {
		if f, ok := pynum.ParseFloat(s); ok {
			return value.Float(f), nil
		}
	} else if f, ok := c.In.AsFloat(); ok {
		return value.Float(f), nil
	}
	if a[0].IsUndefined() && len(c.Args) == 0 && !c.Given("default") {
		return value.Float(0), nil
	}
	return a[0], nil
}

func filterAbs(c *core.Call) (value.Value, error) {
	if f, ok := c.In.AsFloat(); ok && c.In.Kind() == value.KindFloat {
		return value.Float(math.Abs(f)), c.NoArguments()
	}
	if n, ok := c.In.AsBig(); ok {
		return value.Big(new(big.Int).Abs(n)), c.NoArguments()
	}
	if o, ok := c.In.AsOpaque(); ok {
		if x, ok := o.(interface{ abs() value.Value }); ok {
			return x.abs(), c.NoArguments()
		}
	}
	return value.Value{}, fmt.Errorf("bad operand type for abs(): '%s'", value.TypeName(c.In))
}

func filterRound(c *core.Call) (value.Value, error) {
	a, err := c.Bind("precision=", "method=")
	if err != nil {
		return value.Value{}, err
	}
	precision, err := c.Integer(a[0], 0)
	if err != nil {
		return value.Value{}, err
	}
	method := "common"
	if !a[1].IsUndefined() {
		method = value.Str(a[1])
	}
	if !c.In.IsNumber() {
		return value.Value{}, fmt.Errorf("type %s doesn't define __round__ method", value.TypeName(c.In))
	}
	f, _ := c.In.AsFloat()
	switch method {
	case "common":
		if n, ok := c.In.AsBig(); ok {
			return value.Big(pynum.RoundInt(n, precision)), nil
		}
		return value.Float(pynum.Round(f, precision)), nil
	case "ceil", "floor":
		scale := math.Pow(10, float64(precision))
		g := math.Ceil
		if method == "floor" {
			g = math.Floor
		}
		return value.Float(g(f*scale) / scale), nil
	}
	return value.Value{}, errors.New("method must be common, ceil or floor")
}

func filterFileSize(c *core.Call) (value.Value, error) {
	a, err := c.Bind("binary=")
	if err != nil {
		return value.Value{}, err
	}
	f, ok := c.In.AsFloat()
	if s, isText := c.In.AsString(); isText {
		f, ok = pynum.ParseFloat(s)
	}
	if !ok {
		return value.Value{}, fmt.Errorf("could not convert to float: %s", value.Repr(c.In))
	}
	base, units := 1000.0, []string{"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"}
	if value.Truth(a[0]) {
		base, units = 1024, []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"}
	}
	switch {
	case f == 1:
		return value.String("1 Byte"), nil
	case f < base:
		return value.String(fmt.Sprintf("%d Bytes", int64(f))), nil
	}
	unit := base
	for i, u := range units {
		if unit *= base; f < unit || i == len(units)-1 {
			return value.String(fmt.Sprintf("%.1f %s", base*f/unit, u)), nil
		}
	}
	return value.Null(), nil
}

func filterToJSON(c *core.Call) (value.Value, error) {
	a, err := c.Bind("indent=")
	if err != nil {
		return value.Value{}, err
	}
	indent, err := c.Integer(core.OrUndefined(a[0]), 0)
	if err != nil {
		return value.Value{}, err
	}
	if indent > 1000 {
		return value.Value{}, core.ErrRepeat
	}
	s, err := value.JSON(c.In, value.JSONStyle{Indent: indent, SortKeys: true})
	return value.String(strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`, "'", `\u0027`).Replace(s)), err
}

func filterURLEncode(c *core.Call) (value.Value, error) {
	if err := c.NoArguments(); err != nil {
		return value.Value{}, err
	}
	_, isSeq := c.In.AsSeq()
	m, isMap, err := value.Mapping(c.In)
	if err != nil {
		return value.Value{}, err
	}
	if !isMap && !isSeq {
		return value.String(quoteURL(c.Str(), "/")), nil
	}
	if !isMap {
		if m, err = c.DictOf(c.In); err != nil {
			return value.Value{}, err
		}
	}
	var parts []string
	for k, v := range m.All() {
		parts = append(parts, quotePlus(value.Str(k))+"="+quotePlus(value.Str(v)))
	}
	return value.String(strings.Join(parts, "&")), nil
}

// quoteURL escapes text for a URL; safe characters stay.
func quoteURL(s, safe string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_.-~", c) >= 0 || strings.IndexByte(safe, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

func quotePlus(s string) string { return strings.ReplaceAll(quoteURL(s, " "), " ", "+") }
