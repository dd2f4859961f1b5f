package jinja

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
)

// ipNet is an address with a prefix, as Python's netaddr has it.
type ipNet struct {
	v      *big.Int
	prefix int
	width  int // 32 or 128
}

var errAddress = errors.New("invalid IP address or network")

func (n ipNet) version() int64 {
	if n.width == 32 {
		return 4
	}
	return 6
}

func ipFromAddr(a netip.Addr) ipNet {
	b := a.AsSlice()
	return ipNet{new(big.Int).SetBytes(b), len(b) * 8, len(b) * 8}
}

// ipFromInt picks IPv4 for small numbers, as netaddr does.
func ipFromInt(i *big.Int) (ipNet, error) {
	switch {
	case i.Sign() < 0 || i.BitLen() > 128:
		return ipNet{}, fmt.Errorf("bad address format: %s", i)
	case i.BitLen() > 32:
		return ipNet{i, 128, 128}, nil
	}
	return ipNet{i, 32, 32}, nil
}

// parseAddress reads one whole address.
func parseAddress(s string) (ipNet, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return ipNet{}, errAddress
	}
	return ipFromAddr(a), nil
}

// parseNetwork reads ADDRESS, ADDRESS/PREFIX or ADDRESS/MASK; an IPv4 address
// may lack its last numbers.
func parseNetwork(s string) (ipNet, error) {
	addr, suffix, has := strings.Cut(s, "/")
	n, err := parseAddress(addr)
	if err != nil {
		if n, err = parsePartial(addr); err != nil {
			return n, err
		}
	}
	if !has {
		return n, nil
	}
	if p, err := strconv.Atoi(strings.TrimSpace(suffix)); err == nil {
		n.prefix = p
	} else if n.prefix, err = maskPrefix(suffix, n.width); err != nil {
		return n, err
	}
	if n.prefix < 0 || n.prefix > n.width {
		return n, errAddress
	}
	return n, nil
}

func parsePartial(s string) (ipNet, error) {
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return ipNet{}, errAddress
	}
	for i, p := range parts {
		n, err := strconv.Atoi(strings.TrimSpace(p))
		if err != nil {
			return ipNet{}, errAddress
		}
		parts[i] = strconv.Itoa(n)
	}
	for len(parts) < 4 {
		parts = append(parts, "0")
	}
	return parseAddress(strings.Join(parts, "."))
}

// maskPrefix reads a netmask or a host mask.
func maskPrefix(s string, width int) (int, error) {
	m, err := parseAddress(s)
	if err != nil || m.width != width {
		return 0, errAddress
	}
	for p := 0; p <= width; p++ {
		probe := ipNet{new(big.Int), p, width}
		if probe.mask().Cmp(m.v) == 0 {
			return p, nil
		}
	}
	for p := 0; p <= width; p++ {
		probe := ipNet{new(big.Int), p, width}
		if probe.hostmask().Cmp(m.v) == 0 {
			return p, nil
		}
	}
	return 0, errAddress
}

func (n ipNet) size() *big.Int { return new(big.Int).Lsh(big.NewInt(1), uint(n.width-n.prefix)) }

func (n ipNet) hostmask() *big.Int { return new(big.Int).Sub(n.size(), big.NewInt(1)) }

func (n ipNet) mask() *big.Int {
	all := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(n.width)), big.NewInt(1))
	return all.Xor(all, n.hostmask())
}

func (n ipNet) first() *big.Int { return new(big.Int).AndNot(n.v, n.hostmask()) }

func (n ipNet) last() *big.Int { return new(big.Int).Or(n.v, n.hostmask()) }

// single is one address of the same version.
func (n ipNet) single(v *big.Int) ipNet { return ipNet{v, n.width, n.width} }

// isNetwork says that the address is the first of its network.
func (n ipNet) isNetwork() bool { return n.v.Cmp(n.first()) == 0 }

// hasBroadcast: IPv4 networks of one or two addresses have none.
func (n ipNet) hasBroadcast() bool { return n.width != 32 || n.width-n.prefix > 1 }

// many says that the network holds more than k addresses.
func (n ipNet) many(k int64) bool { return n.size().Cmp(big.NewInt(k)) > 0 }

func (n ipNet) holds(m ipNet) bool {
	return n.width == m.width && n.first().Cmp(m.first()) <= 0 && m.last().Cmp(n.last()) <= 0
}

// in reports whether the network lies within one of those written in nets.
func (n ipNet) in(nets ...string) bool {
	for _, s := range nets {
		if m, err := parseNetwork(s); err == nil && m.holds(n) {
			return true
		}
	}
	return false
}

// usable is the first and last address that hosts can have.
func (n ipNet) usable() (first, last *big.Int, err error) {
	switch {
	case !n.many(1):
		return nil, nil, errors.New("cannot unpack non-iterable NoneType object")
	case n.many(2):
		return new(big.Int).Add(n.first(), big.NewInt(1)), new(big.Int).Sub(n.last(), big.NewInt(1)), nil
	}
	return n.first(), n.last(), nil
}

// ip is the address alone.
func (n ipNet) ip() string { return n.text(n.v) }

func (n ipNet) String() string { return n.ip() + "/" + strconv.Itoa(n.prefix) }

// cidr is the network itself.
func (n ipNet) cidr() ipNet { return ipNet{n.first(), n.prefix, n.width} }

// text writes an address as the C library does.
func (n ipNet) text(v *big.Int) string {
	if n.width == 32 {
		b := v.FillBytes(make([]byte, 4))
		return fmt.Sprintf("%d.%d.%d.%d", b[0], b[1], b[2], b[3])
	}
	b := [16]byte(v.FillBytes(make([]byte, 16)))
	a := netip.AddrFrom16(b)
	// ::a.b.c.d keeps its dots, as long as it is no tiny number.
	if !a.Is4In6() && v.BitLen() <= 32 && v.BitLen() > 16 {
		return fmt.Sprintf("::%d.%d.%d.%d", b[12], b[13], b[14], b[15])
	}
	return a.String()
}

// nth answers the address at an index, negative ones from the end.
func (n ipNet) nth(i *big.Int) (ipNet, bool) {
	size := n.size()
	switch {
	case i.Sign() < 0 && new(big.Int).Neg(i).Cmp(size) <= 0:
		return n.single(new(big.Int).Add(new(big.Int).Add(n.last(), i), big.NewInt(1))), true
	case i.Sign() >= 0 && i.Cmp(size) < 0:
		return n.single(new(big.Int).Add(n.first(), i)), true
	}
	return ipNet{}, false
}

func privateNets() []string {
	return []string{"10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "239.0.0.0/8", "fc00::/7", "fec0::/10", "169.254.0.0/16", "fe80::/10"}
}

func (n ipNet) isPrivate() bool { return n.in(privateNets()...) }

func (n ipNet) isMulticast() bool { return n.in("224.0.0.0/4", "ff00::/8") }

func (n ipNet) isLoopback() bool { return n.in("127.0.0.0/8", "::1/128") }

// isMask reports a netmask or a host mask.
func (n ipNet) isMask() bool {
	power := func(i *big.Int) bool {
		return new(big.Int).And(i, new(big.Int).Sub(i, big.NewInt(1))).Sign() == 0
	}
	one := big.NewInt(1)
	all := new(big.Int).Sub(new(big.Int).Lsh(one, uint(n.width)), one)
	net := new(big.Int).Add(new(big.Int).Xor(n.v, all), one)
	return power(net) || power(new(big.Int).Add(n.v, one))
}

func (n ipNet) isPublic() bool {
	a := n.single(n.v)
	return !a.isMulticast() && !a.isPrivate() && !a.isLoopback() && !a.isMask()
}

// reverse is the name of an address in the DNS.
func (n ipNet) reverse() string {
	var parts []string
	if n.width == 32 {
		parts = strings.Split(n.ip(), ".")
	} else {
		parts = strings.Split(fmt.Sprintf("%032x", n.v), "")
	}
	var b strings.Builder
	for i := len(parts) - 1; i >= 0; i-- {
		b.WriteString(parts[i] + ".")
	}
	if n.width == 32 {
		return b.String() + "in-addr.arpa."
	}
	return b.String() + "ip6.arpa."
}
