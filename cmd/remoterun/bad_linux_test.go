//go:build linux

package main

import (
	"context"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"remoterun/runner/hosttest/real"
	"remoterun/runner/hosttest/sshd"
)

func portOf(addr string) string { _, p, _ := net.SplitHostPort(addr); return p }

// lockedKey is a private key with a passphrase.
func lockedKey(t *testing.T) string {
	t.Helper()
	_, key, err := sshd.NewSigner()
	if err != nil {
		t.Fatal(err)
	}
	block, err := gossh.MarshalPrivateKeyWithPassphrase(key, "", []byte("key words"))
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

// babbler is a server that is none of SSH.
func babbler(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			_ = c.Close()
		}
	}()
	return portOf(ln.Addr().String())
}

// TestWhatGoesWrong meets every failure of links, logins, sudo and disks: each
// names the host, the object and what was tried, and a hint says what to type.
func TestWhatGoesWrong(t *testing.T) {
	op := real.NewOperator(t)
	d := newDesk(t, op.Home, t.TempDir(), "")
	m := op.Start(t, real.Options{Name: "alpha", Shell: "dash"})
	m.Run(t, `mkdir -p /full /ro; mount -t tmpfs -o size=64k none /full; mount -t tmpfs none /ro; echo x >/ro/f; mount -o remount,ro /ro
head -c 60000 /dev/zero >/full/f; chmod 777 /full; mkdir -m 700 /secret`)
	port := portOf(m.Link.Addr())
	writeFile(t, filepath.Join(d.dir, "hosts"), "alpha\nweb ansible_host=127.0.0.1 ansible_port="+babbler(t)+
		"\nclosed ansible_host=127.0.0.1 ansible_port=1\nnowhere ansible_host=no-such-host.invalid\nnew ansible_host=127.0.0.2 ansible_port="+port+" ansible_user=root\n")
	writeFile(t, filepath.Join(d.dir, "garbage"), "this is no key")
	writeFile(t, filepath.Join(d.dir, "locked"), lockedKey(t))
	writeFile(t, filepath.Join(d.dir, "nokeys"), "Host alpha\n  HostName 127.0.0.1\n  Port "+port+"\n  User root\n  IdentityFile none\n")
	writeFile(t, filepath.Join(d.dir, "big.j2"), "x{{ 'y' * 100000 }}")
	true1 := []string{"-m", "shell", "-a", "true"}
	for _, c := range []struct {
		name  string
		args  []string
		code  int
		words []string
		hint  string
	}{
		{"no SSH server", append([]string{"run", "web"}, true1...), exitUnreachable, []string{"web: connect to", `this is not an SSH server, it says \"HTTP/1.1 400 Bad Request\"`}, "web: on which port does its sshd listen? ansible_port=PORT"},
		{"refused port", append([]string{"run", "closed"}, true1...), exitUnreachable, []string{"closed: connect to", "127.0.0.1:1", "connection refused"}, "closed: nothing listens there"},
		{"unknown name", append([]string{"run", "nowhere"}, true1...), exitUnreachable, []string{"nowhere: connect to", "no-such-host.invalid"}, "nowhere"},
		{"no such key file", append([]string{"run", "alpha", "--private-key", "missing"}, true1...), exitUnreachable, []string{"refused the login of root", "not used: key", "missing"}, "alpha: mend the key that is named"},
		{"a key file that is none", append([]string{"run", "alpha", "--private-key", "garbage"}, true1...), exitUnreachable, []string{"not used: key garbage: ssh: no key found"}, "--private-key FILE"},
		{"an encrypted key, and nobody to ask", append([]string{"run", "alpha", "--private-key", "locked"}, true1...), exitUnreachable, []string{"not used: key locked: there is no terminal to ask"}, "--private-key FILE"},
		{"no key at all", append([]string{"run", "alpha", "--ssh-config", "nokeys"}, true1...), exitUnreachable, []string{"refused the login of root: there was no key and no password to try"}, "alpha: make a key (ssh-keygen)"},
		{"a user that is not let in", append([]string{"run", "alpha", "-u", "stranger"}, true1...), exitUnreachable, []string{"refused the login of stranger", "tried key"}, "alpha: try it by hand: ssh -p " + port + " stranger@127.0.0.1"},
		{"nologin", append([]string{"run", "alpha", "-u", real.UserNologin}, true1...), exitFailed, []string{"the login shell ended with status 1", "This account is currently not available"}, "chsh"},
		{"sudo without anybody to ask", append([]string{"run", "alpha", "-b", "-u", real.UserSudo}, true1...), exitFailed, []string{"sudo to root: a password is required"}, "with -K"},
		{"sudo that wants a terminal", append([]string{"run", "alpha", "-b", "-u", real.UserTTY}, true1...), exitFailed, []string{"sudo to root: a tty is required"}, "!requiretty"},
		{"become nobody", append([]string{"run", "alpha", "-b", "--become-user", "ghost"}, true1...), exitFailed, []string{"to ghost: unknown user"}, "--become-user"},
		{"full disk", []string{"run", "alpha", "-m", "template", "-a", "src=big.j2 dest=/full/big"}, exitFailed, []string{"write /full/big", "No space left on device"}, "alpha: its disk is full: remoterun run alpha -- df -h"},
		{"read-only file system", []string{"run", "alpha", "-m", "template", "-a", "src=big.j2 dest=/ro/big"}, exitFailed, []string{"write /ro/big", "Read-only file system"}, "mounted read-only"},
		{"read-only, a line", []string{"run", "alpha", "-m", "lineinfile", "-a", "path=/ro/f line=z"}, exitFailed, []string{"write /ro/f", "Read-only file system"}, "mounted read-only"},
		{"no right to write", []string{"run", "alpha", "-u", real.UserOut, "-m", "file", "-a", "path=/etc/x state=touch"}, exitFailed, []string{"touch /etc/x", "Permission denied"}, "become root with -b"},
		{"no right to look", []string{"run", "alpha", "-u", real.UserOut, "-m", "template", "-a", "src=big.j2 dest=/secret/x"}, exitFailed, []string{"/secret/x", "Permission denied"}, "become root with -b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := d.run(t, c.args...)
			s.want(t, c.code, append(c.words, "remoterun: hint: ", c.hint)...)
			if n := strings.Count(s.err, "remoterun: hint: "); n != 1 {
				t.Errorf("%d hints, want one:\n%s", n, s.err)
			}
		})
	}
	t.Run("the half of a file is not left", func(t *testing.T) {
		if got := m.Run(t, "ls -A /full /ro"); got != "/full:\nf\n\n/ro:\nf" {
			t.Errorf("left: %q", got)
		}
	})
	t.Run("three refusals of sudo", func(t *testing.T) {
		for _, c := range []struct {
			user, password, want string
			asked                int
		}{
			{real.UserSudo, "not-the-one", "sudo to root: wrong password", 3}, {real.UserOut, real.Password, "sudo to root: not in sudoers", 1},
		} {
			s := d.talk(t, slices.Repeat([]turn{{"BECOME password", c.password}}, c.asked), append([]string{"run", "alpha", "-b", "-u", c.user}, true1...)...)
			s.want(t, exitFailed, c.want, "remoterun: hint: alpha:")
		}
	})
	t.Run("/tmp cannot be written", func(t *testing.T) {
		m.Run(t, "mount -t tmpfs none /tmp; mount -o remount,ro /tmp")
		d.run(t, "run", "alpha", "-m", "template", "-a", "src=big.j2 dest=/root/big").want(t, exitOK, "changed")
		d.run(t, "run", "alpha", "-m", "shell", "-a", "echo here >/root/here; cat /root/here").want(t, exitOK)
	})
	t.Run("host keys", func(t *testing.T) {
		old, err := os.ReadFile(op.KnownHosts())
		if err != nil {
			t.Fatal(err)
		}
		defer writeFile(t, op.KnownHosts(), string(old))
		writeFile(t, op.KnownHosts(), "")
		d.run(t, append([]string{"run", "alpha"}, true1...)...).want(t, exitUnreachable, "is not known: ssh-ed25519 SHA256:", "hint: alpha: compare the fingerprint with the server's own, then: remoterun trust alpha")
		other := op.Start(t, real.Options{Name: "beta"})
		op.Add(t, "", m.Link.Addr(), other.HostKey())
		d.run(t, append([]string{"run", "alpha"}, true1...)...).want(t, exitUnreachable, "HAS CHANGED", "known_hosts:", "hint: alpha: if the server was reinstalled: ssh-keygen -R")
	})
}

// TestInterruption: Ctrl-C tells running hosts to stop, gives locks back, and
// says where each host stood.
func TestInterruption(t *testing.T) {
	op := real.NewOperator(t)
	d := newDesk(t, op.Home, t.TempDir(), "")
	alpha, beta := op.Start(t, real.Options{Name: "alpha"}), op.Start(t, real.Options{Name: "beta", Shell: "busybox"})
	writeFile(t, filepath.Join(d.dir, "hosts"), "alpha\nbeta\n")
	writeFile(t, filepath.Join(d.dir, "book.yaml"), `- hosts: all
  gather_facts: false
  lock: project
  tasks:
    - name: first
      command: touch /var/first
    - name: long
      shell: echo $$ >/var/pid; sleep 300; touch /var/second
    - name: never
      command: touch /var/third
- name: later
  hosts: all
  tasks: []
`)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := d.command(ctx, t, "book.yaml")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*real.Machine{alpha, beta} {
		for range 300 {
			if _, err := os.Stat(m.Path("/var/pid")); err == nil {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	begun := time.Now()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	s := d.keep(t, cmd, out.String(), errs.String(), err)
	s.want(t, exitInterrupted, "interrupted: not finished on alpha (at: long), beta (at: long)", "not done on alpha, beta: never\n", "not begun: the play later\n", "ok=1 ", "failed=0")
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("it took %s to stop", took)
	}
	for _, m := range []*real.Machine{alpha, beta} {
		if got := m.Run(t, "cat /proc/$(cat /var/pid)/comm 2>/dev/null; ls /var/first /var/second /var/third 2>/dev/null; true"); got != "/var/first" {
			t.Errorf("%s: %q is left", m.Name, got)
		}
	}
	writeFile(t, filepath.Join(d.dir, "next.yaml"), "- hosts: all\n  gather_facts: false\n  lock: project\n  tasks:\n    - command: touch /var/fourth\n")
	d.run(t, "next.yaml").want(t, exitOK, "changed=1")
}

// TestLinkCutInAStep: a link that is lost while a step runs is unreachable, with
// its outcome unknown; nothing is read into it.
func TestLinkCutInAStep(t *testing.T) {
	op := real.NewOperator(t)
	d := newDesk(t, op.Home, t.TempDir(), "")
	m := op.Start(t, real.Options{Name: "alpha"})
	writeFile(t, filepath.Join(d.dir, "hosts"), "alpha\n")
	writeFile(t, filepath.Join(d.dir, "book.yaml"), `- hosts: all
  gather_facts: false
  tasks:
    - block:
        - name: long
          shell: touch /var/begun; sleep 3; touch /var/done
          args: {creates: /var/done}
      rescue:
        - name: no rescue for a link
          command: touch /var/rescued
    - name: behind
      command: touch /var/behind
`)
	go func() {
		for range 600 {
			if _, err := os.Stat(m.Path("/var/begun")); err == nil {
				m.Link.Cut()
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	s := d.run(t, "book.yaml")
	s.want(t, exitUnreachable, "UNREACHABLE", "outcome unknown", "unreachable=1", "failed=0", "hint: alpha: whether the last step came to its end is not known")
	if got := m.Run(t, "ls /var/rescued /var/behind 2>/dev/null; true"); got != "" {
		t.Errorf("tasks behind a lost link ran: %q", got)
	}
	d.run(t, "book.yaml").want(t, exitOK, "failed=0")
	if got := m.Run(t, "ls /var/done /var/behind"); got != "/var/behind\n/var/done" {
		t.Errorf("after the second run: %q", got)
	}
}
