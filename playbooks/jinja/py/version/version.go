// Package version orders versions in the four ways that Ansible's version test
// has: as Python's distutils did it (loose and strict), by semantic versioning,
// and as Python's packages do it (PEP 440).
package version

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"sync"
)

var (
	looseForm  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[0-9]+|[a-z]+|\.`) })
	strictForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(\d+)\.(\d+)(\.(\d+))?([ab](\d+))?\n?$`) })
	semverForm = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?\n?$`)
	})
)

// Comparer orders two versions: below 0, 0, above 0. What is no version of the
// kind is an error.
type Comparer func(a, b string) (int, error)

// Compare is a Comparer's result for versions of a sane length.
func (c Comparer) Compare(a, b string) (int, error) {
	if max(len(a), len(b)) > maxLength {
		return 0, fmt.Errorf("a version of %d characters is too long", max(len(a), len(b)))
	}
	return c(a, b)
}

// maxLength bounds versions: numbers in them are compared as such.
const maxLength = 1 << 16

// part is a piece of a version: a number or text.
type part struct {
	n *big.Int // nil for text
	s string
}

func numberPart(s string) part {
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		return part{s: s}
	}
	return part{n: n}
}

func looseParts(s string) []part {
	var out []part
	add := func(p string) {
		switch {
		case p == "" || p == ".":
		case p[0] >= '0' && p[0] <= '9':
			out = append(out, numberPart(p))
		default:
			out = append(out, part{s: p})
		}
	}
	at := 0
	for _, loc := range looseForm().FindAllStringIndex(s, -1) {
		add(s[at:loc[0]])
		add(s[loc[0]:loc[1]])
		at = loc[1]
	}
	add(s[at:])
	return out
}

// Loose compares runs of digits as numbers and runs of letters as text; a
// number against letters is an error, as in Python 3.
func Loose(a, b string) (int, error) {
	x, y := looseParts(a), looseParts(b)
	for i := 0; i < len(x) && i < len(y); i++ {
		switch p, q := x[i], y[i]; {
		case p.n != nil && q.n != nil:
			if c := p.n.Cmp(q.n); c != 0 {
				return c, nil
			}
		case p.n == nil && q.n == nil:
			if c := strings.Compare(p.s, q.s); c != 0 {
				return c, nil
			}
		case p.n != nil:
			return 0, errors.New("'<' not supported between instances of 'int' and 'str'")
		default:
			return 0, errors.New("'<' not supported between instances of 'str' and 'int'")
		}
	}
	return len(x) - len(y), nil
}

type strictVersion struct {
	nums   [3]*big.Int
	letter string
	pre    *big.Int
}

func parseStrict(s string) (strictVersion, error) {
	m := strictForm().FindStringSubmatch(s)
	if m == nil {
		return strictVersion{}, fmt.Errorf("invalid version number '%s'", s)
	}
	if m[4] == "" {
		m[4] = "0"
	}
	v := strictVersion{nums: [3]*big.Int{numberPart(m[1]).n, numberPart(m[2]).n, numberPart(m[4]).n}}
	if m[5] != "" {
		v.letter, v.pre = m[5][:1], numberPart(m[6]).n
	}
	return v, nil
}

// Strict compares N.N[.N][aN|bN].
func Strict(a, b string) (int, error) {
	x, err := parseStrict(a)
	if err != nil {
		return 0, err
	}
	y, err := parseStrict(b)
	if err != nil {
		return 0, err
	}
	if c := slices.CompareFunc(x.nums[:], y.nums[:], (*big.Int).Cmp); c != 0 {
		return c, nil
	}
	switch {
	case x.pre == nil && y.pre == nil:
		return 0, nil
	case x.pre == nil:
		return 1, nil
	case y.pre == nil:
		return -1, nil
	}
	if c := strings.Compare(x.letter, y.letter); c != 0 {
		return c, nil
	}
	return x.pre.Cmp(y.pre), nil
}

func parseSemver(s string) (nums []part, pre []part, err error) {
	m := semverForm().FindStringSubmatch(s)
	if m == nil {
		return nil, nil, fmt.Errorf("invalid semantic version '%s'", s)
	}
	for _, n := range m[1:4] {
		nums = append(nums, numberPart(n))
	}
	if m[4] != "" {
		for _, p := range strings.Split(m[4], ".") {
			if strings.Trim(p, "0123456789") == "" {
				pre = append(pre, numberPart(p))
			} else {
				pre = append(pre, part{s: p})
			}
		}
	}
	return nums, pre, nil
}

// compareParts orders numbers before text.
func compareParts(a, b part) int {
	switch {
	case a.n != nil && b.n != nil:
		return a.n.Cmp(b.n)
	case a.n != nil:
		return -1
	case b.n != nil:
		return 1
	}
	return strings.Compare(a.s, b.s)
}

// Semver compares N.N.N[-PRE][+BUILD]; what is behind + does not count.
func Semver(a, b string) (int, error) {
	x, preX, err := parseSemver(a)
	if err != nil {
		return 0, err
	}
	y, preY, err := parseSemver(b)
	if err != nil {
		return 0, err
	}
	if c := slices.CompareFunc(x, y, compareParts); c != 0 {
		return c, nil
	}
	if (preX == nil) != (preY == nil) {
		if preX == nil {
			return 1, nil
		}
		return -1, nil
	}
	return slices.CompareFunc(preX, preY, compareParts), nil
}
