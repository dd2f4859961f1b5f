package ast

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

var roleEndings = []string{".yml", ".yaml", ".json"}

// roleFiles are the files of one folder of a role: main, or the one that is named
// (tasks_from). Only variables may be spread over a folder of that name.
func roleFiles(dir, kind string, use roleUse, spread bool) (files []string, missing string) {
	name, endings := use.from[kind], slices.Concat([]string{""}, roleEndings)
	if name == "" {
		name, endings = "main", slices.Concat(roleEndings, []string{""})
	}
	base := filepath.Join(dir, kind, name)
	for _, ending := range endings {
		st, err := os.Stat(base + ending)
		switch {
		case err != nil:
		case !st.IsDir():
			return []string{base + ending}, ""
		case spread:
			return varFiles(base), ""
		}
	}
	if use.from[kind] != "" && isDir(filepath.Join(dir, kind)) {
		return nil, kind + "/" + use.from[kind]
	}
	return nil, ""
}

// varFiles are the files of a folder and of those in it, by name; hidden ones and
// copies of editors are left out.
func varFiles(dir string) []string {
	var out []string
	found, _ := os.ReadDir(dir) // sorted
	for _, f := range found {
		name, ending := f.Name(), filepath.Ext(f.Name())
		path := filepath.Join(dir, name)
		switch {
		case strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~"):
		case isDir(path):
			if ending == "" {
				out = append(out, varFiles(path)...)
			}
		case ending == "" || slices.Contains(roleEndings, ending):
			out = append(out, path)
		}
	}
	return out
}

// roleFile is the one file of a folder that holds a list; "" when there is none.
func (s *session) roleFile(dir, kind string, use roleUse) string {
	files, missing := roleFiles(dir, kind, use, false)
	if missing != "" {
		s.mistakes = append(s.mistakes, Mistake{Pos: use.at, Msg: "role " + filepath.Base(dir) + " has no file " + missing, soft: use.lenient})
	}
	if len(files) == 0 {
		return ""
	}
	return files[0]
}

// roleVars reads a role's variables of one folder.
func (s *session) roleVars(dir, kind string, use roleUse, w where) *value.Map {
	files, missing := roleFiles(dir, kind, use, true)
	if missing != "" {
		s.mistakes = append(s.mistakes, Mistake{Pos: use.at, Msg: "role " + filepath.Base(dir) + " has no file " + missing, soft: use.lenient})
	}
	out := value.NewMap()
	for _, f := range files {
		m, err := s.varsFile(f)
		if err != nil {
			s.take(err)
			continue
		}
		s.defineAll(m)
		s.lazyVars(m)
		out = joined(out, m)
	}
	return out
}

// roleTasks reads the tasks of a role; the check of its arguments goes first.
func (s *session) roleTasks(dir string, use roleUse, meta roleMeta, r *play.Role, w where) []play.Item {
	var out []play.Item
	if t := s.argumentCheck(dir, use, meta, r, w); t != nil {
		out = append(out, t)
	}
	file := s.roleFile(dir, "tasks", use)
	if file == "" || s.circular(file, use.at, w) {
		return out
	}
	return append(out, s.taskFile(file, w)...)
}

// roleHandlers reads the handlers of a role, once for uses that count as one.
func (s *session) roleHandlers(tasks *play.Block, dir string, use roleUse, w where) {
	r := tasks.Role
	if s.handled[r.ID] {
		return
	}
	if s.handled == nil {
		s.handled = map[string]bool{}
	}
	s.handled[r.ID] = true
	file := s.roleFile(dir, "handlers", use)
	if file == "" {
		return
	}
	w.handler, w.sure, w.notify = true, false, nil
	w.why = "a handler runs only when it is notified"
	if use.include { // handlers see what stands beside the include as its tasks do
		own := *r
		own.Params, w.role = joined(r.Params, use.vars), &own
	}
	b := &play.Block{Keywords: tasks.Keywords, Role: r, Body: s.taskFile(file, w)}
	s.handlers = append(s.handlers, b)
}
