package tde

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
)

// keyring runs one action for project sync.
func keyring(t testing.TB, d Deps, w host.Writer, action string, args ...any) play.Result {
	t.Helper()
	r, _ := task(t, keyringModule(d), w, false, append([]any{"action", value.String(action), "project", value.String("sync")}, args...)...)
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
func again(t testing.TB, d Deps, p play.Prompter) Deps {
	d.Session, d.Prompter = NewSession(), p
	t.Cleanup(func() { _ = d.Session.Close() })
	return d
}

// setUp is what setup.yaml does.
func setUp(t testing.TB, d Deps, w host.Writer) {
	t.Helper()
	for _, action := range []string{"make", "seal", "push", "sheet"} {
		changed(t, true, keyring(t, d, w, action))
	}
}

func TestSetupUnlockLock(t *testing.T) {
	shells(t, func(t *testing.T, n *ns) {
		w := n.conn(t, "web1")
		d := testDeps(t, knows(strong))
		m := memoryMountModule()
		for _, action := range []string{"make", "seal", "push", "sheet"} {
			r, _ := task(t, keyringModule(d), w, true, "action", value.String(action), "project", value.String("sync"))
			changed(t, true, r)
		}
		if left, _ := os.ReadDir(d.Dir()); len(left) > 0 {
			t.Fatalf("check mode wrote %v", left)
		}
		setUp(t, d, w)
		// The second run finds everything there and asks for nothing.
		silent := again(t, d, &typist{})
		for _, action := range []string{"make", "seal", "push", "sheet"} {
			changed(t, false, keyring(t, silent, w, action))
		}
		if r := keyring(t, silent, w, "compare"); value.Str(data(r, "copies")) != string(CopiesEqual) {
			t.Errorf("copies: %v", data(r, "copies"))
		}
		if got := n.sh(t, "stat -c '%u %a' /var/lib/remoterun/sync; ls -A /var/lib/remoterun/sync | wc -l"); got != "0 700\n3\n" {
			t.Errorf("server copy: %q", got)
		}
		// Unlock: open without the host, then mount and load.
		unlock := again(t, d, knows(strong))
		opened := changed(t, false, keyring(t, unlock, untouched{name: "web1"}, "open"))
		r, _ := task(t, m, w, false, "path", value.String(MountPath("sync")))
		changed(t, true, r)
		changed(t, true, keyring(t, unlock, w, "load", "owner", value.Int(26)))
		changed(t, false, keyring(t, unlock, w, "load", "owner", value.Int(26)))
		got := n.sh(t, "cd "+MountPath("sync")+"; ls -A; stat -c '%u %g %a %s' keyring; head -c 30 keyring | tr -d '\\0'")
		if !strings.HasPrefix(got, "keyring\n26 26 400 292\n"+value.Str(data(opened, "wanted"))[:20]) {
			t.Errorf("in RAM: %q", got)
		}
		want, _ := unlock.Session.Opened("sync", "web1")
		if raw := n.sh(t, "cat "+MountPath("sync")+"/keyring"); raw != string(bytesOf(t, want.Keyring)) {
			t.Error("what is in RAM is another keyring")
		}
		changed(t, true, keyring(t, unlock, w, "load", "owner", value.Int(26), "group", value.Int(0)))
		r, _ = task(t, m, w, false, "path", value.String(MountPath("sync")), "state", value.String("absent"))
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
	c, err := ParseSheet(d.Sealer, text)
	if err != nil {
		t.Fatal(err)
	}
	fresh := testDeps(t, knows(strong))
	o, err := fresh.Import(t.Context(), fresh.store("keys"), "sync", "web1", []StoredCopy{c})
	if err != nil || o.Keyring.Len() != 1 {
		t.Fatalf("import: %v", err)
	}
	changed(t, false, keyring(t, fresh, w, "push"))
	if _, err := fresh.Import(t.Context(), fresh.store("keys"), "sync", "web2", []StoredCopy{c}); statusOf(err) != statusRefused {
		t.Errorf("import for another host: %v", err)
	}
	if _, err := ParseSheet(d.Sealer, bytes.Replace(text, []byte("-----\nU"), []byte("-----\nV"), 1)); err == nil {
		t.Error("a damaged sheet was read")
	}
}

func TestWrongPassphraseTouchesNoHost(t *testing.T) {
	n := newNS(t, false)
	d := testDeps(t, knows(strong))
	setUp(t, d, n.conn(t, "web1"))
	p := &typist{answers: map[string]string{"tde passphrase": "no", "tde passphrase 2": "nor this", "tde passphrase 3": "neither"}}
	r := keyring(t, again(t, d, p), untouched{name: "web1"}, "open")
	if wrong, _ := data(r, keyWrongPassphrase).AsBool(); !r.Failed || !wrong || refused(r) || len(p.asked) != 3 {
		t.Errorf("%+v after %v", r, p.asked)
	}
	if !strings.Contains(p.texts[1], "web1") {
		t.Errorf("the second question names no host: %q", p.texts[1])
	}
	p = &typist{answers: map[string]string{"tde passphrase": "no"}}
	r = keyring(t, again(t, d, p), untouched{name: "web1"}, "open")
	if wrong, _ := data(r, keyWrongPassphrase).AsBool(); !wrong || !strings.Contains(r.Msg, "wrong passphrase") {
		t.Errorf("nobody to ask again: %+v", r)
	}
	p = &typist{answers: map[string]string{"tde passphrase": "no", "tde passphrase 2": strong}}
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
	d := testDeps(t, &typist{answers: map[string]string{"tde passphrase": strong, "tde passphrase 2": strong + " db"}})
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
	p := d.Prompter.(*typist)
	if len(p.asked) != 2 || strings.Contains(p.texts[1], "web") {
		t.Errorf("asked %v %q", p.asked, p.texts)
	}
}

func TestRefusals(t *testing.T) {
	n := newNS(t, false)
	w := n.conn(t, "web1")
	d := testDeps(t, knows(strong))
	setUp(t, d, w)
	folder := d.store("keys").Folder("sync", "web1")
	open := func(t *testing.T, d Deps) play.Result {
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
			remove(t, f, headFile)
		}, "changed after it was made"},
		"damaged": {func(t *testing.T, f string) { replace(t, f, ".enc", "Salted__", "salted__") }, "not the one that the manifest describes"},
		"rolled back": {func(t *testing.T, f string) {
			write(t, f, headFile, []byte("000002-11112222 "+strings.Repeat("a", 64)+"\n"))
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
		out, err := d.LoadStep(Load{Project: "sync", Host: "web1", Path: MountPath("sync"), AcceptSwap: true}).Do(t.Context(), w)
		if err != nil || out.Status != statusRefused || !strings.Contains(string(out.Stderr), "no sealed copy holds it") {
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
		mustRefuse(t, failedFrom(t, Server(StateDir, "sync"), host.Answer{Status: 4}), "only root")
	})
}

func failedFrom[T any](t *testing.T, f host.Fact[T], a host.Answer) play.Result {
	t.Helper()
	_, err := f.Parse(a)
	plan, err := planOf(err)
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
				remove(t, d.store("keys").Folder("sync", "web1"), headFile)
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
			silent := again(t, d, &typist{})
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
	grow := func(d Deps, name string) {
		o, err := d.open(t.Context(), d.store("keys"), "sync", "web1")
		if err != nil {
			t.Fatal(err)
		}
		if o.Keyring, err = o.Keyring.Append(name, 128, newStream(name)); err != nil {
			t.Fatal(err)
		}
		if _, err := d.nextGeneration(t.Context(), d.store("keys"), o, o.passphrase); err != nil {
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
	changed(t, false, keyring(t, again(t, d, &typist{}), w, "push", push...))
	if left := n.sh(t, "ls -A /var/lib"); left != "" {
		t.Errorf("on the server: %q", left)
	}
	if r := keyring(t, d, w, "push", "server_copy", value.Bool(false), "second_copy", value.String("keys")); !r.Failed && r.Changed {
		t.Errorf("the same folder twice: %+v", r)
	}
}

// The keyring is never sent to what is not RAM of its own, whatever was there
// when it was looked at last.
func TestLoadProvesTheTargetItself(t *testing.T) {
	shells(t, func(t *testing.T, n *ns) {
		w, d := n.conn(t, "web1"), testDeps(t, knows(strong))
		setUp(t, d, w)
		for name, c := range map[string]struct{ prepare, want string }{
			"no mount":          {":", "the mount is not there"},
			"a folder":          {"mkdir -p $P", "no mount of its own"},
			"a disk":            {"mkdir -p $P; mount --bind /usr/share $P", "not in RAM"},
			"somebody's RAM":    {"mkdir -p $P; mount -t tmpfs -o mode=711,uid=1000 x $P", "not root's"},
			"writable RAM":      {"mkdir -p $P; mount -t tmpfs -o mode=777 x $P", "others than root"},
			"RAM with a link":   {"mkdir -p $P; mount -t tmpfs -o mode=711 x $P; ln -s /etc/passwd $P/keyring", "holds keyring"},
			"RAM with a file":   {"mkdir -p $P; mount -t tmpfs -o mode=711 x $P; echo x >$P/notes", "holds notes"},
			"a path with links": {"mkdir -p /run/l/real; mount -t tmpfs -o mode=711 x /run/l/real; mkdir -p ${P%/*}; ln -s /run/l/real $P", "symbolic link"},
		} {
			t.Run(name, func(t *testing.T) {
				p := "/run/t/" + strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), "'", "") + "/keyring"
				n.sh(t, "P="+p+"; "+c.prepare)
				sent := &counting{Writer: w}
				out, err := d.LoadStep(Load{Project: "sync", Host: "web1", Path: p, AcceptSwap: true}).Do(t.Context(), sent)
				if err != nil || out.Status != statusRefused || !strings.Contains(string(out.Stderr), c.want) {
					t.Errorf("%v %d %s, want %q", err, out.Status, out.Stderr, c.want)
				}
				if sent.n != 0 {
					t.Errorf("%d bytes of the key were sent", sent.n)
				}
			})
		}
	})
}

// A keyring that does not open the cluster on the host is not sent, and the
// missing keys are named; one that does goes to the data folder's owner.
func TestLoadChecksTheCluster(t *testing.T) {
	shells(t, func(t *testing.T, n *ns) {
		w, d := n.conn(t, "web1"), testDeps(t, knows(strong))
		setUp(t, d, w)
		o, _ := d.Session.Opened("sync", "web1")
		newer, err := o.Keyring.Append("sync-newer", 128, newStream("newer"))
		if err != nil {
			t.Fatal(err)
		}
		p, pgdata := MountPath("sync"), "/var/lib/docker/volumes/sync_tde/_data"
		n.sh(t, "mkdir -p "+p+" "+pgdata+"/pg_tde; mount -t tmpfs -o mode=711 remoterun "+p+"; chown 26:27 "+pgdata)
		put := func(k Keyring, key, file, magic string) {
			hex := fmt.Sprintf("%x", sealHeader(t, k, key, magic))
			var esc strings.Builder
			for i := 0; i < len(hex); i += 2 {
				esc.WriteString("\\0" + fmt.Sprintf("%03o", mustByte(t, hex[i:i+2])))
			}
			n.sh(t, "printf '%b' '"+esc.String()+"' >"+pgdata+"/pg_tde/"+file)
		}
		last, _ := o.Keyring.Last()
		put(newer, "sync-newer", "1663_keys", "TDE\x04")
		put(o.Keyring, last.Name, "wal_keys", "WEK\x02")
		r := keyring(t, d, w, "load")
		mustRefuse(t, r, "1663_keys needs key sync-newer, which is missing")
		if left := n.sh(t, "ls -A "+p); left != "" {
			t.Errorf("in RAM: %q", left)
		}
		put(o.Keyring, last.Name, "1663_keys", "TDE\x04")
		changed(t, true, keyring(t, d, w, "load"))
		if got := n.sh(t, "stat -c '%u %g %a' "+p+"/keyring"); got != "26 27 400\n" {
			t.Errorf("owner and mode: %q", got)
		}
		r = changed(t, false, keyring(t, d, w, "load"))
		if checks := data(r, "header_checks").Items(); len(checks) != 2 {
			t.Errorf("checks: %v", checks)
		}
		if r := keyring(t, d, w, "make"); r.Changed || r.Failed {
			t.Errorf("make beside a cluster of ours: %+v", r)
		}
	})
}

func mustByte(t *testing.T, hex string) byte {
	t.Helper()
	var b byte
	if _, err := fmt.Sscanf(hex, "%02x", &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// counting counts how much of a command's stdin was read on the laptop.
type counting struct {
	host.Writer
	n   int
	cut int // stop after so many bytes, 0 = never
}

type countingInput struct {
	sh.Input
	c *counting
}

func (c *counting) Run(ctx context.Context, cmd sh.Cmd) (host.Output, error) {
	if cmd.Stdin != nil {
		cmd.Stdin = countingInput{cmd.Stdin, c}
	}
	return c.Writer.Run(ctx, cmd)
}

func (i countingInput) Open() (io.ReadCloser, error) {
	r, err := i.Input.Open()
	return countingReader{r, i.c}, err
}

type countingReader struct {
	io.ReadCloser
	c *counting
}

func (r countingReader) Read(p []byte) (int, error) {
	if r.c.cut > 0 && r.c.n >= r.c.cut {
		return 0, io.EOF
	}
	if r.c.cut > 0 {
		p = p[:min(len(p), r.c.cut-r.c.n)]
	}
	k, err := r.ReadCloser.Read(p)
	r.c.n += k
	return k, err
}

// A stream that breaks off leaves nothing of the key, and what was there stays.
func TestCutStreamLeavesNothing(t *testing.T) {
	shells(t, func(t *testing.T, n *ns) {
		w, d := n.conn(t, "web1"), testDeps(t, knows(strong))
		setUp(t, d, w)
		p := MountPath("sync")
		n.sh(t, "mkdir -p "+p+"; mount -t tmpfs -o mode=711 remoterun "+p)
		step := d.LoadStep(Load{Project: "sync", Host: "web1", Path: p, AcceptSwap: true})
		for _, cut := range []int{1, 291} {
			out, err := step.Do(t.Context(), &counting{Writer: w, cut: cut})
			if err != nil || out.Status != 1 || !strings.Contains(string(out.Stderr), "did not arrive whole") {
				t.Errorf("cut after %d: %v %d %s", cut, err, out.Status, out.Stderr)
			}
			if left := n.sh(t, "ls -A "+p); left != "" {
				t.Errorf("cut after %d left %q", cut, left)
			}
		}
		if out, err := step.Do(t.Context(), w); err != nil || out.Status != 0 || strings.TrimSpace(string(out.Stdout)) != "tmpfs" {
			t.Fatalf("%v %+v", err, out)
		}
		// A laptop that is killed in mid-stream.
		ctx, cancel := context.WithCancel(t.Context())
		stuck := &counting{Writer: blocked{w}}
		go func() { time.Sleep(300 * time.Millisecond); cancel() }()
		if _, err := step.Do(ctx, stuck); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		deadline := time.Now().Add(5 * time.Second)
		for n.sh(t, "ls -A "+p) != "keyring\n" {
			if time.Now().After(deadline) {
				t.Fatalf("left: %q", n.sh(t, "ls -A "+p))
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
}

// blocked sends half of a command's stdin and then nothing more.
type blocked struct{ host.Writer }

type blockedInput struct{ sh.Input }

func (b blocked) Run(ctx context.Context, cmd sh.Cmd) (host.Output, error) {
	cmd.Stdin = blockedInput{cmd.Stdin}
	return b.Writer.Run(ctx, cmd)
}

func (b blockedInput) Open() (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(strings.NewReader("half"), never{})), nil
}

type never struct{}

func (never) Read([]byte) (int, error) { time.Sleep(2 * time.Second); return 0, io.EOF }
