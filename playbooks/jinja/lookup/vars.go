package lookup

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/pyre"
	"remoterun/runner/value"
)

// varLookupEntries are the plug-ins that look at variables, the environment
// and the inventory.
func varLookupEntries() []core.Entry {
	rc := &patterns{}
	names := core.Lookups([]core.Entry{
		{Name: "vars", Sig: "vars(*names, default=None)", Example: "{{ lookup('vars', 'no_such', default='none') }}", Shows: "none", Func: lookupVars},
	}, true)
	rest := core.Lookups([]core.Entry{
		{Name: "varnames", Sig: "varnames(*regexes)", Example: "{{ query('varnames', '^no_such_') }}", Shows: "[]", Func: rc.lookupVarnames},
		{Name: "inventory_hostnames", Sig: "inventory_hostnames(*patterns)", Example: "{{ query('inventory_hostnames', 'all') }}", Shows: "[]", Func: lookupHostnames},
		{Name: "env", Sig: "env(*names, default='')", Example: "{{ lookup('env', 'NO_SUCH_NAME') }}", Shows: "", Func: lookupEnv, Lax: true},
		{Name: "config", Sig: "config(*names, on_missing='error')", Example: "{{ query('config', 'NO_SUCH', on_missing='skip') }}", Shows: "[]", Func: lookupConfig, Impure: true},
	}, false)
	return append(names, rest...)
}

func lookupVars(c *core.Call) (value.Value, error) {
	opt, err := c.Options("default")
	if err != nil {
		return value.Value{}, err
	}
	var out []value.Value
	for _, t := range c.Args {
		name, ok := t.AsString()
		if !ok {
			return value.Value{}, fmt.Errorf("Invalid setting identifier, \"%s\" is not a string, its a %s", value.Show(t), core.PyType(t))
		}
		v, ok, err := c.Variable(name)
		if err == nil && !ok {
			err = core.NotDefined("No variable found with this name: " + name + core.Suggest(name, c.Variables()))
		}
		if d, there := opt["default"]; there && !d.IsNull() && errors.Is(err, core.ErrUndefined) {
			v, err = d, nil
		}
		if err != nil {
			return value.Value{}, err
		}
		out = append(out, v)
	}
	return value.List(out...), nil
}

func (rc *patterns) lookupVarnames(c *core.Call) (value.Value, error) {
	var out []value.Value
	names := c.Variables()
	for _, t := range c.Args {
		p, ok := t.AsString()
		if !ok {
			return value.Value{}, fmt.Errorf("Invalid setting identifier, \"%s\" is not a string, it is a %s", value.Show(t), core.PyType(t))
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
	return value.List(out...), c.Work(len(names))
}

func lookupEnv(c *core.Call) (value.Value, error) {
	opt, err := c.Options("default")
	if err != nil {
		return value.Value{}, err
	}
	otherwise, there := opt["default"]
	if !there {
		otherwise = value.String("")
	}
	var out []value.Value
	for _, t := range c.Args {
		name, err := core.WantText(t, "the name of an environment variable")
		if err != nil {
			return value.Value{}, err
		}
		words := strings.Fields(name)
		if len(words) == 0 {
			return value.Value{}, errors.New("the name of an environment variable is empty")
		}
		v, ok := "", false
		if sys := c.System(); sys != nil {
			v, ok = sys.Env(words[0])
		}
		switch {
		case ok:
			out = append(out, value.String(v))
		case otherwise.IsUndefined():
			return value.Value{}, core.NotDefined(`The "env" lookup, found an undefined variable: ` + words[0])
		default:
			out = append(out, otherwise)
		}
	}
	return value.List(out...), nil
}

func lookupConfig(c *core.Call) (value.Value, error) {
	opt, err := c.Options("on_missing", "plugin_type", "plugin_name")
	if err != nil {
		return value.Value{}, err
	}
	missing := core.TextOr(core.Optional(opt, "on_missing"), "error")
	if missing != "error" && missing != "warn" && missing != "skip" {
		return value.Value{}, fmt.Errorf("\"on_missing\" must be a string and one of \"error\", \"warn\" or \"skip\", not %s", missing)
	}
	kind, name := core.Optional(opt, "plugin_type"), core.Optional(opt, "plugin_name")
	if core.Given(kind) != core.Given(name) {
		return value.Value{}, errors.New("Both plugin_type and plugin_name are required, cannot use one without the other")
	}
	sys, _ := c.System().(core.ConfigSystem)
	if core.Given(kind) {
		sys = nil // plug-ins have settings in Ansible; there are none here
	}
	var out []value.Value
	for _, t := range c.Args {
		name, isText := t.AsString()
		if !isText {
			return value.Value{}, fmt.Errorf("Invalid setting identifier, \"%s\" is not a string, its a %s", value.Str(t), core.PyType(t))
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

// lookupHostnames returns the hosts of patterns over the variable "groups".
func lookupHostnames(c *core.Call) (value.Value, error) {
	groups, ok, err := c.Variable("groups")
	if err != nil || !ok {
		return value.List(), err
	}
	m, _, err := value.Mapping(groups)
	if err != nil {
		return value.Value{}, err
	}
	var words []string
	for _, t := range flattenOnce(c.Args) {
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
				if !core.InList(hosts, h) {
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
			hosts = slices.DeleteFunc(hosts, func(h value.Value) bool { return core.InList(set, h) == (sign == "!") })
		}
	}
	return hosts
}

// hostsOf returns the hosts that one word names: a group, a host, a glob.
func hostsOf(groups *value.Map, word string) []value.Value {
	var out []value.Value
	add := func(items []value.Value) {
		for _, h := range items {
			if !core.InList(out, h) {
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

// patterns are compiled regular expressions of plug-ins.
type patterns struct{ cache pyre.Cache }
