package inifile

import (
	"strings"
	"testing"
)

// FuzzRead reads any text in every way in which the lookup reads it.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"[a]\nb = %(c)s\n d\n[DEFAULT]\nc: 1", "[", "[]\n=", "a=1", "[a]\n a\n\n b", "[a]\nb=%(b)s", "[a]\nb=%%(c)s%", "[a]\n;c\n#d\nbare", strings.Repeat("[a]\nx=%(y)s\n", 50)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range []*File{{}, {Fold: true}, {Bare: true}, {Fold: true, Bare: true}} {
			_ = r.Read(text)
		}
	})
}
