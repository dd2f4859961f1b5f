package inventory

import (
	"fmt"
	"slices"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// AddHost adds a host, puts it into groups (made where they are missing) and
// lays vars over its variables; a port in the name becomes ansible_port. It
// reports whether anything is new. Errors: names that are not valid; nothing is
// changed then.
func (inv *Inventory) AddHost(name string, groups []string, vars *value.Map) (play.Added, error) {
	groups = slices.DeleteFunc(slices.Clone(groups), func(g string) bool { return g == "" })
	if err := madeHost(name); err != nil {
		return play.Added{}, err
	}
	if err := madeGroups(groups...); err != nil {
		return play.Added{}, err
	}
	inv.mu.Lock()
	defer inv.mu.Unlock()
	plain, port, ok := parseAddress(name, false)
	if !ok {
		plain, port = name, 0
	}
	h, changed := inv.graph.host(plain, max(port, 0), "")
	laid := h.vars.Clone() // layers that were given out stay as they were
	for k, v := range vars.All() {
		if old, there := laid.Get(k); !there || !value.Equal(old, v) {
			laid.Set(k, v)
			changed = true
		}
	}
	h.vars = laid
	for _, g := range groups {
		_, there := inv.graph.groups[g]
		if inv.graph.group(g).join(h) || !there {
			changed = true
		}
	}
	return play.Added{Name: plain, Port: max(port, 0), New: changed}, inv.graph.reconcile()
}

// AddGroup puts a host into a group and the group into parents, all made where
// they are missing. It reports whether anything is new. Errors: names that are
// not valid, a host that is not in the inventory, groups in a loop; nothing is
// changed then.
func (inv *Inventory) AddGroup(name, group string, parents []string) (bool, error) {
	if group == "" || slices.Contains(parents, "") {
		return false, &Error{Msg: "a group has no name"}
	}
	if err := madeGroups(append([]string{group}, parents...)...); err != nil {
		return false, err
	}
	inv.mu.Lock()
	defer inv.mu.Unlock()
	h, err := inv.find(name)
	if err != nil {
		return false, err
	}
	g := inv.graph
	for _, p := range parents {
		if from, to := g.groups[group], g.groups[p]; p == group || from != nil && to != nil && wayDown(from, to, nil) != nil {
			return false, &Error{Msg: fmt.Sprintf("group %q cannot be a child of %q: that is a loop", group, p)}
		}
	}
	_, there := g.groups[group]
	changed := !there
	gr := g.group(group)
	for _, p := range parents {
		if _, there := g.groups[p]; !there {
			changed = true
		}
		parent := g.group(p)
		if !slices.Contains(parent.children, gr) {
			changed = true
		}
		if err := g.addChild(parent, gr); err != nil {
			return changed, err
		}
	}
	if h.implicit {
		g.local = h // stays from now on, with its groups
	}
	if gr.join(h) {
		changed = true
	}
	return changed, g.reconcile()
}
