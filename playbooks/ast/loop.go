package ast

import (
	"fmt"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// loopWord reads loop:, with_…: and loop_control: of a task.
func (ws *words) loopWord(t *play.Task, e entry) bool {
	with, isWith := strings.CutPrefix(e.name, "with_")
	switch {
	case e.name == "loop", isWith && isLookup(with):
		ws.names.inspect(e.v, e.at, slotLoop)
		l := loopOf(t, e.key)
		if !l.Items.IsNull() {
			ws.wrong(e.key, "one task has one loop, this one has two")
		}
		if e.v.IsNull() {
			ws.wrong(e.key, "%s needs a value", e.name)
		}
		l.Items, l.With, l.Pos = e.v, with, e.key
		if e.name == "loop" {
			l.With = ""
			ws.loopItems(e)
		}
	case e.name == "loop_control":
		ws.loopControl(t, e)
	default:
		return false
	}
	return true
}

// loopOf is the task's loop, made at its first keyword.
func loopOf(t *play.Task, at value.Pos) *play.Loop {
	if t.Loop == nil {
		t.Loop = &play.Loop{Var: "item", Pos: at}
	}
	return t.Loop
}

func (ws *words) loopItems(e entry) {
	if _, isMap := e.v.AsMap(); isMap {
		ws.wrong(e.at, `loop must be a list, not a mapping (write "{{ name | dict2items }}")`)
		return
	}
	if text, ok := e.v.AsString(); ok && !value.HasTemplate(e.v) {
		ws.mistakes = append(ws.mistakes, Mistake{Pos: e.at, Msg: fmt.Sprintf(`loop must be a list, not the text %q (write "{{ %s }}" for a variable)`, text, text), soft: true, loop: true})
	}
}

// isLookup reports lookups that loops can name.
func isLookup(name string) bool {
	if name == "community.general.flattened" {
		return true // what is not of ansible.builtin may be written with its collection
	}
	switch play.Own(name) {
	case "items", "list", "dict", "sequence", "nested", "cartesian", "together", "subelements", "indexed_items",
		"fileglob", "first_found", "lines", "random_choice", "flattened", "file", "inventory_hostnames", "ini",
		"csvfile", "env", "varnames", "vars", "url", "template", "pipe", "password", "filetree":
		return true
	}
	return false
}

func (ws *words) loopControl(t *play.Task, e entry) {
	m, ok := e.v.AsMap()
	if !ok {
		ws.wrong(e.at, "loop_control must be a mapping, not %s", whatIs(e.v))
		return
	}
	l := loopOf(t, e.key)
	for _, w := range ws.entries(m) {
		switch w.name {
		case "loop_var":
			l.Var = ws.looped(w)
		case "index_var":
			l.IndexVar = ws.looped(w)
		case "label":
			ws.names.inspect(w.v, w.at, slotItem)
			l.Label = w.v
		case "pause":
			l.Pause = ws.number(w)
		case "break_when":
			l.Break = ws.conditions(w, slotResult)
		case "extended":
			l.Extended = ws.boolean(w)
		case "extended_allitems":
			l.AllItems = ws.boolean(w)
		default:
			ws.unknown(w.key, loopWords, w.name, "loop_control has no keyword %q", w.name)
		}
	}
	if l.Var == "" {
		l.Var = "item"
	}
}

// looped is the name of a variable that a loop brings; a template may name it.
func (ws *words) looped(e entry) string {
	if !value.HasTemplate(e.v) {
		return ws.variable(e)
	}
	ws.names.inspect(e.v, e.at, slotText)
	ws.names.open = true
	return value.Str(e.v)
}
