//go:build linux

package ssh_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"remoterun/runner/framed"
	"remoterun/runner/host"
	"remoterun/runner/hosttest"
	"remoterun/runner/hosttest/real"
	"remoterun/runner/secret"
	"remoterun/runner/sh"
	"remoterun/runner/ssh"
)

func TestRealSSHDSuite(t *testing.T) {
	for _, shell := range []string{"dash", "bash", "busybox"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			op := real.NewOperator(t)
			m := op.Start(t, real.Options{Name: shell, Shell: shell, Share: []string{os.TempDir()}})
			hosttest.Suite(t, func(t *testing.T) host.Conn { return m.Connect(t, "root", nil) })
		})
	}
}

// TestRealLoginShells checks that the login shell is of no matter, as the login
// user and as root through sudo.
func TestRealLoginShells(t *testing.T) {
	for _, shell := range []string{"dash", "bash", "busybox"} {
		op := real.NewOperator(t)
		m := op.Start(t, real.Options{Name: shell, Shell: shell})
		for _, user := range []string{"root", real.UserSudo, real.UserDash, real.UserAsh, real.UserTcsh} {
			for _, as := range []host.As{{}, {User: "root", Method: "sudo"}} {
				t.Run("/bin/sh is "+shell+"/"+user+" as "+as.User, func(t *testing.T) { checkLogin(t, m, user, as) })
			}
		}
	}
}

func checkLogin(t *testing.T, m *real.Machine, user string, as host.As) {
	c := m.Connect(t, user, real.Answer(real.Password))
	who := user
	if as.User != "" {
		who = as.User
	}
	s, err := c.Shell(t.Context(), as)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		out, err := s.Run(t.Context(), sh.Script(`printf '%s ' "$(id -un)" "$1"; cat; exit 7`, `a'b "$c`).With(sh.Bytes("in\n")))
		if err != nil || out.Status != 7 || string(out.Stdout) != who+` a'b "$c in`+"\n" || len(out.Stderr) != 0 {
			t.Errorf("framed: %+v, %v", out, err)
		}
	}
	cmd := sh.Exec("cat").With(sh.Bytes("key"))
	cmd.Secret = true
	if out, err := c.Exec(t.Context(), as, cmd); err != nil || string(out.Stdout) != "key" {
		t.Errorf("exec: %+v, %v", out, err)
	}
}

func TestRealSudo(t *testing.T) {
	op := real.NewOperator(t)
	m := op.Start(t, real.Options{Name: "sudo"})
	for name, c := range map[string]struct {
		user   string
		answer framed.Password
		to     string
		want   host.BecomeCause
	}{
		"without a password":      {real.UserFree, nil, "root", ""},
		"with a password":         {real.UserSudo, real.Answer(real.Password), "root", ""},
		"to another user":         {real.UserSudo, real.Answer(real.Password), real.UserFree, ""},
		"nobody to ask":           {real.UserSudo, nil, "root", host.BecomeNeedsPassword},
		"wrong password":          {real.UserSudo, real.Answer("let me out"), "root", host.BecomeWrongPassword},
		"not in sudoers":          {real.UserOut, real.Answer(real.Password), "root", host.BecomeNotAllowed},
		"a terminal is wanted":    {real.UserTTY, nil, "root", host.BecomeNeedsTTY},
		"a user who isn't there":  {real.UserFree, nil, "nobodyhere", host.BecomeNoSuchUser},
		"root needs no sudo rule": {"root", nil, "root", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := m.Connect(t, c.user, c.answer)
			as := host.As{User: c.to, Method: "sudo"}
			_, err := conn.Shell(t.Context(), as)
			out, err2 := conn.Exec(t.Context(), as, sh.Exec("id", "-un"))
			if c.want == "" {
				if err != nil || err2 != nil || string(out.Stdout) != c.to+"\n" {
					t.Errorf("%q, %v, %v", out.Stdout, err, err2)
				}
				return
			}
			for _, err := range []error{err, err2} {
				var be *host.BecomeError
				if !errors.As(err, &be) || be.Cause != c.want {
					t.Errorf("%v, want %q", err, c.want)
				}
			}
		})
	}
}

// TestRealSudoPasswordStaysInside looks for the password where other users of
// the host could see it.
func TestRealSudoPasswordStaysInside(t *testing.T) {
	op := real.NewOperator(t)
	m := op.Start(t, real.Options{Name: "argv"})
	c := m.Connect(t, real.UserSudo, real.Answer(real.Password))
	s, err := c.Shell(t.Context(), host.As{User: "root", Method: "sudo"})
	if err != nil {
		t.Fatal(err)
	}
	const look = `cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n'`
	out, err := s.Run(t.Context(), sh.Script(look+`; : planted`))
	if err != nil || !strings.Contains(string(out.Stdout), "sudo") {
		t.Fatalf("the search finds nothing at all: %v", err)
	}
	if strings.Contains(string(out.Stdout), real.Password) {
		t.Error("the password is in an argv or environment")
	}
}

func TestRealNologin(t *testing.T) {
	op := real.NewOperator(t)
	m := op.Start(t, real.Options{Name: "nologin"})
	c := m.Connect(t, real.UserNologin, nil)
	_, err := c.Shell(t.Context(), host.As{})
	var se *host.ShellError
	if !errors.As(err, &se) || !strings.Contains(se.Said, "not available") {
		t.Errorf("error %v", err)
	}
}

func TestRealForwardingIsForbidden(t *testing.T) {
	op := real.NewOperator(t)
	m := op.Start(t, real.Options{Name: "closed", SSHD: "AllowTcpForwarding no\nAllowStreamLocalForwarding no\n"})
	c := m.Connect(t, "root", nil)
	_, err := c.Dial(t.Context(), "tcp", "127.0.0.1:22")
	var fe *host.ForwardError
	if !errors.As(err, &fe) || !fe.Refused {
		t.Errorf("error %v", err)
	}
	open := op.Start(t, real.Options{Name: "open"})
	c = open.Connect(t, "root", nil)
	nc, err := c.Dial(t.Context(), "tcp", "127.0.0.1:22")
	if err != nil {
		t.Fatal(err)
	}
	_ = nc.Close()
	if _, err = c.Dial(t.Context(), "tcp", "127.0.0.1:23"); !errors.As(err, &fe) || fe.Refused {
		t.Errorf("a closed port: %v", err)
	}
}

func TestRealPasswordLogin(t *testing.T) {
	op := real.NewOperator(t)
	m := op.Start(t, real.Options{Name: "password"})
	if err := os.Remove(op.KeyFile()); err != nil {
		t.Fatal(err)
	}
	d := op.Dialer(t)
	tg := ssh.Target{Name: "password", Addr: m.Name, User: real.UserSudo, Password: secretOf(real.Password)}
	c, err := d.Dial(t.Context(), tg, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	tg.Password = secretOf("wrong")
	_, err = d.Dial(t.Context(), tg, nil)
	var ae *ssh.AuthError
	if !errors.As(err, &ae) {
		t.Errorf("error %v", err)
	}
}

func secretOf(text string) secret.Sealed { return secret.New([]byte(text)) }
