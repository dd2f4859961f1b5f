package custody

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"remoterun/runner/play"
	"remoterun/runner/secret"
	"remoterun/tasks/tde/seal"
	"remoterun/tasks/tde/tdetest"
)

func TestCheckPassphrase(t *testing.T) {
	for pass, ok := range map[string]bool{
		"":                        false,
		"password":                false,
		"Tr0ub4dor&3":             false,
		"web1web1web1web1web1":    false,
		strings.Repeat("ab", 100): false,
		"k3$Vq9!zTw#8LmX2pR7n":    true,
		"drizzle umbrella kettle frost pylon vagus":         true,
		"two\nlines of words that are many enough":          false,
		"Sahne-Äpfel: 17 rosa Dampflokomotiven üben Jodeln": true,
		"\xff\xfe\x01\x80\x99":                              false,
	} {
		if err := seal.CheckPassphrase(tdetest.Passphrase(pass), "sync", "web1"); (err == nil) != ok {
			t.Errorf("%q: %v, want ok=%v", pass, err, ok)
		}
	}
}

func TestDicewareIsStrongByItsOwnRule(t *testing.T) {
	seen := map[string]bool{}
	for range 20 {
		s, err := seal.Diceware(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if err := seal.CheckPassphrase(s); err != nil {
			t.Error(err)
		}
		_ = s.Use(func(b []byte) error { seen[string(b)] = true; return nil })
	}
	if len(seen) != 20 {
		t.Errorf("%d different ones of 20", len(seen))
	}
}

func TestPassphraseNote(t *testing.T) {
	if seal.PassphraseNote(tdetest.Passphrase("u\u0308ber")) == "" || seal.PassphraseNote(tdetest.Passphrase("über")) != "" {
		t.Error("the note is for decomposed text only")
	}
}

// offering is a typist that can show.
type offering struct{ *tdetest.Typist }

func (p offering) Show(_ context.Context, _ string, s secret.Sealed) error { p.Shown = s; return nil }

func TestNewPassphrase(t *testing.T) {
	const good, first, second, third, back = "correct horse battery staple quince", "tde new passphrase", "tde new passphrase 2", "tde new passphrase 3", "tde new passphrase typed back"
	const weak = "passphrase: about 4 bits by estimate, at least 60 are needed: add words, or press Enter at the prompt to be given six"
	for name, c := range map[string]struct {
		answers map[string]string
		offers  bool
		want    string // "" = the one that was shown
		asked   int
		err     string
	}{
		"typed":                        {map[string]string{first: good}, true, good, 1, ""},
		"weak at first":                {map[string]string{first: "12", second: good}, true, good, 2, ""},
		"weak at first, then made":     {map[string]string{first: "12", second: "", back: "as shown"}, true, "", 3, ""},
		"weak each time":               {map[string]string{first: "12", second: "sync", third: "1"}, true, "", 3, weak},
		"weak, and nobody to ask more": {map[string]string{first: "1"}, true, "", 2, weak + " (not asked again: no terminal)"},
		"nobody to ask":                {nil, true, "", 1, "no terminal"},
		"made and typed back":          {map[string]string{first: "", back: "as shown"}, true, "", 2, ""},
		"made and typed back wrong":    {map[string]string{first: "", back: "not it"}, true, "", 2, "passphrase: what was typed back differs from what was shown"},
		"nothing, and none is offered": {map[string]string{first: "", second: good}, false, good, 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ty := &tdetest.Typist{Answers: c.answers}
			var p play.Prompter = ty
			if c.offers {
				p = offering{ty}
			}
			got, err := newPassphrase(t.Context(), p, rand.Reader, "sync")
			if said := fmt.Sprint(err); c.err != "" && said != c.err || c.err == "" && err != nil {
				t.Fatalf("error %v, want %q", err, c.err)
			}
			if len(ty.Asked) != c.asked {
				t.Errorf("asked %q", ty.Asked)
			}
			want := ty.Shown
			if c.want != "" {
				want = tdetest.Passphrase(c.want)
			}
			if c.err == "" && !got.Equal(want) {
				t.Error("another passphrase came back")
			}
		})
	}
}
