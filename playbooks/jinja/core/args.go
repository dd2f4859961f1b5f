package core

import (
	"fmt"
	"strings"

	"remoterun/playbooks/jinja/py/pynum"
	"remoterun/runner/value"
)

// Helpers of Ansible's own filters, tests and lookups: reading arguments as
// the Python code behind them does.

// NullIfUndefined returns what an argument that was left out means: null.
func NullIfUndefined(v value.Value) value.Value {
	if v.IsUndefined() {
		return value.Null()
	}
	return v
}

// Given reports that an argument is there and not null.
func Given(v value.Value) bool { return !v.IsUndefined() && !v.IsNull() }

// TruthOr returns the truth of an argument, or what it is when left out.
func TruthOr(v value.Value, otherwise bool) bool {
	if v.IsUndefined() {
		return otherwise
	}
	return value.Truth(v)
}

// TextOr returns an argument's text, or what it is when left out or null.
func TextOr(v value.Value, otherwise string) string {
	if !Given(v) {
		return otherwise
	}
	return value.Str(v)
}

// WantText returns text that Python code would refuse in any other type.
func WantText(v value.Value, what string) (string, error) {
	s, ok := v.AsString()
	if !ok {
		return "", fmt.Errorf("%s must be a str, not %s", what, value.TypeName(v))
	}
	return s, nil
}

// WantInt returns an integer argument, or what it is when left out.
func WantInt(v value.Value, otherwise int64) (int64, error) {
	if !Given(v) {
		return otherwise, nil
	}
	if n, ok := v.AsInt(); ok {
		return n, nil
	}
	return 0, fmt.Errorf("'%s' object cannot be interpreted as an integer", value.TypeName(v))
}

// AsInteger is Python's int(v) for numbers and text, within 64 bits.
func AsInteger(v value.Value) (int64, error) {
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

// Text returns text with the marks of what it was made of; the caller
// adds those of the arguments.
func Text(s string) (value.Value, error) { return value.String(s), nil }

// SplitText is text.split(sep) as values.
func SplitText(s, sep string) []value.Value {
	parts := strings.Split(s, sep)
	out := make([]value.Value, len(parts))
	for i, p := range parts {
		out[i] = value.String(p)
	}
	return out
}

// Text returns argument v of a call as text.
func (c *Call) Text(v value.Value) (string, error) {
	if err := Defined(v); err != nil {
		return "", err
	}
	s, ok := v.AsString()
	if !ok {
		return "", fmt.Errorf("%s() argument must be str, not %s", c.Name, value.TypeName(v))
	}
	return s, nil
}

// Integer returns argument v of a call as an int, otherwise when it was not
// given.
func (c *Call) Integer(v value.Value, otherwise int) (int, error) {
	if v.IsUndefined() {
		return otherwise, nil
	}
	i, ok := v.AsInt()
	if !ok {
		return 0, fmt.Errorf("'%s' object cannot be interpreted as an integer", value.TypeName(v))
	}
	return int(max(-1<<40, min(i, 1<<40))), nil
}

// BoolWord reads what Ansible's modules take for a boolean.
func BoolWord(v value.Value) (b, ok bool) {
	if s, isText := v.AsString(); isText {
		switch strings.ToLower(s) {
		case "y", "yes", "on", "1", "true", "t", "1.0":
			return true, true
		case "n", "no", "off", "0", "false", "f", "0.0":
			return false, true
		}
		return false, false
	}
	f, isNumber := v.AsFloat()
	return f == 1, isNumber && (f == 0 || f == 1)
}

// WordTruth is a boolean option, which may be a word.
func WordTruth(v value.Value) bool {
	if b, ok := BoolWord(v); ok {
		return b
	}
	return value.Truth(v)
}

// OrUndefined reads null as not given.
func OrUndefined(v value.Value) value.Value {
	if v.IsNull() {
		return value.Undefined("")
	}
	return v
}

// Str returns the piped value as text, as most filters take it.
func (c *Call) Str() string { return value.Str(c.In) }
