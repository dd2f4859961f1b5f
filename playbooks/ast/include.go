package ast

import (
	"path/filepath"
	"slices"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// importTasks takes the tasks of a file in, before the run. What stands beside
// import_tasks is inherited by every one of them: they are a block.
func (s *session) importTasks(m *value.Map, key string, file value.Value, w where) []play.Item {
	b := &play.Block{}
	b.Pos = m.Pos
	inner := w
	for _, e := range s.entries(m) {
		switch {
		case e.name == key, e.name == "args":
		case s.shared(&b.Keywords, e, &inner):
		case e.name == "loop" || strings.HasPrefix(e.name, "with_"):
			s.wrong(e.key, "import_tasks cannot loop: use include_tasks")
		case s.notThere(e):
		case slices.Contains(taskWords, e.name):
			s.warn(e.key, "%s has no effect on import_tasks: put it on the tasks of the file", e.name)
		default:
			s.unknown(e.key, innerWords, e.name, "import_tasks has no keyword %q", e.name)
		}
	}
	at := value.PosOf(file)
	if at.Line == 0 {
		at = m.Pos
	}
	s.place(&b.Keywords)
	inner.sure = w.sure && len(b.When) == 0 && !forgiving(&b.Keywords)
	inner = inner.because(&b.Keywords)
	inner.vars = append(slices.Clip(inner.vars), b.Vars)
	path, ok := s.importedFile(m, file, at, inner)
	if !ok {
		return nil
	}
	b.Name = value.Null()
	b.Body = s.taskFile(path, inner)
	return []play.Item{b}
}

// oldInclude reads include:, which is import_tasks for a constant file without a
// loop, else include_tasks.
func (s *session) oldInclude(m *value.Map, key string, file value.Value, w where) []play.Item {
	_, bare, _ := importKey(m, "loop")
	looped := bare.Kind() != value.KindNull
	for _, name := range m.Names() {
		looped = looped || strings.HasPrefix(name, "with_")
	}
	at := value.PosOf(file)
	if at.Line == 0 {
		at = m.Pos
	}
	if !looped && !value.HasTemplate(file) {
		s.warn(at, "include is deprecated: write import_tasks, which is what it means here")
		return s.importTasks(m, key, file, w)
	}
	s.warn(at, "include is deprecated: write include_tasks, which is what it means here")
	again := value.NewMap()
	again.Pos = m.Pos
	for k, v := range m.All() {
		if value.Str(k) == key {
			k = value.String("include_tasks").From(k.Origin())
		}
		again.Set(k, v)
	}
	if t := s.task(again, w); t != nil {
		return []play.Item{t}
	}
	return nil
}

// importedFile finds the file that import_tasks names.
func (s *session) importedFile(m *value.Map, file value.Value, at value.Pos, w where) (string, bool) {
	if args, ok := file.AsMap(); ok {
		file, _ = args.Lookup("file")
	} else if text, ok := file.AsString(); ok && !value.HasTemplate(file) {
		if f := strings.Fields(text); len(f) > 0 {
			file = value.String(strings.TrimPrefix(f[0], "file="))
			if len(f) > 1 {
				s.wrong(at, "import_tasks takes nothing but a file: %q goes under vars", f[1])
			}
		}
	}
	name, ok := s.importName(file, at, "import_tasks", w)
	if !ok {
		return "", false
	}
	path, err := s.locate("tasks", name, w)
	if err != nil {
		s.wrong(at, "import_tasks: %v", err)
		s.unread()
		return "", false
	}
	return path, !s.circular(path, at, w)
}

// taskFile reads a file of tasks.
func (s *session) taskFile(path string, w where) []play.Item {
	v, _, ok := s.document(path)
	if !ok {
		return nil
	}
	at := value.PosOf(v)
	at.File = path
	if v.IsNull() {
		s.warn(at, "this file of tasks is empty")
		return nil
	}
	if _, isList := v.AsSeq(); !isList {
		s.wrong(at, "a file of tasks must be a list of tasks, this one is %s", whatIs(v))
		return nil
	}
	if looksLikePlays(v) {
		s.wrong(at, "this is a playbook, not a file of tasks: import_playbook takes it")
		return nil
	}
	w.dir = filepath.Dir(path)
	w.chain = append(slices.Clip(w.chain), path)
	return s.items(entry{name: "a file of tasks", at: at, key: at, v: v}, w)
}

func looksLikePlays(v value.Value) bool {
	for _, it := range v.Items() {
		if m, ok := it.AsMap(); ok {
			if _, has := m.Lookup("hosts"); has {
				return true
			}
		}
	}
	return false
}

// includeName is the file that include_tasks names.
func includeName(t *play.Task) value.Value {
	if v, ok := t.Args.Lookup("file"); ok {
		return v
	}
	v, _ := t.Args.Lookup("_raw_params")
	return v
}

// includeWords are the only keywords that include_tasks has.
var includeWords = strings.Fields(`args collections ignore_errors listen loop loop_control name no_log register run_once
	tags timeout vars when`)

// includeRules reports keywords that would have no effect on the included
// tasks: those go under apply.
func (s *session) includeRules(m *value.Map, action string) {
	for _, e := range s.entries(m) {
		if slices.Contains(handlerWords, e.name) && !slices.Contains(includeWords, e.name) && e.name != "action" {
			s.wrong(e.key, "%s has no keyword %q: put it under apply: to hand it to the tasks", action, e.name)
		}
	}
}

// includeAhead reads a file that include_tasks is going to load, when its name
// is constant, so that its mistakes are found now.
func (s *session) includeAhead(t *play.Task, w where) {
	name := includeName(t)
	text, ok := name.AsString()
	if !ok || text == "" {
		s.wrong(t.ArgsPos, "include_tasks needs the name of a file")
		return
	}
	s.applied(t, &where{})
	if value.HasTemplate(name) {
		s.names.open = true
		return
	}
	if s.running {
		return
	}
	path, err := s.locate("tasks", text, w)
	if err != nil {
		s.absent(t, w, Mistake{Pos: t.ArgsPos, Msg: "include_tasks: " + err.Error()})
		s.unread()
		return
	}
	if i := slices.Index(w.chain, path); i >= 0 {
		if w.sure && len(t.When) == 0 && t.Loop == nil {
			s.circular(path, t.ArgsPos, w)
		}
		return
	}
	w.sure = w.sure && len(t.When) == 0 && t.Loop == nil && !forgiving(&t.Keywords)
	w = w.because(&t.Keywords)
	w.notify = nil
	handlers, opened := s.handlers, s.opened
	s.handlers = nil // what roles in it bring comes when it is its turn
	before := len(s.mistakes)
	s.ahead = append(s.ahead, s.taskFile(path, w)...)
	s.unneeded(before, w)
	s.later = append(s.later, s.handlers...)
	s.handlers, s.opened = handlers, opened
}

func onlyWhere(w where) string { return " (fails only where it is run; " + w.why + ")" }

// unneeded makes warnings of what is wrong in a file that need not come to be
// taken in: nothing of it is read then.
func (s *session) unneeded(from int, w where) {
	if w.sure {
		return
	}
	for _, m := range s.mistakes[from:] {
		m.only = onlyWhere(w)
		s.warnings = append(s.warnings, m)
	}
	s.mistakes = s.mistakes[:from]
}

// absent notes a file that isn't there: as a mistake where the run is certain
// to need it, else as a warning.
func (s *session) absent(t *play.Task, w where, m Mistake) {
	if w.sure && len(t.When) == 0 && (t.Loop == nil || fullList(t.Loop.Items)) && !forgiving(&t.Keywords) || w.handler && len(t.When) == 0 {
		s.missing = append(s.missing, m)
		return
	}
	s.warnings = append(s.warnings, m)
}

// applied reads the keywords of apply:, which stand on a block around included
// tasks; nil = there are none. What tasks inherit of them (notify) goes into w.
func (s *session) applied(from *play.Task, w *where) *play.Block {
	v, ok := from.Args.Lookup("apply")
	if !ok || v.IsNull() {
		return nil
	}
	b := &play.Block{}
	b.Pos = from.Pos
	s.applyWords(b, v, from.ArgsPos, w)
	return b
}

// around puts a block around tasks, if there is one.
func around(b *play.Block, items []play.Item) []play.Item {
	if b == nil {
		return items
	}
	b.Body = items
	return []play.Item{b}
}

func (s *session) applyWords(b *play.Block, v value.Value, at value.Pos, w *where) {
	m, ok := s.mapping(v, at, "apply")
	if !ok {
		return
	}
	for _, e := range s.entries(m) {
		if !s.shared(&b.Keywords, e, w) && !s.notThere(e) {
			s.unknown(e.key, innerWords, e.name, "apply has no keyword %q", e.name)
		}
	}
}
