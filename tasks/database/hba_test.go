package database

import (
	"os"
	"slices"
	"strings"
	"testing"

	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// TestHBAAsAnsible compares files, results and failures with what Ansible's module
// made of the same (testdata/hba.py).
func TestHBAAsAnsible(t *testing.T) {
	text, err := os.ReadFile("../testdata/hba.json")
	if err != nil {
		t.Fatal(err)
	}
	list, err := value.ParseJSON(text)
	if err != nil || len(list.Items()) < 300 {
		t.Fatalf("%d cases, %v", len(list.Items()), err)
	}
	for i, c := range list.Items() {
		m, _ := c.AsMap()
		get := func(k string) string { v, _ := m.Lookup(k); return value.Str(v) }
		in, _ := m.Lookup("args")
		args, _ := in.AsMap()
		args = args.Clone()
		args.Put("dest", value.String("/f"))
		msg, changed, after, e := editHBA(t, args, get("before"))
		switch {
		case get("failed") == "True":
			// Mistakes of arguments are said before the file is read, and in the order in
			// which their words make sense.
			if msg != get("msg") && !strings.HasPrefix(msg, "rule number 0 of the ") && !strings.HasPrefix(msg, "conflict: ") {
				t.Errorf("%d %s\n%s\n got %q\nwant %q", i, value.Repr(in), get("before"), msg, get("msg"))
			}
		case msg != "":
			t.Errorf("%d %s\n%s\n got %q", i, value.Repr(in), get("before"), msg)
		case changed != (get("changed") == "True") || changed && after != get("after"):
			t.Errorf("%d %s\n%s\n got changed=%v\n%s\nwant %s\n%s", i, value.Repr(in), get("before"), changed, after, get("changed"), get("after"))
		default:
			e.same(t, i, m, changed)
		}
	}
}

// same compares what results hold.
func (e *hbaEdit) same(t *testing.T, i int, m *value.Map, changed bool) {
	t.Helper()
	msgs := e.msgs
	want := []string{"msgs", value.Repr(value.Strings(msgs...)), "pg_hba", sortedKeysOf(e.file.shown())}
	if changed {
		want[1] = value.Repr(value.Strings(append(slices.Clone(msgs), "Changed", "Writing")...))
		diff := value.List(value.Strings(e.gone...), value.Strings(e.added...))
		want = append(want, "diff", value.Repr(diff))
	}
	for j := 0; j < len(want); j += 2 {
		v, _ := m.Lookup(want[j])
		got := value.Repr(v)
		if want[j] == "pg_hba" {
			got = sortedKeysOf(v)
		}
		if got != want[j+1] {
			t.Errorf("%d %s\n got %s\nwant %s", i, want[j], want[j+1], got)
		}
	}
}

func sortedKeysOf(v value.Value) string {
	js, _ := value.JSON(v, value.JSONStyle{SortKeys: true, KeepUTF8: true})
	return js
}

func editHBA(t *testing.T, args *value.Map, before string) (msg string, changed bool, after string, e *hbaEdit) {
	t.Helper()
	b, err := PostgresqlPgHBA().Bind(t.Context(), args, nil)
	if err != nil {
		return err.Error(), false, "", nil
	}
	a := b.(kit.Bound[pgHBAArgs]).Args
	is, err := readHBA(before, a.Keep)
	if err != nil {
		return "Error reading file:\n" + err.Error(), false, "", nil
	}
	e = &hbaEdit{file: &hbaFile{comments: is.comments, rules: slices.Clone(is.rules)}}
	if a.Overwrite {
		e.file.rules = nil
	}
	list, err := a.wanted()
	if err != nil {
		return err.Error(), false, "", nil
	}
	for _, w := range list {
		if err := e.rule(w); err != nil {
			return "Error modifying rules:\n" + err.Error(), false, "", nil
		}
	}
	return "", !e.file.equal(is), e.file.text(), e
}
