package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestOwnVerb follows docs/extending.md: the playbook there, in a project's folder,
// is a verb like those that ship.
func TestOwnVerb(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(sources(t), "docs", "extending.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## A verb\n")
	m := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(section)
	if m == nil {
		t.Fatal("docs/extending.md has no playbook of a verb")
	}
	cache := t.TempDir()
	projectDir(t, map[string]string{
		"hosts":                 "h1 ansible_connection=local cache_dir=" + cache + "\nh2 ansible_connection=local\nh3 ansible_connection=local ansible_host=h1 cache_dir=" + cache + "\n",
		"playbooks/flush.yaml":  m[1],
		"playbooks/unlock.yml":  "# Mine\n# verb: unlock: Not the shipped one\n- hosts: all\n",
		"playbooks/trust.yml":   "# Mine\n# verb: trust: Not the command\n- hosts: all\n",
		"playbooks/plain.yaml":  "- hosts: all\n  tasks: []\n",
		"playbooks/wrong.yaml":  "# Mine\n# verb: Wrong\n- hosts: all\n  tasks: []\n",
		"playbooks/wrong2.yaml": "# Mine\n# verb: x: y\n# flag: -a=b: c\n- hosts: all\n  tasks: []\n",
	})
	env := map[string]string{"HOME": t.TempDir(), "XDG_STATE_HOME": t.TempDir()}
	for _, c := range []struct {
		args, says string
		code, left int
	}{
		{"flush|h1|--count", `"msg": "2 files"`, exitOK, 2},
		{"flush|h1|--check", `"msg": "2 files"`, exitOK, 2},
		{"flush|h1", "changed=1", exitOK, 0},
		{"flush|all:!h1:!h3", "h2 has no cache_dir, the folder that is emptied: give it one in the inventory, cache_dir=/var/cache/app\n", exitUsage, 2},
		{"flush|h1,h3", "h1 and h3 are both cache_dir=" + cache + " on h1 port 22: one machine takes each once", exitUsage, 2},
		{"flush", "flush needs a pattern of hosts: remoterun flush prod", exitUsage, 2},
		{"flush|h1|--quick", "unknown flag: --quick; it is one of remoterun verify", exitUsage, 2},
		{"--help", "Verbs of this project (its folder playbooks):\n  flush ", exitOK, 2},
		{"flush|--help", "--count ", exitOK, 2},
		{"__complete|flu", "flush\tEmpty the cache\n", exitOK, 2},
		{"__complete|flush|h", "h1\nh2\n", exitOK, 2},
		{"unlock|--help", "Bring the key into the host's RAM", exitOK, 2},
		{"trust|--help", "Shows the keys that hosts offer", exitOK, 2},
		{"wrong|h1", `there is no command and no playbook "wrong"`, exitUsage, 2},
		{"playbooks/wrong.yaml|--syntax-check", `playbooks/wrong.yaml: line 2: "# verb: Wrong" is written like this: # verb: NAME: what it does`, exitUsage, 2},
		{"lint|playbooks/wrong2.yaml", `playbooks/wrong2.yaml: line 3: "# flag: -a=b: c" is written like this: # flag: --NAME=VARIABLE: what it does`, exitUsage, 2},
		{"playbooks/flush.yaml|-l|h1", `"msg": "2 files"`, exitOK, 0},
	} {
		for _, name := range []string{"a", "b"} {
			writeFile(t, filepath.Join(cache, name), "x")
		}
		out, errs, code := runWith(t, env, nil, strings.Split(c.args, "|")...)
		if code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("%s: exit code %d, and it does not say %q:\n%s%s", c.args, code, c.says, out, errs)
		}
		if left, _ := filepath.Glob(filepath.Join(cache, "*")); len(left) != c.left {
			t.Errorf("%s: %d files are left, want %d", c.args, len(left), c.left)
		}
	}
}
