package core

import (
	"slices"
	"strings"

	"remoterun/playbooks/jinja/parse"
	"remoterun/runner/near"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// registry holds every name of the language; it never changes once made.
type registry struct {
	filters, tests, globals, lookups map[string]*Entry
	// methods holds the methods of Python's types by type name.
	methods map[string]map[string]Function
}

// Language is what an evaluator speaks.
type Language struct {
	// Entries are the filters, tests, globals and lookups.
	Entries []Entry
	// Methods are those of Python's types, by the type's name.
	Methods map[string]map[string]Function
	// Date makes a date of YAML one that has attributes.
	Date func(yaml.Date) value.Value
}

func newRegistry(l Language) *registry {
	r := &registry{filters: map[string]*Entry{}, tests: map[string]*Entry{}, globals: map[string]*Entry{}, lookups: map[string]*Entry{}, methods: l.Methods}
	for i := range l.Entries {
		e := &l.Entries[i]
		names := r.of(e.Kind)
		names[e.Name] = e
		for _, n := range e.Aliases {
			names[n] = e
		}
	}
	return r
}

func (r *registry) of(k parse.Kind) map[string]*Entry {
	return [...]map[string]*Entry{r.filters, r.tests, r.globals, r.lookups}[k]
}

// ShortName takes a collection away: ansible.builtin.combine is combine.
func ShortName(name string) string {
	if strings.Count(name, ".") < 2 {
		return name
	}
	return name[strings.LastIndexByte(name, '.')+1:]
}

// find returns a name's entry, nil when there is none. A collection may stand
// before the name: one of those that have it, or the language's own, under which
// Ansible finds names that moved away, too.
func (r *registry) find(k parse.Kind, name string) *Entry {
	short := ShortName(name)
	e := r.of(k)[short]
	if e == nil || short == name || play.Own(name) == short || slices.Contains(e.From, strings.TrimSuffix(name, "."+short)) {
		return e
	}
	return nil
}

// From says of families which collections have their names.
func From(collections []string, families ...[]Entry) []Entry {
	all := slices.Concat(families...)
	for i := range all {
		all[i].From = collections
	}
	return all
}

// Find returns a name for the parser.
func (r *registry) Find(k parse.Kind, name string) (parse.Named, bool) {
	e := r.find(k, name)
	return e, e != nil
}

// Near proposes the known name that was perhaps meant.
func (r *registry) Near(k parse.Kind, name string) string { return suggest(name, r.of(k)) }

// Traits are those that the parser asks for.
func (e *Entry) Traits() parse.Traits { return parse.Traits{Impure: e.Impure, Anchors: e.Anchors} }

// suggest ends a message about an unknown name with the nearest known one, or
// with nothing. A name in a collection that has none of it is there in another.
func suggest(name string, known map[string]*Entry) string {
	short := ShortName(name)
	if e := known[short]; e != nil {
		return "; did you mean '" + strings.Join(append(slices.Clone(e.From[:min(1, len(e.From))]), short), ".") + "'?"
	}
	names := make([]string, 0, len(known))
	for n := range known {
		names = append(names, n)
	}
	return Suggest(short, names)
}

// Suggest ends a message about an unknown name with the nearest known one, or
// with nothing.
func Suggest(name string, known []string) string {
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
