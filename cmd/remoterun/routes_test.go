package main

import (
	"os"
	"strings"
	"testing"
)

// hostTexts are what a hostile host says: each runs a program of the operator's
// machine when it is read as a template, or h4's as an expression.
var hostTexts = map[string]string{
	"h1": `{{ lookup("pipe", "touch CANARY") }}`,
	"h2": `{% set x = lookup("pipe", "touch CANARY") %}{{ x }}`,
	"h3": `{"{{ lookup('pipe', 'touch CANARY') }}": ["{{ lookup('pipe', 'touch CANARY') }}", "{% if lookup('pipe', 'touch CANARY') %}{% endif %}"]}`,
	"h4": `lookup("pipe", "touch CANARY")`,
}

// routes are the ways on which a host's text can come back into a template. Each
// ends with a variable or a name that is looked at again: got. x.stdout and the
// file said hold the text; a route that "fails" ends in an error that has it.
var routes = []struct{ name, tasks string }{
	{"registered", `
- set_fact: {got: "{{ x }}"}`},
	{"lines", `
- set_fact: {got: "{{ x.stdout_lines }}"}`},
	{"stderr", `
- shell: cat said >&2
  args: {chdir: "{{ own }}"}
  register: e
- set_fact: {got: "{{ [e.stderr, e.stderr_lines] }}"}`},
	{"registered by a loop", `
- command: "cat {{ own }}/said"
  loop: [1, 2]
  register: r
- set_fact: {got: "{{ r.results | map(attribute='stdout') | list }}"}`},
	{"the command's own words", `
- command: echo "{{ x.stdout | quote }}"
  register: r
- set_fact: {got: "{{ r.cmd }}{{ r.stdout }}"}`},
	{"mixed into text", `
- set_fact: {got: "it says {{ x.stdout }} twice"}`},
	{"joined", `
- set_fact: {got: "{{ '{' ~ x.stdout[1:] }}"}`},
	{"cut and made whole again", `
- set_fact: {a: "{{ x.stdout[:1] }}", b: "{{ x.stdout[1:] }}"}
- set_fact: {got: "{{ a }}{{ b }}"}`},
	{"braces of our own around it", `
- set_fact: {inside: "{{ x.stdout | regex_replace('^[{%]+|[%}]+$', '') }}"}
- set_fact: {got: "{{ '{' }}{ {{ inside }} }}"}`},
	{"filters", `
- set_fact:
    got: >-
      {{ [x.stdout | upper | lower, x.stdout | trim, x.stdout | replace('touch', 'touch'), x.stdout | regex_replace('touch', 'touch'), [x.stdout] | join(''), x.stdout | string, x.stdout | b64encode | b64decode, x.stdout | indent, x.stdout | default('') , x.stdout | split('~') | first, '%s' | format(x.stdout), x.stdout | reverse | reverse, x.stdout | list | join, x.stdout | urlencode | urldecode, [x.stdout] | to_json | from_json, [x.stdout] | to_yaml | from_yaml] }}`},
	{"a name of set_fact", `
- set_fact: {"{{ 'n_' ~ (x.stdout | hash('md5')) }}": "{{ x.stdout }}"}
- set_fact: {got: "{{ lookup('vars', 'n_' ~ (x.stdout | hash('md5'))) }}"}`},
	{"a bad name of set_fact fails", `
- set_fact: {"{{ x.stdout }}": 1}`},
	{"set_fact of a mapping", `
- set_fact: {m: "{{ {x.stdout: x.stdout} }}"}
- set_fact: {got: "{{ m | dict2items }}"}`},
	{"keys of a mapping", `
- set_fact: {m: "{{ {x.stdout: 1} }}"}
- set_fact: {got: "{{ m.keys() | list | first }}"}
- debug: {msg: "{{ item }}"}
  loop: "{{ m.keys() | list }}"`},
	{"cacheable facts", `
- set_fact: {kept: "{{ x.stdout }}", cacheable: true}
- set_fact: {got: "{{ ansible_facts.kept }}"}`},
	{"facts of its own", `
- setup: {fact_path: "{{ own }}/facts", filter: ansible_local}
- set_fact: {got: "{{ ansible_local }}{{ ansible_facts['ansible_local'] }}"}`},
	{"names of files", `
- shell: touch "$(tr / _ < said)"
  args: {chdir: "{{ own }}"}
- find: {paths: "{{ own }}", patterns: "*CANARY*"}
  register: f
- set_fact: {got: "{{ f.files | map(attribute='path') | list }}"}
- stat: {path: "{{ f.files[0].path }}"}
- debug: {msg: "{{ lookup('fileglob', own ~ '/*CANARY*') }}"}`},
	{"a fetched file", `
- fetch: {src: "{{ own }}/said", dest: "{{ own }}/got", flat: true}
- set_fact: {got: "{{ lookup('file', own ~ '/got') }}{{ lookup('pipe', 'cat ' ~ own ~ '/got') }}{{ lookup('lines', 'cat ' ~ own ~ '/got') }}"}`},
	{"variables of a fetched file", `
- copy: {content: "{{ {'got': x.stdout} | to_json }}", dest: "{{ own }}/said.yml"}
- fetch: {src: "{{ own }}/said.yml", dest: "{{ own }}/got.yml", flat: true}
- include_vars: "{{ own }}/got.yml"
- include_vars: {dir: "{{ own }}", files_matching: got.yml, name: under}
- debug: {msg: "{{ under.got }}{{ got }}{{ x.stdout }}"}`},
	{"a fetched template fails", `
- fetch: {src: "{{ own }}/said", dest: "{{ own }}/in/", flat: true}
- template: {src: "{{ own }}/in/said", dest: "{{ own }}/rendered"}`},
	{"a fetched template of a lookup fails", `
- fetch: {src: "{{ own }}/said", dest: "{{ own }}/got", flat: true}
- file: {src: got, dest: "{{ own }}/link", state: link}
- debug: {msg: "{{ lookup('template', own ~ '/link') }}"}`},
	{"a fetched template that another one takes in fails", `
- fetch: {src: "{{ own }}/said", dest: "{{ own }}/got", flat: true}
- template: {src: takes.j2, dest: "{{ own }}/rendered"}`},
	{"fetched tasks fails", `
- copy: {content: "{{ [{'debug': {'msg': x.stdout}}] | to_json }}", dest: "{{ own }}/said.yml"}
- fetch: {src: "{{ own }}/said.yml", dest: "{{ own }}/tasks.yml", flat: true}
- include_tasks: "{{ own }}/tasks.yml"`},
	{"slurp", `
- slurp: {src: "{{ own }}/said"}
  register: s
- set_fact: {got: "{{ s.content | b64decode }}"}`},
	{"lookups", `
- set_fact:
    got: >-
      {{ [lookup('vars', 'x').stdout, lookup('dict', {'k': x.stdout}), lookup('items', [x.stdout]), lookup('list', [x.stdout]), lookup('nested', [x.stdout], [1]), lookup('together', [x.stdout], [1]), lookup('indexed_items', [x.stdout]), lookup('varnames', 'none'), query('items', [x.stdout]), q('flattened', [[x.stdout]]), lookup('subelements', [{'a': [x.stdout]}], 'a')] }}`},
	{"a template that prints it", `
- set_fact: {got: "{{ lookup('template', 'prints.j2') }}"}
- template: {src: prints.j2, dest: "{{ own }}/printed"}`},
	// The paths are our own words: a name of a host's would bring the mark along.
	{"loops over lookups", `
- debug: {msg: "{{ item }}"}
  loop: "{{ [lookup('file', 'own/h1/said'), lookup('file', 'own/h2/said'), lookup('file', 'own/h3/said')] }}"
- debug: {msg: "{{ item }}"}
  with_lines: cat own/h1/said own/h2/said own/h3/said
- debug: {msg: "{{ item }}"}
  with_file: [own/h1/said, own/h2/said, own/h3/said]
- debug: {msg: "{{ item }} {{ inner }}"}
  loop: "{{ query('pipe', 'cat own/h1/said') + query('lines', 'cat own/h2/said own/h3/said') }}"
  vars: {inner: "{{ item }}"}
- set_fact: {got: "{{ item }}"}
  with_lines: cat own/h1/said own/h2/said own/h3/said`},
	{"a variable that is a lookup", `
- debug: {msg: "{{ there }} {{ within.a }}"}
  vars: {there: "{{ lookup('file', 'own/h1/said') }}", within: {a: "{{ there }}"}}
- include_tasks: taken.yml
  vars: {given: "{{ lookup('file', 'own/h2/said') }}"}
- add_host: {name: other, given: "{{ lookup('file', 'own/h1/said') }}"}
- debug: {msg: "{{ hostvars.other.given }}"}
- set_fact: {got: "{{ lookup('pipe', 'cat own/h1/said') }}", more: {k: "{{ lookup('file', 'own/h2/said') }}"}}
- debug: {msg: "{{ more }} {{ lookup('vars', 'more').k }}"}`},
	{"a lookup's error fails", `
- debug: {msg: "{{ lookup('file', x.stdout) }}"}`},
	{"a dictionary of json", `
- set_fact: {doc: "{{ ('{\"k\": ' ~ (x.stdout | to_json) ~ '}') | from_json }}"}
- set_fact: {got: "{{ doc.k }}"}`},
	{"the text is json", `
- set_fact: {doc: "{{ x.stdout | from_yaml if inventory_hostname == 'h3' else x.stdout }}"}
- set_fact: {got: "{{ doc }}"}`},
	{"text that looks like json", `
- command: "cat {{ own }}/json"
  register: j
- set_fact: {doc: "{{ j.stdout | from_json }}"}
- set_fact: {got: "{{ doc.list[0] }}{{ doc | dict2items }}"}`},
	{"yaml of all documents", `
- command: "cat {{ own }}/json"
  register: j
- set_fact: {got: "{{ j.stdout | from_yaml_all | list }}"}`},
	{"ansible_failed_result", `
- block:
    - shell: cat said; cat said >&2; exit 1
      args: {chdir: "{{ own }}"}
  rescue:
    - set_fact: {got: "{{ ansible_failed_result }}{{ ansible_failed_result.stdout }}{{ ansible_failed_result.msg }}"}`},
	{"ansible_failed_task", `
- block:
    - fail: {msg: "{{ x.stdout }}"}
  rescue:
    - set_fact: {got: "{{ ansible_failed_task }}{{ ansible_failed_result.msg }}"}
    - debug: {var: ansible_failed_task}`},
	{"a message of fail fails", `
- fail: {msg: "{{ x.stdout }}"}`},
	{"an error of a filter fails", `
- debug: {msg: "{{ x.stdout | from_json | int + 'x' }}{{ x.stdout.nothing }}"}`},
	{"assert that fails", `
- assert: {that: "x.stdout == 'x'", fail_msg: "{{ x.stdout }}"}`},
	{"assert's conditions fails", `
- assert: {that: "{{ x.stdout }}"}`},
	{"assert's message", `
- assert: {that: "x.stdout != 'x'", success_msg: "{{ x.stdout }}"}
  register: r
- set_fact: {got: "{{ r.msg }}"}`},
	{"when fails", `
- debug: {msg: hi}
  when: "{{ x.stdout }}"`},
	{"changed_when fails", `
- command: "true"
  changed_when: "{{ x.stdout }}"`},
	{"failed_when fails", `
- command: "true"
  failed_when: "{{ x.stdout }}"`},
	{"until fails", `
- command: "true"
  until: "{{ x.stdout }}"
  retries: 1
  delay: 0`},
	{"a variable as condition", `
- set_fact: {got: "{{ x.stdout }}"}
- debug: {msg: hi}
  when: got
  failed_when: not got
  changed_when: got`},
	{"debug's var fails", `
- debug: {var: "{{ x.stdout }}"}
- fail: {msg: "{{ x.stdout }}"}`},
	{"a task's name", `
- name: "look at {{ x.stdout }}"
  set_fact: {got: "{{ x.stdout }}"}`},
	{"loops", `
- set_fact: {got: "{{ item }}"}
  loop: "{{ x.stdout_lines }}"
- set_fact: {got: "{{ item.value }}"}
  with_dict: "{{ {x.stdout: x.stdout} }}"
- debug: {msg: "{{ item }}"}
  with_items: ["{{ x.stdout }}"]`},
	{"a loop's label", `
- debug: {msg: "{{ item }}"}
  loop: [1]
  loop_control: {label: "{{ x.stdout }}"}
- set_fact: {got: "{{ x.stdout }}"}`},
	{"a loop's registered item", `
- command: "true"
  loop: "{{ [x.stdout] }}"
  register: r
- set_fact: {got: "{{ r.results[0].item }}"}`},
	{"ansible_loop", `
- debug: {msg: "{{ ansible_loop }}"}
  loop: "{{ [x.stdout, x.stdout] }}"
  loop_control: {extended: true}
- set_fact: {got: "{{ x.stdout }}"}`},
	{"hostvars", `
- set_fact: {s: "{{ x.stdout }}"}
- set_fact: {got: "{{ hostvars[inventory_hostname].s }}{{ hostvars[inventory_hostname].x.stdout }}{{ hostvars.h1.x.stdout }}"}
- debug: {var: hostvars}`},
	{"vars", `
- set_fact: {s: "{{ x.stdout }}"}
- set_fact: {got: "{{ vars['s'] }}{{ vars.x.stdout }}"}
- debug: {var: vars}`},
	{"variables of a task and a block", `
- block:
    - set_fact: {got: "{{ a }}{{ b }}{{ c.k }}"}
      vars: {b: "{{ a }}", c: {k: "{{ x.stdout }}"}}
  vars: {a: "{{ x.stdout }}"}`},
	{"a name of include_tasks fails", `
- include_tasks: "{{ x.stdout }}"`},
	{"variables of include_tasks", `
- include_tasks: taken.yml
  vars: {given: "{{ x.stdout }}"}
- include_tasks: taken.yml
  loop: "{{ [x.stdout] }}"
  loop_control: {loop_var: given}`},
	{"a name of include_vars fails", `
- include_vars: "{{ x.stdout }}"`},
	{"the name for include_vars", `
- include_vars: {file: plain.yml, name: "{{ x.stdout }}"}
  register: r
- set_fact: {got: "{{ r }}"}`},
	{"delegate_to fails", `
- command: "true"
  delegate_to: "{{ x.stdout }}"`},
	{"delegate_facts", `
- set_fact: {theirs: "{{ x.stdout }}"}
  delegate_to: other
  delegate_facts: true
- set_fact: {got: "{{ hostvars.other.theirs }}"}`},
	{"notify fails", `
- command: "true"
  notify: "{{ x.stdout }}"`},
	{"group_by", `
- group_by: {key: "os_{{ x.stdout | replace('{', '') | replace('}', '') | replace('%', '') | replace('\n', '') }}"}
- set_fact: {got: "{{ group_names }}{{ groups }}{{ groups.keys() | list }}"}`},
	{"group_by with the text fails", `
- group_by: {key: "os_{{ x.stdout }}"}`},
	{"parents of group_by fails", `
- group_by: {key: fine, parents: ["{{ x.stdout }}"]}`},
	{"add_host fails", `
- add_host: {name: "{{ x.stdout }}"}`},
	{"groups of add_host fails", `
- add_host: {name: added, groups: ["{{ x.stdout }}"]}`},
	{"variables of add_host", `
- add_host: {name: "added-{{ inventory_hostname }}", said: "{{ x.stdout }}", deep: {k: ["{{ x.stdout }}"]}}
- set_fact: {got: "{{ hostvars[added].said }}{{ hostvars[added].deep }}"}
  vars: {added: added-h1}
- debug: {var: "hostvars['added-h1']"}`},
	{"names of variables of add_host", `
- add_host: {name: "added-{{ inventory_hostname }}", "{{ x.stdout }}": 1}
- set_fact: {got: "{{ hostvars['added-h1'].keys() | list }}"}`},
	{"environment", `
- shell: 'printf %s "$SAID"'
  environment: {SAID: "{{ x.stdout }}"}
  register: r
- set_fact: {got: "{{ r.stdout }}"}`},
	{"a difference", `
- copy: {content: "{{ x.stdout }}", dest: "{{ own }}/copied"}
  diff: true
  register: r
- set_fact: {got: "{{ r }}"}`},
	{"lineinfile", `
- lineinfile: {path: "{{ own }}/line", line: "{{ x.stdout }}", create: true}
  register: r
- set_fact: {got: "{{ r }}{{ x.stdout }}"}`},
	{"an option of a module fails", `
- file: {path: "{{ own }}/said", state: "{{ x.stdout }}"}`},
	{"a user to become fails", `
- command: "true"
  become: true
  become_user: "{{ x.stdout }}"`},
	{"ignored and unreachable texts", `
- command: "cat {{ own }}/none{{ x.stdout }}"
  ignore_errors: true
  register: r
- set_fact: {got: "{{ r.msg }}{{ r }}"}`},
	{"the play's hosts", `
- set_fact: {got: "{{ [ansible_play_hosts, ansible_play_hosts_all, ansible_play_batch, inventory_hostname, inventory_hostname_short, x.stdout] }}"}`},
	{"with_ forms", `
- set_fact: {got: "{{ item }}"}
  with_lines: ["cat {{ own }}/said"]
- set_fact: {got: "{{ item }}"}
  with_file: ["{{ own }}/said"]`},
	{"macros and namespaces", `
- set_fact: {got: "{% macro m(t) %}<{{ t }}>{% endmacro %}{% set ns = namespace(a='') %}{% for l in x.stdout_lines %}{% set ns.a = ns.a ~ l %}{% endfor %}{{ m(ns.a) }}"}`},
	{"comparison and choice", `
- set_fact: {got: "{{ [x.stdout, 'a'] | sort | last }}{{ (x.stdout, 'a') | max }}{{ x.stdout or 'a' }}{{ [x.stdout] | unique }}{{ [[x.stdout]] | flatten }}{{ {'a': 1} | combine({'b': x.stdout}) }}{{ [x.stdout] | zip([1]) | list }}{{ [{'k': x.stdout}] | items2dict(key_name='k', value_name='k') }}{{ [{'k': x.stdout}] | groupby('k') }}{{ [{'k': x.stdout}] | json_query('[*].k') }}"}`},
	{"regex_search and findall", `
- set_fact: {got: "{{ x.stdout | regex_search('.*', multiline=false) }}{{ x.stdout | regex_findall('.+') }}{{ x.stdout | regex_search('(.*)', '\\1') }}"}`},
	{"ternary and mandatory", `
- set_fact: {got: "{{ true | ternary(x.stdout, 1) }}{{ x.stdout | mandatory }}{{ x.stdout | comment }}{{ x.stdout | wordwrap }}{{ x.stdout | center(200) }}{{ x.stdout | escape }}"}`},
	{"extract", `
- set_fact: {got: "{{ ['h1', 'h2', 'h3'] | map('extract', hostvars, ['x', 'stdout']) | list }}"}`},
	{"tags and listen", `
- set_fact: {got: "{{ x.stdout }}"}
  tags: ["{{ x.stdout | default('t') }}"]`},
	{"a job that was left alone", `
- command: "cat {{ own }}/said"
  async: 30
  poll: 0
  register: job
- async_status: {jid: "{{ job.ansible_job_id }}"}
  register: done
  until: done.finished
  retries: 20
  delay: 1
- set_fact: {got: "{{ done }}{{ done.stdout }}{{ job }}"}
- set_fact: {got: "{{ done.stdout_lines }}{{ done.cmd }}"}`},
	{"a job that was waited for", `
- shell: cat said; cat said >&2; exit 1
  args: {chdir: "{{ own }}"}
  async: 30
  poll: 1
  ignore_errors: true
  register: done
- set_fact: {got: "{{ [done.stdout, done.stderr, done.msg] }}"}`},
	{"statistics", `
- set_stats: {data: {said: "{{ x.stdout }}", "{{ 'k' ~ (x.stdout | hash('md5')) }}": ["{{ x.stdout }}"]}}
  register: r
- set_fact: {got: "{{ r }}{{ x.stdout }}"}`},
	{"a role's variables", `
- include_role: {name: takes}
  vars: {given: "{{ x.stdout }}"}
- import_role: {name: takes}
  vars: {given: "{{ x.stdout_lines }}"}`},
	{"a role's defaults", `
- include_role: {name: takes}
- set_fact: {got: "{{ got }}{{ x.stdout }}"}`},
	{"a role's name fails", `
- include_role: {name: "{{ x.stdout }}"}`},
	{"the file of a role's tasks fails", `
- include_role: {name: takes, tasks_from: "{{ x.stdout }}"}`},
	{"a task that is tried again", `
- shell: cat said >&2; exit 1
  args: {chdir: "{{ own }}"}
  retries: 1
  delay: 0
  until: t is success
  register: t
  ignore_errors: true
- set_fact: {got: "{{ t }}{{ t.stderr }}{{ t.msg }}"}`},
	{"a port fails", `
- add_host: {name: "p-{{ inventory_hostname }}", ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: "{{ x.stdout }}"}
- command: "true"
  delegate_to: "p-{{ inventory_hostname }}"`},
	{"a user fails", `
- add_host: {name: "p-{{ inventory_hostname }}", ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1, ansible_user: "{{ x.stdout }}"}
- command: "true"
  delegate_to: "p-{{ inventory_hostname }}"
  ignore_errors: true
  ignore_unreachable: true
- fail: {msg: "{{ x.stdout }}"}`},
	{"a shell's program fails", `
- command: "true"
  vars: {ansible_shell_executable: "{{ x.stdout }}"}
- fail: {msg: "{{ x.stdout }}"}`},
	{"a task's timeout fails", `
- command: "true"
  timeout: "{{ x.stdout }}"`},
	{"retries fails", `
- command: "true"
  until: false
  retries: "{{ x.stdout }}"`},
	{"a loop's pause fails", `
- command: "true"
  loop: [1, 2]
  loop_control: {pause: "{{ x.stdout }}"}`},
	{"throttle fails", `
- command: "true"
  throttle: "{{ x.stdout }}"`},
	{"ignore_errors fails", `
- command: "false"
  ignore_errors: "{{ x.stdout }}"`},
	{"check_mode fails", `
- command: "true"
  check_mode: "{{ x.stdout }}"`},
	{"no_log fails", `
- command: "true"
  no_log: "{{ x.stdout }}"`},
	{"pause", `
- pause: {seconds: 0, prompt: "{{ x.stdout }}"}
  register: p
- set_fact: {got: "{{ p }}{{ x.stdout }}"}`},
	{"validate_argument_spec fails", `
- validate_argument_spec:
    argument_spec: {a: {type: int}}
    provided_arguments: {a: "{{ x.stdout }}"}`},
	{"a command that is checked by its file", `
- command: echo "{{ x.stdout }}"
  args: {creates: "{{ own }}/said"}
  register: r
- set_fact: {got: "{{ r }}{{ x.stdout }}"}`},
	{"a file's content that is edited", `
- replace: {path: "{{ own }}/said", regexp: touch, replace: touch, backup: true}
  register: r
- blockinfile: {path: "{{ own }}/block", block: "{{ x.stdout }}", create: true}
  register: b
  diff: true
- set_fact: {got: "{{ r }}{{ b }}{{ x.stdout }}"}`},
	{"stat and its link", `
- file: {src: "{{ x.stdout | replace('/', '_') }}", dest: "{{ own }}/l", state: link, force: true}
- stat: {path: "{{ own }}/l"}
  register: s
- set_fact: {got: "{{ s.stat }}{{ s.stat.lnk_source }}{{ s.stat.lnk_target }}"}`},
	{"environment of the host", `
- setup: {filter: ansible_env}
  environment: {SAID: "{{ x.stdout }}"}
- set_fact: {got: "{{ ansible_env.SAID | default(x.stdout) }}{{ ansible_facts.env }}"}`},
	{"a fact that a later task calls by a template", `
- set_fact: {deep: {list: [{name: "{{ x.stdout }}"}]}}
- set_fact: {got: "{{ deep }}"}
- debug: {msg: "{{ got.list[0].name }}"}`},
}

func routeProject(t *testing.T) {
	t.Helper()
	files := map[string]string{
		"hosts":     "[all:vars]\nansible_connection=local\n[said]\nh1\nh2\nh3\nh4\n[rest]\nother\n",
		"prints.j2": "<{{ x.stdout }}>", "takes.j2": "{% include own ~ '/got' %}", "plain.yml": "a: 1\n",
		"roles/takes/defaults/main.yml": "given: '{{ x.stdout }}'\n", "roles/takes/tasks/main.yml": "- set_fact: {got: '{{ given }}'}\n- debug: {msg: '{{ given }}'}\n",
		"taken.yml": "- set_fact: {got: '{{ given }}'}\n- debug: {msg: '{{ given }}'}\n",
	}
	for h, text := range hostTexts {
		files["own/"+h+"/said"] = text + "\n"
		files["own/"+h+"/facts/x.fact"] = text + "\n"
		files["own/"+h+"/json"] = `{"list": [` + jsonText(text) + `], ` + jsonText(text) + `: ` + jsonText(text) + "}\n"
	}
	projectDir(t, files)
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	hosts, err := os.ReadFile("hosts")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, "hosts", strings.Replace(string(hosts), "local\n", "local\nown="+dir+"/own/{{ inventory_hostname }}\n", 1))
}

func jsonText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// TestHostTextIsNoTemplate: on no route is a host's text read as a template, and
// on each it arrives: what is shown at the end has it.
func TestHostTextIsNoTemplate(t *testing.T) {
	for _, r := range routes {
		t.Run(r.name, func(t *testing.T) {
			routeProject(t)
			end := "\n- debug: {var: got}\n- debug: {msg: '{{ got }}'}\n- command: echo {{ got | quote }}\n"
			fails := strings.HasSuffix(r.name, "fails")
			if fails {
				end = "\n"
			}
			tasks := "\n- command: cat {{ own }}/said\n  register: x" + r.tasks + end
			text := "- hosts: said\n  gather_facts: false\n  handlers:\n    - debug:\n      listen: never\n  tasks:" + strings.ReplaceAll(tasks, "\n", "\n    ") + "\n"
			// A second play looks at what the first one left, as names too.
			text += "- hosts: all\n  gather_facts: false\n  tasks:\n    - debug: {msg: '{{ [group_names, groups, inventory_hostname, ansible_play_hosts, hostvars[inventory_hostname].got | default(1)] }}'}\n      ignore_errors: true\n"
			writeFile(t, "p.yml", text)
			out, errs, code := runWith(t, map[string]string{"HOME": t.TempDir()}, nil, "p.yml", "-i", "hosts", "-vvv", "-D")
			if _, err := os.Stat("CANARY"); err == nil {
				t.Errorf("what a host said was run here:\n%s%s", out, errs)
			}
			if want := map[bool]int{false: exitOK, true: exitFailed}[fails]; code != want {
				t.Errorf("code %d, want %d\n%s%s", code, want, out, errs)
			}
			if n := strings.Count(strings.ToLower(out), "touch canary"); n < 6 {
				t.Errorf("the text did not come through (%d times)\n%s%s", n, out, errs)
			}
		})
	}
}

// TestTheCanaryLives: the texts of the table do run where they are templates.
func TestTheCanaryLives(t *testing.T) {
	for host, text := range hostTexts {
		if host == "h4" {
			text = "{{ " + text + " }}"
		}
		projectDir(t, map[string]string{"t": text + "\n"})
		if _, errs, code := runWith(t, nil, nil, "template", "t"); code != exitOK {
			t.Fatalf("%s: code %d: %s", host, code, errs)
		}
		if _, err := os.Stat("CANARY"); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}
