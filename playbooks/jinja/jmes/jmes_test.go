package jmes

import (
	"bufio"
	"errors"
	"os"
	"strings"
	"testing"

	"remoterun/runner/value"
)

// free is a runtime without limits.
type free struct{}

func (free) Step(int) error { return nil }

func (free) Defined(v value.Value) error {
	if v.IsUndefined() {
		return errors.New("undefined")
	}
	return nil
}

func search(query string, v value.Value) (value.Value, error) {
	q, err := Parse(query)
	if err != nil {
		return value.Value{}, err
	}
	return q.Search(free{}, v)
}

// TestAgreesWithPython runs the queries of testdata/cases.jsonl, which
// record.py has asked Python's jmespath: the public compliance tests' themes
// (projections, slices, filters, pipes, functions, literals, errors) over one
// document.
func TestAgreesWithPython(t *testing.T) {
	text, err := os.ReadFile("testdata/data.json")
	if err != nil {
		t.Fatal(err)
	}
	data, err := value.ParseJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("testdata/cases.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for sc := bufio.NewScanner(f); sc.Scan(); n++ {
		v, err := value.ParseJSON(sc.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		c, _ := v.AsMap()
		query, _ := c.Lookup("q")
		want, found := c.Lookup("v")
		got, err := search(value.Str(query), data)
		switch {
		case err != nil && found:
			t.Errorf("%s: %v, want %s", value.Str(query), err, value.Show(want))
		case err == nil && !found:
			t.Errorf("%s: %s, want an error", value.Str(query), value.Show(got))
		case err == nil && asJSON(t, got) != asJSON(t, want):
			t.Errorf("%s: %s, want %s", value.Str(query), asJSON(t, got), asJSON(t, want))
		}
	}
	if n < 1500 {
		t.Errorf("only %d queries", n)
	}
}

func asJSON(t *testing.T, v value.Value) string {
	t.Helper()
	s, err := value.JSON(v, value.JSONStyle{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestKept: what libraries over Go's own maps lose.
func TestKept(t *testing.T) {
	m := value.MapOf("z", value.Int(1), "a", value.MarkedString("x", value.Masked), "n", value.Int(9007199254740993))
	tests := []struct{ name, query, want string }{
		{"order", "@", `{"z": 1, "a": "x", "n": 9007199254740993}`},
		{"order of a new mapping", "{b: z, a: n}", `{"b": 1, "a": 9007199254740993}`},
		{"a literal's order and numbers", "`{\"b\": 9007199254740993, \"a\": 1}`", `{"b": 9007199254740993, "a": 1}`},
		{"keys", "keys(@)", `["z", "a", "n"]`},
	}
	for _, tt := range tests {
		if got, err := search(tt.query, value.FromMap(m)); err != nil || asJSON(t, got) != tt.want {
			t.Errorf("%s: %s, %v; want %s", tt.name, value.Show(got), err, tt.want)
		}
	}
	for _, query := range []string{"a", "[a]", "join('', [a, a])", "to_string([a])", "reverse(a)"} {
		if got, err := search(query, value.FromMap(m)); err != nil || value.DeepMarks(got)&value.Masked == 0 {
			t.Errorf("%s: the mark is lost (%v)", query, err)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ query, want string }{
		{"", "cannot be empty"},
		{"foo.", "parse error at column 4"},
		{"a[1", "parse error"},
		{"'x", "no closing '"},
		{"a # b", `unexpected character '#' at column 2`},
		{"nope(@)", "Unknown function: nope()"},
		{"length(@, @)", "expected 1 arguments for function length(), received 2"},
		{"abs('x')", "In function abs(), invalid type for value: x"},
		{strings.Repeat("[", 5000), "nests too deeply"},
		{strings.Repeat("!", 5000) + "a", "nests too deeply"},
		{"@[::0]", "slice step cannot be zero"},
	} {
		if v, err := search(c.query, value.Strings("a")); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40s: %s, %v; want %q", c.query, value.Show(v), err, c.want)
		}
	}
	for _, q := range []string{"x", "*.x", "@ || `1`", "!@", "@ == `1`", "length(@)", "to_string(@)"} {
		if _, err := search(q, value.Undefined("x")); err == nil {
			t.Error(q, "looked into what is undefined")
		}
	}
	// As Python's: what is no list has no items, undefined or not.
	for q, want := range map[string]string{"[*].x": "None", "[0]": "None", "[]": "None", "[?a]": "None", "[0:1]": "None", "@ < `1`": "None", "`1`": "1", "not_null(`2`, @)": "2"} {
		if got, err := search(q, value.Undefined("x")); err != nil || value.Repr(got) != want {
			t.Error(q, value.Repr(got), err)
		}
	}
}
