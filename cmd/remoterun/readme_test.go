package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"remoterun/runner/action"
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
	for _, v := range verbs() {
		if strings.Contains(unbuilt, "`"+v.Verb+"`") {
			t.Errorf("the README says that %s is not built, and it ships", v.Verb)
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

// TestCommandsInDocs: every command line that README and docs show is one that
// the program takes.
func TestCommandsInDocs(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(sources(t), "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob(filepath.Join(sources(t), "docs", "modules", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, page := range append(append(pages, more...), filepath.Join(sources(t), "README.md")) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		var own []string // verbs that the page makes
		for _, m := range regexp.MustCompile(`(?m)^# verb: ([a-z]+):`).FindAllStringSubmatch(string(text), -1) {
			own = append(own, m[1])
		}
		for i, part := range strings.Split(string(text), "```") {
			shown := regexp.MustCompile("`remoterun ([^`]*)`")
			if i%2 == 1 { // inside of a block
				shown = regexp.MustCompile("(?m)^remoterun (.*)$")
			}
			for _, m := range shown.FindAllStringSubmatch(part, -1) {
				n++
				if word, _, _ := strings.Cut(m[1], " "); slices.Contains(own, word) {
					continue
				}
				if err := takes(m[1]); err != nil {
					t.Errorf("%s: remoterun %s: %v", filepath.Base(page), m[1], err)
				}
			}
		}
	}
	if n < 30 {
		t.Errorf("only %d command lines were found", n)
	}
}

// takes reports what the program would not take of a command line as docs show
// it: with comments, redirections, [what may be left out] and one|of|several.
func takes(line string) error {
	line, _, _ = strings.Cut(line, " #")
	line, _, _ = strings.Cut(line, " <")
	line = regexp.MustCompile(`'[^']*'`).ReplaceAllString(line, "x")
	var args []string
	for _, w := range strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(line)) {
		w, _, _ = strings.Cut(w, "|")
		args = append(args, w)
	}
	a := &app{}
	c, rest, err := a.root().Find(args)
	if err == nil {
		err = c.ParseFlags(rest)
	}
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return nil
	case err != nil || c.HasParent():
		return err
	}
	return noCommand(c, rest[0])
}

// TestActionsInDocs: the chapter on playbooks names each of the engine's own.
func TestActionsInDocs(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(sources(t), "docs", "playbooks.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name := range action.Specs() {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/playbooks.md does not name %s", name)
		}
	}
}
