package ansible

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/py/pyrandom"
	"remoterun/runner/value"
)

// randomEntries are random and shuffle: with a seed they give what Python's
// generator gives, so that seeded values stay the same when a playbook moves
// here.
func randomEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "random", Sig: "random(start=None, step=None, seed=None)", Example: "{{ 100 | random(seed='web1') }}", Shows: "41", Func: filterRandom, Impure: true, Spread: core.SpreadNone},
		{Name: "shuffle", Sig: "shuffle(seed=None)", Example: "{{ [1, 2, 3, 4] | shuffle(seed='x') }}", Shows: "[1, 2, 4, 3]", Func: filterShuffle, Impure: true, Undefined: true, Spread: core.SpreadNone},
		{Name: "random_mac", From: []string{"community.general"}, Sig: "random_mac(seed=None)", Example: "{{ '52:54:00' | random_mac(seed='web1') }}", Shows: "52:54:00:63:d2:09", Func: filterRandomMAC, Impure: true},
	})
}

func filterRandom(c *core.Call) (value.Value, error) {
	a, err := c.Bind("start=", "step=", "seed=")
	if err != nil {
		return value.Value{}, err
	}
	draw, err := pyrandom.Generator(a[2])
	if err != nil {
		return value.Value{}, err
	}
	if _, ok := c.In.AsBig(); ok {
		return randrange(draw, a[0], c.In, a[1])
	}
	switch c.In.Kind() {
	case value.KindString, value.KindList, value.KindTuple, value.KindMap:
	default:
		return value.Value{}, errors.New("random can only be used on sequences and integers")
	}
	if value.Truth(core.NullIfUndefined(a[0])) || value.Truth(core.NullIfUndefined(a[1])) {
		return value.Value{}, errors.New("start and step can only be used with integer values")
	}
	if m, ok := c.In.AsMap(); ok && m.Len() > 0 {
		k := draw(big.NewInt(int64(m.Len())))
		if v, ok := m.Get(value.Big(k)); ok {
			return v, nil
		}
		return value.Value{}, errors.New(k.String())
	}
	items, err := c.Iterate(c.In)
	if err != nil {
		return value.Value{}, err
	}
	if len(items) == 0 {
		return value.Value{}, errors.New("Cannot choose from an empty sequence")
	}
	return items[draw(big.NewInt(int64(len(items)))).Int64()], nil
}

// randrange is Python's method of that name.
func randrange(draw pyrandom.Draw, from, to, by value.Value) (value.Value, error) {
	start, step := new(big.Int), big.NewInt(1)
	for _, p := range []struct {
		v    value.Value
		into *big.Int
	}{{from, start}, {by, step}} {
		if !value.Truth(core.NullIfUndefined(p.v)) {
			continue
		}
		n, ok := p.v.AsBig()
		if !ok {
			return value.Value{}, fmt.Errorf("'%s' object cannot be interpreted as an integer", value.TypeName(p.v))
		}
		p.into.Set(n)
	}
	stop, _ := to.AsBig()
	width := new(big.Int).Sub(stop, start)
	n := new(big.Int).Add(width, step)
	if step.Sign() > 0 {
		n.Sub(n, big.NewInt(1))
	} else {
		n.Add(n, big.NewInt(1))
	}
	n = new(big.Int).Div(n, step)
	if step.Sign() < 0 {
		n = new(big.Int).Quo(new(big.Int).Add(new(big.Int).Add(width, step), big.NewInt(1)), step)
	}
	if n.Sign() <= 0 {
		return value.Value{}, fmt.Errorf("empty range for randrange() (%s, %s, %s)", start, stop, width)
	}
	return value.Big(new(big.Int).Add(start, new(big.Int).Mul(step, draw(n)))), nil
}

func filterShuffle(c *core.Call) (value.Value, error) {
	a, err := c.Bind("seed=")
	if err != nil {
		return value.Value{}, err
	}
	items, err := c.Iterate(c.In)
	if err != nil {
		return c.In, nil // as Ansible: what is not a list is returned as it came
	}
	seed := a[0]
	if !value.Truth(core.NullIfUndefined(seed)) {
		seed = value.Null()
	}
	draw, err := pyrandom.Generator(seed)
	if err != nil {
		return c.In, nil
	}
	out := slices.Clone(items)
	for i := len(out) - 1; i > 0; i-- {
		j := draw(big.NewInt(int64(i + 1))).Int64()
		out[i], out[j] = out[j], out[i]
	}
	return value.List(out...), nil
}

func filterRandomMAC(c *core.Call) (value.Value, error) {
	a, err := c.Bind("seed=")
	if err != nil {
		return value.Value{}, err
	}
	prefix, ok := c.In.AsString()
	if !ok {
		return value.Value{}, fmt.Errorf("Invalid value type (%s) for random_mac (%s)", core.PyType(c.In), value.Show(c.In))
	}
	prefix = strings.ToLower(prefix)
	octets, err := macPrefix(prefix)
	if err != nil {
		return value.Value{}, err
	}
	draw, err := pyrandom.Generator(a[0])
	if err != nil {
		return value.Value{}, err
	}
	// random.randint(68719476736, 1099511627775): ten hexadecimal digits.
	lo := big.NewInt(68719476736)
	n := new(big.Int).Add(lo, draw(big.NewInt(1099511627775-68719476736+1)))
	digits := fmt.Sprintf("%x", n)
	for i := 0; octets < 6; octets, i = octets+1, i+2 {
		prefix += ":" + digits[i:i+2]
	}
	return core.Text(prefix)
}

// macPrefix counts the octets that a MAC address begins with.
func macPrefix(s string) (int, error) {
	parts := strings.Split(s, ":")
	if len(parts) > 5 {
		return 0, fmt.Errorf("Invalid value (%s) for random_mac: 5 colon(:) separated items max", s)
	}
	for _, p := range parts {
		switch {
		case p == "":
			return 0, fmt.Errorf("Invalid value (%s) for random_mac: empty item", s)
		case len(p) < 2 || !isHex(p[:2]):
			return 0, fmt.Errorf("Invalid value (%s) for random_mac: %s not hexa byte", s, p)
		}
	}
	return len(parts), nil
}
