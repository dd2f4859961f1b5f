// Package ipnet reckons with addresses and networks as Python's netaddr does:
// an address keeps its host part beside the prefix, and both versions are
// numbers of any size.
package ipnet

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
)

// Net is an address with a prefix, as Python's netaddr has it.
type Net struct {
	V      *big.Int
	Prefix int
	Width  int // 32 or 128
}

// New is the address v of so many bits, with a prefix.
func New(v *big.Int, prefix, width int) Net { return Net{v, prefix, width} }

var errAddress = errors.New("invalid IP address or network")

// Version is 4 or 6.
func (n Net) Version() int64 {
	if n.Width == 32 {
		return 4
	}
	return 6
}

func fromAddr(a netip.Addr) Net {
	b := a.AsSlice()
	return Net{new(big.Int).SetBytes(b), len(b) * 8, len(b) * 8}
}

// FromInt picks IPv4 for small numbers, as netaddr does.
func FromInt(i *big.Int) (Net, error) {
	switch {
	case i.Sign() < 0 || i.BitLen() > 128:
		return Net{}, fmt.Errorf("bad address format: %s", i)
	case i.BitLen() > 32:
		return Net{i, 128, 128}, nil
	}
	return Net{i, 32, 32}, nil
}

// ParseAddress reads one whole address.
func ParseAddress(s string) (Net, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return Net{}, errAddress
	}
	return fromAddr(a), nil
}

// Parse reads ADDRESS, ADDRESS/PREFIX or ADDRESS/MASK; an IPv4 address
// may lack its last numbers.
func Parse(s string) (Net, error) {
	addr, suffix, has := strings.Cut(s, "/")
	n, err := ParseAddress(addr)
	if err != nil {
		if n, err = parsePartial(addr); err != nil {
			return n, err
		}
	}
	if !has {
		return n, nil
	}
	if p, err := strconv.Atoi(strings.TrimSpace(suffix)); err == nil {
		n.Prefix = p
	} else if n.Prefix, err = maskPrefix(suffix, n.Width); err != nil {
		return n, err
	}
	if n.Prefix < 0 || n.Prefix > n.Width {
		return n, errAddress
	}
	return n, nil
}

func parsePartial(s string) (Net, error) {
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return Net{}, errAddress
	}
	for i, p := range parts {
		n, err := strconv.Atoi(strings.TrimSpace(p))
		if err != nil {
			return Net{}, errAddress
		}
		parts[i] = strconv.Itoa(n)
	}
	for len(parts) < 4 {
		parts = append(parts, "0")
	}
	return ParseAddress(strings.Join(parts, "."))
}

// maskPrefix reads a netmask or a host mask.
func maskPrefix(s string, width int) (int, error) {
	m, err := ParseAddress(s)
	if err != nil || m.Width != width {
		return 0, errAddress
	}
	for p := 0; p <= width; p++ {
		probe := Net{new(big.Int), p, width}
		if probe.Mask().Cmp(m.V) == 0 {
			return p, nil
		}
	}
	for p := 0; p <= width; p++ {
		probe := Net{new(big.Int), p, width}
		if probe.Hostmask().Cmp(m.V) == 0 {
			return p, nil
		}
	}
	return 0, errAddress
}

// Size is how many addresses the network has.
func (n Net) Size() *big.Int { return new(big.Int).Lsh(big.NewInt(1), uint(n.Width-n.Prefix)) }

// Hostmask is the mask of the host part.
func (n Net) Hostmask() *big.Int { return new(big.Int).Sub(n.Size(), big.NewInt(1)) }

// Mask is the netmask.
func (n Net) Mask() *big.Int {
	all := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(n.Width)), big.NewInt(1))
	return all.Xor(all, n.Hostmask())
}

// First is the address of the network.
func (n Net) First() *big.Int { return new(big.Int).AndNot(n.V, n.Hostmask()) }

// Last is the last address of the network.
func (n Net) Last() *big.Int { return new(big.Int).Or(n.V, n.Hostmask()) }

// Single is one address of the same version.
func (n Net) Single(v *big.Int) Net { return Net{v, n.Width, n.Width} }

// IsNetwork says that the address is the first of its network.
func (n Net) IsNetwork() bool { return n.V.Cmp(n.First()) == 0 }

// HasBroadcast reports a broadcast address: IPv4 networks of one or two
// addresses have none.
func (n Net) HasBroadcast() bool { return n.Width != 32 || n.Width-n.Prefix > 1 }

// Many says that the network holds more than k addresses.
func (n Net) Many(k int64) bool { return n.Size().Cmp(big.NewInt(k)) > 0 }

// Holds reports whether all of m lies within the network.
func (n Net) Holds(m Net) bool {
	return n.Width == m.Width && n.First().Cmp(m.First()) <= 0 && m.Last().Cmp(n.Last()) <= 0
}

// In reports whether the network lies within one of those written in nets.
func (n Net) In(nets ...string) bool {
	for _, s := range nets {
		if m, err := Parse(s); err == nil && m.Holds(n) {
			return true
		}
	}
	return false
}

// Usable is the first and last address that hosts can have.
func (n Net) Usable() (first, last *big.Int, err error) {
	switch {
	case !n.Many(1):
		return nil, nil, errors.New("cannot unpack non-iterable NoneType object")
	case n.Many(2):
		return new(big.Int).Add(n.First(), big.NewInt(1)), new(big.Int).Sub(n.Last(), big.NewInt(1)), nil
	}
	return n.First(), n.Last(), nil
}

// IP is the address alone.
func (n Net) IP() string { return n.Text(n.V) }

// String is ADDRESS/PREFIX, with the host part.
func (n Net) String() string { return n.IP() + "/" + strconv.Itoa(n.Prefix) }

// CIDR is the network itself.
func (n Net) CIDR() Net { return Net{n.First(), n.Prefix, n.Width} }

// Text writes an address as the C library does.
func (n Net) Text(v *big.Int) string {
	if n.Width == 32 {
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

// Nth returns the address at an index, negative ones from the end.
func (n Net) Nth(i *big.Int) (Net, bool) {
	size := n.Size()
	switch {
	case i.Sign() < 0 && new(big.Int).Neg(i).Cmp(size) <= 0:
		return n.Single(new(big.Int).Add(new(big.Int).Add(n.Last(), i), big.NewInt(1))), true
	case i.Sign() >= 0 && i.Cmp(size) < 0:
		return n.Single(new(big.Int).Add(n.First(), i)), true
	}
	return Net{}, false
}

func privateNets() []string {
	return []string{"10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "239.0.0.0/8", "fc00::/7", "fec0::/10", "169.254.0.0/16", "fe80::/10"}
}

// IsPrivate reports what netaddr calls private.
func (n Net) IsPrivate() bool { return n.In(privateNets()...) }

// IsMulticast reports an address of a group.
func (n Net) IsMulticast() bool { return n.In("224.0.0.0/4", "ff00::/8") }

// IsLoopback reports an address of the machine itself.
func (n Net) IsLoopback() bool { return n.In("127.0.0.0/8", "::1/128") }

// isMask reports a netmask or a host mask.
func (n Net) isMask() bool {
	power := func(i *big.Int) bool {
		return new(big.Int).And(i, new(big.Int).Sub(i, big.NewInt(1))).Sign() == 0
	}
	one := big.NewInt(1)
	all := new(big.Int).Sub(new(big.Int).Lsh(one, uint(n.Width)), one)
	net := new(big.Int).Add(new(big.Int).Xor(n.V, all), one)
	return power(net) || power(new(big.Int).Add(n.V, one))
}

// IsPublic reports an address that is none of the above, and no mask.
func (n Net) IsPublic() bool {
	a := n.Single(n.V)
	return !a.IsMulticast() && !a.IsPrivate() && !a.IsLoopback() && !a.isMask()
}

// Reverse is the name of an address in the DNS.
func (n Net) Reverse() string {
	var parts []string
	if n.Width == 32 {
		parts = strings.Split(n.IP(), ".")
	} else {
		parts = strings.Split(fmt.Sprintf("%032x", n.V), "")
	}
	var b strings.Builder
	for i := len(parts) - 1; i >= 0; i-- {
		b.WriteString(parts[i] + ".")
	}
	if n.Width == 32 {
		return b.String() + "in-addr.arpa."
	}
	return b.String() + "ip6.arpa."
}
