package jinja

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"remoterun/playbooks/jinja/pynum"
	"remoterun/runner/value"
)

// ipnetEntries are the filters that reckon with networks.
func ipnetEntries() []entry {
	return strictAll([]entry{
		{name: "ipsubnet", sig: "ipsubnet(query='', index=None)", example: "{{ '192.168.0.0/16' | ansible.utils.ipsubnet(24, 5) }}", shows: "192.168.5.0/24", fn: filterIPSubnet},
		{name: "ipmath", sig: "ipmath(amount)", example: "{{ '10.0.0.1' | ansible.utils.ipmath(5) }}", shows: "10.0.0.6", fn: filterIPMath},
		{name: "nthhost", sig: "nthhost(query='')", example: "{{ '10.0.0.0/8' | ansible.utils.nthhost(305) }}", shows: "10.0.1.49", fn: filterNthHost},
		{name: "next_nth_usable", sig: "next_nth_usable(offset)", example: "{{ '10.0.0.1/24' | ansible.utils.next_nth_usable(2) }}", shows: "10.0.0.3", fn: nthUsable(1)},
		{name: "previous_nth_usable", sig: "previous_nth_usable(offset)", example: "{{ '10.0.0.9/24' | ansible.utils.previous_nth_usable(2) }}", shows: "10.0.0.7", fn: nthUsable(-1)},
		{name: "network_in_network", sig: "network_in_network(test)", example: "{{ '10.0.0.0/8' | ansible.utils.network_in_network('10.1.0.0/16') }}", shows: "True", fn: networkIn(false)},
		{name: "network_in_usable", sig: "network_in_usable(test)", example: "{{ '10.0.0.0/8' | ansible.utils.network_in_usable('10.255.255.255') }}", shows: "False", fn: networkIn(true)},
		{name: "reduce_on_network", sig: "reduce_on_network(network)", example: "{{ ['10.0.0.1', '192.168.0.1'] | ansible.utils.reduce_on_network('10.0.0.0/8') }}", shows: "['10.0.0.1']", fn: filterReduce, spread: spreadNone},
		{name: "cidr_merge", sig: "cidr_merge(action='merge')", example: "{{ ['10.0.0.0/25', '10.0.0.128/25'] | ansible.utils.cidr_merge }}", shows: "['10.0.0.0/24']", fn: filterCIDRMerge},
		{name: "usable_range", sig: "usable_range", example: "{{ ('10.0.0.0/31' | ansible.utils.usable_range).usable_ips }}", shows: "['10.0.0.0', '10.0.0.1']", fn: noArguments(filterUsableRange)},
		{name: "ip4_hex", sig: "ip4_hex(delimiter='')", example: "{{ '192.168.1.5' | ansible.utils.ip4_hex }}", shows: "c0a80105", fn: filterIP4Hex},
		{name: "slaac", sig: "slaac(query='')", example: "{{ 'fdcf:1894:23b5:d38c::/64' | ansible.utils.slaac('c2:31:b3:83:bf:2b') }}", shows: "fdcf:1894:23b5:d38c:c031:b3ff:fe83:bf2b", fn: filterSLAAC},
	})
}

// subnetOf reads an address with its host part, or a network.
func subnetOf(v value.Value) (ipNet, bool) {
	q, ok := readIP(v, 0)
	return q.n, ok
}

func filterIPSubnet(c *call) (value.Value, error) {
	a, err := c.bind("query=", "index=")
	if err != nil {
		return value.Value{}, err
	}
	n, ok := subnetOf(c.in)
	if !ok {
		return value.Bool(false), nil
	}
	n = n.cidr()
	query := textOr(a[0], "")
	switch {
	case query == "":
		return value.String(n.String()), nil
	case !isDigits(query):
		return n.rank(query)
	}
	size, err := strconv.Atoi(query)
	if err != nil || size > n.width {
		return value.Bool(false), nil
	}
	if !given(a[1]) {
		if !n.many(1) {
			return n.supernet(size, 0)
		}
		if size < n.prefix {
			return value.Value{}, fmt.Errorf("Requested subnet size of %d is invalid", size)
		}
		return value.String(new(big.Int).Lsh(big.NewInt(1), uint(size-n.prefix)).String()), nil
	}
	index, err := asInteger(a[1])
	if err != nil {
		return value.Value{}, err
	}
	if !n.many(1) {
		if index > int64(n.width)+1-index || index < int64(size-n.width) {
			return value.Bool(false), nil
		}
		return n.supernet(size, index)
	}
	return n.subnet(size, index)
}

// supernet is one of the networks around an address, from that size down.
func (n ipNet) supernet(size int, index int64) (value.Value, error) {
	count := int64(n.width - size)
	if index < 0 {
		index += count
	}
	if index < 0 || index >= count {
		return value.Value{}, errors.New("list index out of range")
	}
	return value.String(ipNet{n.v, size + int(index), n.width}.cidr().String()), nil
}

// subnet is the network of that size at an index.
func (n ipNet) subnet(size int, index int64) (value.Value, error) {
	if size < n.prefix {
		// Ansible has a fraction of a subnet here: only its first is there.
		if index != 0 {
			return value.Bool(false), nil
		}
		return value.String(ipNet{n.first(), size, n.width}.String()), nil
	}
	count := new(big.Int).Lsh(big.NewInt(1), uint(size-n.prefix))
	i := big.NewInt(index)
	if index < 0 {
		i.Add(i, count)
	}
	if i.Sign() < 0 || i.Cmp(count) >= 0 {
		return value.Bool(false), nil
	}
	at := new(big.Int).Add(n.first(), new(big.Int).Lsh(i, uint(n.width-size)))
	return value.String(ipNet{at, size, n.width}.String()), nil
}

// rank says which subnet of another network this one is, from 1.
func (n ipNet) rank(query string) (value.Value, error) {
	q, ok := readIP(value.String(query), 0)
	if !ok {
		return value.Value{}, fmt.Errorf("You must pass a valid subnet or IP address; %s is invalid", query)
	}
	shift := uint(n.width - min(q.n.prefix, n.width))
	if new(big.Int).Rsh(n.v, shift).Cmp(new(big.Int).Rsh(q.n.v, shift)) != 0 {
		return value.Value{}, fmt.Errorf("%s is not in the subnet %s", n.cidr(), q.n.cidr())
	}
	low := uint(n.width - n.prefix)
	if n.prefix < q.n.prefix {
		return value.Value{}, errors.New("negative shift count")
	}
	mask := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(n.prefix-q.n.prefix)), big.NewInt(1))
	at := new(big.Int).Rsh(new(big.Int).And(n.v, new(big.Int).Lsh(mask, low)), low)
	return value.String(at.Add(at, big.NewInt(1)).String()), nil
}

func filterIPMath(c *call) (value.Value, error) {
	a, err := c.bind("amount")
	if err != nil {
		return value.Value{}, err
	}
	s := value.Str(c.in)
	n, err := parseAddress(s)
	if strings.Contains(s, "/") {
		n, err = parseNetwork(s)
	}
	if i, ok := pynum.ParseInt(s, 10); ok && err != nil {
		n, err = ipFromInt(i)
	}
	if err != nil {
		return value.Value{}, fmt.Errorf("You must pass a valid IP address; %s is invalid", s)
	}
	by, err := asInteger(a[0])
	if err != nil {
		return value.Value{}, fmt.Errorf("You must pass an integer for arithmetic; %s is not a valid integer", value.Show(a[0]))
	}
	at := new(big.Int).Add(n.v, big.NewInt(by))
	if at.Sign() < 0 || at.BitLen() > n.width {
		return value.Value{}, errors.New("result outside valid IP address boundary!")
	}
	return value.String(n.text(at)), nil
}

func filterNthHost(c *call) (value.Value, error) {
	a, err := c.bind("query=")
	if err != nil {
		return value.Value{}, err
	}
	q, ok := readIP(c.in, 0)
	i, okI := pynum.ParseInt(textOr(a[0], ""), 10)
	if !ok || !okI {
		return value.Bool(false), nil
	}
	if q.n.isNetwork() && q.n.many(1) {
		q.n = q.n.cidr()
	}
	if q.n.size().Cmp(i) <= 0 {
		return value.Bool(false), nil
	}
	n, ok := q.n.nth(i)
	if !ok {
		return value.Value{}, errors.New("index out range for address range size!")
	}
	return value.String(n.ip()), nil
}

func nthUsable(sign int64) function {
	return func(c *call) (value.Value, error) {
		a, err := c.bind("offset")
		if err != nil {
			return value.Value{}, err
		}
		by, err := asInteger(a[0])
		if err != nil {
			return value.Value{}, errors.New("Must pass in an integer")
		}
		n, ok := subnetOf(c.in)
		if !ok {
			return value.Bool(false), nil
		}
		return n.offset(big.NewInt(sign * by))
	}
}

// ends are the first and last address of a network, as network_in_network
// counts them.
func ends(v value.Value, usable bool) (first, last *big.Int, ok bool) {
	q, ok := readIP(v, 0)
	if !ok {
		return nil, nil, false
	}
	n := q.n.cidr()
	first, last = n.first(), n.last()
	if !n.hasBroadcast() || !n.many(2) {
		last = first
	}
	if usable && n.many(1) {
		first, last, _ = n.usable()
	}
	return first, last, true
}

func within(outer, inner value.Value, usable bool) bool {
	lo, hi, ok := ends(outer, usable)
	a, b, okInner := ends(inner, false)
	return ok && okInner && lo.Cmp(a) <= 0 && a.Cmp(hi) <= 0 && lo.Cmp(b) <= 0 && b.Cmp(hi) <= 0
}

func networkIn(usable bool) function {
	return func(c *call) (value.Value, error) {
		a, err := c.bind("test")
		if err != nil {
			return value.Value{}, err
		}
		return value.Bool(within(c.in, a[0], usable)), nil
	}
}

func filterReduce(c *call) (value.Value, error) {
	a, err := c.bind("network")
	if err != nil {
		return value.Value{}, err
	}
	if !listLike(c.in) {
		return value.Value{}, fmt.Errorf("reduce_on_network expects a list, got %s", pyType(c.in))
	}
	var out []value.Value
	for _, it := range c.in.Items() {
		if within(a[0], it, false) {
			out = append(out, it)
		}
	}
	return value.List(out...), c.rt.work(len(c.in.Items()) * 32)
}

func filterUsableRange(c *call) (value.Value, error) {
	s := value.Str(c.in)
	n, err := parseNetwork(s)
	if err != nil || !n.isNetwork() {
		return value.Value{}, fmt.Errorf("Error while using plugin 'usable_range': %s does not appear to be an IPv4 or IPv6 network", s)
	}
	if n.many(1 << 20) {
		return value.Value{}, errors.New("Error while using plugin 'usable_range': the network is too large to be listed")
	}
	if err := c.rt.work(int(n.size().Int64()) * 8); err != nil {
		return value.Value{}, err
	}
	var ips []value.Value
	for i := n.first(); i.Cmp(n.last()) <= 0; i = new(big.Int).Add(i, big.NewInt(1)) {
		ips = append(ips, value.String(n.text(i)))
	}
	return value.FromMap(value.MapOf("usable_ips", value.List(ips...), "number_of_ips", value.Big(n.size()))), nil
}

func filterIP4Hex(c *call) (value.Value, error) {
	a, err := c.bind("delimiter=")
	if err != nil {
		return value.Value{}, err
	}
	var parts []string
	for _, p := range strings.Split(value.Str(c.in), ".") {
		n, err := strconv.Atoi(p)
		if err != nil {
			return value.Value{}, fmt.Errorf("invalid literal for int() with base 10: %s", value.Repr(value.String(p)))
		}
		parts = append(parts, fmt.Sprintf("%02x", n))
	}
	if len(parts) < 4 {
		return value.Value{}, errors.New("Replacement index 3 out of range for positional args tuple")
	}
	return value.String(strings.Join(parts[:4], textOr(a[0], ""))), nil
}

func filterSLAAC(c *call) (value.Value, error) {
	a, err := c.bind("query=")
	if err != nil {
		return value.Value{}, err
	}
	n, ok := subnetOf(c.in)
	mac, errMAC := parseEUI(textOr(a[0], ""))
	if !ok || n.width != 128 || errMAC != nil {
		return value.Bool(false), nil
	}
	return value.String(n.text(new(big.Int).Or(n.first(), mac.interfaceID()))), nil
}
