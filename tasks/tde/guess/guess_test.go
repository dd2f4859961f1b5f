package guess

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestBits: about what others who estimate it in this way say (zxcvbn: within
// some bits).
func TestBits(t *testing.T) {
	for text, about := range map[string]float64{
		"":                            0,
		"1":                           3.6,
		"password":                    2,
		"drowssap":                    3,
		"P@ssw0rd":                    5,
		"Tr0ub4dor&3":                 36.5,
		"web1":                        2,
		"web1web1web1web1web1":        4,
		strings.Repeat("ab", 50):      10,
		"qwertyuiop":                  6,
		"zxcvfr4321":                  21,
		"13.12.1999":                  17,
		"abcdefgh":                    6,
		"aaaaaaa":                     6.4,
		"jennifersmith1987":           26.6,
		"sync2024!":                   23,
		"k3$Vq9!zTw#8LmX2pR7n":        66.4,
		"correcthorse":                22,
		"hello my name is john":       54,
		"unlock the database now":     58,
		"correct horse battery stapl": 70,
		"drizzle umbrella kettle frost pylon vagus": 119,
	} {
		if got := Bits([]rune(text), "sync", "web1"); math.Abs(got-about) > 3 {
			t.Errorf("%q: %.1f bits, want about %.1f", text, got, about)
		}
	}
}

// TestBitsOfAnything: no text is worth more than trying its characters, and none
// less than nothing.
func TestBitsOfAnything(t *testing.T) {
	const signs = "aAeE1234567890!$@ .-/qwertyüß漢\x00\u0301"
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		text := make([]rune, r.IntN(40))
		for i := range text {
			text[i] = []rune(signs)[r.IntN(len([]rune(signs)))]
		}
		if got, most := Bits(text), float64(len(text))*charBits+1; got < 0 || got > most || math.IsNaN(got) {
			t.Errorf("seed %d, %q: %g bits, at most %g", seed, string(text), got, most)
		}
	}
}

// TestWords: the whole list is read, its first words first.
func TestWords(t *testing.T) {
	w := words([]string{"Mine"})
	if len(w) < 77000 || w["mine"] != 1 || w["password"] > 4 || w["dragon"] > 20 || w["dragon"] < 2 {
		t.Errorf("%d words, mine is %d, dragon %d", len(w), w["mine"], w["dragon"])
	}
}
