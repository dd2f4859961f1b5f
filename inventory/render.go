package inventory

import (
	"fmt"
	"slices"
	"strings"

	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// View is how an inventory is shown.
type View struct {
	// Export leaves variables where they are written: hosts show only their
	// own, groups show theirs.
	Export bool
	// Vars shows variables in a graph.
	Vars bool
	// Extra variables (-e) lie over all others of each host.
	Extra *value.Map
}

// internal are the names that are not a host's own affair.
func internal() []string {
	return []string{"inventory_file", "inventory_dir", "inventory_hostname", "inventory_hostname_short", "groups", "group_names", "omit", "playbook_dir"}
}

// List is the whole inventory as an inventory program prints it: groups with
// hosts and children, and _meta.hostvars. A limit holds.
func (inv *Inventory) List(v View) (value.Value, error) {
	hosts, err := inv.Hosts("all")
	if err != nil {
		return value.Value{}, err
	}
	inv.mu.RLock()
	defer inv.mu.RUnlock()
	out := value.NewMap()
	r := &renderer{inv: inv, v: v, limit: inv.shown(hosts), seen: map[*group]bool{}}
	r.list(inv.graph.groups["all"], out)
	vars := value.NewMap()
	for _, name := range hosts {
		m := r.hostVars(inv.graph.hosts[name])
		if m.Len() > 0 {
			vars.Put(name, value.FromMap(m))
		}
	}
	out.Put("_meta", value.FromMap(value.MapOf("hostvars", value.FromMap(vars))))
	return value.FromMap(out), r.errs.err()
}

// shown says which hosts a limit leaves; nil = all.
func (inv *Inventory) shown(hosts []string) map[string]bool {
	if inv.limit == nil {
		return nil
	}
	out := map[string]bool{}
	for _, h := range hosts {
		out[h] = true
	}
	return out
}

// Tree is the whole inventory as a YAML inventory has it.
func (inv *Inventory) Tree(v View) (value.Value, error) {
	hosts, err := inv.Hosts("all")
	if err != nil {
		return value.Value{}, err
	}
	inv.mu.RLock()
	defer inv.mu.RUnlock()
	r := &renderer{inv: inv, v: v, limit: inv.shown(hosts), seenHost: map[*host]bool{}}
	out := value.MapOf("all", value.FromMap(r.tree(inv.graph.groups["all"])))
	return value.FromMap(out), r.errs.err()
}

// HostVars is what --host shows: the variables of the one host that a pattern
// means.
func (inv *Inventory) HostVars(pattern string, v View) (value.Value, error) {
	hosts, err := inv.Hosts(pattern)
	if err != nil {
		return value.Value{}, err
	}
	if len(hosts) != 1 {
		return value.Value{}, &Error{Msg: fmt.Sprintf("--host wants exactly one host, and %q means %d", pattern, len(hosts))}
	}
	inv.mu.RLock()
	defer inv.mu.RUnlock()
	h, err := inv.find(hosts[0])
	if err != nil {
		return value.Value{}, err
	}
	r := &renderer{inv: inv, v: v}
	return value.FromMap(r.hostVars(h)), r.errs.err()
}

// Graph draws a group with what is in it as a tree of text, without a final
// line break. Secrets are masked.
func (inv *Inventory) Graph(name string, v View) (string, error) {
	hosts, err := inv.Hosts("all")
	if err != nil {
		return "", err
	}
	inv.mu.RLock()
	defer inv.mu.RUnlock()
	gr := inv.graph.groups[name]
	if gr == nil {
		var known []string
		for _, g := range inv.graph.order {
			known = append(known, g.name)
		}
		return "", &Error{Msg: fmt.Sprintf("--graph wants the name of a group, and %q is not one", name), Near: meant(name, known), Allowed: known}
	}
	r := &renderer{inv: inv, v: v, limit: inv.shown(hosts)}
	var b strings.Builder
	r.graph(&b, gr, 0)
	return strings.TrimSuffix(b.String(), "\n"), r.errs.err()
}

// renderer walks the groups for one view.
type renderer struct {
	inv      *Inventory
	v        View
	limit    map[string]bool
	seen     map[*group]bool
	seenHost map[*host]bool
	errs     Errors
}

func (r *renderer) hosts(gr *group) []*host {
	if gr.name == "all" {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(gr.hosts), func(h *host) bool { return r.limit != nil && !r.limit[h.name] })
}

// list adds a group and those below it to out, each once.
func (r *renderer) list(gr *group, out *value.Map) {
	m := value.NewMap()
	out.Put(gr.name, value.FromMap(m))
	if hosts := r.hosts(gr); len(hosts) > 0 {
		m.Put("hosts", value.Strings(names(hosts)...))
	}
	var children []string
	for _, c := range gr.children {
		children = append(children, c.name)
		if !r.seen[c] {
			r.seen[c] = true
			r.list(c, out)
		}
	}
	if len(children) > 0 {
		m.Put("children", value.Strings(children...))
	}
	if vars := r.exported(gr); vars.Len() > 0 {
		m.Put("vars", value.FromMap(vars))
	}
	if m.Len() == 0 {
		out.Delete(value.String(gr.name))
	}
}

// tree is a group with children, hosts and variables inside one another.
func (r *renderer) tree(gr *group) *value.Map {
	m, children, hosts := value.NewMap(), value.NewMap(), value.NewMap()
	for _, c := range gr.children {
		children.Put(c.name, value.FromMap(r.tree(c)))
	}
	if children.Len() > 0 {
		m.Put("children", value.FromMap(children))
	}
	for _, h := range r.hosts(gr) {
		vars := value.NewMap()
		if !r.seenHost[h] {
			r.seenHost[h] = true
			vars = r.hostVars(h)
		}
		hosts.Put(h.name, value.FromMap(vars))
	}
	if hosts.Len() > 0 {
		m.Put("hosts", value.FromMap(hosts))
	}
	if vars := r.exported(gr); vars.Len() > 0 {
		m.Put("vars", value.FromMap(vars))
	}
	return m
}

func (r *renderer) graph(b *strings.Builder, gr *group, depth int) {
	line := func(depth int, text string) {
		if depth > 0 {
			text = strings.Repeat("  |", depth) + "--" + text
		}
		b.WriteString(text + "\n")
	}
	vars := func(depth int, m *value.Map) {
		if !r.v.Vars {
			return
		}
		for _, name := range slices.Sorted(slices.Values(m.Names())) {
			v, _ := m.Lookup(name)
			line(depth, "{"+name+" = "+value.Show(v)+"}")
		}
	}
	line(depth, "@"+gr.name+":")
	for _, c := range gr.children {
		r.graph(b, c, depth+1)
	}
	for _, h := range r.hosts(gr) {
		line(depth+1, h.name)
		if r.v.Vars {
			vars(depth+2, r.hostVars(h))
		}
	}
	if r.v.Vars {
		vars(depth+1, r.groupVars(gr))
	}
}

func (r *renderer) exported(gr *group) *value.Map {
	if !r.v.Export {
		return nil
	}
	return r.groupVars(gr)
}

// groupVars are a group's own variables and those of its files.
func (r *renderer) groupVars(gr *group) *value.Map {
	out := gr.vars.Clone()
	r.lay(out, "group_vars", gr.name)
	if gr.priority != 1 {
		out.Put("ansible_group_priority", value.Int(int64(gr.priority)))
	}
	return withoutInternal(out)
}

// hostVars are all variables of a host, or only its own for an export.
func (r *renderer) hostVars(h *host) *value.Map {
	out := value.NewMap()
	if r.v.Export {
		lay(out, h.vars)
		r.lay(out, "host_vars", h.name)
		return withoutInternal(out)
	}
	layers, errs := r.inv.layersOf(h, true)
	r.errs = append(r.errs, errs...)
	for _, l := range layers {
		lay(out, l.Vars)
	}
	lay(out, r.v.Extra)
	return withoutInternal(out)
}

func (r *renderer) lay(to *value.Map, sub, name string) {
	for _, dir := range r.inv.folders() {
		layers, errs := r.inv.files.layers(dir, sub, name, true)
		r.errs = append(r.errs, errs...)
		for _, l := range layers {
			lay(to, l.Vars)
		}
	}
}

func lay(to, over *value.Map) {
	for k, v := range over.All() {
		to.Set(k, v)
	}
}

func withoutInternal(m *value.Map) *value.Map {
	for _, name := range internal() {
		m.Delete(value.String(name))
	}
	return m
}

// JSON is v as text for people and programs, keys sorted, secrets masked.
func JSON(v value.Value) (string, error) {
	return value.JSON(v, value.JSONStyle{Indent: 4, SortKeys: true, KeepUTF8: true, MaskSecret: true})
}

// YAML is v as text, keys sorted, secrets masked.
func YAML(v value.Value) (string, error) {
	return yaml.Dump(masked(v), yaml.Style{})
}

// masked replaces secrets, for renderers that do not.
func masked(v value.Value) value.Value {
	switch v.Kind() {
	case value.KindList, value.KindTuple:
		items := make([]value.Value, len(v.Items()))
		for i, it := range v.Items() {
			items[i] = masked(it)
		}
		if v.Kind() == value.KindTuple {
			return value.Tuple(items...)
		}
		return value.List(items...)
	case value.KindMap:
		m, _ := v.AsMap()
		out := value.NewMap()
		for k, it := range m.All() {
			out.Set(masked(k), masked(it))
		}
		return value.FromMap(out)
	}
	if v.Marks().Secret() {
		return value.String(value.Mask)
	}
	return v
}
