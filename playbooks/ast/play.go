package ast

import (
	"slices"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// play reads one play. Keywords are read before the lists of tasks, which
// inherit of them.
func (s *session) play(m *value.Map, w where) *play.Play {
	p := &play.Play{Dir: absolute(w.dir), Strategy: "linear"}
	p.Pos = m.Pos
	w.play = p
	s.ahead, s.later, s.handlers, s.handled, s.opened, s.anyHandler = nil, nil, nil, nil, nil, false
	var lists []entry
	for _, e := range s.entries(m) {
		switch {
		case e.name == "when" || e.name == "notify" || e.name == "delegate_to" || e.name == "delegate_facts":
			s.unknown(e.key, playWords, "", "a play has no keyword %q: put it on a block or a task", e.name)
		case s.taskList(e):
			lists = append(lists, e)
		case s.shared(&p.Keywords, e, &w), s.playWord(p, e, w), s.playSwitch(p, e), s.notThere(e):
		default:
			s.unknown(e.key, playWords, e.name, "a play has no keyword %q", e.name)
		}
	}
	if p.Hosts.IsNull() {
		if _, there := m.Lookup("hosts"); !there {
			s.wrong(m.Pos, "a play needs hosts")
		}
	}
	s.playPlace(p)
	w.sure = w.sure && !forgiving(&p.Keywords)
	w = w.because(&p.Keywords)
	var roles []play.Item
	var own []*play.Block
	for _, e := range lists { // handlers of roles stand before those of imported ones
		if e.name == "roles" {
			roles = s.roles(p, e, w)
			own, s.handlers = s.handlers, nil
		}
	}
	for _, e := range lists {
		s.playTasks(p, e, w)
	}
	p.Tasks = append(roles, p.Tasks...)
	p.Handlers = slices.Concat(blocks(own), p.Handlers, blocks(s.handlers))
	p.Roles = append(p.Roles, s.opened...)
	s.checkNotify(p)
	return p
}

func blocks(list []*play.Block) []play.Item {
	var out []play.Item
	for _, b := range list {
		out = append(out, b)
	}
	return out
}

func (s *session) taskList(e entry) bool {
	switch e.name {
	case "tasks", "pre_tasks", "post_tasks", "handlers", "roles":
		return true
	}
	return false
}

func (s *session) playTasks(p *play.Play, e entry, w where) {
	switch e.name {
	case "pre_tasks":
		p.Pre = s.items(e, w)
	case "tasks":
		p.Tasks = s.items(e, w)
	case "post_tasks":
		p.Post = s.items(e, w)
	case "handlers":
		w.handler, w.sure = true, false
		p.Handlers = s.items(e, w)
	}
}

// playWord reads what only a play has.
func (s *session) playWord(p *play.Play, e entry, w where) bool {
	switch e.name {
	case "hosts":
		p.Hosts = s.hosts(e)
	case "user":
		if !p.RemoteUser.IsNull() {
			s.wrong(e.key, "user is the older word for remote_user: one of the two is enough")
		}
		p.RemoteUser = s.text(e)
	case "strategy":
		p.Strategy = s.strategy(e, w)
	case "serial":
		p.Serial = s.serial(e)
	case "lock":
		p.Lock = s.text(e)
	case "vars_files":
		p.VarsFiles = s.varsFiles(w, e)
	case "vars_prompt":
		p.VarsPrompt = s.prompts(e)
	case "order":
		p.Order = value.Str(s.oneOf(e, "inventory", "sorted", "reverse_sorted", "reverse_inventory", "shuffle"))
	default:
		return false
	}
	return true
}

func (s *session) playSwitch(p *play.Play, e entry) bool {
	switch e.name {
	case "gather_facts":
		p.GatherFacts = s.boolean(e)
	case "force_handlers":
		p.ForceHandler = s.boolean(e)
	case "max_fail_percentage":
		p.MaxFail = s.percent(e)
	case "gather_subset":
		s.anyTexts(e) // facts are asked for one by one when they are used
	case "gather_timeout":
		s.integer(e)
	case "fact_path":
		s.text(e)
	default:
		return false
	}
	return true
}

func (s *session) hosts(e entry) value.Value {
	list := s.anyTexts(e)
	empty := len(list) == 0
	for _, v := range list {
		empty = empty || strings.TrimSpace(value.Str(v)) == ""
	}
	if empty {
		s.wrong(e.at, "hosts must not be empty")
	}
	return e.v
}

func (s *session) strategy(e entry, w where) string {
	if value.HasTemplate(e.v) {
		text, ok := s.importName(e.v, e.at, "strategy", w)
		if !ok {
			return ""
		}
		e.v = value.String(text)
	}
	name := play.Own(s.word(e))
	switch name {
	case "linear", "free", "":
		return name
	case "host_pinned": // each host as soon as it can, which is what free does here
		return "free"
	case "debug":
		s.warn(e.at, "strategy debug: there is no debugger, the play runs as linear")
		return "linear"
	}
	s.unknown(e.at, []string{"debug", "free", "host_pinned", "linear"}, name, "strategy: %q is not known", name)
	return ""
}

// serial reads how many hosts are worked on at a time: numbers or percentages.
func (s *session) serial(e entry) []value.Value {
	s.inspect(e.v, e.at, slotText)
	list := listOf(e.v)
	for _, v := range list {
		if value.HasTemplate(v) {
			continue
		}
		text := strings.TrimSuffix(strings.TrimSpace(value.Str(v)), "%")
		if n := strings.TrimLeft(text, "0123456789"); text == "" || n != "" || v.Kind() == value.KindBool {
			s.wrong(itemAt(v, e), `serial must be a whole number or a percentage ("30%%"), not %s`, value.Repr(v))
		}
	}
	return list
}

// playPlace notes plays that work on the laptop itself: files may come to be.
func (s *session) playPlace(p *play.Play) {
	for _, v := range listOf(p.Hosts) {
		text := value.Str(v)
		if strings.Contains(text, "localhost") || strings.Contains(text, "127.0.0.1") || value.HasTemplate(v) {
			s.local = true
		}
	}
	s.local = s.local || value.Str(p.Connection) == "local"
}

// varsFiles reads names of files of variables; a list among them holds
// alternatives of which the first that is there is taken. Files whose names
// are constant are read at once.
func (s *session) varsFiles(w where, e entry) []value.Value {
	s.inspect(e.v, e.at, slotText)
	var out []value.Value
	for _, v := range listOf(e.v) {
		ok := true
		for _, name := range listOf(v) {
			if _, isText := name.AsString(); !isText {
				s.wrong(itemAt(v, e), "vars_files must be names of files, or lists of alternatives, not %s", whatIs(name))
				ok = false
			}
		}
		if ok {
			s.varsAhead(w, v, itemAt(v, e))
			out = append(out, v)
		}
	}
	return out
}

// varsAhead reads one entry of vars_files before the run, if its name is known.
func (s *session) varsAhead(w where, v value.Value, at value.Pos) {
	if value.HasTemplate(v) {
		s.names.open = true
		return
	}
	var last error
	for _, name := range listOf(v) {
		path, err := s.locate("vars", value.Str(name), w)
		if err != nil {
			last = err
			continue
		}
		m, err := s.varsFile(path)
		if err != nil {
			s.take(err)
			return
		}
		s.defineAll(m)
		s.lazyVars(m)
		return
	}
	if last != nil {
		s.missing = append(s.missing, Mistake{Pos: at, Msg: "vars_files: " + last.Error()})
	}
}

// lazyVars parses the templates in variables of a file.
func (s *session) lazyVars(m *value.Map) {
	for k, v := range m.All() {
		s.holder, _ = k.AsString()
		s.inspect(v, value.PosOf(k), slotLazy)
		s.holder = ""
	}
}

// take adds the mistakes of an error.
func (s *session) take(err error) {
	if m, ok := err.(*Mistakes); ok {
		s.mistakes = append(s.mistakes, m.List...)
		return
	}
	s.mistakes = append(s.mistakes, mistakeOf(err, value.Pos{}))
}
