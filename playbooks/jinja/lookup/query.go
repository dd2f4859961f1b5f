package lookup

import (
	"errors"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// queryEntries are the globals that run plug-ins.
func queryEntries() []core.Entry {
	return core.Globals([]core.Entry{
		{Name: "lookup", Sig: "lookup(plugin, *terms, wantlist=False, errors='strict', **options)", Example: "{{ lookup('items', ['a', 'b']) }}", Shows: "a,b", Func: globalLookup, Spread: core.SpreadNone},
		{Name: "query", Aliases: []string{"q"}, Sig: "query(plugin, *terms, errors='strict', **options)", Example: "{{ query('items', ['a', 'b']) }}", Shows: "['a', 'b']", Func: globalQuery, Spread: core.SpreadNone},
	})
}

func globalLookup(c *core.Call) (value.Value, error) {
	list, want, err := runPlugin(c, false)
	if err != nil || want {
		return list, err
	}
	return joinTerms(list), nil
}

func globalQuery(c *core.Call) (value.Value, error) {
	list, _, err := runPlugin(c, true)
	return list, err
}

// runPlugin runs the plug-in that the first argument names and returns its list.
func runPlugin(c *core.Call, want bool) (list value.Value, wantList bool, err error) {
	if len(c.Args) == 0 {
		return value.Value{}, want, errors.New("lookup() needs the name of a plug-in")
	}
	name, ok := c.Args[0].AsString()
	if !ok {
		return value.Value{}, want, errors.Join(core.Defined(c.Args[0]), errors.New("lookup() needs the name of a plug-in as text"))
	}
	options := value.NewMap()
	mode := "strict"
	for k, v := range c.Kw.All() {
		switch key, _ := k.AsString(); key {
		case "wantlist":
			want = want || value.Truth(v)
		case "errors":
			mode = value.Str(v)
		case "allow_unsafe":
		default:
			options.Set(k, v)
		}
	}
	terms := make([]value.Value, len(c.Args)-1)
	for i, t := range c.Args[1:] {
		if err := core.Defined(t); err != nil {
			return value.Value{}, want, err
		}
		// Terms are templates once more, as in Ansible: 'echo "{{ name }}"'.
		if terms[i], err = c.Deep(t); err != nil {
			return value.Value{}, want, err
		}
	}
	list, err = c.Plugin(name, terms, options)
	var failed *core.LookupError
	if errors.As(err, &failed) && (mode == "ignore" || mode == "warn") {
		if want {
			return value.List(), want, nil
		}
		return value.Null(), true, nil
	}
	return list, want, err
}

// joinTerms is how lookup() returns a list: text joined by commas, one other
// value itself, several as they are.
func joinTerms(list value.Value) value.Value {
	items := list.Items()
	if len(items) == 0 {
		return list
	}
	texts := make([]string, len(items))
	for i, it := range items {
		s, ok := it.AsString()
		if !ok {
			if len(items) == 1 {
				return it
			}
			return list
		}
		texts[i] = s
	}
	return value.MarkedString(strings.Join(texts, ","), value.DeepMarks(list))
}
