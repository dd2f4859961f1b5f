package vars

import (
	"errors"
	"net/netip"
	"slices"
	"strings"

	"remoterun/runner/value"
)

// hostMagic are the names that the program itself answers for each host.
var hostMagic = []string{"inventory_hostname", "inventory_hostname_short", "group_names", "groups", "hostvars", "vars", "omit", "inventory_dir", "inventory_file", "ansible_inventory_sources", "ansible_search_path"}

// magicVar answers names that nothing can override. Names of hosts and groups
// may be a host's own text: what is answered is never a template.
func (s *Scope) magicVar(name string) (value.Value, bool, error) {
	v, ok, err := s.answered(name)
	return v.With(value.Unsafe), ok, err
}

func (s *Scope) answered(name string) (value.Value, bool, error) {
	switch name {
	case "inventory_hostname":
		return value.String(s.host), true, nil
	case "inventory_hostname_short":
		return value.String(ShortName(s.host)), true, nil
	case "group_names":
		return value.Strings(s.store.inv.GroupsOf(s.host)...), true, nil
	case "groups":
		return value.FromMap(s.store.inv.Groups()), true, nil
	case "omit":
		return value.Omit(), true, nil
	case "inventory_dir":
		return s.inventoryDir()
	case "ansible_inventory_sources":
		return value.Strings(s.store.inv.Sources()...), true, nil
	case "ansible_search_path":
		return value.Strings(s.frame.Dirs...), true, nil
	case "hostvars":
		if s.ahead != nil {
			return value.Value{}, false, ErrPending
		}
		return value.FromObject(&hostvars{s}), true, nil
	case "vars":
		return value.FromObject(&all{s}), true, nil
	}
	if s.ahead != nil && hostsLeft(name) {
		return value.Value{}, false, ErrPending
	}
	if v, ok := s.frame.Own.Lookup(name); ok {
		return v, true, nil
	}
	v, ok := s.frame.Magic.Lookup(name)
	return v, ok, nil
}

// hostsLeft reports names that change when another host fails.
func hostsLeft(name string) bool {
	return name == "ansible_play_hosts" || name == "ansible_play_batch" || name == "play_hosts"
}

// inventoryDir is the folder of the source that the host came from; of the
// first source when it came from none.
func (s *Scope) inventoryDir() (value.Value, bool, error) {
	h, err := s.store.view(s.host)
	if err != nil {
		return value.Value{}, false, err
	}
	for i := len(h.layers) - 1; i >= 0; i-- {
		if v, ok := h.layers[i].Vars.Lookup("inventory_dir"); ok && v.IsString() {
			return v, true, nil
		}
	}
	return value.String(s.store.inv.Dir()), true, nil
}

// ShortName is a host's name up to its first dot; an address is whole.
func ShortName(name string) string {
	if _, err := netip.ParseAddr(name); err == nil {
		return name
	}
	short, _, _ := strings.Cut(name, ".")
	return short
}

// hostvars is the mapping of all hosts' variables.
type hostvars struct{ s *Scope }

// TypeName is the Python type's name.
func (h *hostvars) TypeName() string { return "hostvars" }

// Keys lists the hosts.
func (h *hostvars) Keys() ([]value.Value, error) {
	return untemplated(h.s.store.Hosts()), nil
}

// untemplated are names as text that is no template.
func untemplated(names []string) []value.Value {
	return value.Strings(names...).With(value.Unsafe).Items()
}

// Get answers one host's variables, without those of the play.
func (h *hostvars) Get(key value.Value) (value.Value, bool, error) {
	name, _ := key.AsString()
	if slices.Contains(h.s.store.Hosts(), name) || implicit(name) {
		other := h.s.store.Scope(h.s.ctx, name, Frame{Magic: h.s.frame.Magic, Dirs: h.s.frame.Dirs}, false)
		other.through, other.other = true, name != h.s.host
		other.asks, other.lazy = h.s.asks, h.s.lazy && !other.other
		return value.FromObject(&all{other}), true, nil
	}
	if name == h.s.host {
		return value.FromObject(&all{h.s}), true, nil
	}
	return value.Value{}, false, nil
}

// implicit reports the names of the laptop, which is there without an inventory.
func implicit(name string) bool {
	return name == "localhost" || name == "127.0.0.1" || name == "::1"
}

// all is the mapping of one host's variables, each rendered when it is read.
type all struct{ s *Scope }

// TypeName is the Python type's name.
func (a *all) TypeName() string { return "variables of a host" }

// Keys lists the names, but for those that hold this mapping again.
func (a *all) Keys() ([]value.Value, error) {
	names := slices.DeleteFunc(a.s.Names(), func(n string) bool { return n == "vars" || n == "hostvars" })
	return untemplated(names), nil
}

// Get renders one variable with its own host's names.
func (a *all) Get(key value.Value) (value.Value, bool, error) {
	name, _ := key.AsString()
	v, ok, err := a.s.Var(name)
	if !ok || err != nil {
		return v, ok, err
	}
	if !a.s.through {
		v, err = a.s.store.expr.Render(a.s.ctx, v, a.s)
		return v, true, err
	}
	v, err = a.shown(v)
	return v, true, err
}

// shown renders a variable as hostvars shows it: text that needs something undefined
// stays as it is written.
func (a *all) shown(v value.Value) (value.Value, error) {
	out, err := a.s.store.expr.Render(a.s.ctx, v, a.s)
	if !errors.Is(err, value.ErrUndefined) {
		return out, err
	}
	if m, ok := v.AsMap(); ok {
		shown := value.NewMap()
		for k, item := range m.All() {
			if item, err = a.shown(item); err != nil {
				return item, err
			}
			shown.Set(k, item)
		}
		return value.FromMap(shown), nil
	}
	if !v.IsString() {
		items := slices.Clone(v.Items())
		for i, item := range items {
			if items[i], err = a.shown(item); err != nil {
				return items[i], err
			}
		}
		return value.List(items...), nil
	}
	return v.With(value.Unsafe), nil
}

// facts is ansible_facts: gathered when something reads it.
type facts struct{ s *Scope }

// TypeName is the Python type's name.
func (f *facts) TypeName() string { return "dict" }

func (f *facts) known() (*value.Map, error) {
	h, err := f.s.store.view(f.s.host)
	if err != nil {
		return nil, err
	}
	return h.facts, f.s.gathered(h)
}

// Keys lists the facts, gathering them first.
func (f *facts) Keys() ([]value.Value, error) {
	m, err := f.known()
	keys := slices.Clone(m.Keys())
	for i, k := range keys {
		if value.Str(k) == "local" {
			keys[i] = value.MarkedString("ansible_local", k.Marks())
		}
	}
	return keys, err
}

// Get answers one fact; one that is known needs no gathering. Local facts are the
// one that keeps its ansible_ here.
func (f *facts) Get(key value.Value) (value.Value, bool, error) {
	switch value.Str(key) {
	case "ansible_local":
		key = value.String("local")
	case "local":
		return value.Value{}, false, nil
	}
	h, err := f.s.store.view(f.s.host)
	if err != nil {
		return value.Value{}, false, err
	}
	if v, ok := h.facts.Get(key); ok {
		return v, true, nil
	}
	m, err := f.known()
	if err != nil {
		return value.Value{}, false, err
	}
	v, ok := m.Get(key)
	return v, ok, nil
}
