package inventory

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// warnings collects what Load and patterns warn about.
type warnings struct{ list []string }

func (w *warnings) warn(at value.Pos, msg string) {
	if p := at.String(); p != "" {
		msg = p + ": " + msg
	}
	w.list = append(w.list, msg)
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func lines(t *testing.T, path string) []string {
	t.Helper()
	return strings.Split(strings.TrimSuffix(read(t, path), "\n"), "\n")
}

// caseArgs reads a case's arguments and moves into its folder.
func caseArgs(t *testing.T, dir string) (sources []string, opt Options, w *warnings) {
	t.Helper()
	t.Chdir(dir)
	w = &warnings{}
	opt.Warn = w.warn
	args := lines(t, "args")
	for i := 0; i+1 < len(args); i += 2 {
		switch args[i] {
		case "-i":
			sources = append(sources, args[i+1])
		case "--playbook-dir":
			opt.Playbook = args[i+1]
		default:
			t.Fatalf("argument %q is not known here", args[i])
		}
	}
	return sources, opt, w
}

// TestAsAnsible compares with what ansible-inventory and Ansible's patterns
// answered for the same files (testdata/record.py).
func TestAsAnsible(t *testing.T) {
	dirs, err := filepath.Glob("testdata/cases/*")
	if err != nil || len(dirs) < 15 {
		t.Fatalf("cases are missing: %d, %v", len(dirs), err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			sources, opt, _ := caseArgs(t, dir)
			inv, err := Load(t.Context(), sources, opt)
			if err != nil {
				t.Fatal(err)
			}
			compareViews(t, inv)
			comparePatterns(t, inv)
		})
	}
}

func compareViews(t *testing.T, inv *Inventory) {
	t.Helper()
	for name, make := range map[string]func() (string, error){
		"want.list.json":   func() (string, error) { return text(JSON)(inv.List(View{})) },
		"want.export.json": func() (string, error) { return text(JSON)(inv.List(View{Export: true})) },
		"want.list.yaml":   func() (string, error) { return text(YAML)(inv.Tree(View{})) },
		"want.graph":       func() (string, error) { return inv.Graph("all", View{Vars: true}) },
	} {
		got, err := make()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := read(t, name)
		if strings.HasSuffix(name, ".yaml") { // PyYAML writes what is shared once, with anchors
			v, err := yaml.One(name, []byte(want), yaml.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if want, err = YAML(v); err != nil {
				t.Fatal(err)
			}
		}
		if strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%s:\n--- got\n%s\n--- want\n%s", name, got, want)
		}
	}
}

func text(render func(value.Value) (string, error)) func(value.Value, error) (string, error) {
	return func(v value.Value, err error) (string, error) {
		if err != nil {
			return "", err
		}
		return render(v)
	}
}

func comparePatterns(t *testing.T, inv *Inventory) {
	t.Helper()
	for _, line := range lines(t, "want.hosts") {
		pattern, want, _ := strings.Cut(line, "\t")
		hosts, err := inv.Hosts(pattern)
		got := strings.Join(hosts, ",")
		if err != nil {
			got = "!error"
		}
		if got != want {
			t.Errorf("pattern %q: got %s, want %s (%v)", pattern, got, want, err)
		}
	}
}

// TestLiterals compares the reading of INI values with Python's.
func TestLiterals(t *testing.T) {
	f, err := os.Open("testdata/literals.want")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for sc := bufio.NewScanner(f); sc.Scan(); n++ {
		var pair [2]string
		if err := json.Unmarshal(sc.Bytes(), &pair); err != nil {
			t.Fatal(err)
		}
		got := "!"
		if v, ok := literal(pair[0], value.Pos{}); ok {
			got = value.Repr(v)
		}
		if got != pair[1] {
			t.Errorf("%q: got %s, want %s", pair[0], got, pair[1])
		}
	}
	if n < 100 {
		t.Errorf("only %d literals", n)
	}
}
