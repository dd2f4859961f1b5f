package jinja

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// serialEntries are the filters between data and JSON or YAML.
func serialEntries() []entry {
	return strictAll([]entry{
		{name: "to_json", sig: "to_json(indent=None, sort_keys=False, ensure_ascii=True, separators=None)", example: "{{ {'a': [1, none]} | to_json }}", shows: `{"a": [1, null]}`, fn: filterAnsibleJSON},
		{name: "to_nice_json", sig: "to_nice_json(indent=4, sort_keys=True, ensure_ascii=True)", example: "{{ {'a': 1} | to_nice_json }}", shows: "{\n    \"a\": 1\n}", fn: filterToNiceJSON},
		{name: "from_json", sig: "from_json", example: `{{ '[1, true]' | from_json }}`, shows: "[1, True]", fn: filterFromJSON},
		{name: "to_yaml", sig: "to_yaml(indent, width, sort_keys=True, default_flow_style=None, explicit_start, ...)", example: "{{ {'a': [1]} | to_yaml }}", shows: "a: [1]\n", fn: filterToYAML, anchors: true},
		{name: "to_nice_yaml", sig: "to_nice_yaml(indent=4, width, sort_keys=True, explicit_start, ...)", example: "{{ {'a': [1]} | to_nice_yaml }}", shows: "a:\n- 1\n", fn: filterToNiceYAML, anchors: true},
		{name: "from_yaml", sig: "from_yaml", example: "{{ 'a: [1, yes]' | from_yaml }}", shows: "{'a': [1, True]}", fn: filterFromYAML, undefined: true},
		{name: "from_yaml_all", sig: "from_yaml_all", example: `{{ 'a: 1\n--- \nb: 2' | from_yaml_all }}`, shows: "[{'a': 1}, {'b': 2}]", fn: filterFromYAMLAll, undefined: true},
	})
}

func filterAnsibleJSON(c *call) (value.Value, error) {
	st := jsonLayout{item: ", ", key: ": "}
	if len(c.args) > 0 {
		return value.Value{}, fmt.Errorf("dumps() takes 1 positional argument but %d were given", len(c.args)+1)
	}
	if err := st.options(c.kw, false); err != nil {
		return value.Value{}, err
	}
	return st.dump(c, c.in)
}

func filterToNiceJSON(c *call) (value.Value, error) {
	st := jsonLayout{item: ",", key: ": ", indent: "    ", lines: true, sortKeys: true}
	if len(c.args) > 0 {
		if err := st.indentBy(c.args[0]); err != nil {
			return value.Value{}, err
		}
	}
	if len(c.args) > 1 {
		st.sortKeys = value.Truth(c.args[1])
	}
	if len(c.args) > 2 {
		return value.Value{}, errors.New("dumps() takes 1 positional argument but more were given")
	}
	if err := st.options(c.kw, true); err != nil {
		return value.Value{}, err
	}
	return st.dump(c, c.in)
}

func filterFromJSON(c *call) (value.Value, error) {
	s, ok := c.in.AsString()
	if !ok {
		return value.Value{}, fmt.Errorf("the JSON object must be str, bytes or bytearray, not %s", value.TypeName(c.in))
	}
	for k := range c.kw.All() {
		return value.Value{}, fmt.Errorf("from_json() got an unexpected keyword argument '%s'", value.Str(k))
	}
	return parseJSONText(s)
}

// yamlStyle reads the options that PyYAML's dump takes.
func yamlStyle(c *call, st yaml.Style) (yaml.Style, error) {
	for k, v := range c.kw.All() {
		name, _ := k.AsString()
		if err := yamlOption(&st, name, v); err != nil {
			return st, err
		}
	}
	return st, nil
}

func yamlOption(st *yaml.Style, name string, v value.Value) error {
	switch name {
	case "indent":
		st.Indent = sizeOf(v)
	case "width":
		st.Width = sizeOf(v)
	case "sort_keys":
		st.KeepKeys = !value.Truth(v)
	case "explicit_start":
		st.Start = value.Truth(v)
	case "explicit_end":
		st.End = value.Truth(v)
	case "canonical":
		st.Canonical = value.Truth(v)
	case "default_flow_style":
		st.Flow = yaml.FlowNone
		switch {
		case v.IsNull():
			st.Flow = yaml.FlowLeaves
		case value.Truth(v):
			st.Flow = yaml.FlowAll
		}
	case "default_style":
		st.Quote = 0
		if value.Truth(v) {
			st.Quote = []rune(value.Str(v))[0]
		}
	case "line_break":
		st.Break = ""
		if s, _ := v.AsString(); s == "\r" || s == "\r\n" {
			st.Break = s
		}
	case "encoding": // of bytes, that Ansible makes text of again
	case "version", "tags":
		return yamlDirective(st, name, v)
	default:
		return fmt.Errorf("dump_all() got an unexpected keyword argument '%s'", name)
	}
	return nil
}

// yamlDirective reads version=[1, 1] and tags={'!x!': 'tag:…'}.
func yamlDirective(st *yaml.Style, name string, v value.Value) error {
	if !value.Truth(v) {
		return nil
	}
	if name == "version" {
		items := v.Items()
		if len(items) != 2 {
			return errors.New("version must be a list of two numbers, as [1, 1]")
		}
		st.Directives = append([]string{"%YAML " + value.Str(items[0]) + "." + value.Str(items[1])}, st.Directives...)
		return nil
	}
	m, ok := v.AsMap()
	if !ok {
		return errors.New("tags must be a mapping of handles to prefixes, as {'!x!': 'tag:example.com,2000:'}")
	}
	handles := m.Names()
	slices.Sort(handles)
	for _, h := range handles {
		prefix, _ := m.Lookup(h)
		if len(h) < 2 || h[0] != '!' || h[len(h)-1] != '!' || value.Str(prefix) == "" {
			return fmt.Errorf("tag %s: a handle is written as !x!, and its prefix is not empty", h)
		}
		st.Directives = append(st.Directives, "%TAG "+h+" "+value.Str(prefix))
	}
	return nil
}

// sizeOf is a width; null leaves it as it would be.
func sizeOf(v value.Value) int {
	if v.IsNull() {
		return 0
	}
	return intOf(v)
}

func intOf(v value.Value) int {
	if f, ok := v.AsFloat(); ok && f < 1<<30 {
		return int(f)
	}
	return 1 << 30
}

func filterToYAML(c *call) (value.Value, error) {
	st, err := yamlStyle(c, yaml.Style{Flow: yaml.FlowLeaves, Lib: true, Anchors: true})
	if err != nil {
		return value.Value{}, fmt.Errorf("to_yaml - %w", err)
	}
	return dumpYAML(c, st)
}

func filterToNiceYAML(c *call) (value.Value, error) {
	st := yaml.Style{Indent: 4, Lib: true, Anchors: true}
	if len(c.args) > 0 {
		st.Indent = intOf(c.args[0])
	}
	st, err := yamlStyle(c, st)
	if err != nil {
		return value.Value{}, fmt.Errorf("to_nice_yaml - %w", err)
	}
	return dumpYAML(c, st)
}

func dumpYAML(c *call, st yaml.Style) (value.Value, error) {
	if err := deepDefined(c.in); err != nil {
		return value.Value{}, err
	}
	s, err := yaml.Dump(c.in, st)
	if err != nil {
		return value.Value{}, fmt.Errorf("%s - %w", c.name, err)
	}
	if err := c.fits(len(s)); err != nil {
		return value.Value{}, err
	}
	return textResult(s)
}

func filterFromYAML(c *call) (value.Value, error) {
	s, ok := c.in.AsString()
	if !ok {
		return c.in, nil
	}
	v, err := yaml.One("<from_yaml>", []byte(s), yaml.Options{})
	return withDates(v), err
}

func filterFromYAMLAll(c *call) (value.Value, error) {
	s, ok := c.in.AsString()
	if !ok {
		return c.in, nil
	}
	docs, err := yaml.Load("<from_yaml_all>", []byte(s), yaml.Options{})
	return withDates(value.List(docs...)), err
}

// parseJSONText reads JSON as Python does: NaN and Infinity count, too.
func parseJSONText(s string) (value.Value, error) {
	v, err := value.ParseJSON([]byte(s))
	if err == nil {
		return v, nil
	}
	if strings.Contains(s, "NaN") || strings.Contains(s, "Infinity") {
		if v, ok := pyJSON(s); ok {
			return v, nil
		}
	}
	return value.Value{}, err
}
