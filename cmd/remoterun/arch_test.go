package main

import (
	"bufio"
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mayImport is who may import whom of ours. A package that is not listed, or an
// import that is not, fails the test: the table is the architecture.
var mayImport = map[string]string{
	"runner/value":            "",
	"runner/argspec":          "runner/value",
	"runner/near":             "",
	"runner/pyre":             "",
	"runner/value/yaml":       "runner/value",
	"runner/secret":           "",
	"runner/secret/vault":     "runner/secret",
	"runner/sh":               "runner/secret",
	"runner/host":             "runner/sh runner/secret runner/value",
	"runner/framed":           "runner/host runner/secret runner/sh",
	"runner/ssh":              "runner/framed runner/host runner/secret",
	"runner/local":            "runner/framed runner/host",
	"runner/job":              "runner/host runner/sh",
	"runner/lock":             "runner/host runner/job runner/sh",
	"runner/journal":          "runner/secret",
	"runner/play":             "runner/host runner/secret runner/value",
	"runner/keyword":          "runner/play runner/sh runner/value",
	"runner/program":          "runner/play runner/value",
	"runner/disk":             "",
	"runner/laptop":           "runner/disk runner/play runner/value runner/vars",
	"runner/reach":            "runner/host runner/keyword runner/secret runner/value",
	"runner/detach":           "runner/host runner/job runner/play runner/sh runner/value",
	"runner/known":            "runner/event runner/host runner/reach runner/sh",
	"runner/action":           "runner/argspec runner/host runner/keyword runner/laptop runner/play runner/pyre runner/secret runner/value runner/vars",
	"runner/vars":             "runner/host runner/play runner/value",
	"runner/event":            "runner/play runner/value",
	"runner":                  "runner/action runner/detach runner/event runner/host runner/keyword runner/known runner/laptop runner/play runner/program runner/reach runner/secret runner/sh runner/value runner/vars",
	"runner/view":             "runner/event runner/secret runner/value",
	"runner/hosttest/fake":    "runner/host runner/sh",
	"runner/hosttest":         "runner/host runner/sh",
	"runner/hosttest/sshd":    "",
	"runner/hosttest/hostile": "runner/hosttest/sshd",
	"runner/hosttest/sshtest": "runner/host runner/hosttest runner/hosttest/sshd runner/ssh runner/secret",
	"runner/hosttest/real":    "runner/framed runner/host runner/hosttest runner/hosttest/sshd runner/secret runner/sh runner/ssh",
	"inventory":               "inventory/ini runner/disk runner/near runner/play runner/pyre runner/value runner/value/yaml",
	"inventory/config":        "inventory/ini runner/value",
	"inventory/ini":           "runner/value",
	"playbooks":               "",
	"playbooks/known":         "",
	"playbooks/ast":           "playbooks/known runner/disk runner/near runner/play runner/value runner/value/yaml",
	"playbooks/lint":          "runner/play runner/value",
	"playbooks/compat":        "playbooks/ast playbooks/known runner/value",

	"playbooks/jinja":             "playbooks/jinja/ansible playbooks/jinja/builtin playbooks/jinja/community playbooks/jinja/core playbooks/jinja/ip playbooks/jinja/lookup playbooks/jinja/methods playbooks/jinja/nested",
	"playbooks/jinja/ansible":     "playbooks/jinja/core playbooks/jinja/crypt playbooks/jinja/py/pynum playbooks/jinja/py/pypath playbooks/jinja/py/pyrandom playbooks/jinja/py/pytime playbooks/jinja/py/version runner/pyre runner/value runner/value/yaml",
	"playbooks/jinja/builtin":     "playbooks/jinja/core playbooks/jinja/lex playbooks/jinja/methods playbooks/jinja/parse playbooks/jinja/py/pynum playbooks/jinja/py/pystr runner/value",
	"playbooks/jinja/community":   "playbooks/jinja/ansible playbooks/jinja/core playbooks/jinja/jmes playbooks/jinja/py/pyrandom runner/value",
	"playbooks/jinja/core":        "playbooks/jinja/lex playbooks/jinja/parse playbooks/jinja/py/pyfmt playbooks/jinja/py/pynum runner/near runner/play runner/value runner/value/yaml",
	"playbooks/jinja/crypt":       "",
	"playbooks/jinja/example":     "playbooks/jinja/core runner/value",
	"playbooks/jinja/ip":          "playbooks/jinja/core playbooks/jinja/ipnet playbooks/jinja/py/pynum runner/value",
	"playbooks/jinja/ipnet":       "playbooks/jinja/py/pynum",
	"playbooks/jinja/jmes":        "playbooks/jinja/py/pynum runner/value",
	"playbooks/jinja/laptop":      "runner/value",
	"playbooks/jinja/lex":         "playbooks/jinja/py/pynum runner/value",
	"playbooks/jinja/lookup":      "playbooks/jinja/ansible playbooks/jinja/core playbooks/jinja/crypt playbooks/jinja/lex playbooks/jinja/py/inifile playbooks/jinja/py/pynum playbooks/jinja/py/pypath playbooks/jinja/py/pyrandom playbooks/jinja/py/pystr runner/pyre runner/value",
	"playbooks/jinja/methods":     "playbooks/jinja/core playbooks/jinja/py/pyfmt playbooks/jinja/py/pystr runner/value",
	"playbooks/jinja/nested":      "playbooks/jinja/core playbooks/jinja/parse runner/pyre runner/value",
	"playbooks/jinja/parse":       "playbooks/jinja/lex runner/value",
	"playbooks/jinja/py/inifile":  "runner/value",
	"playbooks/jinja/py/pyfmt":    "playbooks/jinja/py/pynum playbooks/jinja/py/pystr runner/value",
	"playbooks/jinja/py/pynum":    "playbooks/jinja/py/pystr runner/value",
	"playbooks/jinja/py/pypath":   "",
	"playbooks/jinja/py/pyrandom": "runner/value",
	"playbooks/jinja/py/pystr":    "",
	"playbooks/jinja/py/pytime":   "runner/value",
	"playbooks/jinja/py/version":  "",

	"tasks":                    "runner/play tasks/archives tasks/certs tasks/containers tasks/database tasks/door tasks/facts tasks/files tasks/net tasks/packages tasks/repos tasks/services tasks/system",
	"tasks/kit":                "runner/disk runner/host runner/play runner/pyre runner/sh runner/value",
	"tasks/archives":           "runner/host runner/play runner/sh runner/value tasks/kit",
	"tasks/certs":              "runner/host runner/play runner/sh runner/value tasks/kit",
	"tasks/files":              "runner/host runner/play runner/pyre runner/sh runner/value tasks/kit",
	"tasks/packages":           "runner/host runner/play runner/sh runner/value tasks/kit",
	"tasks/repos":              "runner/host runner/play runner/sh runner/value tasks/kit",
	"tasks/services":           "runner/host runner/play runner/sh runner/value tasks/kit",
	"tasks/door":               "runner/host runner/play runner/sh runner/value tasks/kit",
	"tasks/facts":              "runner/host runner/play runner/sh runner/value tasks/kit",
	"tasks/system":             "runner/detach runner/host runner/job runner/play runner/sh runner/value tasks/kit",
	"tasks/containers":         "runner/host runner/play runner/sh runner/value tasks/compose tasks/kit",
	"tasks/database":           "runner/host runner/play runner/secret runner/sh runner/value tasks/kit tasks/pg",
	"tasks/net":                "runner/host runner/play runner/pyre runner/sh runner/value tasks/kit",
	"tasks/compose":            "runner/host runner/sh runner/value runner/value/yaml",
	"tasks/pg":                 "runner/host runner/secret runner/sh runner/value",
	"tasks/tasktest/example":   "runner/host runner/play runner/value tasks/kit",
	"tasks/tasktest":           "runner/host runner/hosttest runner/local runner/play runner/sh runner/value runner/value/yaml",
	"tasks/tde":                "runner/play tasks/tde/custody tasks/tde/keys tasks/tde/lock tasks/tde/memory tasks/tde/move tasks/tde/provider tasks/tde/status tasks/tde/target tasks/tde/unlock tasks/tde/verify",
	"tasks/tde/seal":           "runner/secret tasks/tde/guess",
	"tasks/tde/guess":          "",
	"tasks/tde/guard":          "runner/host runner/play runner/sh runner/value tasks/compose tasks/tde/seal",
	"tasks/tde/pgtde":          "runner/host runner/value tasks/pg tasks/tde/guard tasks/tde/seal",
	"tasks/tde/memory":         "runner/host runner/play runner/secret runner/sh runner/value tasks/kit tasks/tde/guard tasks/tde/seal",
	"tasks/tde/stack":          "runner/host runner/play runner/sh runner/value tasks/compose tasks/pg tasks/tde/guard tasks/tde/memory tasks/tde/pgtde tasks/tde/seal",
	"tasks/tde/custody":        "runner/disk runner/host runner/play runner/secret runner/sh tasks/tde/guard tasks/tde/memory tasks/tde/pgtde tasks/tde/seal",
	"tasks/tde/keys":           "runner/disk runner/host runner/play runner/value tasks/kit tasks/tde/custody tasks/tde/guard tasks/tde/memory tasks/tde/pgtde tasks/tde/seal",
	"tasks/tde/provider":       "runner/host runner/play runner/value tasks/kit tasks/pg tasks/tde/guard tasks/tde/pgtde tasks/tde/seal tasks/tde/stack",
	"tasks/tde/lock":           "runner/host runner/play runner/sh tasks/kit tasks/compose tasks/tde/guard tasks/tde/memory tasks/tde/stack",
	"tasks/tde/target":         "runner/host runner/play runner/sh runner/value tasks/kit tasks/compose tasks/pg tasks/tde/custody tasks/tde/guard tasks/tde/memory tasks/tde/pgtde tasks/tde/stack",
	"tasks/tde/unlock":         "runner/host runner/play runner/sh runner/value tasks/kit tasks/compose tasks/pg tasks/tde/custody tasks/tde/guard tasks/tde/memory tasks/tde/pgtde tasks/tde/seal tasks/tde/stack",
	"tasks/tde/status":         "runner/host runner/lock runner/play runner/value tasks/kit tasks/compose tasks/move tasks/pg tasks/tde/custody tasks/tde/guard tasks/tde/memory tasks/tde/pgtde tasks/tde/seal tasks/tde/stack",
	"tasks/tde/verify":         "runner/disk runner/host runner/play runner/sh runner/value tasks/kit tasks/compose tasks/pg tasks/tde/custody tasks/tde/guard tasks/tde/memory tasks/tde/pgtde tasks/tde/seal tasks/tde/stack",
	"tasks/tde/move":           "runner/host runner/play runner/sh tasks/kit tasks/compose tasks/move tasks/move/catalog tasks/move/proof tasks/pg tasks/tde/custody tasks/tde/guard tasks/tde/memory tasks/tde/pgtde tasks/tde/stack tasks/tde/target runner/value",
	"tasks/tde/tdetest":        "runner/hosttest runner/hosttest/real runner/play runner/secret tasks/tde/pgtde tasks/tde/seal",
	"tasks/move":               "runner/host runner/job runner/near runner/play runner/sh runner/value tasks/compose tasks/kit tasks/move/archive tasks/move/catalog tasks/move/copy tasks/move/proof tasks/move/shelf tasks/pg",
	"tasks/move/shelf":         "runner/host runner/sh",
	"tasks/move/archive":       "",
	"tasks/move/catalog":       "",
	"tasks/move/proof":         "tasks/move/catalog tasks/pg runner/value",
	"tasks/move/copy":          "runner/sh tasks/move/catalog tasks/move/proof tasks/pg runner/value",
	"tasks/move/movetest":      "runner/hosttest",
	"docs":                     "",
	"cmd/remoterun":            "*",
	"cmd/remoterun/delayproxy": "",
}

// onlyImporter is the one package that may import a library.
var onlyImporter = map[string]string{
	"filippo.io/age":             "tasks/move",
	"github.com/jackc/pgx":       "tasks/pg",
	"gopkg.in/yaml.v3":           "runner/value/yaml",
	"go.yaml.in/yaml":            "runner/value/yaml",
	"github.com/fatih/color":     "runner/view",
	"github.com/spf13/cobra":     "cmd/remoterun",
	"github.com/aymanbagabas":    "runner/view",
	"golang.org/x/crypto/ssh":    "runner/ssh runner/hosttest runner/hosttest/sshd runner/hosttest/hostile runner/hosttest/sshtest runner/hosttest/real cmd/remoterun",
	"github.com/pkg/sftp":        "runner/ssh runner/hosttest/sshd",
	"github.com/sethvargo":       "tasks/tde/seal",
	"github.com/dlclark/regexp2": "runner/pyre",
}

// atStart finds what is compiled before main, whether it is needed or not: a
// package's variable that is a regular expression.
func atStart(file *ast.File) (out []token.Pos) {
	for _, d := range file.Decls {
		if g, ok := d.(*ast.GenDecl); !ok || g.Tok != token.VAR {
			continue
		}
		ast.Inspect(d, func(n ast.Node) bool {
			if _, later := n.(*ast.FuncLit); later {
				return false
			}
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "MustCompile" {
				out = append(out, n.Pos())
			}
			return true
		})
	}
	return out
}

// root is the folder of the sources.
func sources(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestImportsGoOneWay(t *testing.T) {
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	cmd.Dir = sources(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(strings.ReplaceAll(line, "remoterun/", ""))
		pkg := words[0]
		allowed, known := mayImport[pkg]
		if !known {
			t.Errorf("%s: not in the table of who may import whom: is it plain where it belongs?", pkg)
			continue
		}
		seen++
		for _, imp := range words[1:] {
			if _, ours := mayImport[imp]; ours && allowed != "*" && !slices.Contains(strings.Fields(allowed), imp) {
				t.Errorf("%s may not import %s", pkg, imp)
			}
			for lib, only := range onlyImporter {
				if strings.HasPrefix(imp, lib) && !slices.Contains(strings.Fields(only), pkg) {
					t.Errorf("%s may not import %s (only %s)", pkg, imp, only)
				}
			}
		}
	}
	if seen < 25 {
		t.Errorf("only %d packages were looked at", seen)
	}
}

// parsed is a file's syntax. One that does not parse ends the test: no rule can be
// held against it.
func parsed(t *testing.T, path string, text []byte) (*token.FileSet, *ast.File) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return set, file
}

// eachFile calls f with every Go file of ours.
func eachFile(t *testing.T, f func(path string, text []byte)) {
	t.Helper()
	root := sources(t)
	n := 0
	for _, top := range []string{"runner", "tasks", "inventory", "playbooks", "cmd"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(p string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(p, ".go") {
				return err
			}
			text, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			rel, _ := filepath.Rel(root, p)
			n++
			f(filepath.ToSlash(rel), text)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n < 200 {
		t.Errorf("only %d files were looked at", n)
	}
}

// TestTheEngineKnowsNoDatabase: what the project is for stays in one folder.
func TestTheEngineKnowsNoDatabase(t *testing.T) {
	allowed := map[string]bool{"cmd/remoterun/wire.go": true, "cmd/remoterun/key.go": true, "cmd/remoterun/demo.go": true, "cmd/remoterun/demo_stack.go": true, "cmd/remoterun/playbook.go": true, "cmd/remoterun/status.go": true}
	word := regexp.MustCompile(`(?i)(^|[^a-z])(pg_|open_pg_)?tde`)
	eachFile(t, func(path string, text []byte) {
		if allowed[path] || strings.HasPrefix(path, "tasks/tde/") || strings.HasSuffix(path, "_test.go") {
			return
		}
		sc := bufio.NewScanner(bytes.NewReader(text))
		for n := 1; sc.Scan(); n++ {
			if word.Match(sc.Bytes()) {
				t.Errorf("%s:%d: %s", path, n, bytes.TrimSpace(sc.Bytes()))
			}
		}
	})
}

// TestNoEngineIsReadAsNone: in shell text, an engine that does not answer is not an
// engine that has none. Lists are taken into a variable whose failure ends the text,
// and that something is gone is asked of compose.GoneText.
func TestNoEngineIsReadAsNone(t *testing.T) {
	rules := []*regexp.Regexp{
		regexp.MustCompile(`in [^;]*\$\(docker `),
		regexp.MustCompile(`docker ((volume |network |container )?inspect|ps|volume ls)[^|]*\| (head|grep|sed|while|sort|tail|wc)`),
		regexp.MustCompile(`docker (volume |network |container )?inspect[^|]*>/dev/null[^|]*\|\| (continue|exit 0|return 0|\{)`),
	}
	eachFile(t, func(path string, text []byte) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		sc := bufio.NewScanner(bytes.NewReader(text))
		for n := 1; sc.Scan(); n++ {
			for _, r := range rules {
				if r.Match(sc.Bytes()) {
					t.Errorf("%s:%d: an engine's failure is read as none: %s", path, n, bytes.TrimSpace(sc.Bytes()))
				}
			}
		}
	})
}

// TestShape holds the house rules: sizes of files and functions, no init, no
// os.Exit outside main, printing only where people are spoken to, no mutable
// package variables of maps of any.
func TestShape(t *testing.T) {
	eachFile(t, func(path string, text []byte) {
		lines := bytes.Count(text, []byte("\n"))
		if lines > 600 {
			t.Errorf("%s has %d lines: 600 is the wall", path, lines)
		}
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		set, file := parsed(t, path, text)
		testing := strings.Contains(path, "hosttest/") || strings.Contains(path, "tasktest/") || strings.Contains(path, "tdetest/")
		// A vault's password program speaks to the operator itself.
		prints := path == "runner/secret/vault/password.go" || strings.HasPrefix(path, "cmd/") || strings.HasPrefix(path, "runner/view/") || testing
		for _, pos := range atStart(file) {
			t.Errorf("%s:%d: nothing is compiled before main: sync.OnceValue", path, set.Position(pos).Line)
		}
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			if n := set.Position(fn.End()).Line - set.Position(fn.Pos()).Line + 1; n > 80 {
				t.Errorf("%s: %s has %d lines: 80 is the wall", path, fn.Name.Name, n)
			}
			if fn.Name.Name == "init" && fn.Recv == nil {
				t.Errorf("%s: no init()", path)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, _ := sel.X.(*ast.Ident)
			if pkg == nil {
				return true
			}
			at := set.Position(n.Pos())
			switch name := pkg.Name + "." + sel.Sel.Name; {
			case name == "os.Exit" && path != "cmd/remoterun/main.go" && !testing:
				t.Errorf("%s:%d: os.Exit belongs into main", path, at.Line)
			case (name == "fmt.Print" || name == "fmt.Println" || name == "fmt.Printf" || name == "os.Stdout" || name == "os.Stderr") && !prints:
				t.Errorf("%s:%d: %s: printing is for cmd and runner/view", path, at.Line, name)
			}
			return true
		})
		if bytes.Contains(text, []byte("map[string]any")) && !strings.HasPrefix(path, "runner/view/") {
			t.Errorf("%s: map[string]any: data of playbooks is runner/value", path)
		}
	})
}

// decides are functions that look for something in a text.
var decides = regexp.MustCompile(`^(Contains|ContainsAny|ContainsRune|HasPrefix|HasSuffix|Index\w*|LastIndex\w*|EqualFold|Cut|CutPrefix|CutSuffix|Count|Match\w*|Find\w*|Equal|Compare)$`)

// textsDecided finds in a file what decides on the text of an error: a comparison,
// or a search in it, of the text itself or of a variable that holds it.
func textsDecided(file *ast.File) (out []token.Pos) {
	isText := func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) > 0 {
			return false
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		return ok && sel.Sel.Name == "Error"
	}
	for _, d := range file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		holds := map[string]bool{}
		has := func(n ast.Node) (found bool) {
			ast.Inspect(n, func(n ast.Node) bool {
				id, isName := n.(*ast.Ident)
				found = found || n != nil && isText(n) || isName && holds[id.Name]
				return !found
			})
			return found
		}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for i, l := range n.Lhs {
					if id, ok := l.(*ast.Ident); ok && id.Name != "_" {
						r := n.Rhs[min(i, len(n.Rhs)-1)]
						if _, isCall := r.(*ast.CallExpr); isCall && !isText(r) {
							continue // what a function makes of it is another text
						}
						holds[id.Name] = has(r)
					}
				}
			case *ast.BinaryExpr:
				if (n.Op == token.EQL || n.Op == token.NEQ) && (isText(n.X) || isText(n.Y)) {
					out = append(out, n.Pos())
				}
			case *ast.CallExpr:
				sel, ok := n.Fun.(*ast.SelectorExpr)
				if ok && decides.MatchString(sel.Sel.Name) && slices.ContainsFunc(n.Args, func(a ast.Expr) bool { return has(a) }) {
					out = append(out, n.Pos())
				}
			case *ast.SwitchStmt:
				if n.Tag != nil && has(n.Tag) {
					out = append(out, n.Pos())
				}
			}
			return true
		})
	}
	return out
}

// TestNoErrorIsReadAsText: what an error is, its type says; its text is for people.
func TestNoErrorIsReadAsText(t *testing.T) {
	found := map[string]int{}
	eachFile(t, func(path string, text []byte) {
		if strings.HasSuffix(path, "_test.go") || strings.Contains(path, "hosttest/") || strings.Contains(path, "tasktest/") {
			return
		}
		set, file := parsed(t, path, text)
		for _, pos := range textsDecided(file) {
			found[path]++
			// yaml.v3 has no types: where v4 finds no mistake, the line is in the text.
			if path != "runner/value/yaml/load.go" || found[path] > 1 {
				t.Errorf("%s:%d: decides on the text of an error: a type says what it is", path, set.Position(pos).Line)
			}
		}
	})
	bad := "package p\nfunc f(err error) {\n\tif strings.Contains(strings.ToLower(err.Error()), \"x\") {}\n\tsaid := err.Error()\n\t_ = strings.HasPrefix(said, \"x\")\n\t_ = re().FindString(said)\n\tif err.Error() == \"x\" {}\n\tswitch said {}\n\tfmt.Println(said, err.Error() + \"x\", strings.TrimSpace(said))\n}\n"
	file, err := parser.ParseFile(token.NewFileSet(), "bad.go", bad, parser.SkipObjectResolution)
	if n := len(textsDecided(file)); err != nil || n != 5 {
		t.Errorf("%d of 5 decisions were found in what decides on texts (%v)", n, err)
	}
}
