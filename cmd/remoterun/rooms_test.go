package main

import (
	"go/ast"
	"path/filepath"
	"strings"
	"testing"
)

// larger is how many files the folders may have that hold more than a room
// should: these numbers only go down.
func larger() map[string]int {
	return map[string]int{"cmd/remoterun": 40, "tasks/system": 28}
}

// TestRooms bounds what a folder holds: 25 files, and 200 names that the whole
// folder sees. What is larger than that wants walls.
func TestRooms(t *testing.T) {
	files, names := map[string]int{}, map[string]int{}
	eachFile(t, func(path string, text []byte) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		files[dir]++
		_, file := parsed(t, path, text)
		names[dir] += topNames(file)
	})
	for dir, n := range files {
		if most := max(25, larger()[dir]); n > most {
			t.Errorf("%s has %d files, and %d is the wall: which of them are a room of their own?", dir, n, most)
		}
		if names[dir] > 200 {
			t.Errorf("%s has %d names, and 200 is the wall: which of them are a room of their own?", dir, names[dir])
		}
	}
}

// topNames counts functions, types, variables and constants of a package;
// methods belong to their types.
func topNames(file *ast.File) int {
	n := 0
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				n++
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					n++
				case *ast.ValueSpec:
					for _, id := range s.Names {
						if id.Name != "_" {
							n++
						}
					}
				}
			}
		}
	}
	return n
}

// TestNoTypeDoesAll bounds the methods of one type at 40: what it does beyond that
// is another one's work.
func TestNoTypeDoesAll(t *testing.T) {
	methods := map[string]int{}
	eachFile(t, func(path string, text []byte) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		_, file := parsed(t, path, text)
		for _, d := range file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil {
				of := fn.Recv.List[0].Type
				if star, ok := of.(*ast.StarExpr); ok {
					of = star.X
				}
				if id, ok := of.(*ast.Ident); ok {
					methods[filepath.ToSlash(filepath.Dir(path))+"."+id.Name]++
				}
			}
		}
	})
	for name, n := range methods {
		if n > 40 {
			t.Errorf("%s has %d methods, and 40 is the wall: which of them are another one's work?", name, n)
		}
	}
}
