package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCompletion: what the shell offers.
func TestCompletion(t *testing.T) {
	state := t.TempDir()
	env := map[string]string{"HOME": state, "XDG_STATE_HOME": state}
	if err := os.MkdirAll(filepath.Join(state, "remoterun", "log"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(state, "remoterun", "log", "20260102T030405-ab.jsonl"), "")
	projectDir(t, map[string]string{"site.yml": "- hosts: all\n  tags: [base]\n  tasks:\n    - name: Write it\n      debug:\n      tags: [conf]\n", "wrong.yml": "- hosts: [\n", "hosts": "[web]\nw1\nw2\n", "other": "o1\n", "group_vars/web.yml": vaultText(t)})
	for _, c := range []struct{ typed, offers, not string }{
		{"unlock|", "w1\n", "--"},
		{"unlock|we", "web\n", "w1"},
		{"unlock|-i|other|", "o1\n", "w1"},
		{"unlock|w1|", ":4\n", "w2"},
		{"trust|w", "w2\n", ""},
		{"run|w1|-m|temp", "template\n", "copy"},
		{"site.yml|-l|w", "w2\n", ""},
		{"doc|tde_un", "tde_unlock\n", "debug"},
		{"playbooks|show|un", "unlock\n", "lock\nsetup"},
		{"unlock|w1|--output|js", "jsonl\n", "human"},
		{"log|", "last\n20260102T030405-ab\n", "jsonl"},
		{"log|2026", "20260102T030405-ab\n", "last"},
		{"site.yml|-t|", "base\nconf\n", "Write"},
		{"site.yml|--skip-tags|c", "conf\n", "base"},
		{"site.yml|--start-at-task|", "Write it\n", "conf"},
		{"unlock|w1|--start-at-task|Mo", "Mount RAM for the key\n", "Send"},
		{"wrong.yml|-t|", ":4\n", "wrong"},
		{"un", "unlock\t", "setup"},
	} {
		out, errs, code := runWith(t, env, nil, append([]string{"__complete"}, strings.Split(c.typed, "|")...)...)
		if code != 0 || !strings.Contains(out, c.offers) || c.not != "" && strings.Contains(out, c.not) {
			t.Errorf("%s: %d\n%s%s", c.typed, code, out, errs)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out, errs, code := runWith(t, nil, nil, "completion", shell); code != 0 || len(out) < 1000 {
			t.Errorf("%s: %d\n%s", shell, code, errs)
		}
	}
}

// TestCompletionOfLists: behind a comma (of hosts also behind what joins patterns) the
// next word is proposed, and none that is there already; a command below another one
// is none of the verbs.
func TestCompletionOfLists(t *testing.T) {
	projectDir(t, map[string]string{"hosts": "[web]\nw1\nw2\n[db]\nd1\n", "site.yml": "- hosts: all\n  tasks:\n    - debug: {msg: a}\n      tags: [alpha, beta]\n"})
	for typed, want := range map[string]string{
		"run w1,w":             "w1,web w1,w2",
		"run w1,":              "w1,all w1,d1 w1,db w1,ungrouped w1,w2 w1,web",
		"run all:!d":           "all:!d1 all:!db",
		"run web:&w":           "web:&w1 web:&w2 web:&web",
		"unlock w1,w":          "w1,w2 w1,web",
		"trust d1,d":           "d1,db",
		"key import w":         "w1 w2 web",
		"key verify ":          "",
		"key inspect ":         "",
		"site.yml -l w1,w":     "w1,w2 w1,web",
		"site.yml -t alpha,":   "alpha,beta",
		"site.yml -t a":        "alpha",
		"site.yml -t alpha,x":  "",
		"inventory --host w1,": "",
	} {
		stdout, stderr, _ := runWith(t, map[string]string{"HOME": t.TempDir()}, nil, append([]string{"__complete"}, strings.Split(typed, " ")...)...)
		var got []string
		for line := range strings.Lines(stdout) {
			if line = strings.TrimSpace(line); line != "" && line[0] != ':' {
				got = append(got, line)
			}
		}
		slices.Sort(got)
		expected := strings.Fields(want)
		slices.Sort(expected)
		if !slices.Equal(got, expected) {
			t.Errorf("%s: %q, want %q (%s)", typed, got, expected, stderr)
		}
	}
}
