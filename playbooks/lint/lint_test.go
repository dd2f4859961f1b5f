package lint_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/playbooks/ast"
	"remoterun/playbooks/jinja"
	"remoterun/playbooks/lint"
	"remoterun/runner/action"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// module takes any arguments; password is a secret one.
type module struct{ name string }

func (m module) Spec() play.Spec {
	return play.Spec{Name: m.name, FreeForm: "_raw_params", Args: []play.Arg{{Name: "password", Secret: true}, {Name: "content", Secret: true}}}
}
func (m module) Check(*value.Map) []*play.ArgError { return nil }
func (m module) Bind(context.Context, *value.Map, play.Inputs) (play.Bound, error) {
	panic("lint binds nothing")
}

type modules struct{}

func (modules) Find(name string) (play.Module, bool) {
	return module{name}, strings.Contains(" command shell file ping user ", " "+name+" ")
}
func (modules) Names() []string { return nil }

func check(t *testing.T, text string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "p.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	expr := jinja.New(jinja.Options{})
	l := ast.New(ast.Env{Modules: modules{}, Actions: action.Specs(), Expr: expr, Decrypt: func(string, value.Pos) ([]byte, error) { return []byte("open"), nil }})
	book, err := l.Playbook(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range lint.Check(lint.Env{Expr: expr, Secret: l.Secret}, book) {
		out = append(out, strings.TrimPrefix(f.String(), path+":"))
	}
	return out
}

func TestRules(t *testing.T) {
	for name, c := range map[string]struct{ tasks, want string }{
		"name":           {"- ping:", "3:7: a task without a name: the output says only ping [name]"},
		"changed":        {"- {name: x, command: ls}", "3:7: command always reports changed: give it creates, removes or changed_when [changed]"},
		"creates":        {"- {name: x, command: ls creates=/x}", ""},
		"changed_when":   {"- {name: x, shell: ls, changed_when: false}", ""},
		"ignore":         {"- {name: x, ping: , ignore_errors: yes}", "3:7: ignore_errors without register throws failures away: say with failed_when which ones are not [ignore]"},
		"registered":     {"- {name: x, ping: , ignore_errors: yes, register: r}", ""},
		"decimal mode":   {"- {name: x, file: {path: /x, mode: 600}}", `3:23: mode: 600 is the decimal number, which is 01130: write "0600" [mode]`},
		"octal mode":     {"- {name: x, file: {path: /x, mode: 0644}}", ""},
		"text mode":      {"- {name: x, file: {path: /x, mode: '644'}}", ""},
		"secret":         {"- {name: x, shell: 'echo {{ pw }}', changed_when: no}", "3:25: pw comes from a vault and would stand on a command line, where every user of the host can read it: give it on stdin [secret]"},
		"secret stdin":   {"- {name: x, shell: {cmd: cat, stdin: '{{ pw }}'}, changed_when: no}", ""},
		"environment":    {"- {name: x, ping: , environment: {PW: '{{ pw }}'}}", "3:7: pw comes from a vault and would stand in the environment of a process: give it on stdin [secret]"},
		"plain secret":   {"- {name: x, user: {password: abc}}", "3:23: user: password is a secret that stands here as plain text: put it into a vault [plain]"},
		"text of a file": {"- {name: x, file: {content: abc}}", ""},
		"become_user":    {"- {name: x, ping: , become_user: a}", "3:7: become_user without become has no effect unless -b is given [become]"},
		"become around":  {"- block: [{name: x, ping: , become_user: a}]\n  become: yes", ""},
		"check":          {"- {name: x, ping: , check_mode: no}", "3:7: check_mode: false: this task runs in spite of --check [check]"},
		"actions":        {"- debug: {msg: x}\n- meta: noop", ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := "- hosts: all\n  tasks:\n    " + strings.ReplaceAll(c.tasks, "\n", "\n    ") + "\n  vars:\n    pw: !vault |\n      x\n"
			if got := strings.Join(check(t, text), "\n"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestHandlers(t *testing.T) {
	got := check(t, "- hosts: all\n  tasks:\n    - {name: x, ping: , notify: used}\n  handlers:\n    - {name: used, ping: }\n    - {name: idle, ping: , listen: [topic]}\n")
	if want := "6:7: no task notifies this handler (idle, topic) [handler]"; strings.Join(got, "\n") != want {
		t.Errorf("got %q", got)
	}
}
