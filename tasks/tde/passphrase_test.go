package tde

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"remoterun/runner/play"
	"remoterun/runner/secret"
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
		if err := CheckPassphrase(passphrase(pass), "sync", "web1"); (err == nil) != ok {
			t.Errorf("%q: %v, want ok=%v", pass, err, ok)
		}
	}
}

func TestDicewareIsStrongByItsOwnRule(t *testing.T) {
	seen := map[string]bool{}
	for range 20 {
		s, err := Diceware(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckPassphrase(s); err != nil {
			t.Error(err)
		}
		_ = s.Use(func(b []byte) error { seen[string(b)] = true; return nil })
	}
	if len(seen) != 20 {
		t.Errorf("%d different ones of 20", len(seen))
	}
}

func TestPassphraseNote(t *testing.T) {
	if passphraseNote(passphrase("u\u0308ber")) == "" || passphraseNote(passphrase("über")) != "" {
		t.Error("the note is for decomposed text only")
	}
}

// typist answers secret prompts in order, by key; it can show secrets.
type typist struct {
	answers map[string]string
	asked   []string
	texts   []string
	shown   secret.Sealed
}

var errNoTerminal = errors.New("no terminal")

func (p *typist) Ask(context.Context, play.Ask) (string, error) { return "", errNoTerminal }

func (p *typist) Secret(_ context.Context, a play.Ask) (secret.Sealed, error) {
	p.asked, p.texts = append(p.asked, a.Key), append(p.texts, a.Text)
	if a.Key == "tde new passphrase typed back" && p.answers[a.Key] == "as shown" {
		return p.shown.Clone(), nil
	}
	s, ok := p.answers[a.Key]
	if !ok {
		return secret.Sealed{}, errNoTerminal
	}
	return passphrase(s), nil
}

// offering is a typist that can show.
type offering struct{ *typist }

func (p offering) Show(_ context.Context, _ string, s secret.Sealed) error { p.shown = s; return nil }

func TestNewPassphrase(t *testing.T) {
	for name, c := range map[string]struct {
		first, back string
		offers      bool
		want, err   string
	}{
		"typed":                        {first: "my own", want: "my own"},
		"made and typed back":          {back: "as shown", offers: true},
		"made and typed back wrong":    {back: "not it", offers: true, err: "differs"},
		"nothing, and nobody to offer": {want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			ty := &typist{answers: map[string]string{"tde new passphrase": c.first, "tde new passphrase typed back": c.back}}
			var p play.Prompter = ty
			if c.offers {
				p = offering{ty}
			}
			got, err := newPassphrase(t.Context(), p, rand.Reader)
			if c.err != "" {
				outcome(t, c.err, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.offers && !got.Equal(ty.shown) || !c.offers && !got.Equal(passphrase(c.want)) && c.want != "" {
				t.Error("another passphrase came back")
			}
		})
	}
}
