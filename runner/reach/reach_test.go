package reach

import (
	"fmt"
	"strings"
	"testing"

	"remoterun/playbooks/jinja"
	"remoterun/runner/host"
	"remoterun/runner/keyword"
	"remoterun/runner/play"
	"remoterun/runner/secret"
	"remoterun/runner/value"
)

type names map[string]value.Value

func (n names) Var(name string) (value.Value, bool, error) { v, ok := n[name]; return v, ok, nil }
func (names) Names() []string                              { return nil }
func (names) Dirs() []string                               { return nil }

func reader(t *testing.T, p play.Keywords, vars ...any) keyword.Reader {
	t.Helper()
	n := names{}
	for i := 0; i < len(vars); i += 2 {
		n[vars[i].(string)] = vars[i+1].(value.Value)
	}
	return keyword.Reader{Ctx: t.Context(), Expr: jinja.New(jinja.Options{}), Words: keyword.Words{&p}, Scope: n}
}

// TestFind: variables win over the play's keywords, these over the command line;
// templates are rendered, and nothing is ssh to the host's own name.
func TestFind(t *testing.T) {
	given := Defaults{RemoteUser: "ops", Connection: "ssh", PrivateKey: "/k"}
	written := play.Keywords{RemoteUser: value.String("web"), Port: value.Int(2222), Connection: value.String("local")}
	for _, c := range []struct {
		name string
		p    play.Keywords
		d    Defaults
		vars []any
		want string
	}{
		{"nothing", play.Keywords{}, Defaults{}, nil, "ssh @h1:0 key "},
		{"the command line", play.Keywords{}, given, nil, "ssh ops@h1:0 key /k"},
		{"the play", written, given, nil, "local web@h1:2222 key /k"},
		{"variables", written, given, []any{"ansible_user", value.String("me"), "ansible_port", value.String("22"), "ansible_connection", value.String("ssh"), "ansible_host", value.String("10.0.0.1"), "ansible_private_key_file", value.String("/my key")}, "ssh me@10.0.0.1:22 key /my key"},
		{"old names", play.Keywords{}, given, []any{"ansible_ssh_host", value.String("a.b"), "ansible_ssh_user", value.String("x"), "ansible_ssh_port", value.Int(1)}, "ssh x@a.b:1 key /k"},
		{"templates", play.Keywords{}, Defaults{}, []any{"ansible_host", value.String("{{ net }}.7"), "net", value.String("10.1.2")}, "ssh @10.1.2.7:0 key "},
		{"omitted", play.Keywords{}, Defaults{}, []any{"ansible_host", value.String("{{ omit }}")}, "ssh @h1:0 key "},
		{"null is nothing", written, given, []any{"ansible_user", value.Null()}, "local web@h1:2222 key /k"},
	} {
		e, err := Find("h1", reader(t, c.p, c.vars...), c.d, secret.NewRedactor())
		if got := fmt.Sprintf("%s %s@%s:%d key %s", e.Connection, e.User, e.Addr, e.Port, e.KeyFile); err != nil || got != c.want {
			t.Errorf("%s: %s %v, want %s", c.name, got, err, c.want)
		}
	}
}

// TestFindTellsEveryMistake at once, and teaches passwords to the redactor.
func TestFindTellsEveryMistake(t *testing.T) {
	red := secret.NewRedactor()
	_, err := Find("h1", reader(t, play.Keywords{}, "ansible_port", value.String("x"), "ansible_host", value.String("a b"), "ansible_password", value.String("hunter22")), Defaults{}, red)
	for _, want := range []string{`ansible_port: "x" is not a valid port`, `ansible_host: "a b" is not valid`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %s", err, want)
		}
	}
	if got := red.Redact("it is hunter22"); strings.Contains(got, "hunter22") {
		t.Error(got)
	}
}

// TestEndpoints: what cannot share a connection has another key, what may be one
// machine has the same name of it.
func TestEndpoints(t *testing.T) {
	a := Endpoint{Name: "a", Connection: "ssh", Addr: "10.0.0.1", Port: 22, User: "root"}
	for name, change := range map[string]func(*Endpoint){
		"name": func(e *Endpoint) { e.Name = "b" }, "port": func(e *Endpoint) { e.Port = 23 }, "user": func(e *Endpoint) { e.User = "x" },
		"address": func(e *Endpoint) { e.Addr = "10.0.0.2" }, "connection": func(e *Endpoint) { e.Connection = "local" },
	} {
		b := a
		change(&b)
		if a.Key() == b.Key() {
			t.Errorf("another %s shares the connection", name)
		}
		if same := a.Machine() == b.Machine(); same != (name != "address" && name != "connection") {
			t.Errorf("another %s: one machine %v", name, same)
		}
	}
	one, two := Endpoint{Connection: "local", Addr: "a"}, Endpoint{Connection: "local", Addr: "b"}
	if !one.OnLaptop() || a.OnLaptop() || one.Machine() != two.Machine() {
		t.Error("two local hosts are two machines")
	}
}

// TestIdentity: become by keyword, variable and command line; a word that is no
// boolean is a mistake and never "no".
func TestIdentity(t *testing.T) {
	yes := play.Keywords{Become: value.Bool(true)}
	as := play.Keywords{Become: value.String("yes"), BecomeUser: value.String("postgres"), BecomeMethod: value.String("doas")}
	for _, c := range []struct {
		name string
		p    play.Keywords
		d    Defaults
		vars []any
		want host.As
	}{
		{"nobody", play.Keywords{}, Defaults{}, nil, host.As{}},
		{"root by sudo", yes, Defaults{}, nil, host.As{User: "root", Method: "sudo"}},
		{"the command line", play.Keywords{}, Defaults{Become: true, BecomeUser: "x", BecomeMethod: "su"}, nil, host.As{User: "x", Method: "su"}},
		{"keywords", as, Defaults{BecomeUser: "x"}, nil, host.As{User: "postgres", Method: "doas"}},
		{"a variable says no", as, Defaults{}, []any{"ansible_become", value.String("no")}, host.As{}},
		{"variables", yes, Defaults{}, []any{"ansible_become_user", value.String("{{ who }}"), "who", value.String("app"), "ansible_become_method", value.String("su")}, host.As{User: "app", Method: "su"}},
		{"variables that say nothing", as, Defaults{}, []any{"ansible_become_method", value.Null(), "ansible_become_user", value.String("{{ omit }}")}, host.As{User: "postgres", Method: "doas"}},
	} {
		got, err := Identity(reader(t, c.p, c.vars...), c.d)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v %v, want %+v", c.name, got, err, c.want)
		}
	}
	for _, c := range []struct {
		p    play.Keywords
		vars []any
		want string
	}{
		{play.Keywords{Become: value.String("maybe")}, nil, "become: maybe is not a boolean"},
		{play.Keywords{}, []any{"ansible_become", value.String("ja")}, `ansible_become: "ja" is not a boolean: yes or no`},
		{play.Keywords{Become: value.Bool(true), BecomeUser: value.Strings("x")}, nil, `become_user: a text is expected, not ['x']`},
		{play.Keywords{Become: value.Bool(true)}, []any{"ansible_sudo_flags", value.Strings("-i")}, `ansible_sudo_flags: a text is expected, not ['-i']`},
		{play.Keywords{Become: value.Bool(true), BecomeMethod: value.String("pbrun")}, nil, `become_method: "pbrun" is not one of sudo, su, doas`},
	} {
		if _, err := Identity(reader(t, c.p, c.vars...), Defaults{}); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}
