package ast

import (
	"path/filepath"
	"slices"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// playbook reads a file of plays. What is wrong is noted; the playbook is
// whole only when nothing was.
func (s *session) playbook(path string) *play.Playbook {
	return &play.Playbook{Path: path, Plays: s.plays(path, where{sure: true})}
}

func (s *session) plays(path string, w where) []*play.Play {
	v, _, ok := s.document(path)
	if !ok {
		return nil
	}
	w.dir, w.base = filepath.Dir(path), filepath.Dir(path)
	w.chain = append(slices.Clip(w.chain), path)
	if _, isList := v.AsSeq(); !isList {
		at := value.PosOf(v)
		at.File = path
		what := "a playbook must be a list of plays, this one is " + whatIs(v)
		if v.IsNull() {
			what = "a playbook must be a list of plays, this one is empty"
		}
		s.wrong(at, "%s", what)
		return nil
	}
	seq, _ := v.AsSeq()
	if len(seq.Items) == 0 {
		s.wrong(seq.Pos, "a playbook must hold at least one play")
	}
	var out []*play.Play
	for _, it := range seq.Items {
		m, ok := s.mapping(it, seq.Pos, "a play")
		if !ok {
			continue
		}
		if key, e, ok := importKey(m, "import_playbook"); ok {
			out = append(out, s.importPlaybook(m, key, e, w)...)
			continue
		}
		out = append(out, s.play(m, w))
	}
	return out
}

// importKey finds a keyword under any of its collection names.
func importKey(m *value.Map, name string) (key string, v value.Value, ok bool) {
	for _, k := range m.Names() {
		if play.Own(k) == name {
			v, _ = m.Lookup(k)
			return k, v, true
		}
	}
	return "", v, false
}

// importPlaybook reads the plays of another file. Its vars win over those of
// the plays, its tags add up, and its conditions stand before those of every
// task.
func (s *session) importPlaybook(m *value.Map, key string, file value.Value, w where) []*play.Play {
	var k play.Keywords
	outer := w
	for _, e := range s.entries(m) {
		switch {
		case e.name == key:
		case e.name != "notify" && s.shared(&k, e, &outer):
		case s.notThere(e):
		default:
			s.unknown(e.key, importWords, e.name, "import_playbook has no keyword %q", e.name)
		}
	}
	at := value.PosOf(file)
	if at.Line == 0 {
		at = m.Pos
	}
	w.vars = append(slices.Clip(w.vars), k.Vars)
	name, ok := s.importName(file, at, "import_playbook", w)
	if !ok {
		return nil
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(w.dir, name)
	}
	if s.circular(name, at, w) {
		return nil
	}
	if !s.env.exists(name) {
		s.wrong(at, "import_playbook: there is no file %s", name)
		return nil
	}
	w.sure = w.sure && len(k.When) == 0
	plays := s.plays(name, w)
	for _, p := range plays {
		inheritImport(p, &k)
	}
	return plays
}

// circular notes a file that includes itself, directly or through others.
func (s *session) circular(path string, at value.Pos, w where) bool {
	i := slices.Index(w.chain, path)
	if i < 0 {
		return false
	}
	s.wrong(at, "this import is circular: %s", strings.Join(append(slices.Clone(w.chain[i:]), path), " -> "))
	return true
}

func inheritImport(p *play.Play, k *play.Keywords) {
	for name, v := range k.Vars.All() {
		if p.Vars == nil {
			p.Vars = value.NewMap()
		}
		p.Vars.Set(name, v)
	}
	for _, t := range k.Tags {
		if !slices.Contains(p.Tags, t) {
			p.Tags = append(p.Tags, t)
		}
	}
	p.When = append(slices.Clone(k.When), p.When...)
}
