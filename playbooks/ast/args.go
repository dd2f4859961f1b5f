package ast

import (
	"fmt"
	"slices"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// oldName reads the module's name out of action: and local_action:.
func (bd *binder) oldName(e entry) (string, bool) {
	v := e.v
	if m, ok := v.AsMap(); ok {
		name, there := m.Lookup("module")
		if !there {
			bd.wrong(e.at, "%s as a mapping needs module: NAME", e.name)
			return "", false
		}
		v = name
	}
	text, _ := v.AsString()
	from, to := nameIn(text)
	if from == to {
		bd.wrong(e.at, "%s must begin with the name of a module", e.name)
		return "", false
	}
	return text[from:to], true
}

// nameIn is where the first word of a text begins and ends; a template is one
// word, whatever blanks it holds.
func nameIn(text string) (from, to int) {
	from = len(text) - len(strings.TrimLeft(text, " \n\t"))
	to = from
	for to < len(text) && !strings.ContainsRune(" \n\t", rune(text[to])) {
		if end := strings.Index(text[to:], "}}"); strings.HasPrefix(text[to:], "{{") && end > 0 {
			to += end + 2
			continue
		}
		to++
	}
	return from, to
}

// args joins the arguments of a task: module_defaults first, then args:, then
// what stands beside the module's name.
func (bd *binder) args(a *action, e entry, k kind, old bool, w where) (*value.Map, bool) {
	out := value.NewMap()
	out.Pos = e.key
	for _, m := range bd.defaultsOf(k, w.defaults) {
		fill(out, m)
	}
	given := e
	if old {
		given = bd.oldArgs(e, out, k)
	}
	ok := bd.argsWord(a.args, out) && bd.given(given, k, out)
	bd.cmdWord(k, out, e)
	return out, ok
}

// defaultsOf are the defaults that count for a module: those of its groups, then its
// own. As in Ansible an inner level replaces what an outer one says under the same
// name, whole.
func (bd *binder) defaultsOf(k kind, levels []defaultsLevel) []*value.Map {
	if k.name == "" {
		return nil
	}
	var groups []string
	said := map[string]*value.Map{}
	for _, level := range levels {
		for name, v := range level.args.All() {
			of, _ := bd.env.kind(value.Str(name))
			m, ok := v.AsMap()
			if !ok || of.name != k.name {
				continue
			}
			if level.group != "" && !slices.Contains(groups, level.group) {
				groups = append(groups, level.group)
			}
			said[level.group] = m
		}
	}
	var out []*value.Map
	for _, name := range append(groups, "") {
		if m := said[name]; m != nil {
			out = append(out, m)
		}
	}
	return out
}

func fill(into, from *value.Map) {
	for k, v := range from.All() {
		into.Set(k, v)
	}
}

// argsWord reads args: a mapping, or a template that gives one.
func (bd *binder) argsWord(e entry, into *value.Map) bool {
	if e.v.IsNull() {
		return true
	}
	if m, ok := e.v.AsMap(); ok {
		fill(into, m)
		return true
	}
	if value.HasTemplate(e.v) {
		bd.names.inspect(e.v, e.at, slotItem)
		into.Put(play.WholeArgs, e.v)
		return true
	}
	bd.wrong(e.at, `args must be a mapping or a template that gives one ("{{ name }}"), not %s`, value.Repr(e.v))
	return false
}

// oldArgs cuts the module's name off the old forms.
func (bd *binder) oldArgs(e entry, into *value.Map, k kind) entry {
	m, isMap := e.v.AsMap()
	if !isMap {
		e.v = behindName(e.v)
		return e
	}
	rest := value.NewMap()
	rest.Pos = m.Pos
	for key, v := range m.All() {
		switch value.Str(key) {
		case "module":
			named := e
			named.v = behindName(v)
			bd.given(named, k, rest)
		case "args":
			if inner, ok := v.AsMap(); ok {
				fill(rest, inner)
			}
		default:
			rest.Set(key, v)
		}
	}
	e.v = value.FromMap(rest)
	return e
}

// behindName is free-form text without its first word, in its place.
func behindName(v value.Value) value.Value {
	text, _ := v.AsString()
	_, end := nameIn(text)
	if end == len(text) {
		return value.String("").From(v.Origin())
	}
	cut := end + 1
	o := v.Origin()
	if o != nil && o.Lines == nil {
		moved := *o
		moved.Pos = o.At(0, len([]rune(text[:cut])))
		o = &moved
	}
	return value.String(text[cut:]).From(o).With(v.Marks())
}

// given reads what stands beside the module's name.
func (bd *binder) given(e entry, k kind, into *value.Map) bool {
	switch e.v.Kind() {
	case value.KindNull:
		return true
	case value.KindMap:
		m, _ := e.v.AsMap()
		if m.Pos.Line > 0 {
			into.Pos = m.Pos
		}
		fill(into, m)
		return true
	case value.KindString:
		return bd.freeForm(e, k, into)
	case value.KindList, value.KindTuple:
		bd.wrong(e.at, "the arguments of %s must be a mapping, not a list", k.name)
		return false
	}
	if k.spec.FreeForm == "" {
		bd.wrong(e.at, "the arguments of %s must be a mapping, not %s", k.name, value.Repr(e.v))
		return false
	}
	into.Put("_raw_params", value.String(value.Str(e.v)))
	return true
}

// freeForm reads "name: a=1 b=2" and "command: any text creates=/x".
func (bd *binder) freeForm(e entry, k kind, into *value.Map) bool {
	text, _ := e.v.AsString()
	pairs, rest, err := parseKV(text, isRaw(k))
	if err != nil {
		bd.wrong(e.at, "%s: %v", k.name, err)
		return false
	}
	for _, p := range pairs {
		at := nameAt(e.v, p.key, e.at)
		into.Set(value.String(p.key).From(&value.Origin{Pos: at}), value.String(p.val).From(&value.Origin{Pos: behind(at, p.key)}))
	}
	switch {
	case strings.TrimSpace(rest) == "":
		return true
	case k.spec.FreeForm != "":
		v := value.String(rest).From(&value.Origin{Pos: e.at})
		if len(pairs) == 0 && rest == text {
			v = e.v
		}
		into.Put("_raw_params", v)
		return true
	case value.Templated(rest):
		into.Put(play.WholeArgs, value.String(rest).From(&value.Origin{Pos: e.at}))
		return true
	}
	if k.name == "" {
		bd.wrong(e.at, noFreeText, "a module that a template names", rest)
		return false
	}
	into.Put("_raw_params", value.String(rest).From(&value.Origin{Pos: e.at}))
	return true
}

const noFreeText = "%s takes no free text, only arguments: %q is not one (write name=value, or a mapping)"

// refusesText reports free text that a module does not take, however it was given:
// that is its mistake, and its other arguments are not looked at.
func (bd *binder) refusesText(t *play.Task, k kind) bool {
	v, ok := t.Args.Lookup("_raw_params")
	if !ok || k.spec.FreeForm != "" {
		return false
	}
	at := value.PosOf(v)
	if at.Line == 0 {
		at = t.ArgsPos
	}
	bd.mistakes = append(bd.mistakes, Mistake{Pos: at, Msg: fmt.Sprintf(noFreeText, k.name, value.Str(v)), soft: true})
	return true
}

func behind(at value.Pos, key string) value.Pos {
	if at.Line > 0 {
		at.Col += len([]rune(key)) + 1
	}
	return at
}

// isRaw reports modules whose text is a command: only a few words of it are
// options.
func isRaw(k kind) bool {
	switch k.name {
	case "command", "shell", "raw", "script", "win_command", "win_shell":
		return true
	}
	return false
}

// cmdWord makes cmd: the free text of modules that run one.
func (bd *binder) cmdWord(k kind, args *value.Map, e entry) {
	cmd, ok := args.Lookup("cmd")
	if !ok || !isRaw(k) || k.name == "raw" {
		return
	}
	if raw, both := args.Lookup("_raw_params"); both && value.Str(raw) != "" {
		bd.wrong(e.at, "%s: cmd and free text exclude each other", k.name)
		cmd = raw
	}
	args.Delete(value.String("cmd"))
	args.Put("_raw_params", cmd)
}

// checkArgs finds what is wrong with arguments before any host is touched.
func (bd *binder) checkArgs(t *play.Task, k kind) {
	bd.inspectArgs(t, k)
	bd.bindings(t)
	if _, open := t.Args.Lookup(play.WholeArgs); open {
		return
	}
	if bd.refusesText(t, k) {
		return
	}
	var errs []*play.ArgError
	if k.module != nil {
		errs = k.module.Check(t.Args)
	} else {
		errs = checkSpec(k.spec, t.Args)
	}
	for _, err := range errs {
		m := argMistake(err, t.ArgsPos)
		m.Msg, m.soft, m.Lack = k.name+": "+m.Msg, true, argLack(k.name, err)
		bd.mistakes = append(bd.mistakes, m)
	}
}

// argLack is what an argument asks for that is not there: its name, or a word that it
// may be in Ansible.
func argLack(module string, err *play.ArgError) Lack {
	switch {
	case err.Arg == "" || len(err.Allowed) == 0:
		return Lack{}
	case err.Msg == play.NoArgument:
		return Lack{"argument", module + "." + err.Arg}
	}
	return Lack{"choice", module + "." + err.Arg}
}

// inspectArgs parses the templates in arguments; a few arguments of the
// engine's own actions are bare expressions.
func (bd *binder) inspectArgs(t *play.Task, k kind) {
	for name, v := range t.Args.All() {
		key := value.Str(name)
		at := value.PosOf(v)
		if at.Line == 0 {
			at = value.PosOf(name)
		}
		if at.Line == 0 {
			at = t.ArgsPos
		}
		switch {
		case k.name == "assert" && key == "that":
			bd.words.conditions(entry{name: "that", at: at, key: at, v: v}, slotAssert)
		case k.name == "debug" && key == "var":
			bd.names.inspect(v, at, slotLater)
		default:
			bd.names.inspect(v, at, slotItem)
		}
	}
}

// bindings notes variables that a task's arguments bring into being.
func (bd *binder) bindings(t *play.Task) {
	switch t.Action {
	case "set_fact", "add_host":
		for k := range t.Args.All() {
			name := value.Str(k)
			switch {
			case name == play.WholeArgs || value.HasTemplate(k):
				bd.names.open = true
			case name == "_raw_params" || t.Action == "set_fact" && name == "cacheable":
			case t.Action == "set_fact" && !identifier().MatchString(name):
				bd.mistakes = append(bd.mistakes, Mistake{Pos: keyAt(k, t), Msg: fmt.Sprintf("set_fact: %q is not a valid name of a variable (letters, digits and _, no digit first)", name), soft: true})
			default:
				bd.names.define(name)
			}
		}
	case "package_facts", "service_facts", "getent":
		bd.names.open = bd.names.open || t.Action == "getent"
	}
}

func keyAt(k value.Value, t *play.Task) value.Pos {
	if p := value.PosOf(k); p.Line > 0 {
		return p
	}
	return t.ArgsPos
}
