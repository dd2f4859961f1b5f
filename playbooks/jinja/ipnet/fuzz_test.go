package ipnet

import "testing"

// FuzzAddresses reads addresses, networks and hardware addresses; what is read
// can be written and read again.
func FuzzAddresses(f *testing.F) {
	for _, s := range []string{"10.0.0.1/255.0.0.0", "::ffff:1.2.3.4/96", "1.2.3.4/0.0.0.255", "fe80::1%eth0", "00:11:22:33:44:55", "0011.2233.4455", "10.0.0.0/99999999999999999999", "1:2:3:4:5:6:7::", "0x10.1", "010.1.1.1/8", "-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, _ = ParseEUI(s)
		_, _ = ParseAddress(s)
		n, err := Parse(s)
		if err != nil {
			return
		}
		_ = n.Reverse()
		if m, err := Parse(n.String()); err != nil || m.String() != n.String() {
			t.Fatalf("%q is written as %s, and that is read as %s, %v", s, n.String(), m.String(), err)
		}
		_ = n.CIDR().String()
	})
}
