package vars_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/runner/vars"
)

// inv is an inventory of two hosts in one group; what a test doesn't need is
// not there.
type inv struct {
	play.Inventory
	layers map[string][]play.Layer
}

func (i inv) Hosts(string) ([]string, error) { return []string{"web1.example.org", "web2"}, nil }
func (i inv) Groups() *value.Map {
	return value.MapOf("web", value.Strings("web1.example.org", "web2"))
}
func (i inv) GroupsOf(string) []string                 { return []string{"web"} }
func (i inv) Layers(name string) ([]play.Layer, error) { return i.layers[name], nil }
func (i inv) Dir() string                              { return "/inv" }

// plain is an expression language in which "{{ now }}" is impure and everything
// else is what it is.
type plain struct{ play.Expr }

func (plain) Inspect(v value.Value, _ bool) (play.Uses, error) {
	return play.Uses{Impure: text(v) == "{{ now }}"}, nil
}

func (plain) Render(_ context.Context, v value.Value, _ play.Scope) (value.Value, error) {
	return v, nil
}

// gather answers one fact.
type gather struct{}

func (gather) Question() host.Question             { return host.NewProbe("setup") }
func (g gather) For(play.GatherWish) play.Gatherer { return g }
func (gather) Same(play.Gatherer) bool             { return true }
func (gather) Facts(a host.Answer) (*value.Map, error) {
	if a.Status != 0 {
		return nil, errors.New("no facts")
	}
	return value.MapOf("os_family", value.String(string(a.Stdout))), nil
}

func text(v value.Value) string {
	s, _ := v.AsString()
	return s
}

func one(name, is string) *value.Map { return value.MapOf(name, value.String(is)) }

// Ansible's order: each place wins over those above it in this list.
var order = []string{
	"inventory", "group_vars/web.yml", "facts", "play vars", "vars_files", "block", "task",
	"include_vars", "set_fact", "include", "extra", "loop",
}

// build fills name at the first n places of order.
func build(name string, n int) (*vars.Store, vars.Frame) {
	i := inv{layers: map[string][]play.Layer{}}
	f := vars.Frame{}
	extra := value.NewMap()
	facts, included, set := value.NewMap(), value.NewMap(), value.NewMap()
	for _, from := range order[:n] {
		m := one(name, from)
		switch from {
		case "inventory", "group_vars/web.yml":
			i.layers["web2"] = append(i.layers["web2"], play.Layer{Name: from, Vars: m})
		case "facts":
			facts = one("x", from) // ansible_x without its prefix
		case "play vars", "vars_files":
			f.Play = append(f.Play, play.Layer{Name: from, Vars: m})
		case "block", "task":
			f.Block = append(f.Block, m)
		case "include_vars":
			included = m
		case "set_fact":
			set = m
		case "include":
			f.Params = append(f.Params, m)
		case "extra":
			extra = m
		case "loop":
			f.Local = m
		}
	}
	s := vars.New(i, plain{}, nil, extra)
	s.AddFacts("web2", facts)
	s.IncludeVars("web2", included)
	s.SetFacts("web2", set)
	return s, f
}

func TestPrecedence(t *testing.T) {
	sources := map[string]string{"block": "vars of the task or block", "task": "vars of the task or block", "set_fact": "set_fact or register",
		"include": "vars of the include", "extra": "extra vars (-e)", "loop": "loop variable"}
	for n := 1; n <= len(order); n++ {
		last := order[n-1]
		t.Run(last, func(t *testing.T) {
			s, f := build("ansible_x", n)
			sc := s.Scope(t.Context(), "web2", f, false)
			v, ok, err := sc.Var("ansible_x")
			if got, _ := v.AsString(); err != nil || !ok || got != last {
				t.Errorf("%q, %v, %v; want %q", got, ok, err, last)
			}
			want := last
			if said, ok := sources[last]; ok {
				want = said
			}
			if got := sc.Source("ansible_x"); got != want {
				t.Errorf("source %q, want %q", got, want)
			}
			if !slices.Contains(sc.Names(), "ansible_x") {
				t.Errorf("names %v", sc.Names())
			}
		})
	}
}

func TestNothingOverridesMagic(t *testing.T) {
	for _, name := range []string{"inventory_hostname", "group_names", "groups", "hostvars", "omit", "ansible_play_hosts"} {
		s, f := build(name, len(order))
		f.Magic = one("ansible_play_hosts", "magic")
		v, ok, err := s.Scope(t.Context(), "web2", f, false).Var(name)
		if got, _ := v.AsString(); !ok || err != nil || slices.Contains(order, got) {
			t.Errorf("%s = %q, %v, %v", name, got, ok, err)
		}
	}
	s, f := build("x", 0)
	if v, _, _ := s.Scope(t.Context(), "web1.example.org", f, false).Var("inventory_hostname_short"); text(v) != "web1" {
		t.Errorf("short name %s", text(v))
	}
}

func TestUnknownNames(t *testing.T) {
	s, f := build("x", 0)
	sc := s.Scope(t.Context(), "web2", f, false)
	if v, ok, err := sc.Var("nothing"); ok || err != nil || sc.Source("nothing") != "" {
		t.Errorf("%v %v %v %q", v, ok, err, sc.Source("nothing"))
	}
	if v, ok, _ := sc.Var("ansible_host"); !ok || text(v) != "web2" {
		t.Errorf("ansible_host %v", v)
	}
}

// A fact costs a question when something reads it, and only then.
func TestFactsAreGatheredWhenRead(t *testing.T) {
	s := vars.New(inv{}, plain{}, gather{}, nil)
	sc := s.Scope(t.Context(), "web2", vars.Frame{}, true)
	for _, name := range []string{"mine", "ansible_user", "ansible_become_password", "ansible_loop", "ansible_host"} {
		if _, _, err := sc.Var(name); err != nil {
			t.Errorf("%s asked the host: %v", name, err)
		}
	}
	var need *host.ErrNeed
	if _, _, err := sc.Var("ansible_os_family"); !errors.As(err, &need) || len(need.Questions) != 1 {
		t.Fatalf("error %v", err)
	}
	if _, _, err := s.Scope(t.Context(), "web2", vars.Frame{}, false).Var("ansible_os_family"); err != nil {
		t.Errorf("gather_facts: no, but %v", err)
	}
	if err := s.Gathered("web2", host.Answer{Status: 1}); err == nil {
		t.Error("a bad answer was taken for facts")
	}
	s.AddFacts("web2", one("os_family", "of a module"))
	if err := s.Gathered("web2", host.Answer{Stdout: []byte("Debian")}); err != nil {
		t.Fatal(err)
	}
	if v, _, err := sc.Var("ansible_os_family"); err != nil || text(v) != "of a module" {
		t.Errorf("what a module said is overwritten: %v %v", text(v), err)
	}
	if _, ok, err := sc.Var("ansible_other"); ok || err != nil {
		t.Errorf("asked twice: %v %v", ok, err)
	}
	s.ClearFacts("web2")
	if _, _, err := sc.Var("ansible_os_family"); !errors.As(err, &need) {
		t.Errorf("after clear_facts: %v", err)
	}
}

// Ahead of a task's turn only what is settled is answered.
func TestAheadStopsAtWhatMayChange(t *testing.T) {
	s := vars.New(inv{}, plain{}, nil, value.MapOf("settled", value.String("{{ x }}"), "clock", value.String("{{ now }}")))
	sc := s.Scope(t.Context(), "web2", vars.Frame{Magic: one("ansible_play_hosts", "h")}, false).
		Ahead(&vars.Ahead{Pending: map[string]bool{"result": true}, Set: one("passed", "1")})
	for name, pending := range map[string]bool{"settled": false, "clock": true, "result": true, "hostvars": true, "ansible_play_hosts": true, "passed": false, "groups": false} {
		_, ok, err := sc.Var(name)
		if got := errors.Is(err, vars.ErrPending); got != pending || !pending && (!ok || err != nil) {
			t.Errorf("%s: %v %v, want pending %v", name, ok, err, pending)
		}
	}
}

func TestHostvarsReadOtherHosts(t *testing.T) {
	s := vars.New(inv{}, plain{}, nil, nil)
	s.Register("web1.example.org", "made", value.String("there"))
	v, _, err := s.Scope(t.Context(), "web2", vars.Frame{Local: one("item", "1")}, false).Var("hostvars")
	if err != nil {
		t.Fatal(err)
	}
	get := func(o value.Value, key string) (value.Value, bool) {
		t.Helper()
		m, ok := o.AsObject()
		if !ok {
			t.Fatalf("%v is no mapping", o)
		}
		v, ok, err := m.Get(value.String(key))
		if err != nil {
			t.Fatal(err)
		}
		return v, ok
	}
	if _, ok := get(v, "nobody"); ok {
		t.Error("a host that is not there")
	}
	other, _ := get(v, "web1.example.org")
	if got, ok := get(other, "made"); !ok || text(got) != "there" {
		t.Errorf("made = %v", got)
	}
	if _, ok := get(other, "item"); ok {
		t.Error("this host's loop variable in another's")
	}
}
