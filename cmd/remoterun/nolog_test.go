package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const unsaid = "NoBodySeesThis77"

// keywordsOfTasks are the words that a task can have, as the loader lists them.
func keywordsOfTasks(t *testing.T) []string {
	t.Helper()
	src, err := os.ReadFile("../../playbooks/ast/keywords.go")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, list := range []string{"sharedWords", "innerWords", "taskWords"} {
		m := regexp.MustCompile("(?s)" + list + `\s+= [^` + "`]*`([^`]*)`").FindSubmatch(src)
		if m == nil {
			t.Fatalf("the loader has no list %s", list)
		}
		out = append(out, strings.Fields(string(m[1]))...)
	}
	return out
}

// unsaidTasks are tasks of no_log with a secret in each place that can be told: in
// every keyword, in the arguments and results of what runs, in what fails early.
func unsaidTasks(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, k := range keywordsOfTasks(t) {
		if slices.Contains(strings.Fields("no_log name vars args action local_action tags collections module_defaults register loop_control debugger port connection become_exe become_flags delegate_to delegate_facts remote_user poll async"), k) {
			continue
		}
		for _, v := range []string{"{{ clear }}", "{{ clear | from_json }}"} {
			more := ""
			switch k {
			case "become_user", "become_method":
				more = ", become: true"
			case "retries", "delay":
				more = ", until: false"
			}
			out = append(out, fmt.Sprintf("{command: 'true', %s: %q%s, no_log: true}", k, v, more))
		}
	}
	for _, l := range []string{"label", "pause"} {
		out = append(out, "{command: 'true', loop: [1, 2], loop_control: {"+l+": '{{ clear | from_json }}'}, no_log: true}")
	}
	return append(out,
		"{command: 'echo {{ clear }}', no_log: true}", "{command: 'false {{ clear }}', no_log: true}", "{shell: 'echo {{ clear }} >&2; exit 3', no_log: true}",
		"{command: 'echo {{ clear }}', until: false, retries: 1, delay: 0, no_log: true}", "{command: 'echo {{ clear }}', async: 20, poll: 1, no_log: true}",
		"{command: 'echo {{ clear }}', async: 20, poll: 0, no_log: true}", "{command: 'echo {{ item }}', loop: ['{{ clear }}'], no_log: true}",
		"{command: 'echo {{ item }}', loop: ['{{ clear }}'], when: item == 1, no_log: true}", "{debug: {msg: '{{ clear | from_json }}'}, no_log: true}",
		"{debug: {msg: x}, with_dict: '{{ {clear: clear} }}', no_log: true}", "{debug: {msg: x}, with_file: ['{{ clear }}'], no_log: true}",
		"{debug: {var: clear}, no_log: true}", "{fail: {msg: '{{ clear }}'}, no_log: true}", "{assert: {that: clear == 1, fail_msg: '{{ clear }}'}, no_log: true}",
		"{assert: {that: clear | from_json}, no_log: true}", "{set_fact: {'{{ clear }} x': 1}, no_log: true}", "{set_stats: {data: {k: '{{ clear }}'}}, no_log: true}",
		"{add_host: {name: '{{ clear }} x'}, no_log: true}", "{group_by: {key: '{{ clear }} {'}, no_log: true}", "{include_tasks: '{{ clear }}', no_log: true}",
		"{include_vars: '{{ clear }}', no_log: true}", "{include_role: {name: '{{ clear }}'}, no_log: true}", "{meta: '{{ clear }}', no_log: true}",
		"{pause: {seconds: '{{ clear }}'}, no_log: true}", "{file: {path: '{{ dir }}/x', state: '{{ clear }}'}, no_log: true}", "{stat: {path: '/{{ clear }}'}, no_log: true}",
		"{copy: {content: '{{ clear }}', dest: '{{ dir }}/f'}, no_log: true}", "{copy: {src: '{{ clear }}', dest: '{{ dir }}/g'}, no_log: true}",
		"{lineinfile: {path: '{{ dir }}/f', line: 'a {{ clear }}'}, no_log: true}", "{template: {src: '{{ clear }}', dest: '{{ dir }}/g'}, no_log: true}",
		"{script: '{{ clear }}', no_log: true}", "{wait_for: {path: '/{{ clear }}', timeout: 1}, no_log: true}",
		"{user: {name: '{{ clear }}', password: '{{ clear }}'}, check_mode: true, no_log: true}", "{async_status: {jid: '{{ clear }}'}, no_log: true}",
		"{validate_argument_spec: {argument_spec: {a: {type: int}}, provided_arguments: {a: '{{ clear }}'}}, no_log: true}",
		"{uri: {url: 'http://127.0.0.1:1/{{ clear }}'}, no_log: true}", "{get_url: {url: 'http://u:{{ clear }}@127.0.0.1:1/x', dest: '{{ dir }}/x'}, no_log: true}",
		"{no_log: true, block: [{command: 'echo {{ clear }}'}, {command: 'false {{ clear }}'}], rescue: [{debug: {var: ansible_failed_result}}, {command: 'echo {{ clear }}'}], always: [{command: 'true', when: clear}]}",
		"{include_tasks: {file: inc.yml, apply: {no_log: true}}, vars: {given: '{{ clear }}'}}",
		"{command: 'echo {{ clear }}', no_log: '{{ nothing }}'}", "{command: 'echo {{ item }}', loop: ['{{ clear }}'], no_log: '{{ nothing }}'}", "{debug: {msg: x}, loop: ['{{ clear }}', 2], no_log: '{{ item }}'}",
		"{command: 'true', loop: [1, 2], loop_control: {label: '{{ clear }} {{ item }}'}, no_log: '{{ nothing }}'}", "{command: 'true', no_log: '{{ clear }}'}", "{command: 'true', no_log: '{{ clear | from_json }}'}",
		"{block: [{command: 'echo {{ item }}', loop: ['{{ clear }}']}], no_log: '{{ nothing }}', rescue: [{debug: {var: ansible_failed_result}}]}",
		"{command: 'echo {{ clear }}', no_log: '{{ 1 == 1 }}', when: clear}",
	)
}

// TestNoLogHidesAll: what no_log covers is told in no format and at no verbosity, and
// noted nowhere on the laptop, however the task ends and wherever it does.
func TestNoLogHidesAll(t *testing.T) {
	tasks := unsaidTasks(t)
	projectDir(t, map[string]string{"hosts": fmt.Sprintf("h[0:%d] ansible_connection=local\nwell ansible_connection=local\n", len(tasks)-1), "inc.yml": "- command: echo {{ given }}\n- command: 'true'\n  when: given\n"})
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder        // a host that is well keeps a play from ending the run
	for i, task := range tasks { // a host each: some mistakes end the play for it, whatever is ignored
		fmt.Fprintf(&b, "- hosts: h%d,well\n  gather_facts: false\n  ignore_errors: true\n  vars: {clear: %s, dir: %s}\n  tasks:\n    - {meta: end_host, when: inventory_hostname == 'well'}\n    - %s\n", i, unsaid, dir, task)
	}
	writeFile(t, "p.yml", b.String())
	if out, _, _ := runWith(t, map[string]string{"HOME": t.TempDir()}, nil, "p.yml", "-i", "hosts"); strings.Count(out, "because the task's own 'no_log' could not be worked out") < 5 {
		t.Errorf("it is not said that no_log cannot be worked out\n%s", out)
	}
	for _, how := range [][]string{{"-vvv", "-D"}, {"--output", "json", "-D"}, {"--output", "jsonl", "-D"}, {"--output", "junit"}, {"--output", "minimal", "-vv"}, {"--output", "quiet"}, {"--check"}} {
		home := t.TempDir()
		out, errs, code := runWith(t, map[string]string{"HOME": home}, nil, append([]string{"p.yml", "-i", "hosts"}, how...)...)
		if code != exitOK && code != exitFailed && code != exitUnreachable {
			t.Fatalf("%q: code %d: %s", how, code, errs)
		}
		if n := strings.Count(out, "censored") + strings.Count(out, "output has been hidden"); n < len(tasks)/2 && !slices.Contains(how, "quiet") {
			t.Errorf("%q: only %d results are hidden: %s", how, n, errs)
		}
		if last := fmt.Sprintf("h%d", len(tasks)-1); !strings.Contains(out, last) && !slices.Contains(how, "quiet") {
			t.Errorf("%q: the run has ended before %s", how, last)
		}
		for l := range strings.Lines(out + errs) {
			if strings.Contains(l, unsaid) {
				t.Errorf("%q shows %s", how, l)
			}
		}
		_ = filepath.WalkDir(home, func(p string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && !strings.Contains(p, ".ansible_async") {
				if text, _ := os.ReadFile(p); strings.Contains(string(text), unsaid) {
					t.Errorf("%q: it is noted in %s", how, p)
				}
			}
			return nil
		})
	}
}
