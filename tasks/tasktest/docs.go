package tasktest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// Table is a module's arguments as a table of its page.
func Table(s play.Spec) string {
	var b strings.Builder
	b.WriteString("| argument | type | default | |\n|---|---|---|---|\n")
	for _, a := range s.Args {
		names := "`" + a.Name + "`"
		for _, n := range a.Aliases {
			names += ", `" + n + "`"
		}
		def := ""
		switch {
		case a.Required:
			def = "required"
		case a.Default != "":
			def = "`" + strings.ReplaceAll(a.Default, "|", `\|`) + "`"
		}
		help := strings.ReplaceAll(a.Help, "|", `\|`)
		if len(a.Choices) > 0 {
			help = "`" + strings.Join(a.Choices, "`, `") + "`. " + help
		}
		kind := a.Type
		if a.Elements != "" {
			kind += " of " + a.Elements
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", names, kind, def, strings.TrimSpace(help))
	}
	return b.String()
}

// Docs checks a module's page DIR/NAME.md: its first line is "# NAME", the
// table of arguments is the one that the code has, and its examples, tasks in
// yaml blocks, bind. With update the table is written anew.
func Docs(t *testing.T, dir string, m play.Module, find func(name string) (play.Module, bool), update bool) {
	t.Helper()
	spec := m.Spec()
	file := filepath.Join(dir, spec.Name+".md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("module %s has no page: %v", spec.Name, err)
	}
	page := string(text)
	if !strings.HasPrefix(page, "# "+spec.Name+"\n") {
		t.Errorf("%s does not begin with %q", file, "# "+spec.Name)
	}
	if want := Table(spec); !strings.Contains(page, want) {
		if !update {
			t.Errorf("%s: the table of arguments differs from the code (go test ./tasks -run Docs -update)\nwant\n%s", file, want)
		} else if err := os.WriteFile(file, []byte(replaceTable(page, want)), 0o644); err != nil { // #nosec G306
			t.Fatal(err)
		}
	}
	for _, a := range spec.Args {
		if a.Help == "" {
			t.Errorf("%s: argument %s has no help", spec.Name, a.Name)
		}
	}
	examples(t, file, page, spec.Name, find)
}

// replaceTable puts the table where the old one stood, else behind the first
// example.
func replaceTable(page, table string) string {
	const head = "| argument | type | default | |\n"
	if i := strings.Index(page, head); i >= 0 {
		end := len(page)
		if j := strings.Index(page[i:], "\n\n"); j >= 0 {
			end = i + j + 1
		}
		return page[:i] + table + page[end:]
	}
	return strings.TrimRight(page, "\n") + "\n\n" + table
}

// taskWords are keywords that stand beside a module in an example.
const taskWords = " name when register loop become become_user notify vars tags async poll until retries delay changed_when failed_when no_log delegate_to environment args ignore_errors check_mode "

// examples checks every task of the page's yaml blocks.
func examples(t *testing.T, file, page, name string, find func(string) (play.Module, bool)) {
	t.Helper()
	own := 0
	blocks := strings.Split(page, "```yaml\n")
	for _, b := range blocks[1:] {
		text, _, _ := strings.Cut(b, "```")
		list, err := yaml.One(file, []byte(text), yaml.Options{})
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		for _, task := range list.Items() {
			tm, _ := task.AsMap()
			for k, v := range tm.All() {
				word := value.Str(k)
				if strings.Contains(taskWords, " "+word+" ") {
					continue
				}
				m, ok := find(word)
				if !ok {
					t.Errorf("%s: an example uses %s, which there is not", file, word)
					continue
				}
				if m.Spec().Name == name {
					own++
				}
				for _, e := range m.Check(exampleArgs(v)) {
					t.Errorf("%s: %s: %v", file, word, e)
				}
			}
		}
	}
	if own == 0 {
		t.Errorf("%s has no example of %s in a yaml block", file, name)
	}
}

// exampleArgs are the arguments of a task: a mapping, or free text.
func exampleArgs(v value.Value) *value.Map {
	if m, ok := v.AsMap(); ok {
		return m
	}
	if v.IsNull() {
		return value.NewMap()
	}
	return value.MapOf("_raw_params", v)
}
