package ansible

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// jsonLayout is the options of Python's json.dumps.
type jsonLayout struct {
	item, key string // separators
	indent    string
	lines     bool // indent is not None
	sortKeys  bool
	keepUTF8  bool
	noNaN     bool
	skipKeys  bool
}

// options reads keyword arguments; nice says that separators are fixed, as
// to_nice_json has them.
func (l *jsonLayout) options(kw *value.Map, nice bool) error {
	for k, v := range kw.All() {
		var err error
		switch name, _ := k.AsString(); name {
		case "indent":
			if err = l.indentBy(v); err == nil && l.lines && !nice {
				l.item = ","
			}
		case "sort_keys":
			l.sortKeys = value.Truth(v)
		case "ensure_ascii":
			l.keepUTF8 = !value.Truth(v)
		case "allow_nan":
			l.noNaN = !value.Truth(v)
		case "skipkeys":
			l.skipKeys = value.Truth(v)
		case "vault_to_text", "preprocess_unsafe", "check_circular", "default", "cls":
		case "separators":
			if nice {
				err = errors.New("to_json() got multiple values for keyword argument 'separators'")
			}
		default:
			err = fmt.Errorf("__init__() got an unexpected keyword argument '%s'", name)
		}
		if err != nil {
			return err
		}
	}
	return l.separators(kw)
}

// separators come last: they win over what indent implies.
func (l *jsonLayout) separators(kw *value.Map) error {
	v, ok := kw.Lookup("separators")
	if !ok || v.IsNull() {
		return nil
	}
	items := v.Items()
	if len(items) != 2 {
		return fmt.Errorf("separators must be two texts, not %s", value.Show(v))
	}
	l.item, l.key = value.Str(items[0]), value.Str(items[1])
	return nil
}

func (l *jsonLayout) indentBy(v value.Value) error {
	if v.IsNull() {
		l.lines, l.indent = false, ""
		return nil
	}
	l.lines = true
	if s, ok := v.AsString(); ok {
		l.indent = s
		return nil
	}
	n, ok := v.AsInt()
	if !ok || n > 1000 {
		return fmt.Errorf("can't multiply sequence by non-int of type '%s'", value.TypeName(v))
	}
	l.indent = strings.Repeat(" ", int(max(n, 0)))
	return nil
}

func (l jsonLayout) dump(c *core.Call, v value.Value) (value.Value, error) {
	w := &jsonDumper{jsonLayout: l, c: c}
	if err := w.write(v, 0); err != nil {
		return value.Value{}, err
	}
	return core.Text(w.b.String())
}

type jsonDumper struct {
	jsonLayout
	c *core.Call
	b strings.Builder
}

func (w *jsonDumper) write(v value.Value, depth int) error {
	if w.c.Deeper(depth) != nil {
		return errors.New("Circular reference detected")
	}
	if err := w.c.Fits(w.b.Len()); err != nil {
		return err
	}
	switch v.Kind() {
	case value.KindList, value.KindTuple:
		return w.list(v.Items(), depth)
	case value.KindMap, value.KindObject:
		m, _, err := value.Mapping(v)
		if err != nil {
			return err
		}
		return w.object(m, depth)
	case value.KindUndefined:
		return core.Defined(v)
	case value.KindFloat:
		if f, _ := v.AsFloat(); w.noNaN && (math.IsNaN(f) || math.IsInf(f, 0)) {
			return errors.New("Out of range float values are not JSON compliant")
		}
	case value.KindOpaque:
		v = jsonOpaque(v)
	}
	return w.scalar(v)
}

// jsonOpaque is Ansible's encoder for what JSON lacks: dates in ISO form.
func jsonOpaque(v value.Value) value.Value {
	o, _ := v.AsOpaque()
	switch d := o.(type) {
	case interface{ isoformat() string }:
		return value.String(d.isoformat())
	case yaml.Date:
		return value.String(strings.Replace(d.Str(), " ", "T", 1))
	}
	return value.String(value.Str(v))
}

func (w *jsonDumper) scalar(v value.Value) error {
	s, err := value.JSON(v.Without(value.Masked|value.Sealed), value.JSONStyle{KeepUTF8: w.keepUTF8})
	w.b.WriteString(s)
	return err
}

func (w *jsonDumper) newline(depth int) {
	if w.lines {
		w.b.WriteByte('\n')
		w.b.WriteString(strings.Repeat(w.indent, depth))
	}
}

func (w *jsonDumper) list(items []value.Value, depth int) error {
	if len(items) == 0 {
		w.b.WriteString("[]")
		return nil
	}
	w.b.WriteByte('[')
	for i, it := range items {
		if i > 0 {
			w.b.WriteString(w.item)
		}
		w.newline(depth + 1)
		if err := w.write(it, depth+1); err != nil {
			return err
		}
	}
	w.newline(depth)
	w.b.WriteByte(']')
	return w.c.Work(len(items))
}

func (w *jsonDumper) object(m *value.Map, depth int) error {
	keys := m.Keys()
	if w.sortKeys {
		if err := value.Sort(keys); err != nil {
			return err
		}
	}
	w.b.WriteByte('{')
	n := 0
	for _, k := range keys {
		name, err := jsonName(k)
		if err != nil && w.skipKeys {
			continue
		}
		if err != nil {
			return err
		}
		if n++; n > 1 {
			w.b.WriteString(w.item)
		}
		w.newline(depth + 1)
		if err := w.scalar(value.String(name)); err != nil {
			return err
		}
		w.b.WriteString(w.key)
		v, _ := m.Get(k)
		if err := w.write(v, depth+1); err != nil {
			return err
		}
	}
	if n > 0 {
		w.newline(depth)
	}
	w.b.WriteByte('}')
	return w.c.Work(n)
}

// jsonName is a key as JSON has it.
func jsonName(k value.Value) (string, error) {
	switch k.Kind() {
	case value.KindString:
		return value.Str(k), nil
	case value.KindNull:
		return "null", nil
	case value.KindBool:
		return strings.ToLower(value.Str(k)), nil
	case value.KindInt, value.KindBig, value.KindFloat:
		return value.JSON(k, value.JSONStyle{})
	}
	return "", fmt.Errorf("keys must be str, int, float, bool or None, not %s", value.TypeName(k))
}

// pyJSON reads JSON that holds Python's NaN and Infinity, by marking them as
// text that JSON has no other way to write.
func pyJSON(s string) (value.Value, bool) {
	words := map[string]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)}
	const mark = "\x00float:"
	var b strings.Builder
	inText := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && inText && i+1 < len(s):
			b.WriteString(s[i : i+2])
			i++
			continue
		case s[i] == '"':
			inText = !inText
		case !inText:
			if w := floatWord(s[i:]); w != "" {
				b.WriteString(`"\u0000float:` + w + `"`)
				i += len(w) - 1
				continue
			}
		}
		b.WriteByte(s[i])
	}
	v, err := value.ParseJSON([]byte(b.String()))
	if err != nil {
		return v, false
	}
	return mapText(v, func(t string) value.Value {
		if w, ok := strings.CutPrefix(t, mark); ok {
			return value.Float(words[w])
		}
		return value.String(t)
	}), true
}

func floatWord(s string) string {
	for _, w := range []string{"NaN", "Infinity", "-Infinity"} {
		if strings.HasPrefix(s, w) {
			return w
		}
	}
	return ""
}

// mapText replaces every text in v.
func mapText(v value.Value, f func(string) value.Value) value.Value {
	switch v.Kind() {
	case value.KindString:
		s, _ := v.AsString()
		return f(s)
	case value.KindList:
		items := make([]value.Value, len(v.Items()))
		for i, it := range v.Items() {
			items[i] = mapText(it, f)
		}
		return value.List(items...)
	case value.KindMap:
		m, _ := v.AsMap()
		out := value.NewMap()
		for k, it := range m.All() {
			out.Set(k, mapText(it, f))
		}
		return value.FromMap(out)
	}
	return v
}
