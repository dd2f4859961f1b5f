package ast

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"remoterun/playbooks/known"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// Words that a noun can have. Order is for messages: by letter.
var (
	sharedWords = strings.Fields(`any_errors_fatal become become_exe become_flags become_method become_user check_mode
		collections connection debugger diff environment ignore_errors ignore_unreachable module_defaults name no_log port
		remote_user run_once tags throttle timeout vars`)
	playWords = merged(sharedWords, `fact_path force_handlers gather_facts gather_subset gather_timeout handlers hosts lock
		max_fail_percentage order post_tasks pre_tasks roles serial strategy tasks user vars_files vars_prompt`)
	innerWords = merged(sharedWords, `delegate_facts delegate_to notify when`)
	blockWords = merged(innerWords, `always block rescue`)
	taskWords  = merged(innerWords, `action args async changed_when delay failed_when local_action loop loop_control poll
		register retries until`)
	handlerWords = merged(taskWords, `listen`)
	importWords  = merged(sharedWords, `import_playbook when`)
	loopWords    = strings.Fields(`break_when extended extended_allitems index_var label loop_var pause`)
	promptWords  = strings.Fields(`confirm default encrypt name private prompt salt salt_size unsafe`)
)

// Keyword is a keyword of Ansible: of which nouns, and what of it is there.
type Keyword struct {
	Name string
	On   []string // play, role, block, task, as here
	// Note says what is not there; "not there" alone = nothing of it.
	Note string
}

// keywordNote is what a keyword has that is not whole.
func keywordNote(word string) string {
	switch word {
	case "become_method":
		return "sudo, su and doas"
	case "collections":
		return "for roles; modules have one meaning here"
	case "connection":
		return "ssh and local; smart and paramiko are ssh"
	case "gather_timeout":
		return "read, without effect: one question asks for all facts"
	case "strategy":
		return "linear and free; host_pinned is free, debug is linear"
	}
	if _, ok := isLater(word); ok {
		return "not there"
	}
	return ""
}

// Keywords lists the keywords, by letter.
func Keywords() []Keyword {
	at := map[string]*Keyword{}
	var names []string
	for _, noun := range []struct {
		name  string
		words []string
	}{{"play", playWords}, {"role", roleWords}, {"block", blockWords}, {"task", handlerWords}} {
		for _, w := range noun.words {
			if at[w] == nil {
				at[w] = &Keyword{Name: w, Note: keywordNote(w)}
				names = append(names, w)
			}
			if on := at[w].On; len(on) == 0 || on[len(on)-1] != noun.name {
				at[w].On = append(on, noun.name)
			}
		}
	}
	sortWords(names)
	var out []Keyword
	for _, n := range names {
		out = append(out, *at[n])
	}
	return out
}

func merged(words []string, more string) []string {
	out := append(append([]string(nil), words...), strings.Fields(more)...)
	sortWords(out)
	return out
}

// entry is one keyword of a noun: name, place and value.
type entry struct {
	name string
	at   value.Pos // of the value when known, else of the keyword
	key  value.Pos
	v    value.Value
}

// entries lists the keywords of a mapping. Keys that are no text are mistakes.
func (ws *words) entries(m *value.Map) []entry {
	out := make([]entry, 0, m.Len())
	for k, v := range m.All() {
		e := entry{key: value.PosOf(k), at: value.PosOf(v), v: v}
		if e.key.Line == 0 {
			e.key = m.Pos
		}
		if e.at.Line == 0 {
			e.at = e.key
		}
		name, ok := k.AsString()
		if !ok {
			ws.wrong(e.key, "a keyword must be text, %s is %s", value.Repr(k), whatIs(k))
			continue
		}
		e.name = name
		out = append(out, e)
	}
	return out
}

// mapping is a noun's mapping; ok is false when a mistake was noted.
func (ws *words) mapping(v value.Value, at value.Pos, noun string) (*value.Map, bool) {
	m, ok := v.AsMap()
	if !ok {
		if p := value.PosOf(v); p.Line > 0 {
			at = p
		}
		ws.wrong(at, "%s must be a mapping, this one is %s", noun, whatIs(v))
	}
	return m, ok
}

// shared reads the keywords that plays, blocks and tasks have in common; false
// when e is none of them.
func (ws *words) shared(k *play.Keywords, e entry, w *where) bool {
	switch e.name {
	case "name":
		k.Name = ws.text(e)
	case "when":
		k.When = append(k.When, ws.conditions(e, slotWhen)...)
	case "tags":
		k.Tags = ws.tags(e)
	case "vars":
		k.Vars = ws.vars(e)
	case "environment":
		k.Env = ws.environment(e)
	case "become":
		k.Become = ws.boolean(e)
	case "become_user":
		k.BecomeUser = ws.text(e)
	case "become_method":
		k.BecomeMethod = ws.oneOf(e, "sudo", "su", "doas")
	case "become_flags":
		k.BecomeFlags = ws.text(e)
	case "become_exe":
		k.BecomeExe = ws.text(e)
	case "remote_user":
		k.RemoteUser = ws.text(e)
	case "connection":
		k.Connection = ws.oneOf(e, "ssh", "smart", "local", "paramiko", "paramiko_ssh")
	case "port":
		k.Port = ws.integer(e)
	case "collections":
		w.collections = ws.texts(e) // names of modules are resolved without them
	case "module_defaults":
		w.defaults = ws.moduleDefaults(e, w.defaults)
	case "notify":
		w.notify = ws.anyTexts(e)
	default:
		return ws.switches(k, e)
	}
	return true
}

// switches reads the shared keywords about how a task runs.
func (ws *words) switches(k *play.Keywords, e entry) bool {
	switch e.name {
	case "check_mode":
		k.CheckMode = ws.boolean(e)
	case "diff":
		k.Diff = ws.boolean(e)
	case "no_log":
		k.NoLog = ws.boolean(e)
	case "run_once":
		k.RunOnce = ws.boolean(e)
	case "ignore_errors":
		k.IgnoreErrors = ws.boolean(e)
	case "ignore_unreachable":
		k.IgnoreUnreachable = ws.boolean(e)
	case "any_errors_fatal":
		k.AnyErrorsFatal = ws.boolean(e)
	case "delegate_to":
		k.Delegate = ws.text(e)
	case "delegate_facts":
		k.DelegateFacts = ws.boolean(e)
	case "throttle":
		k.Throttle = ws.integer(e)
	case "timeout":
		k.Timeout = ws.integer(e)
	default:
		return false
	}
	return true
}

// notThere reports a word of Ansible that is not there yet.
func (ws *words) notThere(e entry) bool {
	why, ok := isLater(e.name)
	if ok {
		ws.lacks(Lack{"keyword", e.name}, e.key, nil, "", "%s", why)
	}
	return ok
}

func (ws *words) environment(e entry) []value.Value {
	ws.names.inspect(e.v, e.at, slotText)
	var out []value.Value
	for _, v := range listOf(e.v) {
		if text, ok := v.AsString(); ok && text == "" {
			continue
		}
		if _, ok := v.AsMap(); !ok && !value.HasTemplate(v) {
			ws.wrong(e.at, "environment must be a mapping or a list of mappings, not %s", whatIs(v))
			continue
		}
		out = append(out, v)
	}
	return out
}

// tags reads tags: a list, or text with commas.
func (ws *words) tags(e entry) []string {
	var out []string
	_, inList := e.v.AsSeq()
	for _, v := range listOf(e.v) {
		switch text, ok := v.AsString(); {
		case ok:
			ws.names.inspect(v, e.at, slotText)
			for _, t := range strings.Split(text, ",") {
				if t = strings.TrimSpace(t); t != "" {
					out = append(out, t)
				}
			}
		case v.IsNumber() && inList:
			out = append(out, value.Str(v))
		default:
			ws.wrong(e.at, "tags must be text or a list of text, not %s", whatIs(v))
		}
	}
	return out
}

var identifier = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`) })

// vars reads variables. A list of mappings is Ansible's older form.
func (ws *words) vars(e entry) *value.Map {
	out := value.NewMap()
	out.Pos = e.at
	for _, part := range listOf(e.v) {
		m, ok := part.AsMap()
		if !ok {
			ws.wrong(e.at, "vars must be a mapping, not %s", whatIs(part))
			continue
		}
		for k, v := range m.All() {
			at := value.PosOf(k)
			name, isText := k.AsString()
			if !isText || !identifier().MatchString(name) {
				ws.wrong(at, "%s is not a valid name of a variable (letters, digits and _, no digit first)", value.Repr(k))
				continue
			}
			ws.names.define(name)
			ws.names.keepSecret(name, v)
			ws.names.holder = name
			ws.names.inspect(v, at, slotLazy)
			ws.names.holder = ""
			out.Set(k, v)
		}
	}
	return out
}

// defaultsLevel is what one module_defaults says of modules, or of those of a group.
type defaultsLevel struct {
	group string
	args  *value.Map
}

// moduleDefaults adds a level of defaults: later ones win.
func (ws *words) moduleDefaults(e entry, outer []defaultsLevel) []defaultsLevel {
	out := slices.Clone(outer)
	for _, v := range listOf(e.v) {
		m, ok := v.AsMap()
		if !ok {
			ws.wrong(e.at, "module_defaults must be a mapping of modules to arguments, not %s", whatIs(v))
			continue
		}
		for k, args := range m.All() {
			name := value.Str(k)
			if strings.HasPrefix(name, "group/") {
				if members, ok := known.Group(name); ok {
					out = append(out, defaultsLevel{name, ofGroup(members, args)})
				} else {
					ws.wrong(value.PosOf(k), "module_defaults: Ansible has no %s; its groups are aws, acme, azure, docker, gcp, k8s, os, ovirt, vmware and those of collections (group/community.docker.docker)", name)
				}
			} else if _, ok := ws.env.kind(name); !ok {
				ws.warn(value.PosOf(k), "module_defaults: there is no module %q, so these have no effect", name)
			}
			if _, ok := args.AsMap(); !ok {
				ws.wrong(e.at, "module_defaults of %s must be a mapping of arguments", name)
			}
		}
		out = append(out, defaultsLevel{"", m})
	}
	return out
}

// ofGroup are the defaults of a group as those of its modules.
func ofGroup(members []string, args value.Value) *value.Map {
	out := value.NewMap()
	for _, m := range members {
		out.Put(m, args)
	}
	return out
}

// taskWord reads what only a task has.
func (ws *words) taskWord(t *play.Task, e entry) bool {
	switch e.name {
	case "register":
		t.Register = ws.variable(e)
	case "changed_when":
		t.ChangedWhen = ws.conditions(e, slotResult)
	case "failed_when":
		t.FailedWhen = ws.conditions(e, slotResult)
	case "until":
		t.Until = ws.conditions(e, slotResult)
	case "retries":
		t.Retries = ws.integer(e)
	case "delay":
		t.Delay = ws.number(e)
	case "async":
		t.Async = ws.integer(e)
	case "poll":
		t.Poll = ws.integer(e)
	case "listen":
		if !t.Handler {
			ws.wrong(e.key, "only a handler can listen")
			return true
		}
		t.Listen = ws.texts(e)
	default:
		return false
	}
	return true
}
