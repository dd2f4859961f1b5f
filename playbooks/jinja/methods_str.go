package jinja

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"remoterun/playbooks/jinja/py/pystr"
	"remoterun/runner/value"
)

// strMethods are those of str. Their text keeps the marks of what went in.
func strMethods() map[string]function {
	m := map[string]function{
		"center": strPad(pystr.PadCenter), "ljust": strPad(pystr.PadRight), "rjust": strPad(pystr.PadLeft), "zfill": strZfill,
		"count": strCount, "find": strFind(false, false), "rfind": strFind(true, false), "index": strFind(false, true), "rindex": strFind(true, true),
		"startswith": strAffix(strings.HasPrefix), "endswith": strAffix(strings.HasSuffix),
		"strip": strStrip(true, true), "lstrip": strStrip(true, false), "rstrip": strStrip(false, true),
		"removeprefix": strRemove(strings.TrimPrefix), "removesuffix": strRemove(strings.TrimSuffix),
		"partition": strPartition(false), "rpartition": strPartition(true),
		"split": strSplit(false), "rsplit": strSplit(true), "splitlines": strSplitLines,
		"join": strJoin, "replace": strReplace, "expandtabs": strExpandTabs,
		"format": strFormat, "format_map": strFormatMap, "encode": strEncode, "translate": strTranslate,
	}
	for name, f := range map[string]func(string) string{
		"lower": pystr.Lower, "upper": pystr.Upper, "casefold": pystr.Casefold, "capitalize": pystr.Capitalize, "title": pystr.Title, "swapcase": pystr.Swapcase,
	} {
		m[name] = strSimple(f)
	}
	for name, f := range pystr.Tests() {
		m[name] = func(c *call) (value.Value, error) {
			s, _ := c.in.AsString()
			return value.Bool(f(s)), c.none()
		}
	}
	return m
}

// marked is text made by a method, with the marks of all that went in.
func (c *call) marked(s string) value.Value {
	return value.MarkedString(s, c.in.Marks()|marksOf(value.Null(), c.args))
}

func strSimple(f func(string) string) function {
	return func(c *call) (value.Value, error) {
		s, _ := c.in.AsString()
		return c.marked(f(s)), c.none()
	}
}

func strPad(pad pystr.Padding) function {
	return func(c *call) (value.Value, error) {
		a, err := c.bind("width", "fillchar=")
		if err != nil {
			return value.Value{}, err
		}
		width, err := c.integer(a[0], 0)
		if err != nil {
			return value.Value{}, err
		}
		fill := " "
		if !a[1].IsUndefined() {
			if fill, err = c.text(a[1]); err != nil {
				return value.Value{}, err
			}
			if utf8.RuneCountInString(fill) != 1 {
				return value.Value{}, errors.New("The fill character must be exactly one character long")
			}
		}
		s, err := padded(c, width, fill, pad)
		return c.marked(s), err
	}
}

func padded(c *call, width int, fill string, pad pystr.Padding) (string, error) {
	s, _ := c.in.AsString()
	if width > maxRepeat {
		return "", errRepeat
	}
	missing := width - utf8.RuneCountInString(s)
	if missing <= 0 {
		return s, nil
	}
	return pad(s, fill, missing, width), nil
}

func strZfill(c *call) (value.Value, error) {
	a, err := c.bind("width")
	if err != nil {
		return value.Value{}, err
	}
	width, err := c.integer(a[0], 0)
	if err != nil {
		return value.Value{}, err
	}
	out, err := padded(c, width, "0", func(s, fill string, missing, _ int) string {
		sign := ""
		if s != "" && (s[0] == '-' || s[0] == '+') {
			sign, s = s[:1], s[1:]
		}
		return sign + strings.Repeat(fill, missing) + s
	})
	return c.marked(out), err
}

// runeWindow cuts text to optional start and stop, counted in characters.
func (c *call) runeWindow(from, to value.Value) (part string, offset int, err error) {
	s, _ := c.in.AsString()
	if from.IsUndefined() && to.IsUndefined() {
		return s, 0, nil
	}
	rs := []rune(s)
	lo, hi, err := c.window(from, to, len(rs))
	if err != nil || lo > hi {
		return "", 0, err
	}
	return string(rs[lo:hi]), lo, nil
}

func strCount(c *call) (value.Value, error) {
	a, err := c.bind("sub", "start=", "end=")
	if err != nil {
		return value.Value{}, err
	}
	sub, err := c.text(a[0])
	if err != nil {
		return value.Value{}, err
	}
	s, _, err := c.runeWindow(a[1], a[2])
	return value.Int(int64(strings.Count(s, sub))), err
}

func strFind(last, strict bool) function {
	return func(c *call) (value.Value, error) {
		a, err := c.bind("sub", "start=", "end=")
		if err != nil {
			return value.Value{}, err
		}
		sub, err := c.text(a[0])
		if err != nil {
			return value.Value{}, err
		}
		s, offset, err := c.runeWindow(a[1], a[2])
		if err != nil {
			return value.Value{}, err
		}
		i := strings.Index(s, sub)
		if last {
			i = strings.LastIndex(s, sub)
		}
		if i >= 0 {
			return value.Int(int64(offset + utf8.RuneCountInString(s[:i]))), nil
		}
		if strict {
			return value.Value{}, errors.New("substring not found")
		}
		return value.Int(-1), nil
	}
}

func strAffix(has func(s, affix string) bool) function {
	return func(c *call) (value.Value, error) {
		a, err := c.bind("affix", "start=", "end=")
		if err != nil {
			return value.Value{}, err
		}
		s, _, err := c.runeWindow(a[1], a[2])
		if err != nil {
			return value.Value{}, err
		}
		tries := []value.Value{a[0]}
		if a[0].Kind() == value.KindTuple {
			tries = a[0].Items()
		}
		for _, t := range tries {
			affix, ok := t.AsString()
			if !ok {
				return value.Value{}, fmt.Errorf("%s first arg must be str or a tuple of str, not %s", c.name, value.TypeName(t))
			}
			if has(s, affix) {
				return value.Bool(true), nil
			}
		}
		return value.Bool(false), nil
	}
}

func strStrip(left, right bool) function {
	return func(c *call) (value.Value, error) {
		a, err := c.bind("chars=")
		if err != nil {
			return value.Value{}, err
		}
		drop := pystr.Space
		if !a[0].IsUndefined() && !a[0].IsNull() {
			chars, err := c.text(a[0])
			if err != nil {
				return value.Value{}, err
			}
			drop = func(r rune) bool { return strings.ContainsRune(chars, r) }
		}
		s, _ := c.in.AsString()
		if left {
			s = strings.TrimLeftFunc(s, drop)
		}
		if right {
			s = strings.TrimRightFunc(s, drop)
		}
		return c.marked(s), nil
	}
}

func strRemove(cut func(s, affix string) string) function {
	return func(c *call) (value.Value, error) {
		a, err := c.bind("affix")
		if err != nil {
			return value.Value{}, err
		}
		affix, err := c.text(a[0])
		s, _ := c.in.AsString()
		return c.marked(cut(s, affix)), err
	}
}

func strPartition(last bool) function {
	return func(c *call) (value.Value, error) {
		a, err := c.bind("sep")
		if err != nil {
			return value.Value{}, err
		}
		sep, err := c.text(a[0])
		if err != nil {
			return value.Value{}, err
		}
		if sep == "" {
			return value.Value{}, errors.New("empty separator")
		}
		s, _ := c.in.AsString()
		i := strings.Index(s, sep)
		if last {
			i = strings.LastIndex(s, sep)
		}
		parts := [3]string{s, "", ""}
		switch {
		case i >= 0:
			parts = [3]string{s[:i], sep, s[i+len(sep):]}
		case last:
			parts = [3]string{"", "", s}
		}
		return value.Tuple(c.marked(parts[0]), c.marked(parts[1]), c.marked(parts[2])), nil
	}
}
