package lint

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// runsCommands are modules whose result is always "changed".
func runsCommands(t *play.Task) bool {
	switch t.Action {
	case "command", "shell", "raw", "script":
		return true
	}
	return false
}

func given(m *value.Map, names ...string) bool {
	for _, n := range names {
		if _, ok := m.Lookup(n); ok {
			return true
		}
	}
	return false
}

func yes(v value.Value) bool {
	b, ok := v.AsBool()
	return ok && b
}

// nameless: the output of a task without a name says only its module.
func (l *linter) nameless(t *play.Task, _ []*play.Keywords) {
	switch t.Action {
	case "debug", "meta", "include_tasks", "include_role", "validate_argument_spec", "assert", "fail", "pause":
		return
	}
	if t.Name.IsNull() {
		l.add(t.Pos, "name", "a task without a name: the output says only "+t.Module)
	}
}

// alwaysChanged: a command says "changed" each time, so that a second run is
// never quiet and handlers run for nothing.
func (l *linter) alwaysChanged(t *play.Task, _ []*play.Keywords) {
	if runsCommands(t) && !t.Handler && t.ChangedWhen == nil && !given(t.Args, "creates", "removes") {
		l.add(t.Pos, "changed", t.Module+" always reports changed: give it creates, removes or changed_when")
	}
}

// thrownAway: a failure that nobody looks at.
func (l *linter) thrownAway(t *play.Task, _ []*play.Keywords) {
	if yes(t.IgnoreErrors) && t.Register == "" {
		l.add(t.Pos, "ignore", "ignore_errors without register throws failures away: say with failed_when which ones are not")
	}
}

var octal = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-7]{3,4}$`) })

// decimalMode: 644 without a leading nought is a decimal number for YAML.
func (l *linter) decimalMode(t *play.Task, _ []*play.Keywords) {
	for _, name := range []string{"mode", "directory_mode"} {
		v, _ := t.Args.Lookup(name)
		n, ok := v.AsInt()
		if !ok || v.Kind() != value.KindInt || !octal().MatchString(strconv.FormatInt(n, 10)) || n == 420 || n == 511 || n == 448 {
			continue // 0644, 0777 and 0700 as YAML reads them
		}
		l.add(t.ArgsPos, "mode", fmt.Sprintf(`%s: %d is the decimal number, which is 0%o: write "0%d"`, name, n, n, n))
	}
}

// secretInCommand: arguments and the environment of a process can be seen by
// others on the host.
func (l *linter) secretInCommand(t *play.Task, outer []*play.Keywords) {
	if l.env.Secret == nil || l.env.Expr == nil {
		return
	}
	if runsCommands(t) {
		for name, v := range t.Args.All() {
			if value.Str(name) != "stdin" {
				l.secrets(v, t.ArgsPos, "on a command line, where every user of the host can read it: give it on stdin")
			}
		}
	}
	for _, k := range outer {
		for _, env := range k.Env {
			l.secrets(env, t.Pos, "in the environment of a process: give it on stdin")
		}
	}
}

func (l *linter) secrets(v value.Value, at value.Pos, where string) {
	uses, err := l.env.Expr.Inspect(v, false)
	if err != nil {
		return
	}
	for _, name := range uses.Names {
		if l.env.Secret(name) {
			l.add(at, "secret", name+" comes from a vault and would stand "+where)
		}
	}
}

// plainSecret: a password that stands in the playbook itself. The text of a file
// may be one, and mostly is none.
func (l *linter) plainSecret(t *play.Task, _ []*play.Keywords) {
	if t.Use == nil {
		return
	}
	for _, a := range t.Use.Spec().Args {
		v, ok := t.Args.Lookup(a.Name)
		text, isText := v.AsString()
		if ok && a.Secret && a.Name != "content" && isText && text != "" && !value.HasTemplate(v) && !v.Marks().Secret() {
			l.add(t.ArgsPos, "plain", t.Module+": "+a.Name+" is a secret that stands here as plain text: put it into a vault")
		}
	}
}

// becomeUser: become_user alone does nothing.
func (l *linter) becomeUser(t *play.Task, outer []*play.Keywords) {
	if t.BecomeUser.IsNull() {
		return
	}
	for _, k := range outer {
		if !k.Become.IsNull() {
			return
		}
	}
	l.add(t.Pos, "become", "become_user without become has no effect unless -b is given")
}

// runsInCheck: the one way in which --check runs a step.
func (l *linter) runsInCheck(t *play.Task, outer []*play.Keywords) {
	for i := len(outer) - 1; i >= 0; i-- {
		if v := outer[i].CheckMode; !v.IsNull() {
			if b, ok := v.AsBool(); ok && !b && t.Use != nil {
				l.add(t.Pos, "check", "check_mode: false: this task runs in spite of --check")
			}
			return
		}
	}
}

// unusedHandlers: handlers that no task of the play names.
func (l *linter) unusedHandlers(p *play.Play) {
	used, open := map[string]bool{}, false
	note := func(t *play.Task) {
		for _, n := range t.Notify {
			used[value.Str(n)] = true
			open = open || value.HasTemplate(n)
		}
		open = open || t.Action == "include_tasks" || t.Action == "include_role"
	}
	for _, list := range [][]play.Item{p.Pre, p.Tasks, p.Post, p.Handlers} {
		each(list, note)
	}
	if open {
		return
	}
	each(p.Handlers, func(t *play.Task) {
		if t.Role != nil {
			return // a role has them for playbooks of all kinds
		}
		names := append([]string{value.Str(t.Name)}, t.Listen...)
		for _, n := range names {
			if used[n] {
				return
			}
		}
		l.add(t.Pos, "handler", "no task notifies this handler ("+strings.Join(names, ", ")+")")
	})
}

func each(items []play.Item, f func(*play.Task)) {
	for _, it := range items {
		switch it := it.(type) {
		case *play.Task:
			f(it)
		case *play.Block:
			for _, list := range [][]play.Item{it.Body, it.Rescue, it.Always} {
				each(list, f)
			}
		}
	}
}
