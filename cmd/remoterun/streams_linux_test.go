//go:build linux

package main

import (
	"context"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"remoterun/runner/hosttest/sshd"
)

// streams is an operator's desk whose program can be looked at at its end, and a
// host that lets him in.
type streams struct {
	*desk
	port int
	peak string // where the program tells its memory
	// through counts the bytes that the host was sent, and that it sent; cut is how
	// many more may pass before the link breaks, 0 = it never does.
	through, cut atomic.Int64
}

func newStreams(t testing.TB) *streams {
	t.Helper()
	home := t.TempDir()
	s := &streams{desk: newDesk(t, home, t.TempDir(), "")}
	op, key, err := sshd.NewSigner()
	if err != nil {
		t.Fatal(err)
	}
	block, err := gossh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	srv, err := sshd.Listen(sshd.Config{User: "op", Keys: []gossh.PublicKey{op.PublicKey()}, Env: append(os.Environ(), "HOME="+t.TempDir()),
		Wrap: func(c net.Conn) net.Conn { return passing{c, s} }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	if err := os.Mkdir(home+"/.ssh", 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, home+"/.ssh/id_ed25519", string(pem.EncodeToMemory(block)))
	writeFile(t, home+"/.ssh/known_hosts", knownhosts.Line([]string{knownhosts.Normalize(srv.Addr())}, srv.HostKey())+"\n")
	if err := os.Chmod(home+"/.ssh/id_ed25519", 0o600); err != nil {
		t.Fatal(err)
	}
	s.port = srv.Port()
	writeFile(t, s.dir+"/inventory", fmt.Sprintf("far ansible_host=127.0.0.1 ansible_port=%d ansible_user=op ansible_ssh_private_key_file=%s/.ssh/id_ed25519\nhere ansible_connection=local\n", srv.Port(), home))
	if s.bin, err = os.Executable(); err != nil {
		t.Fatal(err)
	}
	s.peak = filepath.Join(t.TempDir(), "peak")
	s.env = append(s.env, peakEnv+"="+s.peak)
	return s
}

// peakEnv names a file: the test program is remoterun then, and writes there at its
// end how much memory it had at most.
const peakEnv = "REMOTERUN_TEST_PEAK"

func runAndTell(file string) int {
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.LookupEnv}
	code := a.run(context.Background(), os.Args[1:])
	status, err := os.ReadFile("/proc/self/status")
	var used syscall.Rusage
	if err == nil {
		err = errors.Join(os.WriteFile(file, status, 0o600), syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	}
	if err == nil {
		err = os.WriteFile(file+".cpu", []byte(time.Duration(used.Utime.Nano()+used.Stime.Nano()).String()), 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return code
}

// passing counts what passes, and breaks when it is told to.
type passing struct {
	net.Conn
	s *streams
}

func (p passing) pass(n int) error {
	p.s.through.Add(int64(n))
	if p.s.cut.Load() > 0 && p.s.cut.Add(-int64(n)) <= 0 {
		p.s.cut.Store(1)
		_ = p.Conn.Close()
		return errors.New("cut")
	}
	return nil
}

func (p passing) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if cut := p.pass(n); cut != nil {
		return 0, cut
	}
	return n, err
}

func (p passing) Write(b []byte) (int, error) {
	if err := p.pass(len(b)); err != nil {
		return 0, err
	}
	return p.Conn.Write(b)
}

// play runs tasks and returns how much memory the program had at most, in bytes.
func (s *streams) play(t *testing.T, host, tasks string, code int, want ...string) int64 {
	t.Helper()
	writeFile(t, s.dir+"/book.yaml", "- hosts: "+host+"\n  gather_facts: false\n  tasks:\n"+tasks)
	s.run(t, "book.yaml").want(t, code, want...)
	return s.peaked(t)
}

// peaked is how much memory the run before had at most, in bytes.
func (s *streams) peaked(t testing.TB) (most int64) {
	t.Helper()
	status, err := os.ReadFile(s.peak)
	if err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(string(status)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &most); err == nil {
			return most << 10
		}
	}
	return 0
}

// largeFile makes a file that differs from place to place, with a text in front.
func largeFile(t *testing.T, path, head string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for at := int64(0); at < size; at += 1 << 20 {
		if _, err := f.WriteAt([]byte(fmt.Sprintf("%d.%d\n", size, at)), at); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.WriteAt([]byte(head), 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
}

func sumOf(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		t.Error(err)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// mostMore is how much more memory in bytes a run may need for files of any size
// than for small ones.
const mostMore = 16 << 20

// TestLargeFilesStream sends and brings a file of 200 MB over SSH, and others that
// are larger than any answer may be, as another user, in a tree, an archive and a
// script, there and here: the program's memory does not grow with them.
func TestLargeFilesStream(t *testing.T) {
	s := newStreams(t)
	open := t.TempDir() // nobody's, too
	for _, d := range []string{filepath.Dir(open), open} {
		if err := os.Chmod(d, 0o777); err != nil { // #nosec G302
			t.Fatal(err)
		}
	}
	tasks := strings.NewReplacer("OPEN", open, "DIR", s.dir).Replace(`
    - copy: {src: large, dest: OPEN/copied, mode: "0640"}
    - fetch: {src: OPEN/copied, dest: DIR/fetched, flat: true}
    - copy: {src: less, dest: OPEN/nobodys}
      become: true
      become_user: nobody
      become_method: su
    - fetch: {src: OPEN/nobodys, dest: DIR/fetched2, flat: true}
      become: true
      become_user: nobody
      become_method: su
    - copy: {src: tree/, dest: OPEN/tree/}
    - unarchive: {src: less.tar, dest: OPEN}
    - script: script
`)
	for host, largest := range map[string]int64{"far": 200 << 20, "here": 70 << 20} {
		var most [2]int64
		for i, sizes := range [][2]int64{{1 << 10, 1 << 10}, {largest, 70 << 20}} {
			s.provide(t, open, sizes[0], sizes[1])
			most[i] = s.play(t, host, tasks, exitOK, "changed=7")
			for got, src := range map[string]string{open + "/copied": "large", s.dir + "/fetched": "large", open + "/nobodys": "less",
				s.dir + "/fetched2": "less", open + "/tree/sub/file": "less", open + "/less": "less"} {
				if sumOf(t, got) != sumOf(t, filepath.Join(s.dir, src)) {
					t.Errorf("%s, %d bytes: %s is not what was sent", host, sizes[0], got)
				}
			}
		}
		t.Logf("%s: %.1f MiB for small files, %.1f MiB for large ones", host, float64(most[0])/(1<<20), float64(most[1])/(1<<20))
		if most[0] == 0 || most[1]-most[0] > mostMore {
			t.Errorf("%s: %d bytes of memory for small files, %d for large ones", host, most[0], most[1])
		}
	}
}

// provide makes the laptop's files, and takes away what a run before has made.
func (s *streams) provide(t *testing.T, open string, large, less int64) {
	t.Helper()
	for _, e := range []string{open, s.dir + "/fetched", s.dir + "/fetched2", s.dir + "/tree"} {
		emptied(t, e)
	}
	if err := os.MkdirAll(s.dir+"/tree/sub", 0o755); err != nil { // #nosec G301
		t.Fatal(err)
	}
	largeFile(t, s.dir+"/large", "", large)
	for _, name := range []string{"less", "tree/sub/file"} {
		largeFile(t, filepath.Join(s.dir, name), "", less)
	}
	largeFile(t, s.dir+"/script", "#!/bin/sh\nexit 0\n", less)
	if out, err := exec.Command("tar", "-cf", s.dir+"/less.tar", "-C", s.dir, "less").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// emptied takes away what is in a folder, or a file.
func emptied(t *testing.T, path string) {
	t.Helper()
	if st, err := os.Stat(path); err == nil && !st.IsDir() {
		_ = os.Remove(path)
		return
	}
	in, _ := os.ReadDir(path)
	for _, e := range in {
		if err := os.RemoveAll(filepath.Join(path, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBrokenStreamsGoOn cuts the link in the middle of a large file, both ways: the
// same run again sends only what is missing, and nothing is left beside the file.
func TestBrokenStreamsGoOn(t *testing.T) {
	const size, at = 48 << 20, 30 << 20
	for name, c := range map[string]struct{ task, got string }{
		"copy":  {"    - copy: {src: big, dest: DIR/host/got}\n", "host"},
		"fetch": {"    - fetch: {src: DIR/big, dest: DIR/laptop/got, flat: true}\n", "laptop"},
		// Others can change what is in this folder: the beginning is copied, not gone on in.
		"shared": {"    - copy: {src: big, dest: DIR/open/got}\n", "open"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStreams(t)
			largeFile(t, s.dir+"/big", "", size)
			for _, d := range []string{"host", "laptop", "open"} {
				if err := os.Mkdir(filepath.Join(s.dir, d), 0o755); err != nil { // #nosec G301
					t.Fatal(err)
				}
			}
			if err := os.Chmod(s.dir+"/open", 0o777); err != nil { // #nosec G302
				t.Fatal(err)
			}
			task := strings.ReplaceAll(c.task, "DIR", s.dir)
			s.cut.Store(at)
			s.play(t, "far", task, exitUnreachable)
			if got, err := os.ReadDir(filepath.Join(s.dir, c.got)); err != nil || len(got) != 1 || !strings.HasPrefix(got[0].Name(), ".") {
				t.Errorf("after the cut: %v %v", got, err)
			}
			s.cut.Store(0)
			s.through.Store(0)
			s.play(t, "far", task, exitOK, "changed=1")
			if n := s.through.Load(); n > size-at/2 {
				t.Errorf("%d bytes passed for the rest of %d", n, size)
			}
			if got, err := os.ReadDir(filepath.Join(s.dir, c.got)); err != nil || len(got) != 1 || got[0].Name() != "got" {
				t.Errorf("at the end: %v %v", got, err)
			}
			if sumOf(t, filepath.Join(s.dir, c.got, "got")) != sumOf(t, s.dir+"/big") {
				t.Error("it is not what was sent")
			}
		})
	}
}
