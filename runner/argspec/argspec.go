// Package argspec holds values against an argument_specs of a role: Ansible's
// types, in its words. It changes nothing, reads no file and renders no template.
package argspec

import (
	"fmt"
	"slices"
	"strings"

	"remoterun/runner/value"
)

// Check returns everything that is wrong in values, by the options of a
// specification.
func Check(options, values *value.Map) []string {
	return (&checker{}).all(options, values, "", nil)
}

type checker struct{}

func (c *checker) all(options, values *value.Map, prefix string, context []string) []string {
	given := named(options, values)
	var out []string
	in := func(format string, args ...any) {
		msg := fmt.Sprintf(format, args...)
		if len(context) > 0 {
			msg += " found in " + strings.Join(context, " -> ")
		}
		out = append(out, msg)
	}
	if extra := strangers(options, values, prefix); extra != "" {
		out = append(out, extra)
	}
	if missing := required(options, given); len(missing) > 0 {
		in("missing required arguments: %s", strings.Join(missing, ", "))
	}
	for k, v := range options.All() {
		name := value.Str(k)
		spec, _ := v.AsMap()
		got, ok := given.Lookup(name)
		if !ok || got.IsNull() {
			continue
		}
		kind := text(spec, "type", "str")
		fixed, why := convert(kind, got)
		if why != "" {
			msg := fmt.Sprintf("argument '%s' is of type %s", name, class(got))
			if len(context) > 0 {
				msg += fmt.Sprintf(" found in '%s'.", strings.Join(context, " -> "))
			}
			out = append(out, msg+fmt.Sprintf(" and we were unable to convert to %s: %s", kind, why))
			continue
		}
		out = append(out, elements(name, spec, kind, fixed, context)...)
		if why := chosen(name, spec, fixed); why != "" {
			in("%s", why)
		}
		out = append(out, c.inner(name, spec, kind, fixed, prefix, context)...)
	}
	return out
}

// named are the values under their options' own names.
func named(options, values *value.Map) *value.Map {
	out := values.Clone()
	for k, v := range options.All() {
		spec, _ := v.AsMap()
		aliases, _ := spec.Lookup("aliases")
		for _, a := range aliases.Items() {
			if got, ok := values.Get(a); ok {
				out.Set(k, got)
			}
		}
	}
	return out
}

// strangers names values that no option has.
func strangers(options, values *value.Map, prefix string) string {
	known := map[string]bool{}
	var shown []string
	for k, v := range options.All() {
		spec, _ := v.AsMap()
		aliases, _ := spec.Lookup("aliases")
		name := value.Str(k)
		known[name] = true
		var also []string
		for _, a := range aliases.Items() {
			known[value.Str(a)] = true
			also = append(also, value.Str(a))
		}
		if len(also) > 0 {
			slices.Sort(also)
			name += " (" + strings.Join(also, ", ") + ")"
		}
		shown = append(shown, name)
	}
	var extra []string
	for k := range values.All() {
		if name := value.Str(k); !known[name] {
			extra = append(extra, prefix+name)
		}
	}
	if len(extra) == 0 {
		return ""
	}
	slices.Sort(extra)
	slices.Sort(shown)
	return strings.Join(extra, ", ") + ". Supported parameters include: " + strings.Join(shown, ", ") + "."
}

func required(options, given *value.Map) []string {
	var out []string
	for k, v := range options.All() {
		spec, _ := v.AsMap()
		must, _ := spec.Lookup("required")
		if _, ok := given.Get(k); !ok && value.Truth(must) {
			out = append(out, value.Str(k))
		}
	}
	slices.Sort(out)
	return out
}

func text(spec *value.Map, key, otherwise string) string {
	if v, ok := spec.Lookup(key); ok && !v.IsNull() {
		return value.Str(v)
	}
	return otherwise
}

// elements checks what a list holds.
func elements(name string, spec *value.Map, kind string, v value.Value, context []string) []string {
	of := text(spec, "elements", "")
	if kind != "list" || of == "" {
		return nil
	}
	var out []string
	for _, it := range v.Items() {
		if _, why := convert(of, it); why != "" {
			msg := "Elements value for option '" + name + "'"
			if len(context) > 0 {
				msg += " found in '" + strings.Join(context, " -> ") + "'"
			}
			out = append(out, msg+fmt.Sprintf(" is of type %s and we were unable to convert to %s: %s", class(it), of, why))
		}
	}
	return out
}

// chosen checks the choices of one option.
func chosen(name string, spec *value.Map, v value.Value) string {
	choices, ok := spec.Lookup("choices")
	if !ok || choices.IsNull() {
		return ""
	}
	has := func(v value.Value) bool {
		return slices.ContainsFunc(choices.Items(), func(c value.Value) bool { return value.Equal(c, v) || value.Str(c) == value.Str(v) })
	}
	var all []string
	for _, c := range choices.Items() {
		all = append(all, value.Str(c))
	}
	if _, isList := v.AsSeq(); isList {
		var none []string
		for _, it := range v.Items() {
			if !has(it) {
				none = append(none, value.Show(it))
			}
		}
		if len(none) > 0 {
			return fmt.Sprintf("value of %s must be one or more of: %s. Got no match for: %s", name, strings.Join(all, ", "), strings.Join(none, ", "))
		}
		return ""
	}
	if has(v) {
		return ""
	}
	return fmt.Sprintf("value of %s must be one of: %s, got: %s", name, strings.Join(all, ", "), value.Show(v))
}

// inner checks the options of a mapping, or of each mapping of a list.
func (c *checker) inner(name string, spec *value.Map, kind string, v value.Value, prefix string, context []string) []string {
	sub, ok := spec.Lookup("options")
	options, isMap := sub.AsMap()
	if !ok || !isMap || kind != "dict" && (kind != "list" || text(spec, "elements", "") != "dict") {
		return nil
	}
	items := []value.Value{v}
	if kind == "list" {
		items = v.Items()
	}
	var out []string
	for i, it := range items {
		m, ok := it.AsMap()
		if !ok {
			out = append(out, fmt.Sprintf("value of '%s' must be of type dict or list of dicts", name))
			continue
		}
		at := prefix + name
		if kind == "list" {
			at += fmt.Sprintf("[%d]", i)
		}
		out = append(out, c.all(options, m, at+".", append(slices.Clip(context), name))...)
	}
	return out
}

// class is a value's type as Python shows it.
func class(v value.Value) string { return "<class '" + value.TypeName(v) + "'>" }
