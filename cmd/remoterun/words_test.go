package main

import (
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// badWords are ways to say something that messages do not have, with what to write
// instead. A test reads every text of the program for them.
var badWords = []struct {
	name, instead string
	is            *regexp.Regexp
	// but are texts that have it for a reason.
	but []string
}{
	{"a number with its noun always in the plural", "value.Count(n, \"key\")", regexp.MustCompile(`%d (?:[a-z]+ )?[a-z]{2,}[a-z]s\b`), []string{
		"%d retries left", "%d replacements made", "%d days, %s", "expected %d arguments", "takes at most %d arguments", // Ansible's, Python's and JMESPath's own words
		"more than %d ", "levels deep", "at most %d chars", "too large (%d chars", "(at most %d)", "would read %d files", "The host keys of %d hosts", "%d runs begin", "means %d hosts",
		"%d generations stand", "has %d bits", "%d bits: 128", "of %d bits", "%d bits  ", "%d iterations", "a version of %d characters", "range() of %d items", "service %s has %d containers", "a manifest of %d keys", // never one
		"%d is ", "#%d ", "%d has length", "argument %d ", "key %d is", "entry %d", "has %d and the keyring", "%d bytes", "PostgreSQL %d begins", "%s:%d calls", "%d rows instead of one", "%w, %d times", "a number of %d entries",
	}},
	{"X is no Y", "X is not a valid Y", regexp.MustCompile(`\b(is|are) (no|none) [a-z]+`), []string{
		"there is no", "There is no", "is no longer", "there are no", "There are no", "is none", // nothing is there
	}},
	{"a Python text in b'...'", "the text alone", regexp.MustCompile(`(^|[ (])b'%`), nil},
	{"a double quote in a command to be typed", "single quotes: a result is JSON, which escapes the others", regexp.MustCompile(`\bremoterun [a-z]+ [^;.\n]*("|%q)`), []string{"comes first", "init record"}},
}

// TestWordsOfMessages reads every text of the program's sources: English of the
// field, and one way to count things.
func TestWordsOfMessages(t *testing.T) {
	eachFile(t, func(path string, text []byte) {
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "tasktest") || strings.Contains(path, "hosttest") || strings.Contains(path, "tdetest") {
			return
		}
		set, f := parsed(t, path, text)
		ast.Inspect(f, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			s, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range badWords {
				for _, found := range w.is.FindAllStringIndex(s, -1) {
					around := s[max(0, found[0]-25):min(len(s), found[1]+25)]
					if !excused(around, w.but) {
						t.Errorf("%s: %q is %s: write %s", set.Position(lit.Pos()), around, w.name, w.instead)
					}
				}
			}
			return true
		})
	})
}

func excused(text string, but []string) bool {
	for _, b := range but {
		if strings.Contains(text, b) {
			return true
		}
	}
	return false
}

// TestWordsCanFail: what the test looks for is found where it is.
func TestWordsCanFail(t *testing.T) {
	for text, want := range map[string]int{"1 of %d keys": 0, "%d other objects are equal": 0, "%s is no port": 1, "it is no longer there": -1, "%d is not valid": -1, "%d replacements made": -1, "type: remoterun run %s -- cat %q": 3, "remoterun run web -- 'cat x'": -1} {
		got := -1
		for i, w := range badWords {
			if w.is.MatchString(text) && !excused(text, w.but) {
				got = i
			}
		}
		if got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
