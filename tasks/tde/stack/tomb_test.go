//go:build linux

package stack

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/hosttest"
	"remoterun/runner/hosttest/sshd"
	"remoterun/runner/hosttest/sshtest"
	"remoterun/runner/sh"
	"remoterun/tasks/compose"
	"remoterun/tasks/tde/guard"
)

func layAt(t *testing.T, w host.Writer, volume, folder, below string) (string, host.Output) {
	t.Helper()
	out, err := w.Run(t.Context(), sh.Script(layTomb, volume, "p", "data", "", folder, below, "17").With(sh.Bytes("a note\n")))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out.Stdout)), out
}

func tombState(t *testing.T, w host.Writer, dir string) string {
	t.Helper()
	got, err := guard.Ask(t.Context(), w, TombsAt(dir))
	if err != nil || len(got) != 1 || got[0].Folder != dir {
		t.Fatalf("%+v %v", got, err)
	}
	return got[0].State
}

// TestTomb: it is made where nothing is, is made again, leaves a cluster alone, and
// follows no link of whom the folder belongs to.
func TestTomb(t *testing.T) {
	if os.Getuid() != 0 {
		hosttest.Missing(t, "root")
	}
	w, _ := sshtest.Worker(t, sshd.Config{})
	dir := t.TempDir()
	if st := tombState(t, w, filepath.Join(dir, "a/b")); st != TombMissing {
		t.Errorf("before: %s", st)
	}
	for range 2 {
		if d, out := layAt(t, w, "", dir+"/a", "b"); d != dir+"/a/b" || out.Status != 0 || tombState(t, w, d) != TombWhole {
			t.Fatalf("%s: %+v", d, out)
		}
	}
	if _, err := os.Stat(dir + "/a/b/global"); err == nil {
		t.Error("a control file's folder was made")
	}
	if d, err := guard.Ask(t.Context(), w, DiskAt(dir+"/a/b")); err != nil || d.Initialised() {
		t.Errorf("a tomb is called a cluster: %+v %v", d, err)
	}
	victim := filepath.Join(t.TempDir(), "victim")
	write(t, filepath.Dir(victim), "victim", []byte("untouched"))
	for _, name := range []string{"PG_VERSION", TombNote} {
		_ = os.Remove(dir + "/a/b/" + name)
		if err := os.Symlink(victim, dir+"/a/b/"+name); err != nil {
			t.Fatal(err)
		}
	}
	if _, out := layAt(t, w, "", dir+"/a", "b"); out.Status != 0 {
		t.Errorf("over links: %+v", out)
	}
	if text, _ := os.ReadFile(victim); string(text) != "untouched" {
		t.Errorf("the file of another: %q", text)
	}
	_ = os.Mkdir(dir+"/a/b/global", 0o700)
	write(t, dir+"/a/b/global", "pg_control", []byte("x"))
	write(t, dir+"/a/b", "PG_VERSION", []byte("16\n"))
	if _, out := layAt(t, w, "", dir+"/a", "b"); out.Status != 0 || tombState(t, w, dir+"/a/b") != TombCluster {
		t.Errorf("over a cluster: %+v", out)
	}
	if text, _ := os.ReadFile(dir + "/a/b/PG_VERSION"); string(text) != "16\n" {
		t.Errorf("a cluster's PG_VERSION is now %q", text)
	}
}

// TestTombOfVolume: a volume that compose has not made yet is made as compose would
// have: it takes it without a word.
func TestTombOfVolume(t *testing.T) {
	if os.Getuid() != 0 || exec.Command("docker", "info").Run() != nil {
		hosttest.Missing(t, "root and Docker")
	}
	w, _ := sshtest.Worker(t, sshd.Config{})
	const volume = "rrtomb_data"
	t.Cleanup(func() { _ = exec.Command("docker", "volume", "rm", volume).Run() })
	d, out := layAt(t, w, volume, "", "pgdata")
	if out.Status != 0 || !strings.HasSuffix(d, "/pgdata") || tombState(t, w, d) != TombWhole {
		t.Fatalf("%s: %+v", d, out)
	}
	v, err := guard.Ask(t.Context(), w, compose.VolumeNamed(volume))
	if err != nil || v == nil || v.Labels["com.docker.compose.volume"] != "data" || v.Labels["com.docker.compose.project"] != "p" {
		t.Errorf("%+v %v", v, err)
	}
}

func TestRecord(t *testing.T) {
	r, err := parseRecordText("/s", "remoterun init record 1\nvolume p_tde\nid i\nstate done\nimage img@sha256:1\nservice db\nfolder /srv/my data/pg_tde\ntomb /srv/my data/pg\ntomb /b\n")
	if err != nil || r.Folder != "/srv/my data/pg_tde" || len(r.Tombs) != 2 || r.Tombs[0] != "/srv/my data/pg" || r.Image != "img@sha256:1" || r.Service != "db" || !r.Done() {
		t.Errorf("%+v %v", r, err)
	}
	for _, bad := range []string{"", "volume v\nid i\nstate dome\n", "volume v\nid i\nstate done\nfolder ../x\n", "volume v\nid i\nstate done\ntomb /\n", "volume v\nid i\nstate done\ntomb /a/../b\n"} {
		if r, err := parseRecordText("/s", bad); err == nil {
			t.Errorf("%q was read: %+v", bad, r)
		}
	}
}
