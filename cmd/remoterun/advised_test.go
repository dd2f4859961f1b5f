package main

import (
	"bytes"
	"go/ast"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// docTexts are the pages for people, line by line, by their places.
func docTexts(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"../../README.md", "../../docs/*.md", "../../docs/modules/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for i, l := range strings.Split(string(text), "\n") {
				out[f+":"+strconv.Itoa(i+1)] = l
			}
		}
	}
	return out
}

// docCommands are the commands that pages show: in code, from the program's name on.
func docCommands(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for place, line := range docTexts(t) {
		spans := regexp.MustCompile("`(remoterun [^`]*)`").FindAllStringSubmatch(line, -1)
		if m := regexp.MustCompile(`^ *(?:\$ )?(remoterun [a-z].*)`).FindStringSubmatch(line); m != nil {
			spans = append(spans, m)
		}
		for i, m := range spans {
			first := strings.Fields(m[1])[1]
			if !strings.Contains(first, ".") && first != "flush" { // a playbook; a verb that the page itself makes
				out[place+"#"+strconv.Itoa(i)] = m[1]
			}
		}
	}
	if len(out) < 30 {
		t.Errorf("only %d commands are in the pages", len(out))
	}
	return out
}

// ownVariable are names of variables that are ours to read.
var ownVariable = regexp.MustCompile(`\btde_[a-z_]*[a-z]\b|\bpg_(?:image|data|apply)\b`)

// TestAdvisedVariablesExist: each variable of ours that a message, a playbook or a
// page names is one that a shipped playbook reads, or a module, or an access method.
func TestAdvisedVariablesExist(t *testing.T) {
	known := map[string]bool{"tde_heap": true}
	books, err := filepath.Glob("../../playbooks/*.yaml")
	if err != nil || len(books) < 8 {
		t.Fatalf("%v %v", books, err)
	}
	for _, b := range books {
		text, err := os.ReadFile(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, read := range regexp.MustCompile(`(?s)\{\{.*?\}\}|when:.*?\n\n|register: \w+|# once: \w+|# flag:.*`).FindAllString(string(text), -1) {
			for _, name := range ownVariable.FindAllString(read, -1) {
				known[name] = true
			}
		}
	}
	modules, err := filepath.Glob("../../docs/modules/tde_*.md")
	if err != nil || len(modules) < 5 {
		t.Fatalf("%v %v", modules, err)
	}
	for _, m := range modules {
		known[strings.TrimSuffix(filepath.Base(m), ".md")] = true
	}
	seen := 0
	texts := saidTexts(t)
	maps.Copy(texts, docTexts(t))
	for place, text := range texts {
		for _, name := range ownVariable.FindAllString(text, -1) {
			if seen++; !known[name] {
				t.Errorf("%s names %s, which no playbook of ours reads", place, name)
			}
		}
	}
	if seen < 200 {
		t.Errorf("only %d were found", seen)
	}
}

// saysFlag is a flag in a text; what is before it says whose it is.
var saysFlag = regexp.MustCompile(`(^|[\s("\x60])--([a-z][a-z-]*[a-z])\b`)

// foreign are programs whose flags are named in messages and pages, too.
var foreign = regexp.MustCompile(`\b(docker|podman|compose|apt|apt-get|apk|dnf|yum|rpm|git|ssh|ssh-keygen|sshd|psql|pg_dump|pg_dumpall|pg_restore|initdb|postgres|curl|tar|pip|gpg|openssl|useradd|usermod|groupadd|systemctl|busybox|chown|chmod|cp|mv|rsync|unshare|setpriv|getent|find|sudo|su|doas|go|make|ansible|ansible-playbook|mysql|mysqldump|mysqladmin|sysctl|visudo|ufw|iptables|update-alternatives|crontab|locale-gen|debconf|virtualenv|venv|stat|patch|htpasswd|dpkg|sha256sum|timeout|argv|args)\b`)

// elsewhere are modules and pages that are about another program's flags.
var elsewhere = regexp.MustCompile(`docs/modules/[a-ln-su-z]|docs/modules/my|docs/extending|tasks/(net|database|files|packages|system|containers|services|archives)/|hosttest|tdetest`)

// TestAdvisedFlagsExist: each flag that a message or a page names by itself, and not
// as another program's, is one of ours.
func TestAdvisedFlagsExist(t *testing.T) {
	ours := map[string]bool{"help": true, "version": true}
	a := &app{in: &bytes.Buffer{}, out: &bytes.Buffer{}, err: &bytes.Buffer{}, env: func(string) (string, bool) { return "", false }}
	walk(a.root(), func(_ *cobra.Command, f *pflag.Flag) { ours[f.Name] = true })
	seen := 0
	texts := docTexts(t)
	maps.DeleteFunc(texts, func(place, _ string) bool { return elsewhere.MatchString(place) })
	for place, text := range saidTexts(t) {
		if elsewhere.MatchString(place) {
			continue
		}
		if strings.Contains(strings.TrimSpace(text), " ") && !strings.HasPrefix(text, "#!") && strings.Count(text, "\n") < 3 { // a sentence, and no script
			texts[place] = text
		}
	}
	for _, place := range slices.Sorted(maps.Keys(texts)) {
		text := texts[place]
		for _, m := range saysFlag.FindAllStringSubmatch(text, -1) {
			if seen++; !ours[m[2]] && !foreign.MatchString(text) {
				t.Errorf("%s names --%s, which no command of ours has: %s", place, m[2], text)
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d were found", seen)
	}
}

// TestEveryRefusalHasAWayOut: whatever is refused says what to do; and of what a text
// says to type, the rest of these tests see that it is there.
func TestEveryRefusalHasAWayOut(t *testing.T) {
	seen := 0
	eachFile(t, func(path string, text []byte) {
		if strings.HasSuffix(path, "_test.go") || !strings.HasPrefix(path, "tasks/") {
			return
		}
		set, file := parsed(t, path, text)
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 3 {
				return true
			}
			name := ""
			switch f := call.Fun.(type) {
			case *ast.Ident:
				name = f.Name
			case *ast.SelectorExpr:
				name = f.Sel.Name
			}
			if name != "Refuse" && name != "refuse" && name != "clash" {
				return true
			}
			if seen++; added(call.Args[1]) == "" {
				t.Errorf("%s: a refusal without a way out", set.Position(call.Pos()))
			}
			return true
		})
	})
	if seen < 100 {
		t.Errorf("only %d were found", seen)
	}
}
