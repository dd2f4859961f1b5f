package inventory

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"

	"remoterun/runner/value"
)

func TestExpandHosts(t *testing.T) {
	for in, want := range map[string]string{
		"web[01:03].x":     "web01.x web02.x web03.x",
		"[a:e:2]":          "a c e",
		"[x:C]":            "x y z A B C",
		"n[:2]":            "n0 n1 n2",
		"n[9:11]":          "n9 n10 n11",
		"r[1:2]c[a:b]":     "r1ca r1cb r2ca r2cb",
		"web:2222":         "web 2222",
		"web[1:2]:22":      "web1 web2 22",
		"[::1]:2200":       "::1 2200",
		"[::1]":            "::1",
		"::1":              "::1",
		"2001:db8::[1:3]":  "2001:db8::1 2001:db8::2 2001:db8::3",
		"fe80::0":          "fe80::0",
		"10.0.0.[9:10]:22": "10.0.0.9 10.0.0.10 22",
		"bücher.example":   "bücher.example",
		"under_score":      "under_score",
		"/var/chroot":      "/var/chroot",
		"a:0":              "!port of \"a:0\" is not between 1 and 65535",
		"a[1:2:0]":         "!host range [1:2:0]: step \"0\" is not a number above 0",
		"a[1]":             "!host range [1]: must be begin:end or begin:end:step",
		"a[1:]":            "!host range [1:]: the end is missing",
		"a[01:100]":        "!host range [01:100]: begin and end must have the same number of digits when begin starts with 0",
		"a[b:a]":           "!host range [b:a]: begin must not be behind end",
		"a[1:b]":           "!host range [1:b]: begin and end must be two numbers or two letters",
		"a[0:9999999]":     "!host range [0:9999999]: more than 100000 hosts in one line",
		"a[1:999][1:999]":  "!host range: more than 100000 hosts in one line",
		"a]b[":             "!\"a]b[\": a bracket is missing",
		"a b":              "!\"a b\" is not a valid host name",
		"web*":             "!\"web*\" is a pattern, not a host's name",
		"!web":             "!\"!web\" is a pattern, not a host's name",
		"":                 "!\"\" is not a valid host name",
	} {
		names, port, err := expandHosts(in)
		got := strings.Join(names, " ")
		if port > 0 {
			got += " " + value.Str(value.Int(int64(port)))
		}
		if err != nil {
			got = "!" + err.Error()
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestSplitWords(t *testing.T) {
	for in, want := range map[string][]word{
		`a b=1`:            {{"a", 0}, {"b=1", 2}},
		`a  b="x y"c`:      {{"a", 0}, {"b=x yc", 3}},
		`a 'x\n' "q\"\z"`:  {{"a", 0}, {`x\n`, 2}, {`q"\z`, 8}},
		`a b\ c`:           {{"a", 0}, {"b c", 2}},
		`j=a#b x`:          {{"j=a", 0}},
		`j='a#b' "" ''`:    {{"j=a#b", 0}, {"", 8}, {"", 11}},
		"ä\tö":             {{"ä", 0}, {"ö", 2}},
		`# only a comment`: nil,
	} {
		got, err := splitWords(in)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %v, %v", in, got, err)
		}
	}
	for _, in := range []string{`a 'b`, `a "b`, `a "b\`, `a \`} {
		if got, err := splitWords(in); err == nil {
			t.Errorf("%q: got %v, want an error", in, got)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true}, {"a*b*c", "aXbYbZc", true}, {"a*b*c", "aXc", false}, {"?", "ä", true}, {"?", "", false},
		{"[a-c]x", "bx", true}, {"[!a-c]x", "bx", false}, {"[]]", "]", true}, {"[!]]", "]", false}, {"[a", "[a", true},
		{"[a-]", "-", true}, {"web", "web1", false}, {"*.com", "a.b.com", true}, {"a**", "a", true}, {"W", "w", false},
	} {
		if got := glob(c.pattern, c.name); got != c.want {
			t.Errorf("glob(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}

func TestLimit(t *testing.T) {
	tree(t, map[string]string{"hosts": "[web]\nw1\nw2\nw3\n[db]\nd1\n", "retry": "w2\n\n d1\n", "none": "\n"})
	inv, errs, _ := load(t, "hosts")
	if errs != "" {
		t.Fatal(errs)
	}
	for _, c := range []struct{ limit, pattern, want string }{
		{"w1:d1", "all", "w1,d1"}, {"!w1", "web", "w2,w3"}, {"@retry", "all", "w2,d1"}, {"@retry,w1", "web", "w1,w2"},
		{"@none", "all", ""}, {"@retry", "@retry", "w2,d1"}, {"web", "localhost", ""}, {"web,localhost", "localhost", "localhost"}, {"", "db", "d1"},
	} {
		if err := inv.SetLimit(c.limit); err != nil {
			t.Fatal(err)
		}
		got, err := inv.Hosts(c.pattern)
		if err != nil || strings.Join(got, ",") != c.want {
			t.Errorf("limit %q of %q: got %v, %v, want %s", c.limit, c.pattern, got, err, c.want)
		}
	}
	if err := inv.SetLimit(""); err != nil {
		t.Fatal(err)
	}
	if err := inv.ReadLimit("@retry:w3"); err != nil {
		t.Fatal(err)
	}
	if got, _ := inv.Hosts("@retry:w3"); strings.Join(got, ",") != "w2,d1,w3" {
		t.Errorf("ReadLimit: %v", got)
	}
	if got, _ := inv.Hosts("all"); len(got) != 4 {
		t.Errorf("ReadLimit must limit nothing: %v", got)
	}
	if err := inv.SetLimit("@gone"); err == nil || err.Error() != "gone: file of a limit: no such file or directory" {
		t.Errorf("a missing file: %v", err)
	}
}

func TestPatternWarnings(t *testing.T) {
	tree(t, map[string]string{"hosts": "[web]\nw1\n"})
	inv, _, _ := load(t, "hosts")
	w := &warnings{}
	inv.opt.Warn = w.warn
	for range 2 {
		if got, err := inv.Hosts("wbe:w1,nothing"); err != nil || strings.Join(got, ",") != "w1" {
			t.Errorf("got %v, %v", got, err)
		}
	}
	want := []string{`Could not match supplied host pattern, ignoring: wbe (did you mean "web"?)`, "Could not match supplied host pattern, ignoring: nothing"}
	if !reflect.DeepEqual(w.list, want) {
		t.Errorf("warnings: %q", w.list)
	}
	for pattern, want := range map[string]string{"~(": "invalid host pattern", "web[5]": `no hosts matched the subscripted pattern "web[5]": there are 1`} {
		if _, err := inv.Hosts(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

func TestLoadWarnings(t *testing.T) {
	tree(t, map[string]string{
		"h.yml":             "web-1:\n  hosts: {web1: {a: 1, a: 2}}\nweb1:\n",
		"group_vars/wbe1":   "a: 1\n",
		"group_vars/other":  "a: 1\n",
		"host_vars/web2":    "a: 1\n",
		"host_vars/wecb1":   "a: 1\n",
		"host_vars/web1":    "",
		"group_vars/ab.yml": "",
	})
	_, errs, got := load(t, "h.yml")
	want := `h.yml:2:24: duplicate key 'a': the last one wins
group names that are not valid names of variables (kept as they are): web-1
found both group and host with same name: web1
group_vars/wbe1: no group of this name; did you mean web1?
host_vars/wecb1: no host of this name; did you mean web1?`
	if errs != "" || got != want {
		t.Errorf("errors %q, warnings\n%s", errs, got)
	}
}

func layerText(t *testing.T, inv *Inventory, host string) string {
	t.Helper()
	layers, err := inv.Layers(host)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, l := range layers {
		vars := l.Vars.Clone()
		vars.Delete(value.String("inventory_file"))
		vars.Delete(value.String("inventory_dir"))
		out = append(out, l.Name+" "+value.Show(value.FromMap(vars)))
	}
	return strings.Join(out, "\n")
}

func TestLayers(t *testing.T) {
	tree(t, map[string]string{
		"inv/hosts":               "[web]\nw1 a=1\n[web:vars]\nb=2\n[all:vars]\nc=3\n",
		"inv/group_vars/all.yml":  "c: 4\n",
		"inv/group_vars/web.yml":  "b: 5\n",
		"inv/host_vars/w1.yml":    "a: 6\n",
		"play/group_vars/all.yml": "c: 7\n",
		"play/group_vars/web.yml": "b: 8\n",
		"play/host_vars/w1":       "a: 9\n",
	})
	inv, errs, _ := load(t, "inv/hosts")
	if errs != "" {
		t.Fatal(errs)
	}
	alone := `inventory group all {'c': 3}
inventory group web {'b': 2}
group_vars/all.yml {'c': 4}
group_vars/web.yml {'b': 5}
inventory host w1 {'a': 1}
host_vars/w1.yml {'a': 6}`
	if got := layerText(t, inv, "w1"); got != alone {
		t.Errorf("got\n%s", got)
	}
	want := `inventory group all {'c': 3}
inventory group web {'b': 2}
group_vars/all.yml {'c': 4}
group_vars/all.yml {'c': 7}
group_vars/web.yml {'b': 5}
group_vars/web.yml {'b': 8}
inventory host w1 {'a': 1}
host_vars/w1.yml {'a': 6}
host_vars/w1 {'a': 9}`
	if got := layerText(t, inv.Beside("play"), "w1"); got != want {
		t.Errorf("beside a playbook: got\n%s", got)
	}
	if got := layerText(t, inv, "localhost"); got != "inventory group all {'c': 3}\ngroup_vars/all.yml {'c': 4}\ninventory host localhost {'ansible_connection': 'local', 'ansible_python_interpreter': '{{ ansible_playbook_python }}'}" {
		t.Errorf("localhost: got\n%s", got)
	}
	if _, err := inv.Layers("w2"); err == nil || err.Error() != `host "w2" is not in the inventory; did you mean "w1"?` {
		t.Errorf("unknown host: %v", err)
	}
}

func TestOrigins(t *testing.T) {
	tree(t, map[string]string{"h.ini": "w1   a='x'  b=\"['y', 2]\"\n[all:vars]\n c =  z\n", "host_vars/w1.yml": "d: text\n"})
	inv, _, _ := load(t, "h.ini")
	layers, err := inv.Layers("w1")
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]string{}
	for _, l := range layers {
		for k, v := range l.Vars.All() {
			at[value.Str(k)] = value.PosOf(v).String()
		}
	}
	want := map[string]string{"a": "h.ini:1:8", "b": "h.ini:1:15", "c": "h.ini:3:7", "d": "host_vars/w1.yml:1:4"}
	for k, w := range want {
		if at[k] != w {
			t.Errorf("%s: got %s, want %s", k, at[k], w)
		}
	}
}

// A vault of a group that no host of this run is in must not stop the run.
func TestVaultsAreOpenedWhenNeeded(t *testing.T) {
	const vault = "$ANSIBLE_VAULT;1.1;AES256\n00\n"
	tree(t, map[string]string{
		"hosts":                "[a]\nh1\n[b]\nh2\n[c]\nh3\n",
		"group_vars/a.yml":     "x: 1\n",
		"group_vars/b.yml":     vault,
		"group_vars/c.yml":     "x: !vault |\n  " + strings.ReplaceAll(vault, "\n0", "\n  0") + "y: 2\n",
		"group_vars/ungrouped": "",
	})
	var opened []string
	locked := true
	inv, err := Load(t.Context(), []string{"hosts"}, Options{Decrypt: func(text string, at value.Pos) ([]byte, error) {
		opened = append(opened, at.String())
		if locked {
			return nil, errors.New("no password fits")
		}
		return []byte("z: 26\n"), nil
	}})
	if err != nil || opened != nil {
		t.Fatalf("loading: %v, opened %v", err, opened)
	}
	if _, err := inv.Layers("h1"); err != nil || opened != nil {
		t.Errorf("a host without vaults: %v, opened %v", err, opened)
	}
	for host, want := range map[string]string{"h2": "group_vars/b.yml: no password fits", "h3": "group_vars/c.yml:1:4: vault: no password fits"} {
		if _, err := inv.Layers(host); err == nil || err.Error() != want {
			t.Errorf("%s: %v", host, err)
		}
	}
	locked, opened = false, nil
	for range 2 {
		if got := layerText(t, inv, "h2"); !strings.Contains(got, "group_vars/b.yml {'z': ********}") && !strings.Contains(got, "group_vars/b.yml {'z': '********'}") {
			t.Errorf("what was in a vault must be masked: %s", got)
		}
		if got := layerText(t, inv, "h3"); !strings.Contains(got, "********") || !strings.Contains(got, "'y': 2") {
			t.Errorf("a vault value: %s", got)
		}
	}
	if len(opened) != 2 {
		t.Errorf("each vault is opened once, got %v", opened)
	}
}

func TestNames(t *testing.T) {
	tree(t, map[string]string{
		"inv/hosts":              "[web]\nw1 a=1\n[web:vars]\nb=1\n",
		"inv/group_vars/all.yml": "c: 1\n",
		"inv/host_vars/w1.yml":   "d: 1\n",
		"play/group_vars/web":    "e: 1\n",
	})
	inv, _, _ := load(t, "inv/hosts")
	if names, ok := inv.Names(); !ok || !names["a"] || !names["b"] || !names["c"] || !names["d"] || names["e"] {
		t.Errorf("%v, %v", names, ok)
	}
	if names, ok := inv.Beside("play").Names(); !ok || !names["e"] {
		t.Errorf("beside the playbook: %v, %v", names, ok)
	}
	for path, text := range map[string]string{"inv/group_vars/web.yml": "$ANSIBLE_VAULT;1.1;AES256\n00\n", "play/host_vars": ""} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	inv, errs, _ := load(t, "inv/hosts")
	if _, ok := inv.Names(); ok || errs != "" {
		t.Errorf("a vault that stays closed: complete %v, errors %s", ok, errs)
	}
	if err := os.WriteFile("play/group_vars/web", []byte("- 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := inv.Beside("play").Check(); err == nil || err.Error() != "play/group_vars/web: a file of variables is a mapping, got list" {
		t.Errorf("Check: %v", err)
	}
}

func TestDynamic(t *testing.T) {
	tree(t, map[string]string{"hosts": "[web]\nw1\n[up:children]\nweb\n", "host_vars/new.yml": "f: 1\n", "group_vars/fresh.yml": "g: 1\n"})
	inv, _, _ := load(t, "hosts")
	before, _ := inv.Layers("w1")
	vars := value.MapOf("a", value.Int(1))
	add := func(name string, groups []string, vars *value.Map) bool {
		changed, err := inv.AddHost(name, groups, vars)
		if err != nil {
			t.Error(err)
		}
		return changed.New
	}
	if !add("new:2222", []string{"fresh", "web"}, vars) || add("new", []string{"fresh", "web"}, vars) {
		t.Error("new the first time, not the second")
	}
	if got := layerText(t, inv, "new"); got != "group_vars/fresh.yml {'g': 1}\ninventory host new {'ansible_port': 2222, 'a': 1}\nhost_vars/new.yml {'f': 1}" {
		t.Errorf("got\n%s", got)
	}
	if got := inv.GroupsOf("new"); !reflect.DeepEqual(got, []string{"fresh", "up", "web"}) {
		t.Errorf("groups: %v", got)
	}
	if !add("bare", nil, nil) || !reflect.DeepEqual(inv.GroupsOf("bare"), []string{"ungrouped"}) {
		t.Errorf("a host without groups: %v", inv.GroupsOf("bare"))
	}
	if changed, err := inv.AddGroup("bare", "os_x", []string{"family", "up"}); !changed || err != nil {
		t.Errorf("group: %v, %v", changed, err)
	}
	if changed, err := inv.AddGroup("bare", "os_x", []string{"family"}); changed || err != nil {
		t.Errorf("the same group again: %v, %v", changed, err)
	}
	if got := inv.GroupsOf("bare"); !reflect.DeepEqual(got, []string{"family", "os_x", "up"}) {
		t.Errorf("groups: %v", got)
	}
	if _, err := inv.AddGroup("bare", "up", []string{"web"}); err == nil || !strings.Contains(err.Error(), "that is a loop") {
		t.Errorf("a loop: %v", err)
	}
	if _, err := inv.AddGroup("gone", "x", nil); err == nil {
		t.Error("an unknown host needs an error")
	}
	if _, err := inv.AddGroup("localhost", "here", nil); err != nil {
		t.Error(err)
	}
	if got, _ := inv.Hosts("here"); !reflect.DeepEqual(got, []string{"localhost"}) {
		t.Errorf("localhost in a group: %v", got)
	}
	if got, _ := inv.Hosts("all"); !reflect.DeepEqual(got, []string{"new", "w1", "bare"}) {
		t.Errorf("all: %v", got)
	}
	if _, ok := before[0].Vars.Lookup("a"); ok {
		t.Error("layers that were given out must not change")
	}
	groups := inv.Groups()
	if v, _ := groups.Lookup("up"); value.Repr(v) != "['w1', 'new', 'bare']" {
		t.Errorf("groups: %s", value.Repr(value.FromMap(groups)))
	}
}

func TestConcurrentUse(t *testing.T) {
	tree(t, map[string]string{"hosts": "[web]\nw[1:20]\n", "group_vars/web.yml": "a: 1\n"})
	inv, _, _ := load(t, "hosts")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				if _, err := inv.Layers("w1"); err != nil {
					t.Error(err)
				}
				if _, err := inv.Hosts("web:!w2:nobody"); err != nil {
					t.Error(err)
				}
				_, _ = inv.AddHost("n"+string(rune('a'+i)), []string{"web"}, value.MapOf("x", value.Int(1)))
				inv.Groups()
				inv.GroupsOf("w1")
			}
		})
	}
	wg.Wait()
}

func TestFindAndDir(t *testing.T) {
	tree(t, map[string]string{"inv/hosts": "a\n", "hosts": "b\n", "inv/keys/p@h/HEAD": "1\n", "inv/reports/x": "y\n"})
	cwd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		src  []string
		want string
	}{{[]string{"inv/hosts"}, cwd + "/inv"}, {[]string{"inv"}, cwd + "/inv"}, {[]string{"a,b", "inv/hosts", "hosts"}, cwd + "/inv"}, {[]string{"a,"}, cwd}, {nil, cwd}} {
		inv, errs, _ := load(t, c.src...)
		if errs != "" || inv.Dir() != c.want {
			t.Errorf("%v: dir %s, errors %s", c.src, inv.Dir(), errs)
		}
		if hosts, _ := inv.Hosts("all"); len(hosts) > 2 {
			t.Errorf("%v: keys and reports are no inventories: %v", c.src, hosts)
		}
	}
	if got := Find(".", nil); !reflect.DeepEqual(got, []string{"hosts"}) {
		t.Errorf("Find: %v", got)
	}
	if got := Find(".", []string{"x"}); !reflect.DeepEqual(got, []string{"x"}) {
		t.Errorf("Find with a configured one: %v", got)
	}
	if err := os.Rename("inv", "inventory"); err != nil {
		t.Fatal(err)
	}
	if got := Find(".", nil); !reflect.DeepEqual(got, []string{"inventory"}) {
		t.Errorf("Find: %v", got)
	}
	if got := Find("inventory/keys", nil); got != nil {
		t.Errorf("Find: %v", got)
	}
}

func TestListOfHostsWithRanges(t *testing.T) {
	inv, errs, _ := load(t, "n[08:11],x:22")
	hosts, _ := inv.Hosts("all")
	if errs != "" || strings.Join(hosts, " ") != "n08 n09 n10 n11 x" {
		t.Errorf("%v, %s", hosts, errs)
	}
}

func TestGraphMasksSecrets(t *testing.T) {
	inv, _, _ := load(t, "a,")
	_, _ = inv.AddHost("a", nil, value.MapOf("pass", value.MarkedString("hunter2", value.Masked)))
	got, err := inv.Graph("all", View{Vars: true})
	if err != nil || strings.Contains(got, "hunter2") || !strings.Contains(got, "{pass = ********}") {
		t.Errorf("%s, %v", got, err)
	}
	for _, render := range []func(value.Value) (string, error){JSON, YAML} {
		v, err := inv.HostVars("a", View{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := render(v); err != nil || strings.Contains(got, "hunter2") {
			t.Errorf("%s, %v", got, err)
		}
	}
	if _, err := inv.Graph("al", View{}); err == nil || err.Error() != `--graph wants the name of a group, and "al" is not one; did you mean "all"? (allowed: all, ungrouped)` {
		t.Error(err)
	}
	if _, err := inv.HostVars("all,b", View{}); err != nil {
		t.Error(err)
	}
	if _, err := inv.HostVars("b", View{}); err == nil {
		t.Error("--host of an unknown host needs an error")
	}
}
