package action

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"remoterun/runner/keyword"
	"remoterun/runner/laptop"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// setFact is pure: look-ahead runs it, too.
func setFact(_ context.Context, _ *Turn, args *value.Map) (Did, error) {
	m := factsOf(args)
	if m.Len() == 0 {
		return Did{}, errors.New("No key/value pairs provided, at least one is required for this action to succeed")
	}
	for k := range m.All() {
		if name := value.Str(k); !isVariableName(name) {
			return Did{}, badName(name)
		}
	}
	v, _ := args.Lookup("cacheable")
	keep, _ := keyword.Truth(v) // nothing is cached, but ansible_facts has them
	return Did{Result: play.Result{Data: value.MapOf("ansible_facts", value.FromMap(m))}, Facts: m, Cached: keep}, nil
}

// isVariableName reports names that templates can ask for.
func isVariableName(name string) bool {
	for i, r := range name {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}

// factsOf are the variables of set_fact. The words yes, no, true and false are
// booleans, as text too: "set_fact: ready=yes" has no other way to say so.
func factsOf(args *value.Map) *value.Map {
	m := value.NewMap()
	for k, v := range args.All() {
		if value.Str(k) == "cacheable" {
			continue
		}
		if s, ok := v.AsString(); ok {
			switch strings.ToLower(s) {
			case "yes", "true":
				v = value.Bool(true).With(v.Marks())
			case "no", "false":
				v = value.Bool(false).With(v.Marks())
			}
		}
		m.Set(k, listed(v))
	}
	return m
}

// listed makes lists of tuples, wherever they stand: facts have none.
func listed(v value.Value) value.Value {
	switch v.Kind() {
	case value.KindTuple, value.KindList:
		items := make([]value.Value, len(v.Items()))
		for i, it := range v.Items() {
			items[i] = listed(it)
		}
		return value.List(items...).With(v.Marks())
	case value.KindMap:
		m, ok := v.AsMap()
		if !ok {
			return v
		}
		out := value.NewMap()
		for k, it := range m.All() {
			out.Set(k, listed(it))
		}
		return value.FromMap(out).With(v.Marks())
	}
	return v
}

// includeTasks says which file is taken in: the host enters it when the task has
// ended, one file of a loop after the other.
func includeTasks(_ context.Context, t *Turn, args *value.Map) (Did, error) {
	name, ok := str(args, "file", "_raw_params")
	if !ok {
		return Did{}, errors.New("include_tasks needs the name of a file")
	}
	path := laptop.Abs(cmp.Or(t.Task.Dir, t.PlayDir), name)
	return Did{File: path, Result: play.Result{Data: value.MapOf("include", value.String(path))}}, nil
}

// setStats returns its figures as Ansible's does: unless show_custom_stats is set
// there, nothing else comes of them.
func setStats(_ context.Context, _ *Turn, args *value.Map) (Did, error) {
	data, _ := args.Lookup("data")
	if _, ok := data.AsMap(); !ok {
		return Did{}, errors.New("The 'data' option needs to be a dictionary/hash")
	}
	figures, _ := data.AsMap()
	for k := range figures.All() {
		if name := value.Str(k); !isVariableName(name) {
			return Did{}, badName(name)
		}
	}
	flag := func(name string, otherwise bool) value.Value {
		if v, ok := args.Lookup(name); ok {
			b, _ := keyword.Truth(v)
			return value.Bool(b)
		}
		return value.Bool(otherwise)
	}
	stats := value.MapOf("data", data, "per_host", flag("per_host", false), "aggregate", flag("aggregate", true))
	return Did{Result: play.Result{Data: value.MapOf("ansible_stats", value.FromMap(stats))}}, nil
}
