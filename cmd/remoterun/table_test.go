package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"remoterun/playbooks/ast"
	"remoterun/playbooks/known"
	"remoterun/runner/action"
	"remoterun/runner/play"
	"remoterun/tasks"
)

var renewTable = flag.Bool("table", false, "write docs/ansible-table.md anew")

const ansibleTable = "../../docs/ansible-table.md"

// TestAnsibleTable holds the docs' table of what of Ansible is there against the code.
func TestAnsibleTable(t *testing.T) {
	want := tableOfAnsible()
	if *renewTable {
		writeFile(t, ansibleTable, want)
	}
	got, err := os.ReadFile(ansibleTable)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the code knows (%v): go test ./cmd/remoterun -run TestAnsibleTable -table\n%s", ansibleTable, err, difference(string(got), want))
	}
	for _, says := range []string{"| `command` | all |", "| `debugger` | play, role, block, task | not there |", "not there: `"} {
		if !strings.Contains(want, says) {
			t.Errorf("%q is not in the table", says)
		}
	}
}

func tableOfAnsible() string {
	var b strings.Builder
	b.WriteString(`# What of Ansible is there

Made from the code by ` + "`go test ./cmd/remoterun -run TestAnsibleTable -table`" + `. How often public roles use
each is not counted here; ` + "`remoterun lint --compat`" + ` counts what yours use.
[Filters, tests and lookups](expressions-table.md) have a table of their own.

## Keywords

| keyword | of | what is there |
|---|---|---|
`)
	for _, k := range ast.Keywords() {
		note := k.Note
		if note == "" {
			note = "all"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", k.Name, strings.Join(k.On, ", "), note)
	}
	b.WriteString("\n`with_…` loops with any lookup of the table of lookups; `lock` is remoterun's own.\n\n## Modules\n\n" +
		"\"All\" means every argument that the module has in Ansible 7 (ansible-core 2.14); newer modules are compared with community.docker 4, where they are of it.\n")
	r := tasks.NewRegistry(allModules()...)
	for _, c := range known.Collections() {
		b.WriteString(collectionTable(r, c[0], c[1:]))
	}
	return b.String()
}

func collectionTable(r *tasks.Registry, collection string, names []string) string {
	var there, not []string
	for _, n := range names {
		spec, ok := specOf(r, collection+"."+n)
		if !ok {
			not = append(not, "`"+n+"`")
			continue
		}
		there = append(there, fmt.Sprintf("| `%s` | %s |\n", n, lackingArguments(collection+"."+n, spec)))
	}
	out := "\n### " + collection + "\n\n"
	if len(there) > 0 {
		out += "| module | arguments |\n|---|---|\n" + strings.Join(there, "") + "\n"
	}
	if len(not) > 0 {
		out += "not there: " + strings.Join(not, " ") + "\n"
	}
	return strings.TrimRight(out, "\n") + "\n"
}

// specOf is what a name of Ansible's stands for here: a module, or an action of the
// engine; the imports are read before the run and have the arguments of the includes.
func specOf(r *tasks.Registry, full string) (play.Spec, bool) {
	if m, ok := r.Find(full); ok {
		return m.Spec(), true
	}
	own := strings.Replace(play.Own(full), "import_role", "include_role", 1)
	if own == "import_tasks" || own == "import_playbook" || own == "include" {
		return play.Spec{Args: []play.Arg{{Name: "*"}}}, true
	}
	spec, ok := action.Specs()[own]
	return spec, ok
}

func lackingArguments(full string, spec play.Spec) string {
	theirs, ok := known.Arguments(full)
	if !ok {
		return "there; not compared"
	}
	var lacks []string
	for _, names := range theirs {
		has := slices.ContainsFunc(spec.Args, func(a play.Arg) bool {
			return a.Name == "*" || a.Name == names[0] || slices.Contains(a.Aliases, names[0])
		})
		raw := names[0] == "free_form" && spec.FreeForm != "" || names[0] == "free-form" && spec.FreeForm != ""
		if !has && !raw {
			lacks = append(lacks, "`"+names[0]+"`")
		}
	}
	if len(lacks) == 0 {
		return "all"
	}
	return "without " + strings.Join(lacks, " ")
}
