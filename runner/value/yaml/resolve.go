// Package yaml reads and writes YAML as PyYAML does, which is what Ansible's
// users have always had: yes and on are booleans, 0644 is octal, 22:22 is a
// number in base 60. It is the only importer of yaml.v3.
package yaml

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"remoterun/runner/value"
)

var (
	intForm = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)
	})
	floatForm = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
	})
	dateForm = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:\d{4}-\d\d-\d\d|\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)$`)
	})
)

var plainWords = wordTable()

func wordTable() map[string]value.Value {
	m := map[string]value.Value{"": value.Null(), "~": value.Null()}
	for word, v := range map[string]value.Value{
		"null": value.Null(), "yes": value.Bool(true), "true": value.Bool(true), "on": value.Bool(true),
		"no": value.Bool(false), "false": value.Bool(false), "off": value.Bool(false),
	} {
		for _, form := range []string{word, strings.ToUpper(word[:1]) + word[1:], strings.ToUpper(word)} {
			m[form] = v
		}
	}
	return m
}

// Resolve reads a plain scalar by PyYAML's rules. ok is false when it is text.
func Resolve(s string) (v value.Value, ok bool) {
	if v, ok := plainWords[s]; ok {
		return v, true
	}
	if s == "" || !strings.ContainsRune("-+.0123456789", rune(s[0])) {
		return value.Value{}, false
	}
	switch {
	case intForm().MatchString(s):
		return readInt(s)
	case floatForm().MatchString(s):
		return readFloat(s)
	case dateForm().MatchString(s):
		return value.FromOpaque(Date(s)), true
	}
	return value.Value{}, false
}

func readInt(s string) (value.Value, bool) {
	if len(s) > value.MaxDigits {
		return value.Value{}, false // as text it is no burden
	}
	s = strings.ReplaceAll(s, "_", "")
	sign := 1
	switch s[0] {
	case '-':
		sign, s = -1, s[1:]
	case '+':
		s = s[1:]
	}
	n := new(big.Int)
	ok := true
	switch {
	case s == "0":
	case strings.HasPrefix(s, "0b"):
		_, ok = n.SetString(s[2:], 2)
	case strings.HasPrefix(s, "0x"):
		_, ok = n.SetString(s[2:], 16)
	case strings.Contains(s, ":"):
		for _, part := range strings.Split(s, ":") {
			d, _ := new(big.Int).SetString(part, 10)
			n.Add(n.Mul(n, big.NewInt(60)), d)
		}
	case s[0] == '0':
		_, ok = n.SetString(s, 8)
	default:
		_, ok = n.SetString(s, 10)
	}
	if sign < 0 {
		n.Neg(n)
	}
	return value.Big(n), ok
}

func readFloat(s string) (value.Value, bool) {
	s = strings.ToLower(strings.ReplaceAll(s, "_", ""))
	sign := 1.0
	switch s[0] {
	case '-':
		sign, s = -1, s[1:]
	case '+':
		s = s[1:]
	}
	switch {
	case s == ".inf":
		return value.Float(sign * math.Inf(1)), true
	case s == ".nan":
		return value.Float(math.NaN()), true
	case strings.Contains(s, ":"):
		f := 0.0
		for _, part := range strings.Split(s, ":") {
			d, err := strconv.ParseFloat(part, 64)
			if err != nil {
				return value.Value{}, false
			}
			f = f*60 + d
		}
		return value.Float(sign * f), true
	}
	f, err := strconv.ParseFloat(s, 64)
	return value.Float(sign * f), err == nil
}
