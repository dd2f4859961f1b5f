package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"

	"remoterun/playbooks/jinja"
	"remoterun/runner/value"
)

// evalLines answers each line of JSON on in with one on out, in order: one
// process, any number of lines. A line that cannot be read is answered with an
// error, too.
func evalLines(ctx context.Context, e *jinja.Engine, in io.Reader, out io.Writer) error {
	r := bufio.NewReaderSize(in, 1<<20)
	w := bufio.NewWriter(out)
	for {
		line, err := r.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			if err := answer(ctx, e, line, w); err != nil {
				return err
			}
		}
		// Whoever asks one question at a time waits for its answer.
		if r.Buffered() == 0 {
			if err := w.Flush(); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return w.Flush()
		}
		if err != nil {
			return err
		}
	}
}

func answer(ctx context.Context, e *jinja.Engine, line []byte, w *bufio.Writer) error {
	out := value.MapOf("text", value.Null(), "native", value.Null(), "error", value.Null())
	q, err := value.ParseJSON(line)
	m, ok := q.AsMap()
	switch {
	case err != nil:
		out.Put("error", problem(err))
	case !ok:
		out.Put("error", problem(errors.New("expected a JSON object")))
	default:
		evalLine(ctx, e, m, out)
	}
	text, err := value.JSON(value.FromMap(out), value.JSONStyle{})
	if err != nil {
		out.Put("native", value.Null())
		out.Put("error", problem(err))
		if text, err = value.JSON(value.FromMap(out), value.JSONStyle{}); err != nil {
			return err
		}
	}
	_, err = w.WriteString(text + "\n")
	return err
}

func evalLine(ctx context.Context, e *jinja.Engine, q, out *value.Map) {
	template, _ := q.Lookup("template")
	text, ok := template.AsString()
	if !ok {
		out.Put("error", problem(errors.New(`"template" is missing or no text`)))
		return
	}
	vars, _ := q.Lookup("vars")
	m, ok := vars.AsMap()
	if !ok && !vars.IsNull() {
		out.Put("error", problem(errors.New(`"vars" is not an object`)))
		return
	}
	file, _ := q.Lookup("file")
	s := &evalScope{dirs: []string{"."}}
	s.add("vars", m)
	shown, native, textErr, nativeErr := e.Both(ctx, "", text, value.Truth(file), s)
	if textErr == nil {
		out.Put("text", shown)
	}
	if nativeErr == nil {
		out.Put("native", tagged(native))
	}
	if textErr != nil {
		out.Put("error", problem(textErr))
	} else if nativeErr != nil {
		out.Put("error", problem(nativeErr))
	}
}

// problem is an error as the answer has it; line and column count from 1, null
// where the place is not known.
func problem(err error) value.Value {
	m := value.MapOf("message", value.String(err.Error()), "line", value.Null(), "column", value.Null())
	var at *jinja.Error
	if errors.As(err, &at) {
		m.Put("message", value.String(at.Message()))
		if at.Pos.Line > 0 {
			m.Put("line", value.Int(int64(at.Pos.Line)))
			m.Put("column", value.Int(int64(at.Pos.Col)))
		}
	}
	return value.FromMap(m)
}

// tagged shows what JSON does not have: tuples as {"__tuple__": [...]}, data
// with behaviour as {"__obj__": type, "s": text}.
func tagged(v value.Value) value.Value {
	switch v.Kind() {
	case value.KindTuple:
		return value.FromMap(value.MapOf("__tuple__", tagged(value.List(v.Items()...))))
	case value.KindList:
		out := make([]value.Value, len(v.Items()))
		for i, it := range v.Items() {
			out[i] = tagged(it)
		}
		return value.List(out...)
	case value.KindMap:
		m, _ := v.AsMap()
		out := value.NewMap()
		for k, it := range m.All() {
			if k.Kind() == value.KindTuple {
				k = value.String(value.Repr(k))
			}
			out.Set(k, tagged(it))
		}
		return value.FromMap(out)
	case value.KindOmit:
		return value.String("__omit__")
	case value.KindOpaque:
		return value.FromMap(value.MapOf("__obj__", value.String(value.TypeName(v)), "s", value.String(value.Str(v))))
	}
	return v
}
