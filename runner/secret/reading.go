package secret

import (
	"cmp"
	"slices"
)

// hit is a stretch of a text that holds a secret.
type hit struct{ from, to int }

// reading is a text as somebody would read it who knows one encoding: bytes, and
// where each of them begins and ends in the text. Without places it is the text
// itself.
type reading struct {
	b        []byte
	from, to []int32
}

// begins is where the byte at i begins in the text.
func (d *reading) begins(i int) int {
	if d.from == nil {
		return i
	}
	return int(d.from[i])
}

// ends is where the byte at i ends in the text.
func (d *reading) ends(i int) int {
	if d.to == nil {
		return i + 1
	}
	return int(d.to[i])
}

func (d *reading) add(b byte, from, to int) {
	d.b, d.from, d.to = append(d.b, b), append(d.from, int32(from)), append(d.to, int32(to))
}

// wipe overwrites what was read: it may be a secret.
func (d *reading) wipe() { clear(d.b); d.b, d.from, d.to = d.b[:0], d.from[:0], d.to[:0] }

// window is how many bytes are read at once: a reading takes ten times its size.
const window = 256 << 10

// widest is how many bytes one byte of a secret may take in an encoding.
const widest = 12

// look is one search of a text: what was found, and room that is used again.
type look struct {
	*Redactor
	out []hit
	run []digit
	in  reading
}

// hits are the stretches of s that hold secrets, in order and apart.
func (r *Redactor) hits(s string) []hit {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(r.needles) == 0 || len(s) < minRedact {
		return nil
	}
	l := &look{Redactor: r}
	search(r, s, func(from, to int) { l.out = append(l.out, hit{from, to}) })
	most := 0
	for _, n := range r.needles {
		most = max(most, len(n)*widest)
	}
	size := max(window, 2*most)
	for at := 0; ; at += size - most {
		plain := reading{b: []byte(s[at:min(len(s), at+size)])}
		found := len(l.out)
		l.layers(&plain, 0)
		for i := range l.out[found:] {
			l.out[found+i].from += at
			l.out[found+i].to += at
		}
		plain.wipe()
		if at+size >= len(s) {
			clear(l.run[:cap(l.run)])
			return joined(l.out)
		}
	}
}

// layers is how often text is escaped within escaped text at most.
const layers = 3

// layers looks through a text and through what it says once its escapes are
// read: output in JSON within a report in JSON or XML.
func (l *look) layers(d *reading, deep int) {
	if deep > 0 {
		l.through(d, 0)
	}
	l.codes(d)
	if deep == layers {
		return
	}
	for _, read := range [...]func(*reading) *reading{backslashes, entities} {
		if in := read(d); in != nil {
			l.layers(in, deep+1)
			in.wipe()
		}
	}
}

// codes looks through a text in the encodings that aren't read twice.
func (l *look) codes(d *reading) {
	for _, read := range [...]func(*reading) *reading{percents, pluses, printable, quotes, singles, doubles, colours} {
		if in := read(d); in != nil {
			l.through(in, 0)
			in.wipe()
		}
	}
	if in := folded(d); in != nil {
		l.through(in, minLine)
		in.wipe()
	}
	for _, read := range [...]func(*reading) *reading{items, prefixed, prefixedItems} {
		if in := read(d); in != nil {
			l.through(in, minLine)
			l.digits(in)
			in.wipe()
		}
	}
	l.digits(d)
}

// digits looks for bytes that are written as numbers.
func (l *look) digits(d *reading) {
	l.nibbles(d)
	l.sextets(d)
	l.decimals(d)
}

// through adds what a reading holds, secrets below least bytes left out.
func (l *look) through(d *reading, least int) {
	search(l.Redactor, d.b, func(from, to int) {
		if to-from >= least {
			l.out = append(l.out, hit{d.begins(from), d.ends(to - 1)})
		}
	})
}

// joined sorts hits and makes one of those that touch.
func joined(hits []hit) []hit {
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to)) })
	out := hits[:0]
	for _, h := range hits {
		if n := len(out); n > 0 && h.from < out[n-1].to {
			out[n-1].to = max(out[n-1].to, h.to)
			continue
		}
		out = append(out, h)
	}
	return out
}
