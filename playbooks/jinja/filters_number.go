package jinja

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"

	"remoterun/playbooks/jinja/py/pynum"
	"remoterun/runner/value"
)

// numberFilterEntries are Jinja's filters that make or take numbers.
func numberFilterEntries() []entry {
	return strictAll([]entry{
		{name: "int", sig: "int(default=0, base=10)", example: "{{ '42.9' | int }}", shows: "42", fn: filterInt, lax: true},
		{name: "float", sig: "float(default=0.0)", example: "{{ '1.5' | float }}", shows: "1.5", fn: filterFloat, lax: true},
		{name: "abs", sig: "abs", example: "{{ -3 | abs }}", shows: "3", fn: filterAbs},
		{name: "round", sig: "round(precision=0, method='common')", example: "{{ 2.567 | round(1) }}", shows: "2.6", fn: filterRound},
		{name: "filesizeformat", sig: "filesizeformat(binary=False)", example: "{{ 1500 | filesizeformat }}", shows: "1.5 kB", fn: filterFileSize},
		{name: "tojson", sig: "tojson(indent=None)", example: "{{ {'b': 1, 'a': '<x>'} | tojson }}", shows: `{"a": "\u003cx\u003e", "b": 1}`, fn: filterToJSON},
		{name: "urlencode", sig: "urlencode", example: "{{ 'a b&c' | urlencode }}", shows: "a%20b%26c", fn: filterURLEncode},
	})
}

func filterInt(c *call) (value.Value, error) {
	a, err := c.bind("default=", "base=")
	if err != nil {
		return value.Value{}, err
	}
	base, err := c.integer(a[1], 10)
	if err != nil {
		return value.Value{}, err
	}
	if s, ok := c.in.AsString(); ok {
		if n, ok := pynum.ParseInt(s, base); ok {
			return value.Big(n), nil
		}
		if f, ok := pynum.ParseFloat(s); ok {
			if n, err := pynum.Truncated(f); err == nil {
				return value.Big(n), nil
			}
		}
	} else if n, ok := c.in.AsBig(); ok {
		return value.Big(n), nil
	} else if f, ok := c.in.AsFloat(); ok {
		if n, err := pynum.Truncated(f); err == nil {
			return value.Big(n), nil
		}
	}
	if a[0].IsUndefined() && len(c.args) == 0 && !c.given("default") {
		return value.Int(0), nil
	}
	return a[0], nil
}

func filterFloat(c *call) (value.Value, error) {
	a, err := c.bind("default=")
	if err != nil {
		return value.Value{}, err
	}
	if s, ok := c.in.AsString(); ok {
		if f, ok := pynum.ParseFloat(s); ok {
			return value.Float(f), nil
		}
	} else if f, ok := c.in.AsFloat(); ok {
		return value.Float(f), nil
	}
	if a[0].IsUndefined() && len(c.args) == 0 && !c.given("default") {
		return value.Float(0), nil
	}
	return a[0], nil
}

func filterAbs(c *call) (value.Value, error) {
	if f, ok := c.in.AsFloat(); ok && c.in.Kind() == value.KindFloat {
		return value.Float(math.Abs(f)), c.none()
	}
	if n, ok := c.in.AsBig(); ok {
		return value.Big(new(big.Int).Abs(n)), c.none()
	}
	if o, ok := c.in.AsOpaque(); ok {
		if x, ok := o.(interface{ abs() value.Value }); ok {
			return x.abs(), c.none()
		}
	}
	return value.Value{}, fmt.Errorf("bad operand type for abs(): '%s'", value.TypeName(c.in))
}

func filterRound(c *call) (value.Value, error) {
	a, err := c.bind("precision=", "method=")
	if err != nil {
		return value.Value{}, err
	}
	precision, err := c.integer(a[0], 0)
	if err != nil {
		return value.Value{}, err
	}
	method := "common"
	if !a[1].IsUndefined() {
		method = value.Str(a[1])
	}
	if !c.in.IsNumber() {
		return value.Value{}, fmt.Errorf("type %s doesn't define __round__ method", value.TypeName(c.in))
	}
	f, _ := c.in.AsFloat()
	switch method {
	case "common":
		if n, ok := c.in.AsBig(); ok {
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

func filterFileSize(c *call) (value.Value, error) {
	a, err := c.bind("binary=")
	if err != nil {
		return value.Value{}, err
	}
	f, ok := c.in.AsFloat()
	if s, isText := c.in.AsString(); isText {
		f, ok = pynum.ParseFloat(s)
	}
	if !ok {
		return value.Value{}, fmt.Errorf("could not convert to float: %s", value.Repr(c.in))
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

func filterToJSON(c *call) (value.Value, error) {
	a, err := c.bind("indent=")
	if err != nil {
		return value.Value{}, err
	}
	indent, err := c.integer(orUndefined(a[0]), 0)
	if err != nil {
		return value.Value{}, err
	}
	if indent > 1000 {
		return value.Value{}, errRepeat
	}
	s, err := value.JSON(c.in, value.JSONStyle{Indent: indent, SortKeys: true})
	return value.String(strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`, "'", `\u0027`).Replace(s)), err
}

func filterURLEncode(c *call) (value.Value, error) {
	if err := c.none(); err != nil {
		return value.Value{}, err
	}
	_, isSeq := c.in.AsSeq()
	m, isMap, err := value.Mapping(c.in)
	if err != nil {
		return value.Value{}, err
	}
	if !isMap && !isSeq {
		return value.String(quoteURL(c.str(), "/")), nil
	}
	if !isMap {
		if m, err = c.dictOf(c.in); err != nil {
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
