package guess

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
)

// packed is what guessers try first: common passwords, English words and names,
// one a line, the likeliest first (LICENSE.words says where they are from).
//
//go:embed words.gz
var packed []byte

// lists is of how many lists of about one length the words were merged: a guesser
// who begins with the right one is so much faster.
const lists = 4

// words are the ranks of the likeliest words, from 1, with the user's own on
// top. They are read when they are asked for: nothing else pays for them.
func words(inputs []string) map[string]int {
	out := make(map[string]int, 1<<17)
	// The list is a part of the program: it cannot be broken, a test reads it.
	if r, err := gzip.NewReader(bytes.NewReader(packed)); err == nil {
		for lines := bufio.NewScanner(r); lines.Scan(); {
			out[lines.Text()] = len(out)/lists + 1
		}
	}
	for i, w := range inputs {
		if w := lower([]rune(w)); len(w) > 0 {
			out[string(w)] = i + 1
		}
	}
	return out
}
