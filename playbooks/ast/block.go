package ast

import (
	"slices"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// items reads a list of tasks and blocks; imported files are taken in.
func (s *session) items(e entry, w where) []play.Item {
	if _, isList := e.v.AsSeq(); !isList && !e.v.IsNull() {
		s.wrong(e.at, "%s must be a list of tasks, not %s", e.name, whatIs(e.v))
		return nil
	}
	var out []play.Item
	for _, v := range e.v.Items() {
		if v.IsNull() {
			s.warn(e.at, "%s holds an empty entry", e.name)
			continue
		}
		m, ok := s.mapping(v, e.at, "a task")
		if !ok {
			continue
		}
		out = append(out, s.item(m, w)...)
	}
	return out
}

func (s *session) item(m *value.Map, w where) []play.Item {
	if isBlock(m) {
		return []play.Item{s.block(m, w)}
	}
	if key, v, ok := importKey(m, "import_tasks"); ok {
		return s.importTasks(m, key, v, w)
	}
	if key, v, ok := importKey(m, "include"); ok {
		return s.oldInclude(m, key, v, w)
	}
	if key, v, ok := importKey(m, "import_role"); ok {
		return s.importRole(m, key, v, w)
	}
	if t := s.task(m, w); t != nil {
		return []play.Item{t}
	}
	return nil
}

func isBlock(m *value.Map) bool {
	for _, name := range []string{"block", "rescue", "always"} {
		if _, ok := m.Lookup(name); ok {
			return true
		}
	}
	return false
}

// block reads block/rescue/always.
func (s *session) block(m *value.Map, w where) *play.Block {
	b := &play.Block{}
	b.Pos = m.Pos
	var lists []entry
	for _, e := range s.entries(m) {
		switch {
		case e.name == "block" || e.name == "rescue" || e.name == "always":
			lists = append(lists, e)
		case s.shared(&b.Keywords, e, &w), s.notThere(e):
		case e.name == "loop" || len(e.name) > 5 && e.name[:5] == "with_":
			s.wrong(e.key, "a block cannot loop: include_tasks with a loop can")
		default:
			s.unknown(e.key, blockWords, e.name, "a block has no keyword %q", e.name)
		}
	}
	if _, ok := m.Lookup("block"); !ok {
		s.wrong(m.Pos, "rescue and always stand beside a block, there is none")
	}
	s.place(&b.Keywords)
	w.sure = w.sure && len(b.When) == 0 && !forgiving(&b.Keywords)
	w = w.because(&b.Keywords)
	w.vars = append(slices.Clip(w.vars), b.Vars)
	for _, e := range lists {
		if e.v.IsNull() {
			s.wrong(e.at, "%s must be a list of tasks, this one is empty", e.name)
		}
		switch e.name {
		case "block":
			inner := w
			_, rescued := m.Lookup("rescue")
			if rescued {
				inner.sure, inner.why = false, "it is rescued"
			}
			b.Body = s.items(e, inner)
		case "rescue":
			inner := w
			inner.sure, inner.why = false, "rescue: only after a failure"
			b.Rescue = s.items(e, inner)
		case "always":
			b.Always = s.items(e, w)
		}
	}
	return b
}

// forgiving reports keywords with which a failing task doesn't fail the play,
// or which keep it from being run unless it is asked for.
func forgiving(k *play.Keywords) bool {
	for _, t := range k.Tags {
		if t == "never" {
			return true
		}
	}
	return !k.IgnoreErrors.IsNull() && !value.Equal(k.IgnoreErrors, value.Bool(false))
}

// place notes what is done on the laptop: files may come to be.
func (s *session) place(k *play.Keywords) {
	switch value.Str(k.Delegate) {
	case "localhost", "127.0.0.1", "::1":
		s.local = true
	}
	s.local = s.local || value.Str(k.Connection) == "local" || value.HasTemplate(k.Delegate)
}
