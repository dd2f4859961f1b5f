package reach

import (
	"fmt"
	"testing"

	"remoterun/runner/value"
)

// TestAddresses: what is more than a name or an address is not looked up as one.
func TestAddresses(t *testing.T) {
	for text, ok := range map[string]bool{
		"web1": true, "web1.example.com": true, "10.0.0.1": true, "::1": true, "fe80::1%eth0": true, "2001:db8::7": true,
		"[::1]": false, "web1:2222": false, "10.0.0.1:22": false, "ssh://web1": false, "root@web1": false, "10.0.0.0/8": false, "::1:2:3:4:5:6:7:8:9": false,
	} {
		v := value.String(text).From(&value.Origin{Pos: value.Pos{File: "hosts", Line: 3, Col: 14}})
		got, err := addrOf("ansible_host", v, v)
		want := ""
		if !ok {
			want = `hosts:3:14: ansible_host: "` + text + `" is not a name or an address: an IPv6 address stands without brackets, a port in ansible_port, a user in ansible_user`
		}
		if said := fmt.Sprint(err); ok != (err == nil) || !ok && said != want || ok && got != text {
			t.Errorf("%q: %q, %s", text, got, said)
		}
	}
}

// TestConnectionVariablesAreWhole: no part of a value is taken for it, and what
// is refused says where it stands.
func TestConnectionVariablesAreWhole(t *testing.T) {
	at := func(s string) value.Value {
		return value.String(s).From(&value.Origin{Pos: value.Pos{File: "hosts", Line: 3, Col: 14}})
	}
	for _, c := range []struct {
		name string
		v    value.Value
		want string
	}{
		{"ansible_port", at("22x1"), `hosts:3:14: ansible_port: "22x1" is not a valid port (1 to 65535)`},
		{"ansible_port", at("22 22"), `hosts:3:14: ansible_port: "22 22" is not a valid port (1 to 65535)`},
		{"ansible_port", at("+22"), `hosts:3:14: ansible_port: "+22" is not a valid port (1 to 65535)`},
		{"ansible_port", at("0x16"), `hosts:3:14: ansible_port: "0x16" is not a valid port (1 to 65535)`},
		{"ansible_port", value.Int(0), `ansible_port: "0" is not a valid port (1 to 65535)`},
		{"ansible_port", value.Int(70000), `ansible_port: "70000" is not a valid port (1 to 65535)`},
		{"ansible_port", value.Float(22.5), `ansible_port: "22.5" is not a valid port (1 to 65535)`},
		{"ansible_port", value.Bool(true), `ansible_port: "True" is not a valid port (1 to 65535)`},
		{"ansible_port", value.Strings("22"), `ansible_port: "['22']" is not a valid port (1 to 65535)`},
		{"ansible_host", at("10.0.0.1 10.0.0.2"), `hosts:3:14: ansible_host: "10.0.0.1 10.0.0.2" is not valid: it holds a blank or a control character`},
		{"ansible_host", at(""), `hosts:3:14: ansible_host: it is empty: leave it out, and the host's name is its address`},
		{"ansible_connection", at("docker"), `hosts:3:14: ansible_connection: "docker" is not one of ssh, local`},
		{"ansible_become_user", at("-"), `hosts:3:14: ansible_become_user: "-" is not valid as a user: it begins with a dash`},
		{"ansible_become_user", value.Strings("x"), `ansible_become_user: a text is expected, not ['x']`},
		{"ansible_become_method", at("runas"), `hosts:3:14: ansible_become_method: "runas" is not one of sudo, su, doas`},
		{"ansible_become_flags", value.Strings("-n"), `ansible_become_flags: a text is expected, not ['-n']`},
		{"ansible_host", value.Strings("a"), `ansible_host: a text is expected, not ['a']`},
		{"ansible_user", at("root\n"), `hosts:3:14: ansible_user: "root\n" is not valid: it holds a blank or a control character`},
		{"ansible_ssh_private_key_file", value.Bool(true), `ansible_ssh_private_key_file: "True" is not valid as a path`},
		{"ansible_become", at("yess"), `hosts:3:14: ansible_become: "yess" is not a boolean: yes or no`},
		{"ansible_become", at("2"), `hosts:3:14: ansible_become: "2" is not a boolean: yes or no`},
	} {
		var err error
		switch c.name {
		case "ansible_port":
			_, err = portOf(c.name, c.v, c.v)
		case "ansible_become":
			_, err = flagOf(c.name, c.v, c.v)
		case "ansible_ssh_private_key_file":
			_, err = pathOf(c.name, c.v, c.v)
		case "ansible_host":
			_, err = addrOf(c.name, c.v, c.v)
		case "ansible_connection":
			_, err = kindOf(c.name, c.v, c.v)
		case "ansible_become_user":
			_, err = userOf(c.name, c.v, c.v)
		case "ansible_become_method":
			_, err = methodOf(c.name, c.v, c.v)
		case "ansible_become_flags":
			_, err = textOf(c.name, c.v, c.v)
		default:
			_, err = wordOf(c.name, c.v, c.v)
		}
		if err == nil || err.Error() != c.want {
			t.Errorf("%s %s: got %v\nwant %s", c.name, value.Repr(c.v), err, c.want)
		}
	}
	for _, v := range []value.Value{value.Int(22), value.String("22")} {
		if n, err := portOf("ansible_port", v, v); n != 22 || err != nil {
			t.Errorf("port %s: %d, %v", value.Repr(v), n, err)
		}
	}
}
