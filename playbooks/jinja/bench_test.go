package jinja

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/lex"
	"remoterun/playbooks/jinja/parse"
	"remoterun/runner/value"
)

// longTemplate is a template file of 200 lines with what such files hold.
func longTemplate() string {
	var b strings.Builder
	for i := range 20 {
		fmt.Fprintf(&b, "# section %d for {{ name }}\n[section_%d]\nlisten = {{ address | default('0.0.0.0') }}:{{ port + %d }}\n", i, i, i)
		b.WriteString("{% for u in users if u.admin %}\nuser {{ loop.index }} = {{ u.name | upper }} {{ u.groups | join(',') }}\n{% endfor %}\n")
		b.WriteString("{% if debug and port > 80 %}\nlevel = debug\n{% else %}\nlevel = info\n{% endif %}\n")
		b.WriteString("path = {{ path ~ '/' ~ name }}\n\n")
	}
	return b.String()
}

func benchScope() *mapScope {
	user := func(name string, admin bool) value.Value {
		return value.FromMap(value.MapOf("name", value.String(name), "admin", value.Bool(admin), "groups", value.Strings("a", "b")))
	}
	items := make([]value.Value, 10_000)
	for i := range items {
		items[i] = value.Int(int64(i))
	}
	return &mapScope{vars: value.MapOf("name", value.String("web"), "port", value.Int(8080), "debug", value.Bool(true), "path", value.String("/etc/app"),
		"users", value.List(user("alice", true), user("bob", false), user("carol", true)), "items", value.List(items...))}
}

// known are the names of the language, for the parser.
type known map[string]*core.Entry

func (k known) Find(kind parse.Kind, name string) (parse.Named, bool) {
	e, ok := k[kind.String()+name]
	return e, ok
}

func (known) Near(parse.Kind, string) string { return "" }

func BenchmarkParse200Lines(b *testing.B) {
	names := known{}
	for _, e := range language().Entries {
		names[e.Kind.String()+e.Name] = &e
	}
	src := longTemplate()
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		if _, err := parse.Parse(src, lex.Ansible(), names); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRender200Lines(b *testing.B) {
	e, s, src := New(Options{}), benchScope(), longTemplate()
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.File(b.Context(), "bench.j2", src, s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoop10000(b *testing.B) {
	e, s := New(Options{}), benchScope()
	src := "{% for i in items %}{{ i }}: {{ i * 2 }}\n{% endfor %}"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.File(b.Context(), "bench.j2", src, s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkThousandExpressions(b *testing.B) {
	e, s := New(Options{}), benchScope()
	exprs := make([]value.Value, 1000)
	for i := range exprs {
		exprs[i] = value.String(fmt.Sprintf("{{ name }}-{{ port + %d }}", i))
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, x := range exprs {
			if _, err := e.Render(b.Context(), x, s); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkSmallExpression(b *testing.B) {
	for _, src := range []string{"{{ port }}", "{{ port + 1 }}", "{{ name }}.example.com", "{{ users[0].name | upper }}", "{{ missing | default('x') }}", "{{ 'web' in name and port > 80 }}"} {
		b.Run(src, func(b *testing.B) {
			e, s, v := New(Options{}), benchScope(), value.String(src)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Render(b.Context(), v, s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAnsible runs the small expressions in Ansible's own process where it
// is present, to stand beside BenchmarkSmallExpression.
func BenchmarkAnsible(b *testing.B) {
	const script = `
import sys, time
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
t = Templar(DataLoader(), variables={"name": "web", "port": 8080})
n = int(sys.argv[1])
start = time.perf_counter()
for _ in range(n): t.template("{{ name }}-{{ port + 1 }}")
print((time.perf_counter() - start) * 1e9 / n)`
	out, err := exec.Command("/usr/bin/python3", "-c", script, "200").Output()
	if err != nil {
		b.Log("no Ansible here to stand beside")
		return
	}
	for b.Loop() {
	}
	var ns float64
	if _, err := fmt.Sscan(string(out), &ns); err == nil {
		b.ReportMetric(ns, "ns/op")
	}
}
