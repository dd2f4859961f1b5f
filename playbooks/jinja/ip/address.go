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

// ipaddrEntries are ipaddr and its kin, which say something about one
// address or network, or keep those of a list that have it.
func ipaddrEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "ipaddr", Sig: "ipaddr(query='', version=False, alias='ipaddr')", Example: "{{ '192.168.1.5/24' | ansible.utils.ipaddr('network') }}", Shows: "192.168.1.0", Func: ipFilter(0)},
		{Name: "ipv4", Sig: "ipv4(query='')", Example: "{{ ['10.0.0.1', '::1'] | ansible.utils.ipv4 }}", Shows: "['10.0.0.1']", Func: ipFilter(4)},
		{Name: "ipv6", Sig: "ipv6(query='')", Example: "{{ ['10.0.0.1', '::1'] | ansible.utils.ipv6 }}", Shows: "['::1']", Func: ipFilter(6)},
		{Name: "ipwrap", Sig: "ipwrap(query='')", Example: "{{ '::1' | ansible.utils.ipwrap }}", Shows: "[::1]", Func: filterIPWrap},
	})
}

// ipAsked is one address with what was asked about it.
type ipAsked struct {
	n       ipnet.Net
	network bool // written with a prefix
	value   value.Value
	lookup  *ipnet.Net
}

func ipFilter(version int64) core.Function {
	return func(c *core.Call) (value.Value, error) {
		params := []core.Param{"query="}
		if version == 0 {
			params = append(params, "version=", "alias=")
		}
		a, err := c.Bind(params...)
		if err != nil {
			return value.Value{}, err
		}
		switch c.In.Kind() {
		case value.KindString, value.KindList, value.KindInt, value.KindBool, value.KindBig:
		default:
			return value.Value{}, fmt.Errorf("Unrecognized type <%s> for %s filter <value>", core.PyType(c.In), c.Name)
		}
		v := version
		if version == 0 && value.Truth(core.NullIfUndefined(a[1])) {
			if v, err = core.AsInteger(a[1]); err != nil {
				return value.Value{}, err
			}
		}
		return ipaddr(c, c.In, core.TextOr(a[0], ""), v, c.Name)
	}
}

// ipaddr returns null or false for what has no answer.
func ipaddr(c *core.Call, in value.Value, query string, version int64, alias string) (value.Value, error) {
	if core.ListLike(in) {
		var out []value.Value
		for _, it := range in.Items() {
			v, err := ipaddr(c, it, query, version, alias)
			if err != nil {
				return value.Value{}, err
			}
			if value.Truth(v) {
				out = append(out, v)
			}
		}
		return value.List(out...), c.Work(len(in.Items()) * 64)
	}
	q, ok := readIP(in, version)
	if !ok {
		return value.Bool(false), nil
	}
	if _, known := ipQueries()[query]; query != "" && !known && !isDigits(query) {
		if net, ok := readIP(value.String(query), 0); ok {
			if n, err := ipnet.Parse(query); err == nil {
				net.n = n
			}
			q.lookup = &net.n
		}
	}
	if version != 0 && q.n.Version() != version {
		return value.Bool(false), nil
	}
	if q.lookup != nil {
		if q.lookup.Holds(q.n) {
			return q.value, nil
		}
		return value.Null(), nil
	}
	if f, ok := ipQueries()[query]; ok {
		return f(q)
	}
	return q.index(query, alias)
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// readIP reads what may be an address: text, or a number.
func readIP(in value.Value, version int64) (ipAsked, bool) {
	s := value.Str(in)
	switch {
	case !value.Truth(in) || in.Kind() == value.KindBool:
		return ipAsked{}, false
	case isDigits(s):
		return numericIP(in, s, version)
	case !in.IsString():
		return ipAsked{}, false
	}
	if n, err := ipnet.Parse(s); err == nil {
		return ipAsked{n: n, network: strings.Count(s, "/") == 1, value: in}, true
	}
	addr, prefix, ok := strings.Cut(s, "/")
	if len(addr) > maxAddress {
		return ipAsked{}, false
	}
	a, okA := new(big.Int).SetString(addr, 10)
	p, err := strconv.Atoi(prefix)
	if !ok || !okA || err != nil || a.Sign() < 0 || p < 0 {
		return ipAsked{}, false
	}
	for _, width := range []int{32, 128} {
		if a.BitLen() <= width && p <= width {
			n := ipnet.New(a, p, width)
			return ipAsked{n: n, network: true, value: value.String(n.String())}, true
		}
	}
	return ipAsked{}, false
}

// maxAddress is more than the longest address as a number has: 2^128 has 39 digits.
const maxAddress = 64

func numericIP(in value.Value, s string, version int64) (ipAsked, bool) {
	if len(s) > maxAddress {
		return ipAsked{}, false
	}
	i, ok := new(big.Int).SetString(s, 10)
	if !ok || i.BitLen() > 128 || version != 0 && version != 4 && version != 6 {
		return ipAsked{}, false
	}
	n := ipnet.New(i, 32, 32)
	if version == 6 || i.BitLen() > 32 {
		n = ipnet.New(i, 128, 128)
	}
	return ipAsked{n: n, value: value.MarkedString(n.String(), in.Marks())}, true
}

// index returns the address at a place in the network.
func (q ipAsked) index(query, alias string) (value.Value, error) {
	if _, ok := pynum.ParseFloat(query); !ok {
		return value.Value{}, fmt.Errorf("%s: unknown filter type: %s%s", alias, query, suggestQuery(query))
	}
	if !q.n.Many(1) {
		if q.network {
			return value.String(q.n.String()), nil
		}
		return value.String(q.n.IP()), nil
	}
	i, ok := pynum.ParseInt(query, 10)
	if !ok {
		return value.Bool(false), nil
	}
	n, ok := q.n.Nth(i)
	if !ok {
		return value.Bool(false), nil
	}
	return value.String(n.IP() + "/" + strconv.Itoa(q.n.Prefix)), nil
}

func suggestQuery(query string) string {
	var names []string
	for n := range ipQueries() {
		names = append(names, n)
	}
	return core.Suggest(query, names)
}

var errNotNetwork = errors.New("Not a network address")

// filterIPWrap puts IPv6 addresses into brackets and leaves all else as it is.
func filterIPWrap(c *core.Call) (value.Value, error) {
	a, err := c.Bind("query=")
	if err != nil {
		return value.Value{}, err
	}
	switch c.In.Kind() {
	case value.KindString, value.KindList, value.KindBool:
	default:
		return value.Value{}, fmt.Errorf("Unrecognized type <%s> for ipwrap filter <value>", core.PyType(c.In))
	}
	query := core.TextOr(a[0], "")
	if !core.ListLike(c.In) {
		return wrapIP(c, c.In, query, true)
	}
	var out []value.Value
	for _, it := range c.In.Items() {
		v, err := wrapIP(c, it, query, false)
		if err != nil {
			return value.Value{}, err
		}
		out = append(out, v)
	}
	return value.List(out...), nil
}

func wrapIP(c *core.Call, v value.Value, query string, found bool) (value.Value, error) {
	got, err := ipaddr(c, v, query, 0, "ipwrap")
	if err != nil || !value.Truth(got) {
		return v, nil
	}
	if !found {
		got = v
	}
	return ipaddr(c, got, "wrap", 0, "ipaddr")
}
