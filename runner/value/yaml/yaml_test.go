package yaml_test

import (
	"strings"
	"testing"

	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

func load(t *testing.T, text string) value.Value {
	t.Helper()
	v, err := yaml.One("f.yml", []byte(text), yaml.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestPlainScalars holds what PyYAML makes of plain scalars (measured).
func TestPlainScalars(t *testing.T) {
	for in, want := range map[string]string{
		"yes": "True", "On": "True", "TRUE": "True", "no": "False", "OFF": "False", "y": "'y'", "n": "'n'",
		"0644": "420", "0o644": "'0o644'", "0x1F": "31", "0b101": "5", "1_000": "1000", "22:22": "1342", "190:20:30": "685230",
		"1e3": "'1e3'", "1.5e+3": "1500.0", "1.": "1.0", ".5": "0.5", "-.inf": "-inf", ".nan": "nan", "+12": "12", "-0": "0",
		"~": "None", "null": "None", "Null": "None", "nULL": "'nULL'", "09": "'09'", "123456789012345678901234567890": "123456789012345678901234567890",
		"'yes'": "'yes'", `"1"`: "'1'", "!!str 12": "'12'", "a:b": "'a:b'",
	} {
		if got := value.Repr(load(t, in)); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	if got := value.Str(load(t, "2001-12-14")); got != "2001-12-14" {
		t.Errorf("date %s", got)
	}
}

func TestContainers(t *testing.T) {
	v := load(t, "base: &b {x: 1, y: 2}\nd: {<<: *b, y: 3}\nl: [*b, [a]]\n1: one\ntrue: t\n")
	if got, want := value.Repr(v), "{'base': {'x': 1, 'y': 2}, 'd': {'x': 1, 'y': 3}, 'l': [{'x': 1, 'y': 2}, ['a']], 1: 't'}"; got != want {
		t.Errorf("got %s", got)
	}
}

func TestPositions(t *testing.T) {
	v := load(t, "a: x\nb:\n  - |\n    one\n    {{ two }}\n  - \"quoted\"\n")
	m, _ := v.AsMap()
	b, _ := m.Lookup("b")
	if got := b.Items()[0].Origin().At(1, 3).String(); got != "f.yml:5:8" {
		t.Errorf("in a block: %s", got)
	}
	if got := b.Items()[1].Origin().At(0, 0).String(); got != "f.yml:6:6" {
		t.Errorf("behind a quote: %s", got)
	}
	if got := value.PosOf(b).String(); got != "f.yml:3:3" {
		t.Errorf("list: %s", got)
	}
}

func TestErrorsNameThePlace(t *testing.T) {
	for in, want := range map[string]string{
		"a: 1\nb: {{ x }}\n":    "f.yml:2:5: found unhashable key (a value that begins with {{ must be quoted",
		"a: 1\nb: c: d\n":       "f.yml:2",
		"a:\n\t- b\n":           "f.yml:2",
		"a: [1, 2\nb: 3\n":      "f.yml:",
		"a: =\n":                `f.yml:1:4: a bare "=" is not a value: quote it`,
		"a: !env X\n":           "f.yml:1:4: unknown tag !env (known: !vault, !unsafe)",
		"a: !vault |\n  x\n":    "f.yml:1:4: a vault value, and no vault password was given",
		"---\na: 1\n---\n- b\n": "f.yml:4:1: expected a single document",
		"a: &x 1\n<<: *x\n":     "f.yml:1:4: expected a mapping or a list of mappings for merging",
	} {
		_, err := yaml.One("f.yml", []byte(in), yaml.Options{})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: error %v, want %s", in, err, want)
		}
	}
}

func TestDuplicateKeyWarns(t *testing.T) {
	var warned string
	v, err := yaml.One("f.yml", []byte("a: 1\nb: 2\na: 3\n"), yaml.Options{Warn: func(p value.Pos, m string) { warned = p.String() + " " + m }})
	if err != nil || value.Repr(v) != "{'a': 3, 'b': 2}" || warned != "f.yml:3:1 duplicate key 'a': the last one wins" {
		t.Errorf("%s, %v, warned %q", value.Repr(v), err, warned)
	}
}

// TestDump holds what PyYAML 6 writes (recorded from it).
func TestDump(t *testing.T) {
	nested := "a: 1\nb: [x, y]\nc: {d: [1, {e: f}], g: {}}\nn: ~\nt: \"yes\"\ns: \"with: colon\"\nm: \"two\\nlines\\n\"\nu: héllo\nf: 1.0e+20\ne: ''\n"
	for _, c := range []struct {
		in, want string
		st       yaml.Style
	}{
		{nested, "a: 1\nb: [x, y]\nc:\n  d:\n  - 1\n  - {e: f}\n  g: {}\ne: ''\nf: 1.0e+20\nm: 'two\n\n  lines\n\n  '\nn: null\ns: 'with: colon'\nt: 'yes'\nu: héllo\n", yaml.Style{Flow: yaml.FlowLeaves}},
		{nested, "a: 1\nb:\n- x\n- y\nc:\n    d:\n    - 1\n    -   e: f\n    g: {}\ne: ''\nf: 1.0e+20\nm: 'two\n\n    lines\n\n    '\nn: null\ns: 'with: colon'\nt: 'yes'\nu: héllo\n", yaml.Style{Indent: 4}},
		{"abc", "abc\n...\n", yaml.Style{}},
		{"'1'", "'1'\n", yaml.Style{}},
		{"[]", "[]\n", yaml.Style{}},
		{`"tab\there"`, "\"tab\\there\"\n", yaml.Style{}},
		{"['- a']", "['- a']\n", yaml.Style{Flow: yaml.FlowAll}},
		{"k: " + strings.Repeat("word ", 20), "k: " + strings.Repeat("word ", 15) + "word\n  word word word word\n", yaml.Style{}},
	} {
		got, err := yaml.Dump(load(t, c.in), c.st)
		if err != nil || got != c.want {
			t.Errorf("%q %+v:\ngot  %q\nwant %q (%v)", c.in, c.st, got, c.want, err)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, s := range []string{"a: [1, {b: c}]\n", "&a [*a]", "- |\n x\n", "<<: {a: 1}", "!unsafe x", "\t", "? [a]\n: b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := yaml.One("f", []byte(s), yaml.Options{})
		if err != nil {
			return
		}
		if _, err := yaml.Dump(v, yaml.Style{}); err != nil && !strings.Contains(err.Error(), "undefined") {
			t.Errorf("loaded but cannot be written: %v", err)
		}
	})
}
