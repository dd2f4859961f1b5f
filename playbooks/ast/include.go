package ast

import (
	"path/filepath"
	"slices"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// importing is a word that takes tasks in before the run.
type importing struct{ word, of, instead string }

// imported reads what stands beside import_tasks and import_role: every task that
// comes in inherits it, so that it is a block. What else it says goes into args.
func (tr *taskReader) imported(m *value.Map, key string, word importing, args *value.Map, w where) (*play.Block, where) {
	b := &play.Block{}
	b.Pos = m.Pos
	inner := w
	for _, e := range tr.words.entries(m) {
		switch {
		case e.name == key:
		case e.name == "args":
			more, _ := e.v.AsMap()
			fill(args, more)
		case tr.words.shared(&b.Keywords, e, &inner):
		case e.name == "loop" || strings.HasPrefix(e.name, "with_"):
			tr.wrong(e.key, "%s cannot loop: use %s", word.word, word.instead)
		case tr.words.notThere(e):
		case slices.Contains(taskWords, e.name):
			tr.warn(e.key, "%s has no effect on %s: put it on the tasks of the %s", e.name, word.word, word.of)
		default:
			tr.unknown(e.key, innerWords, e.name, "%s has no keyword %q", word.word, e.name)
		}
	}
	tr.place(&b.Keywords)
	inner.sure = w.sure && len(b.When) == 0 && !forgiving(&b.Keywords)
	inner = inner.because(&b.Keywords)
	inner.vars = append(slices.Clip(inner.vars), b.Vars)
	b.Name = value.Null()
	return b, inner
}

// importTasks takes the tasks of a file in, before the run.
func (tr *taskReader) importTasks(m *value.Map, key string, file value.Value, w where) []play.Item {
	b, inner := tr.imported(m, key, importing{"import_tasks", "file", "include_tasks"}, value.NewMap(), w)
	at := value.PosOf(file)
	if at.Line == 0 {
		at = m.Pos
	}
	path, ok := tr.files.importedFile(m, file, at, inner)
	if !ok {
		return nil
	}
	b.Body = tr.taskFile(path, inner)
	return []play.Item{b}
}

// oldInclude reads include:, which is import_tasks for a constant file without a
// loop, else include_tasks.
func (tr *taskReader) oldInclude(m *value.Map, key string, file value.Value, w where) []play.Item {
	m, file = inVars(m, key, file)
	_, bare, _ := importKey(m, "loop")
	looped := bare.Kind() != value.KindNull
	for _, name := range m.Names() {
		looped = looped || strings.HasPrefix(name, "with_")
	}
	at := value.PosOf(file)
	if at.Line == 0 {
		at = m.Pos
	}
	if !looped && !value.HasTemplate(file) {
		tr.warn(at, "include is deprecated: write import_tasks, which is what it means here")
		return tr.importTasks(m, key, file, w)
	}
	tr.warn(at, "include is deprecated: write include_tasks, which is what it means here")
	again := value.NewMap()
	again.Pos = m.Pos
	for k, v := range m.All() {
		if value.Str(k) == key {
			k = value.String("include_tasks").From(k.Origin())
		}
		again.Set(k, v)
	}
	if t := tr.task(again, w); t != nil {
		return []play.Item{t}
	}
	return nil
}

// inVars puts what stands behind an included file's name (include: a.yml x=1) into the
// task's vars, as Ansible does.
func inVars(m *value.Map, key string, file value.Value) (*value.Map, value.Value) {
	text, _ := file.AsString()
	words, err := splitArgs(text)
	if err != nil || len(words) < 2 {
		return m, file
	}
	out, vars := m.Clone(), value.NewMap()
	if own, ok := m.Lookup("vars"); ok {
		given, _ := own.AsMap()
		fill(vars, given)
	}
	for _, w := range words[1:] {
		name, v, ok := strings.Cut(w, "=")
		if !ok {
			return m, file
		}
		vars.Put(name, value.String(unquote(v)).From(file.Origin()))
	}
	file = value.String(words[0]).From(file.Origin())
	out.Put(key, file)
	out.Put("vars", value.FromMap(vars))
	return out, file
}

// taskFile reads a file of tasks.
func (tr *taskReader) taskFile(path string, w where) []play.Item {
	if sv := tr.files.survey; sv != nil {
		sv.files[path] = true
	}
	v, _, ok := tr.files.document(path)
	if !ok {
		return nil
	}
	at := value.PosOf(v)
	at.File = path
	if v.IsNull() {
		tr.warn(at, "this file of tasks is empty")
		return nil
	}
	if _, isList := v.AsSeq(); !isList {
		tr.wrong(at, "a file of tasks must be a list of tasks, this one is %s", whatIs(v))
		return nil
	}
	if looksLikePlays(v) {
		tr.wrong(at, "this is a playbook, not a file of tasks: import_playbook takes it")
		return nil
	}
	w.dir = filepath.Dir(path)
	w.chain = append(slices.Clip(w.chain), path)
	return tr.items(entry{name: "a file of tasks", at: at, key: at, v: v}, w)
}

func looksLikePlays(v value.Value) bool {
	for _, it := range v.Items() {
		if m, ok := it.AsMap(); ok {
			if _, has := m.Lookup("hosts"); has {
				return true
			}
		}
	}
	return false
}

// includeName is the file that include_tasks names.
func includeName(t *play.Task) value.Value {
	if v, ok := t.Args.Lookup("file"); ok {
		return v
	}
	v, _ := t.Args.Lookup("_raw_params")
	return v
}

// includeWords are the only keywords that include_tasks has.
var includeWords = strings.Fields(`args collections ignore_errors listen loop loop_control name no_log register run_once
	tags timeout vars when`)

// includeRules reports keywords that would have no effect on the included
// tasks: those go under apply.
func (tr *taskReader) includeRules(m *value.Map, action string) {
	for _, e := range tr.words.entries(m) {
		if slices.Contains(handlerWords, e.name) && !slices.Contains(includeWords, e.name) && e.name != "action" {
			tr.wrong(e.key, "%s has no keyword %q: put it under apply: to hand it to the tasks", action, e.name)
		}
	}
}

// includeAhead reads a file that include_tasks is going to load, when its name
// is constant, so that its mistakes are found now.
func (tr *taskReader) includeAhead(t *play.Task, w where) {
	name := includeName(t)
	text, ok := name.AsString()
	if !ok || text == "" {
		tr.wrong(t.ArgsPos, "include_tasks needs the name of a file")
		return
	}
	tr.applied(t, &where{})
	if value.HasTemplate(name) {
		tr.names.open = true
		tr.everyFile(t, text, w)
		return
	}
	if tr.files.running {
		return
	}
	path, err := tr.files.locate("tasks", text, w)
	if err != nil {
		tr.absent(t, w, Mistake{Pos: t.ArgsPos, Msg: "include_tasks: " + err.Error(), Lack: Lack{"file", text}})
		tr.files.unread()
		return
	}
	if i := slices.Index(w.chain, path); i >= 0 {
		if w.sure && len(t.When) == 0 && t.Loop == nil {
			tr.files.circular(path, t.ArgsPos, w)
		}
		return
	}
	tr.lookInto(t, w, func(w where) []play.Item { return tr.taskFile(path, w) })
}

// everyFile reads, for a survey, all files that a name with templates may mean.
func (tr *taskReader) everyFile(t *play.Task, name string, w where) {
	if tr.files.survey == nil {
		return
	}
	tr.files.survey.openName(t.ArgsPos, t.Action, name)
	for _, path := range matching("tasks", name, w) {
		if !slices.Contains(w.chain, path) && !tr.files.survey.files[path] {
			tr.lookInto(t, w, func(w where) []play.Item { return tr.taskFile(path, w) })
		}
	}
}

// lookInto reads what a task is going to take in at its turn. The handlers and
// roles that come with it are not the play's before that.
func (tr *taskReader) lookInto(t *play.Task, w where, read func(where) []play.Item) {
	w.sure = w.sure && len(t.When) == 0 && t.Loop == nil && !forgiving(&t.Keywords)
	w = w.because(&t.Keywords)
	w.notify = nil
	handlers, handled, opened := tr.handlers, tr.handled, tr.opened
	tr.handlers, tr.handled = nil, nil
	before := len(tr.mistakes)
	tr.ahead = append(tr.ahead, read(w)...)
	tr.unneeded(before, w)
	tr.later = append(tr.later, tr.handlers...)
	tr.handlers, tr.handled, tr.opened = handlers, handled, opened
}

// applied reads the keywords of apply:, which stand on a block around included
// tasks; nil = there are none. What tasks inherit of them (notify) goes into w.
func (tr *taskReader) applied(from *play.Task, w *where) *play.Block {
	v, ok := from.Args.Lookup("apply")
	if !ok || v.IsNull() {
		return nil
	}
	b := &play.Block{}
	b.Pos = from.Pos
	tr.applyWords(b, v, from.ArgsPos, w)
	return b
}

// around puts a block around tasks, if there is one.
func around(b *play.Block, items []play.Item) []play.Item {
	if b == nil {
		return items
	}
	b.Body = items
	return []play.Item{b}
}

func (tr *taskReader) applyWords(b *play.Block, v value.Value, at value.Pos, w *where) {
	m, ok := tr.words.mapping(v, at, "apply")
	if !ok {
		return
	}
	for _, e := range tr.words.entries(m) {
		if !tr.words.shared(&b.Keywords, e, w) && !tr.words.notThere(e) {
			tr.unknown(e.key, innerWords, e.name, "apply has no keyword %q", e.name)
		}
	}
}

// importRole takes a role in before the run.
func (tr *taskReader) importRole(m *value.Map, key string, given value.Value, w where) []play.Item {
	args := value.NewMap()
	b, inner := tr.imported(m, key, importing{"import_role", "role", "include_role"}, args, w)
	if w.handler {
		tr.wrong(m.Pos, "a handler cannot be import_role: include_tasks can")
		return nil
	}
	at := value.PosOf(given)
	if at.Line == 0 {
		at = m.Pos
	}
	k, _ := tr.env.kind("include_role")
	if !tr.binder.given(entry{name: key, at: at, key: at, v: given}, kind{name: "import_role", spec: k.spec}, args) {
		return nil
	}
	use, ok := tr.folder.importedRole(args, at, inner)
	if !ok {
		return nil
	}
	use.vars = b.Vars
	if role := tr.role(use, inner); role != nil {
		b.Body = []play.Item{role}
		tr.opened = append(tr.opened, role.Role)
	}
	return []play.Item{b}
}

// roleAhead reads a role that include_role is going to take in, when its name is
// constant, so that its mistakes are found now.
func (tr *taskReader) roleAhead(t *play.Task, w where) {
	tr.applied(t, &where{})
	use := roleUse{at: t.ArgsPos, include: true, lenient: true, from: map[string]string{}, params: value.NewMap(), vars: t.Vars}
	for k, v := range t.Args.All() {
		kind, isFrom := roleFroms[value.Str(k)]
		switch name := value.Str(k); {
		case name != "name" && name != "role" && !isFrom:
		case value.HasTemplate(v):
			tr.names.open, tr.files.anyHandler = true, true
			tr.files.survey.openName(t.ArgsPos, t.Action, value.Str(v))
			return
		case isFrom:
			use.from[kind] = value.Str(v)
		default:
			use.name = value.Str(v)
			if at := value.PosOf(v); at.Line > 0 {
				use.at = at
			}
		}
		if value.Str(k) == "rolespec_validate" {
			use.unchecked = value.Equal(v, value.Bool(false))
		}
	}
	if use.name == "" {
		tr.wrong(t.ArgsPos, "include_role needs the name of a role")
		return
	}
	if tr.files.running {
		return
	}
	quiet := tr.l.session(false).folder // whose mistakes nobody hears
	if dir, _, _, ok := quiet.roleDir(use, w); ok && slices.Contains(w.chain, roleMark(dir, use)) {
		return // it ends by a condition, or at its turn
	}
	tr.lookInto(t, w, func(w where) []play.Item {
		if b := tr.role(use, w); b != nil {
			return []play.Item{b}
		}
		return nil
	})
}

// Role loads a role that include_role takes in.
func (l *Loader) Role(use play.RoleUse, from *play.Task) (*play.Included, error) {
	w, err := l.origin(from)
	if err != nil {
		return nil, err
	}
	tr := &taskReader{session: l.session(true)}
	apply := tr.applied(from, &w)
	b := tr.role(roleUse{name: use.Name, at: from.ArgsPos, vars: use.Vars, params: value.NewMap(), from: use.From, include: true, repeats: !use.Once, unchecked: use.Unchecked}, w)
	if b == nil {
		return nil, tr.finish()
	}
	return &play.Included{Role: b.Role, Items: around(apply, []play.Item{b}), Handlers: tr.handlers, Roles: tr.opened}, tr.finish()
}
