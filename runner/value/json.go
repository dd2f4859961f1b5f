package value

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// JSONStyle says how JSON is laid out; the zero value is Python's json.dumps
// with its defaults (", " and ": ", non-ASCII escaped).
type JSONStyle struct {
	Indent     int  // spaces per level, 0 = one line
	SortKeys   bool // by Python's order of text keys
	KeepUTF8   bool // ensure_ascii=False
	Compact    bool // "," and ":" without blanks
	MaskSecret bool // secrets as ********: for everything people see
}

// JSON renders v. Errors: a key that JSON cannot hold, a lazy object that
// cannot be read, an Undefined.
func JSON(v Value, st JSONStyle) (string, error) {
	w := jsonWriter{st: st}
	if err := w.write(v, 0); err != nil {
		return "", err
	}
	return w.b.String(), nil
}

type jsonWriter struct {
	b  strings.Builder
	st JSONStyle
}

func (w *jsonWriter) write(v Value, depth int) error {
	if depth > maxDepth {
		//lint:ignore ST1005 Python's own words
		return errors.New("Circular reference detected")
	}
	if w.st.MaskSecret && v.m.Secret() {
		w.text(Mask)
		return nil
	}
	switch v.k {
	case KindNull:
		w.b.WriteString("null")
	case KindBool:
		w.b.WriteString(strconv.FormatBool(v.n != 0))
	case KindInt, KindBig:
		w.b.WriteString(Repr(v))
	case KindFloat:
		w.b.WriteString(jsonFloat(v))
	case KindString:
		w.text(v.s)
	case KindOmit, KindOpaque:
		w.text(Str(v))
	case KindList, KindTuple:
		return w.seq(v, depth)
	case KindMap:
		m, _ := v.AsMap()
		return w.object(m, depth)
	case KindObject:
		return w.lazy(v, depth)
	case KindUndefined:
		m, _ := v.AsMissing()
		return fmt.Errorf("%s", m.Message())
	}
	return nil
}

func jsonFloat(v Value) string {
	f, _ := v.AsFloat()
	switch r := FloatRepr(f); r {
	case "nan":
		return "NaN"
	case "inf":
		return "Infinity"
	case "-inf":
		return "-Infinity"
	default:
		return r
	}
}

func (w *jsonWriter) lazy(v Value, depth int) error {
	o := v.ref.(Object)
	keys, err := o.Keys()
	if err != nil {
		return err
	}
	m := NewMap()
	for _, k := range keys {
		item, _, err := o.Get(k)
		if err != nil {
			return err
		}
		m.Set(k, item)
	}
	return w.object(m, depth)
}

func (w *jsonWriter) seq(v Value, depth int) error {
	items := v.Items()
	if len(items) == 0 {
		w.b.WriteString("[]")
		return nil
	}
	w.b.WriteByte('[')
	for i, it := range items {
		w.next(i, depth+1)
		if err := w.write(it, depth+1); err != nil {
			return err
		}
	}
	w.line(depth)
	w.b.WriteByte(']')
	return nil
}

func (w *jsonWriter) object(m *Map, depth int) error {
	if m.Len() == 0 {
		w.b.WriteString("{}")
		return nil
	}
	keys := m.Keys()
	if w.st.SortKeys {
		if err := Sort(keys); err != nil {
			return err
		}
	}
	w.b.WriteByte('{')
	for i, k := range keys {
		w.next(i, depth+1)
		name, err := jsonKey(k)
		if err != nil {
			return err
		}
		w.text(name)
		w.b.WriteString(map[bool]string{true: ":", false: ": "}[w.st.Compact])
		item, _ := m.Get(k)
		if err := w.write(item, depth+1); err != nil {
			return err
		}
	}
	w.line(depth)
	w.b.WriteByte('}')
	return nil
}

func jsonKey(k Value) (string, error) {
	switch k.k {
	case KindString:
		return k.s, nil
	case KindNull:
		return "null", nil
	case KindBool:
		return strconv.FormatBool(k.n != 0), nil
	case KindInt, KindBig, KindFloat:
		return Repr(k), nil
	}
	return "", fmt.Errorf("keys must be str, int, float, bool or None, not %s", TypeName(k))
}

func (w *jsonWriter) next(i, depth int) {
	if i > 0 {
		w.b.WriteByte(',')
		if w.st.Indent == 0 && !w.st.Compact {
			w.b.WriteByte(' ')
		}
	}
	w.line(depth)
}

func (w *jsonWriter) line(depth int) {
	if w.st.Indent > 0 {
		w.b.WriteByte('\n')
		w.b.WriteString(strings.Repeat(" ", w.st.Indent*depth))
	}
}

func (w *jsonWriter) text(s string) {
	w.b.WriteByte('"')
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			r = 0xdc00 + rune(s[i])
		}
		i += size
		w.rune(r)
	}
	w.b.WriteByte('"')
}

func (w *jsonWriter) rune(r rune) {
	switch {
	case r == '"' || r == '\\':
		w.b.WriteByte('\\')
		w.b.WriteRune(r)
	case r == '\n':
		w.b.WriteString(`\n`)
	case r == '\r':
		w.b.WriteString(`\r`)
	case r == '\t':
		w.b.WriteString(`\t`)
	case r == '\b':
		w.b.WriteString(`\b`)
	case r == '\f':
		w.b.WriteString(`\f`)
	case r < ' ' || r > 0x7e && !w.st.KeepUTF8 || r >= 0xd800 && r < 0xe000:
		if r > 0xffff {
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(&w.b, `\u%04x\u%04x`, hi, lo)
			return
		}
		fmt.Fprintf(&w.b, `\u%04x`, r)
	default:
		w.b.WriteRune(r)
	}
}

// ParseJSON reads one JSON text: integers of any size, order of keys kept, the
// last of equal keys wins. Errors carry the byte offset; text that would become
// too much is one (ErrDepth, ErrItems, ErrDigits).
func ParseJSON(text []byte) (Value, error) {
	d := &jsonReader{Decoder: json.NewDecoder(bytes.NewReader(text))}
	d.UseNumber()
	v, err := d.value(0)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Value{}, fmt.Errorf("json at byte %d: %w", d.InputOffset(), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Value{}, fmt.Errorf("json at byte %d: extra data", d.InputOffset())
	}
	return v, nil
}

type jsonReader struct {
	*json.Decoder
	grown Growth
}

func (d *jsonReader) value(depth int) (Value, error) {
	tok, err := d.Token()
	if err != nil {
		return Value{}, err
	}
	if err := d.grown.Add(depth); err != nil {
		return Value{}, err
	}
	switch t := tok.(type) {
	case nil:
		return Null(), nil
	case bool:
		return Bool(t), nil
	case string:
		return String(t), nil
	case json.Number:
		return jsonNumber(t.String())
	case json.Delim:
		if t == '[' {
			return d.array(depth + 1)
		}
		return d.object(depth + 1)
	}
	return Value{}, fmt.Errorf("unexpected token %v", tok)
}

func jsonNumber(s string) (Value, error) {
	if !strings.ContainsAny(s, ".eE") {
		return ParseInt(s)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return Value{}, err
	}
	return Float(f), nil
}

func (d *jsonReader) array(depth int) (Value, error) {
	items := []Value{}
	for d.More() {
		it, err := d.value(depth)
		if err != nil {
			return Value{}, err
		}
		items = append(items, it)
	}
	_, err := d.Token()
	return List(items...), err
}

func (d *jsonReader) object(depth int) (Value, error) {
	m := NewMap()
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return Value{}, err
		}
		v, err := d.value(depth)
		if err != nil {
			return Value{}, err
		}
		m.Put(key.(string), v)
	}
	_, err := d.Token()
	return FromMap(m), err
}
