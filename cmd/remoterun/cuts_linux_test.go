//go:build linux

package main

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"remoterun/tasks/tde/tdetest"
)

// TestCutLinks cuts and freezes the link in the middle of init and of unlock,
// and takes the project over from a run that is in the middle of a step.
func TestCutLinks(t *testing.T) {
	rigs := newRigs(t, "quebec", "romeo", "sierra")
	each(t, rigs, func(r *rig) { r.unlocked(t) })
	volume := "/var/lib/docker/volumes/%s_tde/_data"
	parts := map[string]func(*testing.T, *rig){
		"quebec": func(t *testing.T, r *rig) {
			const unknown = "outcome unknown"
			r.severed(t, "init", r.wipe, onHost(volume+"/PG_VERSION"), unknown)
			r.severed(t, "init, the overlay", r.wipe, onHost("/srv/%s/compose.override.yaml"))
			r.makeRows(t)
			r.severed(t, "unlock", r.emptyRAM, after(line(3), 150*time.Millisecond), unknown)
			r.severed(t, "sending the key", r.emptyRAM, line(2))
			r.rows(t)
			r.clean(t)
		},
		"romeo": func(t *testing.T, r *rig) {
			r.frozen(t, "init", r.wipe, onHost(volume+"/PG_VERSION"))
			r.SQL(t, tdetest.Database, "SELECT 1")
			r.learn(t)
			r.clean(t)
		},
		"sierra": func(t *testing.T, r *rig) {
			r.overtaken(t)
			r.frozen(t, "unlock", r.emptyRAM, line(3))
			r.rows(t)
			r.clean(t)
		},
	}
	each(t, rigs, func(r *rig) { parts[r.Name](t, r) })
}

// severed resets the connection at a moment. A step that had begun is told as
// one whose outcome is unknown.
func (r *rig) severed(t *testing.T, what string, reset func(*testing.T), m moment, words ...string) {
	t.Helper()
	reset(t)
	b := r.start(t, "unlock", r.Name)
	fired := b.at(func() bool { return r.sent() >= 0 && m.when(r) })
	r.Link.Cut()
	s := b.wait()
	if !fired {
		t.Fatalf("%s: the moment never came", what)
	}
	s.want(t, exitUnreachable, append(words, "UNREACHABLE")...)
	r.free(t, 20*time.Second, "unlock", r.Name).want(t, exitOK)
	t.Logf("cut in %s: unlocked by the next run", what)
}

// frozen stops every byte without a word. Another way in shows that the lock
// frees itself.
func (r *rig) frozen(t *testing.T, what string, reset func(*testing.T), m moment) {
	t.Helper()
	reset(t)
	b := r.start(t, "unlock", r.Name)
	if !b.at(func() bool { return r.sent() >= 0 && m.when(r) }) {
		t.Fatalf("%s: the moment never came", what)
	}
	r.Link.Freeze()
	start := time.Now()
	r.op.Another(t, r.Machine, r.Name+"-again")
	other := r.free(t, 100*time.Second, "unlock", r.Name, "-e", "ansible_host="+r.Name+"-again")
	other.want(t, exitOK)
	freed := time.Since(start)
	s := b.wait()
	s.want(t, exitUnreachable, "UNREACHABLE", "outcome unknown", "run the same command again")
	r.Link.Thaw()
	t.Logf("frozen in %s: unlocked by another after %s, the first ended after %s", what, freed.Round(time.Second), time.Since(start).Round(time.Second))
}

// overtaken: another operator takes the project in the middle of a step.
func (r *rig) overtaken(t *testing.T) {
	t.Helper()
	writeFile(t, r.dir+"/hold.yaml", "- name: a long job\n  hosts: all\n  become: yes\n  gather_facts: no\n  lock: '{{ tde_project }}'\n  tasks:\n    - name: hold\n      shell: echo $$ > /srv/pid; sleep 300; touch /srv/end\n    - name: more\n      shell: touch /srv/more\n")
	b := r.start(t, "hold.yaml", "-f", "1")
	pid := ""
	if !b.at(func() bool {
		out, _ := r.Try(t, "cat /srv/pid")
		pid = strings.TrimSpace(out)
		return pid != ""
	}) {
		t.Fatalf("the first run ended:\n%s%s", b.out, b.err)
	}
	r.run(t, "unlock", r.Name).want(t, exitHeld, "a long job", "--take-over")
	var alive atomic.Bool
	second := r.start(t, "unlock", r.Name, "--take-over")
	second.at(func() bool { // its first step must find the work dead
		if r.sent() < 1 {
			return false
		}
		_, err := r.Try(t, `test -d /proc/"$1"`, pid)
		alive.Store(err == nil)
		return true
	})
	second.wait().want(t, exitOK)
	if _, err := r.Try(t, `test -d /proc/"$1"`, pid); err == nil || alive.Load() {
		t.Error("the first run's work lived when the second one worked")
	}
	done := make(chan said, 1)
	go func() { done <- b.wait() }()
	select {
	case s := <-done:
		if text := s.out + s.err; s.code == exitOK || !strings.Contains(text, "the lock of this project is lost") || !strings.Contains(text, "another operator took it") {
			t.Errorf("the run that lost its lock: code %d\n%s", s.code, text)
		}
	case <-time.After(30 * time.Second):
		t.Error("the run that lost its lock goes on")
		b.kill(syscall.SIGKILL)
	}
	if out, err := r.Try(t, "ls /srv/end /srv/more 2>/dev/null"); err == nil || out != "" {
		t.Errorf("it went on: %s", out)
	}
}
