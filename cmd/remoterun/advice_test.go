package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// saysCommand is a command that a message or a playbook names; flags are those
// that follow its first words.
var saysCommand = regexp.MustCompile("(^|[^/a-zA-Z0-9_.-])remoterun ([a-z][a-z-]*)((?: [a-zA-Z0-9@%.,:/_-]+)*)")

// subject are words behind the name where it is a sentence's subject.
const subject = " goes has keeps lists makes needs reads refuses sees writes wrote brings is was cannot can does will did runs knows starts and or in of on with "

// TestAdviceExists: each command that any message or shipped playbook says to type
// is one that there is, with the flags that it is said to have.
func TestAdviceExists(t *testing.T) {
	root := (&app{in: &bytes.Buffer{}, out: &bytes.Buffer{}, err: &bytes.Buffer{}, env: func(string) (string, bool) { return "", false }}).root()
	seen := 0
	texts := saidTexts(t)
	maps.Copy(texts, docCommands(t))
	root.InitDefaultCompletionCmd()
	for place, text := range texts {
		for _, m := range saysCommand.FindAllStringSubmatch(text, -1) {
			if strings.Contains(subject, " "+m[2]+" ") || strings.Contains(m[0], "remoterun init record ") { // a file's first line
				continue
			}
			seen++
			words := append([]string{m[2]}, strings.Fields(m[3])...)
			cmd, rest, err := root.Find(words)
			if err != nil || cmd == root || cmd.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") && !cmd.Runnable() {
				t.Errorf("%s says %q, and there is no such command", place, strings.TrimSpace(m[0]))
				continue
			}
			for _, w := range rest {
				if name, ok := strings.CutPrefix(w, "--"); ok && name != "" && !hasFlag(cmd, strings.TrimRight(name, ".,:")) {
					t.Errorf("%s says %q, and %s has no flag --%s", place, strings.TrimSpace(m[0]), cmd.CommandPath(), name)
				}
			}
		}
	}
	if seen < 40 {
		t.Errorf("only %d were found", seen)
	}
}

func hasFlag(c *cobra.Command, name string) bool {
	name, _, _ = strings.Cut(name, "=")
	return c.Flags().Lookup(name) != nil || c.InheritedFlags().Lookup(name) != nil || name == "help" || name == "version"
}

// saidTexts are all texts of the program, by their places, and the shipped
// playbooks line by line. Literals that are added to each other are one text.
func saidTexts(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	set := token.NewFileSet()
	for _, top := range []string{"../../cmd", "../../runner", "../../tasks", "../../playbooks", "../../inventory"} {
		err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
			switch {
			case err != nil || d.IsDir():
				return err
			case strings.HasSuffix(p, ".yaml") && filepath.Dir(p) == "../../playbooks":
				text, err := os.ReadFile(p)
				for i, l := range strings.Split(string(text), "\n") {
					out[p+":"+strconv.Itoa(i+1)] = l
				}
				return err
			case !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go"):
				return nil
			}
			file, err := parser.ParseFile(set, p, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch e := n.(type) {
				case *ast.BinaryExpr:
					if text := added(e); text != "" {
						out[set.Position(e.Pos()).String()] = text
						return false
					}
				case *ast.BasicLit:
					if e.Kind == token.STRING {
						out[set.Position(e.Pos()).String()] = added(e)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// added is the text of literals; what is no literal stands as X.
func added(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			s, _ := strconv.Unquote(e.Value)
			return s
		}
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			return added(e.X) + added(e.Y)
		}
		return ""
	}
	return "X"
}
