package jinja

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"remoterun/playbooks/jinja/ipnet"
	"remoterun/runner/value"
)

// communityMoreEntries are later filters of community.general and
// ansible.utils, and their plug-ins.
func communityMoreEntries() []entry {
	filters := strictAll([]entry{
		{name: "lists_union", sig: "lists_union(*lists, flatten=False)", example: "{{ [1, 2] | community.general.lists_union([2, 3]) }}", shows: "[1, 2, 3]", fn: listsFilter(unionLists), spread: spreadNone},
		{name: "lists_intersect", sig: "lists_intersect(*lists, flatten=False)", example: "{{ [1, 2] | community.general.lists_intersect([2, 3]) }}", shows: "[2]", fn: listsFilter(keepLists(true)), spread: spreadNone},
		{name: "lists_difference", sig: "lists_difference(*lists, flatten=False)", example: "{{ [1, 2] | community.general.lists_difference([2, 3]) }}", shows: "[1]", fn: listsFilter(keepLists(false)), spread: spreadNone},
		{name: "lists_symmetric_difference", sig: "lists_symmetric_difference(*lists, flatten=False)", example: "{{ [1, 2] | community.general.lists_symmetric_difference([2, 3]) }}", shows: "[1, 3]", fn: listsFilter(symmetricLists), spread: spreadNone},
		{name: "accumulate", sig: "accumulate", example: "{{ [1, 2, 3] | community.general.accumulate }}", shows: "[1, 3, 6]", fn: noArguments(filterAccumulate)},
		{name: "ipcut", sig: "ipcut(amount)", example: "{{ '1234:4321:abcd:dcba::17' | ansible.utils.ipcut(5) }}", shows: "1234:4321:abcd:dcba:0", fn: filterIPCut},
		{name: "ipv6form", sig: "ipv6form(format)", example: "{{ '1234:4321:abcd:dcba::17' | ansible.utils.ipv6form('expand') }}", shows: "1234:4321:abcd:dcba:0000:0000:0000:0017", fn: filterIPv6Form},
	})
	tests := strictAll(asTests([]entry{{name: "timedout", sig: "timedout", example: "{{ {'timedout': true} is timedout }}", shows: "True", fn: resultTest("timedout", false)}}))
	data := asLookups([]entry{
		{name: "get_path", sig: "get_path(var, path, wantlist=False)", example: "{{ lookup('ansible.utils.get_path', {'a': {'b': 1}}, 'a.b') }}", shows: "1", fn: asLookup(filterGetPath), spread: spreadNone},
		{name: "to_paths", sig: "to_paths(var, prepend=None, wantlist=False)", example: "{{ lookup('ansible.utils.to_paths', {'a': {'b': 1}}) }}", shows: "{'a.b': 1}", fn: asLookup(filterToPaths), spread: spreadNone},
		{name: "index_of", sig: "index_of(data, test, value=None, key=None)", example: "{{ lookup('ansible.utils.index_of', ['a', 'b'], 'eq', 'b') }}", shows: "1", fn: asLookup(filterIndexOf), spread: spreadNone},
	}, true)
	random := asLookups([]entry{{name: "random_string", sig: "random_string(length=8, upper=True, lower=True, numbers=True, special=True, min_*=0, override_special, override_all, base64=False)", example: "{{ lookup('community.general.random_string', length=12) | length }}", shows: "12", fn: lookupRandomString, impure: true}}, false)
	return slices.Concat(filters, tests, data, random)
}

// asLookup makes a filter's code a plug-in's: its input is the first term or
// the argument named so.
func asLookup(fn function) function {
	return func(c *call) (value.Value, error) {
		in, args, kw := value.Undefined("var"), c.args, value.NewMap()
		if len(args) > 0 {
			in, args = args[0], args[1:]
		}
		for k, v := range c.kw.All() {
			switch name, _ := k.AsString(); name {
			case "var", "data":
				in = v
			default:
				kw.Set(k, v)
			}
		}
		if err := defined(in); err != nil {
			return value.Value{}, err
		}
		v, err := fn(c.with(c.name, in, args, kw))
		return value.List(v), err
	}
}

// listsFilter folds any number of lists.
func listsFilter(f func(a, b []value.Value) []value.Value) function {
	return func(c *call) (value.Value, error) {
		flat := false
		for k, v := range c.kw.All() {
			if value.Str(k) != "flatten" {
				return value.Value{}, fmt.Errorf("%s() got an unexpected keyword argument '%s'", c.short(), value.Str(k))
			}
			flat = value.Truth(v)
		}
		lists := append([]value.Value{c.in}, c.args...)
		if flat && len(lists) == 1 {
			lists = lists[0].Items()
		}
		var out []value.Value
		for i, l := range lists {
			if !listLike(l) {
				return value.Value{}, fmt.Errorf("All arguments of %s must be lists, not %s", c.short(), pyType(l))
			}
			if err := c.work(len(l.Items()) + len(out)); err != nil {
				return value.Value{}, err
			}
			items, err := uniqueItems(c, l.Items())
			if err != nil {
				return value.Value{}, err
			}
			if i == 0 {
				out = items
				continue
			}
			out = f(out, items)
		}
		return value.List(out...), nil
	}
}

func unionLists(a, b []value.Value) []value.Value {
	return slices.Concat(a, keepLists(false)(b, a))
}

func keepLists(in bool) func(a, b []value.Value) []value.Value {
	return func(a, b []value.Value) []value.Value {
		var out []value.Value
		for _, it := range a {
			if inList(b, it) == in {
				out = append(out, it)
			}
		}
		return out
	}
}

func symmetricLists(a, b []value.Value) []value.Value {
	return slices.Concat(keepLists(false)(a, b), keepLists(false)(b, a))
}

func filterAccumulate(c *call) (value.Value, error) {
	if !listLike(c.in) && !c.in.IsString() {
		return value.Value{}, fmt.Errorf("Invalid value type (%s) for accumulate", pyType(c.in))
	}
	items, err := c.iterate(c.in)
	if err != nil {
		return value.Value{}, err
	}
	out := slices.Clone(items)
	for i := 1; i < len(out); i++ {
		if out[i], err = c.arith("+", out[i-1], out[i]); err != nil {
			return value.Value{}, err
		}
		if s, ok := out[i].AsString(); ok {
			if err := c.work(len(s)); err != nil {
				return value.Value{}, err
			}
		}
	}
	return value.List(out...), nil
}

// groups6 are the eight groups of an IPv6 address, all digits.
func groups6(v value.Value) ([]string, error) {
	n, err := ipnet.ParseAddress(value.Str(v))
	if err != nil || n.Width != 128 {
		return nil, fmt.Errorf("%s is no IPv6 address", value.Show(v))
	}
	hex := fmt.Sprintf("%032x", n.V)
	var out []string
	for i := 0; i < 32; i += 4 {
		out = append(out, hex[i:i+4])
	}
	return out, nil
}

func filterIPCut(c *call) (value.Value, error) {
	a, err := c.bind("amount")
	if err != nil {
		return value.Value{}, err
	}
	n, err := asInteger(a[0])
	if err != nil {
		return value.Value{}, fmt.Errorf("You must pass an integer for arithmetic; %s is not a valid integer", value.Show(a[0]))
	}
	groups, err := groups6(c.in)
	if err != nil {
		return value.Value{}, err
	}
	for i, g := range groups {
		if groups[i] = strings.TrimLeft(g, "0"); groups[i] == "" {
			groups[i] = "0"
		}
	}
	switch {
	case n < 0:
		groups = groups[max(0, len(groups)+int(max(n, -8))):]
	default:
		groups = groups[:min(len(groups), int(min(n, 8)))]
	}
	return textResult(strings.Join(groups, ":"))
}

func filterIPv6Form(c *call) (value.Value, error) {
	a, err := c.bind("format")
	if err != nil {
		return value.Value{}, err
	}
	groups, err := groups6(c.in)
	if err != nil {
		return value.Value{}, err
	}
	switch form := value.Str(a[0]); form {
	case "expand":
		return textResult(strings.Join(groups, ":"))
	case "x509":
		for i, g := range groups {
			if groups[i] = strings.TrimLeft(g, "0"); groups[i] == "" {
				groups[i] = "0"
			}
		}
		return textResult(strings.Join(groups, ":"))
	case "compress":
		n, _ := ipnet.ParseAddress(value.Str(c.in))
		return textResult(n.IP())
	default:
		return value.Value{}, fmt.Errorf("ipv6form: '%s' is no format: expand, compress or x509", form)
	}
}

// lookupRandomString draws letters of chosen classes.
func lookupRandomString(c *call) (value.Value, error) {
	known := []string{"length", "upper", "lower", "numbers", "special", "min_upper", "min_lower", "min_numeric", "min_special", "override_special", "override_all", "base64", "ignore_similar_chars", "similar_chars", "seed"}
	opt, err := c.options(known...)
	if err != nil {
		return value.Value{}, err
	}
	draw, err := generator(nullIfUndefined(optional(opt, "seed")))
	if err != nil {
		return value.Value{}, err
	}
	length, err := wantInt(optional(opt, "length"), 8)
	if err != nil || length < 0 || length > 1<<16 {
		return value.Value{}, errors.New("length must be a number of letters")
	}
	s, err := randomLetters(draw, opt, int(length))
	if err != nil {
		return value.Value{}, err
	}
	if wordTruth(nullIfUndefined(optional(opt, "base64"))) {
		s = base64.StdEncoding.EncodeToString([]byte(s))
	}
	return value.Strings(s), nil
}

// randomLetters draws the letters that must be there, then any, and mixes.
func randomLetters(draw below, opt map[string]value.Value, length int) (string, error) {
	similar := ""
	if wordTruth(nullIfUndefined(optional(opt, "ignore_similar_chars"))) {
		similar = textOr(optional(opt, "similar_chars"), "il1LoO0")
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
	if all := textOr(optional(opt, "override_all"), ""); all != "" {
		return pick(all, length)
	}
	set, out := "", ""
	for _, class := range []struct{ name, min, letters string }{
		{"upper", "min_upper", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}, {"lower", "min_lower", "abcdefghijklmnopqrstuvwxyz"},
		{"numbers", "min_numeric", "0123456789"}, {"special", "min_special", textOr(optional(opt, "override_special"), "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")},
	} {
		letters := clean(class.letters)
		if v, ok := opt[class.name]; !ok || wordTruth(v) {
			set += letters
		}
		least, err := wantInt(optional(opt, class.min), 0)
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
