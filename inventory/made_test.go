package inventory

import (
	"strings"
	"testing"
)

// TestMadeNames: names that a run makes of data are no templates, paths, commands
// or patterns.
func TestMadeNames(t *testing.T) {
	tree(t, map[string]string{"hosts": "h\n"})
	inv, _, _ := load(t, "hosts")
	for _, c := range []struct{ host, group, says string }{
		{"web1.example.org:2222", "os_Debian-12.5", ""},
		{"[::1]:22", "os_bookworm/sid", ""},
		{"fe80::1%eth0", "größe", ""},
		{"{{ x }}", "{{x}}", "it has "},
		{"a{b", "a}b", "it has the character "},
		{"a b", "a b", "it has white space"},
		{"a\u00a0b", "a\tb", "it has white space"},
		{"a\nb", "a\nb", "it has white space"},
		{"a\x1b[2J", "a\x1b[2J", "it has the control character '\\x1b'"},
		{"a\u202eb", "a\u202eb", "it has the control character"},
		{"a\xffb", "a\xffb", "it has the control character"},
		{"../x", "../../x", "it has "},
		{"$(id)", "x/../y", "it has "},
		{"-oProxyCommand=id", "..", "it "},
		{"", "", "no name"},
	} {
		_, hostErr := inv.AddHost(c.host, nil, nil)
		_, groupErr := inv.AddGroup("h", c.group, nil)
		_, parentErr := inv.AddGroup("h", "fine", []string{c.group})
		for what, err := range map[string]error{c.host: hostErr, c.group: groupErr, "parent " + c.group: parentErr} {
			if (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q: %v, want %q", what, err, c.says)
			}
		}
		if c.group != "" {
			if _, err := inv.AddHost("h", []string{c.group}, nil); (err != nil) != (c.says != "") {
				t.Errorf("add_host to %q: %v", c.group, err)
			}
		}
	}
	if all, err := inv.Hosts("all"); err != nil || len(all) != 4 {
		t.Errorf("hosts %v, %v: refused names were kept", all, err)
	}
	if got := len(inv.GroupsOf("h")); got != 4 {
		t.Errorf("h is in %q", inv.GroupsOf("h"))
	}
}
