package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestJobOutlivesTheRun: a job goes on when the run that began it has ended, a later
// run finds it by its id, and so is the result of a module that had to run in the
// foreground.
func TestJobOutlivesTheRun(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	writeFile(t, at("hosts"), "h ansible_connection=local\n")
	writeFile(t, at("begin.yaml"), `
- hosts: h
  gather_facts: no
  vars: {ansible_async_dir: "`+at("jobs")+`"}
  tasks:
    - shell: "until [ -f `+at("go")+` ]; do sleep 0.05; done; echo done; exit 3"
      async: 600
      poll: 0
      register: job
    - copy: {content: "{{ job.ansible_job_id }}", dest: `+at("id")+`}
`)
	writeFile(t, at("look.yaml"), `
- hosts: h
  gather_facts: no
  vars: {ansible_async_dir: "`+at("jobs")+`"}
  tasks:
    - async_status: {jid: "{{ id }}"}
      register: s
      failed_when: no
    - debug: {msg: "{{ [s.finished, s.stdout, s.rc | default(-1)] }}"}
`)
	begun := report(t, dir, "begin.yaml", nil, header{}, false)
	id, err := os.ReadFile(at("id"))
	if err != nil {
		t.Fatalf("%v\n%s", err, begun)
	}
	look := func() string { return report(t, dir, "look.yaml", []string{"-e", "id=" + string(id)}, header{}, false) }
	if got := look(); !strings.Contains(got, `[0,"",-1]`) {
		t.Errorf("while it runs:\n%s", got)
	}
	writeFile(t, at("go"), "")
	got := ""
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end) && !strings.Contains(got, `[1,"done",3]`); {
		got = look()
	}
	if !strings.Contains(got, `[1,"done",3]`) {
		t.Errorf("in the end:\n%s", got)
	}
}

// TestJobInForeground: what cannot be a job is waited for, its result is kept for
// async_status.
func TestJobInForeground(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "hosts"), "h ansible_connection=local\n")
	writeFile(t, filepath.Join(dir, "site.yaml"), `
- hosts: h
  gather_facts: no
  vars: {ansible_async_dir: "`+dir+`/jobs"}
  tasks:
    - wait_for: {path: /}
      async: 60
      poll: 0
      register: job
    - debug: {msg: "{{ [job.started, job.finished, job is changed] }}"}
    - async_status: {jid: "{{ job.ansible_job_id }}"}
      register: s
    - debug: {msg: "{{ [s.finished, s is changed, s.path, s.state] }}"}
    - wait_for: {path: /nowhere, timeout: 1}
      async: 60
      poll: 0
      register: job
    - async_status: {jid: "{{ job.ansible_job_id }}"}
      register: s
      ignore_errors: yes
    - debug: {msg: "{{ [s.finished, s is failed, s.msg] }}"}
    - wait_for: {path: /}
      async: 60
      poll: 1
      register: s
    - debug: {msg: "{{ [s.finished, s.started, s.path] }}"}
`)
	got := report(t, dir, "site.yaml", nil, header{}, false)
	for _, want := range []string{`[1,0,true]`, `[1,false,"/","started"]`, `[1,true,"Timeout when waiting for file /nowhere"]`, `[1,1,"/"]`, "EXIT\t0"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in\n%s", want, got)
		}
	}
}
