package jinja

import (
	"os"
	"strings"
	"testing"

	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// oracleCase is one recorded answer of Ansible's.
type oracleCase struct {
	sec, template string
	text, native  value.Value // Undefined where it failed
	textErr       string
	nativeErr     string
}

func loadOracle(t *testing.T) []oracleCase {
	t.Helper()
	data, err := os.ReadFile("testdata/oracle/oracle.json")
	if err != nil {
		t.Fatal(err)
	}
	list, err := value.ParseJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	var out []oracleCase
	for _, it := range list.Items() {
		m, _ := it.AsMap()
		get := func(name string) value.Value {
			v, ok := m.Lookup(name)
			if !ok {
				return value.Undefined(name)
			}
			return v
		}
		out = append(out, oracleCase{sec: value.Str(get("sec")), template: value.Str(get("t")), text: get("text"), native: get("native"),
			textErr: value.Str(get("text_err")), nativeErr: value.Str(get("native_err"))})
	}
	return out
}

// oracleScope is host web1 of inv.ini with the play's vars_files.
func oracleScope(t *testing.T) *mapScope {
	t.Helper()
	data, err := os.ReadFile("testdata/oracle/vars.yml")
	if err != nil {
		t.Fatal(err)
	}
	v, err := yaml.One("vars.yml", data, yaml.Options{})
	if err != nil {
		t.Fatal(err)
	}
	vars, _ := v.AsMap()
	host := func(port int64, nest string) *value.Map {
		return value.MapOf("ansible_connection", value.String("local"), "http_port", value.Int(port),
			"nest", value.FromMap(value.MapOf("k", value.String(nest))))
	}
	web2 := host(8082, "v2")
	web2.Put("ansible_host", value.String("10.0.0.2"))
	hosts := value.MapOf("web1", value.FromMap(host(8081, "v1")), "web2", value.FromMap(web2),
		"db1", value.FromMap(value.MapOf("ansible_connection", value.String("local"))))
	for k, v := range host(8081, "v1").All() {
		vars.Set(k, v)
	}
	vars.Put("inventory_hostname", value.String("web1"))
	vars.Put("group_names", value.Strings("web"))
	vars.Put("ansible_check_mode", value.Bool(false))
	vars.Put("hostvars", value.FromObject(&lazyMap{"hostvars", hosts}))
	vars.Put("groups", value.FromMap(value.MapOf("all", value.Strings("web1", "web2", "db1"), "web", value.Strings("web1", "web2"),
		"db", value.Strings("db1"), "ungrouped", value.List())))
	vars.Put("vars", value.FromMap(vars.Clone()))
	return &mapScope{vars: vars, dirs: []string{"testdata/oracle"}}
}

// mapScope is a Scope over a mapping.
type mapScope struct {
	vars *value.Map
	dirs []string
}

func (s *mapScope) Var(name string) (value.Value, bool, error) {
	v, ok := s.vars.Lookup(name)
	return v, ok, nil
}
func (s *mapScope) Names() []string { return s.vars.Names() }
func (s *mapScope) Dirs() []string  { return s.dirs }

// lazyMap is a mapping behind an Object, as hostvars is one.
type lazyMap struct {
	name string
	m    *value.Map
}

func (l *lazyMap) TypeName() string { return l.name }
func (l *lazyMap) Get(k value.Value) (value.Value, bool, error) {
	v, ok := l.m.Get(k)
	return v, ok, nil
}
func (l *lazyMap) Keys() ([]value.Value, error) { return l.m.Keys(), nil }

// plainJSON shows an answer as the recordings do.
func recorded(v value.Value) value.Value {
	switch v.Kind() {
	case value.KindTuple:
		m := value.NewMap()
		m.Put("__tuple__", recorded(value.List(v.Items()...)))
		return value.FromMap(m)
	case value.KindList:
		out := make([]value.Value, len(v.Items()))
		for i, it := range v.Items() {
			out[i] = recorded(it)
		}
		return value.List(out...)
	case value.KindMap:
		m, _ := v.AsMap()
		out := value.NewMap()
		for k, it := range m.All() {
			if name, err := value.JSON(value.FromMap(mapOf(k)), value.JSONStyle{}); err == nil && !k.IsString() {
				back, _ := value.ParseJSON([]byte(name))
				bm, _ := back.AsMap()
				k = bm.Keys()[0]
			}
			if k.Kind() == value.KindTuple {
				k = value.String(value.Repr(k))
			}
			out.Set(k, recorded(it))
		}
		return value.FromMap(out)
	case value.KindUndefined:
		return value.String("")
	case value.KindOmit:
		return value.String("__omit__")
	case value.KindString:
		if value.Str(v) == value.Str(value.Omit()) {
			return value.String("__omit__")
		}
	case value.KindOpaque:
		return value.FromMap(value.MapOf("__obj__", value.String(value.TypeName(v)), "s", value.String(value.Str(v))))
	}
	return v
}

func mapOf(k value.Value) *value.Map {
	m := value.NewMap()
	m.Set(k, value.Null())
	return m
}

// oracleDiffers are the templates of oracle.json that differ on purpose.
func oracleDiffers() map[string]string {
	return map[string]string{
		"{{ 'yes' if flag_no }}": "Jinja keeps an object that prints as nothing; here it is the empty text",
	}
}

func TestOracle(t *testing.T) {
	t.Setenv("SPIKE_ENV", "envval")
	s := oracleScope(t)
	e := New(Options{System: hostSystem{}})
	differs := oracleDiffers()
	for _, c := range loadOracle(t) {
		t.Run(c.sec, func(t *testing.T) {
			text, native, textErr, nativeErr := e.Both(t.Context(), "oracle.j2", c.template, true, s)
			if why, ok := differs[c.template]; ok {
				t.Logf("differs on purpose: %s", why)
				return
			}
			check(t, c.template, "text", text, c.text, textErr, c.textErr)
			check(t, c.template, "native", native, c.native, nativeErr, c.nativeErr)
		})
	}
}

func check(t *testing.T, template, what string, got, want value.Value, err error, wantErr string) {
	t.Helper()
	switch {
	case want.IsUndefined() && err == nil && wantErr != "":
		t.Errorf("%s\n  %s: got %s, want the error %s", template, what, value.Repr(got), wantErr)
	case want.IsUndefined():
	case err != nil && (strings.Contains(err.Error(), "named '") || strings.Contains(err.Error(), "'now' is undefined")):
		t.Logf("%s waits for a family of names: %v", template, err)
	case err != nil:
		t.Errorf("%s\n  %s: error %v, want %s", template, what, err, value.Repr(want))
	case !value.Equal(recorded(got), want):
		t.Errorf("%s\n  %s: got %s, want %s", template, what, value.Repr(recorded(got)), value.Repr(want))
	}
}
