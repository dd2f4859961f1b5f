package jinja

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/laptop"
	"remoterun/runner/secret/vault"
	"remoterun/runner/value"
)

var (
	_ System     = laptop.System{}
	_ SealSystem = laptop.System{}
	_ LinkSystem = laptop.System{}
	_ DirSystem  = laptop.System{}
)

// corpusCase is one line of testdata/corpus: a template and what Ansible made
// of it, or the class of its failure.
type corpusCase struct {
	family, template string
	vars             *value.Map
	text, native     value.Value // Undefined where it failed
	textErr          string
	nativeErr        string
}

// minCorpus is what the corpus must hold, so that cases cannot get lost.
const minCorpus = 2200

func TestCorpus(t *testing.T) {
	t.Chdir("testdata")
	t.Setenv("ORACLE_ENV", "envval")
	t.Setenv("HOME", "/home/oracle")
	t.Setenv("TZ", "UTC")
	cases := loadCorpus(t)
	if len(cases) < minCorpus {
		t.Errorf("the corpus holds %d cases, want at least %d", len(cases), minCorpus)
	}
	base := corpusVars(t)
	e := New(Options{System: laptop.System{SealVault: vault.Seal, OpenVault: vault.Unseal}})
	differs := corpusDiffers()
	for _, c := range cases {
		t.Run(c.family, func(t *testing.T) { runCorpusCase(t, e, c, base, differs) })
	}
}

func runCorpusCase(t *testing.T, e *Engine, c corpusCase, base *value.Map, differs map[string]string) {
	t.Helper()
	vars := base.Clone()
	for k, v := range c.vars.All() {
		vars.Set(k, v)
	}
	dir, _ := os.Getwd()
	s := &mapScope{vars: vars, dirs: []string{dir}}
	text, native, textErr, nativeErr := e.Both(t.Context(), "case.j2", c.template, true, s)
	if _, ok := differs[c.template]; ok {
		return
	}
	compareAnswer(t, c.template, "text", text, c.text, textErr, c.textErr)
	compareAnswer(t, c.template, "native", native, c.native, nativeErr, c.nativeErr)
}

func compareAnswer(t *testing.T, template, what string, got, want value.Value, err error, class string) {
	t.Helper()
	switch {
	case class != "" && err == nil:
		t.Errorf("%s\n  %s: got %s, want an error (%s)", template, what, value.Repr(got), class)
	case class == "error" && errorClass(err) == "undefined": // more telling
	case class != "" && class != errorClass(err):
		t.Errorf("%s\n  %s: error of class %s (%v), want %s", template, what, errorClass(err), err, class)
	case class != "":
	case err != nil:
		t.Errorf("%s\n  %s: error %v, want %s", template, what, err, value.Repr(want))
	case !value.Equal(corpusJSON(got), want):
		t.Errorf("%s\n  %s: got  %s\n  want %s", template, what, value.Repr(corpusJSON(got)), value.Repr(want))
	}
}

// errorClass sorts an error as the recordings do.
func errorClass(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, core.ErrUndefined):
		return "undefined"
	case strings.Contains(err.Error(), "template syntax"):
		return "syntax"
	}
	return "error"
}

func loadCorpus(t *testing.T) []corpusCase {
	t.Helper()
	files, err := filepath.Glob("corpus/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	var out []corpusCase
	for _, f := range files {
		h, err := os.Open(f)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(h)
		lines.Buffer(nil, 4<<20)
		for lines.Scan() {
			if line := lines.Text(); line != "" && !strings.HasPrefix(line, "//") {
				out = append(out, readCase(t, strings.TrimSuffix(filepath.Base(f), ".jsonl"), line))
			}
		}
		h.Close()
	}
	return out
}

func readCase(t *testing.T, family, line string) corpusCase {
	t.Helper()
	v, err := value.ParseJSON([]byte(line))
	if err != nil {
		t.Fatalf("%s: %v: %s", family, err, line)
	}
	m, _ := v.AsMap()
	get := func(name string) value.Value {
		if v, ok := m.Lookup(name); ok {
			return v
		}
		return value.Undefined(name)
	}
	c := corpusCase{family: family, template: value.Str(get("t")), text: get("text"), native: get("native"), textErr: value.Str(get("text_err")), nativeErr: value.Str(get("native_err"))}
	c.vars, _ = corpusValue(get("vars")).AsMap()
	return c
}

func corpusVars(t *testing.T) *value.Map {
	t.Helper()
	data, err := os.ReadFile("vars.json")
	if err != nil {
		t.Fatal(err)
	}
	v, err := value.ParseJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	m, _ := corpusValue(v).AsMap()
	dir, _ := os.Getwd()
	for _, n := range []string{"playbook_dir", "role_path"} {
		m.Put(n, value.String(dir))
	}
	m.Put("inventory_hostname", value.String("web1"))
	return m
}

// corpusValue reads the recordings' way to write what JSON lacks.
func corpusValue(v value.Value) value.Value {
	if v.Kind() == value.KindList {
		items := make([]value.Value, len(v.Items()))
		for i, it := range v.Items() {
			items[i] = corpusValue(it)
		}
		return value.List(items...)
	}
	m, ok := v.AsMap()
	if !ok {
		return v
	}
	if s, ok := m.Lookup("__unsafe__"); ok {
		return s.With(value.Unsafe)
	}
	if s, ok := m.Lookup("__tuple__"); ok {
		return value.Tuple(corpusValue(s).Items()...)
	}
	out := value.NewMap()
	for k, it := range m.All() {
		out.Set(k, corpusValue(it))
	}
	return value.FromMap(out)
}

// corpusJSON writes an answer as the recordings do.
func corpusJSON(v value.Value) value.Value {
	list := func(items []value.Value) value.Value {
		out := make([]value.Value, len(items))
		for i, it := range items {
			out[i] = corpusJSON(it)
		}
		return value.List(out...)
	}
	switch v.Kind() {
	case value.KindTuple:
		return value.FromMap(value.MapOf("__tuple__", list(v.Items())))
	case value.KindList:
		return list(v.Items())
	case value.KindOmit:
		return value.String("__omit__")
	case value.KindOpaque:
		return value.FromMap(value.MapOf("__obj__", value.String(value.TypeName(v)), "s", value.String(value.Str(v))))
	case value.KindFloat:
		if r := value.Repr(v); strings.ContainsAny(r, "n") {
			return value.FromMap(value.MapOf("__obj__", value.String("float"), "s", value.String(r)))
		}
	case value.KindMap:
		return corpusMap(v)
	}
	return v
}

func corpusMap(v value.Value) value.Value {
	m, _ := v.AsMap()
	out, odd := value.NewMap(), []value.Value{}
	for k, it := range m.All() {
		odd = append(odd, value.List(corpusJSON(k), corpusJSON(it)))
		out.Set(k, corpusJSON(it))
	}
	if len(m.Names()) < m.Len() {
		return value.FromMap(value.MapOf("__dict__", value.List(odd...)))
	}
	return value.FromMap(out)
}

// corpusDiffers lists the cases that differ on purpose, with the reason; they
// are in docs/expressions.md, too.
func corpusDiffers() map[string]string {
	return map[string]string{
		"{{ {'failed': 'x'} is failed }}":                                      "a test answers true or false",
		"{{ lookup('template', 'list.j2', convert_data=False) | type_debug }}": "text that stays text needs no type of its own here",
		"{{ svc | ansible.utils.get_path(\"db['port']\") }}":                   "a single expression keeps its value",
		"{{ missing is url }}":                                                 "an undefined name is an error here, not a quiet false",
	}
}
