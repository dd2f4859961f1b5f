package inventory

import (
	"path/filepath"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// Layers are the variables of a host, lowest precedence first: all and the
// groups as the inventory has them, group_vars/all beside the inventory and
// the playbook, group_vars of the other groups there, the host's own variables,
// host_vars. Groups go by depth, priority and name. Vaults are opened here.
// The mappings are shared: read only. Of a host that is not in the inventory the
// layers of all are returned beside the error, whose NoHost is true.
func (inv *Inventory) Layers(name string) ([]play.Layer, error) {
	inv.mu.RLock()
	defer inv.mu.RUnlock()
	h, err := inv.find(name)
	if err != nil { // what counts for all counts for a host that a task is delegated to
		out, _ := inv.layersOf(&host{name: name, vars: value.NewMap()}, true)
		return out, err
	}
	out, errs := inv.layersOf(h, true)
	return out, errs.err()
}

func (inv *Inventory) layersOf(h *host, open bool) ([]play.Layer, Errors) {
	var out []play.Layer
	var errs Errors
	add := func(name string, vars *value.Map) {
		if vars.Len() > 0 {
			out = append(out, play.Layer{Name: name, Vars: vars})
		}
	}
	files := func(sub string, dirs []string, names ...string) {
		for _, dir := range dirs {
			for _, n := range names {
				more, bad := inv.files.layers(dir, sub, n, open)
				out, errs = append(out, more...), append(errs, bad...)
			}
		}
	}
	groups := h.layered()
	names := make([]string, len(groups))
	add("inventory group all", inv.graph.groups["all"].vars)
	for i, gr := range groups {
		names[i] = gr.name
		add("inventory group "+gr.name, gr.vars)
	}
	files("group_vars", inv.folders(), "all")
	files("group_vars", inv.folders(), names...)
	add("inventory host "+h.name, h.vars)
	files("host_vars", inv.folders(), h.name)
	return out, errs
}

// folders hold group_vars and host_vars: those of the sources in order, then
// the playbook's.
func (inv *Inventory) folders() []string {
	if inv.playbook == "" {
		return inv.varDirs
	}
	return lastOnly(append(inv.varDirs[:len(inv.varDirs):len(inv.varDirs)], inv.playbook))
}

// checkVars reads every file of variables that belongs to a group or a host,
// vaults unopened, for its mistakes.
func (inv *Inventory) checkVars() Errors {
	var errs Errors
	check := func(sub, name string) {
		for _, dir := range inv.folders() {
			_, bad := inv.files.layers(dir, sub, name, false)
			errs = append(errs, bad...)
		}
	}
	for _, gr := range inv.graph.order {
		check("group_vars", gr.name)
	}
	for _, h := range inv.graph.hostList {
		check("host_vars", h.name)
	}
	inv.warnUnused()
	return errs
}

// warnUnused tells of files whose name is near that of a group or host and
// fits none: a slip that would silently leave variables out.
func (inv *Inventory) warnUnused() {
	var groups []string
	for _, gr := range inv.graph.order {
		groups = append(groups, gr.name)
	}
	hosts := append(names(inv.graph.hostList), "localhost")
	for _, dir := range inv.folders() {
		inv.warnUnusedIn(filepath.Join(dir, "group_vars"), "group", groups)
		inv.warnUnusedIn(filepath.Join(dir, "host_vars"), "host", hosts)
	}
}

// Names are all variables that the inventory gives to any host or group, files
// of variables included. complete is false when a vault could not be opened:
// then there may be more.
func (inv *Inventory) Names() (all map[string]bool, complete bool) {
	inv.mu.RLock()
	defer inv.mu.RUnlock()
	all, complete = map[string]bool{}, true
	take := func(vars *value.Map) {
		for _, n := range vars.Names() {
			all[n] = true
		}
	}
	files := func(sub, name string) {
		for _, dir := range inv.folders() {
			layers, errs := inv.files.layers(dir, sub, name, true)
			complete = complete && len(errs) == 0
			for _, l := range layers {
				take(l.Vars)
			}
		}
	}
	for _, gr := range inv.graph.order {
		take(gr.vars)
		files("group_vars", gr.name)
	}
	for _, h := range inv.graph.hostList {
		take(h.vars)
		files("host_vars", h.name)
	}
	files("host_vars", "localhost")
	return all, complete
}
