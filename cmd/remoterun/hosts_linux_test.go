//go:build linux

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/hosttest/real"
)

// TestRealHosts runs the program against OpenSSH: root's login, a user whose
// sudo asks, a host behind a jump host, and one that is down.
func TestRealHosts(t *testing.T) {
	op := real.NewOperator(t)
	d := newDesk(t, op.Home, t.TempDir(), "")
	op.Start(t, real.Options{Name: "alpha", Shell: "dash"})
	beta := op.Start(t, real.Options{Name: "beta", Shell: "bash"})
	gate := op.Start(t, real.Options{Name: "gate"})
	gamma := op.Start(t, real.Options{Name: "gamma", Shell: "busybox", Hidden: true})
	op.Through(t, gate, gamma, "127.0.0.33:22")
	writeFile(t, filepath.Join(d.dir, "hosts"), "[prod]\nalpha\nbeta ansible_user="+real.UserSudo+"\ngamma\n")

	s := d.talk(t, []turn{{"BECOME password", real.Password}}, "run", "prod", "-b", "-K", "-m", "shell", "-a", "hostname > /var/was-here; id -un")
	s.want(t, exitOK, "alpha", "beta", "gamma")
	for _, m := range []*real.Machine{beta, gamma} {
		if got := m.Run(t, "cat /var/was-here; stat -c %U /var/was-here"); got != m.Name+"\nroot" {
			t.Errorf("%s: %q", m.Name, got)
		}
	}

	wrong := turn{"BECOME password", "not-this-one"}
	s = d.talk(t, []turn{wrong, wrong, wrong}, "run", "beta", "-b", "-m", "shell", "-a", "true")
	if s.code == exitOK || !strings.Contains(s.out, "wrong password") {
		t.Errorf("a wrong sudo password: code %d\n%s", s.code, s.out)
	}

	beta.PowerOff(t)
	d.run(t, "run", "prod", "-m", "shell", "-a", "true").want(t, exitUnreachable, "beta", "connection refused", "alpha", "gamma")
}
