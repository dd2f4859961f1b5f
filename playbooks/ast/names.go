package ast

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"remoterun/runner/value"
)

// slot says when a template or condition is evaluated, which decides whether an
// undefined name in it is certain to fail.
type slot uint8

const (
	slotText   slot = iota // a template, rendered before the task runs
	slotItem               // a template that is rendered once per item
	slotLoop               // what is looped over
	slotLazy               // a variable: rendered when it is used
	slotWhen               // the first condition of when:
	slotLater              // a condition that others decide about
	slotResult             // a condition on a result
	slotAssert             // a condition among arguments
)

// bare reports whether text is an expression without braces.
func (sl slot) bare() bool { return sl >= slotWhen }

// after is the slot of the next condition in a list.
func after(sl slot) slot {
	if sl == slotWhen {
		return slotLater
	}
	return sl
}

// use is one name that a template asks for.
type use struct {
	name string
	at   value.Pos
	slot slot
	sure bool
	of   string // the variable that holds it: it is asked for when that one is
}

// names is what a project defines and asks for.
type names struct {
	*findings
	env     *Env
	keep    func(name string) // notes a variable that came from a vault
	defined map[string]int    // in how many places
	open    bool              // something defines names that cannot be known
	uses    []use
	outside map[string]bool // what Env.Defines answered: it may look at every host
	holder  string          // the variable that is being read
}

// define notes a variable that the project sets somewhere.
func (ns *names) define(name string) { ns.defined[name]++ }

func (ns *names) defineAll(m *value.Map) {
	for k, v := range m.All() {
		name, _ := k.AsString()
		ns.define(name)
		ns.keepSecret(name, v)
	}
}

// keepSecret notes a variable whose value came from a vault.
func (ns *names) keepSecret(name string, v value.Value) {
	if value.DeepMarks(v).Secret() {
		ns.keep(name)
	}
}

// inspect parses every template in v: a mistake is found before any host is
// touched. at stands in for a place that is not known.
func (ns *names) inspect(v value.Value, at value.Pos, sl slot) {
	switch v.Kind() {
	case value.KindString:
		ns.inspectText(v, at, sl)
	case value.KindList, value.KindTuple:
		for _, it := range v.Items() {
			ns.inspect(it, at, sl)
		}
	case value.KindMap:
		m, _ := v.AsMap()
		for k, it := range m.All() {
			ns.inspect(k, at, slotText)
			ns.inspect(it, at, sl)
		}
	}
}

func (ns *names) inspectText(v value.Value, at value.Pos, sl slot) {
	text, _ := v.AsString()
	if ns.env.Expr == nil || v.Marks()&value.Unsafe != 0 || !sl.bare() && !value.Templated(text) {
		return
	}
	if v.Origin() == nil {
		v = v.From(&value.Origin{Pos: at})
	}
	uses, err := ns.env.Expr.Inspect(v, sl.bare())
	if err != nil {
		m := mistakeOf(err, at)
		ns.unread(m, sl)
		return
	}
	ns.absent(uses.Absent, text, at, sl)
	sure := !guards().MatchString(text)
	for _, n := range uses.Names {
		if slices.Contains(uses.Own, n) {
			continue
		}
		ns.uses = append(ns.uses, use{name: n, at: nameAt(v, n, at), slot: sl, sure: sure, of: ns.holder})
	}
}

// absent reports lookups, tests and filters that a template calls by text and that are
// not there: Ansible fails where they are called.
func (ns *names) absent(errs []error, text string, at value.Pos, sl slot) {
	for _, err := range errs {
		m := mistakeOf(err, at)
		if maybe().MatchString(text) {
			m.only = " (fails only where it is called)"
			ns.warnings = append(ns.warnings, m)
			continue
		}
		ns.unread(m, sl)
	}
}

// unread notes what is wrong in a template. A variable that asks for what is not there
// fails where it is used, and only there.
func (ns *names) unread(m Mistake, sl slot) {
	m.soft, m.condition, m.loop = true, sl == slotWhen, sl == slotLoop
	if sl == slotLazy && m.Lack.Kind != "" {
		m.soft, m.only = false, " (fails only where the variable is used)"
		ns.warnings = append(ns.warnings, m)
		return
	}
	ns.mistakes = append(ns.mistakes, m)
}

// maybe are words in a template that may keep a part of it from being called, or
// that have to have items first.
var maybe = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\b(?:if|else|and|or|select|selectattr|reject|rejectattr|map|for)\b|\{%`)
})

// guards are words in a template that may keep a name from being asked for, or
// from failing when it is not there.
var guards = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\b(?:default|d|defined|undefined|if|else|elif|and|or|ternary|lookup|query|q|vars|hostvars|mandatory|map|for|omit)\b|\{[%#]`)
})

// nameAt is the place of a name in a template.
func nameAt(v value.Value, name string, at value.Pos) value.Pos {
	text, _ := v.AsString()
	o := v.Origin()
	from := 0
	for o != nil {
		i := strings.Index(text[from:], name)
		if i < 0 {
			break
		}
		i += from
		from = i + len(name)
		if i > 0 && isWord(text[i-1]) || from < len(text) && isWord(text[from]) {
			continue
		}
		line := strings.Count(text[:i], "\n")
		col := len([]rune(text[strings.LastIndexByte(text[:i], '\n')+1 : i]))
		return o.At(line, col)
	}
	return at
}

func isWord(c byte) bool {
	return c == '_' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// doubt takes back the certainty of what was asked for since mark, as far as
// the predicate says.
func (ns *names) doubt(mark int, which func(slot) bool) {
	for i := mark; i < len(ns.uses); i++ {
		if which(ns.uses[i].slot) {
			ns.uses[i].sure = false
		}
	}
}

// magic are names that are always there.
var magic = wordSet(`ansible_facts ansible_version group_names groups hostvars inventory_dir inventory_file
	inventory_hostname inventory_hostname_short play_hosts playbook_dir environment omit vars item role_name role_names
	role_path role_uuid namespace range lookup query q now undef dict lipsum cycler joiner true false none True False None
	loop self super caller varargs kwargs packages services`)

func wordSet(words string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(words) {
		out[w] = true
	}
	return out
}

func (ns *names) isDefined(name string) bool {
	if ns.defined[name] > 0 || magic[name] || strings.HasPrefix(name, "ansible_") {
		return true
	}
	known, asked := ns.outside[name]
	if !asked {
		known = ns.env.Defines(name)
		ns.outside[name] = known
	}
	return known
}

// judged are all uses; what stands in a variable is certain to be asked for only
// when something that is certain asks for that variable, and it has no other
// value anywhere.
func (ns *names) judged() []use {
	held := map[string][]int{}
	out := slices.Clone(ns.uses)
	var asked []string
	for i, u := range out {
		if u.of == "" && u.sure {
			asked = append(asked, u.name)
		}
		if u.of != "" {
			held[u.of] = append(held[u.of], i)
		}
	}
	reached := map[int]bool{}
	for len(asked) > 0 {
		name := asked[0]
		asked = asked[1:]
		if ns.defined[name] != 1 || ns.env.Defines(name) {
			continue
		}
		for _, i := range held[name] {
			if out[i].sure && !reached[i] {
				reached[i] = true
				asked = append(asked, out[i].name)
			}
		}
	}
	for i := range out {
		out[i].sure = out[i].sure && (out[i].of == "" || reached[i])
	}
	return out
}

// checkNames reports names that nothing in the project defines: as mistakes
// where a run is certain to meet them, else as warnings.
func (ns *names) checkNames() {
	if ns.env.Defines == nil || ns.open {
		return
	}
	known := make([]string, 0, len(ns.defined))
	for n := range ns.defined {
		known = append(known, n)
	}
	sortWords(known)
	for _, u := range ns.judged() {
		if ns.isDefined(u.name) || !u.sure && u.slot != slotText && u.slot != slotItem {
			continue
		}
		m := Mistake{Pos: u.at, Msg: "nothing in this project defines " + u.name, Meant: nearest(u.name, known)}
		if u.sure {
			ns.mistakes = append(ns.mistakes, m)
		} else if m.Meant != "" {
			ns.warnings = append(ns.warnings, m)
		}
	}
}

// lazyVars parses the templates in variables of a file.
func (ns *names) lazyVars(m *value.Map) {
	for k, v := range m.All() {
		ns.holder, _ = k.AsString()
		ns.inspect(v, value.PosOf(k), slotLazy)
		ns.holder = ""
	}
}
