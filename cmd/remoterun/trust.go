package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/spf13/cobra"

	"remoterun/runner/ssh"
	"remoterun/runner/value"
)

// trustCommand is the one explicit act that accepts a host key.
func (a *app) trustCommand() *cobra.Command {
	var f runFlags
	var fingerprint string
	c := &cobra.Command{
		Use:   "trust HOST",
		Short: "Accept a host's key after comparing its fingerprint",
		Long: "Shows the key that a host offers and asks whether to write it to known_hosts. Get the fingerprint from\n" +
			"the server's own console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub) and compare, or give it with --fingerprint.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.trust(cmd.Context(), &f, args[0], fingerprint)
		},
	}
	f.add(c)
	c.Flags().StringVar(&fingerprint, "fingerprint", "", "accept exactly this key (SHA256:…) without asking")
	return c
}

// errOther is a key with another fingerprint than the one that was given.
var errOther = errors.New("the host shows another key")

func (a *app) trust(ctx context.Context, f *runFlags, name, fingerprint string) error {
	s, err := a.open(ctx, f)
	if err != nil {
		return err
	}
	t, err := s.target(name)
	if err != nil {
		return err
	}
	accepted := ""
	ask := s.dialer.Accept
	s.dialer.Accept = func(ctx context.Context, k ssh.NewKey) (bool, error) {
		if fingerprint != "" {
			if fingerprint != k.Fingerprint {
				return false, fmt.Errorf("%w: %s %s, not %s", errOther, k.Type, k.Fingerprint, fingerprint)
			}
			accepted = k.Fingerprint
			return true, nil
		}
		ok, err := ask(ctx, k)
		if ok {
			accepted = k.Fingerprint
		}
		return ok, err
	}
	conn, err := s.dialer.Dial(ctx, t, nil)
	if conn != nil {
		_ = conn.Close()
	}
	var refused *ssh.AuthError
	switch {
	case accepted != "":
		fmt.Fprintf(a.out, "%s: the key %s is trusted from now on\n", name, accepted)
		return nil
	case err == nil, errors.As(err, &refused):
		fmt.Fprintf(a.out, "%s: its key is known already; nothing to do\n", name)
		return nil
	}
	return err
}

// target is where a host of the inventory is, or an address that is none.
func (s *session) target(name string) (ssh.Target, error) {
	t := ssh.Target{Name: name, Addr: name, User: s.f.user, KeyFile: s.f.privateKey}
	if h, p, err := net.SplitHostPort(name); err == nil {
		t.Addr = h
		if t.Port, err = strconv.Atoi(p); err != nil {
			return t, usage("%s: %q is no port", name, p)
		}
	}
	layers, err := s.inv.Layers(name)
	if err != nil {
		return t, nil // not in the inventory: an address
	}
	get := func(names ...string) string {
		for i := len(layers) - 1; i >= 0; i-- {
			for _, n := range names {
				if v, ok := layers[i].Vars.Lookup(n); ok {
					return value.Str(v)
				}
			}
		}
		return ""
	}
	t.Addr = cmp.Or(get("ansible_host", "ansible_ssh_host"), t.Addr)
	t.User = cmp.Or(t.User, get("ansible_user", "ansible_ssh_user"))
	if p := get("ansible_port", "ansible_ssh_port"); p != "" {
		if t.Port, err = strconv.Atoi(p); err != nil {
			return t, usage("%s: ansible_port %q is no port", name, p)
		}
	}
	return t, nil
}
