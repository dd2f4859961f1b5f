package pyre

import "testing"

// FuzzRegexp compiles any pattern in every way and lets it search and replace.
func FuzzRegexp(f *testing.F) {
	for _, s := range []string{`^(\w)+?$`, `(?P<n>[`, `(?i)[^\]]{2,}`, `\g<1>(?P=n)`, `(a)|b\1`, `(?<=a)b(?!c)`, `[[:alpha:]]`, `x{9999999999}`, `((((((a*)*)*)*)*)*)*b`, `\N{DIGIT ONE}`, `\`, `[z-a]`, `(?#c)(?x) a # b`} {
		f.Add(s, "aaaaaaaaaaaaaaaaaaaaaaaaab1", `<\1\g<0>\g<n>\`)
	}
	f.Fuzz(func(t *testing.T, pattern, text, with string) {
		var c Cache
		for _, how := range []How{Search, Match, FullMatch} {
			re, err := c.Compile(pattern, how, Flags{IgnoreCase: len(text)%2 == 0, Multiline: len(with)%2 == 0})
			if err != nil {
				continue
			}
			tmpl, terr := re.Template(with)
			n := 0
			for m, err := re.Find(text); m != nil && err == nil && n < 50; m, err = m.Next() {
				n++
				from, to := m.Span()
				if from > to || to > len([]rune(text)) {
					t.Fatalf("a match from %d to %d in %d characters", from, to, len([]rune(text)))
				}
				if terr == nil {
					_ = tmpl.Expand(m)
				}
			}
		}
	})
}
