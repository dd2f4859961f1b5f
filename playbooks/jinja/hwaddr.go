package jinja

import (
	"fmt"
	"math/big"

	"remoterun/playbooks/jinja/ipnet"
	"remoterun/runner/value"
)

// hwaddrEntries are the filters over MAC addresses.
func hwaddrEntries() []entry {
	return strictAll([]entry{
		{name: "hwaddr", sig: "hwaddr(query='', alias='hwaddr')", example: "{{ '1A:2B:3C:4D:5E:6F' | ansible.utils.hwaddr('cisco') }}", shows: "1a2b.3c4d.5e6f", fn: filterHWAddr},
		{name: "macaddr", sig: "macaddr(query='')", example: "{{ '1A:2B:3C:4D:5E:6F' | ansible.utils.macaddr('linux') }}", shows: "1a:2b:3c:4d:5e:6f", fn: filterHWAddr},
	})
}

func filterHWAddr(c *call) (value.Value, error) {
	params := []param{"query="}
	if c.name == "hwaddr" {
		params = append(params, "alias=")
	}
	a, err := c.bind(params...)
	if err != nil {
		return value.Value{}, err
	}
	query := textOr(a[0], "")
	s := value.Str(c.in)
	e, err := ipnet.ParseEUI(s)
	if err != nil && query != "" && query != "bool" {
		return value.Value{}, fmt.Errorf("%s: not a hardware address: %s", c.short(), s)
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
		return value.Value{}, fmt.Errorf("%s: unknown filter type: %s", c.short(), query)
	}
	return f(), nil
}
