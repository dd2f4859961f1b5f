package ip

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"

	"remoterun/playbooks/jinja/ipnet"
	"remoterun/runner/value"
)

// ipQuery returns one question about an address.
type ipQuery func(q ipAsked) (value.Value, error)

// ipQueries are the words that ipaddr knows.
func ipQueries() map[string]ipQuery {
	withPrefix := textQuery(func(q ipAsked) string {
		if q.n.Many(2) && (q.n.IsNetwork() || q.n.V.Cmp(q.n.Last()) == 0) {
			return "false"
		}
		return q.n.IP() + "/" + strconv.Itoa(q.n.Prefix)
	})
	network := textQuery(func(q ipAsked) string { return q.n.Text(q.n.First()) })
	hostmask := textQuery(func(q ipAsked) string { return q.n.Text(q.n.Hostmask()) })
	subnet := textQuery(func(q ipAsked) string { return q.n.CIDR().String() })
	loop := keepIf(func(q ipAsked) bool { return q.n.Single(q.n.V).IsLoopback() })
	return map[string]ipQuery{
		"":                 emptyQuery,
		"6to4":             sixToFour,
		"address":          addressQuery,
		"ip":               addressQuery,
		"address/prefix":   withPrefix,
		"gateway":          withPrefix,
		"gw":               withPrefix,
		"host/prefix":      withPrefix,
		"hostnet":          withPrefix,
		"router":           withPrefix,
		"bool":             func(ipAsked) (value.Value, error) { return value.Bool(true), nil },
		"broadcast":        broadcastQuery,
		"cidr":             textQuery(func(q ipAsked) string { return q.n.String() }),
		"cidr_lookup":      func(ipAsked) (value.Value, error) { return value.Value{}, errors.New("cidr_lookup needs a network") },
		"first_usable":     firstUsable,
		"last_usable":      lastUsable,
		"range_usable":     rangeUsable,
		"next_usable":      neighbour(1),
		"previous_usable":  neighbour(-1),
		"host":             hostQuery,
		"hostmask":         hostmask,
		"wildcard":         hostmask,
		"int":              intQuery,
		"ip/prefix":        hostWith(func(q ipAsked) string { return "/" + strconv.Itoa(q.n.Prefix) }),
		"ip_netmask":       hostWith(func(q ipAsked) string { return " " + q.n.Text(q.n.Mask()) }),
		"ipv4":             ipv4Query,
		"ipv6":             ipv6Query,
		"v4":               broken,
		"v6":               broken,
		"link-local":       keepIf(func(q ipAsked) bool { return q.n.Single(q.n.V).In("169.254.0.0/16", "fe80::/10") }),
		"lo":               loop,
		"loopback":         loop,
		"multicast":        keepIf(func(q ipAsked) bool { return q.n.IsMulticast() }),
		"unicast":          keepIf(func(q ipAsked) bool { return !q.n.IsMulticast() }),
		"private":          keepIf(func(q ipAsked) bool { return q.n.IsPrivate() }),
		"public":           keepIf(func(q ipAsked) bool { return q.n.IsPublic() }),
		"net":              netQuery,
		"netmask":          textQuery(func(q ipAsked) string { return q.n.Text(q.n.Mask()) }),
		"network":          network,
		"network_id":       network,
		"network/prefix":   subnet,
		"subnet":           subnet,
		"network_netmask":  textQuery(func(q ipAsked) string { return q.n.Text(q.n.First()) + " " + q.n.Text(q.n.Mask()) }),
		"network_wildcard": textQuery(func(q ipAsked) string { return q.n.Text(q.n.First()) + " " + q.n.Text(q.n.Hostmask()) }),
		"peer":             peerQuery,
		"prefix":           func(q ipAsked) (value.Value, error) { return value.Int(int64(q.n.Prefix)), nil },
		"revdns":           textQuery(func(q ipAsked) string { return q.n.Reverse() }),
		"size":             func(q ipAsked) (value.Value, error) { return value.Big(q.n.Size()), nil },
		"size_usable":      sizeUsable,
		"type":             typeQuery,
		"version":          func(q ipAsked) (value.Value, error) { return value.Int(q.n.Version()), nil },
		"wrap":             wrapQuery,
	}
}

// textQuery returns text; "false" stands for False, "" for None.
func textQuery(f func(q ipAsked) string) ipQuery {
	return func(q ipAsked) (value.Value, error) {
		switch s := f(q); s {
		case "":
			return value.Null(), nil
		case "false":
			return value.Bool(false), nil
		default:
			return value.String(s), nil
		}
	}
}

// keepIf returns the value itself where it holds.
func keepIf(holds func(q ipAsked) bool) ipQuery {
	return func(q ipAsked) (value.Value, error) {
		if holds(q) {
			return q.value, nil
		}
		return value.Null(), nil
	}
}

func emptyQuery(q ipAsked) (value.Value, error) {
	if q.network {
		return value.String(q.n.String()), nil
	}
	return value.String(q.n.IP()), nil
}

func addressQuery(q ipAsked) (value.Value, error) {
	if !q.n.Many(1) || !q.n.IsNetwork() || !q.n.HasBroadcast() || q.n.Width == 128 {
		return value.String(q.n.IP()), nil
	}
	return value.Null(), nil
}

func broadcastQuery(q ipAsked) (value.Value, error) {
	if !q.n.Many(2) {
		return value.Null(), nil
	}
	return value.String(q.n.Text(q.n.Last())), nil
}

// plainIP writes a number as netaddr does without knowing the version.
func plainIP(i *big.Int) (value.Value, error) {
	n, err := ipnet.FromInt(i)
	if err != nil {
		return value.Value{}, err
	}
	return value.String(n.IP()), nil
}

func firstUsable(q ipAsked) (value.Value, error) {
	if !q.network {
		return value.Value{}, errNotNetwork
	}
	first, _, err := q.n.Usable()
	if err != nil {
		return value.Null(), nil
	}
	return plainIP(first)
}

func lastUsable(q ipAsked) (value.Value, error) {
	if !q.network {
		return value.Value{}, errNotNetwork
	}
	_, last, err := q.n.Usable()
	if err != nil {
		return value.Null(), nil
	}
	return plainIP(last)
}

func rangeUsable(q ipAsked) (value.Value, error) {
	first, err := firstUsable(q)
	if err != nil || first.IsNull() {
		return first, err
	}
	last, err := lastUsable(q)
	return value.String(value.Str(first) + "-" + value.Str(last)), err
}

// neighbour is the usable address beside this one.
func neighbour(step int64) ipQuery {
	return func(q ipAsked) (value.Value, error) {
		if !q.network {
			return value.Value{}, errNotNetwork
		}
		return usableAt(q.n, big.NewInt(step))
	}
}

// usableAt is the usable address so far away; null outside of the network.
func usableAt(n ipnet.Net, by *big.Int) (value.Value, error) {
	first, last, err := n.Usable()
	if err != nil {
		return value.Null(), nil
	}
	at := new(big.Int).Add(n.V, by)
	if at.Sign() < 0 {
		return value.Value{}, fmt.Errorf("bad address format: %s", at)
	}
	if at.Cmp(first) < 0 || at.Cmp(last) > 0 {
		return value.Null(), nil
	}
	return plainIP(at)
}

func hostQuery(q ipAsked) (value.Value, error) {
	switch {
	case !q.n.Many(1):
		return value.String(q.n.String()), nil
	case !q.n.IsNetwork() || !q.n.HasBroadcast():
		return value.String(q.n.String()), nil
	}
	return value.Null(), nil
}

func intQuery(q ipAsked) (value.Value, error) {
	if !q.network {
		return value.Big(q.n.V), nil
	}
	return value.String(q.n.V.String() + "/" + strconv.Itoa(q.n.Prefix)), nil
}

// hostWith returns a host's address with something behind it.
func hostWith(suffix func(q ipAsked) string) ipQuery {
	return func(q ipAsked) (value.Value, error) {
		two := q.n.Many(1) && !q.n.Many(2)
		if two || q.n.Many(1) && !q.n.IsNetwork() {
			return value.String(q.n.IP() + suffix(q)), nil
		}
		return value.Null(), nil
	}
}

func ipv4Query(q ipAsked) (value.Value, error) {
	if q.n.Width == 32 {
		return q.value, nil
	}
	low := new(big.Int).Set(q.n.V)
	if mapped := new(big.Int).Rsh(low, 32); mapped.Cmp(big.NewInt(0xffff)) == 0 {
		low.And(low, big.NewInt(0xffffffff))
	}
	if low.BitLen() > 32 || q.n.Prefix < 96 {
		return value.Bool(false), nil
	}
	return value.String(ipnet.New(low, q.n.Prefix-96, 32).String()), nil
}

func ipv6Query(q ipAsked) (value.Value, error) {
	if q.n.Width == 128 {
		return q.value, nil
	}
	mapped := new(big.Int).Or(q.n.V, new(big.Int).Lsh(big.NewInt(0xffff), 32))
	return value.String(ipnet.New(mapped, q.n.Prefix+96, 128).String()), nil
}

// broken are names that Ansible lists and has no code for.
func broken(ipAsked) (value.Value, error) {
	return value.Value{}, errors.New("the queries v4 and v6 do not work in Ansible: write ipv4 or ipv6")
}

func netQuery(q ipAsked) (value.Value, error) {
	if q.n.Many(1) && q.n.IsNetwork() {
		return value.String(q.n.String()), nil
	}
	return value.Null(), nil
}

func peerQuery(q ipAsked) (value.Value, error) {
	if !q.network {
		return value.Value{}, errNotNetwork
	}
	low := new(big.Int).And(q.n.V, big.NewInt(3)).Int64()
	switch {
	case !q.n.Many(1) || q.n.Many(4) || q.n.Many(2) && !q.n.Many(3):
		return value.Value{}, errors.New("Not a point-to-point network")
	case !q.n.Many(2):
		return plainIP(new(big.Int).Xor(q.n.V, big.NewInt(1)))
	case low == 0:
		return value.Value{}, errors.New("Network address of /30 has no peer")
	case low == 3:
		return value.Value{}, errors.New("Broadcast address of /30 has no peer")
	}
	return plainIP(new(big.Int).Xor(q.n.V, big.NewInt(3)))
}

func sizeUsable(q ipAsked) (value.Value, error) {
	switch {
	case !q.n.Many(1):
		return value.Int(0), nil
	case !q.n.Many(2):
		return value.Int(2), nil
	}
	return value.Big(new(big.Int).Sub(q.n.Size(), big.NewInt(2))), nil
}

func typeQuery(q ipAsked) (value.Value, error) {
	if q.n.Many(1) && q.n.IsNetwork() {
		return value.String("network"), nil
	}
	return value.String("address"), nil
}

func wrapQuery(q ipAsked) (value.Value, error) {
	switch {
	case q.n.Width == 32:
		return q.value, nil
	case q.network:
		return value.String("[" + q.n.IP() + "]/" + strconv.Itoa(q.n.Prefix)), nil
	}
	return value.String("[" + q.n.IP() + "]"), nil
}

func sixToFour(q ipAsked) (value.Value, error) {
	no := value.Bool(false)
	if q.n.Width == 128 {
		host := q.n
		if q.network {
			if q.n.IsNetwork() {
				return no, nil
			}
			host = q.n.Single(q.n.V)
		}
		if host.In("2002::/16") {
			return q.value, nil
		}
		return no, nil
	}
	one := q.n.Single(q.n.V)
	if q.n.Many(1) && q.n.IsNetwork() || !one.IsPublic() && !one.IsPrivate() {
		return no, nil
	}
	b := q.n.V.FillBytes(make([]byte, 4))
	return value.String(fmt.Sprintf("2002:%02x%02x:%02x%02x::1/48", b[0], b[1], b[2], b[3])), nil
}
