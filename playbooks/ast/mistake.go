package ast

import (
	"errors"
	"sort"
	"strings"

	"remoterun/runner/near"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// Mistake is one thing that is wrong in a file, or (as a warning) looks so.
type Mistake struct {
	Pos value.Pos
	// Msg says what is wrong, without the place.
	Msg string
	// Meant is the nearest allowed word, empty when none is near.
	Meant string
	// Allowed lists what may stand there; nil = not shown.
	Allowed []string
	// Lack is what Ansible may have and remoterun has not; empty = it is wrong.
	Lack    Lack
	warning bool // in a survey: it stops nothing
	// soft is what stops a run only where it is bound to be met.
	soft bool
	// condition is of the first condition of a task: it is always looked at.
	condition bool
	// loop is of what a task loops over: it is looked at however many items there are.
	loop bool
	// only says where alone a warning is a failure.
	only string
}

// Warning reports what a run would only warn of.
func (m Mistake) Warning() bool { return m.warning }

// String is file:line:column, what is wrong, and what was meant. What is
// allowed follows on a line of its own.
func (m Mistake) String() string {
	var b strings.Builder
	if p := m.Pos.String(); p != "" {
		b.WriteString(p + ": ")
	}
	b.WriteString(m.Msg)
	if m.Meant != "" {
		b.WriteString(`; did you mean "` + m.Meant + `"?`)
	}
	b.WriteString(m.only)
	if len(m.Allowed) > 0 {
		b.WriteString("\n    allowed: " + strings.Join(m.Allowed, ", "))
	}
	return b.String()
}

// Mistakes is the error of a load: everything that is wrong in the project, in
// the order of files and places.
type Mistakes struct{ List []Mistake }

func (e *Mistakes) Error() string {
	lines := make([]string, len(e.List))
	for i, m := range e.List {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}

// sorted orders mistakes by file (as first met), line and column and drops
// what is said twice: a file that is imported twice is read twice.
func sorted(list []Mistake) []Mistake {
	rank := map[string]int{}
	for _, m := range list {
		if _, ok := rank[m.Pos.File]; !ok {
			rank[m.Pos.File] = len(rank)
		}
	}
	out := append([]Mistake(nil), list...)
	sort.SliceStable(out, func(i, j int) bool {
		p, q := out[i].Pos, out[j].Pos
		switch {
		case p.File != q.File:
			return rank[p.File] < rank[q.File]
		case p.Line != q.Line:
			return p.Line < q.Line
		}
		return p.Col < q.Col
	})
	kept := out[:0]
	seen := map[string]bool{}
	for _, m := range out {
		if text := m.String(); !seen[text] {
			seen[text] = true
			kept = append(kept, m)
		}
	}
	return kept
}

// Lack is something that a playbook asks for and is not there: a module, an argument
// of one, a keyword, a filter.
type Lack struct {
	// Kind is one word: argument, choice, connection, file (of tasks), filter, keyword, lookup,
	// become_method, module, role, source (a file that is sent), strategy, test.
	Kind string
	Name string
}

// lacker is an error of the expression language that knows what is not there.
type lacker interface{ Lacks() (kind, name string) }

// placed is an error that knows its place apart from what it says.
type placed interface {
	error
	Place() value.Pos
	Message() string
}

// mistakeOf makes a mistake of any error; at is where it happened when the
// error does not say so itself.
func mistakeOf(err error, at value.Pos) Mistake {
	var y *yaml.Error
	var a *play.ArgError
	switch {
	case errors.As(err, &y):
		return Mistake{Pos: y.Pos, Msg: y.Msg}
	case errors.As(err, &a):
		return argMistake(a, at)
	}
	var p placed
	if errors.As(err, &p) && p.Place().Line > 0 {
		return Mistake{Pos: p.Place(), Msg: p.Message(), Lack: lackOf(err)}
	}
	return Mistake{Pos: at, Msg: err.Error(), Lack: lackOf(err)}
}

func lackOf(err error) Lack {
	var l lacker
	if !errors.As(err, &l) {
		return Lack{}
	}
	kind, name := l.Lacks()
	return Lack{kind, name}
}

func argMistake(a *play.ArgError, at value.Pos) Mistake {
	m := Mistake{Pos: a.Pos, Msg: a.Msg, Allowed: a.Allowed}
	if m.Pos.Line == 0 {
		m.Pos = at
	}
	if strings.Contains(a.Msg, strings.Join(a.Allowed, ", ")) {
		m.Allowed = nil // said already
	}
	if a.Arg != "" && a.Arg != "_raw_params" { // free text, which has no name
		m.Msg = a.Arg + ": " + a.Msg
		m.Meant = nearest(a.Arg, a.Allowed)
	}
	return m
}

// nearest is the word that was probably meant, empty when none is near enough.
// Of words equally near the one that has more of the letters wins.
func nearest(word string, among []string) string {
	best, least := "", 1+len(word)/3
	for _, w := range among {
		d := near.Distance(strings.ToLower(word), strings.ToLower(w))
		if w == word || d > least || d == least && best != "" && inCommon(word, w) <= inCommon(word, best) {
			continue
		}
		best, least = w, d
	}
	return best
}

// inCommon counts the letters of a that b has too.
func inCommon(a, b string) int {
	n := 0
	for _, r := range a {
		if i := strings.IndexRune(b, r); i >= 0 {
			b = b[:i] + b[i+len(string(r)):]
			n++
		}
	}
	return n
}
