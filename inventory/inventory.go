// Package inventory reads Ansible's inventories: INI and YAML files, programs
// that print JSON, lists of hosts with commas, and folders of these, with the
// group_vars and host_vars beside them. It returns which hosts a pattern means
// and which variables a host has, in Ansible's order of precedence.
//
// It reads files only in Load and, for the variables of hosts, when those are
// asked for; it never writes, never contacts a host, and evaluates no template.
package inventory

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// Options are what an inventory is loaded with.
type Options struct {
	// Playbook is the folder whose group_vars and host_vars lie over those of
	// the inventory; empty = none. See also Inventory.Beside.
	Playbook string
	// Decrypt opens vaults: whole files and !vault values. nil = they are errors
	// once the host that they belong to is asked for.
	Decrypt func(text string, at value.Pos) ([]byte, error)
	// Warn is told what is odd but no mistake; may be nil.
	Warn func(at value.Pos, msg string)
}

// Inventory is hosts, groups and their variables. It is safe for concurrent
// use.
type Inventory struct {
	*store
	// playbook is the folder whose variables lie on top, empty = none.
	playbook string
}

// store is what all views of one inventory share.
type store struct {
	mu      sync.RWMutex
	graph   *graph
	opt     Options
	sources []string // as given
	varDirs []string // folders that hold group_vars and host_vars, lowest first
	dir     string
	limit   []string // single patterns of -l, nil = no limit
	// limitFiles are the lines of each @file of the limit.
	limitFiles map[string][]string
	files      varFiles
	told       sync.Map // parts of patterns that were warned of
}

var _ play.Inventory = (*Inventory)(nil)

// Load reads the sources in order: files, folders, programs and lists of hosts
// ("web1,web2,"). None at all gives an inventory that knows only localhost.
// Mistakes in all sources and variable files come back at once, as Errors.
func Load(ctx context.Context, sources []string, opt Options) (*Inventory, error) {
	if opt.Warn == nil {
		opt.Warn = func(value.Pos, string) {}
	}
	s := &store{graph: newGraph(), opt: opt, sources: sources, files: varFiles{opt: opt}}
	inv := &Inventory{store: s}
	if err := s.place(); err != nil {
		return nil, err
	}
	l := &loader{ctx: ctx, graph: s.graph, opt: opt}
	for _, src := range sources {
		l.source(src)
	}
	if err := s.graph.reconcile(); err != nil {
		l.fail(value.Pos{}, "%v", err)
	}
	l.oddNames()
	if opt.Playbook != "" {
		inv = inv.Beside(opt.Playbook)
	}
	l.errs = append(l.errs, inv.checkVars()...)
	l.errs.sort()
	return inv, l.errs.err()
}

// Refresh reads the sources anew, for every view of this inventory. Errors are those
// of Load; the inventory then stays as it was.
func (inv *Inventory) Refresh(ctx context.Context) error {
	fresh, err := Load(ctx, inv.sources, inv.opt)
	if err != nil {
		return err
	}
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.graph = fresh.graph
	inv.files.forget()
	return nil
}

// Check reads the files of variables of all groups and hosts, vaults unopened,
// and returns their mistakes at once, as Errors. Load has done it; a view that
// Beside made is checked by this.
func (inv *Inventory) Check() error {
	inv.mu.RLock()
	defer inv.mu.RUnlock()
	errs := inv.checkVars()
	errs.sort()
	return errs.err()
}

// place works out the folders that belong to the sources.
func (s *store) place() error {
	for _, src := range s.sources {
		if isHostList(src) {
			continue
		}
		dir, err := filepath.Abs(src)
		if err != nil {
			return err
		}
		if st, err := os.Stat(src); err != nil || !st.IsDir() {
			dir = filepath.Dir(dir)
		}
		if s.dir == "" {
			s.dir = dir
		}
		s.varDirs = lastOnly(append(s.varDirs, dir))
	}
	if s.dir == "" {
		dir, err := filepath.Abs(".")
		if err != nil {
			return err
		}
		s.dir = dir
	}
	return nil
}

// lastOnly keeps the last of equal texts.
func lastOnly(in []string) []string {
	var out []string
	for i, s := range in {
		if !slices.Contains(in[i+1:], s) {
			out = append(out, s)
		}
	}
	return out
}

// isHostList reports a source that is a list of hosts and no file.
func isHostList(src string) bool {
	if !strings.Contains(src, ",") {
		return false
	}
	_, err := os.Stat(src)
	return err != nil
}

// Beside is the same inventory seen from a playbook in dir: the group_vars and
// host_vars there lie over those of the inventory. Hosts that are added to one
// are in all.
func (inv *Inventory) Beside(dir string) *Inventory {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return &Inventory{store: inv.store, playbook: dir}
}

// Dir is the absolute folder of the first source: the folder itself when the
// source is one, the current folder when there are only lists of hosts.
func (inv *Inventory) Dir() string { return inv.dir }

// Sources are the inventory's sources as they were given.
func (inv *Inventory) Sources() []string { return slices.Clone(inv.sources) }

// Groups maps every group, in the order of the inventory, to the names of its
// hosts; a limit does not change it.
func (inv *Inventory) Groups() *value.Map {
	inv.mu.RLock()
	defer inv.mu.RUnlock()
	out := value.NewMap()
	for _, gr := range inv.graph.order {
		out.Put(gr.name, value.Strings(names(gr.members())...))
	}
	return out
}

// GroupsOf lists the groups of a host, those above its own too, sorted and
// without all; a host that the inventory does not know has none.
func (inv *Inventory) GroupsOf(name string) []string {
	inv.mu.RLock()
	defer inv.mu.RUnlock()
	h := inv.graph.hosts[name]
	if h == nil {
		return nil
	}
	var out []string
	for _, gr := range h.layered() {
		out = append(out, gr.name)
	}
	slices.Sort(out)
	return out
}

func names(hosts []*host) []string {
	out := make([]string, len(hosts))
	for i, h := range hosts {
		out[i] = h.name
	}
	return out
}

// find returns a host by name; localhost is always there.
func (inv *Inventory) find(name string) (*host, error) {
	if h := inv.graph.hosts[name]; h != nil {
		return h, nil
	}
	if isLocal(name) {
		if inv.graph.local != nil {
			return inv.graph.local, nil
		}
		return &host{name: name, implicit: true, vars: value.MapOf("ansible_connection", value.String("local"), "ansible_python_interpreter", value.String("{{ ansible_playbook_python }}"))}, nil
	}
	known := names(inv.graph.hostList)
	return nil, &Error{Msg: fmt.Sprintf("host %q is not in the inventory", name), Unknown: true, Near: meant(name, known)}
}
