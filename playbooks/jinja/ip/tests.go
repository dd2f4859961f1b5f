package ip

import (
	"errors"
	"math/big"
	"regexp"
	"sync"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/ipnet"
	"remoterun/runner/value"
)

// ipTestEntries are the tests of ansible.utils over addresses.
func ipTestEntries() []core.Entry {
	one := func(name, in, shows string, f func(n ipnet.Net) bool) core.Entry {
		return core.Entry{Name: name, Sig: name, Example: "{{ '" + in + "' is ansible.utils." + name + " }}", Shows: shows, Func: addressTest(f)}
	}
	list := func(name string, want func(n int) bool) core.Entry {
		return core.Entry{Name: name, Sig: name + "(networks)", Example: "{{ '10.1.1.1' is ansible.utils." + name + "(['10.0.0.0/8']) }}", Shows: "True", Func: manyNetworks(want)}
	}
	reserved := []string{"240.0.0.0/4", "::/8", "100::/8", "200::/7", "400::/6", "800::/5", "1000::/4", "4000::/3", "6000::/3", "8000::/3", "a000::/3", "c000::/3", "e000::/4", "f000::/5", "f800::/6", "fe00::/9"}
	return core.StrictAll(core.Tests([]core.Entry{
		{Name: "ip", Sig: "ip", Example: "{{ '10.0.0.0/8' is ansible.utils.ip }}", Shows: "True", Func: netTest(func(ipnet.Net) bool { return true })},
		{Name: "ipv4", Sig: "ipv4", Example: "{{ '10.0.0.0/8' is ansible.utils.ipv4 }}", Shows: "True", Func: netTest(func(n ipnet.Net) bool { return n.Width == 32 })},
		{Name: "ipv6", Sig: "ipv6", Example: "{{ '10.0.0.0/8' is ansible.utils.ipv6 }}", Shows: "False", Func: netTest(func(n ipnet.Net) bool { return n.Width == 128 })},
		one("ip_address", "10.0.0.1", "True", func(ipnet.Net) bool { return true }),
		one("ipv4_address", "10.0.0.1", "True", func(n ipnet.Net) bool { return n.Width == 32 }),
		one("ipv6_address", "10.0.0.1", "False", func(n ipnet.Net) bool { return n.Width == 128 }),
		one("ipv6_ipv4_mapped", "::ffff:10.0.0.1", "True", func(n ipnet.Net) bool { return n.In("::ffff:0:0/96") }),
		one("ipv6_sixtofour", "2002:c058:6301::", "True", func(n ipnet.Net) bool { return n.In("2002::/16") }),
		one("ipv6_teredo", "2001::1", "True", func(n ipnet.Net) bool { return n.In("2001::/32") }),
		one("loopback", "127.10.10.10", "True", func(n ipnet.Net) bool { return n.IsLoopback() }),
		one("multicast", "224.0.0.1", "True", func(n ipnet.Net) bool { return n.IsMulticast() }),
		one("private", "10.1.1.1", "True", pyPrivate),
		one("public", "8.8.8.8", "True", func(n ipnet.Net) bool { return !pyPrivate(n) && !n.In("100.64.0.0/10") }),
		one("reserved", "253.0.0.1", "True", func(n ipnet.Net) bool { return n.In(reserved...) }),
		one("unspecified", "0.0.0.0", "True", func(n ipnet.Net) bool { return n.V.Sign() == 0 }),
		{Name: "ipv4_netmask", Sig: "ipv4_netmask", Example: "{{ '255.255.255.0' is ansible.utils.ipv4_netmask }}", Shows: "True", Func: maskTest(ipnet.Net.Mask)},
		{Name: "ipv4_hostmask", Sig: "ipv4_hostmask", Example: "{{ '0.0.0.255' is ansible.utils.ipv4_hostmask }}", Shows: "True", Func: maskTest(ipnet.Net.Hostmask)},
		{Name: "mac", Sig: "mac", Example: "{{ '02:16:3e:e4:16:f3' is ansible.utils.mac }}", Shows: "True", Func: core.NoArguments(func(c *core.Call) (value.Value, error) {
			return value.Bool(macForm().MatchString(value.Str(c.In))), nil
		})},
		{Name: "in_network", Aliases: []string{"subnet_of"}, Sig: "in_network(network)", Example: "{{ '10.1.1.1' is ansible.utils.in_network('10.0.0.0/8') }}", Shows: "True", Func: networkTest(false)},
		{Name: "supernet_of", Sig: "supernet_of(network)", Example: "{{ '10.0.0.0/8' is ansible.utils.supernet_of('10.1.0.0/16') }}", Shows: "True", Func: networkTest(true)},
		list("in_any_network", func(n int) bool { return n > 0 }),
		list("in_one_network", func(n int) bool { return n == 1 }),
	}))
}

var macForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^(([0-9a-f]{2}[:-]){5}[0-9a-f]{2}|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}|[0-9a-f]{12})$`)
})

// pyPrivate are the ranges that Python's ipaddress calls private.
func pyPrivate(n ipnet.Net) bool {
	return n.In("0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/29", "192.0.0.170/31", "192.0.2.0/24", "192.168.0.0/16",
		"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "::1/128", "::/128", "::ffff:0:0/96", "100::/64", "2001::/23", "2001:db8::/32", "fc00::/7", "fe80::/10")
}

// strictNetwork reads a network without host bits, as Python's ipaddress does.
func strictNetwork(v value.Value) (ipnet.Net, bool) {
	s, ok := v.AsString()
	if !ok {
		return ipnet.Net{}, false
	}
	for i, r := range s {
		if r == '/' {
			if _, err := ipnet.ParseAddress(s[:i]); err != nil {
				return ipnet.Net{}, false
			}
		}
	}
	if _, err := ipnet.ParseAddress(s); err != nil && !containsRune(s, '/') {
		return ipnet.Net{}, false
	}
	n, err := ipnet.Parse(s)
	return n, err == nil && n.IsNetwork()
}

func containsRune(s string, r rune) bool {
	for _, c := range s {
		if c == r {
			return true
		}
	}
	return false
}

func netTest(f func(n ipnet.Net) bool) core.Function {
	return core.NoArguments(func(c *core.Call) (value.Value, error) {
		n, ok := strictNetwork(c.In)
		return value.Bool(ok && f(n)), nil
	})
}

func addressTest(f func(n ipnet.Net) bool) core.Function {
	return core.NoArguments(func(c *core.Call) (value.Value, error) {
		n, err := ipnet.ParseAddress(value.Str(c.In))
		return value.Bool(err == nil && f(n)), nil
	})
}

func maskTest(f func(n ipnet.Net) *big.Int) core.Function {
	return core.NoArguments(func(c *core.Call) (value.Value, error) {
		s := value.Str(c.In)
		n, err := ipnet.Parse("10.0.0.0/" + s)
		return value.Bool(err == nil && n.IsNetwork() && n.Text(f(n)) == s), nil
	})
}

func networkTest(swap bool) core.Function {
	return func(c *core.Call) (value.Value, error) {
		a, err := c.Bind("network")
		if err != nil {
			return value.Value{}, err
		}
		inner, outer := c.In, a[0]
		if swap {
			inner, outer = outer, inner
		}
		x, okX := strictNetwork(inner)
		y, okY := strictNetwork(outer)
		return value.Bool(okX && okY && y.Holds(x)), nil
	}
}

// manyNetworks counts the networks that hold an address.
func manyNetworks(want func(n int) bool) core.Function {
	return func(c *core.Call) (value.Value, error) {
		a, err := c.Bind("networks")
		if err != nil {
			return value.Value{}, err
		}
		if !core.ListLike(a[0]) {
			return value.Value{}, errors.New("networks must be a list")
		}
		x, ok := strictNetwork(c.In)
		count := 0
		for _, it := range a[0].Items() {
			if y, okY := strictNetwork(it); ok && okY && y.Holds(x) {
				count++
			}
		}
		return value.Bool(want(count)), nil
	}
}
