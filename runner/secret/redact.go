package secret

import (
	"bytes"
	"strings"
	"sync"
)

// minRedact is the shortest secret in bytes that the redactor looks for:
// shorter ones would blot out ordinary text. They are still masked by type.
const minRedact = 4

// minLine is the shortest line in bytes of a longer secret that is looked for by
// itself, and the shortest secret that is looked for across line breaks.
const minLine = 8

// maxLines bounds how many lines of one secret are looked for by themselves.
const maxLines = 200

// Redactor masks every secret it has learned in the text that passes it: as it
// is, folded over lines, and in the encodings in which secrets slip out (hex and
// base64 however they are spaced and wrapped; escaped, quoted, percent-encoded,
// as entities). It holds one copy of each, in locked memory, and decodes the text
// instead of encoding the secret. It is a net behind the types, not the plan: what
// it cannot see stands in docs/security.md. Safe for concurrent use.
type Redactor struct {
	mu      sync.RWMutex
	store   arena
	needles [][]byte // in the arena
	// begin finds needles by their first four bytes.
	begin [1 << 12][]int32
}

// NewRedactor returns one that knows no secret yet.
func NewRedactor() *Redactor { return &Redactor{} }

// Add learns a secret, and the lines of a long one; below 4 bytes it is left
// alone.
func (r *Redactor) Add(b []byte) {
	if len(b) < minRedact {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.knows(b) {
		return
	}
	b = r.store.keep(b)
	r.learn(b)
	r.learn(bytes.TrimSpace(b))
	if bytes.IndexByte(bytes.TrimSpace(b), '\n') < 0 {
		return
	}
	n := 0
	for l := range bytes.SplitSeq(b, []byte("\n")) {
		if l = bytes.TrimSpace(l); len(l) >= minLine && n < maxLines {
			r.learn(l)
		}
		n++
	}
}

// AddSealed learns a sealed secret.
func (r *Redactor) AddSealed(s Sealed) {
	_ = s.Use(func(b []byte) error { r.Add(b); return nil })
}

// Wipe forgets all secrets and overwrites them.
func (r *Redactor) Wipe() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.begin[:])
	r.needles = nil
	r.store.wipe()
}

// learn takes in b, which lies in the arena.
func (r *Redactor) learn(b []byte) {
	if len(b) < minRedact || r.knows(b) {
		return
	}
	at := bucket(b[0], b[1], b[2], b[3])
	r.begin[at] = append(r.begin[at], int32(len(r.needles)))
	r.needles = append(r.needles, b)
}

func (r *Redactor) knows(b []byte) bool {
	for _, n := range r.begin[bucket(b[0], b[1], b[2], b[3])] {
		if bytes.Equal(r.needles[n], b) {
			return true
		}
	}
	return false
}

func bucket(a, b, c, d byte) uint32 {
	return (uint32(a) | uint32(b)<<8 | uint32(c)<<16 | uint32(d)<<24) * 2654435761 >> 20
}

// longest is the length of the longest known secret that text has at i, 0 = none.
func longest[T string | []byte](r *Redactor, text T, i int) int {
	best := 0
	for _, n := range r.begin[bucket(text[i], text[i+1], text[i+2], text[i+3])] {
		needle := r.needles[n]
		if len(needle) > best && len(needle) <= len(text)-i && same(needle, text, i) {
			best = len(needle)
		}
	}
	return best
}

func same[T string | []byte](needle []byte, text T, at int) bool {
	for k, b := range needle {
		if text[at+k] != b {
			return false
		}
	}
	return true
}

// search calls found with each place [from, to) of a known secret.
func search[T string | []byte](r *Redactor, text T, found func(from, to int)) {
	for i := 0; i+minRedact <= len(text); i++ {
		if n := longest(r, text, i); n > 0 {
			found(i, i+n)
			i += n - 1
		}
	}
}

// Redact returns s with every known secret masked.
func (r *Redactor) Redact(s string) string {
	hits := r.hits(s)
	if len(hits) == 0 {
		return s
	}
	var out strings.Builder
	end := 0
	for _, h := range hits {
		out.WriteString(s[end:h.from])
		out.WriteString(Mask)
		end = h.to
	}
	out.WriteString(s[end:])
	return out.String()
}

// Find returns the place in bytes of the first known secret, -1 when there is
// none: what tests search outputs with.
func (r *Redactor) Find(b []byte) int {
	if hits := r.hits(string(b)); len(hits) > 0 {
		return hits[0].from
	}
	return -1
}
