package ast

import (
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// prompts reads vars_prompt.
func (ws *words) prompts(e entry) []play.Prompt {
	var out []play.Prompt
	for _, v := range listOf(e.v) {
		m, ok := ws.mapping(v, e.at, "an entry of vars_prompt")
		if !ok {
			continue
		}
		p := play.Prompt{Private: true, Pos: m.Pos}
		for _, w := range ws.entries(m) {
			ws.promptWord(&p, w)
		}
		if p.Name == "" {
			ws.wrong(m.Pos, "an entry of vars_prompt needs a name")
			continue
		}
		if p.Text == "" {
			p.Text = p.Name
		}
		out = append(out, p)
	}
	return out
}

func (ws *words) promptWord(p *play.Prompt, e entry) {
	switch e.name {
	case "name":
		p.Name = ws.variable(e)
	case "prompt":
		p.Text = value.Str(ws.text(e))
	case "private":
		p.Private = value.Truth(ws.boolean(e))
	case "confirm":
		p.Confirm = value.Truth(ws.boolean(e))
	case "default":
		p.Default = ws.text(e)
	case "unsafe":
		ws.boolean(e) // answers are never read as templates
	case "encrypt", "salt", "salt_size":
		ws.wrong(e.key, "vars_prompt: %s is not there yet (use the password_hash filter)", e.name)
	default:
		ws.unknown(e.key, promptWords, e.name, "vars_prompt has no keyword %q", e.name)
	}
}

func taskList(e entry) bool {
	switch e.name {
	case "tasks", "pre_tasks", "post_tasks", "handlers", "roles":
		return true
	}
	return false
}

func (ws *words) playSwitch(p *play.Play, e entry) bool {
	switch e.name {
	case "gather_facts":
		p.GatherFacts = ws.boolean(e)
	case "force_handlers":
		p.ForceHandler = ws.boolean(e)
	case "max_fail_percentage":
		p.MaxFail = ws.percent(e)
	case "gather_subset":
		ws.anyTexts(e) // facts are asked for one by one when they are used
	case "gather_timeout":
		ws.integer(e)
	case "fact_path":
		ws.text(e)
	default:
		return false
	}
	return true
}

func (ws *words) hosts(e entry) value.Value {
	list := ws.anyTexts(e)
	empty := len(list) == 0
	for _, v := range list {
		empty = empty || strings.TrimSpace(value.Str(v)) == ""
	}
	if empty {
		ws.wrong(e.at, "hosts must not be empty")
	}
	return e.v
}

// serial reads how many hosts are worked on at a time: numbers or percentages.
func (ws *words) serial(e entry) []value.Value {
	ws.names.inspect(e.v, e.at, slotText)
	list := listOf(e.v)
	for _, v := range list {
		if value.HasTemplate(v) {
			continue
		}
		text := strings.TrimSuffix(strings.TrimSpace(value.Str(v)), "%")
		if n := strings.TrimLeft(text, "0123456789"); text == "" || n != "" || v.Kind() == value.KindBool {
			ws.wrong(itemAt(v, e), `serial must be a whole number or a percentage ("30%%"), not %s`, value.Repr(v))
		}
	}
	return list
}
