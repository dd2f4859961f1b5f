// Package compat says how much of a project runs here: tasks that are covered, what
// is missing by the number of its uses, and what runs and differs. It judges what the
// reader of playbooks found; it reads nothing and runs nothing.
package compat

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"remoterun/playbooks/ast"
	"remoterun/playbooks/known"
	"remoterun/runner/value"
)

// Report is what is said of a project. Places are file:line:column.
type Report struct {
	Files   int     `json:"files"`
	Tasks   int     `json:"tasks"`
	Covered int     `json:"covered"`
	Percent float64 `json:"percent"` // of tasks, one decimal, never rounded up to 100
	// Missing is what a task or play asks for and is not there, the most used first.
	Missing []Use `json:"missing"`
	// Differs runs, and not in all as in Ansible.
	Differs []Use `json:"differs"`
	// Wrong are mistakes, mostly Ansible's as well; their tasks are not covered.
	Wrong []Use `json:"wrong"`
	// Unread is what could not be followed: its tasks are not counted.
	Unread []Use `json:"unread"`
}

// Use is one thing and where it is asked for.
type Use struct {
	Kind string `json:"kind,omitempty"`
	Name string `json:"name"`
	Uses int    `json:"uses"`
	// Help says what to do meanwhile, or what is there.
	Help  string   `json:"help,omitempty"`
	Where []string `json:"where"`
}

// Of judges a survey. names makes paths short.
func Of(s *ast.Survey, names func(path string) string) Report {
	j := &judge{names: names, tasks: map[string][]ast.SurveyTask{}, broken: map[ast.SurveyTask]bool{}}
	n := j.place(s.Tasks, s.Plays)
	for _, m := range s.Found {
		j.found(m)
	}
	for _, m := range s.Open {
		j.add(&j.unread, "name", m.Msg, "known at its turn; what is there of that name was read", m)
	}
	for _, m := range s.Differs {
		j.add(&j.differs, "", m.Msg, "", m)
	}
	r := Report{Files: len(j.tasks), Tasks: n, Covered: n - len(j.broken), Percent: 100}
	if r.Tasks > 0 {
		r.Percent = float64(r.Covered*1000/r.Tasks) / 10
	}
	r.Missing, r.Differs, r.Wrong, r.Unread = sorted(j.missing), sorted(j.differs), sorted(j.wrong), sorted(j.unread)
	return r
}

// Whole reports that nothing is missing and nothing was left unread.
func (r Report) Whole() bool {
	unread := slices.ContainsFunc(r.Unread, func(u Use) bool { return u.Kind != "name" })
	return r.Covered == r.Tasks && len(r.Missing) == 0 && len(r.Wrong) == 0 && !unread
}

// aPlay stands among the tasks of a file where a play begins.
const aPlay = "hosts:"

type judge struct {
	names  func(string) string
	tasks  map[string][]ast.SurveyTask
	broken map[ast.SurveyTask]bool

	missing, differs, wrong, unread []Use
}

// place sorts tasks into their files, each once, and counts them.
func (j *judge) place(tasks []ast.SurveyTask, plays []value.Pos) int {
	seen := map[ast.SurveyTask]bool{}
	for _, at := range plays { // what is wrong in a play's head is no task's
		at.File = j.names(at.File)
		j.tasks[at.File] = append(j.tasks[at.File], ast.SurveyTask{Pos: at, Module: aPlay})
	}
	for _, t := range tasks {
		t.Pos.File = j.names(t.Pos.File)
		if at := (ast.SurveyTask{Pos: t.Pos}); !seen[at] {
			seen[at] = true
			j.tasks[t.Pos.File] = append(j.tasks[t.Pos.File], t)
		}
	}
	for _, list := range j.tasks {
		slices.SortFunc(list, func(a, b ast.SurveyTask) int {
			return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
		})
	}
	return len(seen)
}

// found puts one finding where it belongs. Warnings that lack nothing are no business
// of this report.
func (j *judge) found(m ast.Mistake) {
	m.Pos.File = j.names(m.Pos.File)
	switch kind := m.Lack.Kind; {
	case kind == "source": // it may come to be, and is no part of the language
		return
	case kind == "role" || kind == "file":
		j.add(&j.unread, kind, m.Lack.Name, help(m), m)
		return
	case kind != "":
		j.add(&j.missing, kind, shortName(m.Lack), help(m), m)
	case m.Warning():
		return
	default:
		j.add(&j.wrong, "", m.Msg, "", m)
	}
	if t, ok := j.owner(m); ok {
		j.broken[t] = true
	}
}

// owner is the task that a finding stands in: the last that begins before it, unless
// it stands further left, as what belongs to a play or a block does.
func (j *judge) owner(m ast.Mistake) (ast.SurveyTask, bool) {
	var out ast.SurveyTask
	ok := false
	for _, t := range j.tasks[m.Pos.File] {
		if t.Pos.Line > m.Pos.Line || t.Pos.Line == m.Pos.Line && t.Pos.Col > m.Pos.Col {
			break
		}
		out, ok = t, true
	}
	return out, ok && out.Module != aPlay && (m.Pos.Line == out.Pos.Line || m.Pos.Col >= out.Pos.Col)
}

func (j *judge) add(to *[]Use, kind, name, help string, m ast.Mistake) {
	at := m.Pos
	at.File = j.names(at.File)
	i := slices.IndexFunc(*to, func(u Use) bool { return u.Kind == kind && u.Name == name })
	if i < 0 {
		*to, i = append(*to, Use{Kind: kind, Name: name, Help: help, Where: []string{}}), len(*to)
	}
	u := &(*to)[i]
	if !slices.Contains(u.Where, at.String()) {
		u.Uses++
		u.Where = append(u.Where, at.String())
	}
}

// shortName is a module's own name, so that apt and ansible.builtin.apt are one.
func shortName(l ast.Lack) string {
	if c := known.Collection(l.Name); l.Kind == "module" && c != "" {
		return c + "." + l.Name[strings.LastIndexByte(l.Name, '.')+1:]
	}
	return l.Name
}

// help is the rest of a message: what is there instead.
func help(m ast.Mistake) string {
	msg := m.Msg
	switch m.Lack.Kind {
	case "module":
		if _, instead, ok := strings.Cut(msg, "remoterun has not yet; "); ok {
			return instead
		}
		return msg
	case "role":
		_, source, _ := strings.Cut(msg, "): ")
		return source
	case "file":
		return "it is not there"
	case "choice":
		return msg
	case "keyword":
		if !strings.Contains(msg, "has no keyword") {
			return msg
		}
	}
	if _, meant, ok := strings.Cut(msg, "; did you mean "); ok {
		return "did you mean " + meant
	}
	if m.Meant != "" {
		return "did you mean " + m.Meant + "?"
	}
	if len(m.Allowed) > 0 {
		return "there are " + strings.Join(m.Allowed, ", ")
	}
	return ""
}

// sorted orders by the number of uses, then by kind and name.
func sorted(list []Use) []Use {
	slices.SortFunc(list, func(a, b Use) int {
		return cmp.Or(cmp.Compare(b.Uses, a.Uses), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return slices.Clip(append([]Use{}, list...))
}

// Beside makes paths relative to a folder, where they are in it.
func Beside(dir string) func(string) string {
	return func(path string) string {
		rel := filepath.Clean(path)
		if filepath.IsAbs(path) {
			var err error
			if rel, err = filepath.Rel(dir, path); err != nil || !filepath.IsLocal(rel) {
				return path
			}
		}
		return rel
	}
}
