package ast_test

import (
	"strings"
	"testing"
)

// TestMistakes holds the text of every kind of mistake, without the line of
// what is allowed. Tasks stand from line 3, column 7.
func TestMistakes(t *testing.T) {
	for name, c := range map[string]struct{ tasks, play, want string }{
		"unknown play keyword":     {play: "- hosts: all\n  taks: []\n", want: `site.yml:2:3: a play has no keyword "taks"; did you mean "tasks"?`},
		"no hosts":                 {play: "- tasks: []\n", want: "site.yml:1:3: a play needs hosts"},
		"empty hosts":              {play: "- hosts: ''\n", want: "site.yml:1:11: hosts must not be empty"},
		"hosts of a wrong type":    {play: "- hosts: {a: b}\n", want: "site.yml:1:10: hosts must be text or a list of text, not a mapping\nsite.yml:1:10: hosts must not be empty"},
		"no list":                  {play: "hosts: all\n", want: "site.yml:1:1: a playbook must be a list of plays, this one is a mapping"},
		"empty file":               {play: "# nothing\n", want: "site.yml: a playbook must be a list of plays, this one is empty"},
		"play no mapping":          {play: "- just text\n", want: "site.yml:1:3: a play must be a mapping, this one is text"},
		"yaml":                     {play: "- hosts: all\n  tasks: [\n", want: "site.yml:"},
		"braces unquoted":          {play: "- hosts: all\n  name: {{ x }}\n", want: `site.yml:2:10: found unhashable key (a value that begins with {{ must be quoted: "{{ name }}")`},
		"strategy":                 {play: "- hosts: all\n  strategy: fre\n", want: `site.yml:2:13: strategy: "fre" is not known; did you mean "free"?`},
		"roles":                    {play: "- hosts: all\n  roles: [web]\n", want: "site.yml:2:11: role web is not there (looked for roles/web, web)"},
		"serial":                   {play: "- hosts: all\n  serial: [1, half]\n", want: `site.yml:2:15: serial must be a whole number or a percentage ("30%"), not 'half'`},
		"play when":                {play: "- hosts: all\n  when: x\n", want: `site.yml:2:3: a play has no keyword "when": put it on a block or a task`},
		"vars no mapping":          {play: "- hosts: all\n  vars: text\n", want: "site.yml:2:9: vars must be a mapping, not text"},
		"variable name":            {play: "- hosts: all\n  vars: {a-b: 1}\n", want: "site.yml:2:10: 'a-b' is not a valid name of a variable (letters, digits and _, no digit first)"},
		"prompt keyword":           {play: "- hosts: all\n  vars_prompt: [{name: a, promt: b}]\n", want: `site.yml:2:27: vars_prompt has no keyword "promt"; did you mean "prompt"?`},
		"prompt hash":              {play: "- hosts: all\n  vars_prompt: [{name: a, encrypt: rot13}]\n", want: `site.yml:2:36: encrypt: "rot13" is not known`},
		"group of defaults":        {play: "- hosts: all\n  module_defaults: {group/nope: {a: b}}\n", want: `site.yml:2:21: module_defaults: Ansible has no group/nope; its groups are aws, acme, azure, docker, gcp, k8s, os, ovirt, vmware and those of collections (group/community.docker.docker)`},
		"prompt nameless":          {play: "- hosts: all\n  vars_prompt: [{prompt: b}]\n", want: "site.yml:2:17: an entry of vars_prompt needs a name"},
		"vars_files missing":       {play: "- hosts: all\n  vars_files: [nope.yml]\n", want: "site.yml:2:16: vars_files: there is no file nope.yml (looked for vars/nope.yml, nope.yml)"},
		"order":                    {play: "- hosts: all\n  order: random\n", want: `site.yml:2:10: order: "random" is not known`},
		"max_fail":                 {play: "- hosts: all\n  max_fail_percentage: many\n", want: "site.yml:2:24: max_fail_percentage must be a number, not 'many'"},
		"import playbook missing":  {play: "- import_playbook: nope.yml\n", want: "site.yml:1:20: import_playbook: there is no file nope.yml"},
		"import playbook circular": {play: "- import_playbook: site.yml\n", want: "site.yml:1:20: this import is circular: site.yml -> site.yml"},
		"import playbook keyword":  {play: "- import_playbook: other.yml\n  hosts: all\n", want: `site.yml:2:3: import_playbook has no keyword "hosts"`},
		"unknown module":           {tasks: "- tempalte: {src: a, dest: b}", want: "site.yml:3:7: there is no module tempalte; did you mean \"template\"?"},
		"module of elsewhere":      {tasks: "- my.own.copy: {dest: b}", want: "site.yml:3:7: there is no module my.own.copy: remoterun has none of the collection my.own"},
		"module by collection":     {tasks: "- ansible.builtin.cpy: {dest: b}", want: `site.yml:3:7: there is no module ansible.builtin.cpy; did you mean "copy"?`},
		"no module":                {tasks: "- name: x\n  when: true", want: "site.yml:3:7: this task names no module to run"},
		"two modules":              {tasks: "- ping:\n  command: ls", want: "site.yml:4:7: one task runs one module, this one has two: ping and command"},
		"action and module":        {tasks: "- action: ping\n  command: ls", want: "site.yml:4:7: one task runs one module, this one has two: action and command"},
		"unknown task keyword":     {tasks: "- ping:\n  whn: x", want: `site.yml:4:7: a task has no keyword "whn"; did you mean "when"?`},
		"keyword typo alone":       {tasks: "- nmae: x", want: `site.yml:3:7: a task has no keyword "nmae"; did you mean "name"?`},
		"argument not indented":    {tasks: "- copy:\n  src: a\n  dest: b", want: "site.yml:3:7: copy: dest: is required\nsite.yml:4:7: a task has no keyword \"src\": it is an argument of copy and stands indented under it\nsite.yml:5:7: a task has no keyword \"dest\": it is an argument of copy and stands indented under it"},
		"unknown argument":         {tasks: "- file: {pth: /x}", want: "site.yml:3:13: file: path: is required\nsite.yml:3:14: file: pth: there is no such argument; did you mean \"path\"?"},
		"missing argument":         {tasks: "- file: {state: absent}", want: "site.yml:3:13: file: path: is required"},
		"argument list":            {tasks: "- file: [a]", want: "site.yml:3:13: the arguments of file must be a mapping, not a list"},
		"argument number":          {tasks: "- file: 3", want: "site.yml:3:7: the arguments of file must be a mapping, not 3"},
		"free text by its name":    {tasks: "- file: {path: /x, _raw_params: state}", want: `site.yml:3:37: file takes no free text, only arguments: "state" is not one (write name=value, or a mapping)`},
		"free text refused":        {tasks: "- file: path=/x state", want: `site.yml:3:13: file takes no free text, only arguments: "state" is not one (write name=value, or a mapping)`},
		"open quote":               {tasks: "- command: echo 'x", want: "site.yml:3:16: command: an open quote or template brace: quote the entire line"},
		"cmd and free":             {tasks: "- command: ls\n  args: {cmd: pwd}", want: "site.yml:3:16: command: cmd and free text exclude each other"},
		"args text":                {tasks: "- command: ls\n  args: name", want: `site.yml:4:13: args must be a mapping or a template that gives one ("{{ name }}"), not 'name'`},
		"choice":                   {tasks: "- meta: flush", want: "site.yml:3:13: meta: action: 'flush' is not one of: flush_handlers, end_host"},
		"action argument":          {tasks: "- debug: {msgg: x}", want: `site.yml:3:15: debug: msgg: there is no such argument; did you mean "msg"?`},
		"action integer":           {tasks: "- debug: {msg: x, verbosity: high}", want: "site.yml:3:34: debug: verbosity: 'high' is not an integer"},
		"action required":          {tasks: "- assert: {quiet: yes}", want: "site.yml:3:15: assert: that: is required"},
		"boolean":                  {tasks: "- ping:\n  become: maybe", want: "site.yml:4:15: become must be yes or no, not 'maybe'"},
		"integer":                  {tasks: "- ping:\n  throttle: x", want: "site.yml:4:17: throttle must be a whole number, not 'x'"},
		"register":                 {tasks: "- ping:\n  register: a-b", want: `site.yml:4:17: register: "a-b" is not a valid name of a variable (letters, digits and _, no digit first)`},
		"register template":        {tasks: "- ping:\n  register: '{{ x }}'", want: "site.yml:4:18: register must be text without templates, not '{{ x }}'"},
		"when mapping":             {tasks: "- ping:\n  when: {a: b}", want: "site.yml:4:13: when must be an expression or a list of them, not a mapping"},
		"template":                 {tasks: "- debug: {msg: 'a {{ x'}", want: "site.yml:3:23: unexpected end of template"},
		"condition":                {tasks: "- ping:\n  when: (true", want: "site.yml:4:13: unbalanced parenthesis"},
		"two loops":                {tasks: "- ping:\n  loop: [1]\n  with_items: [2]", want: "site.yml:5:7: one task has one loop, this one has two"},
		"loop of text":             {tasks: "- ping:\n  loop: users", want: `site.yml:4:13: loop must be a list, not the text "users" (write "{{ users }}" for a variable)`},
		"loop of a mapping":        {tasks: "- ping:\n  loop: {a: 1}", want: `site.yml:4:13: loop must be a list, not a mapping (write "{{ name | dict2items }}")`},
		"unknown with":             {tasks: "- ping:\n  with_itms: [1]", want: `site.yml:4:7: there is no lookup "itms" to loop with`},
		"loop_control":             {tasks: "- ping:\n  loop: [1]\n  loop_control: {lop_var: x}", want: `site.yml:5:22: loop_control has no keyword "lop_var"; did you mean "loop_var"?`},
		"async":                    {tasks: "- ping:\n  async: soon\n  poll: [1]", want: "site.yml:4:14: async must be a whole number, not 'soon'\nsite.yml:5:13: poll must be a whole number, not [1]"},
		"async of an action":       {tasks: "- debug: {msg: x}\n  async: 10", want: "site.yml:3:7: debug: async is not supported for this task."},
		"include_role":             {tasks: "- include_role: {name: x}", want: "site.yml:3:28: role x is not there (looked for roles/x, x)"},
		"old include":              {tasks: "- include: x.yml", want: "site.yml:3:16: import_tasks: there is no file x.yml (looked for x.yml, tasks/x.yml)"},
		"import_playbook in tasks": {tasks: "- import_playbook: x.yml", want: "site.yml:3:7: import_playbook stands among the plays of a playbook, not among tasks"},
		"listen":                   {tasks: "- ping:\n  listen: x", want: "site.yml:4:7: only a handler can listen"},
		"block keyword":            {tasks: "- block: []\n  register: x", want: `site.yml:4:7: a block has no keyword "register"`},
		"block loop":               {tasks: "- block: []\n  loop: [1]", want: "site.yml:4:7: a block cannot loop: include_tasks with a loop can"},
		"rescue alone":             {tasks: "- rescue: [{ping: }]", want: "site.yml:3:7: rescue and always stand beside a block, there is none"},
		"task no mapping":          {tasks: "- ping", want: "site.yml:3:7: a task must be a mapping, this one is text"},
		"tasks no list":            {play: "- hosts: all\n  tasks: {ping: }\n", want: "site.yml:2:10: tasks must be a list of tasks, not a mapping"},
		"empty block":              {tasks: "- block:", want: "site.yml:3:7: block must be a list of tasks, this one is empty"},
		"hosts a number":           {play: "- hosts: 3\n", want: "site.yml:1:3: hosts must be text or a list of text, not a number\nsite.yml:1:3: hosts must not be empty"},
		"user twice":               {play: "- hosts: all\n  remote_user: a\n  user: b\n", want: "site.yml:3:3: user is the older word for remote_user: one of the two is enough"},
		"tags a number":            {tasks: "- ping:\n  tags: 3", want: "site.yml:4:7: tags must be text or a list of text, not a number"},
		"apply":                    {tasks: "- include_tasks: {file: a.yml, apply: {becom: x}}", want: "site.yml:3:44: apply has no keyword \"becom\"; did you mean \"become\"?"},
		"import_tasks options":     {tasks: "- import_tasks: a.yml x=1", want: "site.yml:3:21: import_tasks takes nothing but a file: \"x=1\" goes under vars"},
		"notify":                   {play: "- hosts: all\n  tasks:\n    - ping:\n      notify: restart wb\n  handlers:\n    - name: restart web\n      ping:\n", want: `site.yml:4:15: notify: no handler of this play is called "restart wb"; did you mean "restart web"?`},
		"become_method":            {tasks: "- ping:\n  become_method: sud", want: `site.yml:4:22: become_method: "sud" is not known; did you mean "sudo"?`},
		"include_tasks keyword":    {tasks: "- include_tasks: a.yml\n  become: yes", want: "site.yml:4:7: include_tasks has no keyword \"become\": put it under apply: to hand it to the tasks"},
		"include_tasks missing":    {tasks: "- include_tasks: nope.yml", want: "site.yml:3:22: include_tasks: there is no file nope.yml (looked for nope.yml, tasks/nope.yml)"},
		"include itself":           {tasks: "- include_tasks: self.yml", want: "self.yml:1:18: this import is circular: self.yml -> self.yml"},
		"import_tasks missing":     {tasks: "- import_tasks: nope.yml", want: "site.yml:3:21: import_tasks: there is no file nope.yml (looked for nope.yml, tasks/nope.yml)"},
		"import_tasks loop":        {tasks: "- import_tasks: a.yml\n  loop: [1]", want: "site.yml:4:7: import_tasks cannot loop: use include_tasks"},
		"import_tasks circular":    {tasks: "- import_tasks: round.yml", want: "round.yml:1:17: this import is circular: round.yml -> round.yml"},
		"import_tasks by fact":     {tasks: "- import_tasks: '{{ ansible_os }}.yml'", want: "site.yml:3:22: \"ansible_os\" is undefined (import_tasks is read before the run: variables of hosts, facts and results cannot name its file; -e and vars or vars_files of the play can)"},
		"import of a playbook":     {tasks: "- import_tasks: other.yml", want: "other.yml:1:1: this is a playbook, not a file of tasks: import_playbook takes it"},
		"mistake in an include":    {tasks: "- include_tasks: bad.yml", want: `bad.yml:2:3: a task has no keyword "whn"; did you mean "when"?`},
		"copy src missing":         {tasks: "- copy: {src: nope, dest: /x}", want: "site.yml:3:19: copy: there is no file nope (looked for files/nope, nope)"},
		"template src missing":     {tasks: "- template: {src: nope.j2, dest: /x}", want: "site.yml:3:23: template: there is no file nope.j2 (looked for templates/nope.j2, nope.j2)"},
		"undefined name":           {tasks: "- debug: {msg: 'a {{ from_inventry }}'}", want: "site.yml:3:26: nothing in this project defines from_inventry"},
		"undefined near":           {play: "- hosts: all\n  vars: {app_port: 1}\n  tasks:\n    - debug: {msg: '{{ app_prt }}'}\n", want: `site.yml:4:24: nothing in this project defines app_prt; did you mean "app_port"?`},
		"undefined in when":        {tasks: "- ping:\n  when: enabeld", want: "site.yml:4:13: nothing in this project defines enabeld"},
		"undefined in a loop":      {tasks: "- ping:\n  loop: '{{ usrs }}'", want: "site.yml:4:17: nothing in this project defines usrs"},
		"set_fact name":            {tasks: "- set_fact: {a.b: 1}", want: `site.yml:3:18: set_fact: "a.b" is not a valid name of a variable (letters, digits and _, no digit first)`},
		"tags":                     {tasks: "- ping:\n  tags: {a: b}", want: "site.yml:4:13: tags must be text or a list of text, not a mapping"},
		"environment":              {tasks: "- ping:\n  environment: [A=b]", want: "site.yml:4:20: environment must be a mapping or a list of mappings, not text"},
		"delegate list":            {tasks: "- ping:\n  delegate_to: [a]", want: "site.yml:4:20: delegate_to must be text, not a list"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"site.yml": c.play}
			if c.tasks != "" {
				files = tasks(c.tasks)
			}
			files["other.yml"] = "- hosts: all\n"
			files["a.yml"] = "- ping:\n"
			files["round.yml"] = "- import_tasks: round.yml\n"
			files["self.yml"] = "- include_tasks: self.yml\n"
			files["bad.yml"] = "- ping:\n  whn: x\n"
			_, _, got, _ := load(t, files)
			if got = withoutAllowed(got); !strings.HasPrefix(got, c.want) || c.want == "" {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
			}
			if !strings.HasSuffix(c.want, ":") && strings.Count(got, "\n") != strings.Count(c.want, "\n") {
				t.Errorf("too many mistakes:\n%s", got)
			}
		})
	}
}

func withoutAllowed(text string) string {
	var out []string
	for _, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "    allowed: ") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}
