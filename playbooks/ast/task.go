package ast

import (
	"slices"
	"strings"

	"remoterun/playbooks/known"
	"remoterun/runner/near"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// task reads one task or handler; nil when it has no module to run.
func (s *session) task(m *value.Map, w where) *play.Task {
	t := &play.Task{Handler: w.handler, Dir: absolute(w.dir), Role: w.role}
	t.Pos = m.Pos
	mark, wrong := len(s.names.uses), len(s.mistakes)
	act := &action{task: t}
	inherited := w.notify
	for _, e := range s.entries(m) {
		s.taskEntry(t, act, e, &w)
	}
	t.Notify = w.notify
	if len(t.Notify) == 0 {
		t.Notify = inherited
	}
	ok := s.act(act, m, w)
	if t.Action == "include_tasks" || t.Action == "include_role" {
		s.includeRules(m, t.Action)
	}
	s.place(&t.Keywords)
	s.certainty(t, mark, w)
	s.forgive(t, wrong, w)
	s.taskRules(t)
	if !ok {
		return nil
	}
	s.remember(t, w)
	return t
}

// taskEntry reads one key of a task: a keyword, or what it does.
func (s *session) taskEntry(t *play.Task, act *action, e entry, w *where) {
	switch {
	case e.name == "args":
		act.args = e
	case e.name == "action" || e.name == "local_action":
		act.olds = append(act.olds, e)
	case s.shared(&t.Keywords, e, w), s.taskWord(t, e), s.loopWord(t, e):
	case s.notThere(e):
		act.refused = act.refused || strings.Contains(e.name, "include") || strings.Contains(e.name, "_role") || strings.Contains(e.name, "import_")
	default:
		act.rest = append(act.rest, e)
	}
}

// taskWord reads what only a task has.
func (s *session) taskWord(t *play.Task, e entry) bool {
	switch e.name {
	case "register":
		t.Register = s.variable(e)
	case "changed_when":
		t.ChangedWhen = s.conditions(e, slotResult)
	case "failed_when":
		t.FailedWhen = s.conditions(e, slotResult)
	case "until":
		t.Until = s.conditions(e, slotResult)
	case "retries":
		t.Retries = s.integer(e)
	case "delay":
		t.Delay = s.number(e)
	case "listen":
		if !t.Handler {
			s.wrong(e.key, "only a handler can listen")
			return true
		}
		t.Listen = s.texts(e)
	default:
		return false
	}
	return true
}

// certainty takes back that a name is certain to be asked for where something
// else decides about it.
func (s *session) certainty(t *play.Task, mark int, w where) {
	k := &t.Keywords
	outer := w.sure && !forgiving(k)
	looped := t.Loop != nil && !fullList(t.Loop.Items)
	s.doubt(mark, func(sl slot) bool {
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
func (s *session) forgive(t *play.Task, from int, w where) {
	looped := t.Loop != nil && !fullList(t.Loop.Items)
	broken := slices.ContainsFunc(s.mistakes[from:], func(m Mistake) bool { return m.condition })
	bound := w.sure && !s.running && !forgiving(&t.Keywords) && (len(t.When) == 0 && !looped || broken)
	if looped && len(t.When) == 0 {
		w.why = "a loop may be empty"
	}
	w = w.because(&t.Keywords)
	kept := s.mistakes[:from]
	for _, m := range s.mistakes[from:] {
		switch {
		case m.soft && !bound:
			m.only, m.soft = onlyWhere(w), false
			s.warnings = append(s.warnings, m)
		default:
			m.soft = false
			kept = append(kept, m)
		}
	}
	s.mistakes = kept
}

// fullList reports a loop over constant items.
func fullList(v value.Value) bool { return len(v.Items()) > 0 }

// taskRules are rules about several keywords.
func (s *session) taskRules(t *play.Task) {
	if len(t.Until) > 0 && t.Retries.IsNull() {
		t.Retries = value.Int(3)
	}
	if t.Handler && t.Name.IsNull() && len(t.Listen) == 0 && t.Action != "include_tasks" && t.Action != "meta" {
		s.warn(t.Pos, "a handler without name and listen cannot be notified")
	}
	if t.Handler && t.Action == "include_role" {
		s.wrong(t.Pos, "a handler cannot be include_role: include_tasks can")
	}
	if t.Register != "" && t.Loop != nil && t.Register == t.Loop.Var {
		s.warn(t.Pos, "register and loop_var are both %q", t.Register)
	}
}

// remember keeps what files that a task includes inherit.
func (s *session) remember(t *play.Task, w where) {
	if t.Action != "include_tasks" && t.Action != "include_role" {
		return
	}
	w.notify = nil
	w.vars = append(slices.Clip(w.vars), t.Vars)
	s.l.mu.Lock()
	s.l.origins[t] = w
	s.l.mu.Unlock()
}

// action is how a task says what it does, in any of Ansible's forms.
type action struct {
	task    *play.Task
	args    entry   // args:
	olds    []entry // action:, local_action:
	rest    []entry // keys that are no keyword: the module's name among them
	refused bool    // names something that is not there yet
}

// act finds the module and its arguments. False when there is none.
func (s *session) act(a *action, m *value.Map, w where) bool {
	name, e, old, ok := s.actName(a, m)
	if !ok {
		return false
	}
	t := a.task
	k, ok := s.env.kind(name)
	if !ok {
		if t.Lacks = s.lacking(name); t.Lacks == "" {
			s.noModule(name, e)
			return false
		}
		s.mistakes = append(s.mistakes, Mistake{Pos: e.key, Msg: t.Lacks, soft: true})
		t.Module, t.Action, t.ArgsPos, t.Args = name, name[strings.LastIndexByte(name, '.')+1:], e.at, value.NewMap()
		return true
	}
	t.Module, t.Action, t.Use, t.ArgsPos = name, k.name, k.module, e.at
	if old && e.name == "local_action" {
		t.Delegate, s.local = value.String("localhost"), true
	}
	if k.name == "fetch" {
		s.local = true
	}
	args, ok := s.args(a, e, k, old, w)
	if !ok {
		return true
	}
	t.Args = args
	s.checkArgs(t, k, w)
	return true
}

// actName finds the one name of a module among a task's keys.
func (s *session) actName(a *action, m *value.Map) (name string, e entry, old, ok bool) {
	var known []entry
	var unknown []entry
	for _, e := range a.rest {
		if _, is := s.env.kind(e.name); is {
			known = append(known, e)
		} else {
			unknown = append(unknown, e)
		}
	}
	all := append(slices.Clone(a.olds), known...)
	switch {
	case len(all) > 1:
		s.wrong(all[1].key, "one task runs one module, this one has two: %s and %s", all[0].name, all[1].name)
	case len(all) == 0 && len(unknown) == 1 && !a.refused && s.lacking(unknown[0].name) != "":
		return unknown[0].name, unknown[0], false, true
	case len(all) == 0 && len(unknown) == 1 && !a.refused && !s.isKeywordTypo(unknown[0].name, a.task.Handler):
		s.noModule(unknown[0].name, unknown[0])
		return "", entry{}, false, false
	}
	s.strangers(unknown, all, a)
	switch {
	case a.refused:
		return "", entry{}, false, false
	case len(all) == 0:
		if len(unknown) == 0 {
			s.wrong(m.Pos, "this task names no module to run")
		}
		return "", entry{}, false, false
	}
	e = all[0]
	if len(a.olds) > 0 {
		name, ok = s.oldName(e)
		return name, e, true, ok
	}
	return e.name, e, false, true
}

// isKeywordTypo reports a word that is nearer to a keyword than to a module.
func (s *session) isKeywordTypo(word string, handler bool) bool {
	if known.Collection(word) != "" {
		return false
	}
	words := wordsOf(handler)
	kw, mod := nearest(word, words), nearest(word, s.env.kinds())
	return kw != "" && (mod == "" || near.Distance(word, kw) < near.Distance(word, mod))
}

func wordsOf(handler bool) []string {
	if handler {
		return handlerWords
	}
	return taskWords
}

// strangers reports keys that are neither keyword nor module.
func (s *session) strangers(unknown, known []entry, a *action) {
	for _, e := range unknown {
		if len(known) > 0 {
			if owner := s.ownerOf(e.name, known[0].name); owner != "" {
				s.wrong(e.key, "a task has no keyword %q: it is an argument of %s and stands indented under it", e.name, owner)
				continue
			}
		}
		if strings.HasPrefix(e.name, "with_") {
			s.wrong(e.key, "there is no lookup %q to loop with", strings.TrimPrefix(e.name, "with_"))
			continue
		}
		if len(known) == 0 && !s.isKeywordTypo(e.name, a.task.Handler) {
			s.noModule(e.name, e)
			continue
		}
		s.unknown(e.key, wordsOf(a.task.Handler), e.name, "a task has no keyword %q", e.name)
	}
}

// ownerOf is the module when word is one of its arguments.
func (s *session) ownerOf(word, module string) string {
	k, ok := s.env.kind(module)
	if !ok {
		return ""
	}
	for _, a := range k.spec.Args {
		if a.Name == word || slices.Contains(a.Aliases, word) {
			return module
		}
	}
	return ""
}

// lacking says of a module that Ansible has, or a collection may have, that it is
// not there; "" when it is a slip.
func (s *session) lacking(name string) string {
	if _, ok := s.env.kind(name); ok {
		return ""
	}
	if _, ok := isLater(name); ok {
		return ""
	}
	why := known.Lacking(name, func(short string) bool { _, ok := s.env.kind(short); return ok })
	if parts := strings.Split(name, "."); why == "" && len(parts) > 2 && !known.Lists(parts[0]+"."+parts[1]) {
		why = "there is no module " + name + ": remoterun has none of the collection " + parts[0] + "." + parts[1]
	}
	return why
}

func (s *session) noModule(name string, e entry) {
	if why, ok := isLater(name); ok {
		s.wrong(e.key, "%s", why)
		return
	}
	if why := s.lacking(name); why != "" {
		s.wrong(e.key, "%s", why)
		return
	}
	near := nearest(name[strings.LastIndexByte(name, '.')+1:], s.env.kinds())
	msg := "there is no module " + name
	if near == "" {
		msg += "; remoterun doc lists them all"
	}
	s.mistakes = append(s.mistakes, Mistake{Pos: e.key, Msg: msg, Meant: near})
}
