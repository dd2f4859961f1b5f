package main

import (
	"go/ast"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

// putAside are scripts that put something of the user's, or a file of the system's,
// out of the way for a while, or make a temporary file of their own name.
var putAside = regexp.MustCompile(`mktemp|mv (-[a-zA-Z]+ )?(-- )?"?(\$\{?[a-z]+\}?)"? "?\$\{?[a-z]+\}?[.~-][a-z]|[a-z./_-]\$\$|\$\{?[a-z0-9_]+\}?\.remoterun\b`)

// ownWay are those that do without sh.Temp, by a part of their text, and why.
var ownWay = map[string]string{
	`_start $$`:                 "it is sh.Temp's end",
	`echo $$ >starting.$$`:      "it lies in the job's own folder, and the next start does not wait for a dead one's",
	`_x=$(mktemp -u`:            "it is sh.Temp",
	`/pg_hbaXXXXXX") || exit 1`: "the copy is kept: its name is the result's backup_file",
	`q=$d/.key.$$`:              "it runs as the user whose folder it is, not in the session's shell; traps take it away",
	`crontab "$@" -l >"$c"`:     "the copy is kept: its name is the result's backup_file",
	`initdb "$@" '"${POSTGRES`:  "it runs in a container of its own, which goes with all that is in it",
}

// TestTemporaryByOneWay: whatever lies for a while outside of a folder of ours goes
// by sh.Temp, so that the next session cleans what a killed one left.
func TestTemporaryByOneWay(t *testing.T) {
	seen, used := 0, map[string]bool{}
	eachFile(t, func(path string, text []byte) {
		if strings.HasSuffix(path, "_test.go") || strings.Contains(path, "hosttest/") || strings.Contains(path, "tdetest/") || strings.Contains(path, "tasktest/") || strings.Contains(path, "movetest/") {
			return
		}
		set, file := parsed(t, path, text)
		ast.Inspect(file, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			if b, sum := e.(*ast.BinaryExpr); sum && b.Op == token.ADD {
				if sel, ok := leftmost(b).(*ast.SelectorExpr); ok && sel.Sel.Name == "Temp" {
					if putAside.MatchString(added(b)) {
						seen++
					}
					return false
				}
				return true
			}
			lit, ok := e.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING || !putAside.MatchString(added(lit)) {
				return true
			}
			seen++
			known := false
			for part := range ownWay {
				if strings.Contains(added(lit), part) {
					used[part], known = true, true
				}
			}
			if known {
				return true
			}
			t.Errorf("%s puts something aside, or makes a temporary file, in a way of its own: %s", set.Position(lit.Pos()), putAside.FindString(added(lit)))
			return true
		})
	})
	if seen < 4 {
		t.Errorf("only %d are found", seen)
	}
	for part := range ownWay {
		if !used[part] {
			t.Errorf("%q is nowhere", part)
		}
	}
}

func leftmost(e ast.Expr) ast.Expr {
	for b, ok := e.(*ast.BinaryExpr); ok; b, ok = e.(*ast.BinaryExpr) {
		e = b.X
	}
	return e
}
