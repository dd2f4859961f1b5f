package ast

import (
	"slices"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// taskReader reads lists of tasks, with all that brings tasks in, and keeps what
// they bring to their play.
type taskReader struct {
	*session
	ahead []play.Item // tasks of included files, read ahead for this play
	// handlers are those of the roles that were read for this play, a block each,
	// and handled the roles that they are of, by ID.
	handlers []*play.Block
	handled  map[string]bool
	opened   []*play.Role  // that import_role brought in
	later    []*play.Block // handlers that come with include_role
}

// task reads one task or handler; nil when it has no module to run.
func (tr *taskReader) task(m *value.Map, w where) *play.Task {
	t := &play.Task{Handler: w.handler, Dir: absolute(w.dir), Role: w.role}
	t.Pos = m.Pos
	mark, wrong := len(tr.names.uses), len(tr.mistakes)
	act := &action{task: t}
	inherited := w.notify
	for _, e := range tr.words.entries(m) {
		tr.taskEntry(t, act, e, &w)
	}
	t.Notify = w.notify
	if len(t.Notify) == 0 {
		t.Notify = inherited
	}
	ok := tr.binder.act(act, m, w)
	tr.files.survey.task(m.Pos, t.Module)
	if ok {
		k, _ := tr.env.kind(t.Module)
		tr.files.survey.habits(t, k.own)
	}
	tr.sources(t, w)
	if t.Action == "include_tasks" || t.Action == "include_role" {
		tr.includeRules(m, t.Action)
	}
	tr.place(&t.Keywords)
	tr.certainty(t, mark, w)
	tr.forgive(t, wrong, w)
	tr.taskRules(t)
	if !ok {
		return nil
	}
	tr.remember(t, w)
	return t
}

// taskEntry reads one key of a task: a keyword, or what it does.
func (tr *taskReader) taskEntry(t *play.Task, act *action, e entry, w *where) {
	switch {
	case e.name == "args":
		act.args = e
	case e.name == "action" || e.name == "local_action":
		act.olds = append(act.olds, e)
	case tr.words.shared(&t.Keywords, e, w), tr.words.taskWord(t, e), tr.words.loopWord(t, e):
	case tr.words.notThere(e):
		act.refused = act.refused || strings.Contains(e.name, "include") || strings.Contains(e.name, "_role") || strings.Contains(e.name, "import_")
	default:
		act.rest = append(act.rest, e)
	}
}

// certainty takes back that a name is certain to be asked for where something
// else decides about it.
func (tr *taskReader) certainty(t *play.Task, mark int, w where) {
	k := &t.Keywords
	outer := w.sure && !forgiving(k)
	looped := t.Loop != nil && !fullList(t.Loop.Items)
	tr.names.doubt(mark, func(sl slot) bool {
		switch sl {
		case slotWhen:
			return !outer || looped
		case slotLoop:
			return !outer || len(t.When) > 0 // evaluated before when, but a failure counts only behind it
		case slotText, slotItem, slotAssert:
			return !outer || looped || len(t.When) > 0
		case slotLazy:
			return false // what asks for the variable decides
		}
		return true
	})
}

// forgive makes warnings of what is wrong in a task that need not come to be run:
// there it fails, with the same words.
func (tr *taskReader) forgive(t *play.Task, from int, w where) {
	looped := t.Loop != nil && !fullList(t.Loop.Items)
	broken := slices.ContainsFunc(tr.mistakes[from:], func(m Mistake) bool { return m.condition })
	sure := w.sure && !tr.files.running && !forgiving(&t.Keywords)
	if looped && len(t.When) == 0 {
		w.why = "a loop may be empty"
	}
	w = w.because(&t.Keywords)
	kept := tr.mistakes[:from]
	for _, m := range tr.mistakes[from:] {
		bound := sure && (broken || len(t.When) == 0 && (m.loop || !looped))
		switch {
		case m.soft && !bound:
			m.only, m.soft = onlyWhere(w), false
			tr.warnings = append(tr.warnings, m)
		default:
			m.soft = false
			kept = append(kept, m)
		}
	}
	tr.mistakes = kept
}

// fullList reports a loop over constant items.
func fullList(v value.Value) bool { return len(v.Items()) > 0 }

// taskRules are rules about several keywords.
func (tr *taskReader) taskRules(t *play.Task) {
	if len(t.Until) > 0 && t.Retries.IsNull() {
		t.Retries = value.Int(3)
	}
	if t.Handler && t.Name.IsNull() && len(t.Listen) == 0 && t.Action != "include_tasks" && t.Action != "meta" {
		tr.warn(t.Pos, "a handler without name and listen cannot be notified")
	}
	if t.Handler && t.Action == "include_role" {
		tr.wrong(t.Pos, "a handler cannot be include_role: include_tasks can")
	}
	if t.Register != "" && t.Loop != nil && t.Register == t.Loop.Var {
		tr.warn(t.Pos, "register and loop_var are both %q", t.Register)
	}
}

// remember keeps what files that a task includes inherit.
func (tr *taskReader) remember(t *play.Task, w where) {
	if t.Action != "include_tasks" && t.Action != "include_role" {
		return
	}
	w.notify = nil
	w.vars = append(slices.Clip(w.vars), t.Vars)
	tr.l.mu.Lock()
	tr.l.origins[t] = w
	tr.l.mu.Unlock()
}

// sources looks for the laptop's files that a task names.
func (tr *taskReader) sources(t *play.Task, w where) {
	if _, open := t.Args.Lookup(play.WholeArgs); open || t.Args == nil || t.Lacks != "" {
		return
	}
	if k, _ := tr.env.kind(t.Module); k.own {
		return // what its arguments mean only the program knows, whatever it is called
	}
	switch t.Action {
	case "include_tasks":
		tr.includeAhead(t, w)
	case "include_role":
		tr.roleAhead(t, w)
	case "include_vars":
		tr.files.includeVars(t, w)
	case "template":
		tr.files.source(t, "src", "templates", w)
	case "copy", "unarchive", "assemble", "patch":
		if v, ok := t.Args.Lookup("remote_src"); !ok || value.Equal(v, value.Bool(false)) {
			if t.Action != "assemble" || ok {
				tr.files.source(t, "src", "files", w)
			}
		}
	case "script":
		tr.files.source(t, "_raw_params", "files", w)
	}
}
