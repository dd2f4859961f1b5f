//go:build linux

package main

import (
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"remoterun/tasks/tde/tdetest"
)

// moment is a point of a run at which the client is killed.
type moment struct {
	name string
	when func(r *rig) bool
}

// line is the moment before the n-th step is sent: it was noted, and may have
// begun on the host or not.
func line(n int) moment {
	return moment{fmt.Sprintf("step %d", n), func(r *rig) bool { return r.sent() >= n }}
}

// after is a moment and some time: in the middle of a step.
func after(m moment, d time.Duration) moment {
	var mu sync.Mutex
	seen := map[*rig]time.Time{}
	return moment{m.name + " + " + d.String(), func(r *rig) bool {
		mu.Lock()
		defer mu.Unlock()
		if seen[r].IsZero() && m.when(r) {
			seen[r] = time.Now()
		}
		return !seen[r].IsZero() && time.Since(seen[r]) >= d
	}}
}

// onHost is the moment at which a file is there on the machine.
func onHost(pattern string) moment {
	return moment{"the host has " + pattern, func(r *rig) bool {
		list, err := filepath.Glob(r.Path(fmt.Sprintf(pattern, r.Project)))
		return err == nil && len(list) > 0
	}}
}

// onLaptop is the moment at which a file is there in the operator's project.
func onLaptop(pattern string) moment {
	return moment{"the laptop has " + pattern, func(r *rig) bool {
		list, err := filepath.Glob(filepath.Join(r.dir, pattern))
		return err == nil && len(list) > 0
	}}
}

// phase is a verb, from which state it is begun, and where it is killed.
type phase struct {
	verb    string
	reset   func(t *testing.T, r *rig)
	moments []moment
	proof   func(t *testing.T, r *rig)
}

func killPhases() []phase {
	const state, volume = "/var/lib/remoterun/%s", "/var/lib/docker/volumes/%s_tde/_data"
	keys := volume + "/" + tdetest.Extension() + "/*_keys"
	return []phase{
		{"setup", func(t *testing.T, r *rig) { r.bare(t) }, []moment{
			line(1), onLaptop("keys/*/*.enc"), onLaptop("keys/*/*.json"), onLaptop("keys/*/HEAD"),
			line(2), onHost(state + "/*.enc"), onHost(state + "/*.json"), onLaptop("reports/*"),
		}, func(t *testing.T, r *rig) {
			r.run(t, "setup", r.Name).want(t, exitOK, "changed=0")
			r.run(t, "key", "verify", "keys/"+r.Project+"@"+r.Name).want(t, exitOK)
		}},
		{"unlock", func(t *testing.T, r *rig) { r.wipe(t) }, []moment{
			line(1), line(2), onHost("/run/remoterun/%s/keyring/keyring"), line(3), onHost(state + "/init"), onHost(volume + "/PG_VERSION"),
			onHost(keys), after(onHost(keys), 700*time.Millisecond), onHost("/srv/%s/compose.override.yaml"),
			line(4), after(line(4), 300*time.Millisecond), line(5),
		}, func(t *testing.T, r *rig) {
			r.SQL(t, tdetest.Database, "CREATE TABLE one AS SELECT 1 AS x")
			if got := r.SQL(t, tdetest.Database, "SELECT "+tdetest.Extension()+"_is_encrypted('one')"); got != "t" {
				t.Errorf("a new table's encryption: %s", got)
			}
			r.learn(t)
		}},
		{"unlock", func(t *testing.T, r *rig) { r.emptyRAM(t) }, []moment{
			line(1), line(2), onHost("/run/remoterun/%s/keyring/keyring"), line(3), after(line(3), 250*time.Millisecond), line(4),
		}, func(t *testing.T, r *rig) { r.rows(t) }},
	}
}

// TestKilledClient kills the client at every step of setup, of init and of
// unlock, twice in a row, by SIGKILL and by SIGINT: the same command again ends
// unlocked with all rows, and nothing secret is on any disk.
func TestKilledClient(t *testing.T) {
	rigs := newRigs(t, "kilo", "lima", "mike")
	for i, p := range killPhases() {
		if i == 2 {
			each(t, rigs, func(r *rig) { r.bare(t); r.unlocked(t) })
		}
		todo := make(chan int, len(p.moments))
		for n := range p.moments {
			todo <- n
		}
		close(todo)
		each(t, rigs, func(r *rig) {
			for n := range todo {
				signals := []syscall.Signal{syscall.SIGKILL, syscall.SIGINT}
				if n%2 == 1 {
					signals[0], signals[1] = signals[1], signals[0]
				}
				p.killed(t, r, p.moments[n], signals)
			}
		})
		if t.Failed() {
			return
		}
	}
	each(t, rigs, func(r *rig) { r.clean(t) })
}

// killed runs the verb from its beginning, kills it at the moment with one
// signal, again with the other one, and lets the third run through.
func (p phase) killed(t *testing.T, r *rig, m moment, signals []syscall.Signal) {
	t.Helper()
	p.reset(t, r)
	start := time.Now()
	what := fmt.Sprintf("%s: %s at %s", r.Name, p.verb, m.name)
	said := ""
	for i, sig := range signals {
		s, fired := p.cut(t, r, m, sig, i > 0 && signals[0] == syscall.SIGKILL)
		said += fmt.Sprintf(" %s:%v:%d", sig, fired, s.code)
		switch {
		case s.code == exitOK && (i > 0 || fired), sig == syscall.SIGKILL && s.code == -1, sig == syscall.SIGINT && s.code == exitInterrupted:
		default:
			t.Errorf("%s, %s (%v): code %d\n%s%s", what, sig, fired, s.code, s.out, s.err)
			return
		}
	}
	s := r.free(t, 15*time.Second, p.verb, r.Name)
	if s.code != exitOK {
		t.Errorf("%s: the run after the kills: code %d\n%s%s", what, s.code, s.out, s.err)
		return
	}
	p.proof(t, r)
	t.Logf("%s:%s: %s", what, said, time.Since(start).Round(time.Millisecond))
}

// cut is one run that is killed. After a SIGKILL the lock is the host's for the
// moment that it needs to learn of it; after a SIGINT it is free.
func (p phase) cut(t *testing.T, r *rig, m moment, sig syscall.Signal, held bool) (said, bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		b := r.start(t, p.verb, r.Name)
		fired := b.at(func() bool { return r.sent() >= 0 && m.when(r) })
		b.kill(sig)
		if s := b.wait(); s.code != exitHeld || !held || time.Now().After(end) {
			return s, fired
		}
	}
}
