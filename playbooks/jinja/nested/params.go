package nested

import (
	"fmt"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// paramEntries compare lists of parameters.
func paramEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "param_list_compare", Sig: "param_list_compare(target)", Example: "{{ ['a', 'b'] | ansible.utils.param_list_compare(['all', '!b']) }}", Shows: "{'actionable': ['a'], 'unsupported': []}", Func: filterParamList},
	})
}

func filterParamList(c *core.Call) (value.Value, error) {
	a, err := c.Bind("target")
	if err != nil {
		return value.Value{}, err
	}
	if !core.ListLike(c.In) || !core.ListLike(a[0]) {
		return value.Value{}, fmt.Errorf("param_list_compare needs two lists")
	}
	base := c.In.Items()
	var out, unsupported, remain []value.Value
	not := map[string]bool{}
	for _, t := range a[0].Items() {
		s := value.Str(t)
		switch rest, bang := strings.CutPrefix(s, "!"); {
		case bang:
			not[rest] = true
		case s == "all":
			out = base
		case core.InList(base, t):
			remain = append(remain, t)
		default:
			unsupported = append(unsupported, t)
		}
	}
	var kept []value.Value
	for _, it := range out {
		if !not[value.Str(it)] {
			kept = append(kept, it)
		}
	}
	for _, it := range remain {
		if !core.InList(kept, it) {
			kept = append(kept, it)
		}
	}
	err = value.Sort(kept)
	return value.FromMap(value.MapOf("actionable", value.List(kept...), "unsupported", value.List(unsupported...))), err
}
