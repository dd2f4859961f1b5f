package jinja

import (
	"fmt"
	"strings"

	"remoterun/runner/value"
)

// basicEntries are the small filters that roles use most.
func basicEntries() []entry {
	return []entry{
		{name: "bool", sig: "bool", example: "{{ 'yes' | bool }}", shows: "True", fn: noArguments(filterBool)},
		{name: "ternary", sig: "ternary(true_val, false_val, none_val=None)", example: "{{ true | ternary('on', 'off') }}", shows: "on", fn: filterTernary, spread: spreadNone},
		{name: "mandatory", sig: "mandatory(msg=None)", example: "{{ 1 | mandatory }}", shows: "1", fn: filterMandatory, undefined: true, spread: spreadNone},
		{name: "type_debug", sig: "type_debug", example: "{{ [1] | type_debug }}", shows: "list", fn: noArguments(filterTypeDebug), undefined: true},
		{name: "quote", sig: "quote", example: `{{ "it's" | quote }}`, shows: `'it'"'"'s'`, fn: noArguments(filterQuote)},
		{name: "split", sig: "split(sep=None, maxsplit=-1)", example: "{{ 'a,b' | split(',') }}", shows: "['a', 'b']", fn: strict(filterSplit)},
		{name: "extract", sig: "extract(container, morekeys=None)", example: "{{ 'a' | extract({'a': 1}) }}", shows: "1", fn: filterExtract, spread: spreadNone},
	}
}

// filterBool is to_bool: a few words and 1 are true, null stays null, all else
// is false.
func filterBool(c *call) (value.Value, error) {
	switch c.in.Kind() {
	case value.KindNull, value.KindBool:
		return c.in, nil
	case value.KindString:
		s, _ := c.in.AsString()
		switch strings.ToLower(s) {
		case "yes", "on", "1", "true":
			return value.Bool(true), nil
		}
		return value.Bool(false), nil
	}
	return value.Bool(value.Equal(c.in, value.Int(1))), nil
}

func filterTernary(c *call) (value.Value, error) {
	a, err := c.bind("true_val", "false_val", "none_val=")
	switch {
	case err != nil:
		return value.Value{}, err
	case c.in.IsNull() && given(a[2]):
		return a[2], nil
	case value.Truth(c.in):
		return a[0], nil
	}
	return a[1], nil
}

func filterMandatory(c *call) (value.Value, error) {
	a, err := c.bind("msg=")
	if err != nil || !c.in.IsUndefined() {
		return c.in, err
	}
	m, _ := c.in.AsMissing()
	switch {
	case given(a[0]):
		return value.Value{}, fmt.Errorf("%s", value.Str(a[0]))
	case m.Name != "":
		return value.Value{}, fmt.Errorf("Mandatory variable '%s'  not defined.", m.Name)
	}
	return value.Value{}, fmt.Errorf("Mandatory variable  not defined.")
}

// filterTypeDebug names Ansible's own types of text, which playbooks compare
// with: text from YAML is AnsibleUnicode, from hosts AnsibleUnsafeText.
func filterTypeDebug(c *call) (value.Value, error) {
	switch {
	case c.in.IsString() && c.in.Marks()&value.Unsafe != 0:
		return textResult("AnsibleUnsafeText")
	case c.in.IsString() && c.in.Origin() != nil:
		return textResult("AnsibleUnicode")
	}
	if class, ok := map[string]string{"hostvars": "HostVars", "variables of a host": "HostVarsVars"}[value.TypeName(c.in)]; ok && c.in.Kind() == value.KindObject {
		return textResult(class)
	}
	return textResult(value.TypeName(c.in))
}

// filterQuote is shlex.quote.
func filterQuote(c *call) (value.Value, error) {
	if c.in.IsNull() {
		return textResult("''")
	}
	return textResult(shellQuote(value.Str(c.in)))
}

func shellQuote(s string) string {
	if s == "" {
		return "''"
	}
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@%+=:,./-_", r)
	}
	if strings.IndexFunc(s, func(r rune) bool { return !safe(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'"'"'`) + "'"
}

// filterSplit is the method of text.
func filterSplit(c *call) (value.Value, error) {
	if !c.in.IsString() {
		return value.Value{}, fmt.Errorf("descriptor 'split' for 'str' objects doesn't apply to a '%s' object", value.TypeName(c.in))
	}
	m, err := c.getattr(c.in, "split")
	if err != nil {
		return m, err
	}
	return c.invoke(m, c.args, c.kw)
}

// filterExtract looks its input up in a container, and more keys in what is
// found.
func filterExtract(c *call) (value.Value, error) {
	params := []param{"container", "morekeys="}
	a, err := c.bind(params...)
	if err == nil {
		err = c.allDefined(params, a, "morekeys")
	}
	if err != nil {
		return value.Value{}, err
	}
	keys := []value.Value{c.in}
	switch {
	case isList(a[1]):
		keys = append(keys, a[1].Items()...)
	case given(a[1]):
		keys = append(keys, a[1])
	}
	v := a[0]
	for _, k := range keys {
		if v, err = c.getitem(v, k); err != nil {
			return value.Value{}, err
		}
	}
	return v, nil
}
