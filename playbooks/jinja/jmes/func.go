package jmes

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"

	"remoterun/playbooks/jinja/py/pynum"
	"remoterun/runner/value"
)

// function is a function of JMESPath: the types of its arguments ("array",
// "string|number", "any", "&") and its code. A last type with "..." repeats.
type function struct {
	types []string
	fn    func(j *run, a []value.Value) (value.Value, error)
}

func functions() map[string]function {
	return map[string]function{
		"abs":         {[]string{"number"}, absolute},
		"avg":         {[]string{"array"}, average},
		"ceil":        {[]string{"number"}, rounding(math.Ceil)},
		"floor":       {[]string{"number"}, rounding(math.Floor)},
		"contains":    {[]string{"array|string", "any"}, contains},
		"ends_with":   {[]string{"string", "string"}, affix(strings.HasSuffix)},
		"starts_with": {[]string{"string", "string"}, affix(strings.HasPrefix)},
		"join":        {[]string{"string", "array"}, join},
		"keys":        {[]string{"object"}, keys},
		"values":      {[]string{"object"}, values},
		"length":      {[]string{"string|array|object"}, length},
		"map":         {[]string{"&", "array"}, mapItems},
		"max":         {[]string{"array"}, bestOf(1)},
		"min":         {[]string{"array"}, bestOf(-1)},
		"max_by":      {[]string{"array", "&"}, bestBy(1)},
		"min_by":      {[]string{"array", "&"}, bestBy(-1)},
		"merge":       {[]string{"object", "object..."}, merge},
		"not_null":    {[]string{"any", "any..."}, notNull},
		"reverse":     {[]string{"array|string"}, reverse},
		"sort":        {[]string{"array"}, sortItems},
		"sort_by":     {[]string{"array", "&"}, sortBy},
		"sum":         {[]string{"array"}, sum},
		"to_array":    {[]string{"any"}, toArray},
		"to_number":   {[]string{"any"}, toNumber},
		"to_string":   {[]string{"any"}, toString},
		"type":        {[]string{"any"}, typeName},
	}
}

func typeOf(v value.Value) string {
	switch v.Kind() {
	case value.KindNull:
		return "null"
	case value.KindBool:
		return "boolean"
	case value.KindInt, value.KindBig, value.KindFloat:
		return "number"
	case value.KindString:
		return "string"
	case value.KindList:
		return "array"
	case value.KindMap, value.KindObject:
		return "object"
	case value.KindOpaque:
		if o, _ := v.AsOpaque(); o.TypeName() == "expref" {
			return "&"
		}
	}
	return value.TypeName(v)
}

func typeName(_ *run, a []value.Value) (value.Value, error) {
	if t := typeOf(a[0]); t != "&" {
		return value.String(t), nil
	}
	return value.Null(), nil
}

func (j *run) call(n *node, v value.Value) (value.Value, error) {
	f, ok := functions()[n.name]
	if !ok {
		return value.Value{}, fmt.Errorf("Unknown function: %s()", n.name)
	}
	last := f.types[len(f.types)-1]
	variadic := strings.HasSuffix(last, "...")
	if variadic && len(n.kids) < len(f.types)-1 || !variadic && len(n.kids) != len(f.types) {
		return value.Value{}, fmt.Errorf("expected %d arguments for function %s(), received %d", len(f.types), n.name, len(n.kids))
	}
	args := make([]value.Value, len(n.kids))
	for i, kid := range n.kids {
		a, err := j.eval(kid, v)
		if err != nil {
			return a, err
		}
		if n.name != "not_null" && n.name != "to_array" {
			if err := j.rt.Defined(a); err != nil {
				return a, err
			}
		}
		want := strings.TrimSuffix(f.types[min(i, len(f.types)-1)], "...")
		if got := typeOf(a); want != "any" && !slices.Contains(strings.Split(want, "|"), got) {
			return value.Value{}, fmt.Errorf("In function %s(), invalid type for value: %s, expected one of: %s, received: %q", n.name, value.Show(a), want, got)
		}
		args[i] = a
	}
	return f.fn(j, args)
}

// absolute is abs(): whole numbers stay exact.
func absolute(_ *run, a []value.Value) (value.Value, error) {
	if n, ok := a[0].AsBig(); ok {
		return value.Big(new(big.Int).Abs(n)).With(a[0].Marks()), nil
	}
	x, _ := a[0].AsFloat()
	return value.Float(math.Abs(x)).With(a[0].Marks()), nil
}

// rounding is floor or ceil: the result is whole.
func rounding(f func(float64) float64) func(*run, []value.Value) (value.Value, error) {
	return func(_ *run, a []value.Value) (value.Value, error) {
		if _, ok := a[0].AsBig(); ok {
			return a[0], nil
		}
		x, _ := a[0].AsFloat()
		n, err := pynum.Truncated(f(x))
		if err != nil {
			return value.Value{}, err
		}
		return value.Big(n).With(a[0].Marks()), nil
	}
}

// numbers reads an array of numbers.
func numbers(v value.Value) ([]float64, bool, error) {
	whole := true
	var out []float64
	for _, it := range v.Items() {
		f, _ := it.AsFloat()
		if !isNumber(it) {
			return nil, false, fmt.Errorf("invalid type for value: %s, expected one of: array-number", value.Show(it))
		}
		whole = whole && it.Kind() != value.KindFloat
		out = append(out, f)
	}
	return out, whole, nil
}

func average(_ *run, a []value.Value) (value.Value, error) {
	nums, _, err := numbers(a[0])
	if err != nil || len(nums) == 0 {
		return value.Null(), err
	}
	sum := 0.0
	for _, f := range nums {
		sum += f
	}
	return value.Float(sum / float64(len(nums))).With(value.DeepMarks(a[0])), nil
}

func sum(j *run, a []value.Value) (value.Value, error) {
	if _, _, err := numbers(a[0]); err != nil {
		return value.Value{}, err
	}
	sum := value.Int(0)
	for _, it := range a[0].Items() {
		var err error
		if sum, err = pynum.Op("+", sum, it); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

func contains(j *run, a []value.Value) (value.Value, error) {
	if s, ok := a[0].AsString(); ok {
		part, ok := a[1].AsString()
		if !ok {
			return value.Value{}, fmt.Errorf("'in <string>' requires string as left operand, not %s", value.TypeName(a[1]))
		}
		return value.Bool(strings.Contains(s, part)), nil
	}
	for _, it := range a[0].Items() {
		if err := j.rt.Defined(it); err != nil {
			return value.Value{}, err
		}
		if value.Equal(it, a[1]) {
			return value.Bool(true), nil
		}
	}
	return value.Bool(false), j.rt.Step(len(a[0].Items()))
}

func affix(f func(s, affix string) bool) func(*run, []value.Value) (value.Value, error) {
	return func(_ *run, a []value.Value) (value.Value, error) {
		return value.Bool(f(value.Str(a[0]), value.Str(a[1]))), nil
	}
}

func join(_ *run, a []value.Value) (value.Value, error) {
	var parts []string
	for _, it := range a[1].Items() {
		s, ok := it.AsString()
		if !ok {
			return value.Value{}, fmt.Errorf("In function join(), invalid type for value: %s, expected one of: array-string", value.Show(it))
		}
		parts = append(parts, s)
	}
	return value.MarkedString(strings.Join(parts, value.Str(a[0])), value.DeepMarks(a[1])|a[0].Marks()), nil
}

func keys(j *run, a []value.Value) (value.Value, error) {
	m, _, err := value.Mapping(a[0])
	if err != nil {
		return value.Value{}, err
	}
	return value.List(m.Keys()...), nil
}

func values(j *run, a []value.Value) (value.Value, error) {
	m, _, err := value.Mapping(a[0])
	if err != nil {
		return value.Value{}, err
	}
	out := []value.Value{}
	for _, v := range m.All() {
		out = append(out, v)
	}
	return value.List(out...), nil
}

func length(_ *run, a []value.Value) (value.Value, error) {
	if s, ok := a[0].AsString(); ok {
		return value.Int(int64(utf8.RuneCountInString(s))), nil
	}
	if m, ok, err := value.Mapping(a[0]); ok {
		return value.Int(int64(m.Len())), err
	}
	return value.Int(int64(len(a[0].Items()))), nil
}

// key evaluates an expression argument for one item.
func (j *run) key(expr, item value.Value) (value.Value, error) {
	o, _ := expr.AsOpaque()
	return j.eval(o.(*reference).n, item)
}

func mapItems(j *run, a []value.Value) (value.Value, error) {
	out := []value.Value{}
	for _, it := range a[1].Items() {
		v, err := j.key(a[0], it)
		if err != nil {
			return v, err
		}
		out = append(out, v)
	}
	return value.List(out...), nil
}

// sortable checks that keys are all numbers or all text.
func sortable(keys []value.Value) error {
	for _, k := range keys {
		if typeOf(k) != typeOf(keys[0]) || !isNumber(k) && !k.IsString() {
			return fmt.Errorf("invalid type for value: %s, expected one of: array-number, array-string", value.Show(k))
		}
	}
	return nil
}

// best returns where the largest (sign 1) or smallest (-1) key is.
func best(keys []value.Value, sign int) (int, error) {
	if err := sortable(keys); err != nil {
		return 0, err
	}
	at := 0
	for i, k := range keys {
		c, err := value.Compare(k, keys[at])
		if err != nil {
			return 0, err
		}
		if c*sign > 0 {
			at = i
		}
	}
	return at, nil
}

func bestOf(sign int) func(*run, []value.Value) (value.Value, error) {
	return func(_ *run, a []value.Value) (value.Value, error) {
		items := a[0].Items()
		if len(items) == 0 {
			return value.Null(), nil
		}
		i, err := best(items, sign)
		return items[i], err
	}
}

func bestBy(sign int) func(*run, []value.Value) (value.Value, error) {
	return func(j *run, a []value.Value) (value.Value, error) {
		items := a[0].Items()
		if len(items) == 0 {
			return value.Null(), nil
		}
		keys, err := mapItems(j, []value.Value{a[1], a[0]})
		if err != nil {
			return keys, err
		}
		i, err := best(keys.Items(), sign)
		return items[i], err
	}
}

func merge(j *run, a []value.Value) (value.Value, error) {
	out := value.NewMap()
	for _, v := range a {
		m, _, err := value.Mapping(v)
		if err != nil {
			return value.Value{}, err
		}
		for k, it := range m.All() {
			out.Set(k, it)
		}
	}
	return value.FromMap(out), nil
}

func notNull(_ *run, a []value.Value) (value.Value, error) {
	for _, v := range a {
		if !v.IsNull() {
			return v, nil
		}
	}
	return value.Null(), nil
}

func reverse(_ *run, a []value.Value) (value.Value, error) {
	if s, ok := a[0].AsString(); ok {
		rs := []rune(s)
		slices.Reverse(rs)
		return value.MarkedString(string(rs), a[0].Marks()), nil
	}
	out := slices.Clone(a[0].Items())
	slices.Reverse(out)
	return value.List(out...), nil
}

func sortItems(_ *run, a []value.Value) (value.Value, error) {
	out := slices.Clone(a[0].Items())
	if err := sortable(out); err != nil {
		return value.Value{}, err
	}
	return value.List(out...), value.Sort(out)
}

func sortBy(j *run, a []value.Value) (value.Value, error) {
	if len(a[0].Items()) == 0 {
		return a[0], nil
	}
	keys, err := mapItems(j, []value.Value{a[1], a[0]})
	if err != nil {
		return keys, err
	}
	if err := sortable(keys.Items()); err != nil {
		return value.Value{}, err
	}
	out, i := slices.Clone(a[0].Items()), -1
	err = value.SortBy(out, func(value.Value) value.Value { i++; return keys.Items()[i] })
	return value.List(out...), err
}

func toArray(_ *run, a []value.Value) (value.Value, error) {
	if a[0].Kind() == value.KindList {
		return a[0], nil
	}
	return value.List(a[0]), nil
}

func toNumber(_ *run, a []value.Value) (value.Value, error) {
	if isNumber(a[0]) {
		return a[0], nil
	}
	s, ok := a[0].AsString()
	if !ok {
		return value.Null(), nil
	}
	if n, ok := pynum.ParseInt(s, 10); ok {
		return value.Big(n).With(a[0].Marks()), nil
	}
	if f, ok := pynum.ParseFloat(s); ok {
		return value.Float(f).With(a[0].Marks()), nil
	}
	return value.Null(), nil
}

func toString(j *run, a []value.Value) (value.Value, error) {
	if a[0].IsString() {
		return a[0], nil
	}
	s, err := value.JSON(a[0], value.JSONStyle{Compact: true})
	return value.MarkedString(s, value.DeepMarks(a[0])), err
}
