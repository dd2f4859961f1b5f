package inventory

import (
	"regexp"
	"strings"
	"testing"
)

// The examples in the chapter must be what they say they are.
func TestExamplesInTheDocs(t *testing.T) {
	text := read(t, "../docs/inventory.md")
	blocks := regexp.MustCompile("(?s)```(ini|yaml)\n(.*?)```").FindAllStringSubmatch(text, -1)
	if len(blocks) < 2 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, b := range blocks {
		tree(t, map[string]string{"h." + b[1]: b[2]})
		inv, errs, warned := load(t, "h."+b[1])
		if errs != "" || warned != "" {
			t.Errorf("%s example: %s%s", b[1], errs, warned)
			continue
		}
		if hosts, err := inv.Hosts("web:&all:!web02.example.com"); err != nil || len(hosts) < 19 || !strings.HasPrefix(hosts[0], "web01") {
			t.Errorf("%s example: %v, %v", b[1], hosts, err)
		}
	}
}
