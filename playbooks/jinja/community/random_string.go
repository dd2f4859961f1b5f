package community

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/py/pyrandom"
	"remoterun/runner/value"
)

// randomStringEntries draw text.
func randomStringEntries() []core.Entry {
	return core.Lookups([]core.Entry{{Name: "random_string", Sig: "random_string(length=8, upper=True, lower=True, numbers=True, special=True, min_*=0, override_special, override_all, base64=False)", Example: "{{ lookup('community.general.random_string', length=12) | length }}", Shows: "12", Func: lookupRandomString, Impure: true}}, false)
}

// lookupRandomString draws letters of chosen classes.
func lookupRandomString(c *core.Call) (value.Value, error) {
	known := []string{"length", "upper", "lower", "numbers", "special", "min_upper", "min_lower", "min_numeric", "min_special", "override_special", "override_all", "base64", "ignore_similar_chars", "similar_chars", "seed"}
	opt, err := c.Options(known...)
	if err != nil {
		return value.Value{}, err
	}
	draw, err := pyrandom.Generator(core.NullIfUndefined(core.Optional(opt, "seed")))
	if err != nil {
		return value.Value{}, err
	}
	length, err := core.WantInt(core.Optional(opt, "length"), 8)
	if err != nil || length < 0 || length > 1<<16 {
		return value.Value{}, errors.New("length must be a number of letters")
	}
	s, err := randomLetters(draw, opt, int(length))
	if err != nil {
		return value.Value{}, err
	}
	if core.WordTruth(core.NullIfUndefined(core.Optional(opt, "base64"))) {
		s = base64.StdEncoding.EncodeToString([]byte(s))
	}
	return value.Strings(s), nil
}

// randomLetters draws the letters that must be there, then any, and mixes.
func randomLetters(draw pyrandom.Draw, opt map[string]value.Value, length int) (string, error) {
	similar := ""
	if core.WordTruth(core.NullIfUndefined(core.Optional(opt, "ignore_similar_chars"))) {
		similar = core.TextOr(core.Optional(opt, "similar_chars"), "il1LoO0")
	}
	clean := func(set string) string {
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune(similar, r) {
				return -1
			}
			return r
		}, set)
	}
	pick := func(set string, n int) (string, error) {
		letters := []rune(set)
		if len(letters) == 0 && n > 0 {
			return "", errors.New("Available characters cannot be None, please change constraints")
		}
		var b strings.Builder
		for range n {
			b.WriteRune(letters[draw(big.NewInt(int64(len(letters)))).Int64()])
		}
		return b.String(), nil
	}
	if all := core.TextOr(core.Optional(opt, "override_all"), ""); all != "" {
		return pick(all, length)
	}
	set, out := "", ""
	for _, class := range []struct{ name, min, letters string }{
		{"upper", "min_upper", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}, {"lower", "min_lower", "abcdefghijklmnopqrstuvwxyz"},
		{"numbers", "min_numeric", "0123456789"}, {"special", "min_special", core.TextOr(core.Optional(opt, "override_special"), "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")},
	} {
		letters := clean(class.letters)
		if v, ok := opt[class.name]; !ok || core.WordTruth(v) {
			set += letters
		}
		least, err := core.WantInt(core.Optional(opt, class.min), 0)
		if err != nil || least < 0 || least > 1<<16 {
			return "", fmt.Errorf("%s must be a number", class.min)
		}
		some, err := pick(letters, int(least))
		if err != nil {
			return "", err
		}
		out += some
	}
	rest, err := pick(set, max(0, length-len(out)))
	if err != nil {
		return "", err
	}
	letters := []rune(out + rest)
	for i := len(letters) - 1; i > 0; i-- {
		j := draw(big.NewInt(int64(i + 1))).Int64()
		letters[i], letters[j] = letters[j], letters[i]
	}
	return string(letters), nil
}
