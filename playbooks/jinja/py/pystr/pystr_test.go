package pystr

import (
	"slices"
	"testing"
)

// TestText holds what Python 3.11 answers.
func TestText(t *testing.T) {
	tests := []struct{ name, got, want string }{
		{"upper makes two letters", Upper("straße"), "STRASSE"},
		{"lower", Lower("ÄΣ"), "äς"},
		{"casefold", Casefold("Straße"), "strasse"},
		{"capitalize", Capitalize("ǆABC"), "ǅabc"},
		{"capitalize nothing", Capitalize(""), ""},
		{"title", Title("they're bill's"), "They'Re Bill'S"},
		{"swapcase", Swapcase("aBß"), "AbSS"},
		{"center, odd width", PadCenter("ab", "*", 3, 5), "**ab*"},
		{"center, even width", PadCenter("abc", "*", 3, 6), "*abc**"},
		{"left", PadLeft("a", ".", 2, 3), "..a"},
		{"right", PadRight("a", ".", 2, 3), "a.."},
		{"cut", Cut("äöü", 2), "äö"},
		{"cut nothing", Cut("äöü", -1), "äöü"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, tt.got, tt.want)
		}
	}
}

func TestSplit(t *testing.T) {
	tests := []struct {
		name      string
		got, want []string
	}{
		{"white space", SplitSpace(" a\u00a0b\x1cc ", -1, false), []string{"a", "b", "c"}},
		{"once", SplitSpace(" a  b c ", 1, false), []string{"a", "b c "}},
		{"once from the end", SplitSpace(" a  b c ", 1, true), []string{" a  b", "c"}},
		{"on text", SplitOn("a,b,c", ",", 1, false), []string{"a", "b,c"}},
		{"on text from the end", SplitOn("a,b,c", ",", 1, true), []string{"a,b", "c"}},
		{"on text, no limit", SplitOn("a,,c", ",", -1, true), []string{"a", "", "c"}},
		{"lines", SplitLines("a\r\nb\u2028c\n", false), []string{"a", "b", "c"}},
		{"lines with ends", SplitLines("a\r\nb\n", true), []string{"a\r\n", "b\n"}},
	}
	for _, tt := range tests {
		if !slices.Equal(tt.got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, tt.got, tt.want)
		}
	}
}

func TestQuestions(t *testing.T) {
	for name, c := range map[string]struct{ yes, no []string }{
		"isalpha":      {[]string{"aä"}, []string{"", "a1"}},
		"isdigit":      {[]string{"1²①"}, []string{"½", "", "-1"}},
		"isdecimal":    {[]string{"1٣"}, []string{"²", ""}},
		"isnumeric":    {[]string{"½"}, []string{"1.0"}},
		"isspace":      {[]string{" \x1f\u2003"}, []string{""}},
		"isprintable":  {[]string{"", "ä"}, []string{"\n"}},
		"isascii":      {[]string{"", "a"}, []string{"ä"}},
		"islower":      {[]string{"a1"}, []string{"1", "aB"}},
		"isupper":      {[]string{"A1"}, []string{"", "Ab"}},
		"istitle":      {[]string{"Ab C"}, []string{"ab", "AB"}},
		"isidentifier": {[]string{"_a1", "ä"}, []string{"1a", "", "a-b"}},
		"isalnum":      {[]string{"a1"}, []string{"a b"}},
	} {
		is, ok := Tests()[name]
		if !ok {
			t.Fatalf("no %s", name)
		}
		for _, s := range c.yes {
			if !is(s) {
				t.Errorf("%q is not %s", s, name)
			}
		}
		for _, s := range c.no {
			if is(s) {
				t.Errorf("%q is %s", s, name)
			}
		}
	}
}
