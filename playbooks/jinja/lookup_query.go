package jinja

import (
	"errors"
	"strings"

	"remoterun/runner/value"
)

// queryEntries are the globals that run plug-ins.
func queryEntries() []entry {
	return []entry{
		{kind: globalKind, name: "lookup", sig: "lookup(plugin, *terms, wantlist=False, errors='strict', **options)", example: "{{ lookup('items', ['a', 'b']) }}", shows: "a,b", fn: globalLookup, spread: spreadNone},
		{kind: globalKind, name: "query", aliases: []string{"q"}, sig: "query(plugin, *terms, errors='strict', **options)", example: "{{ query('items', ['a', 'b']) }}", shows: "['a', 'b']", fn: globalQuery, spread: spreadNone},
	}
}

func globalLookup(c *call) (value.Value, error) {
	list, want, err := c.lookup(false)
	if err != nil || want {
		return list, err
	}
	return joinTerms(list), nil
}

func globalQuery(c *call) (value.Value, error) {
	list, _, err := c.lookup(true)
	return list, err
}

// lookup runs the plug-in that the first argument names and answers its list.
func (c *call) lookup(want bool) (list value.Value, wantList bool, err error) {
	if len(c.args) == 0 {
		return value.Value{}, want, errors.New("lookup() needs the name of a plug-in")
	}
	name, ok := c.args[0].AsString()
	if !ok {
		return value.Value{}, want, errors.Join(defined(c.args[0]), errors.New("lookup() needs the name of a plug-in as text"))
	}
	options := value.NewMap()
	mode := "strict"
	for k, v := range c.kw.All() {
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
	terms := make([]value.Value, len(c.args)-1)
	for i, t := range c.args[1:] {
		if err := defined(t); err != nil {
			return value.Value{}, want, err
		}
		// Terms are templates once more, as in Ansible: 'echo "{{ name }}"'.
		if terms[i], err = c.deep(t); err != nil {
			return value.Value{}, want, err
		}
	}
	list, err = c.plugin(name, terms, options)
	var failed *lookupError
	if errors.As(err, &failed) && (mode == "ignore" || mode == "warn") {
		if want {
			return value.List(), want, nil
		}
		return value.Null(), true, nil
	}
	return list, want, err
}

// joinTerms is how lookup() answers a list: text joined by commas, one other
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
