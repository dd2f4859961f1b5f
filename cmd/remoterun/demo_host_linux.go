package main

import (
	"bufio"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"remoterun/runner/hosttest/sshd"
)

// demoImpossible says why there can be no demo here, "" when there can.
func demoImpossible() string {
	if os.Geteuid() != 0 {
		return "mounts RAM as a server's root does: it needs root (sudo make demo)"
	}
	return ""
}

// swapsToDisk reports any swap: what kind it is, the host's own check knows.
func swapsToDisk() bool {
	text, err := os.ReadFile("/proc/swaps")
	return err == nil && strings.Count(strings.TrimSpace(string(text)), "\n") > 0
}

// survivePipes makes of a reader that went away (demo | head) a failed step
// behind which is cleaned up, instead of the end of this process.
func survivePipes() (stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGPIPE)
	return func() { signal.Stop(c) }
}

// ownGroup keeps a terminal's Ctrl-C from a command, which gets an interrupt
// when its context ends.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
}

// demoHost is the throw-away host: a process of this program that serves SSH.
// It ends with its stdin, and everything that it started with it.
type demoHost struct {
	cmd         *exec.Cmd
	in          io.WriteCloser
	out         *bufio.Reader
	port        int
	fingerprint string
}

// startDemoHost makes a key for the operator and a host that lets it in. With
// apart, the host lives in namespaces of its own, and dir is its disk.
func startDemoHost(ctx context.Context, dir, keyFile string, apart bool) (*demoHost, error) {
	signer, key, err := sshd.NewSigner()
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(key, "demo")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return beginDemoHost(ctx, self, dir, signer.PublicKey(), apart)
}

// beginDemoHost starts a host of the program self that lets the key's owner in.
func beginDemoHost(ctx context.Context, self, dir string, operator ssh.PublicKey, apart bool) (*demoHost, error) {
	// Not under ctx: it has to live until the last command has let go of it.
	cmd := exec.Command(self, "demo-host", dir) // #nosec G204: ourselves
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if apart {
		cmd.Args = append(cmd.Args, "--apart")
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS
	}
	h := &demoHost{cmd: cmd}
	var said strings.Builder
	var err error
	cmd.Stderr = &said
	if h.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	h.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("namespaces of its own (in a container without the right to mount?): %w", err)
	}
	line, err := h.ask(strings.TrimSpace(string(ssh.MarshalAuthorizedKey(operator))))
	if err == nil {
		_, err = fmt.Sscanf(line, "%d %s", &h.port, &h.fingerprint)
	}
	if err != nil {
		_ = h.stop()
		return nil, fmt.Errorf("%s: %w", strings.TrimSpace(said.String()), err)
	}
	return h, context.Cause(ctx)
}

// ask sends one line and waits for one.
func (h *demoHost) ask(line string) (string, error) {
	if _, err := io.WriteString(h.in, line+"\n"); err != nil {
		return "", err
	}
	return h.out.ReadString('\n')
}

// logins is how many connections have logged in so far.
func (h *demoHost) logins() (n int, err error) {
	line, err := h.ask("logins")
	if err == nil {
		_, err = fmt.Sscanf(line, "%d", &n)
	}
	return n, err
}

// stop ends the host and waits until it is gone.
func (h *demoHost) stop() error {
	_ = h.in.Close()
	kill := time.AfterFunc(10*time.Second, func() { _ = h.cmd.Process.Kill() })
	defer kill.Stop()
	return h.cmd.Wait()
}

// demoHostCommand is the host's process. It is no command for people.
func (a demonstration) demoHostCommand() *cobra.Command {
	var apart bool
	c := &cobra.Command{Use: "demo-host DIR", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.serveDemo(args[0], apart) }}
	c.Flags().BoolVar(&apart, "apart", false, "this process has namespaces of its own")
	return c
}

// serveDemo serves SSH until its stdin ends: first an authorized key comes, and
// port and fingerprint go back; then each line asks for the count of logins.
func (a demonstration) serveDemo(dir string, apart bool) error {
	in := bufio.NewReader(a.in)
	line, err := in.ReadString('\n')
	if err != nil {
		return err
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return err
	}
	home := dir
	if apart {
		err = liveApart(dir)
	} else {
		home = os.Getenv("HOME") // Docker's client keeps its plugins there
		err = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	}
	if err != nil {
		return err
	}
	srv, err := sshd.Listen(sshd.Config{User: "root", Keys: []ssh.PublicKey{key}, Dir: home,
		Env: []string{"HOME=" + home, "USER=root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}})
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%d %s\n", srv.Port(), ssh.FingerprintSHA256(srv.HostKey()))
	for {
		if _, err := in.ReadString('\n'); err != nil {
			break
		}
		fmt.Fprintln(a.out, srv.Logins())
	}
	srv.Cut()
	endChildren()
	return nil
}

// liveApart gives this process, in namespaces of its own, mounts that nobody
// else sees: its own processes, an empty /run in RAM, and dir as its disk.
func liveApart(dir string) error {
	lib := filepath.Join(dir, "var-lib")
	if err := os.MkdirAll(lib, 0o755); err != nil {
		return err
	}
	if err := keepMounts(); err != nil {
		return fmt.Errorf("keep mounts to itself: %w (in a container without the right to mount?)", err)
	}
	for _, m := range []struct {
		what, source, target, kind, data string
		flags                            uintptr
	}{
		{"mount /proc", "proc", "/proc", "proc", "", 0},
		{"put a folder at /var/lib", lib, "/var/lib", "", "", unix.MS_BIND},
		{"mount RAM at /run", "run", "/run", "tmpfs", "mode=755", 0},
	} {
		if err := unix.Mount(m.source, m.target, m.kind, m.flags, m.data); err != nil {
			return fmt.Errorf("%s: %w (in a container without the right to mount?)", m.what, err)
		}
	}
	return unix.Sethostname([]byte("demo"))
}

// keepMounts makes the mounts of this process's namespace its own. In a chroot
// "/" is no mount, and the one that it is on has no name there: a thread goes to
// the namespace's root for it, and never comes back.
func keepMounts() error {
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if !errors.Is(err, unix.EINVAL) {
		return err
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // not unlocked: the thread ends here
		done <- func() error {
			ns, err := os.Open("/proc/thread-self/ns/mnt")
			if err != nil {
				return err
			}
			defer ns.Close()
			if err := unix.Unshare(unix.CLONE_FS); err != nil {
				return err
			}
			if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNS); err != nil {
				return err
			}
			return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		}()
	}()
	return <-done
}

// endChildren ends what sessions left running.
func endChildren() {
	for range 50 {
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", os.Getpid()))
		n := 0
		for _, name := range lists {
			text, _ := os.ReadFile(name)
			for _, word := range strings.Fields(string(text)) {
				var pid int
				if _, err := fmt.Sscan(word, &pid); err == nil && syscall.Kill(pid, syscall.SIGKILL) == nil {
					n++
				}
			}
		}
		if n == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
		for {
			if _, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != nil && !errors.Is(err, syscall.EINTR) {
				break
			} else if err == nil {
				continue
			}
		}
	}
}
