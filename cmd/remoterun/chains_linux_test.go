//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"remoterun/runner/reach"
	"testing"

	"remoterun/runner/framed"
	"remoterun/runner/host"
	"remoterun/runner/hosttest/real"
	"remoterun/runner/ssh"
)

// onMachine connects every name to one machine, as a user whose sudo asks.
type onMachine struct {
	d *ssh.Dialer
	m *real.Machine
}

func (c onMachine) Connect(ctx context.Context, e reach.Endpoint) (host.Conn, error) {
	conn, err := c.d.Dial(ctx, ssh.Target{Name: e.Name, Addr: c.m.Name, User: real.UserSudo}, framed.Password(real.Answer(real.Password)))
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// TestChainsUnderSudo is the property test on a machine with OpenSSH, as root
// through a sudo that asks for a password, for each shell that hosts have.
func TestChainsUnderSudo(t *testing.T) {
	op := real.NewOperator(t)
	for i, shell := range []string{"dash", "bash", "busybox"} {
		m := op.Start(t, real.Options{Name: "m" + shell, Shell: shell})
		m.Run(t, "mkdir -p /var/gen")
		for k := range 2 {
			t.Run(fmt.Sprintf("%s %d", shell, k), func(t *testing.T) {
				g := &maker{Rand: rand.New(rand.NewPCG(uint64(10*i+k), 13)), hosts: 1 + k}
				book, text := g.put(t, t.TempDir(), "linear")
				ground{hosts: []string{"h1", "h2"}[:1+k], base: "/var/gen", seen: m.Path("/var/gen"), become: true, connector: onMachine{d: op.Dialer(t), m: m}}.same(t, book, text, 2)
				if t.Failed() {
					return
				}
				m.Run(t, "test -z \"$(find /var/gen -user "+real.UserSudo+")\"; rm -rf /var/gen/*")
			})
		}
	}
}
