package sh

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
)

// Follower reads what a batch prints while it runs: which links have passed. Parse
// reads the whole of it at the end, and is stricter.
type Follower struct {
	b        Batch
	key      []byte
	out, err int // bytes that are read of each stream
	link     int
	ran      []Ran
	over     bool
	// steps is set while steps run, and not questions.
	steps atomic.Bool
}

// Follow begins to read a batch of this nonce.
func (b Batch) Follow(nonce string) *Follower {
	f := &Follower{b: b, key: []byte(nonce + " "), over: len(b.Chain) == 0}
	f.enter()
	return f
}

// Asking reports whether questions run now, as far as More has read; it may be
// called beside it.
func (f *Follower) Asking() bool { return !f.steps.Load() }

// enter notes what the link that is next does first.
func (f *Follower) enter() {
	f.steps.Store(!f.over && len(f.b.Chain[f.link].Guard) == 0)
}

// Passed is how many links have passed whole.
func (f *Follower) Passed() int { return f.link }

// More reads on; both are all that came since the batch was sent. It calls told
// for each link that has passed whole, with what its steps gave.
func (f *Follower) More(stdout, stderr []byte, told func(link int, steps []Ran)) {
	for !f.over && len(stdout) >= f.out {
		text, mark, end := f.mark(stdout, f.out)
		if end < 0 {
			return
		}
		switch {
		case mark == fmt.Sprintf("l %d", f.link) && len(f.ran) == len(f.b.Chain[f.link].Steps):
			told(f.link, f.ran)
			f.link, f.ran = f.link+1, nil
			f.over = f.link == len(f.b.Chain)
			f.enter()
		case mark == fmt.Sprintf("b %d", f.link) && f.b.Chain[f.link].begins():
			f.steps.Store(true)
		case strings.HasPrefix(mark, fmt.Sprintf("s %d %d ", f.link, len(f.ran))):
			if !f.step(text, mark, stderr) {
				return // its words on stderr are still to come
			}
		default: // the chain stopped, or does not keep to its marks
			f.over = true
			f.steps.Store(false)
		}
		f.out = end
	}
}

// mark finds the next mark behind a place: the text before it, and where it ends.
func (f *Follower) mark(stream []byte, at int) (text []byte, mark string, end int) {
	i := bytes.Index(stream[at:], f.key)
	if i < 0 {
		return nil, "", -1
	}
	begin := at + i + len(f.key)
	nl := bytes.IndexByte(stream[begin:], '\n')
	if nl < 0 {
		return nil, "", -1
	}
	return stream[at : at+i], string(stream[begin : begin+nl]), begin + nl + 1
}

// step takes one step; it reports whether stderr has its mark already.
func (f *Follower) step(stdout []byte, mark string, stderr []byte) bool {
	words := strings.Fields(mark)
	status, err := strconv.ParseUint(words[len(words)-1], 10, 8)
	if err != nil || status != 0 {
		f.over = true
		f.steps.Store(false)
		return true
	}
	if len(stderr) < f.err {
		return false
	}
	text, _, end := f.mark(stderr, f.err)
	if end < 0 {
		return false
	}
	f.err = end
	f.ran = append(f.ran, Ran{Stdout: bytes.Clone(stdout), Stderr: bytes.Clone(text)})
	return true
}
