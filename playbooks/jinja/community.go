package jinja

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/text/unicode/norm"

	"remoterun/runner/value"
)

// communityEntries are the filters of community.general that roles use.
func communityEntries() []entry {
	family := []entry{
		{name: "dict", sig: "dict", example: "{{ [['a', 1]] | community.general.dict }}", shows: "{'a': 1}", fn: noArguments(filterDict), spread: spreadNone},
		{name: "dict_kv", sig: "dict_kv(key)", example: "{{ 1 | community.general.dict_kv('a') }}", shows: "{'a': 1}", fn: filterDictKV, spread: spreadNone},
		{name: "counter", sig: "counter", example: "{{ ['a', 'b', 'a'] | community.general.counter }}", shows: "{'a': 2, 'b': 1}", fn: noArguments(filterCounter), spread: spreadNone},
		{name: "groupby_as_dict", sig: "groupby_as_dict(attribute)", example: "{{ [{'n': 'x'}] | community.general.groupby_as_dict('n') }}", shows: "{'x': {'n': 'x'}}", fn: filterGroupbyDict, spread: spreadNone},
		{name: "lists_mergeby", sig: "lists_mergeby(*lists, index, recursive=False, list_merge='replace')", example: "{{ [{'n': 1, 'a': 1}] | community.general.lists_mergeby([{'n': 1, 'b': 2}], 'n') }}", shows: "[{'n': 1, 'a': 1, 'b': 2}]", fn: filterListsMergeby, spread: spreadNone},
		{name: "from_csv", sig: "from_csv(dialect='excel', fieldnames=None, delimiter=None, skipinitialspace=None, strict=None)", example: `{{ 'a,b\n1,2' | community.general.from_csv }}`, shows: "[{'a': '1', 'b': '2'}]", fn: filterFromCSV},
		{name: "unicode_normalize", sig: "unicode_normalize(form='NFC')", example: `{{ 'e\u0301' | community.general.unicode_normalize | length }}`, shows: "1", fn: filterNormalize},
		{name: "to_time_unit", sig: "to_time_unit(unit='ms', year=365, month=30)", example: "{{ '1h 30m' | community.general.to_time_unit('s') }}", shows: "5400.0", fn: timeUnit("")},
	}
	for _, u := range []struct{ name, unit, shows string }{{"milliseconds", "ms", "60000.0"}, {"seconds", "s", "60.0"}, {"minutes", "m", "1.0"}, {"hours", "h", "0.016666666667"},
		{"days", "d", "0.000694444444"}, {"weeks", "w", "9.9206349e-05"}, {"months", "mo", "2.3148148e-05"}, {"years", "y", "1.902588e-06"}} {
		family = append(family, entry{name: "to_" + u.name, sig: "to_" + u.name + "(year=365, month=30)", example: "{{ '1m' | community.general.to_" + u.name + " }}", shows: u.shows, fn: timeUnit(u.unit)})
	}
	return strictAll(family)
}

func filterDict(c *call) (value.Value, error) {
	m, err := c.dictOf(c.in)
	if err != nil {
		return value.Value{}, err
	}
	return value.FromMap(m.Clone()), nil
}

func filterDictKV(c *call) (value.Value, error) {
	a, err := c.bind("key")
	if err != nil {
		return value.Value{}, err
	}
	if err := value.Hashable(a[0]); err != nil {
		return value.Value{}, err
	}
	m := value.NewMap()
	m.Set(a[0], c.in)
	return value.FromMap(m), nil
}

func filterCounter(c *call) (value.Value, error) {
	if !listLike(c.in) && !c.in.IsString() {
		return value.Value{}, fmt.Errorf("Argument for community.general.counter must be a sequence (string or list). %s is %s", value.Show(c.in), pyType(c.in))
	}
	items, err := c.iterate(c.in)
	if err != nil {
		return value.Value{}, err
	}
	m := value.NewMap()
	for _, it := range items {
		if err := errors.Join(defined(it), value.Hashable(it)); err != nil {
			return value.Value{}, fmt.Errorf("community.general.counter needs a sequence with hashable elements (int, float or str) - %w", err)
		}
		old, _ := m.Get(it)
		n, _ := old.AsInt()
		m.Set(it, value.Int(n+1))
	}
	return value.FromMap(m), nil
}

func filterGroupbyDict(c *call) (value.Value, error) {
	a, err := c.bind("attribute")
	if err != nil {
		return value.Value{}, err
	}
	if !listLike(c.in) && !c.in.IsString() {
		return value.Value{}, errors.New("Input is not a sequence")
	}
	items, err := c.iterate(c.in)
	if err != nil {
		return value.Value{}, err
	}
	out := value.NewMap()
	for i, it := range items {
		m, ok, err := value.Mapping(it)
		if err != nil {
			return value.Value{}, err
		}
		if !ok {
			return value.Value{}, fmt.Errorf("Sequence element #%d is not a mapping", i)
		}
		k, ok := m.Get(a[0])
		if !ok {
			return value.Value{}, fmt.Errorf("Attribute not contained in element #%d of sequence", i)
		}
		if err := value.Hashable(k); err != nil {
			return value.Value{}, err
		}
		if _, there := out.Get(k); there {
			return value.Value{}, fmt.Errorf("Multiple sequence entries have attribute value %s", value.Repr(k))
		}
		out.Set(k, it)
	}
	return value.FromMap(out), nil
}

func filterListsMergeby(c *call) (value.Value, error) {
	how := merging{c: c, lists: "replace"}
	for k, v := range c.kw.All() {
		switch value.Str(k) {
		case "recursive":
			how.recursive = value.Truth(v)
		case "list_merge":
			how.lists = value.Str(v)
		default:
			return value.Value{}, errors.New("'recursive' and 'list_merge' are the only valid keyword arguments.")
		}
	}
	if len(c.args) == 0 {
		return value.Value{}, errors.New("At least one list and index are needed.")
	}
	lists, err := mergeLists(append([]value.Value{c.in}, c.args[:len(c.args)-1]...))
	if err != nil {
		return value.Value{}, err
	}
	switch len(lists) {
	case 0:
		return value.List(), nil
	case 1:
		return lists[0], nil
	}
	index := c.args[len(c.args)-1]
	if _, err := wantText(index, "First argument after the lists for community.general.lists_mergeby"); err != nil {
		return value.Value{}, err
	}
	out := lists[len(lists)-1]
	for _, l := range slices.Backward(lists[:len(lists)-1]) {
		if out, err = how.byIndex(l, out, index); err != nil {
			return value.Value{}, err
		}
	}
	return out, nil
}

// mergeLists opens lists of lists.
func mergeLists(terms []value.Value) ([]value.Value, error) {
	var out []value.Value
	for _, t := range terms {
		if !listLike(t) {
			return nil, fmt.Errorf("All arguments before the argument index for community.general.lists_mergeby must be lists. %s is %s", value.Show(t), pyType(t))
		}
		switch items := t.Items(); {
		case len(items) == 0:
		case slices.ContainsFunc(items, func(v value.Value) bool { return !listLike(v) && !v.IsString() }):
			out = append(out, t)
		default:
			out = append(out, items...)
		}
	}
	return out, nil
}

func (h merging) byIndex(x, y, index value.Value) (value.Value, error) {
	groups := value.NewMap()
	for _, it := range slices.Concat(x.Items(), y.Items()) {
		m, ok, err := value.Mapping(it)
		if err != nil {
			return value.Value{}, err
		}
		if !ok {
			return value.Value{}, fmt.Errorf("Elements of list arguments for lists_mergeby must be dictionaries. %s is %s", value.Show(it), pyType(it))
		}
		k, ok := m.Get(index)
		if !ok {
			continue
		}
		if err := value.Hashable(k); err != nil {
			return value.Value{}, err
		}
		old, there := groups.Get(k)
		if !there {
			old = value.FromMap(nil)
		}
		merged, err := h.merge(old, it)
		if err != nil {
			return value.Value{}, err
		}
		groups.Set(k, merged)
	}
	out := make([]value.Value, 0, groups.Len())
	for _, v := range groups.All() {
		out = append(out, v)
	}
	err := value.SortBy(out, func(v value.Value) value.Value {
		m, _ := v.AsMap()
		k, _ := m.Get(index)
		return k
	})
	return value.List(out...), err
}

func filterFromCSV(c *call) (value.Value, error) {
	a, err := c.bind("dialect=", "fieldnames=", "delimiter=", "skipinitialspace=", "strict=")
	if err != nil {
		return value.Value{}, err
	}
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(value.Str(c.in), "\ufeff")))
	r.FieldsPerRecord, r.LazyQuotes, r.TrimLeadingSpace = -1, !truthOr(a[4], false), truthOr(a[3], false)
	switch d := textOr(a[0], "excel"); d {
	case "excel", "unix":
	case "excel-tab":
		r.Comma = '\t'
	default:
		return value.Value{}, fmt.Errorf("Dialect '%s' is not supported by your version of python.", d)
	}
	if given(a[2]) {
		sign := []rune(value.Str(a[2]))
		if len(sign) != 1 {
			return value.Value{}, errors.New(`Unable to create custom dialect: "delimiter" must be a 1-character string`)
		}
		r.Comma = sign[0]
	}
	var names []value.Value
	if given(a[1]) {
		if names, err = c.iterate(a[1]); err != nil {
			return value.Value{}, err
		}
	}
	return csvRows(c, r, names)
}

// csvRows reads mappings; names is the first row when nil.
func csvRows(c *call, from *csv.Reader, names []value.Value) (value.Value, error) {
	var out []value.Value
	for {
		rec, err := from.Read()
		if errors.Is(err, io.EOF) {
			return value.List(out...), nil
		}
		if err != nil {
			return value.Value{}, fmt.Errorf("Unable to process file: %w", err)
		}
		if names == nil {
			names = value.Strings(rec...).Items()
			continue
		}
		m := value.NewMap()
		for i, n := range names {
			m.Set(n, value.Null())
			if i < len(rec) {
				m.Set(n, value.String(rec[i]))
			}
		}
		if len(rec) > len(names) {
			m.Set(value.Null(), value.Strings(rec[len(names):]...))
		}
		out = append(out, value.FromMap(m))
		if err := c.work(len(rec)); err != nil {
			return value.Value{}, err
		}
	}
}

func filterNormalize(c *call) (value.Value, error) {
	a, err := c.bind("form=")
	if err != nil {
		return value.Value{}, err
	}
	s, ok := c.in.AsString()
	if !ok {
		return value.Value{}, fmt.Errorf("%s is not a valid input type", pyType(c.in))
	}
	form := textOr(a[0], "NFC")
	f, ok := map[string]norm.Form{"NFC": norm.NFC, "NFD": norm.NFD, "NFKC": norm.NFKC, "NFKD": norm.NFKD}[form]
	if !ok {
		return value.Value{}, fmt.Errorf("%s is not a valid form", form)
	}
	return textResult(f.String(s))
}

var timeForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(-?\d+)(\w+)`) })

// timeUnit converts "1h 30m" into one unit; "" takes the unit as an argument.
func timeUnit(unit string) function {
	return func(c *call) (value.Value, error) {
		params := []param{"unit=", "year=", "month="}
		if unit != "" {
			params = params[1:]
		}
		a, err := c.bind(params...)
		if err != nil {
			return value.Value{}, err
		}
		to := unit
		if to == "" {
			to = textOr(a[0], "ms")
			a = a[1:]
		}
		s, err := wantText(c.in, "a span of time")
		if err != nil {
			return value.Value{}, err
		}
		if s == "0" {
			return value.Int(0), nil
		}
		factors := map[string]float64{"ms": 1, "s": 1e3, "m": 60e3, "h": 3600e3, "d": 86400e3, "w": 604800e3, "mo": 30 * 86400e3, "y": 365 * 86400e3}
		for i, name := range []string{"y", "mo"} {
			if f, ok := a[i].AsFloat(); ok {
				factors[name] = f * 86400e3
			}
		}
		return convertTime(s, to, factors)
	}
}

func convertTime(s, to string, factors map[string]float64) (value.Value, error) {
	div, ok := factors[shortUnit(to)]
	if !ok {
		return value.Value{}, fmt.Errorf("to_time_unit() can not convert to the following unit: %s.", to)
	}
	sum := 0.0
	for _, w := range strings.Fields(s) {
		m := timeForm().FindStringSubmatch(w)
		if m == nil {
			return value.Value{}, fmt.Errorf("to_time_unit() can not interpret following string: %s", s)
		}
		f, ok := factors[shortUnit(m[2])]
		if !ok {
			return value.Value{}, fmt.Errorf("to_time_unit() can not interpret following string: %s", s)
		}
		n, _ := strconv.ParseFloat(m[1], 64)
		sum += n * f
	}
	return value.Float(roundTo(sum/div, 12)), nil
}

func shortUnit(s string) string {
	long := map[string]string{"millisecond": "ms", "msec": "ms", "msecond": "ms", "sec": "s", "second": "s", "hour": "h", "min": "m", "minute": "m", "day": "d", "week": "w", "month": "mo", "year": "y"}
	if u, ok := long[strings.TrimRight(s, "s")]; ok {
		return u
	}
	return s
}

// roundTo is Python's round(f, digits).
func roundTo(f float64, digits int) float64 {
	out, err := strconv.ParseFloat(strconv.FormatFloat(f, 'f', digits, 64), 64)
	if err != nil || math.IsInf(f, 0) {
		return f
	}
	return out
}
