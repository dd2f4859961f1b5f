package playbooks_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"remoterun/playbooks"
)

// TestShipped checks every playbook in this folder: it is embedded, found under
// each of its names, and says in its first line what it is for.
func TestShipped(t *testing.T) {
	here, err := filepath.Glob("*.yaml")
	if err != nil || len(here) != len(playbooks.Names()) {
		t.Fatalf("%d files, embedded: %v (%v)", len(here), playbooks.Names(), err)
	}
	for _, file := range here {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{file, strings.TrimSuffix(file, ".yaml"), "playbooks/" + file, "./playbooks/" + file} {
			if got, err := playbooks.Read(name); err != nil || string(got) != string(want) {
				t.Errorf("Read(%q): %v", name, err)
			}
		}
		if playbooks.Title(want) == "" {
			t.Errorf("%s: the first line must be a comment that says what it is for", file)
		}
	}
}

// TestVariables: docs/database.md names every variable of a project that a
// shipped playbook takes, with its default.
func TestVariables(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "docs", "database.md"))
	if err != nil {
		t.Fatal(err)
	}
	use := regexp.MustCompile(`\b(tde_[a-z_]+)(?: \| default\('?([^')]*)'?\)| }})`)
	found := 0
	for _, name := range playbooks.Names() {
		text, err := playbooks.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range use.FindAllStringSubmatch(string(text), -1) {
			found++
			row := "| `" + m[1] + "` | "
			switch m[2] {
			case "":
				row += "required |"
			case "omit":
				row += "|"
			default:
				row += "`" + m[2] + "` |"
			}
			if !strings.Contains(string(doc), row) {
				t.Errorf("%s: docs/database.md has no row %s", name, row)
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d uses of variables were found", found)
	}
}

func TestUnknownName(t *testing.T) {
	for _, name := range []string{"nope", "", "../embed", "ast", "embed.go", "/etc/passwd"} {
		if _, err := playbooks.Read(name); err == nil || !strings.HasPrefix(err.Error(), "no playbook called "+name+" ships with remoterun (there are: ") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestTitle(t *testing.T) {
	for text, want := range map[string]string{
		"# Opens it.\n- hosts: all\n": "Opens it.", "---\n\n#  Second line\n": "Second line", "- hosts: all # no\n": "", "": "",
	} {
		if got := playbooks.Title([]byte(text)); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestCopyNeverOverwrites(t *testing.T) {
	names := playbooks.Names()
	to := filepath.Join(t.TempDir(), "playbooks", "mine.yaml")
	if fresh, err := playbooks.Copy(names[0], to); err != nil || !fresh {
		t.Fatalf("%v %v", fresh, err)
	}
	if fresh, err := playbooks.Copy(names[0], to); err != nil || fresh {
		t.Fatalf("again: %v %v", fresh, err)
	}
	if err := os.WriteFile(to, []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := playbooks.Copy(names[0], to); err == nil || !strings.HasSuffix(err.Error(), "is there already and differs: move it away first") {
		t.Errorf("error %v", err)
	}
}
