package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"remoterun/runner"
	"remoterun/runner/play"
	"remoterun/runner/secret"
	"remoterun/runner/ssh"
	"remoterun/runner/value"
)

// trustCommand is the one explicit act that accepts a host key.
func (a *app) trustCommand() *cobra.Command {
	f := runFlags{passphraseFD: -1}
	var fingerprint string
	c := &cobra.Command{
		Use:   "trust HOST",
		Short: "Accept a host's key after comparing its fingerprint",
		Long: "Shows the key that a host offers and asks whether to write it to known_hosts. Get the fingerprint from\n" +
			"the server's own console (for f in /etc/ssh/ssh_host_*.pub; do ssh-keygen -lf $f; done) and compare, or give it with --fingerprint.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.trust(cmd.Context(), &f, args[0], fingerprint)
		},
	}
	f.projectFlags.add(c)
	f.addLogin(c)
	c.Flags().StringVar(&fingerprint, "fingerprint", "", "accept exactly the key `SHA256:...` without asking")
	return c
}

// errOther is a key with another fingerprint than the one that was given.
var errOther = errors.New("the host shows another key")

// hostError is a failure on the way to one host, outside of a run.
type hostError struct {
	host string
	err  error
}

func (e *hostError) Error() string { return e.err.Error() }
func (e *hostError) Unwrap() error { return e.err }

func (a *app) trust(ctx context.Context, f *runFlags, name, fingerprint string) error {
	s, err := a.open(ctx, f)
	if err != nil {
		return err
	}
	t, err := s.target(ctx, name)
	if err != nil {
		return err
	}
	accepted := ""
	ask := s.hostKeyQuestion
	s.dialer.Accept = func(ctx context.Context, k ssh.NewKey) (bool, error) {
		ok, err := fingerprint == k.Fingerprint, error(nil)
		switch {
		case fingerprint == "":
			if ok, err = ask(ctx, k); errors.Is(err, play.ErrNobody) {
				err = errors.New("there is no terminal to ask on: give the server's own fingerprint with --fingerprint SHA256:…")
			}
		case !ok:
			err = fmt.Errorf("%w than %s (it has one of each type: compare that of its %s key)", errOther, fingerprint, k.Type)
		}
		if ok {
			accepted = k.Fingerprint
		}
		return ok, err
	}
	// Logging in is not what is asked for: no question about it.
	s.dialer.Ask = func(context.Context, string, string) (secret.Sealed, error) {
		return secret.Sealed{}, errors.New("not asked for")
	}
	conn, err := s.dialer.Dial(ctx, t, nil)
	if conn != nil {
		_ = conn.Close()
	}
	var key *ssh.HostKeyError
	var refused *ssh.AuthError
	switch {
	case errors.As(err, &key):
		return err
	case accepted != "":
		fmt.Fprintf(a.out, "%s: the key %s is trusted from now on\n", name, accepted)
		return nil
	case err == nil, errors.As(err, &refused):
		fmt.Fprintf(a.out, "%s: its key is known already; nothing to do\n", name)
		return nil
	}
	return &codedError{exitUnreachable, &hostError{name, err}}
}

// target is where a host of the inventory is, or an address that is none.
func (s *session) target(ctx context.Context, name string) (ssh.Target, error) {
	t := ssh.Target{Name: name, Addr: name, User: s.f.user, KeyFile: s.f.privateKey, ConnectTimeout: time.Duration(s.f.timeout) * time.Second}
	read, err := s.hostVar(ctx, name)
	if err != nil {
		if group, ok := s.inv.Groups().Lookup(name); ok {
			return t, usage("%s is a group, and keys are compared host by host: trust takes one of %s", name, strings.Join(texts(group.Items()), ", "))
		}
		return t, splitPort(&t) // not in the inventory: an address
	}
	var errs []error
	get := func(names ...string) string {
		v, err := read(names...)
		errs = append(errs, err)
		return v
	}
	t.Addr = cmp.Or(get("ansible_host", "ansible_ssh_host"), t.Addr)
	t.User = cmp.Or(t.User, get("ansible_user", "ansible_ssh_user"))
	if p := get("ansible_port", "ansible_ssh_port"); p != "" {
		if t.Port, err = runner.ParsePort(p); err != nil {
			return t, usage("%s: ansible_port: %v", name, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return t, usage("%s: %v", name, err)
	}
	return t, nil
}

// hostVar answers variables of a host as a run would read them: the first of the
// names that it has, rendered; empty when it has none.
func (s *session) hostVar(ctx context.Context, name string) (func(names ...string) (string, error), error) {
	layers, err := s.inv.Layers(name)
	if err != nil {
		return nil, err
	}
	vars := &evalScope{layers: append(layers, hostLayer(s.inv, name)), dirs: []string{s.dir()}}
	vars.add("-e", s.extra)
	return func(names ...string) (string, error) {
		for _, n := range names {
			v, ok, err := vars.Var(n)
			if err == nil && ok {
				v, err = s.expr.Render(ctx, v, vars)
			}
			if err != nil || ok {
				return value.Str(v), err
			}
		}
		return "", nil
	}, nil
}

func texts(list []value.Value) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = value.Str(v)
	}
	return out
}

// splitPort reads host:port of a name that is an address.
func splitPort(t *ssh.Target) error {
	h, p, err := net.SplitHostPort(t.Name)
	if err != nil {
		return nil
	}
	t.Addr = h
	if t.Port, err = strconv.Atoi(p); err != nil {
		return usage("%s: %q is no port", t.Name, p)
	}
	return nil
}
