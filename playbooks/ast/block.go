package ast

import (
	"slices"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// items reads a list of tasks and blocks; imported files are taken in.
func (tr *taskReader) items(e entry, w where) []play.Item {
	if _, isList := e.v.AsSeq(); !isList && !e.v.IsNull() {
		tr.wrong(e.at, "%s must be a list of tasks, not %s", e.name, whatIs(e.v))
		return nil
	}
	var out []play.Item
	for _, v := range e.v.Items() {
		if v.IsNull() {
			tr.warn(e.at, "%s holds an empty entry", e.name)
			continue
		}
		m, ok := tr.words.mapping(v, e.at, "a task")
		if !ok {
			continue
		}
		out = append(out, tr.item(m, w)...)
	}
	return out
}

func (tr *taskReader) item(m *value.Map, w where) []play.Item {
	if isBlock(m) {
		return []play.Item{tr.block(m, w)}
	}
	if key, v, ok := importKey(m, "import_tasks"); ok {
		tr.files.survey.task(m.Pos, key)
		return tr.importTasks(m, key, v, w)
	}
	if key, v, ok := importKey(m, "include"); ok {
		tr.files.survey.task(m.Pos, key)
		return tr.oldInclude(m, key, v, w)
	}
	if key, v, ok := importKey(m, "import_role"); ok {
		tr.files.survey.task(m.Pos, key)
		return tr.importRole(m, key, v, w)
	}
	if t := tr.task(m, w); t != nil {
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
func (tr *taskReader) block(m *value.Map, w where) *play.Block {
	b := &play.Block{}
	b.Pos = m.Pos
	var lists []entry
	for _, e := range tr.words.entries(m) {
		switch {
		case e.name == "block" || e.name == "rescue" || e.name == "always":
			lists = append(lists, e)
		case tr.words.shared(&b.Keywords, e, &w), tr.words.notThere(e):
		case e.name == "loop" || len(e.name) > 5 && e.name[:5] == "with_":
			tr.wrong(e.key, "a block cannot loop: include_tasks with a loop can")
		default:
			tr.lacks(Lack{"keyword", e.name}, e.key, blockWords, e.name, "a block has no keyword %q", e.name)
		}
	}
	if _, ok := m.Lookup("block"); !ok {
		tr.wrong(m.Pos, "rescue and always stand beside a block, there is none")
	}
	tr.place(&b.Keywords)
	w.sure = w.sure && len(b.When) == 0 && !forgiving(&b.Keywords)
	w = w.because(&b.Keywords)
	w.vars = append(slices.Clip(w.vars), b.Vars)
	for _, e := range lists {
		if e.v.IsNull() {
			tr.wrong(e.at, "%s must be a list of tasks, this one is empty", e.name)
		}
		switch e.name {
		case "block":
			inner := w
			_, rescued := m.Lookup("rescue")
			if rescued {
				inner.sure, inner.why = false, "it is rescued"
			}
			b.Body = tr.items(e, inner)
		case "rescue":
			inner := w
			inner.sure, inner.why = false, "rescue: only after a failure"
			b.Rescue = tr.items(e, inner)
		case "always":
			b.Always = tr.items(e, w)
		}
	}
	return b
}
