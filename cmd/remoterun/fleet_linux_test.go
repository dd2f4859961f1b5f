//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"remoterun/runner/hosttest/real"
	"remoterun/runner/secret"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/seal"
	"remoterun/tasks/tde/tdetest"
)

// canary is the passphrase of the whole scenario. Nothing may keep it.
const canary = "correct horse battery staple lamp"

// fleet is the scenario: three machines with OpenSSH, Docker, compose and the
// real server, and one operator.
type fleet struct {
	*tdetest.Fleet
	d    *desk
	keys real.Needles // what must be found nowhere
	// watch looks at what processes show while the scenario runs.
	watch *real.Watcher
}

// TestFleet is the main job on real parts, from setup to everything that can go
// wrong. Its parts follow one another: each leaves the fleet unlocked.
func TestFleet(t *testing.T) {
	f := &fleet{Fleet: tdetest.StartFleet(t)}
	f.d = newDesk(t, f.Op.Home, f.Dir, canary)
	f.watch = real.Watch(t, real.Needles{"passphrase": []byte(canary)})
	for _, part := range []struct {
		name string
		run  func(*testing.T, *fleet)
	}{
		{"setup, unlock of empty volumes, and again", unlockEmpty},
		{"verify", verifyAll},
		{"reboots of three kinds", reboots},
		{"a wrong passphrase contacts no host", wrongPassphrase},
		{"one host is down", oneDown},
		{"sealed files that are not right", badSealed},
		{"a keyring that lacks the cluster's key", stale},
		{"memory that is not safe", badMemory},
		{"a second operator, and one who vanished", operators},
		{"lock", lockAgain},
		{"what processes showed", shown},
		{"residue", residue},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.run(t, f) }) {
			return
		}
	}
}

func (f *fleet) unlock(t *testing.T, pattern string) said {
	t.Helper()
	return f.d.run(t, "unlock", pattern)
}

// readKeys learns the keys from RAM, for the search at the end.
func (f *fleet) readKeys(t *testing.T) {
	t.Helper()
	f.keys = real.Needles{"passphrase": []byte(canary)}
	for _, s := range f.Stacks() {
		ring, err := os.ReadFile(s.Path(keyringFile(s)))
		if err != nil {
			ring = []byte(s.Run(t, `cat "$1"`, keyringFile(s)))
		}
		if len(ring) < seal.RecordSize {
			t.Fatalf("%s: the keyring in RAM has %d bytes", s.Name, len(ring))
		}
		size := map[bool]byte{false: 16, true: 32}[s == f.Gamma]
		if ring[288] != size {
			t.Errorf("%s: the key in RAM has %d bytes, want %d", s.Name, ring[288], size)
		}
		f.keys[s.Name+"'s key"] = bytes.Clone(ring[256 : 256+16])
	}
	f.watch.Add(f.keys)
}

func keyringFile(s *tdetest.Stack) string { return "/run/remoterun/" + s.Project + "/keyring/keyring" }

func rows(t *testing.T, s *tdetest.Stack) {
	t.Helper()
	if got := s.SQL(t, tdetest.Database, "SELECT count(*) FROM people"); got != "1000" {
		t.Errorf("%s: %s rows, want 1000", s.Name, got)
	}
}

func unlockEmpty(t *testing.T, f *fleet) {
	f.d.run(t, "setup", "prod").want(t, exitOK, "alpha", "beta", "gamma")
	f.d.run(t, "setup", "prod").want(t, exitOK, "changed=0")
	// One prompt for all, on a terminal.
	f.d.talk(t, []turn{{"Passphrase", canary}}, "unlock", "prod").want(t, exitOK)
	for _, s := range f.Stacks() {
		s.SQL(t, tdetest.Database, "CREATE TABLE people AS SELECT i, 'known-row-' || i AS name FROM generate_series(1, 1000) i")
		if got := s.SQL(t, tdetest.Database, "SELECT "+tdetest.Extension()+"_is_encrypted('people'), (SELECT amname FROM pg_am a JOIN pg_class c ON c.relam = a.oid WHERE relname = 'people')"); got != "t|tde_heap" {
			t.Errorf("%s: the table is %s", s.Name, got)
		}
		s.SQL(t, tdetest.Database, "CHECKPOINT")
		rows(t, s)
	}
	f.readKeys(t)
	again := f.unlock(t, "prod")
	again.want(t, exitOK)
	if n := strings.Count(again.out, "changed=0"); n != 3 {
		t.Errorf("a second unlock changed something:\n%s", again.out)
	}
	f.d.run(t, "status", "prod").want(t, exitOK, "unlocked")
}

func verifyAll(t *testing.T, f *fleet) {
	f.d.run(t, "verify", "prod").want(t, exitOK, "alpha", "beta", "gamma", "WAL", "WAL: aes_128", "WAL: aes_256")
	for _, s := range f.Stacks() {
		list, err := filepath.Glob(filepath.Join(f.Dir, "reports", "*"+s.Name+"*"))
		if err != nil || len(list) == 0 {
			t.Errorf("%s: no report on the laptop (%v)", s.Name, err)
		}
	}
	// A plain table is found and named.
	f.Alpha.SQL(t, tdetest.Database, "CREATE TABLE plainly (x text) USING heap")
	f.d.run(t, "verify", "alpha").want(t, exitFailed, "plainly")
	f.Alpha.SQL(t, tdetest.Database, "DROP TABLE plainly")
	f.d.run(t, "verify", "alpha").want(t, exitOK)
}

func reboots(t *testing.T, f *fleet) {
	f.Alpha.Reboot(t)
	f.Beta.Compose(t, "restart")
	// The hand-made short syntax: Docker makes the directory and loops.
	f.Gamma.Reboot(t)
	s := f.d.run(t, "status", "prod")
	s.want(t, exitLocked, "locked", "remoterun unlock alpha")
	f.unlock(t, "prod").want(t, exitOK)
	for _, s := range f.Stacks() {
		rows(t, s)
	}
}

func wrongPassphrase(t *testing.T, f *fleet) {
	before := f.Alpha.Link.Count() + f.Beta.Link.Count() + f.Gate.Link.Count()
	wrong := *f.d
	wrong.passphrase = "not the passphrase of anything"
	s := wrong.run(t, "unlock", "prod")
	s.want(t, exitError, "passphrase")
	if n := f.Alpha.Link.Count() + f.Beta.Link.Count() + f.Gate.Link.Count() - before; n != 0 {
		t.Errorf("a wrong passphrase made %d connections", n)
	}
}

func oneDown(t *testing.T, f *fleet) {
	f.Alpha.Reboot(t)
	f.Gamma.Reboot(t)
	f.Beta.PowerOff(t)
	f.unlock(t, "prod").want(t, exitUnreachable, "beta", "UNREACHABLE")
	rows(t, f.Alpha)
	rows(t, f.Gamma)
	f.Beta.Boot(t)
	f.Beta.AwaitDocker(t)
	f.unlock(t, "beta").want(t, exitOK)
	rows(t, f.Beta)
}

// sealedFolder is where alpha's sealed keyrings are on the laptop.
func (f *fleet) sealedFolder(s *tdetest.Stack) string {
	return filepath.Join(f.Dir, "keys", s.Project+"@"+s.Name)
}

// aside keeps a folder's files and gives them back at the end of the test.
func aside(t *testing.T, dir string) {
	t.Helper()
	copyOf := t.TempDir()
	if out, err := exec.Command("cp", "-a", dir+"/.", copyOf).CombinedOutput(); err != nil {
		t.Fatalf("%s: %s", err, out)
	}
	t.Cleanup(func() {
		_ = os.RemoveAll(dir)
		if out, err := exec.Command("cp", "-a", copyOf, dir).CombinedOutput(); err != nil {
			t.Fatalf("%s: %s", err, out)
		}
	})
}

func badSealed(t *testing.T, f *fleet) {
	t.Run("tampered", func(t *testing.T) {
		dir := f.sealedFolder(f.Alpha)
		aside(t, dir)
		list, _ := filepath.Glob(filepath.Join(dir, "*.enc"))
		if len(list) == 0 {
			t.Fatal("no sealed keyring on the laptop")
		}
		for _, p := range list {
			text, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			text[len(text)/2] ^= 1
			if err := os.WriteFile(p, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		before := f.Alpha.Link.Count()
		f.unlock(t, "alpha").want(t, exitRefused, "alpha")
		if f.Alpha.Link.Count() != before {
			t.Error("the host was contacted")
		}
	})
	t.Run("another host's", func(t *testing.T) {
		dir := f.sealedFolder(f.Alpha)
		aside(t, dir)
		_ = os.RemoveAll(dir)
		if out, err := exec.Command("cp", "-a", f.sealedFolder(f.Beta), dir).CombinedOutput(); err != nil {
			t.Fatalf("%s: %s", err, out)
		}
		before := f.Alpha.Link.Count()
		f.unlock(t, "alpha").want(t, exitRefused, "beta")
		if f.Alpha.Link.Count() != before {
			t.Error("the host was contacted")
		}
	})
	f.unlock(t, "alpha").want(t, exitOK)
}

// stale puts a keyring on the laptop and on the server that opens with the
// passphrase and lacks the key that the cluster is on.
func stale(t *testing.T, f *fleet) {
	dir := f.sealedFolder(f.Alpha)
	aside(t, dir)
	store := custody.Store{Dir: filepath.Join(f.Dir, "keys")}
	sealer := seal.Sealer{}
	shelf, err := store.Load(sealer, f.Alpha.Project, "alpha")
	if err != nil {
		t.Fatal(err)
	}
	last := shelf.Copies[len(shelf.Copies)-1]
	pass := secret.New([]byte(canary))
	defer pass.Wipe()
	var none seal.Keyring
	other, err := none.Append(f.Alpha.Project+"-20200101T000000Z-00000000", 128, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m := last.Manifest
	sealed, m, err := sealer.Seal(context.Background(), other, pass, m)
	if err != nil {
		t.Fatal(err)
	}
	_ = os.RemoveAll(dir)
	c, err := store.Commit(sealed, m)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Advance(c); err != nil {
		t.Fatal(err)
	}
	f.Alpha.Reboot(t)
	wanted := last.Manifest.Keys[len(last.Manifest.Keys)-1].Name
	f.unlock(t, "alpha").want(t, exitRefused, "another one than this laptop has opened before")
	elsewhere := *f.d
	elsewhere.env = append(slices.Clone(f.d.env), "XDG_STATE_HOME="+t.TempDir()) // a laptop that has opened none
	elsewhere.run(t, "unlock", "alpha").want(t, exitRefused, wanted)
	if out := f.Alpha.Run(t, `ls /run/remoterun 2>/dev/null; true`); strings.Contains(out, "keyring") {
		t.Errorf("something was put into RAM: %s", out)
	}
}

func badMemory(t *testing.T, f *fleet) {
	f.Alpha.Reboot(t)
	ram := filepath.Dir(keyringFile(f.Alpha))
	t.Run("a disk where RAM is expected", func(t *testing.T) {
		f.Alpha.Run(t, `mkdir -p /srv/disk "$1" && mount --bind /srv/disk "$1"`, ram)
		defer f.Alpha.Run(t, `umount "$1"; rmdir "$1"`, ram)
		f.unlock(t, "alpha").want(t, exitRefused, ram)
		if got := f.Alpha.Run(t, "ls /srv/disk"); got != "" {
			t.Errorf("something was written to the disk: %s", got)
		}
	})
	t.Run("swap is on", func(t *testing.T) {
		f.Alpha.SwapOn(t)
		defer f.Alpha.SwapOff(t)
		f.unlock(t, "alpha").want(t, exitRefused, "swap", "tde_swap")
		f.d.run(t, "unlock", "alpha", "-e", "tde_swap=accept").want(t, exitOK, "weak")
	})
	f.unlock(t, "prod").want(t, exitOK)
	rows(t, f.Alpha)
}

func operators(t *testing.T, f *fleet) {
	book := filepath.Join(f.Dir, "hold.yaml")
	writeFile(t, book, "- name: a long job\n  hosts: alpha\n  become: yes\n  gather_facts: no\n  lock: '{{ tde_project }}'\n  tasks:\n    - name: hold\n      shell: echo $$ > /srv/pid; sleep 300; touch /srv/came-to-its-end\n")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := f.d.command(ctx, t, "hold.yaml")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = cmd.Wait() }()
	eventually(t, 20*time.Second, "the first operator's work", func() bool {
		got, _ := f.Alpha.Try(t, "cat /srv/pid")
		return strings.TrimSpace(got) != ""
	})
	f.unlock(t, "alpha").want(t, exitHeld, "a long job", "--take-over", "since")
	f.unlock(t, "beta").want(t, exitOK)

	// The laptop vanishes without a word: its link is dead, its socket stays.
	pid := strings.TrimSpace(f.Alpha.Run(t, "cat /srv/pid"))
	f.Alpha.Link.Freeze()
	frozen := time.Now()
	f.Op.Another(t, f.Alpha.Machine, "alpha-again")
	var other said
	eventually(t, 100*time.Second, "the lock of an operator who vanished", func() bool {
		other = f.d.run(t, "unlock", "alpha", "-e", "ansible_host=alpha-again")
		return other.code != exitHeld
	})
	other.want(t, exitOK)
	t.Logf("the lock was free after %s", time.Since(frozen).Round(time.Second))
	if _, err := f.Alpha.Try(t, `test -d /proc/"$1"`, pid); err == nil {
		t.Error("the lock was given while its work lived")
	}
	if _, err := f.Alpha.Try(t, "test -e /srv/came-to-its-end"); err == nil {
		t.Error("the work of the first operator came to its end")
	}
	f.Alpha.Link.Thaw()
}

func eventually(t *testing.T, within time.Duration, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("%s: not within %s", what, within)
}

func lockAgain(t *testing.T, f *fleet) {
	f.d.run(t, "lock", "prod").want(t, exitOK)
	for _, s := range f.Stacks() {
		if got, err := s.Try(t, `ls "$1"`, keyringFile(s)); err == nil {
			t.Errorf("%s: the keyring is still there: %s", s.Name, got)
		}
	}
	f.d.run(t, "status", "prod").want(t, exitLocked, "locked")
	f.unlock(t, "prod").want(t, exitOK)
	for _, s := range f.Stacks() {
		rows(t, s)
	}
}

// shown is what processes showed while the scenario ran, on the laptop and on the
// machines: nothing but what is planted now.
func shown(t *testing.T, f *fleet) {
	if hits := f.watch.Hits(); len(hits) > 0 {
		t.Errorf("processes showed secrets: %s", strings.Join(hits, "\n"))
	}
	f.Alpha.Run(t, "sleep 1; exit 0", "x"+canary)
	hits := f.watch.Stop()
	if !strings.Contains(strings.Join(hits, "\n"), "passphrase in ") {
		t.Errorf("the search did not find what was planted: %v", hits)
	}
	passes, files := f.watch.Passes()
	t.Logf("%d passes over arguments and environments, %d files", passes, files)
}

// residue searches everything that stays: outputs, journals, the laptop's
// project, every machine's whole disk, arguments and environments.
func residue(t *testing.T, f *fleet) {
	planted := filepath.Join(f.d.kept, "planted")
	if err := os.WriteFile(planted, []byte("x"+canary), 0o600); err != nil {
		t.Fatal(err)
	}
	if hits := real.SearchTree(t, f.d.kept, f.keys); len(hits) != 1 {
		t.Errorf("the search found %v, want exactly what was planted", hits)
	}
	_ = os.Remove(planted)
	for _, dir := range []string{f.d.kept, f.Dir, f.Op.Home} {
		for _, hit := range real.SearchTree(t, dir, f.keys) {
			t.Errorf("on the laptop: %s", hit)
		}
	}
	for _, s := range f.Stacks() {
		for _, hit := range s.Residue(t, f.keys) {
			t.Errorf("%s: %s", s.Name, hit)
		}
	}
}
