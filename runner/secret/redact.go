package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/url"
	"sort"
	"strings"
	"sync"
)

// minRedact is the shortest secret in bytes that the redactor looks for:
// shorter ones would blot out ordinary text. They are still masked by type.
const minRedact = 4

// Redactor masks every secret it has learned in the text that passes it, raw
// and in the encodings in which secrets slip out: hex, base64, quoted, escaped.
// It is a net behind the types, not the plan. Safe for concurrent use.
type Redactor struct {
	mu      sync.RWMutex
	needles [][]byte // longest first
	known   map[string]bool
}

// NewRedactor returns one that knows no secret yet.
func NewRedactor() *Redactor { return &Redactor{known: map[string]bool{}} }

// minLine is the shortest line in bytes of a longer secret that is looked for by
// itself: outputs are often shown line by line.
const minLine = 8

// maxLines bounds how many lines of one secret are looked for by themselves.
const maxLines = 200

// Add learns a secret and its encodings, and the lines of a long one; below 4
// bytes it is left alone.
func (r *Redactor) Add(b []byte) {
	if len(b) < minRedact {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := encodings(b)
	if bytes.IndexByte(bytes.TrimSpace(b), '\n') >= 0 {
		all = append(all, strings.TrimSpace(string(b)))
		for i, l := range bytes.Split(b, []byte("\n")) {
			if l = bytes.TrimSpace(l); len(l) >= minLine && i < maxLines {
				all = append(all, encodings(l)...)
			}
		}
	} else if t := bytes.TrimSpace(b); len(t) < len(b) {
		all = append(all, encodings(t)...)
	}
	for _, n := range all {
		if len(n) >= minRedact && !r.known[n] {
			r.known[n] = true
			r.needles = append(r.needles, []byte(n))
		}
	}
	sort.SliceStable(r.needles, func(i, j int) bool { return len(r.needles[i]) > len(r.needles[j]) })
}

// AddSealed learns a sealed secret.
func (r *Redactor) AddSealed(s Sealed) {
	_ = s.Use(func(b []byte) error { r.Add(b); return nil })
}

func encodings(b []byte) []string {
	s := string(b)
	out := []string{
		s, hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)),
		"'" + strings.ReplaceAll(s, "'", `'"'"'`) + "'", strings.ReplaceAll(s, "'", `'\''`),
		url.QueryEscape(s), url.PathEscape(s),
	}
	if js, err := json.Marshal(s); err == nil {
		out = append(out, string(js[1:len(js)-1]))
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		for shift := range 3 {
			out = append(out, aligned(enc, b, shift))
		}
	}
	return out
}

// aligned is the part of b's base64 that does not depend on its neighbours
// when b begins shift bytes into a group of three.
func aligned(enc *base64.Encoding, b []byte, shift int) string {
	full := enc.WithPadding(base64.NoPadding).EncodeToString(append(make([]byte, shift), b...))
	first := []int{0, 2, 3}[shift]
	last := (shift + len(b)) / 3 * 4
	if last <= first {
		return ""
	}
	return full[first:last]
}

// Redact returns s with every known secret masked.
func (r *Redactor) Redact(s string) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, n := range r.needles {
		if strings.Contains(s, string(n)) {
			s = strings.ReplaceAll(s, string(n), Mask)
		}
	}
	return s
}

// Find returns the place in bytes of the first known secret, -1 when there is
// none: what tests search outputs with.
func (r *Redactor) Find(b []byte) int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	best := -1
	for _, n := range r.needles {
		if i := bytes.Index(b, n); i >= 0 && (best < 0 || i < best) {
			best = i
		}
	}
	return best
}

// Writer masks what is written through it, also a secret that is split over
// two writes: up to the longest secret's length is held back until Close.
func (r *Redactor) Writer(w io.Writer) io.WriteCloser { return &writer{r: r, w: w} }

type writer struct {
	r    *Redactor
	w    io.Writer
	held []byte
}

func (w *writer) Write(p []byte) (int, error) {
	w.held = append(w.held, p...)
	text := []byte(w.r.Redact(string(w.held)))
	keep := w.r.tail(text)
	if _, err := w.w.Write(text[:len(text)-keep]); err != nil {
		return 0, err
	}
	w.held = append(w.held[:0], text[len(text)-keep:]...)
	return len(p), nil
}

// Close writes what was held back; it does not close the writer beneath.
func (w *writer) Close() error {
	_, err := w.w.Write([]byte(w.r.Redact(string(w.held))))
	w.held = nil
	return err
}

// tail is how many bytes at the end of text could begin a secret.
func (r *Redactor) tail(text []byte) int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	most := 0
	for _, n := range r.needles {
		for k := min(len(n)-1, len(text)); k > most; k-- {
			if bytes.HasPrefix(n, text[len(text)-k:]) {
				most = k
			}
		}
	}
	return most
}
