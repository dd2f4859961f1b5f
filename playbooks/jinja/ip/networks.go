package ip

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/ipnet"
	"remoterun/playbooks/jinja/py/pynum"
	"remoterun/runner/value"
)

// ipnetEntries are the filters that reckon with networks.
func ipnetEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "ipsubnet", Sig: "ipsubnet(query='', index=None)", Example: "{{ '192.168.0.0/16' | ansible.utils.ipsubnet(24, 5) }}", Shows: "192.168.5.0/24", Func: filterIPSubnet},
		{Name: "ipmath", Sig: "ipmath(amount)", Example: "{{ '10.0.0.1' | ansible.utils.ipmath(5) }}", Shows: "10.0.0.6", Func: filterIPMath},
		{Name: "nthhost", Sig: "nthhost(query='')", Example: "{{ '10.0.0.0/8' | ansible.utils.nthhost(305) }}", Shows: "10.0.1.49", Func: filterNthHost},
		{Name: "next_nth_usable", Sig: "next_nth_usable(offset)", Example: "{{ '10.0.0.1/24' | ansible.utils.next_nth_usable(2) }}", Shows: "10.0.0.3", Func: nthUsable(1)},
		{Name: "previous_nth_usable", Sig: "previous_nth_usable(offset)", Example: "{{ '10.0.0.9/24' | ansible.utils.previous_nth_usable(2) }}", Shows: "10.0.0.7", Func: nthUsable(-1)},
		{Name: "network_in_network", Sig: "network_in_network(test)", Example: "{{ '10.0.0.0/8' | ansible.utils.network_in_network('10.1.0.0/16') }}", Shows: "True", Func: networkIn(false)},
		{Name: "network_in_usable", Sig: "network_in_usable(test)", Example: "{{ '10.0.0.0/8' | ansible.utils.network_in_usable('10.255.255.255') }}", Shows: "False", Func: networkIn(true)},
		{Name: "reduce_on_network", Sig: "reduce_on_network(network)", Example: "{{ ['10.0.0.1', '192.168.0.1'] | ansible.utils.reduce_on_network('10.0.0.0/8') }}", Shows: "['10.0.0.1']", Func: filterReduce, Spread: core.SpreadNone},
		{Name: "cidr_merge", Sig: "cidr_merge(action='merge')", Example: "{{ ['10.0.0.0/25', '10.0.0.128/25'] | ansible.utils.cidr_merge }}", Shows: "['10.0.0.0/24']", Func: filterCIDRMerge},
		{Name: "usable_range", Sig: "usable_range", Example: "{{ ('10.0.0.0/31' | ansible.utils.usable_range).usable_ips }}", Shows: "['10.0.0.0', '10.0.0.1']", Func: core.NoArguments(filterUsableRange)},
		{Name: "ip4_hex", Sig: "ip4_hex(delimiter='')", Example: "{{ '192.168.1.5' | ansible.utils.ip4_hex }}", Shows: "c0a80105", Func: filterIP4Hex},
		{Name: "slaac", Sig: "slaac(query='')", Example: "{{ 'fdcf:1894:23b5:d38c::/64' | ansible.utils.slaac('c2:31:b3:83:bf:2b') }}", Shows: "fdcf:1894:23b5:d38c:c031:b3ff:fe83:bf2b", Func: filterSLAAC},
	})
}

// subnetOf reads an address with its host part, or a network.
func subnetOf(v value.Value) (ipnet.Net, bool) {
	q, ok := readIP(v, 0)
	return q.n, ok
}

func filterIPSubnet(c *core.Call) (value.Value, error) {
	a, err := c.Bind("query=", "index=")
	if err != nil {
		return value.Value{}, err
	}
	n, ok := subnetOf(c.In)
	if !ok {
		return value.Bool(false), nil
	}
	n = n.CIDR()
	query := core.TextOr(a[0], "")
	switch {
	case query == "":
		return value.String(n.String()), nil
	case !isDigits(query):
		return rankOf(n, query)
	}
	size, err := strconv.Atoi(query)
	if err != nil || size > n.Width {
		return value.Bool(false), nil
	}
	if !core.Given(a[1]) {
		if !n.Many(1) {
			return supernetOf(n, size, 0)
		}
		if size < n.Prefix {
			return value.Value{}, fmt.Errorf("Requested subnet size of %d is invalid", size)
		}
		return value.String(new(big.Int).Lsh(big.NewInt(1), uint(size-n.Prefix)).String()), nil
	}
	index, err := core.AsInteger(a[1])
	if err != nil {
		return value.Value{}, err
	}
	if !n.Many(1) {
		if index > int64(n.Width)+1-index || index < int64(size-n.Width) {
			return value.Bool(false), nil
		}
		return supernetOf(n, size, index)
	}
	return subnetAt(n, size, index)
}

// supernetOf is one of the networks around an address, from that size down.
func supernetOf(n ipnet.Net, size int, index int64) (value.Value, error) {
	count := int64(n.Width - size)
	if index < 0 {
		index += count
	}
	if index < 0 || index >= count {
		return value.Value{}, errors.New("list index out of range")
	}
	return value.String(ipnet.New(n.V, size+int(index), n.Width).CIDR().String()), nil
}

// subnetAt is the network of that size at an index.
func subnetAt(n ipnet.Net, size int, index int64) (value.Value, error) {
	if size < n.Prefix {
		// Ansible has a fraction of a subnet here: only its first is there.
		if index != 0 {
			return value.Bool(false), nil
		}
		return value.String(ipnet.New(n.First(), size, n.Width).String()), nil
	}
	count := new(big.Int).Lsh(big.NewInt(1), uint(size-n.Prefix))
	i := big.NewInt(index)
	if index < 0 {
		i.Add(i, count)
	}
	if i.Sign() < 0 || i.Cmp(count) >= 0 {
		return value.Bool(false), nil
	}
	at := new(big.Int).Add(n.First(), new(big.Int).Lsh(i, uint(n.Width-size)))
	return value.String(ipnet.New(at, size, n.Width).String()), nil
}

// rankOf says which subnet of another network this one is, from 1.
func rankOf(n ipnet.Net, query string) (value.Value, error) {
	q, ok := readIP(value.String(query), 0)
	if !ok {
		return value.Value{}, fmt.Errorf("You must pass a valid subnet or IP address; %s is invalid", query)
	}
	shift := uint(n.Width - min(q.n.Prefix, n.Width))
	if new(big.Int).Rsh(n.V, shift).Cmp(new(big.Int).Rsh(q.n.V, shift)) != 0 {
		return value.Value{}, fmt.Errorf("%s is not in the subnet %s", n.CIDR(), q.n.CIDR())
	}
	low := uint(n.Width - n.Prefix)
	if n.Prefix < q.n.Prefix {
		return value.Value{}, errors.New("negative shift count")
	}
	mask := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(n.Prefix-q.n.Prefix)), big.NewInt(1))
	at := new(big.Int).Rsh(new(big.Int).And(n.V, new(big.Int).Lsh(mask, low)), low)
	return value.String(at.Add(at, big.NewInt(1)).String()), nil
}

func filterIPMath(c *core.Call) (value.Value, error) {
	a, err := c.Bind("amount")
	if err != nil {
		return value.Value{}, err
	}
	s := value.Str(c.In)
	n, err := ipnet.ParseAddress(s)
	if strings.Contains(s, "/") {
		n, err = ipnet.Parse(s)
	}
	if i, ok := pynum.ParseInt(s, 10); ok && err != nil {
		n, err = ipnet.FromInt(i)
	}
	if err != nil {
		return value.Value{}, fmt.Errorf("You must pass a valid IP address; %s is invalid", s)
	}
	by, err := core.AsInteger(a[0])
	if err != nil {
		return value.Value{}, fmt.Errorf("You must pass an integer for arithmetic; %s is not a valid integer", value.Show(a[0]))
	}
	at := new(big.Int).Add(n.V, big.NewInt(by))
	if at.Sign() < 0 || at.BitLen() > n.Width {
		return value.Value{}, errors.New("result outside valid IP address boundary!")
	}
	return value.String(n.Text(at)), nil
}

func filterNthHost(c *core.Call) (value.Value, error) {
	a, err := c.Bind("query=")
	if err != nil {
		return value.Value{}, err
	}
	q, ok := readIP(c.In, 0)
	i, okI := pynum.ParseInt(core.TextOr(a[0], ""), 10)
	if !ok || !okI {
		return value.Bool(false), nil
	}
	if q.n.IsNetwork() && q.n.Many(1) {
		q.n = q.n.CIDR()
	}
	if q.n.Size().Cmp(i) <= 0 {
		return value.Bool(false), nil
	}
	n, ok := q.n.Nth(i)
	if !ok {
		return value.Value{}, errors.New("index out range for address range size!")
	}
	return value.String(n.IP()), nil
}

func nthUsable(sign int64) core.Function {
	return func(c *core.Call) (value.Value, error) {
		a, err := c.Bind("offset")
		if err != nil {
			return value.Value{}, err
		}
		by, err := core.AsInteger(a[0])
		if err != nil {
			return value.Value{}, errors.New("Must pass in an integer")
		}
		n, ok := subnetOf(c.In)
		if !ok {
			return value.Bool(false), nil
		}
		return usableAt(n, big.NewInt(sign*by))
	}
}

// ends are the first and last address of a network, as network_in_network
// counts them.
func ends(v value.Value, usable bool) (first, last *big.Int, ok bool) {
	q, ok := readIP(v, 0)
	if !ok {
		return nil, nil, false
	}
	n := q.n.CIDR()
	first, last = n.First(), n.Last()
	if !n.HasBroadcast() || !n.Many(2) {
		last = first
	}
	if usable && n.Many(1) {
		first, last, _ = n.Usable()
	}
	return first, last, true
}

func within(outer, inner value.Value, usable bool) bool {
	lo, hi, ok := ends(outer, usable)
	a, b, okInner := ends(inner, false)
	return ok && okInner && lo.Cmp(a) <= 0 && a.Cmp(hi) <= 0 && lo.Cmp(b) <= 0 && b.Cmp(hi) <= 0
}

func networkIn(usable bool) core.Function {
	return func(c *core.Call) (value.Value, error) {
		a, err := c.Bind("test")
		if err != nil {
			return value.Value{}, err
		}
		return value.Bool(within(c.In, a[0], usable)), nil
	}
}

func filterReduce(c *core.Call) (value.Value, error) {
	a, err := c.Bind("network")
	if err != nil {
		return value.Value{}, err
	}
	if !core.ListLike(c.In) {
		return value.Value{}, fmt.Errorf("reduce_on_network expects a list, got %s", core.PyType(c.In))
	}
	var out []value.Value
	for _, it := range c.In.Items() {
		if within(a[0], it, false) {
			out = append(out, it)
		}
	}
	return value.List(out...), c.Work(len(c.In.Items()) * 32)
}

func filterUsableRange(c *core.Call) (value.Value, error) {
	s := value.Str(c.In)
	n, err := ipnet.Parse(s)
	if err != nil || !n.IsNetwork() {
		return value.Value{}, fmt.Errorf("Error while using plugin 'usable_range': %s does not appear to be an IPv4 or IPv6 network", s)
	}
	if n.Many(1 << 20) {
		return value.Value{}, errors.New("Error while using plugin 'usable_range': the network is too large to be listed")
	}
	if err := c.Work(int(n.Size().Int64()) * 8); err != nil {
		return value.Value{}, err
	}
	var ips []value.Value
	for i := n.First(); i.Cmp(n.Last()) <= 0; i = new(big.Int).Add(i, big.NewInt(1)) {
		ips = append(ips, value.String(n.Text(i)))
	}
	return value.FromMap(value.MapOf("usable_ips", value.List(ips...), "number_of_ips", value.Big(n.Size()))), nil
}

func filterIP4Hex(c *core.Call) (value.Value, error) {
	a, err := c.Bind("delimiter=")
	if err != nil {
		return value.Value{}, err
	}
	var parts []string
	for _, p := range strings.Split(value.Str(c.In), ".") {
		n, err := strconv.Atoi(p)
		if err != nil {
			return value.Value{}, fmt.Errorf("invalid literal for int() with base 10: %s", value.Repr(value.String(p)))
		}
		parts = append(parts, fmt.Sprintf("%02x", n))
	}
	if len(parts) < 4 {
		return value.Value{}, errors.New("Replacement index 3 out of range for positional args tuple")
	}
	return value.String(strings.Join(parts[:4], core.TextOr(a[0], ""))), nil
}

func filterSLAAC(c *core.Call) (value.Value, error) {
	a, err := c.Bind("query=")
	if err != nil {
		return value.Value{}, err
	}
	n, ok := subnetOf(c.In)
	mac, errMAC := ipnet.ParseEUI(core.TextOr(a[0], ""))
	if !ok || n.Width != 128 || errMAC != nil {
		return value.Bool(false), nil
	}
	return value.String(n.Text(new(big.Int).Or(n.First(), mac.InterfaceID()))), nil
}

func filterCIDRMerge(c *core.Call) (value.Value, error) {
	a, err := c.Bind("action=")
	if err != nil {
		return value.Value{}, err
	}
	if !core.ListLike(c.In) {
		return value.Value{}, fmt.Errorf("cidr_merge: expected iterable, got %s", value.Show(c.In))
	}
	var nets []ipnet.Net
	for _, it := range c.In.Items() {
		n, err := ipnet.Parse(value.Str(it))
		if err != nil {
			return value.Value{}, fmt.Errorf("cidr_merge: error in netaddr: invalid IPNetwork %s", value.Show(it))
		}
		nets = append(nets, n)
	}
	switch action := core.TextOr(a[0], "merge"); action {
	case "merge":
		var out []value.Value
		for _, n := range ipnet.Merge(nets) {
			out = append(out, value.String(n.String()))
		}
		return value.List(out...), c.Work(len(nets) * 32)
	case "span":
		if len(nets) == 0 {
			return value.Null(), nil
		}
		n, err := ipnet.Span(nets)
		if err != nil {
			return value.Value{}, fmt.Errorf("cidr_merge: error in netaddr: %w", err)
		}
		return value.String(n.String()), nil
	default:
		return value.Value{}, fmt.Errorf("cidr_merge: invalid action '%s'", action)
	}
}
