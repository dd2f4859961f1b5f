package methods

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/py/pystr"
	"remoterun/runner/value"
)

// strMethods are those of str. Their text keeps the marks of what went in.
func strMethods() map[string]core.Function {
	m := map[string]core.Function{
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
		m[name] = func(c *core.Call) (value.Value, error) {
			s, _ := c.In.AsString()
			return value.Bool(f(s)), c.NoArguments()
		}
	}
	return m
}

// marked is text made by a method, with the marks of all that went in.
func marked(c *core.Call, s string) value.Value {
	return value.MarkedString(s, c.In.Marks()|core.MarksOf(value.Null(), c.Args))
}

func strSimple(f func(string) string) core.Function {
	return func(c *core.Call) (value.Value, error) {
		s, _ := c.In.AsString()
		return marked(c, f(s)), c.NoArguments()
	}
}

func strPad(pad pystr.Padding) core.Function {
	return func(c *core.Call) (value.Value, error) {
		a, err := c.Bind("width", "fillchar=")
		if err != nil {
			return value.Value{}, err
		}
		width, err := c.Integer(a[0], 0)
		if err != nil {
			return value.Value{}, err
		}
		fill := " "
		if !a[1].IsUndefined() {
			if fill, err = c.Text(a[1]); err != nil {
				return value.Value{}, err
			}
			if utf8.RuneCountInString(fill) != 1 {
				return value.Value{}, errors.New("The fill character must be exactly one character long")
			}
		}
		s, err := Padded(c, width, fill, pad)
		return marked(c, s), err
	}
}

// Padded fills text up to a width, within the limit of what one repetition makes.
func Padded(c *core.Call, width int, fill string, pad pystr.Padding) (string, error) {
	s, _ := c.In.AsString()
	if width > core.MaxRepeat {
		return "", core.ErrRepeat
	}
	missing := width - utf8.RuneCountInString(s)
	if missing <= 0 {
		return s, nil
	}
	return pad(s, fill, missing, width), nil
}

func strZfill(c *core.Call) (value.Value, error) {
	a, err := c.Bind("width")
	if err != nil {
		return value.Value{}, err
	}
	width, err := c.Integer(a[0], 0)
	if err != nil {
		return value.Value{}, err
	}
	out, err := Padded(c, width, "0", func(s, fill string, missing, _ int) string {
		sign := ""
		if s != "" && (s[0] == '-' || s[0] == '+') {
			sign, s = s[:1], s[1:]
		}
		return sign + strings.Repeat(fill, missing) + s
	})
	return marked(c, out), err
}

// runeWindow cuts text to optional start and stop, counted in characters.
func runeWindow(c *core.Call, from, to value.Value) (part string, offset int, err error) {
	s, _ := c.In.AsString()
	if from.IsUndefined() && to.IsUndefined() {
		return s, 0, nil
	}
	rs := []rune(s)
	lo, hi, err := window(c, from, to, len(rs))
	if err != nil || lo > hi {
		return "", 0, err
	}
	return string(rs[lo:hi]), lo, nil
}

func strCount(c *core.Call) (value.Value, error) {
	a, err := c.Bind("sub", "start=", "end=")
	if err != nil {
		return value.Value{}, err
	}
	sub, err := c.Text(a[0])
	if err != nil {
		return value.Value{}, err
	}
	s, _, err := runeWindow(c, a[1], a[2])
	return value.Int(int64(strings.Count(s, sub))), err
}

func strFind(last, strict bool) core.Function {
	return func(c *core.Call) (value.Value, error) {
		a, err := c.Bind("sub", "start=", "end=")
		if err != nil {
			return value.Value{}, err
		}
		sub, err := c.Text(a[0])
		if err != nil {
			return value.Value{}, err
		}
		s, offset, err := runeWindow(c, a[1], a[2])
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

func strAffix(has func(s, affix string) bool) core.Function {
	return func(c *core.Call) (value.Value, error) {
		a, err := c.Bind("affix", "start=", "end=")
		if err != nil {
			return value.Value{}, err
		}
		s, _, err := runeWindow(c, a[1], a[2])
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
				return value.Value{}, fmt.Errorf("%s first arg must be str or a tuple of str, not %s", c.Name, value.TypeName(t))
			}
			if has(s, affix) {
				return value.Bool(true), nil
			}
		}
		return value.Bool(false), nil
	}
}

func strStrip(left, right bool) core.Function {
	return func(c *core.Call) (value.Value, error) {
		a, err := c.Bind("chars=")
		if err != nil {
			return value.Value{}, err
		}
		drop := pystr.Space
		if !a[0].IsUndefined() && !a[0].IsNull() {
			chars, err := c.Text(a[0])
			if err != nil {
				return value.Value{}, err
			}
			drop = func(r rune) bool { return strings.ContainsRune(chars, r) }
		}
		s, _ := c.In.AsString()
		if left {
			s = strings.TrimLeftFunc(s, drop)
		}
		if right {
			s = strings.TrimRightFunc(s, drop)
		}
		return marked(c, s), nil
	}
}

func strRemove(cut func(s, affix string) string) core.Function {
	return func(c *core.Call) (value.Value, error) {
		a, err := c.Bind("affix")
		if err != nil {
			return value.Value{}, err
		}
		affix, err := c.Text(a[0])
		s, _ := c.In.AsString()
		return marked(c, cut(s, affix)), err
	}
}

func strPartition(last bool) core.Function {
	return func(c *core.Call) (value.Value, error) {
		a, err := c.Bind("sep")
		if err != nil {
			return value.Value{}, err
		}
		sep, err := c.Text(a[0])
		if err != nil {
			return value.Value{}, err
		}
		if sep == "" {
			return value.Value{}, errors.New("empty separator")
		}
		s, _ := c.In.AsString()
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
		return value.Tuple(marked(c, parts[0]), marked(c, parts[1]), marked(c, parts[2])), nil
	}
}
