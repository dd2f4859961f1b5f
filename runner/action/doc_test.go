package action

import (
	"os"
	"strings"
	"testing"
)

// TestExtendingShowsThis: the action that docs/extending.md shows is the one that
// is compiled and tested here.
func TestExtendingShowsThis(t *testing.T) {
	page := read(t, "../../docs/extending.md")
	source := read(t, "say.go")
	i := strings.Index(source, "func fail(")
	fn := source[i : i+strings.Index(source[i:], "\n}\n")+3]
	if !strings.Contains(page, "```go\n"+fn+"```") {
		t.Errorf("the page does not show this:\n%s", fn)
	}
	words := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	table := words(read(t, "action.go"))
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, `"fail": {Spec`) && !strings.Contains(table, words(line)) {
			t.Errorf("the table has no such row: %s", line)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
