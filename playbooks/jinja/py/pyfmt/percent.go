package pyfmt

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"unicode/utf8"

	"remoterun/playbooks/jinja/py/pynum"
	"remoterun/playbooks/jinja/py/pystr"
	"remoterun/runner/value"
)

// Percent writes a value by one of the letters diouxXeEfFgGcrsa of "%d" and its
// like.
func Percent(verb byte, v value.Value, sp Spec) (string, error) {
	switch verb {
	case 's', 'r', 'a':
		text := map[byte]func(value.Value) string{'s': value.Str, 'r': value.Repr, 'a': ASCII}[verb](v)
		sp.Zero = false
		return sp.pad(pystr.Cut(text, sp.Precision), ""), nil
	case 'c':
		sp.Zero = false
		return percentChar(v, sp)
	case 'd', 'i', 'u':
		n, err := percentInt(verb, v)
		if err != nil {
			return "", err
		}
		return sp.integer(n, 'd'), nil
	case 'x', 'X', 'o':
		n, ok := v.AsBig()
		if !ok {
			return "", fmt.Errorf("%%%c format: an integer is required, not %s", verb, value.TypeName(v))
		}
		return sp.integer(n, verb), nil
	}
	f, ok := v.AsFloat()
	if !ok {
		return "", fmt.Errorf("must be real number, not %s", value.TypeName(v))
	}
	return sp.float(f, verb), nil
}

func percentChar(v value.Value, sp Spec) (string, error) {
	if i, ok := v.AsInt(); ok {
		if i < 0 || i > utf8.MaxRune {
			return "", errors.New("%c arg not in range(0x110000)")
		}
		return sp.pad(string(rune(i)), ""), nil
	}
	s, ok := v.AsString()
	if !ok || utf8.RuneCountInString(s) != 1 {
		return "", errors.New("%c requires int or char")
	}
	return sp.pad(s, ""), nil
}

func percentInt(verb byte, v value.Value) (*big.Int, error) {
	if n, ok := v.AsBig(); ok {
		return n, nil
	}
	f, ok := v.AsFloat()
	if !ok {
		return nil, fmt.Errorf("%%%c format: a real number is required, not %s", verb, value.TypeName(v))
	}
	return pynum.Truncated(f)
}

// ASCII is Python's ascii(): repr, with what is no ASCII as escapes.
func ASCII(v value.Value) string {
	var b strings.Builder
	for _, r := range value.Repr(v) {
		switch {
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}
