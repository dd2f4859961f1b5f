package ip

import (
	"fmt"
	"math/big"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/ipnet"
	"remoterun/runner/value"
)

// hwaddrEntries are the filters over MAC addresses.
func hwaddrEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "hwaddr", Sig: "hwaddr(query='', alias='hwaddr')", Example: "{{ '1A:2B:3C:4D:5E:6F' | ansible.utils.hwaddr('cisco') }}", Shows: "1a2b.3c4d.5e6f", Func: filterHWAddr},
		{Name: "macaddr", Sig: "macaddr(query='')", Example: "{{ '1A:2B:3C:4D:5E:6F' | ansible.utils.macaddr('linux') }}", Shows: "1a:2b:3c:4d:5e:6f", Func: filterHWAddr},
	})
}

func filterHWAddr(c *core.Call) (value.Value, error) {
	params := []core.Param{"query="}
	if c.Name == "hwaddr" {
		params = append(params, "alias=")
	}
	a, err := c.Bind(params...)
	if err != nil {
		return value.Value{}, err
	}
	query := core.TextOr(a[0], "")
	s := value.Str(c.In)
	e, err := ipnet.ParseEUI(s)
	if err != nil && query != "" && query != "bool" {
		return value.Value{}, fmt.Errorf("%s: not a hardware address: %s", c.Short(), s)
	}
	if err != nil {
		return value.Null(), nil
	}
	forms := map[string]func() value.Value{
		"":      func() value.Value { return value.String(s) },
		"bool":  func() value.Value { return value.Bool(true) },
		"bare":  func() value.Value { return value.String(e.Words(12, "", true, true)) },
		"int":   func() value.Value { return value.Big(new(big.Int).SetUint64(e.V)) },
		"cisco": func() value.Value { return value.String(e.Words(4, ".", false, true)) },
		"eui48": func() value.Value { return value.String(e.Words(2, "-", true, true)) },
		"linux": func() value.Value { return value.String(e.Words(2, ":", false, true)) },
		"pgsql": func() value.Value { return value.String(e.Words(6, ":", false, true)) },
		"unix":  func() value.Value { return value.String(e.Words(2, ":", false, false)) },
	}
	forms["postgresql"], forms["psql"], forms["win"] = forms["pgsql"], forms["pgsql"], forms["eui48"]
	f, ok := forms[query]
	if !ok {
		return value.Value{}, fmt.Errorf("%s: unknown filter type: %s", c.Short(), query)
	}
	return f(), nil
}
