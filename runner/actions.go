package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"remoterun/runner/event"
	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/runner/vars"
)

// action is a task that the engine does itself: it changes the run, not a host.
type action struct {
	spec play.Spec
	run  func(ctx context.Context, h *hostRun, u *unit, args *value.Map) (play.Result, error)
	// raw leaves the arguments as written: the action renders them itself.
	raw bool
	// passes lets a look ahead pass the action; nil stops it, and so does an error.
	// sure says that it is certain to succeed at its turn: only then may steps of
	// the tasks behind it be sent before it.
	passes func(ctx context.Context, u *unit, a *vars.Ahead) (sure bool, err error)
	// once runs it for one host of those in step.
	once bool
	// inTurn runs it on one host after the other, in their order.
	inTurn bool
	// quiet actions show nothing and are not counted.
	quiet bool
}

func text(name, help string) play.Arg { return play.Arg{Name: name, Type: "str", Help: help} }

func arg(name, kind, help string) play.Arg { return play.Arg{Name: name, Type: kind, Help: help} }

// actions is the engine's own small registry, by short name. It is a table and
// never changed.
var actions = map[string]*action{
	"debug": {
		spec: play.Spec{Name: "debug", Short: "Print a message or a variable", Args: []play.Arg{arg("msg", "raw", "what to print"), text("var", "the variable to show"), arg("verbosity", "int", "only from this -v level on")}},
		run:  debug, raw: true, passes: passDebug,
	},
	"assert": {
		spec: play.Spec{Name: "assert", Short: "Fail unless conditions hold", Args: []play.Arg{{Name: "that", Type: "raw", Required: true, Help: "conditions, all must hold"}, {Name: "fail_msg", Aliases: []string{"msg"}, Type: "raw", Help: "what to say when one does not hold"}, arg("success_msg", "raw", "what to say when they hold"), arg("quiet", "bool", "say nothing when they hold")}},
		run:  assert, raw: true,
	},
	"fail":     {spec: play.Spec{Name: "fail", Short: "Fail with a message", Args: []play.Arg{text("msg", "the message")}}, run: fail},
	"set_fact": {spec: play.Spec{Name: "set_fact", Short: "Set variables of the host", Args: []play.Arg{{Name: "*", Type: "raw"}, arg("cacheable", "bool", "read and without effect: there is no cache")}}, run: setFact, passes: passSetFact},
	"meta":     {spec: play.Spec{Name: "meta", Short: "Steer the run", FreeForm: "_raw_params", Args: []play.Arg{{Name: "_raw_params", Type: "str", Required: true, Choices: metaWords, Help: "what to do"}}}, run: meta, quiet: true},
	"pause": {
		spec: play.Spec{Name: "pause", Short: "Wait, or ask the operator", Args: []play.Arg{arg("seconds", "int", "how long to wait"), arg("minutes", "int", "how long to wait"), text("prompt", "the question; without seconds and minutes the operator's answer ends the pause"), arg("echo", "bool", "show what is typed")}},
		run:  pauseAction, once: true,
	},
	"include_tasks": {spec: play.Spec{Name: "include_tasks", Short: "Take in tasks of a file", FreeForm: "file", Args: []play.Arg{text("file", "the file of tasks"), arg("apply", "dict", "keywords for its tasks")}}, run: includeTasks},
	"include_role":  roleAction,
	"validate_argument_spec": {
		spec: play.Spec{Name: "validate_argument_spec", Short: "Hold variables against a role's argument_specs", Args: []play.Arg{{Name: "argument_spec", Type: "dict", Required: true, Help: "options by name, as in argument_specs"}, arg("provided_arguments", "dict", "values that count before the variables"), arg("validate_args_context", "dict", "what the result says of where it comes from")}},
		run:  checkArguments,
	},
	"include_vars": {spec: play.Spec{Name: "include_vars", Short: "Take in variables of a file", FreeForm: "file", Args: []play.Arg{{Name: "file", Type: "str", Aliases: []string{"_raw_params"}, Help: "the file, looked up in vars folders"}, text("name", "put them under this name")}}, run: includeVars},
	"add_host":     {spec: play.Spec{Name: "add_host", Short: "Add a host to the inventory of this run", Args: []play.Arg{{Name: "name", Aliases: []string{"hostname", "host"}, Type: "str", Required: true, Help: "the new host"}, {Name: "groups", Aliases: []string{"group", "groupname"}, Type: "list", Help: "its groups"}, {Name: "*", Type: "raw"}}}, run: addHost, once: true},
	"group_by":     {spec: play.Spec{Name: "group_by", Short: "Make groups of what hosts have in common", Args: []play.Arg{{Name: "key", Type: "str", Required: true, Help: "the group's name, mostly a template"}, {Name: "parents", Type: "list", Help: "groups that the new group is in"}}}, run: groupBy, inTurn: true},
}

// actionOf is the action that a task stands for; nil = it runs a module, or none.
func actionOf(t *play.Task) *action {
	if t == nil || t.Use != nil {
		return nil
	}
	return actions[t.Action]
}

var metaWords = []string{"noop", "flush_handlers", "end_host", "end_play", "end_batch", "clear_facts", "clear_host_errors", "reset_connection", "refresh_inventory"}

// Actions lists the specs of the engine's own actions, for the binder. An
// argument named "*" stands for any name.
func Actions() map[string]play.Spec {
	out := make(map[string]play.Spec, len(actions))
	for n, a := range actions {
		out[n] = a.spec
	}
	return out
}

// passDebug lets looks ahead pass whatever a debug shows: it changes nothing. It
// is certain to succeed when what it shows can be worked out already.
func passDebug(ctx context.Context, u *unit, _ *vars.Ahead) (sure bool, err error) {
	h := u.tr.h
	if u.tr.ahead(value.FromMap(u.raw)) != nil {
		return false, nil
	}
	_, err = debug(ctx, h, u, u.raw)
	return err == nil, nil
}

// action runs one of the engine's own.
func (h *hostRun) action(ctx context.Context, u *unit) *outcome {
	var res play.Result
	err := h.asked(ctx, func() (err error) { res, err = h.act(ctx, u); return err })
	if err != nil {
		return broken(err)
	}
	return &outcome{res: res}
}

func (h *hostRun) act(ctx context.Context, u *unit) (play.Result, error) {
	args := u.raw
	if !u.act.raw {
		v, err := h.p.r.opt.Expr.Render(ctx, value.FromMap(u.raw), u.scope)
		if err != nil {
			return play.Result{}, err
		}
		learn(h.p.r.opt.Redactor, v)
		if args, err = given(v); err != nil {
			return play.Result{}, err
		}
	}
	return u.act.run(ctx, h, u, args)
}

func str(args *value.Map, names ...string) (string, bool) {
	for _, n := range names {
		if v, ok := args.Lookup(n); ok && !v.IsNull() {
			return value.Str(v), true
		}
	}
	return "", false
}

func debug(ctx context.Context, h *hostRun, u *unit, args *value.Map) (play.Result, error) {
	if lvl, ok := args.Lookup("verbosity"); ok {
		if n, _ := lvl.AsInt(); int(n) > h.p.r.opt.Verbosity {
			return play.Result{Skipped: true, Data: value.MapOf("skipped_reason", value.String("Verbosity threshold not met."))}, nil
		}
	}
	expr := h.p.r.opt.Expr
	if name, ok := args.Lookup("var"); ok {
		n, err := expr.Render(ctx, name, u.scope)
		if err != nil {
			return play.Result{}, err
		}
		key := value.Str(n)
		v, err := expr.Render(ctx, value.String("{{ "+key+" }}"), u.scope)
		if errors.As(err, new(*host.ErrNeed)) || errors.Is(err, vars.ErrPending) {
			return play.Result{}, err
		}
		if err != nil {
			v = value.String("VARIABLE IS NOT DEFINED!")
			if h.p.r.opt.Verbosity > 0 {
				v = value.String("VARIABLE IS NOT DEFINED!: " + err.Error())
			}
		}
		return play.Result{Data: value.MapOf(key, v)}, nil
	}
	msg, ok := args.Lookup("msg")
	if !ok {
		msg = value.String("Hello world!")
	}
	v, err := expr.Render(ctx, msg, u.scope)
	if v.IsOmit() {
		v = value.String("Hello world!")
	}
	return play.Result{Data: value.MapOf("msg", v)}, err
}

func assert(ctx context.Context, h *hostRun, u *unit, args *value.Map) (play.Result, error) {
	that, _ := args.Lookup("that")
	conds := that.Items()
	if _, isList := that.AsSeq(); !isList {
		conds = []value.Value{that}
	}
	expr := h.p.r.opt.Expr
	var need *host.ErrNeed
	message := func(name, otherwise string) value.Value {
		v, ok := args.Lookup(name)
		if !ok && name == "fail_msg" {
			v, ok = args.Lookup("msg")
		}
		if !ok {
			return value.String(otherwise)
		}
		r, err := expr.Render(ctx, v, u.scope)
		if err == nil {
			return r
		}
		errors.As(err, &need)
		return v
	}
	quiet := false
	if v, ok := args.Lookup("quiet"); ok {
		v, err := expr.Render(ctx, v, u.scope)
		if err != nil {
			return play.Result{}, err
		}
		quiet, _ = truth(v)
	}
	result := func(r play.Result) (play.Result, error) {
		r.Quiet = quiet
		if need != nil {
			return r, need
		}
		return r, nil
	}
	for _, c := range conds {
		ok, err := expr.Test(ctx, c, u.scope)
		if err != nil {
			return play.Result{}, err
		}
		if !ok {
			return result(play.Result{Failed: true, Data: value.MapOf("assertion", c, "evaluated_to", value.Bool(false), "msg", message("fail_msg", "Assertion failed"))})
		}
	}
	return result(play.Result{Data: value.MapOf("msg", message("success_msg", "All assertions passed"))})
}

func fail(_ context.Context, _ *hostRun, _ *unit, args *value.Map) (play.Result, error) {
	msg, ok := str(args, "msg")
	if !ok {
		msg = "Failed as requested from task"
	}
	return play.Failure(msg), nil
}

func setFact(ctx context.Context, h *hostRun, u *unit, args *value.Map) (play.Result, error) {
	m := factsOf(args)
	if m.Len() == 0 {
		return play.Result{}, errors.New("set_fact needs at least one variable")
	}
	for k := range m.All() {
		if name := value.Str(k); !isVariableName(name) {
			return play.Result{}, fmt.Errorf("set_fact: %q is not a valid name of a variable: it begins with a letter or _, and has only letters, digits and _", name)
		}
	}
	v, _ := args.Lookup("cacheable")
	keep, _ := truth(v)
	err := h.found(ctx, u, func(to string) {
		h.p.r.store.SetFacts(to, m)
		if keep { // nothing is cached, but ansible_facts has them
			h.p.r.store.AddFacts(to, m)
		}
	})
	return play.Result{Data: value.MapOf("ansible_facts", value.FromMap(m))}, err
}

// isVariableName reports names that templates can ask for.
func isVariableName(name string) bool {
	for i, r := range name {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}

// found hands on what the unit found out to those for whom it counts: its host,
// with run_once the others too, or with delegate_facts the one that it was
// delegated to.
func (h *hostRun) found(ctx context.Context, u *unit, tell func(host string)) error {
	k := reader{ctx, h.p, u.tr.words, u.scope}
	over, err := k.flag("delegate_facts", func(w *play.Keywords) value.Value { return w.DelegateFacts }, false)
	switch {
	case err != nil:
		return err
	case over && u.on != "":
		tell(u.on)
		return nil
	}
	for _, name := range append([]string{h.name}, h.also...) {
		tell(name)
	}
	return nil
}

// factsOf are the variables of set_fact. The words yes, no, true and false are
// booleans, as text too: "set_fact: ready=yes" has no other way to say so.
func factsOf(args *value.Map) *value.Map {
	m := value.NewMap()
	for k, v := range args.All() {
		if value.Str(k) == "cacheable" {
			continue
		}
		if s, ok := v.AsString(); ok {
			switch strings.ToLower(s) {
			case "yes", "true":
				v = value.Bool(true).With(v.Marks())
			case "no", "false":
				v = value.Bool(false).With(v.Marks())
			}
		}
		m.Set(k, v)
	}
	return m
}

// passSetFact notes set_fact's variables for the tasks behind it.
func passSetFact(ctx context.Context, u *unit, a *vars.Ahead) (sure bool, err error) {
	if err := u.tr.ahead(value.FromMap(u.raw)); err != nil {
		return false, err
	}
	v, err := u.tr.h.p.r.opt.Expr.Render(ctx, value.FromMap(u.raw), u.scope)
	if err != nil {
		return false, err
	}
	m, err := given(v)
	if err != nil {
		return false, err
	}
	facts := factsOf(m)
	for k, v := range facts.All() {
		a.Set.Set(k, v)
	}
	return facts.Len() > 0 && u.tr.words.inner(func(w *play.Keywords) value.Value { return w.DelegateFacts }).IsNull(), nil
}

func meta(_ context.Context, h *hostRun, u *unit, args *value.Map) (play.Result, error) {
	word, _ := str(args, "_raw_params")
	switch strings.TrimSpace(word) {
	case "noop", "refresh_inventory":
	case "flush_handlers":
		if len(h.cur.notified) > 0 {
			u.tr.pushes = append(u.tr.pushes, &frame{prog: h.p.handlers(), handlers: true})
		}
	case "end_host":
		u.tr.after = func() { h.over, h.away = ended, true }
	case "end_play":
		h.p.ending.Store(endPlay)
	case "end_batch":
		h.p.ending.Store(endBatch)
	case "clear_facts":
		for _, n := range h.p.all {
			h.p.r.store.ClearFacts(n)
		}
	case "clear_host_errors":
		h.p.r.forgive()
	case "reset_connection":
		u.tr.after = func() { _ = h.m.close() }
	default:
		return play.Result{}, fmt.Errorf("meta: %q is not one of: %s", word, strings.Join(metaWords, ", "))
	}
	return play.Result{}, nil
}

// metaForAll are the meta actions that one host does for all: its condition
// decides.
func metaForAll(t *play.Task) bool {
	word, _ := str(t.Args, "_raw_params")
	switch strings.TrimSpace(word) {
	case "end_play", "end_batch", "clear_facts", "clear_host_errors", "refresh_inventory":
		return true
	}
	return false
}

func pauseAction(ctx context.Context, h *hostRun, u *unit, args *value.Map) (play.Result, error) {
	h.m.drop()
	prompt, asks := str(args, "prompt")
	for name, unit := range map[string]time.Duration{"seconds": time.Second, "minutes": time.Minute} {
		if s, ok := str(args, name); ok {
			var n int
			if _, err := fmt.Sscanf(s, "%d", &n); err != nil {
				return play.Result{}, fmt.Errorf("%s: %q is no whole number", name, s)
			}
			h.p.r.emit(event.Waiting{Host: h.name, Task: u.tr.info, Text: fmt.Sprintf("pausing for %s", time.Duration(n)*unit)})
			return play.Result{Data: value.MapOf("user_input", value.String(""))}, sleep(ctx, time.Duration(n)*unit)
		}
	}
	if !asks {
		prompt = "Press enter to continue, Ctrl-C to stop"
	}
	echo := true
	if v, ok := args.Lookup("echo"); ok {
		echo, _ = truth(v)
	}
	h.p.r.ops.Lock()
	defer h.p.r.ops.Unlock()
	key := "pause " + u.tr.info.ID + time.Now().String()
	if echo {
		s, err := h.p.r.opt.Prompter.Ask(ctx, play.Ask{Key: key, Text: prompt})
		return play.Result{Data: value.MapOf("user_input", value.String(s))}, err
	}
	sec, err := h.p.r.opt.Prompter.Secret(ctx, play.Ask{Key: key, Text: prompt, Sealed: true})
	if err != nil {
		return play.Result{}, err
	}
	h.p.r.opt.Redactor.AddSealed(sec)
	var s string
	err = sec.Use(func(b []byte) error { s = string(b); return nil })
	return play.Result{Data: value.MapOf("user_input", value.MarkedString(s, value.Sealed|value.Unsafe))}, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pauseOf is how long a loop waits between its items.
func (h *hostRun) pauseOf(ctx context.Context, tr *taskRun) (time.Duration, error) {
	v := tr.task.Loop.Pause
	if v.IsNull() {
		return 0, nil
	}
	r, err := h.p.r.opt.Expr.Render(ctx, v, tr.scope)
	if err != nil {
		return 0, fmt.Errorf("loop_control: pause: %w", err)
	}
	f, ok := r.AsFloat()
	if !ok {
		return 0, fmt.Errorf("loop_control: pause: %s is not a number of seconds", value.Show(r))
	}
	return time.Duration(f * float64(time.Second)), nil
}

// pause waits between the items of a loop: what was asked ahead is of before.
func (h *hostRun) pause(ctx context.Context, d time.Duration) error {
	h.m.drop()
	return sleep(ctx, d)
}
