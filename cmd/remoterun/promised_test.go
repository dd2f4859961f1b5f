package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPromisedTestsExist: what docs say is shown by a test is shown by one that is
// there; and no line of what it does and who can do what stands in docs/security.md
// without one.
func TestPromisedTestsExist(t *testing.T) {
	all := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	eachFile(t, func(path string, text []byte) {
		if strings.HasSuffix(path, "_test.go") || strings.Contains(path, "test/") {
			for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
				all[m[1]] = true
			}
		}
	})
	docs, err := filepath.Glob(filepath.Join(sources(t), "docs", "*.md"))
	if err != nil || len(docs) < 5 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	named, seen := regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w*)(?:/[^`]*)?`"), 0
	for _, doc := range docs {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			if seen++; !all[m[1]] {
				t.Errorf("%s promises %s, which is not there", filepath.Base(doc), m[1])
			}
		}
		if filepath.Base(doc) != "security.md" {
			continue
		}
		_, who, found := strings.Cut(string(text), "## 2. What it does")
		if who, _, _ = strings.Cut(who, "### Users of the server against root"); !found {
			t.Error("security.md has no table of who can do what")
		}
		for _, line := range strings.Split(who, "\n") {
			if !strings.HasPrefix(line, "| ") || strings.Contains(line, "| test |") || strings.HasPrefix(line, "| **can still**") {
				continue
			}
			if !named.MatchString(line) {
				t.Errorf("security.md names no test: %s", line)
			}
		}
	}
	if seen < 60 {
		t.Errorf("only %d promises were looked at", seen)
	}
}
