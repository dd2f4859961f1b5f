package ast

import (
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// prompts reads vars_prompt.
func (s *session) prompts(e entry) []play.Prompt {
	var out []play.Prompt
	for _, v := range listOf(e.v) {
		m, ok := s.mapping(v, e.at, "an entry of vars_prompt")
		if !ok {
			continue
		}
		p := play.Prompt{Private: true, Pos: m.Pos}
		for _, w := range s.entries(m) {
			s.promptWord(&p, w)
		}
		if p.Name == "" {
			s.wrong(m.Pos, "an entry of vars_prompt needs a name")
			continue
		}
		if p.Text == "" {
			p.Text = p.Name
		}
		out = append(out, p)
	}
	return out
}

func (s *session) promptWord(p *play.Prompt, e entry) {
	switch e.name {
	case "name":
		p.Name = s.variable(e)
	case "prompt":
		p.Text = value.Str(s.text(e))
	case "private":
		p.Private = value.Truth(s.boolean(e))
	case "confirm":
		p.Confirm = value.Truth(s.boolean(e))
	case "default":
		p.Default = s.text(e)
	case "unsafe":
		s.boolean(e) // answers are never read as templates
	case "encrypt", "salt", "salt_size":
		s.wrong(e.key, "vars_prompt: %s is not there yet (use the password_hash filter)", e.name)
	default:
		s.unknown(e.key, promptWords, e.name, "vars_prompt has no keyword %q", e.name)
	}
}
