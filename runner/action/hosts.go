package action

import (
	"context"
	"errors"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

func addHost(_ context.Context, t *Turn, args *value.Map) (Did, error) {
	name, ok := str(args, "name", "hostname", "host")
	if !ok {
		return Did{}, errors.New("name, host or hostname needs to be provided")
	}
	var groups []string
	vars := value.NewMap()
	for k, v := range args.All() {
		switch value.Str(k) {
		case "name", "hostname", "host":
		case "groups", "group", "groupname":
			groups = listOf(v)
		default:
			vars.Set(k, v)
		}
	}
	h, err := t.Inventory.AddHost(name, groups, vars)
	if err != nil {
		return Did{}, err
	}
	if h.Port > 0 {
		vars.Set(value.String("ansible_ssh_port"), value.Int(int64(h.Port)))
	}
	return Did{Regrouped: h.Name, Result: play.Result{Changed: h.New, Data: value.MapOf("add_host", value.FromMap(value.MapOf("host_name", value.String(h.Name), "groups", value.Strings(groups...), "host_vars", value.FromMap(vars))))}}, nil
}

func groupBy(_ context.Context, t *Turn, args *value.Map) (Did, error) {
	key, ok := str(args, "key")
	if !ok {
		return Did{}, errors.New("the 'key' param is required when using group_by")
	}
	parents := []string{"all"}
	if v, ok := args.Lookup("parents"); ok {
		parents = listOf(v)
	}
	// As Ansible names them.
	key = strings.ReplaceAll(key, " ", "-")
	for i := range parents {
		parents[i] = strings.ReplaceAll(parents[i], " ", "-")
	}
	changed, err := t.Inventory.AddGroup(t.Host, key, parents)
	return Did{Regrouped: t.Host, Result: play.Result{Changed: changed, Data: value.MapOf("add_group", value.String(key), "parent_groups", value.Strings(parents...))}}, err
}

// listOf reads a list of names: a list, or text with commas.
func listOf(v value.Value) []string {
	var out []string
	if s, ok := v.AsString(); ok {
		for p := range strings.SplitSeq(s, ",") {
			out = append(out, strings.TrimSpace(p))
		}
	}
	for _, it := range v.Items() {
		out = append(out, value.Str(it))
	}
	return out
}
