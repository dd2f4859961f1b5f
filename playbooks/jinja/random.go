package jinja

import (
	cryptorand "crypto/rand"
	"crypto/sha512"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"remoterun/runner/value"
)

// randomEntries are random and shuffle: with a seed they give what Python's
// generator gives, so that seeded values stay the same when a playbook moves
// here.
func randomEntries() []entry {
	return strictAll([]entry{
		{name: "random", sig: "random(start=None, step=None, seed=None)", example: "{{ 100 | random(seed='web1') }}", shows: "41", fn: filterRandom, impure: true, spread: spreadNone},
		{name: "shuffle", sig: "shuffle(seed=None)", example: "{{ [1, 2, 3, 4] | shuffle(seed='x') }}", shows: "[1, 2, 4, 3]", fn: filterShuffle, impure: true, undefined: true, spread: spreadNone},
		{name: "random_mac", sig: "random_mac(seed=None)", example: "{{ '52:54:00' | random_mac(seed='web1') }}", shows: "52:54:00:63:d2:09", fn: filterRandomMAC, impure: true},
	})
}

// below draws a number from 0 to n-1.
type below func(n *big.Int) *big.Int

func generator(seed value.Value) (below, error) {
	if !given(seed) {
		return func(n *big.Int) *big.Int {
			v, _ := cryptorand.Int(cryptorand.Reader, n)
			return v
		}, nil
	}
	m, err := newTwister(seed)
	if err != nil {
		return nil, err
	}
	return m.below, nil
}

func filterRandom(c *call) (value.Value, error) {
	a, err := c.bind("start=", "step=", "seed=")
	if err != nil {
		return value.Value{}, err
	}
	draw, err := generator(a[2])
	if err != nil {
		return value.Value{}, err
	}
	if _, ok := c.in.AsBig(); ok {
		return randrange(draw, a[0], c.in, a[1])
	}
	switch c.in.Kind() {
	case value.KindString, value.KindList, value.KindTuple, value.KindMap:
	default:
		return value.Value{}, errors.New("random can only be used on sequences and integers")
	}
	if value.Truth(nullIfUndefined(a[0])) || value.Truth(nullIfUndefined(a[1])) {
		return value.Value{}, errors.New("start and step can only be used with integer values")
	}
	if m, ok := c.in.AsMap(); ok && m.Len() > 0 {
		k := draw(big.NewInt(int64(m.Len())))
		if v, ok := m.Get(value.Big(k)); ok {
			return v, nil
		}
		return value.Value{}, errors.New(k.String())
	}
	items, err := c.iterate(c.in)
	if err != nil {
		return value.Value{}, err
	}
	if len(items) == 0 {
		return value.Value{}, errors.New("Cannot choose from an empty sequence")
	}
	return items[draw(big.NewInt(int64(len(items)))).Int64()], nil
}

// randrange is Python's method of that name.
func randrange(draw below, from, to, by value.Value) (value.Value, error) {
	start, step := new(big.Int), big.NewInt(1)
	for _, p := range []struct {
		v    value.Value
		into *big.Int
	}{{from, start}, {by, step}} {
		if !value.Truth(nullIfUndefined(p.v)) {
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

func filterShuffle(c *call) (value.Value, error) {
	a, err := c.bind("seed=")
	if err != nil {
		return value.Value{}, err
	}
	items, err := c.iterate(c.in)
	if err != nil {
		return c.in, nil // as Ansible: what is no list is answered as it came
	}
	seed := a[0]
	if !value.Truth(nullIfUndefined(seed)) {
		seed = value.Null()
	}
	draw, err := generator(seed)
	if err != nil {
		return c.in, nil
	}
	out := slices.Clone(items)
	for i := len(out) - 1; i > 0; i-- {
		j := draw(big.NewInt(int64(i + 1))).Int64()
		out[i], out[j] = out[j], out[i]
	}
	return value.List(out...), nil
}

// twister is the Mersenne Twister MT19937.
type twister struct {
	state [624]uint32
	at    int
}

// newTwister seeds as Python's random.Random(seed) does.
func newTwister(seed value.Value) (*twister, error) {
	n, isInt := seed.AsBig()
	if !isInt {
		s, isText := seed.AsString()
		f, isFloat := seed.AsFloat()
		switch {
		case isText:
			sum := sha512.Sum512([]byte(s))
			n = new(big.Int).SetBytes(append([]byte(s), sum[:]...))
		case isFloat && f == float64(int64(f)):
			n = big.NewInt(int64(f))
		default:
			return nil, fmt.Errorf("a seed must be text or an integer, not %s", value.TypeName(seed))
		}
	}
	var key []uint32
	rest, mask := new(big.Int).Abs(n), big.NewInt(0xffffffff)
	for rest.Sign() > 0 {
		key = append(key, uint32(new(big.Int).And(rest, mask).Uint64()))
		rest.Rsh(rest, 32)
	}
	if key == nil {
		key = []uint32{0}
	}
	m := &twister{}
	m.init(key)
	return m, nil
}

func (m *twister) seed(s uint32) {
	m.state[0] = s
	for i := 1; i < 624; i++ {
		m.state[i] = 1812433253*(m.state[i-1]^m.state[i-1]>>30) + uint32(i)
	}
	m.at = 624
}

func (m *twister) init(key []uint32) {
	m.seed(19650218)
	st := &m.state
	i, j := 1, 0
	step := func() {
		if i++; i >= 624 {
			st[0] = st[623]
			i = 1
		}
	}
	for range max(624, len(key)) {
		st[i] = (st[i] ^ (st[i-1]^st[i-1]>>30)*1664525) + key[j] + uint32(j)
		step()
		if j++; j >= len(key) {
			j = 0
		}
	}
	for range 623 {
		st[i] = (st[i] ^ (st[i-1]^st[i-1]>>30)*1566083941) - uint32(i)
		step()
	}
	st[0] = 0x80000000
}

func (m *twister) next() uint32 {
	if m.at >= 624 {
		for i := range m.state {
			y := m.state[i]&0x80000000 | m.state[(i+1)%624]&0x7fffffff
			m.state[i] = m.state[(i+397)%624] ^ y>>1
			if y&1 != 0 {
				m.state[i] ^= 0x9908b0df
			}
		}
		m.at = 0
	}
	y := m.state[m.at]
	m.at++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

// bits draws k random bits, the low words first.
func (m *twister) bits(k int) *big.Int {
	out := new(big.Int)
	for shift := 0; k > 0; shift, k = shift+32, k-32 {
		w := m.next()
		if k < 32 {
			w >>= 32 - k
		}
		out.Or(out, new(big.Int).Lsh(big.NewInt(int64(w)), uint(shift)))
	}
	return out
}

func (m *twister) below(n *big.Int) *big.Int {
	if n.Sign() == 0 {
		return new(big.Int)
	}
	for {
		if v := m.bits(n.BitLen()); v.Cmp(n) < 0 {
			return v
		}
	}
}

func filterRandomMAC(c *call) (value.Value, error) {
	a, err := c.bind("seed=")
	if err != nil {
		return value.Value{}, err
	}
	prefix, ok := c.in.AsString()
	if !ok {
		return value.Value{}, fmt.Errorf("Invalid value type (%s) for random_mac (%s)", pyType(c.in), value.Show(c.in))
	}
	prefix = lower(prefix)
	octets, err := macPrefix(prefix)
	if err != nil {
		return value.Value{}, err
	}
	draw, err := generator(a[0])
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
	return textResult(prefix)
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
