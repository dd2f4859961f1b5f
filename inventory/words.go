package inventory

import (
	"errors"
	"strings"
)

// word is one part of a host line, with the column (from 0) where it begins.
type word struct {
	text string
	col  int
}

// splitWords splits a host line as a POSIX shell reads words: quotes join,
// backslashes escape, and # begins a comment wherever it is not quoted, even
// inside a word (a=b#c is a=b).
func splitWords(line string) ([]word, error) {
	var out []word
	var cur strings.Builder
	begun, start := false, 0
	rs := []rune(line)
	begin := func(i int) {
		if !begun {
			begun, start = true, i
		}
	}
	end := func() {
		if begun {
			out = append(out, word{cur.String(), start})
			cur.Reset()
			begun = false
		}
	}
	for i := 0; i < len(rs); i++ {
		switch c := rs[i]; c {
		case ' ', '\t', '\r', '\n':
			end()
		case '#':
			end()
			return out, nil
		case '\'', '"':
			begin(i)
			next, err := quoted(rs, i, &cur)
			if err != nil {
				return nil, err
			}
			i = next
		case '\\':
			begin(i)
			if i++; i == len(rs) {
				return nil, errors.New("a backslash at the end escapes nothing")
			}
			cur.WriteRune(rs[i])
		default:
			begin(i)
			cur.WriteRune(c)
		}
	}
	end()
	return out, nil
}

// quoted reads the quoted text that begins at rs[i] and returns where its
// closing quote stands. In double quotes a backslash escapes a quote or itself.
func quoted(rs []rune, i int, to *strings.Builder) (int, error) {
	q := rs[i]
	for i++; i < len(rs); i++ {
		switch {
		case rs[i] == q:
			return i, nil
		case q == '"' && rs[i] == '\\' && i+1 < len(rs) && (rs[i+1] == '"' || rs[i+1] == '\\'):
			i++
			to.WriteRune(rs[i])
		default:
			to.WriteRune(rs[i])
		}
	}
	return 0, errors.New("no closing quotation mark")
}
