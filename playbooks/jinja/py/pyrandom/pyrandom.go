// Package pyrandom draws numbers as Python's random.Random(seed) does, so that
// seeded values stay the same when a playbook moves here.
package pyrandom

import (
	cryptorand "crypto/rand"
	"crypto/sha512"
	"fmt"
	"math/big"

	"remoterun/runner/value"
)

// Draw returns a number from 0 to n-1.
type Draw func(n *big.Int) *big.Int

// Generator draws at random, or with a seed what Python draws.
func Generator(seed value.Value) (Draw, error) {
	if seed.IsUndefined() || seed.IsNull() {
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
