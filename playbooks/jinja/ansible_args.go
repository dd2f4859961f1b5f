package jinja

import (
	"fmt"
	"slices"
	"strings"

	"remoterun/playbooks/jinja/py/pynum"
	"remoterun/runner/value"
)

// Helpers of Ansible's own filters, tests and lookups: reading arguments as
// the Python code behind them does.

// strict wraps code that uses all of its arguments: an Undefined among them is
// the error that Ansible gives.
func strict(fn function) function {
	return func(c *call) (value.Value, error) {
		for _, a := range c.args {
			if err := defined(a); err != nil {
				return value.Value{}, err
			}
		}
		for _, a := range c.kw.All() {
			if err := defined(a); err != nil {
				return value.Value{}, err
			}
		}
		return fn(c)
	}
}

// strictAll applies strict to a family, but for what checks its arguments itself.
func strictAll(family []entry) []entry {
	for i := range family {
		if !family[i].lax {
			family[i].fn = strict(family[i].fn)
		}
	}
	return family
}

// asTests makes a family one of tests.
func asTests(family []entry) []entry {
	for i := range family {
		family[i].kind = testKind
	}
	return family
}

// allDefined is the error for the first undefined one of the arguments that
// were given.
func (c *call) allDefined(params []param, a []value.Value, names ...string) error {
	for i, p := range params {
		if wasGiven := i < len(c.args) || c.given(p.name()); !wasGiven || !slices.Contains(names, p.name()) {
			continue
		}
		if err := defined(a[i]); err != nil {
			return err
		}
	}
	return nil
}

// aliases of a list of names.
func also(names ...string) []string { return names }

// nullIfUndefined answers what an argument that was left out means: null.
func nullIfUndefined(v value.Value) value.Value {
	if v.IsUndefined() {
		return value.Null()
	}
	return v
}

// given reports that an argument is there and not null.
func given(v value.Value) bool { return !v.IsUndefined() && !v.IsNull() }

// truthOr answers the truth of an argument, or what it is when left out.
func truthOr(v value.Value, otherwise bool) bool {
	if v.IsUndefined() {
		return otherwise
	}
	return value.Truth(v)
}

// textOr answers an argument's text, or what it is when left out or null.
func textOr(v value.Value, otherwise string) string {
	if !given(v) {
		return otherwise
	}
	return value.Str(v)
}

// wantText answers text that Python code would refuse in any other type.
func wantText(v value.Value, what string) (string, error) {
	s, ok := v.AsString()
	if !ok {
		return "", fmt.Errorf("%s must be a str, not %s", what, value.TypeName(v))
	}
	return s, nil
}

// wantInt answers an integer argument, or what it is when left out.
func wantInt(v value.Value, otherwise int64) (int64, error) {
	if !given(v) {
		return otherwise, nil
	}
	if n, ok := v.AsInt(); ok {
		return n, nil
	}
	return 0, fmt.Errorf("'%s' object cannot be interpreted as an integer", value.TypeName(v))
}

// asInteger is Python's int(v) for numbers and text, within 64 bits.
func asInteger(v value.Value) (int64, error) {
	n, ok := v.AsBig()
	if f, isFloat := v.AsFloat(); isFloat && !ok {
		var err error
		if n, err = pynum.Truncated(f); err != nil {
			return 0, err
		}
	} else if s, isText := v.AsString(); isText {
		if n, ok = pynum.ParseInt(s, 10); !ok {
			return 0, fmt.Errorf("invalid literal for int() with base 10: %s", value.Repr(v))
		}
	} else if !ok {
		return 0, fmt.Errorf("int() argument must be a string, a bytes-like object or a real number, not '%s'", value.TypeName(v))
	}
	if !n.IsInt64() {
		return 0, fmt.Errorf("Python int too large to convert to C ssize_t: %s", value.Show(v))
	}
	return n.Int64(), nil
}

// listLike reports what Ansible calls a sequence: lists and tuples.
func listLike(v value.Value) bool {
	_, ok := v.AsSeq()
	return ok
}

// isList reports a list, which Python code may ask for by that type.
func isList(v value.Value) bool { return v.Kind() == value.KindList }

// mappingLike reports a mapping, lazy ones included.
func mappingLike(v value.Value) bool {
	return v.Kind() == value.KindMap || v.Kind() == value.KindObject
}

// inList is Python's "v in items".
func inList(items []value.Value, v value.Value) bool {
	return slices.ContainsFunc(items, func(it value.Value) bool { return value.Equal(it, v) })
}

// pyType is what str(type(v)) shows.
func pyType(v value.Value) string { return "<class '" + value.TypeName(v) + "'>" }

// textResult answers text with the marks of what it was made of; the caller
// adds those of the arguments.
func textResult(s string) (value.Value, error) { return value.String(s), nil }

func lower(s string) string { return strings.ToLower(s) }

// splitText is text.split(sep) as values.
func splitText(s, sep string) []value.Value {
	parts := strings.Split(s, sep)
	out := make([]value.Value, len(parts))
	for i, p := range parts {
		out[i] = value.String(p)
	}
	return out
}

func isHex(s string) bool {
	return s != "" && strings.Trim(lower(s), "0123456789abcdef") == ""
}
