package files

import (
	"strconv"
	"strings"

	"remoterun/runner/pyre"
	"remoterun/tasks/kit"
)

// edited is what became of a file's lines.
type edited struct {
	lines   []string
	msg     string
	changed bool
	found   int
}

func (a lineArgs) edit(lines []string) (edited, error) {
	if a.State == "absent" {
		return a.removed(lines)
	}
	at, err := a.find(lines)
	if err != nil {
		return edited{}, err
	}
	return a.present(lines, at)
}

// matcher is what regexp, search_string or line ask of a line.
func (a lineArgs) matcher() (func(line string) (bool, error), error) {
	switch {
	case a.Regexp != nil:
		re, err := kit.CompilePy(*a.Regexp, pyre.Flags{})
		return func(l string) (bool, error) {
			m, err := kit.SearchLine(re, l)
			return m != nil, err
		}, err
	case a.Search != nil:
		return func(l string) (bool, error) { return strings.Contains(l, *a.Search), nil }, nil
	}
	return func(l string) (bool, error) { return strings.TrimRight(l, "\r\n") == a.Line.S, nil }, nil
}

func (a lineArgs) removed(lines []string) (edited, error) {
	is, err := a.matcher()
	if err != nil {
		return edited{}, err
	}
	e := edited{}
	for _, l := range lines {
		gone, err := is(l)
		if err != nil {
			return e, err
		}
		if gone {
			e.found++
			continue
		}
		e.lines = append(e.lines, l)
	}
	if e.changed = e.found > 0; e.changed {
		e.msg = strconv.Itoa(e.found) + " line(s) removed"
	}
	return e, nil
}

// spots are the lines that count: the one that regexp or search_string found
// or that is already as wanted, and the place of insertafter/insertbefore.
type spots struct {
	found   int // -1 = none
	insert  int // -1 = none
	matched bool
	exact   bool
}

func (a lineArgs) find(lines []string) (spots, error) {
	at := spots{found: -1, insert: -1}
	if a.Regexp != nil || a.Search != nil {
		is, err := a.matcher()
		if err != nil {
			return at, err
		}
		for i, l := range lines {
			hit, err := is(l)
			if err != nil {
				return at, err
			}
			if hit {
				at.found, at.matched = i, true
				if a.First {
					break
				}
			}
		}
	}
	if at.matched {
		return at, nil
	}
	err := a.findPlace(lines, &at)
	return at, err
}

// anchor is the expression of insertafter or insertbefore, nil for EOF, BOF
// and none.
func (a lineArgs) anchor() (re *pyre.Regexp, behind bool, err error) {
	e := a.After
	if e == nil || *e == "EOF" || *e == "BOF" {
		if e != nil {
			return nil, true, nil
		}
		if e = a.Before; e == nil || *e == "BOF" {
			return nil, false, nil
		}
	}
	re, err = kit.CompilePy(*e, pyre.Flags{})
	return re, a.After != nil, err
}

func (a lineArgs) findPlace(lines []string, at *spots) error {
	re, behind, err := a.anchor()
	if err != nil {
		return err
	}
	for i, l := range lines {
		if strings.TrimRight(l, "\r\n") == a.Line.S {
			at.found, at.exact = i, true
			continue
		}
		if re == nil {
			continue
		}
		m, err := kit.SearchLine(re, l)
		if err != nil {
			return err
		}
		if m != nil {
			at.insert = i
			if behind {
				at.insert++
			}
			if a.First {
				break
			}
		}
	}
	return nil
}

func (a lineArgs) present(lines []string, at spots) (edited, error) {
	e := edited{lines: append([]string{}, lines...)}
	line := a.Line.S
	ended := line
	if !strings.HasSuffix(ended, "\n") {
		ended += "\n"
	}
	is := func(s *string, w string) bool { return s != nil && *s == w }
	switch {
	case at.found >= 0:
		return a.replace(e, at, ended)
	case a.Backrefs:
		return e, nil
	case is(a.Before, "BOF") || is(a.After, "BOF"):
		e.insert(0, line+"\n")
	case at.insert < 0:
		// A last line without an end gets one of its own, as Ansible does it.
		if n := len(lines); n > 0 && !strings.HasSuffix(lines[n-1], "\n") && !strings.HasSuffix(lines[n-1], "\r") {
			e.lines[n-1] += "\n"
		}
		e.insert(len(e.lines), line+"\n")
	case a.After != nil && e.neighbour(at.insert) == line:
	case a.After != nil && at.insert == len(lines) && !strings.HasSuffix(lines[len(lines)-1], "\n"):
		e.lines[len(lines)-1] += "\n"
		e.insert(at.insert, line+"\n")
	default:
		e.insert(at.insert, line+"\n")
	}
	return e, nil
}

// neighbour is the line at i, or the last one when i is behind the end.
func (e edited) neighbour(i int) string {
	if i == len(e.lines) {
		i--
	}
	if i < 0 {
		return ""
	}
	return strings.TrimRight(e.lines[i], "\r\n")
}

func (e *edited) insert(i int, line string) {
	e.lines = append(e.lines[:i], append([]string{line}, e.lines[i:]...)...)
	e.msg, e.changed = "line added", true
}

// replace puts the line where one was found.
func (a lineArgs) replace(e edited, at spots, ended string) (edited, error) {
	if a.Backrefs && at.matched && a.Regexp != nil {
		re, err := kit.CompilePy(*a.Regexp, pyre.Flags{})
		if err != nil {
			return e, err
		}
		m, err := kit.SearchLine(re, e.lines[at.found])
		if err != nil {
			return e, err
		}
		tmpl, err := re.Template(a.Line.S)
		if err != nil {
			return e, err
		}
		ended = tmpl.Expand(m)
		if !strings.HasSuffix(ended, "\n") {
			ended += "\n"
		}
	}
	if e.lines[at.found] != ended {
		e.lines[at.found] = ended
		e.msg, e.changed = "line replaced", true
	}
	return e, nil
}
