package jinja

import (
	"strings"
	"testing"

	"remoterun/playbooks/jinja/ipnet"
	"remoterun/playbooks/jinja/py/inifile"
	"remoterun/playbooks/jinja/py/pytime"
	"remoterun/playbooks/jinja/py/version"
	"remoterun/runner/value"
)

// FuzzJMES reads queries and runs them over some data.
func FuzzJMES(f *testing.F) {
	for _, s := range []string{"a[?b==`1`].{x: y, z: *}", "sort_by(@, &a)[::-1]", "a.*[] | [0] || 'x'", "max_by(@, &`1`)", "\"a\\u0062\".b[*][0:1:2]"} {
		f.Add(s)
	}
	data, err := value.ParseJSON([]byte(`{"a": [{"b": 1, "c": [1, "x", null]}, {"b": 2}], "d": {"e": {"f": "g"}}}`))
	if err != nil {
		f.Fatal(err)
	}
	e := New(Options{MaxSteps: 10_000, MaxOutput: 1 << 16})
	f.Fuzz(func(t *testing.T, query string) {
		s := &mapScope{vars: value.MapOf("data", data, "query", value.String(query))}
		_, _ = e.Eval(t.Context(), value.String("data | json_query(query)"), s)
	})
}

// FuzzTables reads INI files, versions, dates, addresses and sequences.
func FuzzTables(f *testing.F) {
	for _, s := range []string{"[a]\nb = %(c)s\n d\n[DEFAULT]\nc: 1", "1.2.3-rc.1+b", "2024-01-02T03:04:05.678+0200", "10.0.0.1/255.0.0.0", "start=1 end=0x10 stride=2 format=%03d"} {
		f.Add(s, "%Y-%m-%dT%H:%M:%S.%f%z")
	}
	e := New(Options{MaxSteps: 1000})
	f.Fuzz(func(t *testing.T, text, format string) {
		_ = (&inifile.File{Fold: true, Bare: true}).Read(text)
		for _, cmp := range []version.Comparer{version.Loose, version.Strict, version.Semver, version.PEP440} {
			_, _ = cmp(text, format)
		}
		if d, _, err := pytime.Parse(text, format); err == nil {
			_ = pytime.Format(format, d)
		}
		s := &mapScope{vars: value.MapOf("text", value.String(text), "format", value.String(format))}
		_, _ = e.Eval(t.Context(), value.String("text | to_datetime(format) | string"), s)
		if n, err := ipnet.Parse(text); err == nil {
			_ = n.String() + n.CIDR().String() + n.Reverse()
		}
		_, _ = ipnet.ParseEUI(text)
		_, _ = e.Lookup(t.Context(), "sequence", value.Strings(text), s)
	})
}

// TestINIReferencesEnd: values that name each other many times over end in an
// error, soon.
func TestINIReferencesEnd(t *testing.T) {
	text := "[a]\n"
	for _, p := range []string{"ab", "bc", "cd", "de", "ef", "fg", "gh", "hi", "ij", "jk"} {
		text += p[:1] + " = " + strings.Repeat("%("+p[1:]+")s", 30) + "\n"
	}
	if err := (&inifile.File{}).Read(text + "k = x\n"); err == nil {
		t.Error("no error")
	}
}
