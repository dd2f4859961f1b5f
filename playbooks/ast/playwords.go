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
		var h hashing
		for _, w := range ws.entries(m) {
			ws.promptWord(&p, &h, w)
		}
		if p.Name == "" {
			ws.wrong(m.Pos, "an entry of vars_prompt needs a name")
			continue
		}
		if p.Text == "" {
			p.Text = p.Name
		}
		p.Hashed = h.template(p.Name)
		out = append(out, p)
	}
	return out
}

// hashing is how an answer is kept: encrypt, salt and salt_size.
type hashing struct{ scheme, salt, size string }

// template hashes an answer, null = it is kept as it is.
func (h hashing) template(name string) value.Value {
	if h.scheme == "" {
		return value.Null()
	}
	args := h.scheme
	if h.salt != "" {
		args += ", salt=" + h.salt
	}
	if h.size != "" {
		args += ", salt_size=" + h.size
	}
	return value.String("{{ " + name + " | password_hash(" + args + ") }}")
}

func (ws *words) promptWord(p *play.Prompt, h *hashing, e entry) {
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
	case "encrypt":
		h.scheme = ws.scheme(e)
	case "salt":
		if v := ws.text(e); !v.IsNull() {
			h.salt = value.Repr(value.String(value.Str(v)))
		}
	case "salt_size":
		if v := ws.integer(e); !v.IsNull() {
			h.size = value.Str(v)
		}
	default:
		ws.unknown(e.key, promptWords, e.name, "vars_prompt has no keyword %q", e.name)
	}
}

// scheme is the name of a kind of password hash, quoted.
func (ws *words) scheme(e entry) string {
	v := ws.oneOf(e, "sha512_crypt", "sha256_crypt", "md5_crypt", "bcrypt")
	if v.IsNull() {
		return ""
	}
	return value.Repr(value.String(value.Str(v)))
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
		p.GatherSubset = ws.anyTexts(e)
	case "fact_path":
		p.FactPath = ws.text(e)
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
