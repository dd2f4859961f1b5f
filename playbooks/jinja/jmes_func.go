package jinja

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"remoterun/playbooks/jinja/pynum"
	"remoterun/runner/value"
)

// jmesFunc is a function of JMESPath: the types of its arguments ("array",
// "string|number", "any", "&") and its code. A last type with "..." repeats.
type jmesFunc struct {
	types []string
	fn    func(j *jmesRun, a []value.Value) (value.Value, error)
}

func jmesFuncs() map[string]jmesFunc {
	return map[string]jmesFunc{
		"abs":         {[]string{"number"}, jmesNumeric(math.Abs)},
		"avg":         {[]string{"array"}, jmesAvg},
		"ceil":        {[]string{"number"}, jmesNumeric(math.Ceil)},
		"floor":       {[]string{"number"}, jmesNumeric(math.Floor)},
		"contains":    {[]string{"array|string", "any"}, jmesContains},
		"ends_with":   {[]string{"string", "string"}, jmesAffix(strings.HasSuffix)},
		"starts_with": {[]string{"string", "string"}, jmesAffix(strings.HasPrefix)},
		"join":        {[]string{"string", "array"}, jmesJoin},
		"keys":        {[]string{"object"}, jmesKeys},
		"values":      {[]string{"object"}, jmesItems},
		"length":      {[]string{"string|array|object"}, jmesLength},
		"map":         {[]string{"&", "array"}, jmesMap},
		"max":         {[]string{"array"}, jmesBest(1)},
		"min":         {[]string{"array"}, jmesBest(-1)},
		"max_by":      {[]string{"array", "&"}, jmesBestBy(1)},
		"min_by":      {[]string{"array", "&"}, jmesBestBy(-1)},
		"merge":       {[]string{"object", "object..."}, jmesMerge},
		"not_null":    {[]string{"any", "any..."}, jmesNotNull},
		"reverse":     {[]string{"array|string"}, jmesReverse},
		"sort":        {[]string{"array"}, jmesSort},
		"sort_by":     {[]string{"array", "&"}, jmesSortBy},
		"sum":         {[]string{"array"}, jmesSum},
		"to_array":    {[]string{"any"}, jmesToArray},
		"to_number":   {[]string{"any"}, jmesToNumber},
		"to_string":   {[]string{"any"}, jmesToString},
		"type":        {[]string{"any"}, func(_ *jmesRun, a []value.Value) (value.Value, error) { return value.String(jmesType(a[0])), nil }},
	}
}

func jmesType(v value.Value) string {
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

func (j *jmesRun) call(n *jmesNode, v value.Value) (value.Value, error) {
	f, ok := jmesFuncs()[n.name]
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
		want := strings.TrimSuffix(f.types[min(i, len(f.types)-1)], "...")
		if got := jmesType(a); want != "any" && !slices.Contains(strings.Split(want, "|"), got) {
			return value.Value{}, fmt.Errorf("In function %s(), invalid type for value: %s, expected one of: %s, received: %q", n.name, value.Show(a), want, got)
		}
		args[i] = a
	}
	return f.fn(j, args)
}

func jmesNumeric(f func(float64) float64) func(*jmesRun, []value.Value) (value.Value, error) {
	return func(_ *jmesRun, a []value.Value) (value.Value, error) {
		x, _ := a[0].AsFloat()
		out := f(x)
		if out == math.Trunc(out) && (a[0].Kind() == value.KindInt || f(0.5) != 0.5) {
			return pynum.Rounded(out).With(a[0].Marks()), nil
		}
		return value.Float(out).With(a[0].Marks()), nil
	}
}

// jmesNumbers reads an array of numbers.
func jmesNumbers(v value.Value) ([]float64, bool, error) {
	whole := true
	var out []float64
	for _, it := range v.Items() {
		f, _ := it.AsFloat()
		if !jmesNumber(it) {
			return nil, false, fmt.Errorf("invalid type for value: %s, expected one of: array-number", value.Show(it))
		}
		whole = whole && it.Kind() != value.KindFloat
		out = append(out, f)
	}
	return out, whole, nil
}

func jmesAvg(_ *jmesRun, a []value.Value) (value.Value, error) {
	nums, _, err := jmesNumbers(a[0])
	if err != nil || len(nums) == 0 {
		return value.Null(), err
	}
	sum := 0.0
	for _, f := range nums {
		sum += f
	}
	return value.Float(sum / float64(len(nums))).With(value.DeepMarks(a[0])), nil
}

func jmesSum(j *jmesRun, a []value.Value) (value.Value, error) {
	if _, _, err := jmesNumbers(a[0]); err != nil {
		return value.Value{}, err
	}
	sum := value.Int(0)
	for _, it := range a[0].Items() {
		var err error
		if sum, err = j.r.arith("+", sum, it); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

func jmesContains(j *jmesRun, a []value.Value) (value.Value, error) {
	if a[0].IsString() && !a[1].IsString() {
		return value.Value{}, fmt.Errorf("'in <string>' requires string as left operand, not %s", value.TypeName(a[1]))
	}
	ok, err := j.r.contains(a[0], a[1])
	return value.Bool(ok), err
}

func jmesAffix(f func(s, affix string) bool) func(*jmesRun, []value.Value) (value.Value, error) {
	return func(_ *jmesRun, a []value.Value) (value.Value, error) {
		return value.Bool(f(value.Str(a[0]), value.Str(a[1]))), nil
	}
}

func jmesJoin(_ *jmesRun, a []value.Value) (value.Value, error) {
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

func jmesKeys(j *jmesRun, a []value.Value) (value.Value, error) {
	m, _, err := j.r.mapping(a[0])
	if err != nil {
		return value.Value{}, err
	}
	return value.List(m.Keys()...), nil
}

func jmesItems(j *jmesRun, a []value.Value) (value.Value, error) {
	m, _, err := j.r.mapping(a[0])
	if err != nil {
		return value.Value{}, err
	}
	out := []value.Value{}
	for _, v := range m.All() {
		out = append(out, v)
	}
	return value.List(out...), nil
}

func jmesLength(j *jmesRun, a []value.Value) (value.Value, error) {
	n, err := j.r.length(a[0])
	return value.Int(int64(n)), err
}

// key evaluates an expression argument for one item.
func (j *jmesRun) key(expr, item value.Value) (value.Value, error) {
	o, _ := expr.AsOpaque()
	return j.eval(o.(*jmesExpr).n, item)
}

func jmesMap(j *jmesRun, a []value.Value) (value.Value, error) {
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
		if jmesType(k) != jmesType(keys[0]) || !jmesNumber(k) && !k.IsString() {
			return fmt.Errorf("invalid type for value: %s, expected one of: array-number, array-string", value.Show(k))
		}
	}
	return nil
}

// best answers where the largest (sign 1) or smallest (-1) key is.
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

func jmesBest(sign int) func(*jmesRun, []value.Value) (value.Value, error) {
	return func(_ *jmesRun, a []value.Value) (value.Value, error) {
		items := a[0].Items()
		if len(items) == 0 {
			return value.Null(), nil
		}
		i, err := best(items, sign)
		return items[i], err
	}
}

func jmesBestBy(sign int) func(*jmesRun, []value.Value) (value.Value, error) {
	return func(j *jmesRun, a []value.Value) (value.Value, error) {
		items := a[0].Items()
		if len(items) == 0 {
			return value.Null(), nil
		}
		keys, err := jmesMap(j, []value.Value{a[1], a[0]})
		if err != nil {
			return keys, err
		}
		i, err := best(keys.Items(), sign)
		return items[i], err
	}
}

func jmesMerge(j *jmesRun, a []value.Value) (value.Value, error) {
	out := value.NewMap()
	for _, v := range a {
		m, _, err := j.r.mapping(v)
		if err != nil {
			return value.Value{}, err
		}
		for k, it := range m.All() {
			out.Set(k, it)
		}
	}
	return value.FromMap(out), nil
}

func jmesNotNull(_ *jmesRun, a []value.Value) (value.Value, error) {
	for _, v := range a {
		if !v.IsNull() {
			return v, nil
		}
	}
	return value.Null(), nil
}

func jmesReverse(_ *jmesRun, a []value.Value) (value.Value, error) {
	if s, ok := a[0].AsString(); ok {
		rs := []rune(s)
		slices.Reverse(rs)
		return value.MarkedString(string(rs), a[0].Marks()), nil
	}
	out := slices.Clone(a[0].Items())
	slices.Reverse(out)
	return value.List(out...), nil
}

func jmesSort(_ *jmesRun, a []value.Value) (value.Value, error) {
	out := slices.Clone(a[0].Items())
	if err := sortable(out); err != nil {
		return value.Value{}, err
	}
	return value.List(out...), value.Sort(out)
}

func jmesSortBy(j *jmesRun, a []value.Value) (value.Value, error) {
	if len(a[0].Items()) == 0 {
		return a[0], nil
	}
	keys, err := jmesMap(j, []value.Value{a[1], a[0]})
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

func jmesToArray(_ *jmesRun, a []value.Value) (value.Value, error) {
	if isList(a[0]) {
		return a[0], nil
	}
	return value.List(a[0]), nil
}

func jmesToNumber(_ *jmesRun, a []value.Value) (value.Value, error) {
	if jmesNumber(a[0]) {
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

func jmesToString(j *jmesRun, a []value.Value) (value.Value, error) {
	if a[0].IsString() {
		return a[0], nil
	}
	v, err := jsonLayout{item: ",", key: ":"}.dump(j.r, a[0])
	return v.With(value.DeepMarks(a[0])), err
}
