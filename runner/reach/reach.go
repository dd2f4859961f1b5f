// Package reach says where and how a host is reached and as whom it is worked on:
// read from variables, keywords and the command line. It makes no connection.
package reach

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/keyword"
	"remoterun/runner/secret"
	"remoterun/runner/value"
)

// Endpoint is where and how to reach a host, from its variables and keywords.
// What is empty comes from the user's ssh configuration.
type Endpoint struct {
	Name       string // inventory_hostname
	Connection string // ssh (default) or local
	Addr       string
	Port       int
	User       string
	KeyFile    string
	Password   secret.Sealed
	// BecomePassword answers the become program; zero = the operator is asked
	// when a prompt is seen.
	BecomePassword secret.Sealed
}

// OnLaptop reports a host that is the laptop. An address of loopback is not: it may
// be the end of a tunnel.
func (e Endpoint) OnLaptop() bool { return e.Connection == "local" }

// Key tells apart connections that cannot be shared.
func (e Endpoint) Key() string {
	return fmt.Sprintf("%s\x00%s\x00%s\x00%d\x00%s", e.Name, e.Connection, e.Addr, e.Port, e.User)
}

// Machine is the same for all names of one address: they may be one machine.
func (e Endpoint) Machine() string {
	if e.OnLaptop() {
		return "\x00local"
	}
	return e.Addr
}

// Connector makes connections; cmd joins it with the transports.
type Connector interface {
	Connect(ctx context.Context, e Endpoint) (host.Conn, error)
}

// Locker takes a project's lock on a host. The connection that it returns runs
// everything under the lock; release gives it back.
type Locker interface {
	Hold(ctx context.Context, c host.Conn, name string, h LockHolder) (guarded host.Conn, release func() error, err error)
}

// LockHolder says under which identity the lock is taken, and what for.
type LockHolder struct {
	Host  string
	As    host.As
	Doing string
}

// Defaults are keywords' values from the command line and ansible.cfg, for plays
// that don't say.
type Defaults struct {
	Become                                           bool
	BecomeUser, BecomeMethod, RemoteUser, Connection string
	PrivateKey, Port, BecomeFlags                    string
}

// Find reads where to reach a host, and its passwords, which are taught to the
// redactor; the reader has its scope and the play's keywords.
func Find(name string, k keyword.Reader, d Defaults, red *secret.Redactor) (Endpoint, error) {
	e, err := Where(name, k, d)
	r := &settings{k: k, errs: []error{err}}
	r.password(&e.Password, red, "ansible_password", "ansible_ssh_pass")
	r.password(&e.BecomePassword, red, "ansible_become_password", "ansible_become_pass")
	return e, errors.Join(r.errs...)
}

// Where reads where to reach a host, without any password.
func Where(name string, k keyword.Reader, d Defaults) (Endpoint, error) {
	e := Endpoint{Name: name}
	p := k.Words[0]
	r := &settings{k: k}
	r.text(&e.Connection, kindOf, p.Connection, d.Connection, "ansible_connection")
	addr := addrOf
	if e.OnLaptop() { // a name alone
		addr = wordOf
	}
	r.text(&e.Addr, addr, value.Null(), name, "ansible_host", "ansible_ssh_host")
	if e.Addr == "" { // omitted
		e.Addr = name
	}
	r.text(&e.User, wordOf, p.RemoteUser, d.RemoteUser, "ansible_user", "ansible_ssh_user")
	r.text(&e.KeyFile, pathOf, value.Null(), d.PrivateKey, "ansible_ssh_private_key_file", "ansible_private_key_file")
	r.port(&e.Port, p.Port, d.Port, "ansible_port", "ansible_ssh_port")
	if e.Connection == "" {
		e.Connection = "ssh"
	}
	return e, errors.Join(r.errs...)
}

// settings reads several variables and keeps every mistake.
type settings struct {
	k    keyword.Reader
	errs []error
}

// get returns a setting, as it was written and rendered, and its name.
func (r *settings) get(written value.Value, otherwise string, names ...string) (name string, raw, v value.Value, err error) {
	name, raw = names[0], value.MarkedString(otherwise, value.Unsafe)
	if !written.IsNull() {
		name, raw = strings.TrimPrefix(names[0], "ansible_"), written
	}
	for _, n := range names {
		v, ok, err := r.k.Scope.Var(n)
		if err != nil {
			return n, v, v, err
		}
		if ok && !v.IsNull() {
			name, raw = n, v
			break
		}
	}
	v, err = r.k.Expr.Render(r.k.Ctx, raw, r.k.Scope)
	return name, raw, v, err
}

func (r *settings) text(to *string, read func(string, value.Value, value.Value) (string, error), written value.Value, otherwise string, names ...string) {
	name, raw, v, err := r.get(written, otherwise, names...)
	if err == nil {
		*to, err = read(name, raw, v)
	}
	r.errs = append(r.errs, placed(r.k.Scope, err))
}

func (r *settings) port(to *int, written value.Value, otherwise string, names ...string) {
	name, raw, v, err := r.get(written, otherwise, names...)
	if err == nil {
		*to, err = portOf(name, raw, v)
	}
	r.errs = append(r.errs, placed(r.k.Scope, err))
}

func (r *settings) password(to *secret.Sealed, red *secret.Redactor, names ...string) {
	_, _, v, err := r.get(value.Null(), "", names...)
	r.errs = append(r.errs, err)
	if s := value.Str(v); s != "" && err == nil {
		red.Add([]byte(s))
		*to = secret.New([]byte(s))
	}
}

// Identity is the become identity of a task.
func Identity(k keyword.Reader, d Defaults) (host.As, error) {
	become, err := k.Flag("become", keyword.Become, d.Become)
	if err != nil {
		return host.As{}, err
	}
	if v, ok, err := k.Variable("ansible_become"); err != nil {
		return host.As{}, err
	} else if ok && !v.IsNull() {
		raw, _, _ := k.Scope.Var("ansible_become")
		if become, err = flagOf("ansible_become", raw, v); err != nil {
			return host.As{}, placed(k.Scope, err)
		}
	}
	if !become {
		return host.As{}, nil
	}
	as := host.As{}
	if as.User, err = setting(k, userOf, "become_user", keyword.BecomeUser, cmp.Or(d.BecomeUser, "root")); err != nil {
		return as, err
	}
	as.Method, err = setting(k, methodOf, "become_method", keyword.BecomeMethod, cmp.Or(d.BecomeMethod, "sudo"))
	if err == nil {
		as.Exe, err = program(k, "exe", as.Method, keyword.BecomeExe, "")
	}
	if err == nil {
		as.Flags, err = program(k, "flags", as.Method, keyword.BecomeFlags, d.BecomeFlags)
	}
	return as, err
}

// setting reads a keyword that the variable of its name with ansible_ before it
// overrides.
func setting(k keyword.Reader, read func(name string, raw, v value.Value) (string, error), name string, get keyword.Get, otherwise string) (string, error) {
	for _, variable := range []string{"ansible_" + name, ""} {
		raw, said := k.Words.Inner(get), name
		if variable != "" {
			var err error
			if raw, _, err = k.Scope.Var(variable); err != nil {
				return "", err
			}
			said = variable
		}
		if raw.IsNull() {
			continue
		}
		v, err := k.Expr.Render(k.Ctx, raw, k.Scope)
		if err != nil {
			return "", err
		}
		if !v.IsNull() && !v.IsOmit() {
			text, err := read(said, raw, v)
			return text, placed(k.Scope, err)
		}
	}
	return read(name, value.Null(), value.String(otherwise))
}

// program is a setting of the become program: ansible_become_exe, or the one of
// its method (ansible_su_exe), which counts more.
func program(k keyword.Reader, what, method string, get keyword.Get, otherwise string) (string, error) {
	own := "ansible_" + method + "_" + what
	if v, ok, err := k.Variable(own); err != nil || ok && !v.IsNull() && !v.IsOmit() {
		if err != nil {
			return "", err
		}
		raw, _, _ := k.Scope.Var(own)
		text, err := textOf(own, raw, v)
		return text, placed(k.Scope, err)
	}
	return setting(k, textOf, "become_"+what, get, otherwise)
}
