//go:build linux

package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"remoterun/runner/hosttest/real"
	"remoterun/tasks/tde/tdetest"
)

// everything lists what is on the machine and on the laptop: files with their
// bytes' sums, modes and times, mounts, volumes, images, containers. What runs
// anyway (logs, the engine's own files, the lock's folder) is left out.
func (r *rig) everything(t *testing.T) string {
	t.Helper()
	host := r.Run(t, `export LC_ALL=C
for d in /etc /root /home /srv /tmp /run/remoterun /var/lib/remoterun/"$1" /usr/local; do
	[ -e "$d" ] || continue
	find "$d" -path /var/lib/remoterun/"$1"/lock -prune -o \( -type f -exec sha256sum {} + \) -o -print 2>/dev/null | sort
	find "$d" -path /var/lib/remoterun/"$1"/lock -prune -o -type f -printf '%p %m %U:%G %T@\n' | sort
done
grep -v ' /proc\| /sys\|/run/docker\|overlay' /proc/self/mounts | sort
docker volume ls -q | sort; docker image ls --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' | sort; docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.State}}'`, r.Project)
	var laptop strings.Builder
	err := filepath.WalkDir(r.dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := d.Info()
		if err == nil {
			fmt.Fprintln(&laptop, p, st.Mode(), st.Size(), st.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return host + "\n" + laptop.String()
}

// TestCheckChangesNothing runs setup and unlock with --check in each state that
// a machine can be in.
func TestCheckChangesNothing(t *testing.T) {
	r := newRigs(t, "tango")[0]
	check := func(what, verb string, code int, words ...string) {
		t.Helper()
		before := r.everything(t)
		s := r.run(t, verb, "--check", "--exit-code", r.Name)
		if after := r.everything(t); after != before {
			t.Errorf("%s: %s --check changed something: %s", what, verb, firstDifference(before, after))
		}
		s.want(t, code, words...)
	}
	check("nothing there", "setup", exitChanges, "changed: [tango]")
	check("nothing there", "unlock", exitRefused, "remoterun setup tango")
	r.run(t, "setup", r.Name).want(t, exitOK)
	check("keys there", "setup", exitOK, "changed=0")
	check("keys there", "unlock", exitChanges, "Mount RAM for the key", "changed: [tango]")
	r.run(t, "unlock", r.Name).want(t, exitOK)
	r.makeRows(t)
	check("unlocked", "unlock", exitOK, "changed=0")
	r.emptyRAM(t)
	check("after a reboot", "unlock", exitChanges, "changed: [tango]")

	t.Run("it asks for what it needs", func(t *testing.T) {
		before := r.everything(t)
		r.d.talk(t, []turn{{"Passphrase", canary}}, "unlock", "-C", r.Name).want(t, exitOK, "changed: [tango]")
		wrong := *r.d
		wrong.passphrase = "not the passphrase of anything"
		wrong.run(t, "unlock", "-C", r.Name).want(t, exitError, "passphrase")
		if after := r.everything(t); after != before {
			t.Errorf("it changed something: %s", firstDifference(before, after))
		}
	})
	r.run(t, "unlock", r.Name).want(t, exitOK)
	r.rows(t)
	r.clean(t)
}

func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("%q, then %q", x[i], y[i])
		}
	}
	return fmt.Sprintf("%d lines, then %d", len(x), len(y))
}

// TestOrdinaryOperator runs the program as a user without rights, from a folder
// that is not the inventory's, with relative paths.
func TestOrdinaryOperator(t *testing.T) {
	r := newRigs(t, "uniform")[0]
	base, err := os.MkdirTemp("/var/tmp", "remoterun-operator-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	const uid = 4242
	home, project, work := filepath.Join(base, "home"), filepath.Join(base, "project", "inventories"), filepath.Join(base, "work")
	for _, dir := range []string{home, project, work} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("cp", "-a", r.op.Home+"/.ssh", home).CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	writeFile(t, filepath.Join(project, "hosts.ini"), fmt.Sprintf("%s tde_project=%s tde_compose_dir=%s tde_image=%s tde_keys_dir=../sealed/keys tde_reports_dir=out\n", r.Name, r.Project, r.Dir, r.Image))
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(base, "remoterun")
	if err := os.WriteFile(own, text, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("chown", "-R", fmt.Sprint(uid), base).CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	if err := os.Chmod(base, 0o755); err != nil {
		t.Fatal(err)
	}
	d := newDesk(t, home, work, canary)
	d.bin, d.as = own, &syscall.Credential{Uid: uid, Gid: uid, NoSetGroups: true}
	inv := []string{"-i", "../project/inventories/hosts.ini"}
	run := func(verb string) said { return d.run(t, append([]string{verb, r.Name}, inv...)...) }
	run("setup").want(t, exitOK)
	run("unlock").want(t, exitOK)
	run("status").want(t, exitOK, "unlocked")
	r.SQL(t, tdetest.Database, "SELECT 1")
	r.learn(t)
	folder := filepath.Join(base, "project", "sealed", "keys", r.Project+"@"+r.Name)
	list, err := os.ReadDir(folder)
	if err != nil || len(list) != 4 {
		t.Errorf("%s holds %v, %v", folder, list, err)
	}
	for _, e := range list {
		if st, err := e.Info(); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), st, err)
		}
	}
	if list, _ := filepath.Glob(filepath.Join(project, "out", "*")); len(list) == 0 {
		t.Error("no report in the folder beside the inventory")
	}
	if list, _ := os.ReadDir(work); len(list) != 0 {
		t.Errorf("the folder it was run in has %v", list)
	}
	for _, dir := range []string{base, d.kept} {
		for _, hit := range real.SearchTree(t, dir, r.keys) {
			t.Errorf("on the laptop: %s", hit)
		}
	}
	t.Run("a folder of keys that cannot be written", func(t *testing.T) {
		if err := os.Chown(filepath.Join(base, "project"), 0, 0); err != nil {
			t.Fatal(err)
		}
		s := d.run(t, append([]string{"setup", r.Name, "-e", "tde_keys_dir=../other"}, inv...)...)
		if s.code == exitOK {
			t.Errorf("code 0:\n%s", s.out)
		}
	})
}
