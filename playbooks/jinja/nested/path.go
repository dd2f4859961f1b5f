package nested

import (
	"fmt"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/pyre"
	"remoterun/runner/value"
)

// pathsEntries reach into nested data.
func pathsEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "get_path", Sig: "get_path(path, wantlist=False)", Example: "{{ {'a': {'b': [1]}} | ansible.utils.get_path('a.b[0]') }}", Shows: "1", Func: filterGetPath, Spread: core.SpreadNone},
		{Name: "to_paths", Sig: "to_paths(prepend=None, wantlist=False)", Example: "{{ {'a': {'b': [1]}} | ansible.utils.to_paths }}", Shows: "{'a.b[0]': 1}", Func: filterToPaths, Spread: core.SpreadNone},
	})
}

func filterGetPath(c *core.Call) (value.Value, error) {
	a, err := c.Bind("path", "environment=", "wantlist=")
	if err != nil {
		return value.Value{}, err
	}
	m, ok, err := value.Mapping(c.In)
	if err != nil {
		return value.Value{}, err
	}
	if !ok {
		return value.Value{}, fmt.Errorf("argument after ** must be a mapping, not %s", value.TypeName(c.In))
	}
	v, err := c.Follow(value.Str(a[0]), m)
	if err == nil {
		err = core.Defined(v)
	}
	if err == nil && core.TruthOr(a[2], false) {
		v = value.List(v)
	}
	return v, err
}

func filterToPaths(c *core.Call) (value.Value, error) {
	a, err := c.Bind("prepend=", "wantlist=")
	if err != nil {
		return value.Value{}, err
	}
	v := c.In
	if core.IsList(v) && len(v.Items()) == 0 && !core.Given(a[0]) {
		return v, nil
	}
	if p := core.TextOr(a[0], ""); p != "" {
		m := value.NewMap()
		m.Set(value.MarkedString(p, a[0].Marks()), v)
		v = value.FromMap(m)
	}
	out := value.NewMap()
	if err := toPaths(c, v, value.String(""), out, 0); err != nil {
		return value.Value{}, err
	}
	if core.TruthOr(a[1], false) {
		return value.List(value.FromMap(out)), nil
	}
	return value.FromMap(out), nil
}

// toPaths puts what v holds into out, each by its path, which has the marks of
// all keys on it.
func toPaths(c *core.Call, v, path value.Value, out *value.Map, depth int) error {
	if err := c.Deeper(depth); err != nil {
		return err
	}
	m, isMap, err := value.Mapping(v)
	if err != nil {
		return err
	}
	name, marks := value.Str(path), path.Marks()
	switch {
	case isMap && m.Len() > 0:
		for k, it := range m.All() {
			key := value.Str(k)
			switch {
			case name != "" && pyre.Identifier(key):
				key = name + "." + key
			case name != "":
				key = name + "['" + key + "']"
			}
			if err := c.Grown(len(key)); err != nil {
				return err
			}
			if err := toPaths(c, it, value.MarkedString(key, marks|value.DeepMarks(k)), out, depth+1); err != nil {
				return err
			}
		}
	case core.IsList(v) && len(v.Items()) > 0:
		for i, it := range v.Items() {
			if err := c.Grown(len(name)); err != nil {
				return err
			}
			if err := toPaths(c, it, value.MarkedString(fmt.Sprintf("%s[%d]", name, i), marks), out, depth+1); err != nil {
				return err
			}
		}
	case name != "" || !isMap && !core.IsList(v):
		out.Set(path, v)
	}
	return c.Step()
}
