package ansible

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// serialEntries are the filters between data and JSON or YAML.
func serialEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "to_json", Sig: "to_json(indent=None, sort_keys=False, ensure_ascii=True, separators=None)", Example: "{{ {'a': [1, none]} | to_json }}", Shows: `{"a": [1, null]}`, Func: filterAnsibleJSON},
		{Name: "to_nice_json", Sig: "to_nice_json(indent=4, sort_keys=True, ensure_ascii=True)", Example: "{{ {'a': 1} | to_nice_json }}", Shows: "{\n    \"a\": 1\n}", Func: filterToNiceJSON},
		{Name: "from_json", Sig: "from_json", Example: `{{ '[1, true]' | from_json }}`, Shows: "[1, True]", Func: filterFromJSON},
		{Name: "to_yaml", Sig: "to_yaml(indent, width, sort_keys=True, default_flow_style=None, explicit_start, ...)", Example: "{{ {'a': [1]} | to_yaml }}", Shows: "a: [1]\n", Func: filterToYAML, Anchors: true},
		{Name: "to_nice_yaml", Sig: "to_nice_yaml(indent=4, width, sort_keys=True, explicit_start, ...)", Example: "{{ {'a': [1]} | to_nice_yaml }}", Shows: "a:\n- 1\n", Func: filterToNiceYAML, Anchors: true},
		{Name: "from_yaml", Sig: "from_yaml", Example: "{{ 'a: [1, yes]' | from_yaml }}", Shows: "{'a': [1, True]}", Func: filterFromYAML, Undefined: true},
		{Name: "from_yaml_all", Sig: "from_yaml_all", Example: `{{ 'a: 1\n--- \nb: 2' | from_yaml_all }}`, Shows: "[{'a': 1}, {'b': 2}]", Func: filterFromYAMLAll, Undefined: true},
	})
}

func filterAnsibleJSON(c *core.Call) (value.Value, error) {
	st := jsonLayout{item: ", ", key: ": "}
	if len(c.Args) > 0 {
		return value.Value{}, fmt.Errorf("dumps() takes 1 positional argument but %d were given", len(c.Args)+1)
	}
	if err := st.options(c.Kw, false); err != nil {
		return value.Value{}, err
	}
	return st.dump(c, c.In)
}

func filterToNiceJSON(c *core.Call) (value.Value, error) {
	st := jsonLayout{item: ",", key: ": ", indent: "    ", lines: true, sortKeys: true}
	if len(c.Args) > 0 {
		if err := st.indentBy(c.Args[0]); err != nil {
			return value.Value{}, err
		}
	}
	if len(c.Args) > 1 {
		st.sortKeys = value.Truth(c.Args[1])
	}
	if len(c.Args) > 2 {
		return value.Value{}, errors.New("dumps() takes 1 positional argument but more were given")
	}
	if err := st.options(c.Kw, true); err != nil {
		return value.Value{}, err
	}
	return st.dump(c, c.In)
}

func filterFromJSON(c *core.Call) (value.Value, error) {
	s, ok := c.In.AsString()
	if !ok {
		return value.Value{}, fmt.Errorf("the JSON object must be str, bytes or bytearray, not %s", value.TypeName(c.In))
	}
	for k := range c.Kw.All() {
		return value.Value{}, fmt.Errorf("from_json() got an unexpected keyword argument '%s'", value.Str(k))
	}
	return parseJSONText(s)
}

// yamlStyle reads the options that PyYAML's dump takes.
func yamlStyle(c *core.Call, st yaml.Style) (yaml.Style, error) {
	for k, v := range c.Kw.All() {
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

func filterToYAML(c *core.Call) (value.Value, error) {
	st, err := yamlStyle(c, yaml.Style{Flow: yaml.FlowLeaves, Lib: true, Anchors: true})
	if err != nil {
		return value.Value{}, fmt.Errorf("to_yaml - %w", err)
	}
	return dumpYAML(c, st)
}

func filterToNiceYAML(c *core.Call) (value.Value, error) {
	st := yaml.Style{Indent: 4, Lib: true, Anchors: true}
	if len(c.Args) > 0 {
		st.Indent = intOf(c.Args[0])
	}
	st, err := yamlStyle(c, st)
	if err != nil {
		return value.Value{}, fmt.Errorf("to_nice_yaml - %w", err)
	}
	return dumpYAML(c, st)
}

func dumpYAML(c *core.Call, st yaml.Style) (value.Value, error) {
	if err := core.DeepDefined(c.In); err != nil {
		return value.Value{}, err
	}
	s, err := yaml.Dump(c.In, st)
	if err != nil {
		return value.Value{}, fmt.Errorf("%s - %w", c.Name, err)
	}
	if err := c.Fits(len(s)); err != nil {
		return value.Value{}, err
	}
	return core.Text(s)
}

func filterFromYAML(c *core.Call) (value.Value, error) {
	s, ok := c.In.AsString()
	if !ok {
		return c.In, nil
	}
	v, err := yaml.One("<from_yaml>", []byte(s), yaml.Options{})
	return withDates(v), err
}

func filterFromYAMLAll(c *core.Call) (value.Value, error) {
	s, ok := c.In.AsString()
	if !ok {
		return c.In, nil
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
