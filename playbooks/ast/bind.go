package ast

import (
	"slices"
	"strings"

	"remoterun/playbooks/known"
	"remoterun/runner/near"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// binder finds the modules of tasks, and what is wrong with their arguments.
type binder struct {
	*findings
	env   *Env
	names *names
	words *words
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
func (bd *binder) act(a *action, m *value.Map, w where) bool {
	name, e, old, ok := bd.actName(a, m)
	if !ok {
		return false
	}
	t := a.task
	if old && e.name == "local_action" {
		t.Delegate, bd.local = value.String("localhost"), true
	}
	if value.Templated(name) {
		return bd.openAct(a, name, e, w)
	}
	k, ok := bd.env.kind(name)
	if !ok {
		if t.Lacks = bd.lacking(name); t.Lacks == "" {
			bd.noModule(name, e)
			return false
		}
		bd.mistakes = append(bd.mistakes, Mistake{Pos: e.key, Msg: t.Lacks, soft: true, Lack: Lack{"module", name}})
		t.Module, t.Action, t.ArgsPos, t.Args = name, name[strings.LastIndexByte(name, '.')+1:], e.at, value.NewMap()
		return true
	}
	t.Module, t.Action, t.Use, t.ArgsPos = name, k.name, k.module, e.at
	if k.name == "fetch" {
		bd.local = true
	}
	if k.own {
		bd.names.open = true
	}
	args, ok := bd.args(a, e, k, old, w)
	if !ok {
		return true
	}
	t.Args = args
	bd.checkArgs(t, k)
	bd.checkAsync(t)
	return true
}

// openAct reads a task whose module is known at its turn: Loader.Named finds it then.
func (bd *binder) openAct(a *action, name string, e entry, w where) bool {
	t := a.task
	t.Module, t.ArgsPos, t.Args = name, e.at, value.NewMap()
	bd.names.inspect(value.String(name).From(&value.Origin{Pos: e.at}), e.at, slotItem)
	args, ok := bd.args(a, e, kind{}, true, w)
	if !ok {
		return true
	}
	t.Args = args
	bd.inspectArgs(t, kind{})
	return true
}

// checkAsync notes a task that cannot be a job. At its turn it says the same.
func (bd *binder) checkAsync(t *play.Task) {
	if n, ok := t.Async.AsInt(); ok && n > 0 && (t.Use == nil || t.Use.Spec().Waited) {
		bd.mistakes = append(bd.mistakes, Mistake{Pos: t.Pos, Msg: t.Module + ": " + play.NotDetached, soft: true, Lack: Lack{"keyword", "async of " + t.Module}})
	}
}

// actName finds the one name of a module among a task's keys.
func (bd *binder) actName(a *action, m *value.Map) (name string, e entry, old, ok bool) {
	var known []entry
	var unknown []entry
	for _, e := range a.rest {
		if _, is := bd.env.kind(e.name); is {
			known = append(known, e)
		} else {
			unknown = append(unknown, e)
		}
	}
	all := append(slices.Clone(a.olds), known...)
	switch {
	case len(all) > 1:
		bd.wrong(all[1].key, "one task runs one module, this one has two: %s and %s", all[0].name, all[1].name)
	case len(all) == 0 && len(unknown) == 1 && !a.refused && bd.lacking(unknown[0].name) != "":
		return unknown[0].name, unknown[0], false, true
	case len(all) == 0 && len(unknown) == 1 && !a.refused && !bd.isKeywordTypo(unknown[0].name, a.task.Handler):
		bd.noModule(unknown[0].name, unknown[0])
		return "", entry{}, false, false
	}
	bd.strangers(unknown, all, a)
	switch {
	case a.refused:
		return "", entry{}, false, false
	case len(all) == 0:
		if len(unknown) == 0 {
			bd.wrong(m.Pos, "this task names no module to run")
		}
		return "", entry{}, false, false
	}
	e = all[0]
	if len(a.olds) > 0 {
		name, ok = bd.oldName(e)
		return name, e, true, ok
	}
	return e.name, e, false, true
}

// isKeywordTypo reports a word that is nearer to a keyword than to a module.
func (bd *binder) isKeywordTypo(word string, handler bool) bool {
	if known.Collection(word) != "" {
		return false
	}
	words := wordsOf(handler)
	kw, mod := nearest(word, words), nearest(word, bd.env.kinds())
	return kw != "" && (mod == "" || near.Distance(word, kw) < near.Distance(word, mod))
}

func wordsOf(handler bool) []string {
	if handler {
		return handlerWords
	}
	return taskWords
}

// strangers reports keys that are neither keyword nor module.
func (bd *binder) strangers(unknown, known []entry, a *action) {
	for _, e := range unknown {
		if len(known) > 0 {
			if owner := bd.ownerOf(e.name, known[0].name); owner != "" {
				bd.wrong(e.key, "a task has no keyword %q: it is an argument of %s and stands indented under it", e.name, owner)
				continue
			}
		}
		if strings.HasPrefix(e.name, "with_") {
			with := strings.TrimPrefix(e.name, "with_")
			bd.lacks(Lack{"lookup", with}, e.key, nil, "", "there is no lookup %q to loop with", with)
			continue
		}
		if len(known) == 0 && !bd.isKeywordTypo(e.name, a.task.Handler) {
			bd.noModule(e.name, e)
			continue
		}
		bd.lacks(Lack{"keyword", e.name}, e.key, wordsOf(a.task.Handler), e.name, "a task has no keyword %q", e.name)
	}
}

// ownerOf is the module when word is one of its arguments.
func (bd *binder) ownerOf(word, module string) string {
	k, ok := bd.env.kind(module)
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
func (bd *binder) lacking(name string) string {
	if _, ok := bd.env.kind(name); ok {
		return ""
	}
	if _, ok := isLater(name); ok {
		return ""
	}
	why := known.Lacking(name, func(short string) bool { _, ok := bd.env.kind(short); return ok })
	if parts := strings.Split(name, "."); why == "" && len(parts) > 2 && !known.Lists(parts[0]+"."+parts[1]) {
		why = "there is no module " + name + ": remoterun has none of the collection " + parts[0] + "." + parts[1]
	}
	return why
}

func (bd *binder) noModule(name string, e entry) {
	lack := Lack{"module", name}
	if why, ok := isLater(name); ok {
		bd.lacks(lack, e.key, nil, "", "%s", why)
		return
	}
	if why := bd.lacking(name); why != "" {
		bd.lacks(lack, e.key, nil, "", "%s", why)
		return
	}
	near := nearest(name[strings.LastIndexByte(name, '.')+1:], bd.env.kinds())
	msg := "there is no module " + name
	if near == "" {
		msg += "; remoterun doc lists them all"
	}
	bd.mistakes = append(bd.mistakes, Mistake{Pos: e.key, Msg: msg, Meant: near, Lack: lack})
}
