// Package pystr is what Python's str does and Go's strings do differently:
// white space, the case of letters by Unicode's full rules, splitting, padding,
// and the yes-or-no questions.
package pystr

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// Tests are the questions by their names in Python: isalpha, isdigit, …
func Tests() map[string]func(string) bool {
	digit := func(r rune) bool { return unicode.Is(unicode.Nd, r) || unicode.Is(unicode.No, r) && isDigitLike(r) }
	return map[string]func(string) bool{
		"isalpha":      every(unicode.IsLetter),
		"isdigit":      every(digit),
		"isdecimal":    every(func(r rune) bool { return unicode.Is(unicode.Nd, r) }),
		"isnumeric":    every(unicode.IsNumber),
		"isalnum":      every(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }),
		"isspace":      every(Space),
		"isprintable":  func(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 },
		"isascii":      func(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r > 0x7f }) < 0 },
		"islower":      func(s string) bool { return hasCased(s) && Lower(s) == s },
		"isupper":      func(s string) bool { return hasCased(s) && Upper(s) == s },
		"istitle":      func(s string) bool { return hasCased(s) && Title(s) == s },
		"isidentifier": isIdentifier,
	}
}

// isDigitLike are superscripts and circled digits, which Python counts as
// digits without a decimal value.
func isDigitLike(r rune) bool {
	return r == 0xb2 || r == 0xb3 || r == 0xb9 || r >= 0x2070 && r <= 0x2089 || r >= 0x2460 && r <= 0x2468
}

func every(f func(rune) bool) func(string) bool {
	return func(s string) bool {
		return s != "" && strings.IndexFunc(s, func(r rune) bool { return !f(r) }) < 0
	}
}

func hasCased(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return unicode.IsUpper(r) || unicode.IsLower(r) || unicode.IsTitle(r) }) >= 0
}

func isIdentifier(s string) bool {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return false
		}
	}
	return s != ""
}

// Space reports what str.isspace() and strip() take as white space.
func Space(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// Upper is str.upper(), by Unicode's full rules: one letter may become several.
func Upper(s string) string {
	if isASCII(s) {
		return strings.ToUpper(s)
	}
	return cases.Upper(language.Und).String(s)
}

// Lower is str.lower().
func Lower(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	return cases.Lower(language.Und).String(s)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] > 0x7f {
			return false
		}
	}
	return true
}

// Casefold is str.casefold().
func Casefold(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	return cases.Fold().String(s)
}

// UpperRune is one letter in capitals, which may be several.
func UpperRune(r rune) string {
	if r < 0x80 {
		return string(unicode.ToUpper(r))
	}
	return cases.Upper(language.Und).String(string(r))
}

func titleRune(r rune) string {
	if r < 0x80 {
		return string(unicode.ToUpper(r))
	}
	return cases.Title(language.Und, cases.NoLower).String(string(r))
}

// Capitalize is str.capitalize().
func Capitalize(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return titleRune(r) + Lower(s[n:])
}

// Title is str.title(): a letter behind anything that is no letter is large.
func Title(s string) string {
	var b strings.Builder
	inWord := false
	for _, r := range s {
		if inWord {
			b.WriteRune(unicode.ToLower(r))
		} else {
			b.WriteString(titleRune(r))
		}
		inWord = unicode.IsUpper(r) || unicode.IsLower(r) || unicode.IsTitle(r)
	}
	return b.String()
}

// Swapcase is str.swapcase().
func Swapcase(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsUpper(r) {
			b.WriteRune(unicode.ToLower(r))
		} else {
			b.WriteString(UpperRune(r))
		}
	}
	return b.String()
}
