package jinja

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/parse"
)

var update = flag.Bool("update", false, "write docs/expressions-table.md anew")

const tablePath = "../../docs/expressions-table.md"

// TestTable holds the docs' table of names against the code; the examples in it
// are run by TestExamples.
func TestTable(t *testing.T) {
	want := table(language())
	if *update {
		if err := os.WriteFile(tablePath, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(tablePath)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the code knows (%v): go test ./playbooks/jinja -run TestTable -update", tablePath, err)
	}
}

// TestNamesOnce finds names that two families claim.
func TestNamesOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range language().Entries {
		for _, n := range append([]string{e.Name}, e.Aliases...) {
			key := e.Kind.String() + " " + n
			if seen[key] {
				t.Errorf("%s is there twice", key)
			}
			seen[key] = true
		}
	}
}

// TestDifferencesAreInDocs holds the chapter's list of differences against what
// the tests let pass.
func TestDifferencesAreInDocs(t *testing.T) {
	doc, err := os.ReadFile("../../docs/expressions.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := append(slices.Collect(maps.Keys(differences(t))), slices.Collect(maps.Keys(corpusDiffers()))...)
	for _, template := range append(listed, slices.Collect(maps.Keys(oracleDiffers()))...) {
		if !strings.Contains(string(doc), code(template)) {
			t.Errorf("docs/expressions.md does not list %s", template)
		}
	}
}

func table(l core.Language) string {
	var b strings.Builder
	b.WriteString("# Every name of the expression language\n\nMade from the code by `go test ./playbooks/jinja -run TestTable -update`; each example is run by a test.\nCollections may be written in front: `ansible.builtin.combine`, `community.general.json_query`. One that does not have the name is a mistake.\n[expressions.md](expressions.md) has the language itself.\n")
	for _, k := range []parse.Kind{parse.FilterKind, parse.TestKind, parse.GlobalKind, parse.LookupKind} {
		var rows []core.Entry
		for _, e := range l.Entries {
			if e.Kind == k {
				rows = append(rows, e)
			}
		}
		slices.SortFunc(rows, func(a, b core.Entry) int { return strings.Compare(a.Name, b.Name) })
		fmt.Fprintf(&b, "\n## %ss\n\n| name | signature | example | gives |\n|---|---|---|---|\n", strings.ToUpper(k.String()[:1])+k.String()[1:])
		for _, e := range rows {
			name := e.Name
			if len(e.Aliases) > 0 {
				name += " (" + strings.Join(e.Aliases, ", ") + ")"
			}
			if e.Impure {
				name += " *"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, code(e.Sig), code(e.Example), code(e.Shows))
		}
	}
	b.WriteString("\n\\* may give something else each time: such a value is worked out at its task's turn only.\n")
	return b.String()
}

// code writes text into a cell of a Markdown table.
func code(s string) string {
	if s == "" {
		return ""
	}
	s = strings.NewReplacer("\n", `\n`, "\t", `\t`, "|", `\|`).Replace(s)
	tick := "`"
	for strings.Contains(s, tick) {
		tick += "`"
	}
	if len(tick) > 1 {
		return tick + " " + s + " " + tick
	}
	return tick + s + tick
}
