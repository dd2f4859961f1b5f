package pystr

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// SplitSpace is str.split() and, from the last, rsplit(): it cuts at runs of
// white space, limit times (below 0: as often as there are); the rest keeps its
// inner ones.
func SplitSpace(s string, limit int, last bool) []string {
	if limit < 0 {
		return strings.FieldsFunc(s, Space)
	}
	var out []string
	if last {
		for s = strings.TrimRightFunc(s, Space); s != ""; s = strings.TrimRightFunc(s, Space) {
			i := strings.LastIndexFunc(s, Space)
			if len(out) == limit || i < 0 {
				out = append(out, s)
				break
			}
			out, s = append(out, s[i+1:]), s[:i]
		}
		slices.Reverse(out)
		return out
	}
	for s = strings.TrimLeftFunc(s, Space); s != ""; s = strings.TrimLeftFunc(s, Space) {
		i := strings.IndexFunc(s, Space)
		if len(out) == limit || i < 0 {
			return append(out, s)
		}
		out, s = append(out, s[:i]), s[i:]
	}
	return out
}

// SplitOn is str.split(sep, limit) and, from the last, rsplit().
func SplitOn(s, sep string, limit int, last bool) []string {
	if limit < 0 {
		return strings.Split(s, sep)
	}
	if !last {
		return strings.SplitN(s, sep, limit+1)
	}
	var out []string
	for len(out) < limit {
		i := strings.LastIndex(s, sep)
		if i < 0 {
			break
		}
		out, s = append(out, s[i+len(sep):]), s[:i]
	}
	out = append(out, s)
	slices.Reverse(out)
	return out
}

// isLineEnd reports what str.splitlines() cuts at.
func isLineEnd(r rune) bool {
	return r == '\n' || r == '\r' || r == '\v' || r == '\f' || r >= 0x1c && r <= 0x1e || r == 0x85 || r == 0x2028 || r == 0x2029
}

// SplitLines is str.splitlines().
func SplitLines(s string, keepEnds bool) []string {
	var out []string
	for s != "" {
		i := strings.IndexFunc(s, isLineEnd)
		if i < 0 {
			return append(out, s)
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		if strings.HasPrefix(s[i:], "\r\n") {
			n = 2
		}
		line := s[:i]
		if keepEnds {
			line = s[:i+n]
		}
		out, s = append(out, line), s[i+n:]
	}
	return out
}

// Cut keeps the first n characters, all when n is below 0.
func Cut(s string, n int) string {
	if n < 0 {
		return s
	}
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// Padding brings text to a width (in characters) of which so many are missing.
type Padding func(s, fill string, missing, width int) string

// PadLeft is str.rjust().
func PadLeft(s, fill string, missing, _ int) string { return strings.Repeat(fill, missing) + s }

// PadRight is str.ljust().
func PadRight(s, fill string, missing, _ int) string { return s + strings.Repeat(fill, missing) }

// PadCenter is str.center(), with the odd blank where that puts it.
func PadCenter(s, fill string, missing, width int) string {
	left := missing/2 + missing&width&1
	return strings.Repeat(fill, left) + s + strings.Repeat(fill, missing-left)
}
