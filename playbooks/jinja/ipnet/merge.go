package ipnet

import (
	"errors"
	"math/big"
	"slices"
)

// ipRange is the addresses from lo to hi; whole is the network that it was,
// while it was not merged.
type addrRange struct {
	lo, hi *big.Int
	width  int
	whole  *Net
}

// Merge joins networks that touch or hold each other.
func Merge(nets []Net) []Net {
	var rs []addrRange
	for i := range nets {
		rs = append(rs, addrRange{nets[i].First(), nets[i].Last(), nets[i].Width, &nets[i]})
	}
	slices.SortStableFunc(rs, func(a, b addrRange) int {
		if a.width != b.width {
			return a.width - b.width
		}
		if c := a.hi.Cmp(b.hi); c != 0 {
			return c
		}
		return a.lo.Cmp(b.lo)
	})
	for i := len(rs) - 1; i > 0; i-- {
		a, b := rs[i-1], rs[i]
		if a.width == b.width && new(big.Int).Sub(b.lo, big.NewInt(1)).Cmp(a.hi) <= 0 {
			if b.lo.Cmp(a.lo) < 0 {
				a.lo = b.lo
			}
			rs[i-1] = addrRange{a.lo, b.hi, a.width, nil}
			rs = slices.Delete(rs, i, i+1)
		}
	}
	var out []Net
	for _, r := range rs {
		if r.whole != nil {
			out = append(out, *r.whole)
			continue
		}
		out = append(out, r.split()...)
	}
	return out
}

// split covers a range with the fewest networks.
func (r addrRange) split() []Net {
	var out []Net
	for at := new(big.Int).Set(r.lo); at.Cmp(r.hi) <= 0; {
		prefix := r.width
		for prefix > 0 {
			bigger := Net{at, prefix - 1, r.width}
			if !bigger.IsNetwork() || bigger.Last().Cmp(r.hi) > 0 {
				break
			}
			prefix--
		}
		n := Net{new(big.Int).Set(at), prefix, r.width}
		out = append(out, n)
		at = new(big.Int).Add(n.Last(), big.NewInt(1))
	}
	return out
}

// Span is the smallest network around all of them; there must be one.
func Span(nets []Net) (Net, error) {
	if len(nets) == 1 {
		return nets[0], nil
	}
	lo, hi := nets[0], nets[0]
	for _, n := range nets[1:] {
		if n.Width != lo.Width {
			return Net{}, errors.New("IP sequence cannot contain both IPv4 and IPv6!")
		}
		if compare(n, lo) < 0 {
			lo = n
		}
		if compare(n, hi) > 0 {
			hi = n
		}
	}
	at, prefix := hi.Last(), hi.Prefix
	for prefix > 0 && at.Cmp(lo.First()) > 0 {
		prefix--
		at = Net{at, prefix, hi.Width}.First()
	}
	return Net{at, prefix, hi.Width}, nil
}

// compareNets orders by first address, then the larger network first, then by
// the address itself.
func compare(a, b Net) int {
	if c := a.First().Cmp(b.First()); c != 0 {
		return c
	}
	if a.Prefix != b.Prefix {
		return a.Prefix - b.Prefix
	}
	return a.V.Cmp(b.V)
}
