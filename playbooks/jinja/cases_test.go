package jinja

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/value"
)

// TestCases holds every recorded case of testdata/cases against the engine;
// testdata/record.py (make oracle) asked Ansible.
func TestCases(t *testing.T) {
	t.Setenv("TZ", "UTC")
	t.Setenv("HOME", "/root")
	t.Setenv("JINJA_CASE", "from the environment")
	names, err := filepath.Glob("testdata/cases/*.jsonl")
	if err != nil || len(names) == 0 {
		t.Fatal("no cases", err)
	}
	e := New(Options{System: hostSystem{}})
	differ := differences(t)
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".jsonl"), func(t *testing.T) {
			for i, c := range readLines(t, name) {
				runCase(t, e, i+1, c, differ)
			}
		})
	}
	for text, used := range differ {
		if !used {
			t.Errorf("listed as differing, but no case has it or it does not differ: %s", text)
		}
	}
}

// differences are the templates that docs/expressions.md lists as differing on
// purpose, one a line behind "- `".
func differences(t *testing.T) map[string]bool {
	t.Helper()
	data, err := os.ReadFile("testdata/differences.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, line := range strings.Split(string(data), "\n") {
		if line != "" && !strings.HasPrefix(line, "# ") {
			v, err := value.ParseJSON([]byte(line))
			if err != nil {
				t.Fatal(line, err)
			}
			out[value.Str(v)] = false
		}
	}
	return out
}

func readLines(t *testing.T, path string) []*value.Map {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []*value.Map
	s := bufio.NewScanner(bytes.NewReader(data))
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		v, err := value.ParseJSON(s.Bytes())
		if err != nil {
			t.Fatal(path, err)
		}
		m, _ := v.AsMap()
		out = append(out, m)
	}
	return out
}

// caseScope is vars.json with the case's own variables over it.
func caseScope(t *testing.T, c *value.Map) *mapScope {
	t.Helper()
	data, err := os.ReadFile("testdata/cases/vars.json")
	if err != nil {
		t.Fatal(err)
	}
	shared, err := value.ParseJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	vars, _ := shared.AsMap()
	vars.Delete(value.String("omit"))
	own, _ := c.Lookup("vars")
	m, _ := own.AsMap()
	for k, v := range m.All() {
		vars.Set(k, v)
	}
	unsafe, _ := c.Lookup("unsafe")
	for _, n := range unsafe.Items() {
		v, _ := vars.Get(n)
		vars.Set(n, v.With(value.Unsafe))
	}
	return &mapScope{vars: vars, dirs: []string{"testdata"}}
}

func runCase(t *testing.T, e *Engine, line int, c *value.Map, differ map[string]bool) {
	t.Helper()
	template, _ := c.Lookup("t")
	file, _ := c.Lookup("file")
	src := value.Str(template)
	text, native, textErr, nativeErr := e.Both(t.Context(), "case.j2", src, value.Truth(file), caseScope(t, c))
	problem := differsHow("text", c, "text", "error", text, textErr)
	if problem == "" {
		problem = differsHow("native", c, "native", "native_error", native, nativeErr)
	}
	if strings.Contains(problem, " named '") {
		t.Logf("waits for a family of names: %s", src)
		return
	}
	if _, marked := c.Lookup("marked"); problem == "" && textErr == nil && marked && text.Marks()&value.Unsafe == 0 {
		problem = "the unsafe mark was lost"
	}
	if _, listed := differ[src]; listed {
		differ[src] = differ[src] || problem != ""
		return
	}
	if problem != "" {
		t.Errorf("line %d: %s\n  %s", line, src, problem)
	}
}

// differsHow says how an answer differs from the recorded one, empty =
// alike. Errors are alike whatever they say.
func differsHow(what string, c *value.Map, key, errKey string, got value.Value, err error) string {
	want, has := c.Lookup(key)
	wantErr, failed := c.Lookup(errKey)
	switch {
	case !has && !failed:
		return "nothing recorded: run make oracle"
	case failed && err == nil:
		return what + ": got " + value.Repr(got) + ", want the error " + value.Str(wantErr)
	case failed:
		return ""
	case err != nil:
		return what + ": error " + err.Error() + ", want " + value.Repr(want)
	case !value.Equal(recorded(got), want) || value.TypeName(recorded(got)) != value.TypeName(want):
		return what + ": got " + value.Repr(recorded(got)) + ", want " + value.Repr(want)
	}
	return ""
}
