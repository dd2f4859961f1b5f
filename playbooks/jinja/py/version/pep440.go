package version

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// pep440 is a version as Python's packages have them.
type pep440 struct {
	epoch   *big.Int
	release []*big.Int
	// pre, post and dev order by rank first, then by number.
	pre, post, dev pepPart
	local          []part
	hasLocal       bool
}

type pepPart struct {
	rank int
	n    *big.Int
}

var pepForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^\s*v?(?:(?:([0-9]+)!)?([0-9]+(?:\.[0-9]+)*)([-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?([0-9]+)?)?((?:-([0-9]+))|(?:[-_.]?(post|rev|r)[-_.]?([0-9]+)?))?([-_.]?(dev)[-_.]?([0-9]+)?)?)(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*$`)
})

var pepSeparator = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[-_.]`) })

func number(s string) *big.Int {
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		return new(big.Int)
	}
	return n
}

func parsePEP440(s string) (pep440, error) {
	m := pepForm().FindStringSubmatch(s)
	if m == nil {
		return pep440{}, fmt.Errorf("Invalid version: '%s'", s)
	}
	v := pep440{epoch: number(m[1])}
	for _, n := range strings.Split(m[2], ".") {
		v.release = append(v.release, number(n))
	}
	for len(v.release) > 0 && v.release[len(v.release)-1].Sign() == 0 {
		v.release = v.release[:len(v.release)-1]
	}
	isPre, isPost, isDev := m[3] != "", m[6] != "", m[10] != ""
	v.pre = prePart(strings.ToLower(m[4]), m[5], isPre, isPost, isDev)
	if isPost {
		v.post = pepPart{1, number(m[7] + m[9])}
	}
	v.dev = pepPart{rank: 1}
	if isDev {
		v.dev = pepPart{0, number(m[12])}
	}
	if m[13] != "" {
		v.hasLocal = true
		for _, p := range pepSeparator().Split(strings.ToLower(m[13]), -1) {
			v.local = append(v.local, numberPart(p))
		}
	}
	return v, nil
}

// prePart ranks a pre-release: a dev release alone is before alphas, a final
// or post release after all candidates.
func prePart(word, n string, isPre, isPost, isDev bool) pepPart {
	switch {
	case !isPre && !isPost && isDev:
		return pepPart{rank: 0}
	case !isPre:
		return pepPart{rank: 4}
	}
	rank := 3
	switch word[0] {
	case 'a':
		rank = 1
	case 'b':
		rank = 2
	}
	return pepPart{rank, number(n)}
}

func comparePep(a, b pepPart) int {
	if a.rank != b.rank || a.n == nil || b.n == nil {
		return a.rank - b.rank
	}
	return a.n.Cmp(b.n)
}

// PEP440 compares [N!]N(.N)*[{a|b|rc}N][.postN][.devN][+LOCAL].
func PEP440(a, b string) (int, error) {
	x, err := parsePEP440(a)
	if err != nil {
		return 0, err
	}
	y, err := parsePEP440(b)
	if err != nil {
		return 0, err
	}
	for _, c := range []int{x.epoch.Cmp(y.epoch), slices.CompareFunc(x.release, y.release, (*big.Int).Cmp), comparePep(x.pre, y.pre), comparePep(x.post, y.post), comparePep(x.dev, y.dev)} {
		if c != 0 {
			return c, nil
		}
	}
	return compareLocal(x, y), nil
}

// compareLocal orders local versions: none first, text before numbers.
func compareLocal(x, y pep440) int {
	if x.hasLocal != y.hasLocal {
		if x.hasLocal {
			return 1
		}
		return -1
	}
	return slices.CompareFunc(x.local, y.local, func(a, b part) int {
		if (a.n == nil) != (b.n == nil) {
			return -compareParts(a, b)
		}
		return compareParts(a, b)
	})
}
