// Package guess estimates how long somebody who knows how people make
// passphrases would have to search for one: words, names, common passwords,
// these turned round or spelled with digits, walks on the keyboard, repeats,
// sequences, dates. It counts in guesses, keeps nothing and contacts nothing.
package guess

import (
	"math"
	"unicode"
)

// Bits estimates the strength of a passphrase in bits; inputs are words that its
// guesser would try first. The time grows with the square of its length.
func Bits(p []rune, inputs ...string) float64 {
	e := &estimate{text: p, low: lower(p), words: words(inputs), deep: 1}
	defer clear(e.low)
	return math.Max(0, e.bits())
}

// estimate is one passphrase as it is searched for.
type estimate struct {
	text, low []rune
	words     map[string]int
	deep      int // repeats are looked into once
}

// part is a stretch of the passphrase that a guesser has a better way to than
// trying characters: text[from:to], and the binary logarithm of its guesses.
type part struct {
	from, to int
	bits     float64
}

const (
	charBits = 3.321928094887362 // a character that is guessed by trying: 10
	// moreParts is how many guesses each further part multiplies: a guesser
	// doesn't know of how many parts a passphrase is.
	moreParts = 13.287712379549449 // 10,000
	fewest1   = 3.5849625007211565 // a part of one character: 12
	fewest    = 5.672425341971495  // of more: 51
)

// bits is the cheapest way through the whole text: the product of its parts'
// guesses in each order that they could come in, and what is tried with fewer.
func (e *estimate) bits() float64 {
	n := len(e.text)
	if n == 0 {
		return 0
	}
	ends := make([][]part, n+1)
	for _, p := range e.parts() {
		if p.to-p.from < n {
			p.bits = math.Max(p.bits, least(p.to-p.from))
		}
		ends[p.to] = append(ends[p.to], p)
	}
	// best[to][k]: the cheapest product of k parts that make text[:to]. A stretch
	// of tried characters is a part, too; two of them are never neighbours.
	best := make([][]way, n+1)
	for i := range best {
		best[i] = make([]way, n+1)
		for k := range best[i] {
			best[i][k] = way{known: math.Inf(1), tried: math.Inf(1)}
		}
	}
	best[0][0].known = 0
	for to := 1; to <= n; to++ {
		for k := 1; k <= to; k++ {
			e.cheapest(best, ends[to], to, k)
		}
	}
	return e.total(best[n])
}

// way is the cheapest product whose last part is known, or tried by character.
type way struct{ known, tried float64 }

func (w way) least() float64 { return math.Min(w.known, w.tried) }

func (e *estimate) cheapest(best [][]way, ends []part, to, k int) {
	w := &best[to][k]
	for _, p := range ends {
		w.known = math.Min(w.known, best[p.from][k-1].least()+p.bits)
	}
	for from := range to {
		bits := math.Max(float64(to-from)*charBits, least(to-from))
		w.tried = math.Min(w.tried, best[from][k-1].known+bits)
	}
}

func (e *estimate) total(ways []way) float64 {
	all, orders := math.Inf(1), 0.0
	for k := 1; k < len(ways); k++ {
		orders += math.Log2(float64(k))
		all = math.Min(all, plus(ways[k].least()+orders, moreParts*float64(k-1)))
	}
	return all
}

// plus adds two numbers of which the logarithms are given.
func plus(a, b float64) float64 {
	if math.IsInf(a, 1) || math.IsInf(b, 1) {
		return math.Inf(1)
	}
	return math.Max(a, b) + math.Log2(1+math.Exp2(-math.Abs(a-b)))
}

// least is what a part in a longer text costs at least.
func least(length int) float64 {
	if length == 1 {
		return fewest1
	}
	return fewest
}

func lower(text []rune) []rune {
	out := make([]rune, len(text))
	for i, r := range text {
		out[i] = unicode.ToLower(r)
	}
	return out
}

// parts are all stretches that a guesser has a better way to.
func (e *estimate) parts() []part {
	out := e.listed()
	out = append(out, e.walks()...)
	out = append(out, e.sequences()...)
	out = append(out, e.numbers()...)
	if e.deep > 0 {
		out = append(out, e.repeats()...)
	}
	return out
}
