package jinja

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"remoterun/runner/pyre"
	"remoterun/runner/value"
)

// varLookupEntries are the plug-ins that look at variables, the environment
// and the inventory.
func varLookupEntries() []entry {
	rc := &regexes{}
	names := asLookups([]entry{
		{name: "vars", sig: "vars(*names, default=None)", example: "{{ lookup('vars', 'no_such', default='none') }}", shows: "none", fn: lookupVars},
	}, true)
	rest := asLookups([]entry{
		{name: "varnames", sig: "varnames(*regexes)", example: "{{ query('varnames', '^no_such_') }}", shows: "[]", fn: rc.lookupVarnames},
		{name: "inventory_hostnames", sig: "inventory_hostnames(*patterns)", example: "{{ query('inventory_hostnames', 'all') }}", shows: "[]", fn: lookupHostnames},
		{name: "env", sig: "env(*names, default='')", example: "{{ lookup('env', 'NO_SUCH_NAME') }}", shows: "", fn: lookupEnv},
		{name: "config", sig: "config(*names, on_missing='error')", example: "{{ query('config', 'NO_SUCH', on_missing='skip') }}", shows: "[]", fn: lookupConfig, impure: true},
	}, false)
	// env takes an undefined default as "must be set".
	for i := range rest {
		if rest[i].name == "env" {
			rest[i].fn = lookupEnv
		}
	}
	return append(names, rest...)
}

func lookupVars(c *call) (value.Value, error) {
	opt, err := c.options("default")
	if err != nil {
		return value.Value{}, err
	}
	var out []value.Value
	for _, t := range c.args {
		name, ok := t.AsString()
		if !ok {
			return value.Value{}, fmt.Errorf("Invalid setting identifier, \"%s\" is not a string, its a %s", value.Show(t), pyType(t))
		}
		v, ok, err := c.variable(name)
		if err == nil && !ok {
			err = &undefinedError{msg: "No variable found with this name: " + name + suggestName(name, c.variables())}
		}
		if d, there := opt["default"]; there && !d.IsNull() && errors.Is(err, ErrUndefined) {
			v, err = d, nil
		}
		if err != nil {
			return value.Value{}, err
		}
		out = append(out, v)
	}
	return value.List(out...), nil
}

func (rc *regexes) lookupVarnames(c *call) (value.Value, error) {
	var out []value.Value
	names := c.variables()
	for _, t := range c.args {
		p, ok := t.AsString()
		if !ok {
			return value.Value{}, fmt.Errorf("Invalid setting identifier, \"%s\" is not a string, it is a %s", value.Show(t), pyType(t))
		}
		re, err := rc.cache.Compile(p, pyre.Search, pyre.Flags{})
		if err != nil {
			return value.Value{}, fmt.Errorf("Unable to use \"%s\" as a search parameter: %w", p, err)
		}
		for _, n := range names {
			m, err := re.Find(n)
			if err != nil {
				return value.Value{}, err
			}
			if m != nil {
				out = append(out, value.String(n))
			}
		}
	}
	return value.List(out...), c.work(len(names))
}

func lookupEnv(c *call) (value.Value, error) {
	opt, err := c.options("default")
	if err != nil {
		return value.Value{}, err
	}
	otherwise, there := opt["default"]
	if !there {
		otherwise = value.String("")
	}
	var out []value.Value
	for _, t := range c.args {
		name, err := wantText(t, "the name of an environment variable")
		if err != nil {
			return value.Value{}, err
		}
		words := strings.Fields(name)
		if len(words) == 0 {
			return value.Value{}, errors.New("the name of an environment variable is empty")
		}
		v, ok := "", false
		if sys := c.system(); sys != nil {
			v, ok = sys.Env(words[0])
		}
		switch {
		case ok:
			out = append(out, value.String(v))
		case otherwise.IsUndefined():
			return value.Value{}, &undefinedError{msg: `The "env" lookup, found an undefined variable: ` + words[0]}
		default:
			out = append(out, otherwise)
		}
	}
	return value.List(out...), nil
}

func lookupConfig(c *call) (value.Value, error) {
	opt, err := c.options("on_missing", "plugin_type", "plugin_name")
	if err != nil {
		return value.Value{}, err
	}
	missing := textOr(optional(opt, "on_missing"), "error")
	if missing != "error" && missing != "warn" && missing != "skip" {
		return value.Value{}, fmt.Errorf("\"on_missing\" must be a string and one of \"error\", \"warn\" or \"skip\", not %s", missing)
	}
	kind, name := optional(opt, "plugin_type"), optional(opt, "plugin_name")
	if given(kind) != given(name) {
		return value.Value{}, errors.New("Both plugin_type and plugin_name are required, cannot use one without the other")
	}
	sys, _ := c.system().(ConfigSystem)
	if given(kind) {
		sys = nil // plug-ins have settings in Ansible; there are none here
	}
	var out []value.Value
	for _, t := range c.args {
		name, isText := t.AsString()
		if !isText {
			return value.Value{}, fmt.Errorf("Invalid setting identifier, \"%s\" is not a string, its a %s", value.Str(t), pyType(t))
		}
		v, ok := value.Null(), false
		if sys != nil {
			v, ok = sys.Setting(name)
		}
		switch {
		case ok:
			out = append(out, v)
		case missing == "error":
			return value.Value{}, fmt.Errorf("Unable to find setting %s", name)
		}
	}
	return value.List(out...), nil
}

// lookupHostnames answers the hosts of patterns over the variable "groups".
func lookupHostnames(c *call) (value.Value, error) {
	groups, ok, err := c.variable("groups")
	if err != nil || !ok {
		return value.List(), err
	}
	m, _, err := value.Mapping(groups)
	if err != nil {
		return value.Value{}, err
	}
	var words []string
	for _, t := range flattenOnce(c.args) {
		words = append(words, strings.FieldsFunc(value.Str(t), func(r rune) bool { return r == ',' || r == ':' })...)
	}
	return value.List(matchHosts(m, words)...), nil
}

// matchHosts takes patterns in Ansible's order: plain ones, then those that
// must match too (&), then those that are left out (!).
func matchHosts(groups *value.Map, words []string) []value.Value {
	var hosts []value.Value
	plain := false
	for _, w := range words {
		plain = plain || !strings.HasPrefix(w, "&") && !strings.HasPrefix(w, "!")
	}
	if !plain {
		words = append([]string{"all"}, words...)
	}
	for _, w := range words {
		if !strings.HasPrefix(w, "&") && !strings.HasPrefix(w, "!") {
			for _, h := range hostsOf(groups, w) {
				if !inList(hosts, h) {
					hosts = append(hosts, h)
				}
			}
		}
	}
	for _, sign := range []string{"&", "!"} {
		for _, w := range words {
			rest, ok := strings.CutPrefix(w, sign)
			if !ok {
				continue
			}
			set := hostsOf(groups, rest)
			hosts = slices.DeleteFunc(hosts, func(h value.Value) bool { return inList(set, h) == (sign == "!") })
		}
	}
	return hosts
}

// hostsOf answers the hosts that one word names: a group, a host, a glob.
func hostsOf(groups *value.Map, word string) []value.Value {
	var out []value.Value
	add := func(items []value.Value) {
		for _, h := range items {
			if !inList(out, h) {
				out = append(out, h)
			}
		}
	}
	for name, hosts := range groups.All() {
		if matched, _ := path.Match(word, value.Str(name)); matched || word == "all" {
			add(hosts.Items())
			continue
		}
		for _, h := range hosts.Items() {
			if matched, _ := path.Match(word, value.Str(h)); matched {
				add([]value.Value{h})
			}
		}
	}
	return out
}
