//go:build linux

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"remoterun/runner/hosttest/real"
)

// bad is one thing that is wrong with a machine: how it is made and unmade (as
// root on it), what is run, and what must be said.
type bad struct {
	name     string
	do, undo string
	inv      string // host variables
	args     []string
	code     int
	words    []string
}

// badMachines is what can be wrong with a machine on which nothing was made yet.
// $1 is the project's folder.
func badMachines(r *rig) []bad {
	const readOnly = "ead-only file system"
	return []bad{
		{name: "no docker", do: "for d in /usr/local/bin /usr/bin; do [ ! -e $d/docker ] || mv $d/docker $d/docker.away; done", undo: "for d in /usr/local/bin /usr/bin; do [ ! -e $d/docker.away ] || mv $d/docker.away $d/docker; done", code: exitFailed, words: []string{"docker is not installed"}},
		{name: "compose too old", do: olderCompose, undo: "rm -rf /root/.docker", code: exitRefused, words: []string{"docker compose 2.20.0", "2.24.4"}},
		{name: "no compose", do: brokenCompose, undo: "rm -rf /root/.docker", code: exitFailed, words: []string{"docker compose v2 is not installed"}},
		{name: "the daemon is down", do: "mv /run/docker.sock /run/docker.sock.away", undo: "mv /run/docker.sock.away /run/docker.sock", code: exitFailed, words: []string{"systemctl start docker"}},
		{name: "no such service", args: []string{"-e", "tde_service=database"}, code: exitFailed, words: []string{`no service \"database\"`, "services: postgres"}},
		{name: "no such folder", args: []string{"-e", "tde_compose_dir=/srv/nowhere"}, code: exitFailed, words: []string{"/srv/nowhere"}},
		{name: "no compose file", do: `mv "$1/compose.yaml" /srv/away.yaml`, undo: `mv /srv/away.yaml "$1/compose.yaml"`, code: exitFailed, words: []string{r.Dir, "folder that holds the compose file"}},
		{name: "a broken compose file", do: `cp "$1/compose.yaml" /srv/away.yaml; echo 'services: [' > "$1/compose.yaml"`, undo: `mv /srv/away.yaml "$1/compose.yaml"`, code: exitFailed, words: []string{r.Dir, "yaml"}},
		{name: "the image is not there", args: []string{"-e", "tde_image=no/such:1"}, code: exitRefused, words: []string{"image no/such:1", "not on this host", "remoterun setup " + r.Name}},
		{name: "the disk is full", do: `fallocate -l "$(($(stat -f -c '%a * %S' /var/lib/docker)))" /srv/fill; cat /dev/zero > /srv/fill2 2>/dev/null; true`, undo: "rm -f /srv/fill /srv/fill2", code: exitFailed, words: []string{"full"}},
		{name: "the project's folder is read-only", do: `mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"`, undo: `umount "$1"`, code: exitFailed, words: []string{r.Dir, readOnly}},
		{name: "the state folder is read-only", do: `mount --bind /var/lib/remoterun /var/lib/remoterun && mount -o remount,ro,bind /var/lib/remoterun`, undo: `umount /var/lib/remoterun`, code: exitFailed, words: []string{"/var/lib/remoterun", readOnly}},
		{name: "not in sudoers", inv: "ansible_user=" + real.UserOut + " ansible_become_password='" + real.Password + "'", code: exitFailed, words: []string{"sudoers"}},
		{name: "sudo wants a terminal", inv: "ansible_user=" + real.UserTTY, code: exitFailed, words: []string{"tty"}},
		{name: "a wrong sudo password", inv: "ansible_user=" + real.UserSudo + " ansible_become_password=not-this-one", code: exitFailed, words: []string{"wrong password"}},
		{name: "nobody to ask for sudo's password", inv: "ansible_user=" + real.UserSudo, code: exitFailed, words: []string{"password"}},
	}
}

// TestBadMachines runs unlock against machines that something is wrong with:
// each time the host, the object and what to do are said, and the next run is
// good again.
func TestBadMachines(t *testing.T) {
	r := newRigs(t, "victor")[0]
	r.run(t, "setup", r.Name).want(t, exitOK)
	for _, b := range badMachines(r) {
		t.Run(b.name, func(t *testing.T) { r.bad(t, b); r.wipe(t) })
	}
	t.Run("good: /tmp cannot be written", func(t *testing.T) {
		r.Run(t, "mount -t tmpfs -o ro none /tmp")
		s := r.run(t, "unlock", r.Name)
		r.Run(t, "umount /tmp") // docker exec, the tester's own, wants it
		s.want(t, exitOK)
		r.makeRows(t)
	})
	t.Run("good: forwarding is refused", func(t *testing.T) {
		r.sshd(t, "AllowTcpForwarding no")
		defer r.sshd(t, "")
		r.emptyRAM(t)
		r.run(t, "unlock", r.Name).want(t, exitOK)
		r.run(t, "verify", r.Name).want(t, exitOK)
		r.run(t, "status", r.Name).want(t, exitOK, "unlocked")
		r.rows(t)
	})
	t.Run("the container ends at its start", func(t *testing.T) {
		data := fmt.Sprintf("/var/lib/docker/volumes/%s_tde/_data", r.Project)
		r.emptyRAM(t)
		r.bad(t, bad{do: "echo \"no_such_setting = 'on'\" >> " + data + "/postgresql.conf", undo: "sed -i /no_such_setting/d " + data + "/postgresql.conf",
			code: exitFailed, words: []string{"failed: container victor_app-postgres-1", `unrecognized configuration parameter \"no_such_setting\"`, "docker logs"}})
		r.run(t, "unlock", r.Name).want(t, exitOK)
		r.rows(t)
	})
	r.clean(t)
}

// sshd gives the machine's sshd one more setting.
func (r *rig) sshd(t *testing.T, line string) {
	t.Helper()
	r.Run(t, `[ -e /root/sshd_config ] || cp /etc/ssh/sshd_config /root/sshd_config
{ echo "$1"; cat /root/sshd_config; } > /etc/ssh/sshd_config
kill -HUP "$(cat /run/sshd.pid)"`, line)
	eventually(t, 10*time.Second, "sshd", func() bool { return r.run(t, "run", r.Name, "-m", "ping").code == exitOK })
}

// olderCompose puts a compose of another version before the real one.
const olderCompose = `mkdir -p /root/.docker/cli-plugins
real=$(ls /usr/lib*/docker/cli-plugins/docker-compose /usr/local/lib/docker/cli-plugins/docker-compose 2>/dev/null | head -n 1)
printf '#!/bin/sh\ncase "$*" in *"version --short"*) echo 2.20.0; exit;; esac\nexec %s "$@"\n' "$real" > /root/.docker/cli-plugins/docker-compose
chmod 755 /root/.docker/cli-plugins/docker-compose`

// brokenCompose hides every compose behind one that is no plugin.
const brokenCompose = `mkdir -p /root/.docker/cli-plugins
printf '#!/bin/sh\nexit 1\n' > /root/.docker/cli-plugins/docker-compose
chmod 755 /root/.docker/cli-plugins/docker-compose`

// bad makes it wrong, runs unlock, and makes it right.
func (r *rig) bad(t *testing.T, b bad) {
	t.Helper()
	if b.do != "" {
		r.Run(t, b.do, r.Dir)
		defer r.Run(t, b.undo, r.Dir)
	}
	if b.inv != "" {
		r.inventory(t, b.inv)
		defer r.inventory(t, "")
	}
	s := r.run(t, append([]string{"unlock", r.Name}, b.args...)...)
	text := s.out + s.err
	for _, w := range append([]string{r.Name}, b.words...) {
		if !strings.Contains(text, w) {
			t.Errorf("it did not say %q", w)
		}
	}
	if s.code != b.code {
		t.Errorf("exit code %d, want %d", s.code, b.code)
	}
	if n := strings.Count(text, "fatal: "); n != 1 {
		t.Errorf("%d failures are told", n)
	}
	if t.Failed() {
		t.Log(text)
	}
}
