package methods

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/py/pystr"
	"remoterun/runner/value"
)

func strSplit(last bool) core.Function {
	return func(c *core.Call) (value.Value, error) {
		a, err := c.Bind("sep=", "maxsplit=")
		if err != nil {
			return value.Value{}, err
		}
		limit, err := c.Integer(a[1], -1)
		if err != nil {
			return value.Value{}, err
		}
		s, _ := c.In.AsString()
		var parts []string
		if a[0].IsUndefined() || a[0].IsNull() {
			parts = pystr.SplitSpace(s, limit, last)
		} else {
			sep, err := c.Text(a[0])
			if err != nil {
				return value.Value{}, err
			}
			if sep == "" {
				return value.Value{}, errors.New("empty separator")
			}
			parts = pystr.SplitOn(s, sep, limit, last)
		}
		return markedList(c, parts), c.Work(len(s))
	}
}

func markedList(c *core.Call, parts []string) value.Value {
	out := make([]value.Value, len(parts))
	for i, p := range parts {
		out[i] = marked(c, p)
	}
	return value.List(out...)
}

func strSplitLines(c *core.Call) (value.Value, error) {
	a, err := c.Bind("keepends=")
	if err != nil {
		return value.Value{}, err
	}
	s, _ := c.In.AsString()
	return markedList(c, pystr.SplitLines(s, value.Truth(a[0]))), c.Work(len(s))
}

func strJoin(c *core.Call) (value.Value, error) {
	a, err := c.Bind("iterable")
	if err != nil {
		return value.Value{}, err
	}
	items, err := c.Iterate(a[0])
	if err != nil {
		return value.Value{}, errors.New("can only join an iterable")
	}
	sep, _ := c.In.AsString()
	b := c.Buffer(c.In.Marks())
	for i, it := range items {
		if i > 0 {
			if err := b.Text(sep); err != nil {
				return value.Value{}, err
			}
		}
		if _, ok := it.AsString(); !ok {
			return value.Value{}, fmt.Errorf("sequence item %d: expected str instance, %s found", i, value.TypeName(it))
		}
		if err := b.Add(it); err != nil {
			return value.Value{}, err
		}
	}
	return value.MarkedString(b.String(), b.Marks), nil
}

func strReplace(c *core.Call) (value.Value, error) {
	a, err := c.Bind("old", "new", "count=")
	if err != nil {
		return value.Value{}, err
	}
	var words [2]string
	for i := range words {
		if words[i], err = c.Text(a[i]); err != nil {
			return value.Value{}, err
		}
	}
	limit, err := c.Integer(a[2], -1)
	if err != nil {
		return value.Value{}, err
	}
	s, _ := c.In.AsString()
	out, err := Replace(c, s, words[0], words[1], limit)
	return marked(c, out), err
}

// Replace is str.replace within the limit of output.
func Replace(c *core.Call, s, old, with string, limit int) (string, error) {
	if grow := len(with) - len(old); grow > 0 {
		if err := c.Fits(len(s) + strings.Count(s, old)*grow); err != nil {
			return "", err
		}
	}
	return strings.Replace(s, old, with, limit), nil
}

func strExpandTabs(c *core.Call) (value.Value, error) {
	a, err := c.Bind("tabsize=")
	if err != nil {
		return value.Value{}, err
	}
	size, err := c.Integer(a[0], 8)
	if err != nil {
		return value.Value{}, err
	}
	if size > 1000 {
		return value.Value{}, core.ErrRepeat
	}
	s, _ := c.In.AsString()
	var b strings.Builder
	col := 0
	for _, r := range s {
		switch {
		case r == '\t' && size > 0:
			n := size - col%size
			b.WriteString(strings.Repeat(" ", n))
			col += n
		case r == '\t':
		default:
			b.WriteRune(r)
			if col++; r == '\n' || r == '\r' {
				col = 0
			}
		}
	}
	return marked(c, b.String()), nil
}

// strEncode returns the text itself: bytes and text are one thing here.
func strEncode(c *core.Call) (value.Value, error) {
	if _, err := c.Bind("encoding=", "errors="); err != nil {
		return value.Value{}, err
	}
	return c.In, nil
}

func strTranslate(c *core.Call) (value.Value, error) {
	a, err := c.Bind("table")
	if err != nil {
		return value.Value{}, err
	}
	m, ok := a[0].AsMap()
	if !ok {
		return value.Value{}, fmt.Errorf("translate() argument must be a mapping, not %s", value.TypeName(a[0]))
	}
	s, _ := c.In.AsString()
	var b strings.Builder
	for _, r := range s {
		to, ok := m.Get(value.Int(int64(r)))
		if !ok {
			b.WriteRune(r)
			continue
		}
		if i, isInt := to.AsInt(); isInt && i >= 0 && i <= unicode.MaxRune {
			b.WriteRune(rune(i))
		} else if !to.IsNull() {
			b.WriteString(value.Str(to))
		}
	}
	return marked(c, b.String()), nil
}
