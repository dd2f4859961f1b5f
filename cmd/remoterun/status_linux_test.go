//go:build linux

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"remoterun/tasks/tde/tdetest"
)

// condition is one way in which a stack can stand, what status says of it, and
// with which exit code.
type condition struct {
	name     string
	do, undo string // on the machine: $1 project, $2 compose folder, $3 keyring's folder, $4 state folder
	code     int
	words    []string
}

// TestStatusTellsHowThingsStand breaks one thing after the other and has status
// name it; each is mended again, the last ones by unlock.
func TestStatusTellsHowThingsStand(t *testing.T) {
	r := newRigs(t, "papa")[0]
	r.run(t, "status", r.Name).want(t, exitOK, "empty; next: remoterun setup papa, then: remoterun unlock papa")
	r.unlocked(t)
	r.run(t, "status", r.Name).want(t, exitOK, "unlocked: PostgreSQL 17", "0 plain")
	for _, c := range conditions() {
		t.Run(c.name, func(t *testing.T) {
			r.on(t, c.do)
			s := r.status(t)
			if s.code != c.code {
				t.Errorf("exit code %d, want %d", s.code, c.code)
			}
			for _, w := range c.words {
				if !strings.Contains(s.out, w) {
					t.Errorf("it does not say %q", w)
				}
			}
			if t.Failed() {
				t.Log(s.out)
			}
			if c.undo == "" {
				return
			}
			r.on(t, c.undo)
			if s := r.status(t); s.code != exitOK || !strings.Contains(s.out, "unlocked: ") || strings.Contains(s.out, "WARNING]: /") || strings.Contains(s.out, "; next:") {
				t.Fatalf("it is not mended: code %d\n%s%s", s.code, s.out, s.err)
			}
		})
	}
	t.Run("somebody works on it", func(t *testing.T) { statusWhileHeld(t, r) })
	t.Run("sealed copies", func(t *testing.T) { statusOfCopies(t, r) })
	t.Run("lost volume", func(t *testing.T) { statusOfLostVolume(t, r) })
}

// status runs it; out is all that it said, with lines that the terminal's width
// broke joined again.
func (r *rig) status(t *testing.T) said {
	t.Helper()
	s := r.run(t, "status", r.Name)
	s.out = strings.Join(strings.Fields(s.out+"\n"+s.err), " ")
	return s
}

// on runs a script on the machine.
func (r *rig) on(t *testing.T, script string) {
	t.Helper()
	r.Run(t, "set -e\n"+script, r.Project, r.Dir, r.ram(), "/var/lib/remoterun/"+r.Project)
}

// up waits until the container is the one of the files and SQL returns.
const up = `cd "$2" && docker compose up -d >/dev/null 2>&1; docker start "$1-postgres-1" >/dev/null
n=0; until docker exec "$1-postgres-1" psql -U app -d appdb -Atqc 'select 1' >/dev/null 2>&1; do n=$((n+1)); [ $n -lt 300 ]; sleep 0.1; done
`

func conditions() []condition {
	return []condition{
		{"the keyring is gone from RAM", `mv "$3/keyring" /run/aside`, `mv /run/aside "$3/keyring"`, exitFailed, []string{"failed: key of", "next: remoterun unlock papa", "not in RAM any more"}},
		{"another owner", `chown 0 "$3/keyring"`, `chown 26:26 "$3/keyring"`, exitFailed, []string{"its owner is 0, the data folder's is 26", "next: remoterun unlock papa"}},
		{"another mode", `chmod 444 "$3/keyring"`, `chmod 400 "$3/keyring"`, exitOK, []string{"unlocked", "its mode is 0444, not 0400"}},
		{"its folder is open", `chmod 777 "$3"`, `chmod 711 "$3"`, exitOK, []string{"unlocked", "its folder can be changed by others than root (owner 0, mode 0777)", "next: remoterun unlock papa"}},
		{"something beside it", `cp "$3/keyring" "$3/copy"`, `rm "$3/copy"`, exitOK, []string{"unlocked", "copy lies beside it"}},
		{"another key", `cp -p "$3/keyring" /run/aside; { printf 'other'; head -c 251 /dev/zero; head -c 16 /dev/urandom; head -c 16 /dev/zero; printf '\020\0\0\0'; } >"$3/keyring.n"; chmod 400 "$3/keyring.n"; chown 26:26 "$3/keyring.n"; mv "$3/keyring.n" "$3/keyring"`,
			`mv /run/aside "$3/keyring"`, exitFailed, []string{"failed: key of", "not found in key provider"}},
		{"the overlay is gone", `mv "$2/compose.override.yaml" "$2/aside"`, `mv "$2/aside" "$2/compose.override.yaml"`, exitOK, []string{"unlocked", "the overlay is gone or was changed", "the volume papa_app_tde", "shared_preload_libraries with " + tdetest.Extension()}},
		{"the overlay was changed", `cp "$2/compose.override.yaml" "$2/aside"; sed -i 's/wal_encrypt=on/wal_encrypt=off/' "$2/compose.override.yaml"`, `mv "$2/aside" "$2/compose.override.yaml"`, exitOK,
			[]string{"unlocked", "the compose files lack " + tdetest.Extension() + ".wal_encrypt=on"}},
		{"core dumps are allowed", `cp "$2/compose.override.yaml" "$2/aside"; sed -i '/^ *core: 1$/d' "$2/compose.override.yaml"`, `mv "$2/aside" "$2/compose.override.yaml"`, exitOK,
			[]string{"unlocked", "the compose files lack ulimits: core: 1", "next: remoterun unlock papa"}},
		{"plain relations", `docker exec "$1-postgres-1" psql -U app -d appdb -qc 'CREATE TABLE plainly (a int) USING heap'`, `docker exec "$1-postgres-1" psql -U app -d appdb -qc 'DROP TABLE plainly'`, exitOK, []string{"1 plain", "1 relation is not encrypted; next: remoterun verify papa"}},
		{"no login", `echo wrong >"$4/aside"; mv "$4/sql-password" "$4/kept"; mv "$4/aside" "$4/sql-password"`, `mv "$4/kept" "$4/sql-password"`, exitFailed, []string{"failed: ", "password authentication failed", "next: remoterun unlock papa, which makes the login anew"}},
		{"the server is stopped", `docker stop "$1-postgres-1" >/dev/null`, up, exitOK, []string{"stopped; next: remoterun unlock papa"}},
		{"no container", `docker rm -f "$1-postgres-1" >/dev/null`, up, exitOK, []string{"stopped: there is no container; next: remoterun unlock papa"}},
		{"init was cut off", `cp "$4/init" "$4/kept"; sed -i s/done/begun/ "$4/init"`, `mv "$4/kept" "$4/init"`, exitOK, []string{"begun; next: remoterun unlock papa"}},
		{"a damaged record", `cp "$4/init" "$4/kept"; echo x >"$4/init"`, `mv "$4/kept" "$4/init"`, exitFailed, []string{"init is damaged"}},
		{"Docker does not run", `kill "$(cat /run/docker.pid)"; while kill -0 "$(cat /run/docker.pid 2>/dev/null)" 2>/dev/null; do sleep 0.1; done`, "", exitFailed, []string{"the Docker daemon does not run: systemctl start docker"}},
		{"Docker is back", `setsid dockerd >>/var/log/dockerd.log 2>&1 </dev/null & n=0; until docker info >/dev/null 2>&1; do n=$((n+1)); [ $n -lt 300 ]; sleep 0.1; done
` + up, "true", exitOK, []string{"unlocked: "}},
		{"locked", `docker stop "$1-postgres-1" >/dev/null; umount "$3"`, "", exitLocked, []string{"locked; next: remoterun unlock papa"}},
		{"locked, and no container", `docker rm -f "$1-postgres-1" >/dev/null`, "", exitLocked, []string{"locked: there is no container; next: remoterun unlock papa"}},
	}
}

// statusWhileHeld: status takes no lock, and says who has it.
func statusWhileHeld(t *testing.T, r *rig) {
	r.run(t, "unlock", r.Name).want(t, exitOK)
	writeFile(t, filepath.Join(r.dir, "hold.yaml"), "- name: a long job\n  hosts: all\n  become: yes\n  gather_facts: no\n  lock: '{{ tde_project }}'\n  tasks:\n    - shell: touch /srv/begun; sleep 300\n")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := r.d.command(ctx, t, "hold.yaml")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "the other operator's work", func() bool {
		_, err := r.Try(t, "test -e /srv/begun")
		return err == nil
	})
	for _, w := range []string{"unlocked: ", "the project is held by " + operator() + " since 20", "a long job"} {
		if s := r.status(t); s.code != exitOK || !strings.Contains(s.out, w) {
			t.Errorf("code %d, and it should say %q: %s", s.code, w, s.out)
		}
	}
	_ = cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait()
	if s := r.free(t, 15*time.Second, "unlock", r.Name); s.code != exitOK {
		t.Errorf("code %d\n%s%s", s.code, s.out, s.err)
	}
	if s := r.status(t); strings.Contains(s.out, "held by") {
		t.Errorf("nobody holds it: %s", s.out)
	}
}

// statusOfCopies: laptop and server differ, in either direction; also of a
// database that is locked.
func statusOfCopies(t *testing.T, r *rig) {
	for _, c := range []struct{ name, do, undo, word, next string }{
		{"changed", `for f in "$4"/*.tag; do cp $f /srv/tag; printf x | dd of=$f conv=notrunc bs=1 2>/dev/null; done`, `for f in "$4"/*.tag; do mv /srv/tag $f; done`, "server differs", "setup"},
		{"gone", `mkdir /srv/copies; mv "$4"/*.enc "$4"/*.tag "$4"/*.json /srv/copies`, `mv /srv/copies/* "$4"; rmdir /srv/copies`, "laptop only", "setup"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.on(t, c.do)
			defer r.on(t, c.undo)
			r.run(t, "status", r.Name).want(t, exitOK, "sealed copies: "+c.word, "remoterun "+c.next+" "+r.Name)
		})
	}
	t.Run("the laptop's", func(t *testing.T) {
		keys := filepath.Join(r.dir, "keys")
		aside(t, keys)
		_ = os.RemoveAll(keys)
		r.emptyRAM(t)
		r.run(t, "status", r.Name).want(t, exitLocked, "locked; next:", "sealed copies: server only", "remoterun key import "+r.Name)
	})
	r.run(t, "unlock", r.Name).want(t, exitOK)
	r.rows(t)
}

// statusOfLostVolume: a cluster was made, and its volume is not there. Nobody
// makes an empty database in its place.
func statusOfLostVolume(t *testing.T, r *rig) {
	r.on(t, `docker rm -f "$1-postgres-1" >/dev/null; docker volume rm "$1_tde" >/dev/null`)
	again := func(then string) {
		t.Helper()
		r.run(t, "status", r.Name).want(t, exitFailed, "gone: a cluster was made in volume papa_app_tde, and it is not there", "restore a backup")
		r.run(t, "unlock", r.Name).want(t, exitRefused, "papa_app_tde", "a cluster was made in it before, and it is not there")
		r.on(t, then)
	}
	again(`! docker volume inspect "$1_tde" >/dev/null 2>&1; docker volume create "$1_tde" >/dev/null`)
	again(`[ -z "$(ls -A "/var/lib/docker/volumes/$1_tde/_data")" ]; rm "$4/init"`)
	r.run(t, "status", r.Name).want(t, exitOK, "empty; next: remoterun unlock papa")
	r.run(t, "unlock", r.Name).want(t, exitOK)
	// And a plain one.
	r.wipe(t)
	r.on(t, up)
	r.run(t, "status", r.Name).want(t, exitOK, "plain; next: remoterun migrate papa")
}
