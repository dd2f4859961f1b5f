package main

import (
	"os/exec"
	"strings"
	"testing"
)

// libraryUtils stands in for what Ansible's modules import: its names, as little as
// the modules here need. A second copy further away must not win.
var libraryUtils = map[string]string{
	"module_utils/basic.py": `import json, sys
class AnsibleModule(object):
    def __init__(self, argument_spec, supports_check_mode=False):
        self.params = json.load(open(sys.argv[1]))["ANSIBLE_MODULE_ARGS"]
    def exit_json(self, **kw):
        print(json.dumps(kw))
        sys.exit(0)
    def fail_json(self, **kw):
        kw["failed"] = True
        print(json.dumps(kw))
        sys.exit(1)
`,
	"module_utils/shop/names.py":           "def greeting(name):\n    return 'hello ' + name\n",
	"module_utils/notes.txt":               "not Python\n",
	"roles/far/module_utils/shop/names.py": "def greeting(name):\n    return 'wrong'\n",
	"roles/far/library/far.py":             "from ansible.module_utils.shop.names import greeting\nimport json\nprint(json.dumps({'msg': greeting('x')}))\n",
	"roles/far/tasks/main.yml":             "- far:\n  register: f\n- debug: {msg: 'far says {{ f.msg }}'}\n",
	"library/greet.py": `# no first line says what runs it
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.shop.names import greeting
m = AnsibleModule(argument_spec=dict(name=dict(type='str')))
if m.params['name'] == 'nobody':
    m.fail_json(msg='nobody to greet')
m.exit_json(changed=True, said=greeting(m.params['name']), check=m.params['_ansible_check_mode'])
`,
	"library/copy.sh": "#!/bin/sh\n. \"$1\"\nsleep 1\necho \"{\\\"changed\\\": true, \\\"own\\\": \\\"$src\\\"}\"\n",
	"hosts":           "h1 ansible_connection=local\n",
	"site.yml": `- hosts: all
  gather_facts: no
  roles: [far]
  tasks:
    - greet: {name: Möbel}
      register: g
    - debug: {msg: "{{ g.said }}, {{ g.changed }}, {{ g.check }}"}
    - greet: {name: nobody}
      ignore_errors: yes
      register: g
    - debug: {msg: "{{ g.msg }}"}
    - greet: {name: later}
      async: 30
      poll: 1
      register: g
    - debug: {msg: "{{ g.said }} at its end"}
    - copy: {src: "own copy"}
      async: 30
      poll: 0
      register: job
    - async_status: {jid: "{{ job.ansible_job_id }}"}
      register: g
      until: g.finished
      retries: 20
      delay: 1
    - debug: {msg: "{{ g.own }} {{ g.changed }}"}
`,
}

// TestLibraryOfPython: modules that import Ansible's module_utils get those that the
// project has, the nearest ones first, and run as jobs, too.
func TestLibraryOfPython(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Fatal("python3 is missing: it runs what a library has of Python")
	}
	projectDir(t, libraryUtils)
	home := t.TempDir()
	stdout, stderr, code := runWith(t, map[string]string{"HOME": home}, nil, "-i", "hosts", "site.yml")
	for _, want := range []string{"hello Möbel, True, False", "nobody to greet", "hello later at its end", "own copy True", "far says wrong"} {
		if !strings.Contains(stdout, `"msg": "`+want+`"`) {
			t.Errorf("%s is not said", want)
		}
	}
	if code != exitOK || strings.Contains(stderr, "waited for") {
		t.Errorf("code %d\n%s%s", code, stdout, stderr)
	}
}

// TestLibrarySetting: modules of the folders that a setting names, behind those beside
// the playbook and of roles.
func TestLibrarySetting(t *testing.T) {
	says := func(text string) string { return "#!/bin/sh\necho '{\"said\": \"" + text + "\"}'\n" }
	projectDir(t, map[string]string{
		"hosts": "h1 ansible_connection=local\n", "shared/tell.sh": says("shared"), "shared/near.sh": says("shared near"), "library/near.sh": says("near"), "other/tell.sh": says("other"),
		"site.yml": "- hosts: all\n  gather_facts: false\n  tasks:\n    - {tell: , register: a}\n    - {near: , register: b}\n    - debug: {msg: \"{{ a.said }}, {{ b.said }}\"}\n",
	})
	if _, errs, code := runApp(t, "", "site.yml", "-i", "hosts"); code != exitUsage || !strings.Contains(errs, "there is no module tell") {
		t.Errorf("without it: code %d, %s", code, errs)
	}
	for _, name := range []string{"REMOTERUN_LIBRARY", "ANSIBLE_LIBRARY"} {
		if out, errs, _ := runWith(t, map[string]string{name: "none:shared"}, nil, "site.yml", "-i", "hosts"); !strings.Contains(out, `"msg": "shared, near"`) {
			t.Errorf("%s: %s%s", name, out, errs)
		}
	}
	writeFile(t, "ansible.cfg", "[defaults]\nlibrary = other\n")
	if out, errs, _ := runApp(t, "", "site.yml", "-i", "hosts"); !strings.Contains(out, `"msg": "other, near"`) {
		t.Errorf("by ansible.cfg: %s%s", out, errs)
	}
}
