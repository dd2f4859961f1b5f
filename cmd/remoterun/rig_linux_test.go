//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"remoterun/runner/hosttest/real"
	"remoterun/runner/journal"
	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/seal"
	"remoterun/tasks/tde/tdetest"
)

// rig is one machine with a compose project and an operator whose inventory
// names nothing else: what a fault test breaks and wipes as often as it wants.
type rig struct {
	*tdetest.Stack
	op   *real.Operator
	dir  string // inventory, keys, reports
	logs string // of journals
	// before is how many journals there were when the last run was begun.
	before int
	d      *desk
	keys   real.Needles // what must be found nowhere
	// watch looks at what processes show meanwhile; rigs of one test share it.
	watch *real.Watcher
}

// newRigs makes machines with the image loaded; nothing runs in them.
func newRigs(t *testing.T, names ...string) []*rig { t.Helper(); return newRigsOf(t, 0, names...) }

// newRigsOf are those with disks of so many bytes.
func newRigsOf(t *testing.T, disk int64, names ...string) []*rig {
	t.Helper()
	tdetest.Image().Need(t)
	op := real.NewOperator(t)
	rigs, watch := make([]*rig, len(names)), real.Watch(t, real.Needles{"passphrase": []byte(canary)})
	for i, name := range names {
		m := op.Start(t, real.Options{Name: name, Docker: true, DiskBytes: disk, Shell: []string{"dash", "bash", "busybox"}[i%3]})
		rigs[i] = newRig(t, op, tdetest.New(t, m, name+"_app", tdetest.ImageTag))
		rigs[i].watch = watch
	}
	each(t, rigs, func(r *rig) { r.Load(t, tdetest.Image(), tdetest.ImageTag) })
	return rigs
}

// newRig gives a stack an operator's project of its own.
func newRig(t *testing.T, op *real.Operator, s *tdetest.Stack) *rig {
	t.Helper()
	r := &rig{Stack: s, op: op, dir: t.TempDir(), keys: real.Needles{"passphrase": []byte(canary)}}
	state := t.TempDir()
	r.logs = filepath.Join(state, "remoterun", "log")
	r.d = newDesk(t, op.Home, r.dir, canary)
	r.d.env = []string{"XDG_STATE_HOME=" + state}
	r.inventory(t, "")
	return r
}

// inventory writes the one that names the machine; more are host variables.
func (r *rig) inventory(t *testing.T, more string) {
	t.Helper()
	writeFile(t, filepath.Join(r.dir, "inventory.ini"), fmt.Sprintf("%s tde_project=%s tde_compose_dir=%s tde_image=%s tde_extension=%s %s\n", r.Name, r.Project, r.Dir, r.Image, tdetest.Extension(), more))
}

// each works on all at once; a failure in one ends the test.
func each(t *testing.T, rigs []*rig, do func(*rig)) {
	t.Helper()
	var wg sync.WaitGroup
	for _, r := range rigs {
		wg.Go(func() { do(r) })
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow() // FailNow in do ended its goroutine only
	}
}

func (r *rig) ram() string { return path.Join(memory.RunDir, r.Project, "keyring") }

func (r *rig) run(t *testing.T, args ...string) said {
	t.Helper()
	return r.d.run(t, args...)
}

// unlocked runs setup and unlock on a machine without anything, makes the rows
// and learns the keys.
func (r *rig) unlocked(t *testing.T) {
	t.Helper()
	r.run(t, "setup", r.Name).want(t, exitOK)
	r.run(t, "unlock", r.Name).want(t, exitOK)
	r.makeRows(t)
}

func (r *rig) makeRows(t *testing.T) {
	t.Helper()
	r.SQL(t, tdetest.Database, "CREATE TABLE people AS SELECT i, 'known-row-' || i AS name FROM generate_series(1, 1000) i")
	r.learn(t)
}

// learn reads the keys out of RAM, for the search at the end.
func (r *rig) learn(t *testing.T) {
	t.Helper()
	ring, err := os.ReadFile(r.Path(r.ram() + "/keyring"))
	if err != nil || len(ring) < seal.RecordSize {
		t.Fatalf("%s: the keyring in RAM: %d bytes, %v", r.Name, len(ring), err)
	}
	for i := 0; i+seal.RecordSize <= len(ring); i += seal.RecordSize {
		name := string(bytes.TrimRight(ring[i:i+256], "\x00"))
		r.keys[r.Name+"'s key "+name] = bytes.Clone(ring[i+256 : i+256+16])
	}
	if r.watch != nil {
		r.watch.Add(r.keys)
	}
}

func (r *rig) rows(t *testing.T) {
	t.Helper()
	rows(t, r.Stack)
}

// emptyRAM kills the containers and takes the mount away, as a power cut does.
func (r *rig) emptyRAM(t *testing.T) {
	t.Helper()
	r.Run(t, `cd "$1" && docker compose kill >/dev/null 2>&1; umount "$2" 2>/dev/null; rm -rf "/run/remoterun/$3"`, r.Dir, r.ram(), r.Project)
}

// wipe takes the database off the machine, with every trace of its making; the
// sealed copies stay.
func (r *rig) wipe(t *testing.T) {
	t.Helper()
	r.Run(t, `cd "$1" && { docker compose down -v -t 0 --remove-orphans; docker rm -f "$3-tde-init"; docker volume rm "$3_tde" "$3_data"; umount "$2"; } >/dev/null 2>&1
rm -rf "/run/remoterun/$3" "/var/lib/remoterun/$3/init" "/var/lib/remoterun/$3/sql-password" "$1"/compose.override.y*ml
! docker volume inspect "$3_tde" >/dev/null 2>&1`, r.Dir, r.ram(), r.Project)
}

// bare takes the keys away, too, here and there.
func (r *rig) bare(t *testing.T) {
	t.Helper()
	r.wipe(t)
	r.Run(t, `rm -rf "/var/lib/remoterun/$1"`, r.Project)
	for _, dir := range []string{"keys", "reports"} {
		if err := os.RemoveAll(filepath.Join(r.dir, dir)); err != nil {
			t.Fatal(err)
		}
	}
}

// sent counts the steps that the newest run has noted before it sent them; -1
// says that the run begun last has no journal yet.
func (r *rig) sent() int {
	runs := journal.Runs(r.logs)
	if len(runs) <= r.before {
		return -1
	}
	entries, _ := journal.Read(filepath.Join(r.logs, runs[len(runs)-1]))
	n := 0
	for _, e := range entries {
		if len(e.Steps) > 0 {
			n++
		}
	}
	return n
}

// begun is a run in the background.
type begun struct {
	said
	done <-chan struct{}
	kill func(syscall.Signal)
}

// start runs the program in the background.
func (r *rig) start(t *testing.T, args ...string) *begun {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), cmp.Or(r.d.patience, hangs), errors.New("the program hangs"))
	cmd := r.d.command(ctx, t, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stop := r.d.giveFD(t, cmd)
	r.before = len(journal.Runs(r.logs))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	b := &begun{done: done, kill: func(s syscall.Signal) { _ = cmd.Process.Signal(s) }}
	go func() {
		defer close(done)
		err := cmd.Wait()
		b.said = r.d.keep(t, cmd, out.String(), errs.String(), err)
		stop()
		cancel()
	}()
	return b
}

// at waits until when says yes; it is false when the run ended before.
func (b *begun) at(when func() bool) bool {
	for {
		select {
		case <-b.done:
			return false
		default:
		}
		if when() {
			return true
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (b *begun) wait() said {
	<-b.done
	return b.said
}

// free runs a command until nobody holds the project any more.
func (r *rig) free(t *testing.T, within time.Duration, args ...string) said {
	t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(200 * time.Millisecond) {
		s := r.run(t, args...)
		if s.code != exitHeld || time.Now().After(end) {
			return s
		}
	}
}

// clean searches everything that stays for passphrase and keys.
func (r *rig) clean(t *testing.T) {
	t.Helper()
	for _, dir := range []string{r.d.kept, r.dir, filepath.Dir(r.logs)} {
		for _, hit := range real.SearchTree(t, dir, r.keys) {
			t.Errorf("on the laptop: %s", hit)
		}
	}
	for _, hit := range r.Residue(t, r.keys) {
		t.Errorf("%s: %s", r.Name, hit)
	}
	if r.watch != nil {
		for _, hit := range r.watch.Hits() {
			t.Errorf("a process showed %s", hit)
		}
	}
	if t.Failed() {
		t.Logf("files: %s", strings.Join(r.Files(t, r.keys), "\n"))
	}
}
