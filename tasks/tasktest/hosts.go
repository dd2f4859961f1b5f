package tasktest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/local"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// freeze makes every file system of a mount namespace read-only, for a probe that
// writes to fail there, says so, and keeps the namespace until its standard input
// ends. Only TMPDIR, a place of the namespace's own, takes nameless temporary files
// (apt).
const freeze = `PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount --make-rprivate / && while read -r a b c d m rest; do mount -o remount,bind,ro "$m" 2>/dev/null; done </proc/self/mountinfo
if true 2>/dev/null >/tmp/.remoterun-frozen; then exit 99; fi
mount -t tmpfs none ` + frozenTemp + ` && echo frozen && read -r end`

const frozenTemp = "/var/tmp"

// frozen is the namespace of freeze that this test program asks its questions in. It
// is one for all of them, as to make it costs a program for each mount of the machine,
// and another when what is mounted has changed; who began in the first stays there.
var frozen struct {
	sync.Mutex
	mounts []byte // what was mounted when it was made
	pid    int
}

// frozenShell is the command in front of a shell that runs it where nothing can be
// written. The working directory is reached anew: an open one would be the writable.
func frozenShell(t testing.TB) []string {
	t.Helper()
	frozen.Lock()
	defer frozen.Unlock()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if frozen.pid == 0 || !bytes.Equal(mounts, frozen.mounts) {
		c := exec.Command("/usr/bin/unshare", "-m", "/bin/sh", "-c", freeze)
		c.Dir, c.Stderr = "/", os.Stderr
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "frozen\n" {
			t.Fatalf("no namespace without a writable file system: %q, %v", line, err)
		}
		frozen.mounts, frozen.pid = mounts, c.Process.Pid
		go func() { _, _ = c.Wait(), in.Close() }() // holds the input open: it ends with this program
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return []string{"/usr/bin/nsenter", fmt.Sprintf("--mount=/proc/%d/ns/mnt", frozen.pid), "/bin/sh", "-c", `cd "$1" && shift && exec "$@"`, "sh", wd}
}

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
	ask := local.New("test", nil, local.Options{Env: env, Shell: append(frozenShell(t), "/usr/bin/env", "PATH="+pathOf(env), "TMPDIR="+frozenTemp, "/bin/sh")})
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
