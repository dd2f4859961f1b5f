package jinja

import (
	"errors"
	"fmt"
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
	return st.dump(c.rt, c.in)
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
	return st.dump(c.rt, c.in)
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
		switch name, _ := k.AsString(); name {
		case "indent":
			st.Indent = intOf(v)
		case "width":
			st.Width = intOf(v)
		case "sort_keys":
			st.KeepKeys = !value.Truth(v)
		case "explicit_start":
			st.Start = value.Truth(v)
		case "default_flow_style":
			st.Flow = yaml.FlowNone
			switch {
			case v.IsNull():
				st.Flow = yaml.FlowLeaves
			case value.Truth(v):
				st.Flow = yaml.FlowAll
			}
		case "canonical", "explicit_end", "default_style", "line_break", "encoding", "version", "tags":
			if value.Truth(v) {
				return st, fmt.Errorf("the option '%s' is not supported here", name)
			}
		default:
			return st, fmt.Errorf("dump_all() got an unexpected keyword argument '%s'", name)
		}
	}
	return st, nil
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
	if len(s) > c.rt.eng.opt.MaxOutput {
		return value.Value{}, errOutput
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
