package door

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"one", "two.sh", "three.py", "four.ps1", "five.yml"} {
		write(t, filepath.Join(dir, "library", name), "#!/bin/sh\n")
	}
	var l Library
	l.Add(filepath.Join(dir, "nothing"))
	l.Add(filepath.Join(dir, "library"))
	for name, want := range map[string]bool{"one": true, "two": true, "three": true, "four": false, "five": false, "six": false, "": false, "*": false, "../x": false,
		"ansible.legacy.two": true, "ansible.builtin.two": false, "my.own.two": false, "{{ x }}": false} {
		m, ok := l.Find(name)
		if ok != want {
			t.Errorf("%q: %v", name, ok)
		}
		if ok && (m.Spec().Name != strings.TrimPrefix(name, "ansible.legacy.") || len(m.Check(value.MapOf("any", value.Int(1)))) > 0) {
			t.Errorf("%q: %+v", name, m.Spec())
		}
	}
}

func TestStyles(t *testing.T) {
	args := value.MapOf("name", value.String("it's"), "n", value.Int(2))
	for name, c := range map[string]struct{ text, runs, args, fails string }{
		"words":            {"#!/bin/sh\n", "/bin/sh", `name='it'"'"'s' n=2 `, ""},
		"interpreter":      {"#! /usr/bin/env perl -w\n", "/usr/bin/env perl -w", "", ""},
		"JSON":             {"#!/bin/sh\n# WANT_JSON\n", "/bin/sh", `{"name": "it's", "n": 2}`, ""},
		"machine's own":    {"\x7fELF\x00\x01", "", `{"name": "it's", "n": 2}`, ""},
		"Python":           {"#!/usr/bin/python\n# WANT_JSON\nimport json\n", "python3", "", ""},
		"Ansible's Python": {"from ansible.module_utils.basic import AnsibleModule\n", "python3", `{"ANSIBLE_MODULE_ARGS": {"name": "it's", "n": 2}}`, ""},
		"no interpreter":   {"echo\n", "", "", "module (x) is missing interpreter line"},
	} {
		s, runs, err := styleOf(play.Input{Name: "x", Data: play.Memory(c.text)})
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		got, err2 := s.write(args)
		if err != nil || err2 != nil || runs != c.runs || c.args != "" && got != c.args {
			t.Errorf("%s: %q %q %v %v", name, runs, got, err, err2)
		}
	}
}

func TestResults(t *testing.T) {
	if r := result(host.Output{Stdout: []byte("\n1"), Stderr: []byte("ModuleNotFoundError: No module named 'ansible'\n")}); !strings.Contains(r.Msg, "install ansible-core on the host") {
		t.Errorf("without Ansible: %q", r.Msg)
	}
	for _, c := range []struct{ out, want string }{
		{"{\"changed\": true, \"msg\": \"hi\", \"n\": 1}\n0", "changed msg=hi {'n': 1}"},
		{"hello\n{\"a\": 1,\n\"b\": 2}\nbye\n0", "{'a': 1, 'b': 2}"},
		{"{\"rc\": 2}\n0", "failed {'rc': 2}"},
		{"{\"skipped\": true}\n1", "skipped {}"},
		{"{\"msg\": [1]}\n0", "msg=[1] {'msg': [1]}"},
		{"{\"ansible_facts\": {\"ansible_a\": 1, \"b\": 2}}\n0", "{} facts={'a': 1, 'b': 2}"},
		{"not\n3", "failed msg=MODULE FAILURE\nSee stdout/stderr for the exact error {'module_stdout': 'not', 'module_stderr': 'why', 'rc': 3}"},
		{"[1]\n0", "failed msg=MODULE FAILURE\nSee stdout/stderr for the exact error {'module_stdout': '[1]', 'module_stderr': 'why', 'rc': 0}"},
		{"", "failed msg=why {}"},
	} {
		r := result(host.Output{Stdout: []byte(c.out), Stderr: []byte("why")})
		var got []string
		for _, w := range []struct {
			on   bool
			text string
		}{{r.Changed, "changed"}, {r.Failed, "failed"}, {r.Skipped, "skipped"}, {r.Msg != "", "msg=" + r.Msg}, {true, value.Repr(value.FromMap(r.Data))}, {r.Facts != nil, "facts=" + value.Repr(value.FromMap(r.Facts))}} {
			if w.on {
				got = append(got, w.text)
			}
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%q: %q, want %q", c.out, text, c.want)
		}
	}
}

// What a program would do only it could say: in check mode it is left out.
func TestCheckModeRunsNothing(t *testing.T) {
	plan, err := program{name: "x", file: play.Input{Path: "/l/x"}}.Plan(host.Seen{})
	if err != nil || !plan.Result.Skipped || plan.Result.Msg != "remote module (x) does not support check mode" || len(plan.Steps) != 1 {
		t.Errorf("%+v %v", plan, err)
	}
}
