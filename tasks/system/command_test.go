package system_test

import (
	"fmt"
	"strings"
	"testing"

	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/system"
	"remoterun/tasks/tasktest"
)

func TestCommandAndShell(t *testing.T) {
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		dir := t.TempDir()
		tasktest.WriteFile(t, dir+"/there", "")
		for _, c := range []struct{ name, module, args, out, msg string }{
			{"quotes", "command", `{_raw_params: "printf '%%s.' 'a b' \"c\\\"d\" $HOME/x"}`, `'a b.c"d./root/x.'`, ""},
			{"no shell", "command", `{argv: [printf, '%%s.', 'a;b', '*', '|']}`, "'a;b.*.|.'", ""},
			{"not a builtin", "command", "{cmd: exit 0}", "''", "[Errno 2] No such file or directory: 'exit'"},
			{"not there", "command", "{cmd: /no/such -x}", "''", "[Errno 2] No such file or directory: '/no/such'"},
			{"chdir", "command", "{cmd: pwd, chdir: %[1]s}", "'%[1]s'", ""},
			{"stdin", "command", "{cmd: cat, stdin: hello}", "'hello'", ""},
			{"fails", "command", "{cmd: 'sh -c \"echo x; exit 3\"'}", "'x'", "non-zero return code"},
			{"pipe", "shell", `{_raw_params: "printf 'a\\nb\\n' | wc -l | tr -d ' '; echo >&2 err"}`, "'2'", ""},
			{"exit", "shell", "{cmd: 'echo a; exit 4; echo b'}", "'a'", "non-zero return code"},
			{"broken text", "shell", "{cmd: 'if then'}", "''", "non-zero return code"},
			{"another shell", "shell", "{cmd: 'echo \"$0\" $#', executable: sh}", "'sh 0'", ""},
			{"no arguments", "shell", "{cmd: 'echo $#; cat', stdin: x, stdin_add_newline: no}", "'0\\nx'", ""},
			{"creates, there", "shell", "{cmd: exit 1, creates: '%[1]s/th*'}", "'skipped, since %[1]s/th* exists'", "Did not run command since '%[1]s/th*' exists"},
			{"removes, gone", "command", "{cmd: 'false', removes: gone, chdir: %[1]s}", "'skipped, since gone does not exist'", "Did not run command since 'gone' does not exist"},
		} {
			t.Run(c.name, func(t *testing.T) {
				m := map[string]play.Module{"command": system.Command(), "shell": system.Shell()}[c.module]
				o, err := tasktest.Apply(t.Context(), h, m, tasktest.Args(t, expand(c.args, dir)), false)
				if err != nil {
					t.Fatal(err)
				}
				if o.Get("stdout") != expand(c.out, dir) || o.Result.Msg != expand(c.msg, dir) {
					t.Errorf("stdout %s msg %q stderr %s rc %s", o.Get("stdout"), o.Result.Msg, o.Get("stderr"), o.Get("rc"))
				}
				if failed := c.msg == "non-zero return code" || strings.HasPrefix(c.msg, "[Errno"); o.Result.Failed != failed {
					t.Errorf("failed %v", o.Result.Failed)
				}
			})
		}
	})
}

func expand(s, dir string) string {
	if strings.Contains(s, "%") {
		return strings.TrimSuffix(fmt.Sprintf(s+"%.0[1]s", dir), "")
	}
	return s
}

func TestCommandPrediction(t *testing.T) {
	h := tasktest.NewHost(t, nil)
	o, err := tasktest.Apply(t.Context(), h, system.Command(), tasktest.Args(t, "{cmd: 'true'}"), true)
	if err != nil || !o.Result.Skipped || o.Result.Changed || o.Result.Msg != "Command would have run if not in check mode" {
		t.Errorf("%+v %v", o.Result, err)
	}
	dir := t.TempDir()
	tasktest.Twice(t, h, system.Command(), tasktest.Args(t, "{cmd: 'touch x', creates: x, chdir: "+dir+"}"))
}

func TestCommandKeepsMarks(t *testing.T) {
	args := value.MapOf("cmd", value.MarkedString("echo hunter2", value.Masked))
	o, err := tasktest.Apply(t.Context(), tasktest.NewHost(t, nil), system.Shell(), args, false)
	if err != nil || strings.Contains(o.Steps[0], "hunter2") {
		t.Fatalf("steps %v %v", o.Steps, err)
	}
	cmd, _ := o.Result.Data.Lookup("cmd")
	out, _ := o.Result.Data.Lookup("stdout")
	if !cmd.Marks().Secret() || out.Marks()&value.Unsafe == 0 {
		t.Errorf("marks of cmd %v, of stdout %v", cmd.Marks(), out.Marks())
	}
	if d, _ := o.Result.Data.Lookup("delta"); len(value.Str(d)) != len("0:00:00.000000") {
		t.Errorf("delta %q", value.Str(d))
	}
	sealed := value.MapOf("cmd", value.MarkedString("echo key", value.Sealed))
	if errs := system.Command().Check(sealed); len(errs) != 1 || !strings.Contains(errs[0].Error(), "sealed secret") {
		t.Errorf("a sealed secret became an argument: %v", errs)
	}
	argv := value.MapOf("argv", value.List(value.String("echo"), value.MarkedString("hunter2", value.Masked)))
	if o := tasktest.Must(t, tasktest.NewHost(t, nil), system.Command(), argv); o.Steps[0] != "run echo ********" {
		t.Errorf("a secret of argv is shown: %v", o.Steps)
	}
	stdin := value.MapOf("cmd", value.String("cat"), "stdin", value.MarkedString("key", value.Sealed))
	if o := tasktest.Must(t, tasktest.NewHost(t, nil), system.Command(), stdin); o.Get("stdout") != "'key'" {
		t.Errorf("stdin: %s", o.Get("stdout"))
	}
}
