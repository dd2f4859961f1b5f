package kit

import (
	"fmt"
	"unicode/utf8"

	"remoterun/runner/pyre"
)

// CompilePy reads an expression in Python's syntax, as users write it; the
// error shows it.
func CompilePy(expr string, f pyre.Flags) (*pyre.Regexp, error) {
	re, err := pyre.Compile(expr, pyre.Search, f)
	if err != nil {
		return nil, fmt.Errorf("%q is not a valid regular expression: %w", expr, err)
	}
	return re, nil
}

// SearchLine finds the expression in a line; nil when it is not there.
func SearchLine(re *pyre.Regexp, line string) (*pyre.Found, error) {
	if !utf8.ValidString(line) {
		line = Latin(line)
	}
	return re.Find(line)
}

// Latin makes one character of every byte, so that text that is no UTF-8 can
// be searched.
func Latin(s string) string {
	r := make([]rune, len(s))
	for i := range len(s) {
		r[i] = rune(s[i])
	}
	return string(r)
}
