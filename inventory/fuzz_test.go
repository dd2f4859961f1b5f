package inventory

import (
	"strings"
	"testing"
	"unicode/utf8"

	"remoterun/runner/value"
)

// quiet is a loader that reads no files.
func quiet(t *testing.T) *loader {
	return &loader{ctx: t.Context(), graph: newGraph(), opt: Options{Warn: func(value.Pos, string) {}}}
}

// FuzzINI: no text may crash or hang the reader, every mistake has a place, and
// every host is found by all and under its own name.
func FuzzINI(f *testing.F) {
	for _, s := range []string{
		"a\nb:22 x=1\n[g]\nc[1:3] y='z'\n[g:vars]\nv = [1, {'a': 2}] # c\n[p:children]\ng\n", "[a:children]\nb\n[b:children]\na\n",
		"[::1]:22\n[x", "h x=\"", "[all]\na\n[ungrouped:vars]\nansible_group_priority=1", "\xff\n;\n#", "a[1:99999][1:99999]", "x y={{ z }}", "---",
		"a ansible_port=22x1\nb ansible_port=9223372036854775808 ansible_timeout=-1\n", "{{ lookup('pipe','id') }} x=1\n[{{ g }}]\na\x00b\n", "a x=" + strings.Repeat("[", 9000) + "\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := quiet(t)
		l.iniFile("h", []byte(text))
		for _, e := range l.errs {
			if e.Pos.File != "h" || e.Msg == "" {
				t.Errorf("a mistake without place or words: %v", e)
			}
		}
		if err := l.graph.reconcile(); err != nil {
			return
		}
		inv := &Inventory{store: &store{graph: l.graph, opt: l.opt, files: varFiles{opt: l.opt}}}
		all, err := inv.Hosts("all")
		if err != nil || len(all) != len(l.graph.hostList) {
			t.Errorf("all: %d of %d hosts, %v", len(all), len(l.graph.hostList), err)
		}
		for _, h := range l.graph.hostList {
			if len(h.above()) < 2 {
				t.Errorf("host %q is in no group", h.name)
			}
		}
		if _, err := inv.List(View{}); err != nil {
			t.Error(err)
		}
	})
}

// FuzzPattern: no pattern may crash, hang or answer a host twice or one that
// is not there.
func FuzzPattern(f *testing.F) {
	for _, s := range []string{"all", "web:&db:!w1", "w[1:2]", "~w[12]", "web[0],d*", "!web", "[", "~(", "web[-1]", "a[99999999999999999999]", "*[!a]?", ",,::", "@x", "localhost"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		l := quiet(t)
		l.iniFile("h", []byte("x\n[web]\nw1\nw2\nw3\n[db]\nd1\nw1\n[up:children]\nweb\ndb\n"))
		if err := l.graph.reconcile(); err != nil || l.errs != nil {
			t.Fatal(err, l.errs)
		}
		inv := &Inventory{store: &store{graph: l.graph, opt: l.opt}}
		got, err := inv.Hosts(pattern)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, h := range got {
			if seen[h] || l.graph.hosts[h] == nil && !isLocal(h) {
				t.Errorf("%q: %v", pattern, got)
			}
			seen[h] = true
		}
		none, err := inv.Hosts("all:!" + strings.NewReplacer(":", "", ",", "").Replace("all"))
		if err != nil || len(none) != 0 {
			t.Errorf("all:!all is %v, %v", none, err)
		}
	})
}

// FuzzLiteral: what is read as a literal reads the same again from its repr.
func FuzzLiteral(f *testing.F) {
	for _, s := range []string{"1", "'a'", "[1, (2,), {'k': None}]", "-1.5e3", "0x1_f", "b'x'", "{1, 2}", "((((", "'\\x41'", "1_", "{{ x }}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, ok := literal(text, value.Pos{})
		if !ok || !utf8.ValidString(text) || strings.Contains(value.Repr(v), "inf") { // lines are UTF-8; inf has no literal
			return
		}
		again, ok := literal(value.Repr(v), value.Pos{})
		if !ok || !value.Equal(v, again) {
			t.Errorf("%q is %s, and that is read as %s", text, value.Repr(v), value.Repr(again))
		}
	})
}
