package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/sethvargo/go-diceware/diceware"
	"golang.org/x/text/unicode/norm"

	"remoterun/runner/secret"
	"remoterun/tasks/tde/guess"
)

const (
	// MinBits is the least estimated strength of a new passphrase in bits.
	MinBits = 60
	// estimateLimit is how many characters are estimated: the estimator's time grows
	// with the square, and what is left out only makes a passphrase stronger.
	estimateLimit = 100
	wordCount     = 6 // 77 bits
)

// PassphraseBits estimates how many bits a guesser has to search; inputs are
// words that such a guesser would try first (project, host).
func PassphraseBits(p []byte, inputs ...string) float64 {
	if !utf8.Valid(p) {
		// The estimator works on text; count bytes that are none as if each were one
		// of a small alphabet.
		return float64(len(p)) * 3
	}
	text := make([]rune, 0, estimateLimit)
	defer func() { clear(text) }()
	for len(p) > 0 && len(text) < estimateLimit {
		r, n := utf8.DecodeRune(p)
		text, p = append(text, r), p[n:]
	}
	return guess.Bits(text, inputs...)
}

// CheckPassphrase refuses a new passphrase that is too easy to guess, or that
// could not be typed for openssl (a NUL or newline in it).
func CheckPassphrase(s secret.Sealed, inputs ...string) error {
	return s.Use(func(p []byte) error {
		if bytes.ContainsAny(p, "\x00\n\r") {
			return errors.New("passphrase: it holds a newline or NUL byte")
		}
		if bits := PassphraseBits(p, inputs...); bits < MinBits {
			return fmt.Errorf("passphrase: about %.0f bits by estimate, at least %d are needed: add words, or press Enter at the prompt to be given six", bits, MinBits)
		}
		return nil
	})
}

// PassphraseNote is what the operator should know about how it is written.
func PassphraseNote(s secret.Sealed) (note string) {
	_ = s.Use(func(p []byte) error {
		if utf8.Valid(p) && !norm.NFC.IsNormal(p) {
			note = "the passphrase is not in Unicode's composed form (NFC): another keyboard or system may send other bytes for the same characters"
		}
		return nil
	})
	return note
}

// Diceware makes a passphrase of six words, joined by spaces.
func Diceware(random io.Reader) (secret.Sealed, error) {
	g, err := diceware.NewGenerator(&diceware.GeneratorInput{WordList: diceware.WordListEffLarge(), RandReader: random})
	if err != nil {
		return secret.Sealed{}, err
	}
	words, err := g.Generate(wordCount)
	if err != nil {
		return secret.Sealed{}, err
	}
	return secret.New([]byte(strings.Join(words, " "))), nil
}
