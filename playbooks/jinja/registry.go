package jinja

import (
	"slices"
	"strings"

	"remoterun/runner/near"
)

// entryKind says what a name of the language is.
type entryKind uint8

const (
	filterKind entryKind = iota
	testKind
	globalKind
	lookupKind
)

func (k entryKind) String() string {
	return [...]string{"filter", "test", "global", "lookup"}[k]
}

// registry holds every name of the language; it never changes once made.
type registry struct {
	filters, tests, globals, lookups map[string]*entry
	// methods holds the methods of Python's types by type name.
	methods map[string]map[string]function
	// all lists the entries in the order of their families, for docs.
	all []*entry
}

// families lists every family of names: adding one is a file and a line here.
func families() [][]entry {
	return [][]entry{
		textFilterEntries(),
		sequenceFilterEntries(),
		selectFilterEntries(),
		numberFilterEntries(),
		testEntries(),
		globalEntries(),
		basicEntries(),
		combineEntries(),
		setEntries(),
		combinatoricEntries(),
		regexEntries(),
		versionEntries(),
		resultEntries(),
		commentEntries(),
		pathEntries(),
		fileTestEntries(),
		hashEntries(),
		cryptEntries(),
		vaultEntries(),
		humanEntries(),
		randomEntries(),
		serialEntries(),
		urlEntries(),
		dataLookupEntries(),
		varLookupEntries(),
		fileLookupEntries(),
		tableLookupEntries(),
		passwordLookupEntries(),
		datetimeEntries(),
		communityEntries(),
		jmesEntries(),
		ipaddrEntries(),
		ipnetEntries(),
		hwaddrEntries(),
		utilEntries(),
		ipTestEntries(),
		communityMoreEntries(),
	}
}

func newRegistry() *registry {
	r := &registry{filters: map[string]*entry{}, tests: map[string]*entry{}, globals: map[string]*entry{}, lookups: map[string]*entry{}, methods: allMethods()}
	for _, family := range families() {
		for i := range family {
			e := &family[i]
			r.all = append(r.all, e)
			names := r.of(e.kind)
			for _, n := range append([]string{e.name}, e.aliases...) {
				names[n] = e
			}
		}
	}
	return r
}

func (r *registry) of(k entryKind) map[string]*entry {
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

func (r *registry) filter(name string) *entry { return r.filters[shortName(name)] }

func (r *registry) test(name string) *entry { return r.tests[shortName(name)] }

func (r *registry) lookup(name string) *entry { return r.lookups[shortName(name)] }

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
