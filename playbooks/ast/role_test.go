package ast_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"remoterun/playbooks/ast"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// roleFiles is a project with a play that uses roles.
func roleProject(play string, more ...string) map[string]string {
	files := map[string]string{
		"site.yml":                      play,
		"roles/web/tasks/main.yml":      "- ping:\n",
		"roles/web/handlers/main.yml":   "- name: reload\n  ping:\n",
		"roles/self/meta/main.yml":      "dependencies: [self]\n",
		"roles/one/meta/main.yml":       "dependencies: [{role: two}]\n",
		"roles/two/meta/main.yml":       "dependencies: [one]\n",
		"roles/again/tasks/main.yml":    "- import_role: {name: again}\n",
		"roles/other/tasks/main.yml":    "- include_role: {name: other, tasks_from: more}\n",
		"roles/other/tasks/more.yml":    "- ping:\n",
		"roles/heard/handlers/main.yml": "- name: it\n  ping:\n  listen: said\n",
		"roles/heard/tasks/main.yml":    "- ping:\n",
		"roles/list/vars/main.yml":      "- a\n",
		"roles/web/tasks/deep/on.yml":   "- ping:\n",
		"roles/tasks/on.yml":            "- ping:\n",
		"roles/text/tasks/main.yml":     "a: b\n",
		"requirements.yml":              "roles:\n  - src: https://git.example.com/ops/ansible-ntp.git\n    name: ntp\n    version: v2\n  - geerlingguy.docker\ncollections:\n  - name: my.coll\n    version: 1.2.0\n",
	}
	for i := 0; i+1 < len(more); i += 2 {
		files[more[i]] = more[i+1]
	}
	return files
}

func TestRoleMistakes(t *testing.T) {
	for name, c := range map[string]struct{ play, want string }{
		"unknown":                   {"- hosts: all\n  roles: [wbe]\n", `site.yml:2:11: role wbe is not there (looked for roles/wbe, wbe); did you mean "web"?`},
		"required":                  {"- hosts: all\n  roles: [ntp]\n", "site.yml:2:11: role ntp is not there (looked for roles/ntp, ntp): requirements.yml has it from https://git.example.com/ops/ansible-ntp.git v2; ansible-galaxy install -r requirements.yml -p roles gets it, and so does a copy of it in that folder"},
		"galaxy":                    {"- hosts: all\n  roles: [geerlingguy.docker]\n", "site.yml:2:11: role geerlingguy.docker is not there (looked for roles/geerlingguy.docker, geerlingguy.docker): requirements.yml has it from geerlingguy.docker; ansible-galaxy install"},
		"collection":                {"- hosts: all\n  roles: [my.coll.web]\n", "site.yml:2:11: role my.coll.web is not there (looked for roles/my.coll.web, my.coll.web): requirements.yml has it from the collection my.coll 1.2.0; "},
		"old include of a playbook": {"- include: site.yml\n  hosts: all\n", "site.yml:1:3: include of a playbook is gone from Ansible: use import_playbook"},
		"itself":                    {"- hosts: all\n  roles: [self]\n", "roles/self/meta/main.yml:1:16: role self brings itself in"},
		"cycle":                     {"- hosts: all\n  roles: [one]\n", "roles/two/meta/main.yml:1:16: these roles bring each other in without end: one -> two -> one"},
		"imports itself":            {"- hosts: all\n  roles: [again]\n", "roles/again/tasks/main.yml:1:23: role again brings itself in"},
		"other entry":               {"- hosts: all\n  roles: [other]\n", ""},
		"not a list":                {"- hosts: all\n  roles: {a: b}\n", "site.yml:2:10: roles must be a list of roles, not a mapping"},
		"no name":                   {"- hosts: all\n  roles: [{tags: x}]\n", "site.yml:2:11: a role needs a name: role: NAME"},
		"old form":                  {"- hosts: all\n  roles: ['web,v1']\n", `site.yml:2:12: role "web,v1": sources and versions of roles stand in requirements.yml, here is only the name`},
		"vars":                      {"- hosts: all\n  roles: [list]\n", "roles/list/vars/main.yml:1:1: a file of variables must be a mapping, this one is a list"},
		"tasks":                     {"- hosts: all\n  roles: [text]\n", "roles/text/tasks/main.yml:1:1: a file of tasks must be a list of tasks, this one is a mapping"},
		"topic of a role":           {"- hosts: all\n  roles: [heard]\n  tasks: [{ping: , notify: ['heard : said', said, 'heard : it']}]\n", ""},
		"tasks_from below a folder": {"- hosts: all\n  tasks: [{import_role: {name: web, tasks_from: deep/on}}, {import_role: {name: web, tasks_from: deep/on.yml}}]\n", ""},
		"tasks_from, its last name": {"- hosts: all\n  tasks: [{import_role: {name: other, tasks_from: gone/more}}]\n", ""},
		"tasks_from leads out":      {"- hosts: all\n  tasks: [{import_role: {name: web, tasks_from: ../../tasks/on}}]\n", "site.yml:2:32: role web has no file tasks/../../tasks/on"},
		"tasks_from":                {"- hosts: all\n  tasks: [{import_role: {name: web, tasks_from: nope}}]\n", "site.yml:2:32: role web has no file tasks/nope"},
		"import word":               {"- hosts: all\n  tasks: [{import_role: {name: web, apply: {tags: x}}}]\n", "site.yml:2:37: import_role has no apply: its tasks inherit every keyword"},
		"import, public":            {"- hosts: all\n  tasks: [{import_role: {name: web, public: true}}]\n", ""},
		"import, not public":        {"- hosts: all\n  tasks: [{import_role: {name: web, public: no}}]\n", "site.yml:2:37: the variables of import_role are seen by all tasks: include_role keeps them to its own"},
		"import loop":               {"- hosts: all\n  tasks: [{import_role: {name: web}, loop: [1]}]\n", "site.yml:2:38: import_role cannot loop: use include_role"},
		"import argument":           {"- hosts: all\n  tasks: [{import_role: {name: web, task_from: x}}]\n", `site.yml:2:37: import_role has no argument "task_from"; did you mean "tasks_from"?`},
		"include word":              {"- hosts: all\n  tasks: [{include_role: {name: web}, become: true}]\n", `site.yml:2:39: include_role has no keyword "become": put it under apply: to hand it to the tasks`},
		"as a handler":              {"- hosts: all\n  handlers: [{name: x, include_role: {name: web}}]\n", "site.yml:2:14: a handler cannot be include_role: include_tasks can"},
		"handler":                   {"- hosts: all\n  roles: [web]\n  tasks: [{ping: , notify: relaod}]\n", `site.yml:3:28: notify: no handler of this play is called "relaod"; did you mean "reload"?`},
		"handler of a role":         {"- hosts: all\n  roles: [web]\n  tasks: [{ping: , notify: ['web : reload', reload]}]\n", ""},
		"noise":                     {"- hosts: all\n  roles: [nope]\n  tasks: [{debug: {msg: '{{ nope_var }}'}}, {ping: , notify: of nope}]\n", "site.yml:2:11: role nope is not there (looked for roles/nope, nope)"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, got, _ := load(t, roleProject(c.play))
			got = withoutAllowed(got)
			if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" || strings.Contains(got, "\n") {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

// advice is what to use meanwhile, which changes with the modules that are there.
var advice = regexp.MustCompile(`not yet; [^(\n]* \(`)

// TestBranches: what stands in a branch that need not be taken is a warning with
// its condition, never a mistake.
func TestBranches(t *testing.T) {
	for name, c := range map[string]struct{ tasks, want string }{
		"module":              {"- pacman: {name: x}\n  when: from_inventory == 'Arch'", "site.yml:3:7: pacman: Ansible has it (community.general), remoterun has not yet (fails only where it is run; when: from_inventory == 'Arch')"},
		"in a block":          {"- when: from_inventory == 'x'\n  block:\n    - pacman: {name: x}", "site.yml:5:11: pacman: Ansible has it (community.general), remoterun has not yet (fails only where it is run; when: from_inventory == 'x')"},
		"in a file":           {"- include_tasks: arch.yml\n  when: from_inventory == 'x'", "arch.yml:1:3: pacman: Ansible has it"},
		"slip in a file":      {"- include_tasks: slip.yml\n  when: from_inventory == 'x'", "slip.yml:1:3: there is no module pnig; did you mean \"ping\"? (fails only where it is run; when: from_inventory == 'x')"},
		"of elsewhere":        {"- my.coll.thing: {}\n  when: false", "site.yml:3:7: there is no module my.coll.thing: remoterun has none of the collection my.coll (fails only"},
		"argument":            {"- copy: {dest: /x, content: a, ower: root}\n  ignore_errors: true", "site.yml:3:36: copy: ower: there is no such argument (fails only where it is run; ignore_errors)"},
		"rescued":             {"- block: [{copy: {dest: /x, content: a, ower: root}}]\n  rescue: [{ping: }]", "site.yml:3:45: copy: ower: there is no such argument (fails only where it is run; it is rescued)"},
		"in a rescue":         {"- block: [{ping: }]\n  rescue: [{pacman: {name: x}}]", "site.yml:4:17: pacman: Ansible has it (community.general), remoterun has not yet (fails only where it is run; rescue: only after a failure)"},
		"template":            {"- debug: {msg: '{{ (a }}'}\n  when: false", "site.yml:3:21: unbalanced parenthesis (fails only where it is run; when: False)"},
		"role":                {"- include_role: {name: none}\n  when: false", "site.yml:3:28: role none is not there (looked for roles/none, none) (fails only where it is run; when: False)"},
		"loop":                {"- pacman: {name: x}\n  loop: '{{ from_inventory }}'", "site.yml:3:7: pacman: Ansible has it (community.general), remoterun has not yet (fails only where it is run; a loop may be empty)"},
		"loop of a condition": {"- ping:\n  loop: '{{ jobs }}'\n  when: jobs is defined", ""},
		"unused variable":     {"- ping:\n  vars: {a: '{{ nobody }}'}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			files := tasks(c.tasks)
			files["slip.yml"] = "- pnig:\n"
			files["arch.yml"] = "- pacman: {name: x}\n"
			_, _, mistakes, warnings := load(t, files)
			if mistakes != "" {
				t.Errorf("mistakes:\n%s", mistakes)
			}
			got := advice.ReplaceAllString(withoutAllowed(strings.Join(warnings, "\n")), "not yet (")
			if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

// TestBoundBranches: where the task is bound to run the same is a mistake.
func TestBoundBranches(t *testing.T) {
	for name, c := range map[string]struct{ tasks, want string }{
		"module":   {"- pacman: {name: x}", "site.yml:3:7: pacman: Ansible has it"},
		"argument": {"- copy: {dest: /x, content: a, ower: root}", "site.yml:3:36: copy: ower: there is no such argument"},
		"slip":     {"- pign:\n  when: false", `site.yml:3:7: there is no module pign; did you mean "ping"?`},
		"variable": {"- debug: {msg: '{{ a }}'}\n  vars: {a: '{{ nobody }}'}", "site.yml:4:21: nothing in this project defines nobody"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, got, _ := load(t, tasks(c.tasks))
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

// TestRoleNoun holds what a role is made of.
func TestRoleNoun(t *testing.T) {
	book, _, mistakes, _ := load(t, roleProject("- hosts: all\n  roles:\n    - {role: app, app_port: 1, vars: {a: given}, tags: [t], when: from_inventory}\n",
		"roles/app/meta/main.yaml", "allow_duplicates: true\ndependencies: [{role: web, vars: {a: of web}}]\n",
		"roles/app/defaults/main/a.yml", "a: default\nb: first\n", "roles/app/defaults/main/b.yml", "b: second\n", "roles/app/defaults/main/c.txt", "no",
		"roles/app/vars/main", "c: var\n", "roles/app/tasks/main.yml", "- name: x\n  ping:\n"))
	if mistakes != "" {
		t.Fatal(mistakes)
	}
	b := book.Plays[0].Tasks[0].(*play.Block)
	r := b.Role
	if r.Name != "app" || !r.Repeats || len(b.Body) != 2 || !slices.Equal(b.Tags, []string{"t"}) || len(b.When) != 1 || len(r.Deps) != 1 {
		t.Errorf("%+v %+v", b, r)
	}
	for want, m := range map[string]*value.Map{"{'a': 'default', 'b': 'second'}": r.Defaults, "{'a': 'given', 'c': 'var'}": r.Vars, "{'app_port': 1}": r.Params} {
		if got := value.Repr(value.FromMap(m)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	web := b.Body[0].(*play.Block).Role
	if len(web.Dirs) != 2 || web.Dirs[0] != web.Path || web.Dirs[1] != r.Path || value.Repr(value.FromMap(web.Vars)) != "{'a': 'of web', 'c': 'var'}" {
		t.Errorf("%+v", web)
	}
	if task := b.Body[1].(*play.Task); task.Title() != "app : x" || task.Role != r {
		t.Errorf("%q %p", task.Title(), task.Role)
	}
	if l := ast.List(book, nil)[0].Tasks; len(l) != 2 || l[0].Name != "ping" || l[1].Name != "app : x" {
		t.Errorf("listed %+v", l)
	}
	if h := book.Plays[0].Handlers; len(h) != 1 || h[0].(*play.Block).Body[0].(*play.Task).Title() != "web : reload" {
		t.Errorf("handlers %+v", h)
	}
}

// TestHandlersOfAnIncludeAreNotThePlays: a file that is only looked into brings its
// handlers at its turn, and a role that it imports is still new to the play.
func TestHandlersOfAnIncludeAreNotThePlays(t *testing.T) {
	book, _, mistakes, _ := load(t, roleProject("- hosts: all\n  tasks:\n  - include_tasks: more.yml\n  - import_role: {name: web}\n",
		"more.yml", "- import_role: {name: web}\n"))
	if mistakes != "" {
		t.Fatal(mistakes)
	}
	p := book.Plays[0]
	if len(p.Handlers) != 1 || p.Handlers[0].(*play.Block).Role.Name != "web" {
		t.Errorf("the play has %d blocks of handlers, and the role that it imports brings one", len(p.Handlers))
	}
}
