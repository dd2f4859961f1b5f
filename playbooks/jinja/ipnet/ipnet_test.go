package ipnet

import (
	"math/big"
	"slices"
	"strings"
	"testing"
)

func parsed(t *testing.T, texts ...string) []Net {
	t.Helper()
	var out []Net
	for _, s := range texts {
		n, err := Parse(s)
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		out = append(out, n)
	}
	return out
}

// TestParse holds what Python's netaddr answers.
func TestParse(t *testing.T) {
	for _, c := range []struct{ in, want, cidr, last, reverse string }{
		{"192.168.1.5/24", "192.168.1.5/24", "192.168.1.0/24", "192.168.1.255", "5.1.168.192.in-addr.arpa."},
		{"10.1/16", "10.1.0.0/16", "10.1.0.0/16", "10.1.255.255", "0.0.1.10.in-addr.arpa."},
		{"1.2.3.4/255.255.255.0", "1.2.3.4/24", "1.2.3.0/24", "1.2.3.255", "4.3.2.1.in-addr.arpa."},
		{"1.2.3.4/0.0.0.255", "1.2.3.4/24", "1.2.3.0/24", "1.2.3.255", "4.3.2.1.in-addr.arpa."},
		{"1.2.3.4", "1.2.3.4/32", "1.2.3.4/32", "1.2.3.4", "4.3.2.1.in-addr.arpa."},
		{"::1.2.3.4/128", "::1.2.3.4/128", "::1.2.3.4/128", "::1.2.3.4", "4.0.3.0.2.0.1.0." + strings.Repeat("0.", 24) + "ip6.arpa."},
		{"fe80::1/10", "fe80::1/10", "fe80::/10", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "1." + strings.Repeat("0.", 28) + "8.e.f.ip6.arpa."},
	} {
		n, err := Parse(c.in)
		if err != nil {
			t.Errorf("%q: %v", c.in, err)
			continue
		}
		if got := []string{n.String(), n.CIDR().String(), n.Text(n.Last()), n.Reverse()}; !slices.Equal(got, []string{c.want, c.cidr, c.last, c.reverse}) {
			t.Errorf("%q: %q", c.in, got)
		}
	}
	for _, bad := range []string{"", "a", "1.2.3.4/33", "1.2.3.4.5", "1.2.3.4/255.0.255.0", "fe80::1%eth0", "1.2.3.4/-1"} {
		if n, err := Parse(bad); err == nil {
			t.Errorf("%q was taken for %s", bad, n)
		}
	}
}

func TestKinds(t *testing.T) {
	for name, c := range map[string]struct {
		is      func(Net) bool
		yes, no []string
	}{
		"private":   {Net.IsPrivate, []string{"10.1.1.1", "fc00::1", "169.254.1.1"}, []string{"8.8.8.8", "2001::1"}},
		"multicast": {Net.IsMulticast, []string{"224.0.0.1", "ff02::1"}, []string{"10.0.0.1"}},
		"loopback":  {Net.IsLoopback, []string{"127.1.1.1", "::1"}, []string{"10.0.0.1"}},
		"public":    {Net.IsPublic, []string{"8.8.8.8"}, []string{"10.0.0.1", "255.255.255.0", "127.0.0.1", "224.0.0.1"}},
		"network":   {Net.IsNetwork, []string{"10.0.0.0/8"}, []string{"10.0.0.1/8"}},
	} {
		for _, n := range parsed(t, c.yes...) {
			if !c.is(n) {
				t.Errorf("%s is not %s", n, name)
			}
		}
		for _, n := range parsed(t, c.no...) {
			if c.is(n) {
				t.Errorf("%s is %s", n, name)
			}
		}
	}
}

func TestNthAndUsable(t *testing.T) {
	n := parsed(t, "10.0.0.7/29")[0]
	for i, want := range map[int64]string{0: "10.0.0.0", 7: "10.0.0.7", -1: "10.0.0.7", -8: "10.0.0.0", 8: "", -9: ""} {
		got, ok := n.Nth(big.NewInt(i))
		if ok != (want != "") || ok && got.IP() != want {
			t.Errorf("nth(%d) = %v, %v; want %s", i, got, ok, want)
		}
	}
	first, last, err := n.Usable()
	if err != nil || n.Text(first) != "10.0.0.1" || n.Text(last) != "10.0.0.6" {
		t.Errorf("usable: %v to %v, %v", first, last, err)
	}
	if _, _, err := parsed(t, "10.0.0.7")[0].Usable(); err == nil {
		t.Error("one address is no network")
	}
}

func TestMergeAndSpan(t *testing.T) {
	for _, c := range []struct {
		name        string
		in, merged  []string
		span, error string
	}{
		{"neighbours", []string{"10.0.0.0/25", "10.0.0.128/25"}, []string{"10.0.0.0/24"}, "10.0.0.0/24", ""},
		{"one in another (netaddr spans to the last in order)", []string{"10.0.0.5/32", "10.0.0.0/24"}, []string{"10.0.0.0/24"}, "10.0.0.0/29", ""},
		{"apart", []string{"10.0.0.0/30", "10.0.0.8/30"}, []string{"10.0.0.0/30", "10.0.0.8/30"}, "10.0.0.0/28", ""},
		{"three in a row", []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, []string{"10.0.0.1/32", "10.0.0.2/31"}, "10.0.0.0/30", ""},
		{"both versions", []string{"::1", "10.0.0.1"}, []string{"10.0.0.1/32", "::1/128"}, "", "cannot contain both"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, n := range Merge(parsed(t, c.in...)) {
				got = append(got, n.String())
			}
			if !slices.Equal(got, c.merged) {
				t.Errorf("merged: %v, want %v", got, c.merged)
			}
			n, err := Span(parsed(t, c.in...))
			if c.error != "" && (err == nil || !strings.Contains(err.Error(), c.error)) || c.error == "" && (err != nil || n.String() != c.span) {
				t.Errorf("span: %v, %v; want %s%s", n, err, c.span, c.error)
			}
		})
	}
}

func TestEUI(t *testing.T) {
	for _, s := range []string{"1a:2b:3c:4d:5e:6f", "1A-2B-3C-4D-5E-6F", "1a2b.3c4d.5e6f", "1a2b3c4d5e6f", "28772997619311"} {
		e, err := ParseEUI(s)
		if err != nil || e.Words(4, ".", false, true) != "1a2b.3c4d.5e6f" {
			t.Errorf("%s: %v, %v", s, e, err)
		}
	}
	e, err := ParseEUI("02:00:00:00:00:01")
	if err != nil || e.Words(2, ":", false, false) != "2:0:0:0:0:1" || e.InterfaceID().Text(16) != "fffe000001" {
		t.Errorf("%v, %v, %s", e, err, e.InterfaceID().Text(16))
	}
	for _, bad := range []string{"", "1a:2b", "zz:00:00:00:00:00", "-1"} {
		if e, err := ParseEUI(bad); err == nil {
			t.Errorf("%q was taken for %v", bad, e)
		}
	}
}
