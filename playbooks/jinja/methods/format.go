package methods

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/py/pyfmt"
	"remoterun/runner/value"
)

func strFormat(c *core.Call) (value.Value, error) {
	s, _ := c.In.AsString()
	f := &braces{c: c, pos: c.Args, kw: c.Kw, b: c.Buffer(c.In.Marks())}
	if err := f.write(s, 0); err != nil {
		return value.Value{}, err
	}
	return value.MarkedString(f.b.String(), f.b.Marks), nil
}

func strFormatMap(c *core.Call) (value.Value, error) {
	a, err := c.Bind("mapping")
	if err != nil {
		return value.Value{}, err
	}
	m, ok, err := value.Mapping(a[0])
	if err != nil {
		return value.Value{}, err
	}
	if !ok {
		return value.Value{}, fmt.Errorf("'%s' object is not subscriptable", value.TypeName(a[0]))
	}
	s, _ := c.In.AsString()
	f := &braces{c: c, kw: m, b: c.Buffer(c.In.Marks())}
	if err := f.write(s, 0); err != nil {
		return value.Value{}, err
	}
	return value.MarkedString(f.b.String(), f.b.Marks), nil
}

// braces is str.format at work.
type braces struct {
	c    *core.Call
	pos  []value.Value
	kw   *value.Map
	b    *core.Buffer
	auto int
	// numbered and automatic say which kind of field was used: not both.
	numbered, automatic bool
}

func (f *braces) write(s string, depth int) error {
	if depth > 2 {
		return errors.New("Max string recursion exceeded")
	}
	for s != "" {
		i := strings.IndexAny(s, "{}")
		if i < 0 {
			return f.b.Text(s)
		}
		if err := f.b.Text(s[:i]); err != nil {
			return err
		}
		if i+1 < len(s) && s[i+1] == s[i] {
			if err := f.b.Text(s[i : i+1]); err != nil {
				return err
			}
			s = s[i+2:]
			continue
		}
		if s[i] == '}' {
			return errors.New("Single '}' encountered in format string")
		}
		n, err := fieldEnd(s[i:])
		if err != nil {
			return err
		}
		if err := f.field(s[i+1:i+n], depth); err != nil {
			return err
		}
		s = s[i+n+1:]
	}
	return nil
}

// fieldEnd finds the brace that closes the field which s begins with.
func fieldEnd(s string) (int, error) {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i, nil
			}
		}
	}
	if len(s) == 1 {
		return 0, errors.New("Single '{' encountered in format string")
	}
	return 0, errors.New("expected '}' before end of string")
}

func (f *braces) field(s string, depth int) error {
	name, rest := s, ""
	if i := strings.IndexAny(s, "!:"); i >= 0 {
		name, rest = s[:i], s[i:]
	}
	v, err := f.lookup(name)
	if err == nil {
		err = core.Defined(v)
	}
	if err != nil {
		return err
	}
	f.b.Marks |= value.DeepMarks(v)
	if strings.HasPrefix(rest, "!") {
		if len(rest) < 2 || len(rest) > 2 && rest[2] != ':' {
			return errors.New("expected ':' after conversion specifier")
		}
		switch rest[1] {
		case 's':
			v = value.String(value.Str(v))
		case 'r':
			v = value.String(value.Repr(v))
		case 'a':
			v = value.String(pyfmt.ASCII(v))
		default:
			return fmt.Errorf("Unknown conversion specifier '%c'", rest[1])
		}
		rest = rest[2:]
	}
	text := strings.TrimPrefix(rest, ":")
	if strings.ContainsAny(text, "{}") {
		inner := &braces{c: f.c, pos: f.pos, kw: f.kw, b: f.c.Buffer(0), auto: f.auto, numbered: f.numbered, automatic: f.automatic}
		if err := inner.write(text, depth+1); err != nil {
			return err
		}
		text, f.auto = inner.b.String(), inner.auto
		f.b.Marks |= inner.b.Marks
	}
	out, err := pyfmt.Value(v, text)
	if err != nil {
		return err
	}
	return f.b.Text(out)
}

// lookup finds a field's value: {}, {0}, {name}, {a.b}, {a[0]}.
func (f *braces) lookup(name string) (value.Value, error) {
	first, rest := name, ""
	if i := strings.IndexAny(name, ".["); i >= 0 {
		first, rest = name[:i], name[i:]
	}
	v, err := f.root(first)
	for err == nil && rest != "" {
		if rest[0] == '.' {
			part := rest[1:]
			rest = ""
			if i := strings.IndexAny(part, ".["); i >= 0 {
				part, rest = part[:i], part[i:]
			}
			if part == "" {
				return v, errors.New("Empty attribute in format string")
			}
			if v, err = f.c.Getattr(v, part); err == nil {
				err = core.Defined(v)
			}
			continue
		}
		end := strings.IndexByte(rest, ']')
		if end < 0 {
			return v, errors.New("Missing ']' in format string")
		}
		key := value.String(rest[1:end])
		if n, e := strconv.ParseInt(rest[1:end], 10, 32); e == nil {
			key = value.Int(n)
		}
		rest = rest[end+1:]
		if v, err = f.c.Getitem(v, key); err == nil {
			err = core.Defined(v)
		}
	}
	return v, err
}

func (f *braces) root(name string) (value.Value, error) {
	n, err := strconv.Atoi(name)
	switch {
	case name == "":
		if f.numbered {
			return value.Value{}, errors.New("cannot switch from manual field specification to automatic field numbering")
		}
		f.automatic = true
		n = f.auto
		f.auto++
	case err != nil:
		v, ok := f.kw.Lookup(name)
		if !ok {
			return v, fmt.Errorf("KeyError: '%s'", name)
		}
		return v, nil
	default:
		if f.automatic {
			return value.Value{}, errors.New("cannot switch from automatic field numbering to manual field specification")
		}
		f.numbered = true
	}
	if n < 0 || n >= len(f.pos) {
		return value.Value{}, fmt.Errorf("Replacement index %d out of range for positional args tuple", n)
	}
	return f.pos[n], nil
}
