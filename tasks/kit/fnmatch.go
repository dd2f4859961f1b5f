package kit

import (
	"regexp"
	"strings"
)

// Fnmatch reads a shell's pattern as Python's fnmatch does: * and ? take any
// character, a slash and a leading dot too, and [!x] is any but x.
func Fnmatch(pattern string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	runes := []rune(pattern)
	for i := 0; i < len(runes); i++ {
		switch c := runes[i]; c {
		case '*':
			b.WriteString(`.*`)
		case '?':
			b.WriteString(`.`)
		case '[':
			set, n := fnmatchSet(runes[i:])
			b.WriteString(set)
			i += n
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	b.WriteString(`\z`)
	re, err := regexp.Compile(b.String())
	if err != nil { // a set that is no set ("[z-a]") fits nothing
		return regexp.MustCompile(`[^\x00-\x{10FFFF}]`)
	}
	return re
}

// fnmatchSet reads [abc] at the beginning of p; n is how many characters behind
// the first it takes. A bracket without an end is a bracket.
func fnmatchSet(p []rune) (set string, n int) {
	end := 1
	if end < len(p) && p[end] == '!' {
		end++
	}
	if end < len(p) && p[end] == ']' {
		end++
	}
	for end < len(p) && p[end] != ']' {
		end++
	}
	if end >= len(p) {
		return `\[`, 0
	}
	inner := strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `&&`, `\&\&`).Replace(string(p[1:end]))
	switch {
	case strings.HasPrefix(inner, "!"):
		inner = "^" + inner[1:]
	case strings.HasPrefix(inner, "^"):
		inner = `\` + inner
	}
	return "[" + inner + "]", end
}
