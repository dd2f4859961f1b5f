package jinja

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"

	"remoterun/runner/value"
)

var (
	looseForm  = regexp.MustCompile(`[0-9]+|[a-z]+|\.`)
	strictForm = regexp.MustCompile(`^(\d+)\.(\d+)(\.(\d+))?([ab](\d+))?\n?$`)
	semverForm = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?\n?$`)
)

// versionEntries are the tests and filters that compare versions.
func versionEntries() []entry {
	return strictAll(append(asTests([]entry{
		{name: "version", aliases: also("version_compare"), sig: "version(version, operator='eq', strict=None, version_type=None)", example: "{{ '1.10' is version('1.9', '>') }}", shows: "True", fn: testVersion},
	}), entry{name: "version_sort", sig: "version_sort(reverse=False)", example: "{{ ['1.10', '1.9'] | version_sort }}", shows: "['1.9', '1.10']", fn: filterVersionSort, spread: spreadNone}))
}

func versionOperators() map[string]func(int) bool {
	eq := func(c int) bool { return c == 0 }
	ne := func(c int) bool { return c != 0 }
	lt := func(c int) bool { return c < 0 }
	le := func(c int) bool { return c <= 0 }
	gt := func(c int) bool { return c > 0 }
	ge := func(c int) bool { return c >= 0 }
	return map[string]func(int) bool{"==": eq, "=": eq, "eq": eq, "<": lt, "lt": lt, "<=": le, "le": le, ">": gt, "gt": gt, ">=": ge, "ge": ge, "!=": ne, "<>": ne, "ne": ne}
}

// comparer orders two versions: -1, 0, 1.
type comparer func(a, b string) (int, error)

func comparerOf(strictly, kind value.Value) (comparer, error) {
	if given(strictly) && given(kind) {
		return nil, errors.New("Cannot specify both 'strict' and 'version_type'")
	}
	if truthOr(strictly, false) {
		return compareStrict, nil
	}
	switch k := textOr(kind, "loose"); k {
	case "loose", "":
		return compareLoose, nil
	case "strict":
		return compareStrict, nil
	case "semver", "semantic":
		return compareSemver, nil
	case "pep440":
		return comparePEP440, nil
	default:
		return nil, fmt.Errorf("Invalid version type (%s). Must be one of 'loose', 'strict', 'semver', 'semantic', 'pep440'", k)
	}
}

func testVersion(c *call) (value.Value, error) {
	a, err := c.bind("version", "operator=", "strict=", "version_type=")
	if err != nil {
		return value.Value{}, err
	}
	cmp, err := comparerOf(a[2], a[3])
	switch {
	case err != nil:
		return value.Value{}, err
	case !value.Truth(c.in):
		return value.Value{}, errors.New("Input version value cannot be empty")
	case !value.Truth(a[0]):
		return value.Value{}, errors.New("Version parameter to compare against cannot be empty")
	}
	op := textOr(a[1], "eq")
	holds, ok := versionOperators()[op]
	if !ok {
		return value.Value{}, fmt.Errorf("Invalid operator type (%s). Must be one of '==', '=', 'eq', '<', 'lt', '<=', 'le', '>', 'gt', '>=', 'ge', '!=', '<>', 'ne'", op)
	}
	n, err := cmp(value.Str(c.in), value.Str(a[0]))
	if err != nil {
		return value.Value{}, fmt.Errorf("Version comparison failed: %w", err)
	}
	return value.Bool(holds(n)), nil
}

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
	for _, loc := range looseForm.FindAllStringIndex(s, -1) {
		add(s[at:loc[0]])
		add(s[loc[0]:loc[1]])
		at = loc[1]
	}
	add(s[at:])
	return out
}

func compareLoose(a, b string) (int, error) {
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
	m := strictForm.FindStringSubmatch(s)
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

func compareStrict(a, b string) (int, error) {
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
	m := semverForm.FindStringSubmatch(s)
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

func compareSemver(a, b string) (int, error) {
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

func filterVersionSort(c *call) (value.Value, error) {
	a, err := c.bind("reverse=")
	if err != nil {
		return value.Value{}, err
	}
	items, err := c.rt.iterate(c.in)
	if err != nil {
		return value.Value{}, err
	}
	out := slices.Clone(items)
	for _, it := range out {
		if _, err := wantText(it, "a version"); err != nil {
			return value.Value{}, err
		}
	}
	var failed error
	slices.SortStableFunc(out, func(a, b value.Value) int {
		n, err := compareLoose(value.Str(a), value.Str(b))
		if err != nil {
			failed = err
		}
		return n
	})
	if truthOr(a[0], false) {
		slices.Reverse(out)
	}
	return value.List(out...), failed
}
