package facts

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// link is one network interface.
type link struct {
	name, mac, kind string
	mtu             int64
	active, promisc bool
	v4, v6          []value.Value
}

func (g gathered) network() {
	links := g.links()
	names := make([]value.Value, len(links))
	var v4, v6 []value.Value
	for i, l := range links {
		names[i] = kit.HostText(l.name)
		m := l.facts()
		// A dash and a dot cannot stand in a variable's name.
		g.facts.Put(strings.NewReplacer("-", "_", ":", "_", ".", "_").Replace(l.name), value.FromMap(m))
		for _, a := range l.v4 {
			if ip := attr(a, "address"); !strings.HasPrefix(ip, "127.") {
				v4 = append(v4, kit.HostText(ip))
			}
		}
		for _, a := range l.v6 {
			if ip := attr(a, "address"); ip != "::1" {
				v6 = append(v6, kit.HostText(ip))
			}
		}
	}
	g.facts.Put("interfaces", value.List(names...))
	g.facts.Put("all_ipv4_addresses", value.List(v4...))
	g.facts.Put("all_ipv6_addresses", value.List(v6...))
	g.facts.Put("default_ipv4", g.default4(links))
	g.facts.Put("default_ipv6", g.default6(links))
}

func attr(v value.Value, key string) string {
	m, _ := v.AsMap()
	x, _ := m.Lookup(key)
	return value.Str(x)
}

// links reads /sys/class/net and ip's words.
func (g gathered) links() []*link {
	var out []*link
	byName := map[string]*link{}
	for line := range strings.Lines(g.parts["net"]) {
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		l := &link{name: f[0], kind: map[string]string{"1": "ether", "772": "loopback", "512": "ppp", "65534": "tunnel"}[f[2]]}
		l.mtu, _ = strconv.ParseInt(f[1], 10, 64)
		flags, _ := strconv.ParseUint(strings.TrimPrefix(f[3], "0x"), 16, 32)
		l.promisc = flags&0x100 != 0
		l.active = f[4] == "up" || f[4] == "unknown" && flags&1 != 0
		if len(f) > 5 && f[5] != "00:00:00:00:00:00" {
			l.mac = f[5]
		}
		if l.kind == "" {
			l.kind = "unknown"
		}
		out = append(out, l)
		byName[l.name] = l
	}
	for line := range strings.Lines(g.parts["ip"]) {
		f := strings.Fields(line)
		if len(f) < 4 {
			continue
		}
		if l := byName[strings.TrimSuffix(strings.SplitN(f[1], "@", 2)[0], ":")]; l != nil {
			l.address(f)
		}
	}
	return out
}

// address takes a line of ip -o addr.
func (l *link) address(f []string) {
	ip, prefix, ok := strings.Cut(f[3], "/")
	if !ok {
		prefix = map[string]string{"inet": "32", "inet6": "128"}[f[2]]
	}
	word := func(key string) string {
		for i := 4; i+1 < len(f); i++ {
			if f[i] == key {
				return f[i+1]
			}
		}
		return ""
	}
	switch f[2] {
	case "inet":
		n, _ := strconv.Atoi(prefix)
		mask := net.CIDRMask(n, 32)
		network := ""
		if p := net.ParseIP(ip).To4(); p != nil && mask != nil {
			network = p.Mask(mask).String()
		}
		l.v4 = append(l.v4, value.FromMap(value.MapOf("address", kit.HostText(ip), "broadcast", kit.HostText(word("brd")),
			"netmask", kit.HostText(net.IP(mask).String()), "network", kit.HostText(network), "prefix", kit.HostText(prefix))))
	case "inet6":
		l.v6 = append(l.v6, value.FromMap(value.MapOf("address", kit.HostText(ip), "prefix", kit.HostText(prefix), "scope", kit.HostText(word("scope")))))
	}
}

func (l *link) facts() *value.Map {
	m := value.MapOf("device", kit.HostText(l.name), "active", value.Bool(l.active), "mtu", value.Int(l.mtu), "promisc", value.Bool(l.promisc), "type", value.String(l.kind))
	if l.mac != "" {
		m.Put("macaddress", kit.HostText(l.mac))
	}
	if len(l.v4) > 0 {
		m.Put("ipv4", l.v4[0])
		if len(l.v4) > 1 {
			m.Put("ipv4_secondaries", value.List(l.v4[1:]...))
		}
	}
	if len(l.v6) > 0 {
		m.Put("ipv6", value.List(l.v6...))
	}
	return m
}

// default4 is the interface of the kernel's default route.
func (g gathered) default4(links []*link) value.Value {
	out := value.NewMap()
	for line := range strings.Lines(g.parts["route"]) {
		f := strings.Fields(line)
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" {
			continue
		}
		out.Put("interface", kit.HostText(f[0]))
		if n, err := strconv.ParseUint(f[2], 16, 32); err == nil {
			out.Put("gateway", kit.HostText(fmt.Sprintf("%d.%d.%d.%d", n&255, n>>8&255, n>>16&255, n>>24)))
		}
		for _, l := range links {
			if l.name == f[0] {
				l.describe(out, l.v4)
				out.Put("alias", kit.HostText(l.name))
			}
		}
		break
	}
	return value.FromMap(out)
}

func (l *link) describe(out *value.Map, addrs []value.Value) {
	if len(addrs) > 0 {
		am, _ := addrs[0].AsMap()
		for k, v := range am.All() {
			out.Set(k, v)
		}
	}
	out.Put("mtu", value.Int(l.mtu))
	out.Put("type", value.String(l.kind))
	out.Put("macaddress", kit.HostText(l.mac))
}

func (g gathered) default6(links []*link) value.Value {
	out := value.NewMap()
	f := strings.Fields(g.line("route6", 0))
	for i := 0; i+1 < len(f); i++ {
		switch f[i] {
		case "via":
			out.Put("gateway", kit.HostText(f[i+1]))
		case "dev":
			out.Put("interface", kit.HostText(f[i+1]))
			for _, l := range links {
				if l.name == f[i+1] {
					var global []value.Value
					for _, a := range l.v6 {
						if attr(a, "scope") == "global" {
							global = append(global, a)
						}
					}
					l.describe(out, global)
				}
			}
		}
	}
	return value.FromMap(out)
}
