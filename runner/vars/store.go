// Package vars answers a task's names for one host: Ansible's precedence,
// values that are worked out when they are asked for, facts that are gathered
// when something first reads one. It does no I/O and renders nothing itself.
package vars

import (
	"errors"
	"maps"
	"slices"
	"sync"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// Store holds the variables of all hosts for one run. Safe for concurrent use.
type Store struct {
	inv    play.Inventory
	expr   play.Expr
	gather play.Gatherer // nil = no facts are gathered lazily
	extra  *value.Map
	// FromHost reports whether a file of the laptop's came from a host in this run;
	// nil = none did. It is set before the run.
	FromHost func(path string) bool

	mu    sync.RWMutex
	hosts map[string]*hostVars
}

// hostVars is what one host collected while running.
type hostVars struct {
	layers []play.Layer // inventory, lowest first; nil until loaded
	facts  *value.Map   // ansible_facts: names without ansible_
	bare   *value.Map   // facts of modules that are variables under their own names, too
	set    *value.Map   // set_fact and registered results
	vars   *value.Map   // include_vars
	known  bool         // the gatherer's answer is in facts
	// due says that a play has gathered the host's facts, as people see it: they
	// are asked when a name of any host reads one, in that play or behind it.
	due bool
	by  play.Gatherer // how the play gathers them, nil = as the store does
	// asked are the names that the gatherer gave; before are the facts as they were
	// until a play gathers anew: who does not answer then keeps them.
	asked, before *value.Map
}

// New returns a store. gather may be nil.
func New(inv play.Inventory, expr play.Expr, gather play.Gatherer, extra *value.Map) *Store {
	return &Store{inv: inv, expr: expr, gather: gather, extra: extra, hosts: map[string]*hostVars{}}
}

func (s *Store) host(name string) *hostVars {
	h, ok := s.hosts[name]
	if !ok {
		h = &hostVars{facts: value.NewMap(), bare: value.NewMap(), set: value.NewMap(), vars: value.NewMap()}
		s.hosts[name] = h
	}
	return h
}

// change gives f a host's own copies to write to: readers hold the old ones.
func (s *Store) change(name string, f func(h *hostVars)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.host(name))
}

func merged(old, more *value.Map) *value.Map {
	out := old.Clone()
	for k, v := range more.All() {
		out.Set(k, v)
	}
	return out
}

// SetFacts keeps set_fact's variables.
func (s *Store) SetFacts(name string, m *value.Map) {
	s.change(name, func(h *hostVars) { h.set = merged(h.set, m) })
}

// Register keeps a task's result under a variable.
func (s *Store) Register(name, variable string, v value.Value) {
	s.SetFacts(name, value.MapOf(variable, v))
}

// IncludeVars keeps variables of include_vars.
func (s *Store) IncludeVars(name string, m *value.Map) {
	s.change(name, func(h *hostVars) { h.vars = merged(h.vars, m) })
}

// AddFacts keeps ansible_facts that a module returned: a host's text, never a
// template.
func (s *Store) AddFacts(name string, m *value.Map) {
	m = hostData(m)
	s.change(name, func(h *hostVars) { h.facts = merged(h.facts, m) })
}

// Inject keeps facts of a module as variables under their own names.
func (s *Store) Inject(name string, m *value.Map) {
	m = hostData(m)
	s.change(name, func(h *hostVars) { h.bare = merged(h.bare, m) })
}

// Gathered keeps the gatherer's answer.
func (s *Store) Gathered(name string, a host.Answer) error {
	var err error
	s.change(name, func(h *hostVars) {
		var m *value.Map
		if m, err = s.gathererOf(h).Facts(a); err != nil {
			return
		}
		h.asked = hostData(m)
		h.facts, h.known, h.before = merged(h.asked, h.facts), true, nil
	})
	return err
}

func (s *Store) gathererOf(h *hostVars) play.Gatherer {
	if h.by != nil {
		return h.by
	}
	return s.gather
}

// Due notes that a play gathers a host's facts, and how; anew = what an earlier play
// gathered may be out of date, or was gathered otherwise.
func (s *Store) Due(name string, by play.Gatherer, anew bool) {
	s.change(name, func(h *hostVars) {
		h.due, h.by = true, by
		if anew && h.known {
			h.before, h.known = h.facts, false
			h.facts = without(h.facts, h.asked)
		}
	})
}

func without(m, names *value.Map) *value.Map {
	out := value.NewMap()
	for k, v := range m.All() {
		if _, drop := names.Get(k); !drop {
			out.Set(k, v)
		}
	}
	return out
}

// Lacks reports facts that a play has gathered, as people see it, and that were
// not asked yet.
func (s *Store) Lacks(name string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, ok := s.hosts[name]
	return ok && h.due && !h.known
}

// Mute notes that a host did not answer: it has the facts that are there, and
// other hosts ask it no more.
func (s *Store) Mute(name string) {
	s.change(name, func(h *hostVars) {
		h.due = false
		if h.before != nil {
			h.facts, h.before = merged(h.before, h.facts), nil
		}
	})
}

// Facts is the question for another host's facts: the engine asks that host.
type Facts struct {
	Of string
	host.Question
}

// Key tells the hosts apart.
func (f Facts) Key() string { return host.KeyOf("facts of", f.Of, f.Question.Key()) }

// hostData are facts with the mark of what hosts say, names too.
func hostData(m *value.Map) *value.Map {
	m, _ = value.FromMap(m).With(value.Unsafe).AsMap()
	return m
}

// ClearFacts forgets a host's facts (meta: clear_facts).
func (s *Store) ClearFacts(name string) {
	s.change(name, func(h *hostVars) {
		h.facts, h.bare, h.known, h.due, h.before = value.NewMap(), value.NewMap(), false, false, nil
	})
}

// Drop forgets the layers that inventory gave: add_host changed them.
func (s *Store) Drop(name string) { s.change(name, func(h *hostVars) { h.layers = nil }) }

// Refresh forgets what the inventory gave of hosts that are in it: it was read anew.
// One that is gone from it keeps its variables for the play that it is in.
func (s *Store) Refresh() {
	all := s.Hosts()
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, h := range s.hosts {
		if slices.Contains(all, name) || implicit(name) {
			h.layers = nil
		}
	}
}

// Admit lets a host be worked on that is not in the inventory, with the variables
// of all: a task is delegated to it.
func (s *Store) Admit(name string) {
	layers, err := s.inv.Layers(name)
	var none interface{ NoHost() bool }
	if errors.As(err, &none) && none.NoHost() {
		s.change(name, func(h *hostVars) { h.layers = append([]play.Layer{}, layers...) })
	}
}

// view is a consistent look at one host's variables.
func (s *Store) view(name string) (hostVars, error) {
	s.mu.RLock()
	h, ok := s.hosts[name]
	if ok && h.layers != nil {
		defer s.mu.RUnlock()
		return *h, nil
	}
	s.mu.RUnlock()
	layers, err := s.inv.Layers(name)
	if err != nil {
		return hostVars{}, err
	}
	if layers == nil {
		layers = []play.Layer{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h = s.host(name)
	h.layers = layers
	return *h, nil
}

// Hosts lists the hosts that hostvars knows, in inventory order.
func (s *Store) Hosts() []string {
	all, err := s.inv.Hosts("all")
	if err != nil {
		return slices.Sorted(maps.Keys(s.hosts))
	}
	return all
}
