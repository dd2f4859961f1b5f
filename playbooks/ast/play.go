package ast

import (
	"path/filepath"
	"slices"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// playReader reads playbooks and their plays, one after another.
type playReader struct {
	*session
	tasks *taskReader // of the play that is being read
}

// play reads one play. Keywords are read before the lists of tasks, which
// inherit of them.
func (pr *playReader) play(m *value.Map, w where) *play.Play {
	p := &play.Play{Dir: absolute(w.dir)}
	pr.env.library(p.Dir)
	if sv := pr.files.survey; sv != nil {
		sv.plays = append(sv.plays, m.Pos)
	}
	p.Pos = m.Pos
	w.play = p
	pr.tasks, pr.files.anyHandler = &taskReader{session: pr.session}, false
	var lists []entry
	for _, e := range pr.words.entries(m) {
		switch {
		case e.name == "when" || e.name == "notify" || e.name == "delegate_to" || e.name == "delegate_facts":
			pr.unknown(e.key, playWords, "", "a play has no keyword %q: put it on a block or a task", e.name)
		case taskList(e):
			lists = append(lists, e)
		case e.name == "gather_timeout":
			pr.words.integer(e) // one question asks for everything
			pr.files.survey.differ(e.key, "gather_timeout has no effect")
		case pr.words.shared(&p.Keywords, e, &w), pr.playWord(p, e, w), pr.words.playSwitch(p, e), pr.words.notThere(e):
		default:
			pr.lacks(Lack{"keyword", e.name}, e.key, playWords, e.name, "a play has no keyword %q", e.name)
		}
	}
	if p.Hosts.IsNull() {
		if _, there := m.Lookup("hosts"); !there {
			pr.wrong(m.Pos, "a play needs hosts")
		}
	}
	pr.playPlace(p)
	w.sure = w.sure && !forgiving(&p.Keywords)
	w = w.because(&p.Keywords)
	var roles []play.Item
	var own []*play.Block
	for _, e := range lists { // handlers of roles stand before those of imported ones
		if e.name == "roles" {
			roles = pr.tasks.roles(p, e, w)
			own, pr.tasks.handlers = pr.tasks.handlers, nil
		}
	}
	for _, e := range lists {
		pr.playTasks(p, e, w)
	}
	p.Tasks = append(roles, p.Tasks...)
	p.Handlers = slices.Concat(blocks(own), p.Handlers, blocks(pr.tasks.handlers))
	p.Roles = append(p.Roles, pr.tasks.opened...)
	pr.checkNotify(p)
	return p
}

func blocks(list []*play.Block) []play.Item {
	var out []play.Item
	for _, b := range list {
		out = append(out, b)
	}
	return out
}

func (pr *playReader) playTasks(p *play.Play, e entry, w where) {
	switch e.name {
	case "pre_tasks":
		p.Pre = pr.tasks.items(e, w)
	case "tasks":
		p.Tasks = pr.tasks.items(e, w)
	case "post_tasks":
		p.Post = pr.tasks.items(e, w)
	case "handlers":
		w.handler, w.sure = true, false
		p.Handlers = pr.tasks.items(e, w)
	}
}

// playWord reads what only a play has.
func (pr *playReader) playWord(p *play.Play, e entry, w where) bool {
	switch e.name {
	case "hosts":
		p.Hosts = pr.words.hosts(e)
	case "user":
		if !p.RemoteUser.IsNull() {
			pr.wrong(e.key, "user is the older word for remote_user: one of the two is enough")
		}
		p.RemoteUser = pr.words.text(e)
	case "strategy":
		p.Strategy = pr.strategy(e, w)
	case "serial":
		p.Serial = pr.words.serial(e)
	case "lock":
		p.Lock = pr.words.text(e)
	case "vars_files":
		p.VarsFiles = pr.files.varsFiles(w, e)
	case "vars_prompt":
		p.VarsPrompt = pr.words.prompts(e)
	case "order":
		p.Order = value.Str(pr.words.oneOf(e, "inventory", "sorted", "reverse_sorted", "reverse_inventory", "shuffle"))
	default:
		return false
	}
	return true
}

func (pr *playReader) strategy(e entry, w where) string {
	if value.HasTemplate(e.v) {
		text, ok := pr.files.importName(e.v, e.at, "strategy", w)
		if !ok {
			return ""
		}
		e.v = value.String(text)
	}
	name := play.Own(pr.words.word(e))
	switch name {
	case "linear", "free", "":
		return name
	case "host_pinned": // each host as soon as it can, which is what free does here
		return "free"
	case "debug":
		pr.files.survey.differ(e.at, "strategy debug: the play runs as linear")
		pr.warn(e.at, "strategy debug: there is no debugger, the play runs as linear")
		return "linear"
	}
	pr.lacks(Lack{"strategy", name}, e.at, []string{"debug", "free", "host_pinned", "linear"}, name, "strategy: %q is not known", name)
	return ""
}

// playbook reads a file of plays. What is wrong is noted; the playbook is
// whole only when nothing was.
func (pr *playReader) playbook(path string) *play.Playbook {
	return &play.Playbook{Path: path, Plays: pr.plays(path, where{sure: true})}
}

func (pr *playReader) plays(path string, w where) []*play.Play {
	v, _, ok := pr.files.document(path)
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
		pr.wrong(at, "%s", what)
		return nil
	}
	seq, _ := v.AsSeq()
	if len(seq.Items) == 0 {
		pr.wrong(seq.Pos, "a playbook must hold at least one play")
	}
	var out []*play.Play
	for _, it := range seq.Items {
		m, ok := pr.words.mapping(it, seq.Pos, "a play")
		if !ok {
			continue
		}
		if key, e, ok := importKey(m, "import_playbook"); ok {
			out = append(out, pr.importPlaybook(m, key, e, w)...)
			continue
		}
		out = append(out, pr.play(m, w))
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
func (pr *playReader) importPlaybook(m *value.Map, key string, file value.Value, w where) []*play.Play {
	var k play.Keywords
	outer := w
	for _, e := range pr.words.entries(m) {
		switch {
		case e.name == key:
		case e.name != "notify" && pr.words.shared(&k, e, &outer):
		case pr.words.notThere(e):
		default:
			pr.unknown(e.key, importWords, e.name, "import_playbook has no keyword %q", e.name)
		}
	}
	at := value.PosOf(file)
	if at.Line == 0 {
		at = m.Pos
	}
	w.vars = append(slices.Clip(w.vars), k.Vars)
	name, ok := pr.files.importName(file, at, "import_playbook", w)
	if !ok {
		return nil
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(w.dir, name)
	}
	if pr.files.circular(name, at, w) {
		return nil
	}
	if !pr.env.exists(name) {
		pr.wrong(at, "import_playbook: there is no file %s", name)
		return nil
	}
	w.sure = w.sure && len(k.When) == 0
	plays := pr.plays(name, w)
	for _, p := range plays {
		inheritImport(p, &k)
	}
	return plays
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
