package ip

import (
	"fmt"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/ipnet"
	"remoterun/runner/value"
)

// formEntries write IPv6 addresses in other forms.
func formEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "ipcut", Sig: "ipcut(amount)", Example: "{{ '1234:4321:abcd:dcba::17' | ansible.utils.ipcut(5) }}", Shows: "1234:4321:abcd:dcba:0", Func: filterIPCut},
		{Name: "ipv6form", Sig: "ipv6form(format)", Example: "{{ '1234:4321:abcd:dcba::17' | ansible.utils.ipv6form('expand') }}", Shows: "1234:4321:abcd:dcba:0000:0000:0000:0017", Func: filterIPv6Form},
	})
}

// groups6 are the eight groups of an IPv6 address, all digits.
func groups6(v value.Value) ([]string, error) {
	n, err := ipnet.ParseAddress(value.Str(v))
	if err != nil || n.Width != 128 {
		return nil, fmt.Errorf("%s is not an IPv6 address", value.Show(v))
	}
	hex := fmt.Sprintf("%032x", n.V)
	var out []string
	for i := 0; i < 32; i += 4 {
		out = append(out, hex[i:i+4])
	}
	return out, nil
}

func filterIPCut(c *core.Call) (value.Value, error) {
	a, err := c.Bind("amount")
	if err != nil {
		return value.Value{}, err
	}
	n, err := core.AsInteger(a[0])
	if err != nil {
		return value.Value{}, fmt.Errorf("You must pass an integer for arithmetic; %s is not a valid integer", value.Show(a[0]))
	}
	groups, err := groups6(c.In)
	if err != nil {
		return value.Value{}, err
	}
	for i, g := range groups {
		if groups[i] = strings.TrimLeft(g, "0"); groups[i] == "" {
			groups[i] = "0"
		}
	}
	switch {
	case n < 0:
		groups = groups[max(0, len(groups)+int(max(n, -8))):]
	default:
		groups = groups[:min(len(groups), int(min(n, 8)))]
	}
	return core.Text(strings.Join(groups, ":"))
}

func filterIPv6Form(c *core.Call) (value.Value, error) {
	a, err := c.Bind("format")
	if err != nil {
		return value.Value{}, err
	}
	groups, err := groups6(c.In)
	if err != nil {
		return value.Value{}, err
	}
	switch form := value.Str(a[0]); form {
	case "expand":
		return core.Text(strings.Join(groups, ":"))
	case "x509":
		for i, g := range groups {
			if groups[i] = strings.TrimLeft(g, "0"); groups[i] == "" {
				groups[i] = "0"
			}
		}
		return core.Text(strings.Join(groups, ":"))
	case "compress":
		n, _ := ipnet.ParseAddress(value.Str(c.In))
		return core.Text(n.IP())
	default:
		return value.Value{}, fmt.Errorf("ipv6form: '%s' is not a format: expand, compress or x509", form)
	}
}
