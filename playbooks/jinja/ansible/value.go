package ansible

import (
	"fmt"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// basicEntries are the small filters that roles use most.
func basicEntries() []core.Entry {
	return []core.Entry{
		{Name: "bool", Sig: "bool", Example: "{{ 'yes' | bool }}", Shows: "True", Func: core.NoArguments(filterBool)},
		{Name: "ternary", Sig: "ternary(true_val, false_val, none_val=None)", Example: "{{ true | ternary('on', 'off') }}", Shows: "on", Func: filterTernary, Spread: core.SpreadNone},
		{Name: "mandatory", Sig: "mandatory(msg=None)", Example: "{{ 1 | mandatory }}", Shows: "1", Func: filterMandatory, Undefined: true, Spread: core.SpreadNone},
		{Name: "type_debug", Sig: "type_debug", Example: "{{ [1] | type_debug }}", Shows: "list", Func: core.NoArguments(filterTypeDebug), Undefined: true},
		{Name: "quote", Sig: "quote", Example: `{{ "it's" | quote }}`, Shows: `'it'"'"'s'`, Func: core.NoArguments(filterQuote)},
		{Name: "split", Sig: "split(sep=None, maxsplit=-1)", Example: "{{ 'a,b' | split(',') }}", Shows: "['a', 'b']", Func: core.Strict(filterSplit)},
		{Name: "extract", Sig: "extract(container, morekeys=None)", Example: "{{ 'a' | extract({'a': 1}) }}", Shows: "1", Func: filterExtract, Spread: core.SpreadNone},
	}
}

// filterBool is to_bool: a few words and 1 are true, null stays null, all else
// is false.
func filterBool(c *core.Call) (value.Value, error) {
	switch c.In.Kind() {
	case value.KindNull, value.KindBool:
		return c.In, nil
	case value.KindString:
		s, _ := c.In.AsString()
		switch strings.ToLower(s) {
		case "yes", "on", "1", "true":
			return value.Bool(true), nil
		}
		return value.Bool(false), nil
	}
	return value.Bool(value.Equal(c.In, value.Int(1))), nil
}

func filterTernary(c *core.Call) (value.Value, error) {
	a, err := c.Bind("true_val", "false_val", "none_val=")
	switch {
	case err != nil:
		return value.Value{}, err
	case c.In.IsNull() && core.Given(a[2]):
		return a[2], nil
	case value.Truth(c.In):
		return a[0], nil
	}
	return a[1], nil
}

func filterMandatory(c *core.Call) (value.Value, error) {
	a, err := c.Bind("msg=")
	if err != nil || !c.In.IsUndefined() {
		return c.In, err
	}
	m, _ := c.In.AsMissing()
	switch {
	case core.Given(a[0]):
		return value.Value{}, fmt.Errorf("%s", value.Str(a[0]))
	case m.Name != "":
		return value.Value{}, fmt.Errorf("Mandatory variable '%s'  not defined.", m.Name)
	}
	return value.Value{}, fmt.Errorf("Mandatory variable  not defined.")
}

// filterTypeDebug names Ansible's own types of text, which playbooks compare
// with: text from YAML is AnsibleUnicode, from hosts AnsibleUnsafeText.
func filterTypeDebug(c *core.Call) (value.Value, error) {
	switch {
	case c.In.IsString() && c.In.Marks()&value.Unsafe != 0:
		return core.Text("AnsibleUnsafeText")
	case c.In.IsString() && c.In.Origin() != nil:
		return core.Text("AnsibleUnicode")
	}
	if class, ok := map[string]string{"hostvars": "HostVars", "variables of a host": "HostVarsVars"}[value.TypeName(c.In)]; ok && c.In.Kind() == value.KindObject {
		return core.Text(class)
	}
	return core.Text(value.TypeName(c.In))
}

// filterQuote is shlex.quote.
func filterQuote(c *core.Call) (value.Value, error) {
	if c.In.IsNull() {
		return core.Text("''")
	}
	return core.Text(shellQuote(value.Str(c.In)))
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
func filterSplit(c *core.Call) (value.Value, error) {
	if !c.In.IsString() {
		return value.Value{}, fmt.Errorf("descriptor 'split' for 'str' objects doesn't apply to a '%s' object", value.TypeName(c.In))
	}
	m, err := c.Getattr(c.In, "split")
	if err != nil {
		return m, err
	}
	return c.Invoke(m, c.Args, c.Kw)
}

// filterExtract looks its input up in a container, and more keys in what is
// found.
func filterExtract(c *core.Call) (value.Value, error) {
	params := []core.Param{"container", "morekeys="}
	a, err := c.Bind(params...)
	if err == nil {
		err = c.AllDefined(params, a, "morekeys")
	}
	if err != nil {
		return value.Value{}, err
	}
	keys := []value.Value{c.In}
	switch {
	case core.IsList(a[1]):
		keys = append(keys, a[1].Items()...)
	case core.Given(a[1]):
		keys = append(keys, a[1])
	}
	v := a[0]
	for _, k := range keys {
		if v, err = c.Getitem(v, k); err != nil {
			return value.Value{}, err
		}
	}
	return v, nil
}
