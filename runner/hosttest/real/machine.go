//go:build linux

package real

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

//go:embed machine.sh
var initScript string

// Options say what a machine is made of.
type Options struct {
	// Name is its host name and the alias in the operator's ssh configuration.
	Name string
	// Shell is what /bin/sh is: dash (default), bash or busybox.
	Shell string
	// Docker starts an engine of its own.
	Docker bool
	// Share are folders of this machine that it sees at the same path.
	Share []string
	// SSHD are lines put before the rest of sshd_config.
	SSHD string
	// DiskBytes is the disk's size, 8 GiB when 0; it is sparse.
	DiskBytes int64
	// Hidden machines have no way in of their own, see Reach.
	Hidden bool
}

// Machine is one running machine.
type Machine struct {
	Name string
	// Link is the way of the operator's connections to its sshd; faults on the
	// wire are made there.
	Link *Link

	op      *Operator
	o       Options
	dir     string
	hostKey ssh.PublicKey
	init    *exec.Cmd
	alive   *os.File // the init ends when this does
}

// Start makes a machine that lets the operator in, and waits until its sshd
// (and engine) answer. It ends with the test.
func (op *Operator) Start(t testing.TB, o Options) *Machine {
	t.Helper()
	NeedSSHD(t)
	if o.Docker {
		NeedDocker(t)
	}
	if o.Shell == "" {
		o.Shell = "dash"
	}
	if o.DiskBytes == 0 {
		o.DiskBytes = 8 << 30
	}
	// Not t.TempDir: its removal would race with the kernel's own unmounting.
	sweep()
	dir, err := os.MkdirTemp(base, fmt.Sprintf("%s%d-%s-", prefix, os.Getpid(), o.Name))
	if err != nil {
		t.Fatal(err)
	}
	m := &Machine{Name: o.Name, op: op, o: o, dir: dir}
	t.Cleanup(func() { m.remove(t) })
	m.format(t)
	m.seed(t)
	m.Link = newLink(t, m)
	op.know(t, m)
	m.Boot(t)
	return m
}

func (m *Machine) format(t testing.TB) {
	t.Helper()
	image := filepath.Join(m.dir, "disk.img")
	f, err := os.OpenFile(image, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(m.o.DiskBytes), f.Close()); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-m0", "-E", "nodiscard,lazy_itable_init=1,lazy_journal_init=1", image).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v: %s", err, out)
	}
}

// Boot starts a machine that was stopped: the disk is as it was, RAM is empty.
func (m *Machine) Boot(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(m.dir, "init.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command("bash", "-c", initScript) // #nosec G204: our own text
	cmd.Env = []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "DIR=" + m.dir, "NAME=" + m.Name,
		"SHELL_PROGRAM=" + m.o.Shell, "SHARE=" + strings.Join(m.o.Share, " "), "CGROUP=" + m.cgroup(), "DOCKER=" + yesNo(m.o.Docker),
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = r, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC}
	if err := cmd.Start(); err != nil {
		_ = w.Close()
		t.Fatalf("%s: start: %v", m.Name, err)
	}
	m.init, m.alive = cmd, w
	m.await(t)
	if !m.o.Hidden {
		m.Link.open(t)
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (m *Machine) cgroup() string { return "/" + filepath.Base(m.dir) }

// await waits for sshd's version line and the engine's ping.
func (m *Machine) await(t testing.TB) {
	t.Helper()
	until(t, 20*time.Second, m.Name+": sshd", func() error {
		c, err := m.dial("127.0.0.1:22")
		if err != nil {
			return m.because(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		b := make([]byte, 4)
		if _, err := c.Read(b); err != nil || string(b) != "SSH-" {
			return fmt.Errorf("sshd says %q, %v", b, err)
		}
		return nil
	})
	if m.o.Docker {
		m.AwaitDocker(t)
	}
}

// because adds what the machine's own start said.
func (m *Machine) because(err error) error {
	text, _ := os.ReadFile(filepath.Join(m.dir, "init.log"))
	return fmt.Errorf("%w; its start says %q", err, text)
}

// AwaitDocker waits until the engine answers.
func (m *Machine) AwaitDocker(t testing.TB) {
	t.Helper()
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", m.Path("/run/docker.sock"))
		},
	}}
	until(t, 60*time.Second, m.Name+": Docker engine", func() error {
		resp, err := client.Get("http://docker/_ping")
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
}

// until repeats check until it says nil, or fails the test with its last word.
func until(t testing.TB, within time.Duration, what string, check func() error) {
	t.Helper()
	end := time.Now().Add(within)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s did not answer within %s: %v", what, within, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Path is where this process sees a file of the machine, its mounts included.
// Absolute symbolic links in it would lead back to this machine.
func (m *Machine) Path(p string) string {
	return fmt.Sprintf("/proc/%d/root%s", m.init.Process.Pid, p)
}

// Disk is the machine's disk as one file: everything that was ever written to
// it and not overwritten is in there.
func (m *Machine) Disk() string { return filepath.Join(m.dir, "disk.img") }

// Command is a command in the machine as root, past sshd.
func (m *Machine) Command(ctx context.Context, argv ...string) *exec.Cmd {
	pid := fmt.Sprint(m.init.Process.Pid)
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"-t", pid, "-m", "-n", "-p", "-u", "-i", "--"}, argv...)...) // #nosec G204: tests
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C"}
	return cmd
}

// Try runs a shell script in the machine as root, past sshd, and returns its
// output and error with what it said.
func (m *Machine) Try(t testing.TB, script string, args ...string) (string, error) {
	t.Helper()
	cmd := m.Command(t.Context(), append([]string{"bash", "-c", script, "sh"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("%s: %q: %w: %s", m.Name, script, err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), err
}

// Run is Try that must succeed; it returns the output without its last newline.
func (m *Machine) Run(t testing.TB, script string, args ...string) string {
	t.Helper()
	out, err := m.Try(t, script, args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(out, "\n")
}

// Write puts a file into the machine, with the folders above it.
func (m *Machine) Write(t testing.TB, path, text string) {
	t.Helper()
	cmd := m.Command(t.Context(), "bash", "-c", `mkdir -p "$(dirname "$1")" && cat > "$1"`, "sh", path)
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: write %s: %v: %s", m.Name, path, err, out)
	}
}

// StopDocker ends the engine as a service manager does; containers stop.
func (m *Machine) StopDocker(t testing.TB) {
	t.Helper()
	m.Run(t, `p=$(cat /run/docker.pid) && kill "$p" && while kill -0 "$p" 2>/dev/null; do sleep 0.05; done`)
}

// StartDocker starts the engine again and waits for it.
func (m *Machine) StartDocker(t testing.TB) {
	t.Helper()
	m.Run(t, `setsid dockerd --cgroup-parent "$1" >> /var/log/dockerd.log 2>&1 < /dev/null &`, m.cgroup())
	m.AwaitDocker(t)
}

// Reboot stops the engine in order, cuts everything else, and boots.
func (m *Machine) Reboot(t testing.TB) {
	t.Helper()
	if m.o.Docker {
		if _, err := os.Stat(m.Path("/run/docker.pid")); err == nil {
			m.StopDocker(t)
		}
	}
	m.PowerOff(t)
	m.Boot(t)
}

// PowerOff ends all that runs in the machine at once; connections are refused.
func (m *Machine) PowerOff(t testing.TB) {
	t.Helper()
	m.halt()
	until(t, 20*time.Second, m.Name+": release of its disk", func() error {
		held, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
		for _, f := range held {
			if name, err := os.ReadFile(f); err == nil && strings.TrimSpace(string(name)) == m.Disk() {
				return fmt.Errorf("%s holds it", f)
			}
		}
		return err
	})
}

func (m *Machine) halt() {
	if m.init == nil {
		return
	}
	m.Link.shut()
	_ = m.init.Process.Kill()
	_ = m.init.Wait() // -9 is what it says
	_ = m.alive.Close()
	m.init = nil
}

// remove ends the machine and takes away everything that it left behind.
func (m *Machine) remove(t testing.TB) {
	if t.Failed() && m.init != nil {
		for _, name := range []string{"/var/log/sshd.log", "/var/log/dockerd.log"} {
			text, err := os.ReadFile(m.Path(name))
			if err == nil {
				t.Logf("%s: the end of %s:\n%s", m.Name, name, tail(text, 8))
			}
		}
	}
	if m.Link != nil {
		m.PowerOff(t)
		m.Link.close()
	}
	if err := wipe(m.dir); err != nil {
		t.Error(err)
	}
}

// Machines live in base/prefix<pid of the test>-<name>-<random>.
const (
	base   = "/var/tmp"
	prefix = "remoterun-test-"
)

// wipe removes a machine's folder and its engine's control groups.
func wipe(dir string) error {
	groups, err := filepath.Glob("/sys/fs/cgroup/*/" + filepath.Base(dir))
	for _, g := range groups {
		_ = exec.Command("find", g, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";").Run() // they are empty or not ours
	}
	return errors.Join(err, os.RemoveAll(dir))
}

// sweep wipes what killed tests left: their machines ended with them, but
// nobody removed the folders.
func sweep() {
	dirs, _ := filepath.Glob(base + "/" + prefix + "*")
	for _, dir := range dirs {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), prefix), "-")
		if n, err := strconv.Atoi(pid); err != nil || syscall.Kill(n, 0) != syscall.ESRCH {
			continue
		}
		_ = wipe(dir) // another test may be at it
	}
}

func tail(text []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
