package inventory

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"remoterun/runner/value"
)

// group is a group with its own hosts and child groups, in the order in which
// they were added.
type group struct {
	name     string
	hosts    []*host
	children []*group
	parents  []*group
	depth    int // longest way down from all
	priority int
	vars     *value.Map
}

// host is a machine. groups are those it was put into itself.
type host struct {
	name     string
	groups   []*group
	vars     *value.Map
	implicit bool // localhost, when the inventory does not name it
}

// graph is all hosts and groups, in the order in which they were added.
type graph struct {
	groups   map[string]*group
	order    []*group
	hosts    map[string]*host
	hostList []*host
	// local is the host that localhost, 127.0.0.1 and ::1 mean.
	local *host
}

func newGraph() *graph {
	g := &graph{groups: map[string]*group{}, hosts: map[string]*host{}}
	_ = g.addChild(g.group("all"), g.group("ungrouped"))
	return g
}

// isLocal reports the names of the machine that remoterun runs on.
func isLocal(name string) bool {
	return name == "localhost" || name == "127.0.0.1" || name == "::1"
}

// group returns a group, made when it is missing.
func (g *graph) group(name string) *group {
	if gr, ok := g.groups[name]; ok {
		return gr
	}
	gr := &group{name: name, priority: 1, vars: value.NewMap()}
	g.groups[name] = gr
	g.order = append(g.order, gr)
	return gr
}

// host returns a host, made when it is missing: then port (0 = none) and the
// source that it came from (empty = none) become its variables.
func (g *graph) host(name string, port int, source string) (h *host, made bool) {
	if h, ok := g.hosts[name]; ok {
		return h, false
	}
	h = &host{name: name, vars: value.NewMap()}
	if port > 0 {
		h.vars.Put("ansible_port", value.Int(int64(port)))
	}
	file, dir := value.Null(), value.Null()
	if source != "" {
		file, dir = value.String(source), value.String(filepath.Dir(source))
	}
	h.vars.Put("inventory_file", file)
	h.vars.Put("inventory_dir", dir)
	g.hosts[name] = h
	g.hostList = append(g.hostList, h)
	if isLocal(name) && g.local == nil {
		g.local = h
	}
	return h, true
}

// join puts a host into a group; it reports whether that is new.
func (gr *group) join(h *host) bool {
	if slices.Contains(h.groups, gr) {
		return false
	}
	gr.hosts = append(gr.hosts, h)
	h.groups = append(h.groups, gr)
	return true
}

func (gr *group) leave(h *host) {
	gr.hosts = slices.DeleteFunc(gr.hosts, func(x *host) bool { return x == h })
	h.groups = slices.DeleteFunc(h.groups, func(x *group) bool { return x == gr })
}

// addChild puts child under parent. The error names the loop that this would
// close.
func (g *graph) addChild(parent, child *group) error {
	if slices.Contains(parent.children, child) {
		return nil
	}
	if way := wayDown(child, parent, nil); way != nil {
		return fmt.Errorf("group %q cannot be a child of %q: that is a loop (%s)", child.name, parent.name,
			strings.Join(append([]string{parent.name}, way...), " > "))
	}
	parent.children = append(parent.children, child)
	child.parents = append(child.parents, parent)
	sink(child, parent.depth+1)
	return nil
}

// wayDown is the names from one group down to another, nil when there is no way.
func wayDown(from, to *group, seen map[*group]bool) []string {
	if from == to {
		return []string{to.name}
	}
	if seen == nil {
		seen = map[*group]bool{}
	}
	if seen[from] {
		return nil
	}
	seen[from] = true
	for _, c := range from.children {
		if way := wayDown(c, to, seen); way != nil {
			return append([]string{from.name}, way...)
		}
	}
	return nil
}

// sink moves a group and what is below it at least that deep.
func sink(gr *group, depth int) {
	if gr.depth >= depth {
		return
	}
	gr.depth = depth
	for _, c := range gr.children {
		sink(c, depth+1)
	}
}

// reconcile makes what must hold after every change: each group is under all,
// a host is in ungrouped exactly when it is in no other group.
func (g *graph) reconcile() error {
	all, un := g.groups["all"], g.groups["ungrouped"]
	for _, gr := range g.order {
		if gr != all && len(gr.parents) == 0 {
			if err := g.addChild(all, gr); err != nil {
				return err
			}
		}
	}
	for _, h := range g.hostList {
		above := h.above()
		others := 0
		for _, gr := range above {
			if gr != all && gr != un {
				others++
			}
		}
		switch in := slices.Contains(above, un); {
		case in && others > 0:
			un.leave(h)
		case !in && others == 0:
			un.join(h)
		}
	}
	return nil
}

// above is every group that a host is in, by itself or through child groups.
func (h *host) above() []*group {
	var out []*group
	seen := map[*group]bool{}
	var up func(gr *group)
	up = func(gr *group) {
		if seen[gr] {
			return
		}
		seen[gr] = true
		for _, p := range gr.parents {
			up(p)
		}
		out = append(out, gr)
	}
	for _, gr := range h.groups {
		up(gr)
	}
	return out
}

// layered is a host's groups without all, in the order in which their
// variables are laid over each other: by depth, priority, name.
func (h *host) layered() []*group {
	out := slices.DeleteFunc(h.above(), func(gr *group) bool { return gr.name == "all" })
	slices.SortFunc(out, func(a, b *group) int {
		if a.depth != b.depth {
			return a.depth - b.depth
		}
		if a.priority != b.priority {
			return a.priority - b.priority
		}
		return strings.Compare(a.name, b.name)
	})
	return out
}

// members are a group's hosts: its own first, then those of its child groups,
// level by level.
func (gr *group) members() []*host {
	var out []*host
	seenHost, seen := map[*host]bool{}, map[*group]bool{gr: true}
	for level := []*group{gr}; len(level) > 0; {
		var next []*group
		for _, g := range level {
			for _, h := range g.hosts {
				if !seenHost[h] && !(h.implicit && gr.name == "all") {
					seenHost[h] = true
					out = append(out, h)
				}
			}
			for _, c := range g.children {
				if !seen[c] {
					seen[c] = true
					next = append(next, c)
				}
			}
		}
		level = next
	}
	return out
}

// set stores a variable of a group; ansible_group_priority is no variable but
// the group's priority.
func (gr *group) set(name value.Value, v value.Value) error {
	if s, _ := name.AsString(); s != "ansible_group_priority" {
		gr.vars.Set(name, v)
		return nil
	}
	n, err := wholeNumber(v)
	if err != nil {
		return fmt.Errorf("ansible_group_priority of group %q: %w", gr.name, err)
	}
	gr.priority = n
	return nil
}
