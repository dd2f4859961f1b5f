package main

import (
	"strings"
	"testing"
)

// TestWrongUse: what is wrong with a command line is said in the user's own
// words, with what was meant; no host is contacted (exit code 5).
func TestWrongUse(t *testing.T) {
	projectDir(t, map[string]string{
		"hosts":        "h1 ansible_host=192.0.2.1\nh3 ansible_host=192.0.2.1\n",
		"site.yml":     "- hosts: all\n  tasks:\n    - ping:\n",
		"two.yml":      "- hosts: all\n  taks: []\n  tasks:\n    - pnig:\n",
		"meta.yml":     "- hosts: all\n  tasks:\n    - meta: nothing\n",
		"plays/b.yaml": "",
		"lacks.yml":    "- hosts: all\n  tasks:\n    - firewalld: {port: 1}\n    - name: x\n      synchronize: {src: a, dest: b}\n",
	})
	for _, c := range []struct{ args, says string }{
		{"site.yml|--lmit|h1", "unknown flag: --lmit; did you mean --limit?"},
		{"site.yml|--quick", "unknown flag: --quick; it is one of remoterun verify"},
		{"site.yml|--nothing-like-it", "unknown flag: --nothing-like-it; remoterun --help lists the flags"},
		{"unlock|h1|--outptu|json", "unknown flag: --outptu; did you mean --output?"},
		{"h1|site.yml", "playbooks name their hosts themselves, and -l narrows them: remoterun site.yml -l h1\n"},
		{"site.yml|h1", "remoterun site.yml -l h1\n"},
		{"web|site.yml", `"web" is not a command, a playbook or a host of the inventory; hosts are chosen like this: remoterun site.yml -l PATTERN`},
		{"unlok|site.yml", `did you mean "unlock"?`},
		{"web", `there is no command and no playbook "web"; remoterun --help lists the commands`},
		{"h1|uptime", "one command is run like this: remoterun run h1 -- uptime\n"},
		{"all|unlock", "the verb comes first: remoterun unlock all\n"},
		{"h1", "h1 is a host or group, and what shall run on it? remoterun run h1 -- COMMAND, or remoterun PLAYBOOK.yaml -l h1\n"},
		{"run|h1|--|ls; id", `"ls; id" is one word, and no program has that name: a shell runs it like this: remoterun run h1 -m shell -a 'ls; id'`},
		{"run|h1|--|uptime -p", "no program has that name: remoterun run h1 -- uptime -p\n"},
		{"run|h1|-m|firewalld", "firewalld: Ansible has it (ansible.posix), remoterun has not yet; use command with changed_when, or shell"},
		{"doc|community.docker.docker_stack", "Ansible has it (community.docker), remoterun has not yet; use command or shell"},
		{"run|h1|-m|community.general.copy", "there is no module community.general.copy; copy is there without that collection"},
		{"lacks.yml", "lacks.yml:3:7: firewalld: Ansible has it (ansible.posix), remoterun has not yet"},
		{"rotate|h1", "remoterun: there is no command and no playbook \"rotate\""},
		{"unlok|h1", `remoterun: there is no command and no playbook "unlok"; did you mean "unlock"?`},
		{"unlock", "unlock needs a pattern of hosts: remoterun unlock prod"},
		{"unlock|h1|h2", "remoterun unlock h1,h2"},
		{"unlock|h2", `"h2" means no host of the inventory; remoterun inventory --graph`},
		{"unlock|h1", "remoterun: h1 has no tde_project, a name for its keys, volume and folders: give it one in the inventory, tde_project=sync\nremoterun: h1 has no tde_compose_dir, the folder of its compose file on the server: give it one in the inventory, tde_compose_dir=/srv/sync\n"},
		{"setup|h1", "h1 has no tde_project, a name for its keys, volume and folders: give it one in the inventory, tde_project=sync\n"},
		{"status|h1|-e|tde_project=x", "remoterun: h1 has no tde_compose_dir"},
		{"setup|h1|-e|tde_project={{ y }}", "remoterun: h1: "},
		{"setup|h1,h3|-e|tde_project=x", "remoterun: h1 and h3 are both tde_project=x on 192.0.2.1 port 22: one machine takes each once"},
		{"site.yaml", `there is no playbook site.yaml; did you mean "site.yml"?`},
		{"unlock.yaml", `did you mean "playbooks/unlock.yaml", which ships with remoterun?`},
		{"none/site.yml", "there is no playbook none/site.yml: there is no folder none"},
		{"a.yml|b.yml", "remoterun: there is no playbook a.yml\nremoterun: there is no playbook b.yml\n"},
		{"plays", "plays is a folder: name a playbook in it"},
		{"two.yml", "\nremoterun: 2 mistakes; no host was contacted\n"},
		{"meta.yml", "meta.yml:3:13: meta: 'nothing' is not one of: noop, flush_handlers, end_host, end_play, end_batch, end_role, clear_facts, clear_host_errors, reset_connection, refresh_inventory\n        - meta: nothing\n                ^\nremoterun: 1 mistake; no host was contacted\n"},
		{"run|h1|-m|pnig", `remoterun: there is no module pnig; did you mean "ping"?`},
		{"run|h1|-m|nothing", "remoterun: there is no module nothing; remoterun doc lists them all\n"},
		{"run|h1|-m|file|-a|path=/x stat=touch", `remoterun: file: stat: there is no such argument; did you mean "state"?`},
		{"h1|-m|ping", "one task is run like this: remoterun run PATTERN -m MODULE -a ARGUMENTS\n"},
		{"run|h1|uptime", `what is "uptime"? Put -- before a command: remoterun run h1 -- uptime`},
		{"trust", "remoterun: it is used like this: remoterun trust HOST | GROUP | ADDRESS:PORT [flags]\n"},
		{"lint", "remoterun lint PLAYBOOK.yaml ... [flags]"},
		{"version|x", "it is used like this: remoterun version"},
		{"playbooks|nothing", "playbooks nothing: there is copy, list, show"},
		{"key|nothing", "key nothing: there is export, import, inspect, verify"},
		{"config|nothing", "config nothing: there is dump"},
		{"key|verify", "key verify needs a path: remoterun key verify keys/PROJECT@HOST"},
		{"site.yml|-f|0", "--forks 0: it has to be 1 or more"},
		{"site.yml|-f|x", `invalid argument "x" for "-f, --forks" flag: it takes a whole number`},
		{"site.yml|-T|-1", "--timeout -1: it has to be 1 or more"},
		{"site.yml|-c|telnet", "--connection telnet: it is one of ssh, local"},
		{"site.yml|--become-method|sudoo", "--become-method sudoo: it is one of sudo, su, doas"},
		{"site.yml|-l|@none", "none: file of a limit: no such file"},
		{"site.yml|-l|h1[3]", `"h1[3]": there are 1`},
		{"site.yml|-l|~[", `invalid host pattern "~["`},
		{"site.yml|-e|{x", "-e {x: "},
		{"site.yml|-e|@none.yml", "-e @none.yml: open none.yml: no such file"},
		{"site.yml|-e|x", `-e x: "x" is not name=value`},
		{"site.yml|-i|none.ini", "none.ini"},
		{"site.yml|--start-at-task|nothing", `no task that would run is named "nothing"`},
	} {
		out, errs, code := runWith(t, map[string]string{"HOME": t.TempDir()}, nil, strings.Split(c.args, "|")...)
		if code != exitUsage || !strings.Contains(errs, c.says) {
			t.Errorf("%s: exit code %d, and it does not say %q:\n%s%s", c.args, code, c.says, out, errs)
		}
	}
}

// TestVersion: both ways of asking say the same.
func TestVersion(t *testing.T) {
	out, _, code := runWith(t, nil, nil, "version")
	flag, _, codeOfFlag := runWith(t, nil, nil, "--version")
	if code != exitOK || codeOfFlag != exitOK || out != flag || !strings.HasPrefix(out, "remoterun "+version) {
		t.Errorf("%q and %q", out, flag)
	}
}

// TestStrangeTags: a tag that nothing has is a warning, with what was meant.
func TestStrangeTags(t *testing.T) {
	projectDir(t, map[string]string{
		"hosts":    "here ansible_connection=local\n",
		"site.yml": "- hosts: all\n  gather_facts: false\n  tags: [web]\n  tasks:\n    - debug:\n      tags: config\n    - include_tasks: more.yml\n",
		"more.yml": "- debug:\n  tags: inner\n",
	})
	for args, want := range map[string]string{
		"-t|confg":             `[WARNING]: no task is known to have the tag "confg"; did you mean "config"?` + "\n",
		"--skip-tags|database": `[WARNING]: no task is known to have the tag "database"` + "\n",
		"-t|config,web,tagged": "",
		"-t|inner":             `[WARNING]: no task is known to have the tag "inner"` + "\n", // which include_tasks does not pass on
		"":                     "",
	} {
		home := t.TempDir()
		out, errs, code := runWith(t, map[string]string{"HOME": home, "XDG_STATE_HOME": home}, nil, append([]string{"site.yml"}, strings.FieldsFunc(args, func(r rune) bool { return r == '|' })...)...)
		if code != 0 || errs != want {
			t.Errorf("%q: %d\n%s%s", args, code, out, errs)
		}
	}
}
