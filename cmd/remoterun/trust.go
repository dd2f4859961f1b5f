package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"remoterun/runner/reach"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"remoterun/runner/keyword"
	"remoterun/runner/play"
	"remoterun/runner/ssh"
	"remoterun/runner/value"
)

// trustCommand is the one explicit act that accepts host keys.
func (a *app) trustCommand() *cobra.Command {
	f := runFlags{passphraseFD: -1}
	var fingerprint string
	c := &cobra.Command{
		Use:   "trust HOST | GROUP | ADDRESS:PORT",
		Short: "Accept hosts' keys after comparing their fingerprints",
		Long: "Shows the keys that hosts offer, all in one table, and asks once whether to write them to known_hosts. Get the\n" +
			"fingerprints from the servers' own consoles (for f in /etc/ssh/ssh_host_*.pub; do ssh-keygen -lf $f; done) and\n" +
			"compare, or give the one of a single host with --fingerprint. A key that contradicts a known one is never accepted.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.trust(cmd.Context(), &f, args[0], fingerprint)
		},
	}
	f.projectFlags.addWhole(c)
	f.addLogin(c)
	c.Flags().StringVar(&fingerprint, "fingerprint", "", "accept exactly the key `SHA256:...` of one host without asking")
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
	targets, err := s.targets(ctx, name)
	if err != nil {
		return err
	}
	if fingerprint != "" && len(targets) > 1 {
		return usage("--fingerprint is of one host, and %s means %d", name, len(targets))
	}
	seen := s.look(ctx, targets)
	var errs []error
	var accept []looked
	for _, l := range seen {
		switch {
		case l.err != nil:
			errs = append(errs, &codedError{exitUnreachable, &hostError{l.name, l.err}})
		case l.key.Problem == "":
			fmt.Fprintf(a.out, "%s: its key is known already; nothing to do\n", l.name)
		case !l.key.Acceptable():
			errs = append(errs, &hostError{l.name, l.key.Err})
		case !slices.ContainsFunc(accept, l.same):
			accept = append(accept, l)
		}
	}
	if len(accept) > 0 {
		errs = append(errs, s.acceptAll(ctx, accept, fingerprint))
	}
	return worst(errs)
}

// worst joins errors; the code is that of the first that has one.
func worst(errs []error) error {
	err := errors.Join(errs...)
	var coded *codedError
	if errors.As(err, &coded) {
		return &codedError{coded.code, err}
	}
	return err
}

// looked is a host and the key that it shows.
type looked struct {
	name string
	key  *ssh.Shown
	err  error
}

func (l looked) same(o looked) bool {
	return l.key.Host == o.key.Host && l.key.Fingerprint == o.key.Fingerprint
}

// lookAtOnce is how many hosts are asked for their keys at a time.
const lookAtOnce = 50

func (s *session) look(ctx context.Context, targets []ssh.Target) []looked {
	out := make([]looked, len(targets))
	var wg sync.WaitGroup
	room := make(chan struct{}, lookAtOnce)
	for i, t := range targets {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			key, err := s.dialer.Look(ctx, t)
			out[i] = looked{t.Name, key, err}
		})
	}
	wg.Wait()
	return out
}

// acceptAll writes keys to known_hosts, if the operator or the fingerprint says
// so: all of them or none.
func (s *session) acceptAll(ctx context.Context, keys []looked, fingerprint string) error {
	refused := func(why error) error {
		var errs []error
		for _, l := range keys {
			e := *l.key.Err
			e.Err = why
			errs = append(errs, &hostError{l.name, fmt.Errorf("%s: %w", l.name, &e)})
		}
		return errors.Join(errs...)
	}
	if fingerprint != "" && keys[0].key.Fingerprint != fingerprint {
		return refused(fmt.Errorf("%w than %s (it has one of each type: compare that of its %s key)", errOther, fingerprint, keys[0].key.Type))
	}
	if fingerprint == "" {
		answer, err := s.prompts.Ask(ctx, play.Ask{Key: hostKey + "trust", YesNo: true, Text: trustQuestion(keys)})
		switch {
		case errors.Is(err, play.ErrNobody):
			return refused(errors.New("there is no terminal to ask on: give the server's own fingerprint with --fingerprint SHA256:…"))
		case err != nil:
			return err
		case answer != "yes":
			return refused(nil)
		}
	}
	var errs []error
	for _, l := range keys {
		if err := l.key.Remember(); err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(s.a.out, "%s: the key %s is trusted from now on\n", l.name, l.key.Fingerprint)
	}
	return errors.Join(errs...)
}

// trustQuestion shows one key, or a table of several.
func trustQuestion(keys []looked) string {
	var b strings.Builder
	if len(keys) == 1 {
		k := keys[0].key
		fmt.Fprintf(&b, "The host key of %s is not known yet.\n%s key, fingerprint %s\n", k.Host, k.Type, k.Fingerprint)
	} else {
		fmt.Fprintf(&b, "The host keys of %d hosts are not known yet.\n", len(keys))
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, l := range keys {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.name, l.key.Host, l.key.Type, l.key.Fingerprint)
		}
		_ = w.Flush()
	}
	for _, l := range keys {
		if l.key.Problem == ssh.KeyOtherType {
			fmt.Fprintf(&b, "Of %s known_hosts has a key of another type already: %s.\n", l.name, strings.Join(l.key.Err.Stored, ", "))
		}
	}
	if len(keys) == 1 {
		fmt.Fprintf(&b, "Compare it with the server's own. Accept and write it to %s? (yes/no)", keys[0].key.File)
	} else {
		fmt.Fprintf(&b, "Compare each with the server's own. Accept all of them and write them to %s? (yes/no)", keys[0].key.File)
	}
	return b.String()
}

// targets are the hosts that a pattern means, or one address. What is not in the
// inventory is an address only when it is written as one: a slip in a name must
// not lead to somebody else's server.
func (s *session) targets(ctx context.Context, name string) ([]ssh.Target, error) {
	if _, err := s.hostVars(name); errors.Is(err, errNotInInventory) && isAddress(name) {
		t := s.login(name)
		return []ssh.Target{t}, splitPort(&t)
	}
	if err := s.somebody(name); err != nil {
		if !strings.ContainsAny(name, ":,*?[!&") {
			return nil, usage("%v; an address is written with its port: remoterun trust %s:22", err, name)
		}
		return nil, err
	}
	hosts, err := s.inv.Hosts(name)
	if err != nil {
		return nil, usage("%v", err)
	}
	out := make([]ssh.Target, len(hosts))
	for i, h := range hosts {
		if out[i], err = s.target(ctx, h); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// isAddress reports an IP address or HOST:PORT.
func isAddress(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	_, port, err := net.SplitHostPort(name)
	_, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && bad == nil
}

func (s *session) login(name string) ssh.Target {
	return ssh.Target{Name: name, Addr: name, User: s.f.user, KeyFile: s.f.privateKey, ConnectTimeout: time.Duration(s.f.timeout) * time.Second}
}

// target is where a host of the inventory is.
func (s *session) target(ctx context.Context, name string) (ssh.Target, error) {
	t := s.login(name)
	vars, err := s.hostVars(name)
	if err != nil {
		return t, wrongVars(err)
	}
	k := keyword.Reader{Ctx: ctx, Expr: s.expr, Scope: vars, Words: keyword.Words{&play.Keywords{}}}
	e, err := reach.Where(name, k, s.defaults())
	if err != nil {
		return t, usage("%s: %v", name, err)
	}
	t.Addr, t.Port, t.User = e.Addr, e.Port, cmp.Or(t.User, e.User)
	return t, nil
}

var errNotInInventory = errors.New("not in the inventory")

// knows reports a host of the inventory.
func (s *session) knows(name string) bool {
	all, _ := s.inv.Groups().Lookup("all")
	return slices.ContainsFunc(all.Items(), func(v value.Value) bool { return value.Str(v) == name })
}

// hostVars are the variables of a host as a run would read them.
func (s *session) hostVars(name string) (*evalScope, error) {
	if name != "localhost" && !s.knows(name) {
		return nil, fmt.Errorf("%s is %w", name, errNotInInventory)
	}
	layers, err := s.inv.Layers(name)
	if err != nil {
		return nil, err
	}
	vars := &evalScope{layers: append(layers, hostLayer(s.inv, name)), dirs: []string{s.dir()}}
	vars.add("-e", s.extra)
	return vars, nil
}

// hostVar answers variables of a host as text: the first of the names that says
// something, rendered; empty when none does.
func (s *session) hostVar(ctx context.Context, name string) (func(names ...string) (string, error), error) {
	vars, err := s.hostVars(name)
	if err != nil {
		return nil, err
	}
	return func(names ...string) (string, error) {
		for _, n := range names {
			v, ok, err := vars.Var(n)
			if err == nil && ok {
				v, err = s.expr.Render(ctx, v, vars)
			}
			if err != nil {
				return "", err
			}
			if ok && !v.IsNull() && !v.IsOmit() {
				return value.Str(v), nil
			}
		}
		return "", nil
	}, nil
}

// splitPort reads host:port of a name that is an address.
func splitPort(t *ssh.Target) error {
	h, p, err := net.SplitHostPort(t.Name)
	if err != nil {
		return nil
	}
	t.Addr = h
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil || n == 0 {
		return usage("%s: %q is not a port", t.Name, p)
	}
	t.Port = int(n)
	return nil
}

// wrongVars is a mistake in a host's variables: one line for vaults that stay
// closed.
func wrongVars(err error) error {
	if c := closedVault(err); c != nil {
		err = c
	}
	return &codedError{exitUsage, err}
}
