package inventory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree writes files below a new folder and moves there. A mode behind the name
// ("run 755") makes it executable.
func tree(t *testing.T, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name, exe := strings.CutSuffix(name, " 755")
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if exe {
			mode = 0o755
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

// load reads sources and returns errors and warnings as text.
func load(t *testing.T, sources ...string) (inv *Inventory, errs, warned string) {
	t.Helper()
	w := &warnings{}
	inv, err := Load(t.Context(), sources, Options{Warn: w.warn})
	if err != nil {
		errs = err.Error()
	}
	return inv, errs, strings.Join(w.list, "\n")
}

func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		src   []string
		want  string
	}{
		"all mistakes of an INI file at once": {map[string]string{"h.ini": strings.Join([]string{
			"web1 ansible_host",            // 1
			"web[1:a]",                     // 2
			"web[3:1]",                     // 3
			"web[01:10:x]",                 // 4
			"web[1:2",                      // 5
			"web1:ssh",                     // 6
			"web1:99999",                   // 7
			"joe@web1",                     // 8
			"web1:",                        // 9
			"ansible_host=1.2.3.4",         // 10
			"web1 x='open",                 // 11
			"web1 x={{ a }}",               // 12
			"[web:var]",                    // 13
			"skipped line of that section", // 14
			"[a b]",                        // 15
			"[web",                         // 16
			"[web] host",                   // 17
			"[web]",                        // 18
			"  web2   bad",                 // 19
			"[web:vars]",                   // 20
			"novalue",                      // 21
			"ansible_group_priority=high",  // 22
			"[prod:children]",              // 23
			"wbe",                          // 24
			"web extra",                    // 25
			"[prodd:vars]",                 // 26
			"x=1",                          // 27
			"[web:children]",               // 28
			"prod",                         // 29
			"[prod:children]",              // 30
			"web",                          // 31
			"web",
		}, "\n")}, []string{"h.ini"}, `h.ini:1:6: expected name=value behind the host's name, got: ansible_host
h.ini:2:1: host range [1:a]: begin and end must be two numbers or two letters
h.ini:3:1: host range [3:1]: begin must not be above end
h.ini:4:1: host range [01:10:x]: step "x" is not a number above 0
h.ini:5:1: "web[1:2": a bracket is missing
h.ini:6:1: port "ssh" of host "web1:ssh" is not a valid port
h.ini:7:1: port of "web1:99999" is not between 1 and 65535
h.ini:8:1: "joe@web1": a login name is given as a variable: web1 ansible_user=joe
h.ini:9:1: host "web1:" ends in a colon, which is kept for ports
h.ini:10:1: "ansible_host=1.2.3.4" stands where a host's name is expected (variables of a group stand under [group:vars])
h.ini:11:1: host line: no closing quotation mark
h.ini:12:11: expected name=value behind the host's name, got: a (a value with blanks must be quoted: name="{{ other }}")
h.ini:12:13: expected name=value behind the host's name, got: }} (a value with blanks must be quoted: name="{{ other }}")
h.ini:13:1: section [web:var] has the unknown type "var"; did you mean "vars"? (allowed: hosts, children, vars)
h.ini:15:1: invalid section [a b]: a group's name without spaces and brackets is expected
h.ini:16:1: [web: the closing bracket is missing
h.ini:19:10: expected name=value behind the host's name, got: bad
h.ini:21:1: expected name=value in [web:vars], got: novalue
h.ini:22:24: ansible_group_priority of group "web": 'high' is not a whole number
h.ini:24:1: [prod:children] includes the undefined group "wbe"; did you mean "web"?
h.ini:25:1: expected the name of a group in [prod:children], got: web extra
h.ini:26:1: [prodd:vars] is not valid for the undefined group "prodd"; did you mean "prod"?
h.ini:31:1: group "web" cannot be a child of "prod": that is a loop (prod > web > prod)
h.ini:32:1: group "web" cannot be a child of "prod": that is a loop (prod > web > prod)`},
		"all mistakes of a YAML file at once": {map[string]string{"h.yml": `
all:
  host:
    web1:
  hosts:
    - web1
    - web2
  children:
    web:
      hosts:
        12:
        "w[1:":
        w1: text
        w2: {a: 1}
      vars: [1]
    db: text
    up:
      children: {down: {children: {up: }}}
7: {}
`}, []string{"h.yml"}, `h.yml:3:3: group "all" has the unknown key 'host'; did you mean "hosts"? (allowed: hosts, vars, children)
h.yml:6:5: hosts of group "all" must be a mapping, got list (write each name with a colon behind it, without a dash)
h.yml:11:9: the name of a host must be text, got 12 (put it in quotes)
h.yml:12:10: "w[1:": a bracket is missing
h.yml:13:13: variables of host "w1" must be a mapping, got str
h.yml:15:13: vars of group "web" must be a mapping, got list
h.yml:16:9: group "db" must be a mapping, got str (allowed: hosts, vars, children)
h.yml:18:18: group "down" cannot be a child of "up": that is a loop (up > down > up)
h.yml:19:4: the name of a group must be text, got 7 (put it in quotes)`},
		"YAML syntax":    {map[string]string{"h.yml": "all:\n  hosts:\n\tweb1:\n"}, []string{"h.yml"}, "h.yml:3:1"},
		"INI in .yml":    {map[string]string{"h.yml": "web1\nweb2\n"}, []string{"h.yml"}, "h.yml:1:1: a YAML inventory is a mapping of groups, got str (is it an INI file? then it wants another ending)"},
		"YAML in .ini":   {map[string]string{"h.ini": "---\nall:\n"}, []string{"h.ini"}, "h.ini:1:1: \"---\" begins a YAML file, and this is read as INI (name the file .yml)\nh.ini:2:1: host \"all:\" ends in a colon, which is kept for ports"},
		"plug-in":        {map[string]string{"h.yml": "plugin: aws_ec2\n"}, []string{"h.yml"}, `h.yml:1:9: this configures the inventory plug-in "aws_ec2", and plug-ins are not run here: use a program that prints JSON, or a file made by ansible-inventory --list --export --yaml`},
		"TOML":           {map[string]string{"h.toml": ""}, []string{"h.toml"}, "h.toml: TOML inventories are not read: write INI or YAML"},
		"no file":        {nil, []string{"no.ini", "../gone/"}, "no.ini: no such file or directory\n../gone/: no such file or directory"},
		"no UTF-8":       {map[string]string{"h": "ok\n# \xff is fine here\nweb\xff\n"}, []string{"h"}, "h:3:1: is not UTF-8"},
		"vault unopened": {map[string]string{"h": "$ANSIBLE_VAULT;1.1;AES256\n00\n"}, []string{"h"}, "h: the file is a vault, and no vault password was given"},
		"vault value":    {map[string]string{"h.yml": "all:\n  vars:\n    x: !vault |\n      $ANSIBLE_VAULT;1.1;AES256\n      00\n"}, []string{"h.yml"}, "h.yml:3:8: a vault value, and no vault password was given"},
		"a list of hosts": {nil, []string{"web1,web[2:,a=b"}, `inventory "web1,web[2:,a=b": "web[2:": a bracket is missing
inventory "web1,web[2:,a=b": "a=b" stands where a host's name is expected (variables of a group stand under [group:vars])`},
		"a folder with nothing but .ini":   {map[string]string{"inv/hosts.ini": "web1\n"}, []string{"inv"}, "inv: no inventory in this folder: inv/hosts.ini is left out, as Ansible leaves out .ini and .cfg files in folders (name the file itself with -i, or take the ending away)"},
		"a program that fails":             {map[string]string{"run 755": "#!/bin/sh\necho no >&2\nexit 3\n"}, []string{"run"}, "run: run --list: exit status 3; it said: no"},
		"a program that prints no JSON":    {map[string]string{"run 755": "#!/bin/sh\necho [web]\n"}, []string{"run"}, "run: run --list printed no JSON: "},
		"a program that prints a list":     {map[string]string{"run 755": "#!/bin/sh\necho '[1]'\n"}, []string{"run"}, "run: run --list printed list where a mapping is expected"},
		"a program's wrong groups":         {map[string]string{"run 755": `#!/bin/sh` + "\n" + `echo '{"a": {"hosts": {"x": 1}}, "b": ["x", 2], "c": {"vars": 1}, "d": {"children": ["d"]}, "_meta": {"hostvars": {"x": 5}}}'` + "\n"}, []string{"run"}, "run: hosts of group \"a\" must be a list, got dict\nrun: a host of group \"b\" must be text, got 2\nrun: vars of group \"c\" must be a mapping, got int\nrun: group \"d\" cannot be a child of \"d\": that is a loop (d > d)\nrun: _meta.hostvars of \"x\" must be a mapping, got int"},
		"a program that is not executable": {map[string]string{"run": "#!/usr/bin/python3\nimport json\nprint(json.dumps({}))\n"}, []string{"run"}, "run: looks like a program and is not executable (chmod +x)"},
		"files of variables too":           {map[string]string{"h": "web1 x\n", "group_vars/all.yml": "a: [1\n", "group_vars/ungrouped.yml": "- 1\n", "host_vars/web1": "x: {{ y }}\n"}, []string{"h"}, "h:1:6: expected name=value behind the host's name, got: x\ngroup_vars/all.yml:1:6: "},
	} {
		t.Run(name, func(t *testing.T) {
			tree(t, c.files)
			_, errs, _ := load(t, c.src...)
			if strings.HasSuffix(c.want, ": ") || !strings.Contains(c.want, "\n") && strings.Count(c.want, ":") < 3 {
				if !strings.HasPrefix(errs, c.want) {
					t.Errorf("got\n%s\nwant it to begin with\n%s", errs, c.want)
				}
			} else if errs != c.want {
				t.Errorf("got\n%s\nwant\n%s", errs, c.want)
			}
		})
	}
}
