package jinja

import (
	"slices"
	"strings"

	"remoterun/runner/near"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// registry holds every name of the language; it never changes once made.
type registry struct {
	filters, tests, globals, lookups map[string]*entry
	// methods holds the methods of Python's types by type name.
	methods map[string]map[string]function
}

// Language is what an evaluator speaks.
type Language struct {
	// Entries are the filters, tests, globals and lookups.
	Entries []entry
	// Methods are those of Python's types, by the type's name.
	Methods map[string]map[string]function
	// Date makes a date of YAML one that has attributes.
	Date func(yaml.Date) value.Value
}

func newRegistry(l Language) *registry {
	r := &registry{filters: map[string]*entry{}, tests: map[string]*entry{}, globals: map[string]*entry{}, lookups: map[string]*entry{}, methods: l.Methods}
	for i := range l.Entries {
		e := &l.Entries[i]
		names := r.of(e.kind)
		names[e.name] = e
		for _, n := range e.aliases {
			names[n] = e
		}
	}
	return r
}

func (r *registry) of(k Kind) map[string]*entry {
	return [...]map[string]*entry{r.filters, r.tests, r.globals, r.lookups}[k]
}

// collections are those whose names we answer, whole or in part.
func collections() []string {
	return []string{"ansible.builtin.", "ansible.legacy.", "ansible.utils.", "ansible.netcommon.", "ansible.posix.", "community.general.", "community.crypto."}
}

// shortName takes a known collection's prefix away: ansible.builtin.combine
// is combine.
func shortName(name string) string {
	if strings.Count(name, ".") < 2 {
		return name
	}
	for _, c := range collections() {
		if short, ok := strings.CutPrefix(name, c); ok {
			return short
		}
	}
	return name
}

// find returns a name's entry, nil when there is none; a known collection may
// stand before it.
func (r *registry) find(k Kind, name string) *entry { return r.of(k)[shortName(name)] }

// Find and Near are what the parser asks.
func (r *registry) Find(k Kind, name string) (Named, bool) {
	e := r.find(k, name)
	return e, e != nil
}

func (r *registry) Near(k Kind, name string) string { return suggest(name, r.of(k)) }

// Traits are those that the parser asks for.
func (e *entry) Traits() Traits { return Traits{Impure: e.impure, Anchors: e.anchors} }

// suggest ends a message about an unknown name with the nearest known one, or
// with nothing.
func suggest(name string, known map[string]*entry) string {
	names := make([]string, 0, len(known))
	for n := range known {
		names = append(names, n)
	}
	return suggestName(shortName(name), names)
}

func suggestName(name string, known []string) string {
	best, least := "", max(1, len(name)/3)
	slices.Sort(known)
	for _, k := range known {
		if d := near.Distance(strings.ToLower(name), strings.ToLower(k)); d <= least && (best == "" || d < least) {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean '" + best + "'?"
}
