package jinja

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"remoterun/playbooks/jinja/py/pystr"
	"remoterun/runner/value"
)

func strSplit(last bool) function {
	return func(c *call) (value.Value, error) {
		a, err := c.bind("sep=", "maxsplit=")
		if err != nil {
			return value.Value{}, err
		}
		limit, err := c.integer(a[1], -1)
		if err != nil {
			return value.Value{}, err
		}
		s, _ := c.in.AsString()
		var parts []string
		if a[0].IsUndefined() || a[0].IsNull() {
			parts = pystr.SplitSpace(s, limit, last)
		} else {
			sep, err := c.text(a[0])
			if err != nil {
				return value.Value{}, err
			}
			if sep == "" {
				return value.Value{}, errors.New("empty separator")
			}
			parts = pystr.SplitOn(s, sep, limit, last)
		}
		return c.markedList(parts), c.work(len(s))
	}
}

func (c *call) markedList(parts []string) value.Value {
	out := make([]value.Value, len(parts))
	for i, p := range parts {
		out[i] = c.marked(p)
	}
	return value.List(out...)
}

func strSplitLines(c *call) (value.Value, error) {
	a, err := c.bind("keepends=")
	if err != nil {
		return value.Value{}, err
	}
	s, _ := c.in.AsString()
	return c.markedList(pystr.SplitLines(s, value.Truth(a[0]))), c.work(len(s))
}

func strJoin(c *call) (value.Value, error) {
	a, err := c.bind("iterable")
	if err != nil {
		return value.Value{}, err
	}
	items, err := c.iterate(a[0])
	if err != nil {
		return value.Value{}, errors.New("can only join an iterable")
	}
	sep, _ := c.in.AsString()
	b := c.buffer(c.in.Marks())
	for i, it := range items {
		if i > 0 {
			if err := b.text(sep); err != nil {
				return value.Value{}, err
			}
		}
		if _, ok := it.AsString(); !ok {
			return value.Value{}, fmt.Errorf("sequence item %d: expected str instance, %s found", i, value.TypeName(it))
		}
		if err := b.add(it); err != nil {
			return value.Value{}, err
		}
	}
	return value.MarkedString(b.String(), b.marks), nil
}

func strReplace(c *call) (value.Value, error) {
	a, err := c.bind("old", "new", "count=")
	if err != nil {
		return value.Value{}, err
	}
	var words [2]string
	for i := range words {
		if words[i], err = c.text(a[i]); err != nil {
			return value.Value{}, err
		}
	}
	limit, err := c.integer(a[2], -1)
	if err != nil {
		return value.Value{}, err
	}
	s, _ := c.in.AsString()
	out, err := c.replace(s, words[0], words[1], limit)
	return c.marked(out), err
}

// replace is str.replace within the limit of output.
func (c *call) replace(s, old, with string, limit int) (string, error) {
	if grow := len(with) - len(old); grow > 0 {
		if err := c.fits(len(s) + strings.Count(s, old)*grow); err != nil {
			return "", err
		}
	}
	return strings.Replace(s, old, with, limit), nil
}

func strExpandTabs(c *call) (value.Value, error) {
	a, err := c.bind("tabsize=")
	if err != nil {
		return value.Value{}, err
	}
	size, err := c.integer(a[0], 8)
	if err != nil {
		return value.Value{}, err
	}
	if size > 1000 {
		return value.Value{}, errRepeat
	}
	s, _ := c.in.AsString()
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
	return c.marked(b.String()), nil
}

// strEncode answers the text itself: bytes and text are one thing here.
func strEncode(c *call) (value.Value, error) {
	if _, err := c.bind("encoding=", "errors="); err != nil {
		return value.Value{}, err
	}
	return c.in, nil
}

func strTranslate(c *call) (value.Value, error) {
	a, err := c.bind("table")
	if err != nil {
		return value.Value{}, err
	}
	m, ok := a[0].AsMap()
	if !ok {
		return value.Value{}, fmt.Errorf("translate() argument must be a mapping, not %s", value.TypeName(a[0]))
	}
	s, _ := c.in.AsString()
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
	return c.marked(b.String()), nil
}
