package tasktest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/local"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// frozen runs what follows in a mount namespace of its own in which every file
// system is read-only: a probe that writes fails there. Only TMPDIR, a place of
// the namespace's own, takes nameless temporary files (apt).
const frozen = `mount --make-rprivate / && while read -r a b c d m rest; do mount -o remount,bind,ro "$m" 2>/dev/null; done </proc/self/mountinfo
if true 2>/dev/null >/tmp/.remoterun-frozen; then exit 99; fi
mount -t tmpfs none /var/tmp && TMPDIR=/var/tmp && export TMPDIR
exec "$@"`

// Shells are the kinds of hosts that modules have to work on: the name is the
// shell that the host's sh is, with whose tools.
func Shells(t testing.TB) map[string][]string {
	t.Helper()
	out := map[string][]string{"dash": nil}
	if sh, err := exec.LookPath("bash"); err == nil {
		dir := t.TempDir()
		link(t, sh, filepath.Join(dir, "sh"))
		out["bash"] = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	}
	box, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal("busybox is not installed: hosts without coreutils cannot be tested")
	}
	list, err := exec.Command(box, "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range strings.Fields(string(list)) {
		link(t, box, filepath.Join(dir, name))
	}
	out["busybox"] = []string{"PATH=" + dir, "HOME=" + os.Getenv("HOME")}
	return out
}

func link(t testing.TB, to, from string) {
	t.Helper()
	if err := os.Symlink(to, from); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
}

// NewHost connects to this machine with an environment of Shells. Questions
// are asked where nothing can be written; it needs the right to make a mount
// namespace (root).
func NewHost(t testing.TB, env []string) Host {
	t.Helper()
	conn := local.New("test", nil, local.Options{Env: env})
	ask := local.New("test", nil, local.Options{Env: env, Shell: []string{"/usr/bin/unshare", "-m", "/bin/sh", "-c", "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n" + frozen, "sh", "/usr/bin/env", "PATH=" + pathOf(env), "/bin/sh"}})
	t.Cleanup(func() { _, _ = conn.Close(), ask.Close() })
	again := func(context.Context) (host.Conn, error) {
		c := local.New("test", nil, local.Options{Env: env})
		t.Cleanup(func() { _ = c.Close() })
		return c, nil
	}
	return Host{Conn: conn, Ask: ask, Again: again}
}

func pathOf(env []string) string {
	for _, e := range env {
		if p, ok := strings.CutPrefix(e, "PATH="); ok {
			return p
		}
	}
	return os.Getenv("PATH")
}

// EachShell runs a test on every kind of host, with steps in guarded chains;
// NewHost alone runs them one by one.
func EachShell(t *testing.T, f func(t *testing.T, h Host)) {
	t.Helper()
	for name, env := range Shells(t) {
		t.Run(name, func(t *testing.T) {
			h := NewHost(t, env)
			h.Chained = true
			f(t, h)
		})
	}
}

// Args reads a task's arguments as a playbook has them.
func Args(t testing.TB, text string) *value.Map {
	t.Helper()
	v, err := yaml.One("args", []byte(text), yaml.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, ok := v.AsMap()
	if !ok {
		t.Fatalf("arguments are no mapping: %s", text)
	}
	return m
}

var _ host.Conn = (*local.Conn)(nil)
