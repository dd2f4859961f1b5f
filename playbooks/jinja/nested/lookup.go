package nested

import (
	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// nestedLookups are the plug-ins that do what the filters do.
func nestedLookups() []core.Entry {
	return core.Lookups([]core.Entry{
		{Name: "get_path", Sig: "get_path(var, path, wantlist=False)", Example: "{{ lookup('ansible.utils.get_path', {'a': {'b': 1}}, 'a.b') }}", Shows: "1", Func: asLookup(filterGetPath), Spread: core.SpreadNone},
		{Name: "to_paths", Sig: "to_paths(var, prepend=None, wantlist=False)", Example: "{{ lookup('ansible.utils.to_paths', {'a': {'b': 1}}) }}", Shows: "{'a.b': 1}", Func: asLookup(filterToPaths), Spread: core.SpreadNone},
		{Name: "index_of", Sig: "index_of(data, test, value=None, key=None)", Example: "{{ lookup('ansible.utils.index_of', ['a', 'b'], 'eq', 'b') }}", Shows: "1", Func: asLookup(filterIndexOf), Spread: core.SpreadNone},
	}, true)
}

// asLookup makes a filter's code a plug-in's: its input is the first term or
// the argument named so.
func asLookup(fn core.Function) core.Function {
	return func(c *core.Call) (value.Value, error) {
		in, args, kw := value.Undefined("var"), c.Args, value.NewMap()
		if len(args) > 0 {
			in, args = args[0], args[1:]
		}
		for k, v := range c.Kw.All() {
			switch name, _ := k.AsString(); name {
			case "var", "data":
				in = v
			default:
				kw.Set(k, v)
			}
		}
		if err := core.Defined(in); err != nil {
			return value.Value{}, err
		}
		v, err := fn(c.With(c.Name, in, args, kw))
		return value.List(v), err
	}
}
