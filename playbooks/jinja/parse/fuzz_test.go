package parse

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/playbooks/jinja/lex"
)

// everything is a language that has each name.
type everything struct{}

func (everything) Find(Kind, string) (Named, bool) { return plain{}, true }
func (everything) Near(Kind, string) string        { return "" }

type plain struct{}

func (plain) Traits() Traits { return Traits{} }

// seeds are templates with everything the language has.
func seeds(f *testing.F) {
	names, _ := filepath.Glob("../testdata/seeds/*.j2")
	if len(names) == 0 {
		f.Fatal("no seeds")
	}
	for _, n := range names {
		text, err := os.ReadFile(n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
}

// ways are how texts are read: template files, arguments, bare expressions.
func ways() []lex.Syntax {
	file := lex.Ansible()
	file.Do, file.LoopControls = true, true
	arg := file
	arg.LiteralBackslash = true
	return []lex.Syntax{file, arg, {Bare: true}}
}

func FuzzLex(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, src string) {
		for _, syn := range ways() {
			toks, err := lex.Tokens(src, syn)
			var se *lex.Error
			if err != nil && !errors.As(err, &se) {
				t.Fatalf("%T is no syntax error: %v", err, err)
			}
			if err == nil && toks[len(toks)-1].Kind != lex.EOF {
				t.Fatal("the end is missing")
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, src string) {
		for _, syn := range ways() {
			syn, body, _, err := lex.Header(src, syn)
			if err != nil {
				continue
			}
			_, err = Parse(body, syn, everything{})
			var se *lex.Error
			if err != nil && (!errors.As(err, &se) || se.At.Line < 0 || se.At.Col < 0 || se.At.Line > strings.Count(body, "\n")+strings.Count(body, "\r")) {
				t.Fatalf("an error without a place: %v", err)
			}
		}
	})
}
