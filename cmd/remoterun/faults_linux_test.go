//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"remoterun/runner/secret"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/seal"
	"remoterun/tasks/tde/tdetest"
)

// TestRebootsAndLosses begins with a database that is unlocked; each part
// leaves it so.
func TestRebootsAndLosses(t *testing.T) {
	r := newRigs(t, "oscar")[0]
	r.unlocked(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *rig)
	}{
		{"the container is restarted and RAM is empty", restartedEmpty},
		{"Docker came up before the mount: Exited (127)", exited127},
		{"a hand-made mount in a restart loop", restartLoop},
		{"the laptop has lost its keys", serverOnly},
		{"encrypted, and no copy anywhere", noCopy},
		{"the state folder is lost", lostState},
		{"a volume of nobody's", foreignVolume},
		{"an older generation", rolledBack},
		{"a plain database", plainVolume},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.run(t, r) }) {
			return
		}
	}
}

// state waits until the container's state, as docker ps shows it, fits.
func (r *rig) state(t *testing.T, want string) string {
	t.Helper()
	re, last := regexp.MustCompile(want), ""
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		last = r.Run(t, `docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}' "$1-postgres-1"`, r.Project)
		if re.MatchString(last) {
			return last
		}
	}
	t.Fatalf("the container never was %s: %s", want, last)
	return ""
}

func (r *rig) again(t *testing.T) {
	t.Helper()
	r.run(t, "status", r.Name).want(t, exitLocked, "locked", "remoterun unlock "+r.Name)
	r.run(t, "unlock", r.Name).want(t, exitOK)
	r.rows(t)
	r.run(t, "unlock", r.Name).want(t, exitOK, "changed=0")
}

func restartedEmpty(t *testing.T, r *rig) {
	r.emptyRAM(t)
	if out, err := r.Try(t, `docker restart "$1-postgres-1"`, r.Project); err == nil {
		t.Errorf("the container started without its mount: %s", out)
	}
	r.again(t)
}

// daemonFirst is a boot at which Docker comes up and nobody has mounted RAM.
func (r *rig) daemonFirst(t *testing.T) {
	t.Helper()
	r.StopDocker(t)
	r.Run(t, `umount "$1"; rm -rf "/run/remoterun/$2"`, r.ram(), r.Project)
	r.StartDocker(t)
}

func exited127(t *testing.T, r *rig) {
	r.daemonFirst(t)
	r.state(t, `^exited 127 0$`)
	if _, err := os.Stat(r.Path(r.ram())); err == nil {
		t.Error("Docker made the folder of the mount")
	}
	r.again(t)
}

// restartLoop: somebody wrote the mount in the short syntax, so Docker makes
// the folder, and the container loops on it.
func restartLoop(t *testing.T, r *rig) {
	overlay := r.Dir + "/compose.override.yaml"
	r.Run(t, `cp "$1" "$1.kept"
sed 's|^\( *\)- .*'"$2"'.*|\1- '"$2:$2"':ro|' "$1.kept" > "$1"
! cmp -s "$1" "$1.kept"`, overlay, r.ram())
	r.Compose(t, "up", "-d")
	r.daemonFirst(t)
	r.state(t, ` 1 [1-9]$`)
	if got := r.Run(t, `stat -c '%U %a' "$1"; grep -c " $1 " /proc/self/mountinfo; true`, r.ram()); got != "root 755\n0" {
		t.Errorf("the folder that Docker made: %q", got)
	}
	r.run(t, "status", r.Name).want(t, exitLocked, "locked", "remoterun unlock "+r.Name)
	since := r.Run(t, `date +%s.%N`)
	r.run(t, "unlock", r.Name).want(t, exitOK)
	r.rows(t)
	// The daemon tells what was asked of it from what its loop does by itself.
	asked := r.Run(t, `docker events --since "$1" --until "$(date +%s.%N)" --filter container="$2-postgres-1" --format '{{.Action}}'`, since, r.Project)
	if !regexp.MustCompile(`(?m)^(restart|stop|kill|create)$`).MatchString(asked) {
		t.Errorf("unlock waited for the loop's own turn; events:\n%s", asked)
	}
	r.Run(t, `mv "$1.kept" "$1"`, overlay)
	r.Compose(t, "up", "-d")
	eventually(t, 30*time.Second, "the database", func() bool {
		_, err := r.TrySQL(t, tdetest.Database, "SELECT 1")
		return err == nil
	})
}

func serverOnly(t *testing.T, r *rig) {
	r.emptyRAM(t)
	keys := filepath.Join(r.dir, "keys")
	if err := os.Rename(keys, keys+".lost"); err != nil {
		t.Fatal(err)
	}
	r.run(t, "setup", r.Name).want(t, exitRefused, "server has a sealed copy", "remoterun key import "+r.Name)
	r.run(t, "unlock", r.Name).want(t, exitRefused, "remoterun key import "+r.Name)
	if _, err := os.Stat(keys); err == nil {
		t.Error("a refusal left a folder of keys")
	}
	r.run(t, "key", "import", r.Name).want(t, exitOK)
	if out, err := exec.Command("diff", "-r", keys, keys+".lost").CombinedOutput(); err != nil {
		t.Errorf("what was imported differs from what was lost: %s", out)
	}
	_ = os.RemoveAll(keys + ".lost")
	r.again(t)
}

func noCopy(t *testing.T, r *rig) {
	keys, state := filepath.Join(r.dir, "keys"), "/var/lib/remoterun/"+r.Project
	aside(t, keys)
	_ = os.RemoveAll(keys)
	r.Run(t, `mkdir /srv/aside && mv "$1"/*.enc "$1"/*.tag "$1"/*.json /srv/aside`, state)
	defer r.Run(t, `mv /srv/aside/* "$1" && rmdir /srv/aside`, state)
	r.run(t, "setup", r.Name).want(t, exitRefused, "encrypted already", "no new key", "recovery sheet")
	r.run(t, "unlock", r.Name).want(t, exitRefused)
	if _, err := os.Stat(keys); err == nil {
		t.Error("a folder of keys was made")
	}
	if out := r.Run(t, `ls "$1"`, state); strings.Contains(out, ".enc") {
		t.Errorf("a key was made: %s", out)
	}
	r.rows(t)
}

// lostState: the folder with the record and the copies is gone; the volume
// beside it is full and must be taken for what it is.
func lostState(t *testing.T, r *rig) {
	r.emptyRAM(t)
	r.Run(t, `rm -rf "/var/lib/remoterun/$1"`, r.Project)
	r.run(t, "status", r.Name).want(t, exitLocked, "locked")
	r.run(t, "unlock", r.Name).want(t, exitFailed, "SQL answered", "laptop only", "remoterun setup "+r.Name)
	r.rows(t)
	r.run(t, "setup", r.Name).want(t, exitOK, "changed=1")
	r.run(t, "unlock", r.Name).want(t, exitOK, "changed=0")
	t.Run("and the overlay, too", func(t *testing.T) {
		r.emptyRAM(t)
		r.Run(t, `rm -rf "/var/lib/remoterun/$1"; rm "$2"/compose.override.yaml; docker rm -f "$1-postgres-1"`, r.Project, r.Dir)
		r.run(t, "setup", r.Name).want(t, exitOK, "changed=1")
		r.run(t, "unlock", r.Name).want(t, exitOK)
		r.rows(t)
	})
}

// foreignVolume: what lies in a volume of the right name and was not made by
// us, or not this time, is nobody's to wipe.
func foreignVolume(t *testing.T, r *rig) {
	r.wipe(t)
	record := "/var/lib/remoterun/" + r.Project + "/init"
	for name, make := range map[string]string{
		"no record, no label":  `docker volume create "$1_tde"`,
		"a label, no record":   `docker volume create --label remoterun.id=aaaa "$1_tde"`,
		"the record is done":   `docker volume create --label remoterun.id=aaaa "$1_tde"; printf 'remoterun init record 1\nvolume %s_tde\nid aaaa\nstate done\n' "$1" > "$2"`,
		"another one's record": `docker volume create --label remoterun.id=bbbb "$1_tde"; printf 'remoterun init record 1\nvolume %s_tde\nid aaaa\nstate begun\n' "$1" > "$2"`,
		"a damaged record":     `docker volume create --label remoterun.id=aaaa "$1_tde"; printf 'remoterun init rec' > "$2"`,
	} {
		t.Run(name, func(t *testing.T) {
			r.Run(t, make+`
echo precious > "/var/lib/docker/volumes/$1_tde/_data/letter"`, r.Project, record)
			s := r.run(t, "unlock", r.Name)
			if s.code != exitRefused && s.code != exitFailed {
				t.Errorf("code %d", s.code)
			}
			if text := s.out + s.err; !strings.Contains(text, r.Project+"_tde") && !strings.Contains(text, record) {
				t.Errorf("it does not say what is in the way:\n%s", text)
			}
			if got := r.Run(t, `cat "/var/lib/docker/volumes/$1_tde/_data/letter"; docker volume rm "$1_tde" >/dev/null; rm -f "$2"`, r.Project, record); got != "precious" {
				t.Errorf("the volume was touched: %q", got)
			}
		})
	}
	r.run(t, "unlock", r.Name).want(t, exitOK)
	r.SQL(t, tdetest.Database, "CREATE TABLE people AS SELECT i FROM generate_series(1, 1000) i")
}

// second seals the open keyring with one more key, as a rotation does.
func (r *rig) second(t *testing.T) (first, next seal.StoredCopy) {
	t.Helper()
	store, sealer := custody.Store{Dir: filepath.Join(r.dir, "keys")}, seal.Sealer{}
	shelf, err := store.Load(sealer, r.Project, r.Name)
	if err != nil {
		t.Fatal(err)
	}
	first = shelf.Copies[len(shelf.Copies)-1]
	pass := secret.New([]byte(canary))
	defer pass.Wipe()
	ring, m, err := sealer.Open(context.Background(), first.Copy, pass)
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Wipe()
	more, err := ring.Append(r.Project+"-20991231T000000Z-00000000", 128, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	defer more.Wipe()
	m.Generation++
	m.Previous = []string{fmt.Sprintf("%x", sha256.Sum256(first.Copy.Manifest))}
	sealed, m, err := sealer.Seal(context.Background(), more, pass, m)
	if err != nil {
		t.Fatal(err)
	}
	if next, err = store.Commit(sealed, m); err != nil {
		t.Fatal(err)
	}
	return first, next
}

func rolledBack(t *testing.T, r *rig) {
	folder := filepath.Join(r.dir, "keys", r.Project+"@"+r.Name)
	aside(t, folder)
	first, next := r.second(t)
	r.run(t, "setup", r.Name).want(t, exitOK) // pushes it
	remove := func(name string) {
		for _, suffix := range []string{".enc", ".tag", ".json"} {
			if err := os.Remove(filepath.Join(folder, name+suffix)); err != nil {
				t.Fatal(err)
			}
		}
	}
	count := r.Link.Count()
	t.Run("HEAD names what is not here", func(t *testing.T) {
		aside(t, folder)
		remove(next.Name)
		r.run(t, "unlock", r.Name).want(t, exitRefused, "rollback", next.Name, strconv.Itoa(next.Manifest.Generation))
		r.run(t, "setup", r.Name).want(t, exitRefused, "rollback")
	})
	t.Run("HEAD is gone", func(t *testing.T) {
		aside(t, folder)
		if err := os.Remove(filepath.Join(folder, "HEAD")); err != nil {
			t.Fatal(err)
		}
		r.run(t, "unlock", r.Name).want(t, exitRefused, "HEAD is gone")
	})
	if n := r.Link.Count(); n > count+1 { // setup's look may connect
		t.Errorf("%d connections", n-count)
	}
	t.Run("the whole folder is of yesterday", func(t *testing.T) {
		aside(t, folder)
		remove(next.Name)
		if err := os.Remove(filepath.Join(folder, "HEAD")); err != nil {
			t.Fatal(err)
		}
		if err := (custody.Store{Dir: filepath.Join(r.dir, "keys")}).Advance(first); err != nil {
			t.Fatal(err)
		}
		r.emptyRAM(t)
		s := r.run(t, "unlock", r.Name)
		s.want(t, exitRefused, "this laptop has opened generation 2 before, and the newest here is 1", "remoterun key import "+r.Name)
		if _, err := os.Stat(r.Path(r.ram() + "/keyring")); err == nil {
			t.Error("the older keyring was sent")
		}
		r.run(t, "key", "import", r.Name).want(t, exitOK)
		// It came up; that the newer key is not in use yet is said.
		r.run(t, "unlock", r.Name).want(t, exitFailed, "SQL answered", "a rotation was not finished", next.Manifest.Keys[len(next.Manifest.Keys)-1].Name)
		r.rows(t)
	})
	r.Run(t, `rm -f "/var/lib/remoterun/$1/$2".*`, r.Project, next.Name)
}

// plainVolume: the user has started his compose file by himself.
func plainVolume(t *testing.T, r *rig) {
	r.wipe(t)
	r.Compose(t, "up", "-d")
	eventually(t, 60*time.Second, "the plain database", func() bool {
		_, err := r.TrySQL(t, tdetest.Database, "SELECT 1")
		return err == nil
	})
	r.SQL(t, tdetest.Database, "CREATE TABLE people AS SELECT i FROM generate_series(1, 1000) i")
	refused := func() {
		t.Helper()
		s := r.run(t, "unlock", r.Name)
		s.want(t, exitRefused, "this database is not encrypted: use migrate", "remoterun migrate "+r.Name)
		if strings.Contains(s.out+s.err, "key sent") {
			t.Errorf("the key was sent before the refusal:\n%s", s.out)
		}
		if got := r.Run(t, `ls -A "/run/remoterun/$1" 2>/dev/null; grep -c "/run/remoterun/$1" /proc/self/mountinfo; true`, r.Project); got != "0" {
			t.Errorf("RAM was made ready for a key: %q", got)
		}
	}
	refused()
	refused() // and nobody holds the project
	r.rows(t)
	r.Compose(t, "down", "-t", "1")
	refused()
	if _, err := r.Try(t, `docker volume inspect "$1_tde"`, r.Project); err == nil {
		t.Error("an encrypted volume was made beside the plain database")
	}
	r.wipe(t)
}
