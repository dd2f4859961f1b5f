package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadme holds what the README says against the code: exit codes and their
// order, verbs, links.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(sources(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	readme := string(text)
	var order []string
	for _, code := range append([]int{exitOK}, exitOrder...) {
		if !strings.Contains(readme, fmt.Sprintf("\n| %d |", code)) {
			t.Errorf("the README's table lacks exit code %d (%s)", code, exitMeaning(code))
		}
		if code != exitOK && code != exitError && code != exitChanges {
			order = append(order, fmt.Sprint(code))
		}
	}
	if want := "Several at once: " + strings.Join(order, ", "); !strings.Contains(readme, want) {
		t.Errorf("the README does not say %q", want)
	}
	_, unbuilt, _ := strings.Cut(readme, "is not built yet")
	unbuilt, _, _ = strings.Cut(unbuilt, "\n\n")
	for _, v := range verbs {
		_, ships := builtin(builtinDir + "playbooks/" + v.name + ".yaml")
		if ships && strings.Contains(unbuilt, "`"+v.name+"`") {
			t.Errorf("the README says that %s is not built, and it ships", v.name)
		}
	}
	for _, dir := range []string{".", "docs"} {
		page, err := os.ReadFile(filepath.Join(sources(t), dir, "README.md"))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(string(page), -1) {
			if _, err := os.Stat(filepath.Join(sources(t), dir, m[1])); err != nil {
				t.Errorf("%s/README.md links to nothing: %v", dir, err)
			}
		}
	}
}
