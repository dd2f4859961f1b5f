package tde

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/secret"
	"remoterun/runner/value"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/keys"
	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/seal"
	"remoterun/tasks/tde/tdetest"
)

// keyring runs one action for project sync.
func keyring(t testing.TB, d custody.Deps, w host.Writer, action string, args ...any) play.Result {
	t.Helper()
	r, _ := task(t, keys.New(d), w, false, append([]any{"action", value.String(action), "project", value.String("sync")}, args...)...)
	return r
}

func changed(t testing.TB, want bool, r play.Result) play.Result {
	t.Helper()
	if r.Failed || r.Changed != want {
		t.Fatalf("failed=%v changed=%v (want %v): %s", r.Failed, r.Changed, want, r.Msg)
	}
	return r
}

func mustRefuse(t testing.TB, r play.Result, want string) {
	t.Helper()
	if !refused(r) || !strings.Contains(r.Msg, want) {
		t.Fatalf("failed=%v refused=%v %q, want a refusal with %q", r.Failed, refused(r), r.Msg, want)
	}
}

// again is the next run of the program on the same laptop.
func again(t testing.TB, d custody.Deps, p play.Prompter) custody.Deps {
	d.Session, d.Prompter = custody.NewSession(), p
	t.Cleanup(func() { _ = d.Session.Close() })
	return d
}

// setUp is what setup.yaml does.
func setUp(t testing.TB, d custody.Deps, w host.Writer) {
	t.Helper()
	for _, action := range []string{"make", "seal", "push", "sheet"} {
		changed(t, true, keyring(t, d, w, action))
	}
}

func TestSetupUnlockLock(t *testing.T) {
	shells(t, func(t *testing.T, n *ns) {
		w := n.conn(t, "web1")
		d := testDeps(t, knows(strong))
		m := memory.Module()
		for _, action := range []string{"make", "seal", "push", "sheet"} {
			r, _ := task(t, keys.New(d), w, true, "action", value.String(action), "project", value.String("sync"))
			changed(t, true, r)
		}
		if left, _ := os.ReadDir(d.Dir()); len(left) > 0 {
			t.Fatalf("check mode wrote %v", left)
		}
		setUp(t, d, w)
		// The second run finds everything there and asks for nothing.
		silent := again(t, d, &tdetest.Typist{})
		for _, action := range []string{"make", "seal", "push", "sheet"} {
			changed(t, false, keyring(t, silent, w, action))
		}
		if r := keyring(t, silent, w, "compare"); value.Str(data(r, "copies")) != string(custody.CopiesEqual) {
			t.Errorf("copies: %v", data(r, "copies"))
		}
		if got := n.sh(t, "stat -c '%u %a' /var/lib/remoterun/sync; ls -A /var/lib/remoterun/sync | wc -l"); got != "0 700\n3\n" {
			t.Errorf("server copy: %q", got)
		}
		// Unlock: open without the host, then mount and load.
		unlock := again(t, d, knows(strong))
		opened := changed(t, false, keyring(t, unlock, untouched{name: "web1"}, "open"))
		r, _ := task(t, m, w, false, "path", value.String(memory.MountPath("sync")))
		changed(t, true, r)
		changed(t, true, keyring(t, unlock, w, "load", "owner", value.Int(26)))
		changed(t, false, keyring(t, unlock, w, "load", "owner", value.Int(26)))
		got := n.sh(t, "cd "+memory.MountPath("sync")+"; ls -A; stat -c '%u %g %a %s' keyring; head -c 30 keyring | tr -d '\\0'")
		if !strings.HasPrefix(got, "keyring\n26 26 400 292\n"+value.Str(data(opened, "wanted"))[:20]) {
			t.Errorf("in RAM: %q", got)
		}
		want, _ := unlock.Session.Opened("sync", "web1")
		if raw := n.sh(t, "cat "+memory.MountPath("sync")+"/keyring"); raw != string(tdetest.BytesOf(t, want.Keyring)) {
			t.Error("what is in RAM is another keyring")
		}
		changed(t, true, keyring(t, unlock, w, "load", "owner", value.Int(26), "group", value.Int(0)))
		r, _ = task(t, m, w, false, "path", value.String(memory.MountPath("sync")), "state", value.String("absent"))
		changed(t, true, r)
		if left := n.sh(t, "ls -A /run"); strings.ReplaceAll(left, "mount\n", "") != "remoterun\n" { // mount(8) makes /run/mount
			t.Errorf("left in /run: %q", left)
		}
	})
}

func TestSheetImports(t *testing.T) {
	n := newNS(t, false)
	w, d := n.conn(t, "web1"), testDeps(t, knows(strong))
	setUp(t, d, w)
	sheets, _ := filepath.Glob(filepath.Join(d.Dir(), "reports", "*"))
	if len(sheets) != 1 {
		t.Fatalf("sheets: %v", sheets)
	}
	text, err := os.ReadFile(sheets[0])
	if err != nil {
		t.Fatal(err)
	}
	c, err := seal.ParseSheet(d.Sealer, text)
	if err != nil {
		t.Fatal(err)
	}
	fresh := testDeps(t, knows(strong))
	o, err := fresh.Import(t.Context(), fresh.Store("keys"), "sync", "web1", []seal.StoredCopy{c})
	if err != nil || o.Keyring.Len() != 1 {
		t.Fatalf("import: %v", err)
	}
	changed(t, false, keyring(t, fresh, w, "push"))
	if _, err := fresh.Import(t.Context(), fresh.Store("keys"), "sync", "web2", []seal.StoredCopy{c}); guard.StatusOf(err) != guard.StatusRefused {
		t.Errorf("import for another host: %v", err)
	}
	if _, err := seal.ParseSheet(d.Sealer, bytes.Replace(text, []byte("-----\nU"), []byte("-----\nV"), 1)); err == nil {
		t.Error("a damaged sheet was read")
	}
}

func TestWrongPassphraseTouchesNoHost(t *testing.T) {
	n := newNS(t, false)
	d := testDeps(t, knows(strong))
	setUp(t, d, n.conn(t, "web1"))
	p := &tdetest.Typist{Answers: map[string]string{"tde passphrase": "no", "tde passphrase 2": "nor this", "tde passphrase 3": "neither"}}
	r := keyring(t, again(t, d, p), untouched{name: "web1"}, "open")
	if wrong, _ := data(r, guard.KeyWrongPassphrase).AsBool(); !r.Failed || !wrong || refused(r) || len(p.Asked) != 3 {
		t.Errorf("%+v after %v", r, p.Asked)
	}
	if !strings.Contains(p.Texts[1], "web1") {
		t.Errorf("the second question names no host: %q", p.Texts[1])
	}
	p = &tdetest.Typist{Answers: map[string]string{"tde passphrase": "no"}}
	r = keyring(t, again(t, d, p), untouched{name: "web1"}, "open")
	if wrong, _ := data(r, guard.KeyWrongPassphrase).AsBool(); !wrong || !strings.Contains(r.Msg, "wrong passphrase") {
		t.Errorf("nobody to ask again: %+v", r)
	}
	p = &tdetest.Typist{Answers: map[string]string{"tde passphrase": "no", "tde passphrase 2": strong}}
	changed(t, false, keyring(t, again(t, d, p), untouched{name: "web1"}, "open"))
}

// A passphrase that opens only some hosts is asked for again for the others
// alone, by name, however many open theirs at once.
func TestOnePassphraseForAFleet(t *testing.T) {
	n := newNS(t, false)
	dir := t.TempDir()
	for name, pass := range map[string]string{"web1": strong, "web2": strong, "db1": strong + " db", "db2": strong + " db"} {
		d := testDeps(t, knows(pass))
		d.Dir = func() string { return dir }
		n.sh(t, "rm -rf /var/lib/remoterun")
		setUp(t, d, n.conn(t, name))
	}
	d := testDeps(t, &tdetest.Typist{Answers: map[string]string{"tde passphrase": strong, "tde passphrase 2": strong + " db"}})
	d.Dir = func() string { return dir }
	results := make(chan play.Result)
	for _, name := range []string{"web1", "db1", "web2", "db2"} {
		go func() { results <- keyring(t, d, untouched{name: name}, "open") }()
	}
	for range 4 {
		if r := <-results; r.Failed {
			t.Errorf("%+v", r)
		}
	}
	p := d.Prompter.(*tdetest.Typist)
	if len(p.Asked) != 2 || strings.Contains(p.Texts[1], "web") {
		t.Errorf("asked %v %q", p.Asked, p.Texts)
	}
}

func TestRefusals(t *testing.T) {
	n := newNS(t, false)
	w := n.conn(t, "web1")
	d := testDeps(t, knows(strong))
	setUp(t, d, w)
	folder := d.Store("keys").Folder("sync", "web1")
	open := func(t *testing.T, d custody.Deps) play.Result {
		return keyring(t, again(t, d, knows(strong)), untouched{name: "web1"}, "open")
	}
	// each case spoils a copy of the laptop's folder
	for name, c := range map[string]struct {
		spoil func(t *testing.T, folder string)
		want  string
	}{
		"tampered": {func(t *testing.T, f string) {
			replace(t, f, ".json", `"by": "anna@laptop"`, `"by": "mara@laptop"`)
		}, "it was changed: HEAD names another hash"},
		"tampered, and HEAD with it": {func(t *testing.T, f string) {
			replace(t, f, ".json", `"by": "anna@laptop"`, `"by": "mara@laptop"`)
			remove(t, f, custody.HeadFile)
		}, "changed after it was made"},
		"damaged": {func(t *testing.T, f string) { replace(t, f, ".enc", "Salted__", "salted__") }, "not the one that the manifest describes"},
		"rolled back": {func(t *testing.T, f string) {
			write(t, f, custody.HeadFile, []byte("000002-11112222 "+strings.Repeat("a", 64)+"\n"))
		}, "rollback: HEAD is generation 2"},
		"nothing":          {func(t *testing.T, f string) { _ = os.RemoveAll(f) }, "there is no sealed keyring"},
		"of another host":  {func(t *testing.T, f string) { replace(t, f, ".json", `"host": "web1"`, `"host": "web2"`) }, "keyring of sync@web2, not of sync@web1"},
		"cheap to guess":   {func(t *testing.T, f string) { replace(t, f, ".json", `"iterations": 1000`, `"iterations": 10`) }, "10 iterations"},
		"expensive to try": {func(t *testing.T, f string) { replace(t, f, ".json", `"iterations": 1000`, `"iterations": 99000000`) }, "99000000 iterations"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(filepath.Join(dir, "keys", "sync@web1"), os.DirFS(folder)); err != nil {
				t.Fatal(err)
			}
			spoilt := d
			spoilt.Dir = func() string { return dir }
			c.spoil(t, filepath.Join(dir, "keys", "sync@web1"))
			mustRefuse(t, open(t, spoilt), c.want)
		})
	}
	empty := again(t, d, knows(strong))
	dir := t.TempDir()
	empty.Dir = func() string { return dir }
	t.Run("server copy only", func(t *testing.T) {
		mustRefuse(t, keyring(t, empty, w, "make"), "key import")
		changed(t, true, keyring(t, empty, w, "import"))
		changed(t, false, keyring(t, empty, w, "make"))
	})
	t.Run("server has other bytes", func(t *testing.T) {
		n.sh(t, "cp -a /var/lib/remoterun/sync /var/lib/keep; cd /var/lib/remoterun/sync; for f in *.tag; do echo x >>$f; done")
		mustRefuse(t, keyring(t, d, w, "push"), "other bytes")
		n.sh(t, "rm -rf /var/lib/remoterun/sync; mv /var/lib/keep /var/lib/remoterun/sync")
	})
	t.Run("headers without any copy", func(t *testing.T) {
		n.sh(t, "rm -rf /var/lib/remoterun; mkdir -p /var/lib/docker/volumes/sync_tde/_data/pg_tde; dd if=/dev/zero bs=400 count=1 2>/dev/null | tr '\\0' A >/var/lib/docker/volumes/sync_tde/_data/pg_tde/1663_keys")
		mustRefuse(t, keyring(t, testDeps(t, knows(strong)), w, "make"), "encrypted already")
		n.sh(t, "rm -rf /var/lib/docker; mkdir -p /var/lib/x/open_pg_tde; echo A >/var/lib/x/open_pg_tde/wal_keys")
		mustRefuse(t, keyring(t, testDeps(t, knows(strong)), w, "make", "data_dirs", value.Strings("/var/lib/x")), "/var/lib/x/open_pg_tde/wal_keys")
		n.sh(t, "rm -rf /var/lib/x")
	})
	t.Run("not sealed yet", func(t *testing.T) {
		d := testDeps(t, knows(strong))
		changed(t, true, keyring(t, d, w, "make"))
		n.sh(t, "mkdir -p /run/remoterun/sync/keyring; mount -t tmpfs -o mode=711 remoterun /run/remoterun/sync/keyring")
		out, err := d.LoadStep(memory.Load{Project: "sync", Host: "web1", Path: memory.MountPath("sync"), AcceptSwap: true}).Do(t.Context(), w)
		if err != nil || out.Status != guard.StatusRefused || !strings.Contains(string(out.Stderr), "no sealed copy holds it") {
			t.Errorf("%v %d %s", err, out.Status, out.Stderr)
		}
	})
	t.Run("weak passphrase", func(t *testing.T) {
		d := testDeps(t, knows("password1"))
		changed(t, true, keyring(t, d, w, "make"))
		if r := keyring(t, d, w, "seal"); !r.Failed || !strings.Contains(r.Msg, "bits") {
			t.Errorf("%+v", r)
		}
		if left, _ := filepath.Glob(filepath.Join(d.Dir(), "keys", "*")); left != nil {
			t.Errorf("left: %v", left)
		}
	})
	t.Run("not root", func(t *testing.T) {
		mustRefuse(t, failedFrom(t, custody.Server(seal.StateDir, "sync"), host.Answer{Status: 4}), "only root")
	})
}

func failedFrom[T any](t *testing.T, f host.Fact[T], a host.Answer) play.Result {
	t.Helper()
	_, err := f.Parse(a)
	plan, err := guard.PlanOf(err)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Result
}

func replace(t *testing.T, folder, suffix, old, by string) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(folder, "*"+suffix))
	b, err := os.ReadFile(files[0])
	if err != nil || !bytes.Contains(b, []byte(old)) {
		t.Fatalf("%s: %v, holds %q: %v", files[0], err, old, bytes.Contains(b, []byte(old)))
	}
	write(t, folder, filepath.Base(files[0]), bytes.Replace(b, []byte(old), []byte(by), 1))
}

// A client that is killed between any two acts of setup, and in the middle of
// those that write, is finished by the next run.
func TestSetupCutAnywhere(t *testing.T) {
	actions := []string{"make", "seal", "push", "sheet"}
	for cut := range 8 {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			n := newNS(t, false)
			w, d := n.conn(t, "web1"), testDeps(t, knows(strong))
			for _, action := range actions[:cut/2] {
				changed(t, true, keyring(t, d, w, action))
			}
			half := ""
			switch cut {
			case 3: // in the middle of seal: HEAD was not written
				changed(t, true, keyring(t, d, w, "seal"))
				remove(t, d.Store("keys").Folder("sync", "web1"), custody.HeadFile)
			case 5: // in the middle of push: the .json has no name yet
				changed(t, true, keyring(t, d, w, "push"))
				half = "cd /var/lib/remoterun/sync && mv *.json .in.x.json"
			case 7: // a data stream that was cut
				changed(t, true, keyring(t, d, w, "sheet"))
				half = "cd /var/lib/remoterun/sync && rm *.json *.tag && echo Sal >.in.000001-00000000.enc"
			}
			if half != "" {
				n.sh(t, half)
			}
			next := again(t, d, knows(strong))
			for _, action := range actions {
				if r := keyring(t, next, w, action); r.Failed {
					t.Fatalf("%s: %s", action, r.Msg)
				}
			}
			silent := again(t, d, &tdetest.Typist{})
			for _, action := range actions {
				changed(t, false, keyring(t, silent, w, action))
			}
			if got := n.sh(t, "ls -A /var/lib/remoterun/sync | wc -l"); got != "3\n" {
				t.Errorf("files on the server: %s", got)
			}
			changed(t, false, keyring(t, again(t, d, knows(strong)), untouched{name: "web1"}, "open"))
		})
	}
}

// No cluster may be made with a key that only the laptop holds.
func TestLoadForANewClusterNeedsTheServersCopy(t *testing.T) {
	n := newNS(t, false)
	w, d := n.conn(t, "web1"), testDeps(t, knows(strong))
	changed(t, true, keyring(t, d, w, "make"))
	changed(t, true, keyring(t, d, w, "seal"))
	n.sh(t, "mkdir -p /run/remoterun/sync/keyring; mount -t tmpfs -o mode=711 remoterun /run/remoterun/sync/keyring")
	mustRefuse(t, keyring(t, d, w, "load"), "not proved (laptop only)")
	changed(t, true, keyring(t, d, w, "push"))
	changed(t, true, keyring(t, d, w, "load"))
}

// Two laptops go on from one generation: both are kept, and merged.
func TestTwoLaptops(t *testing.T) {
	n := newNS(t, false)
	w, d := n.conn(t, "web1"), testDeps(t, knows(strong))
	setUp(t, d, w)
	other := testDeps(t, knows(strong))
	changed(t, true, keyring(t, other, w, "import"))
	grow := func(d custody.Deps, name string) {
		o, err := d.Open(t.Context(), d.Store("keys"), "sync", "web1")
		if err != nil {
			t.Fatal(err)
		}
		if o.Keyring, err = o.Keyring.Append(name, 128, tdetest.NewStream(name)); err != nil {
			t.Fatal(err)
		}
		if _, err := d.NextGeneration(t.Context(), d.Store("keys"), o, o.Passphrase); err != nil {
			t.Fatal(err)
		}
	}
	grow(d, "sync-here")
	grow(other, "sync-there")
	changed(t, true, keyring(t, other, w, "push"))
	mustRefuse(t, keyring(t, d, w, "push"), "which this laptop does not know")
	changed(t, true, keyring(t, d, w, "import"))
	changed(t, true, keyring(t, d, w, "push"))
	o, ok := d.Session.Opened("sync", "web1")
	if !ok || o.Unsealed || o.Manifest.Generation != 3 || len(o.Manifest.Previous) != 2 || o.Keyring.Len() != 3 {
		t.Errorf("merged: generation %d of %v, %d keys", o.Manifest.Generation, o.Manifest.Previous, o.Keyring.Len())
	}
	if r := changed(t, false, keyring(t, again(t, d, knows(strong)), untouched{name: "web1"}, "open")); value.Str(data(r, "generation")) != "3" {
		t.Errorf("opened: %+v", r)
	}
	mustRefuse(t, keyring(t, other, w, "push"), "000003-")
}

func TestSecondCopyInsteadOfTheServers(t *testing.T) {
	n := newNS(t, false)
	w, d := n.conn(t, "web1"), testDeps(t, knows(strong))
	changed(t, true, keyring(t, d, w, "make"))
	changed(t, true, keyring(t, d, w, "seal"))
	usb := t.TempDir()
	push := []any{"server_copy", value.Bool(false), "second_copy", value.String(usb)}
	changed(t, true, keyring(t, d, w, "push", push...))
	changed(t, false, keyring(t, again(t, d, &tdetest.Typist{}), w, "push", push...))
	if left := n.sh(t, "ls -A /var/lib"); left != "" {
		t.Errorf("on the server: %q", left)
	}
	if r := keyring(t, d, w, "push", "server_copy", value.Bool(false), "second_copy", value.String("keys")); !r.Failed && r.Changed {
		t.Errorf("the same folder twice: %+v", r)
	}
}

// What a session opened is gone when it is closed.
func TestSessionCloseWipes(t *testing.T) {
	n := newNS(t, false)
	d := testDeps(t, knows(strong))
	setUp(t, d, n.conn(t, "web1"))
	o, ok := d.Session.Opened("sync", "web1")
	if err := d.Session.Close(); err != nil || !ok {
		t.Fatal(err, ok)
	}
	if err := o.Keyring.Use(func([]byte) error { return nil }); !errors.Is(err, secret.ErrWiped) {
		t.Errorf("the key is still there: %v", err)
	}
	if err := o.Passphrase.Use(func([]byte) error { return nil }); !errors.Is(err, secret.ErrWiped) {
		t.Errorf("the passphrase is still there: %v", err)
	}
	if _, ok := d.Session.Opened("sync", "web1"); ok {
		t.Error("it is still open")
	}
}
