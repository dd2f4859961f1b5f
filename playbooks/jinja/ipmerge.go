package jinja

import (
	"errors"
	"fmt"
	"math/big"
	"slices"

	"remoterun/runner/value"
)

func filterCIDRMerge(c *call) (value.Value, error) {
	a, err := c.bind("action=")
	if err != nil {
		return value.Value{}, err
	}
	if !listLike(c.in) {
		return value.Value{}, fmt.Errorf("cidr_merge: expected iterable, got %s", value.Show(c.in))
	}
	var nets []ipNet
	for _, it := range c.in.Items() {
		n, err := parseNetwork(value.Str(it))
		if err != nil {
			return value.Value{}, fmt.Errorf("cidr_merge: error in netaddr: invalid IPNetwork %s", value.Show(it))
		}
		nets = append(nets, n)
	}
	switch action := textOr(a[0], "merge"); action {
	case "merge":
		var out []value.Value
		for _, n := range mergeNets(nets) {
			out = append(out, value.String(n.String()))
		}
		return value.List(out...), c.rt.work(len(nets) * 32)
	case "span":
		return spanNets(nets)
	default:
		return value.Value{}, fmt.Errorf("cidr_merge: invalid action '%s'", action)
	}
}

// ipRange is the addresses from lo to hi; whole is the network that it was,
// while it was not merged.
type ipRange struct {
	lo, hi *big.Int
	width  int
	whole  *ipNet
}

func mergeNets(nets []ipNet) []ipNet {
	var rs []ipRange
	for i := range nets {
		rs = append(rs, ipRange{nets[i].first(), nets[i].last(), nets[i].width, &nets[i]})
	}
	slices.SortStableFunc(rs, func(a, b ipRange) int {
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
			rs[i-1] = ipRange{a.lo, b.hi, a.width, nil}
			rs = slices.Delete(rs, i, i+1)
		}
	}
	var out []ipNet
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
func (r ipRange) split() []ipNet {
	var out []ipNet
	for at := new(big.Int).Set(r.lo); at.Cmp(r.hi) <= 0; {
		prefix := r.width
		for prefix > 0 {
			bigger := ipNet{at, prefix - 1, r.width}
			if !bigger.isNetwork() || bigger.last().Cmp(r.hi) > 0 {
				break
			}
			prefix--
		}
		n := ipNet{new(big.Int).Set(at), prefix, r.width}
		out = append(out, n)
		at = new(big.Int).Add(n.last(), big.NewInt(1))
	}
	return out
}

// spanNets is the smallest network around all.
func spanNets(nets []ipNet) (value.Value, error) {
	switch len(nets) {
	case 0:
		return value.Null(), nil
	case 1:
		return value.String(nets[0].String()), nil
	}
	lo, hi := nets[0], nets[0]
	for _, n := range nets[1:] {
		if n.width != lo.width {
			return value.Value{}, errors.New("cidr_merge: error in netaddr: IP sequence cannot contain both IPv4 and IPv6!")
		}
		if compareNets(n, lo) < 0 {
			lo = n
		}
		if compareNets(n, hi) > 0 {
			hi = n
		}
	}
	at, prefix := hi.last(), hi.prefix
	for prefix > 0 && at.Cmp(lo.first()) > 0 {
		prefix--
		at = ipNet{at, prefix, hi.width}.first()
	}
	return value.String(ipNet{at, prefix, hi.width}.String()), nil
}

// compareNets orders by first address, then the larger network first, then by
// the address itself.
func compareNets(a, b ipNet) int {
	if c := a.first().Cmp(b.first()); c != 0 {
		return c
	}
	if a.prefix != b.prefix {
		return a.prefix - b.prefix
	}
	return a.v.Cmp(b.v)
}
