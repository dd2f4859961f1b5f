package sh

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrGarbled is the answer to output that does not follow the frame's marks.
var ErrGarbled = errors.New("its answer is garbled")

// ErrLockLost is a batch that found its lock in other hands and did nothing.
var ErrLockLost = errors.New(LostText)

// Parse reads what the script of Render printed on stdout and stderr, and its
// status. An answer that this batch cannot give (links or questions that it does
// not have, marks out of order or left out) is ErrGarbled: who reads the result
// need not ask whether the host told the truth about its shape. A batch that
// found its lock in other hands is ErrLockLost.
func (b Batch) Parse(nonce string, r Raw) (BatchResult, error) {
	out, err := marksOf(nonce, r.Stdout)
	if err != nil {
		return BatchResult{}, err
	}
	if b.Lock != nil && len(out) == 0 && r.Status == LockLost && bytes.Contains(r.Stderr, []byte(LostText)) {
		return BatchResult{}, ErrLockLost
	}
	errs, err := marksOf(nonce, r.Stderr)
	if err != nil {
		return BatchResult{}, err
	}
	p := batchParser{out: out, errs: errs}
	p.chain(b.Chain)
	for i := range b.Ask {
		p.res.Asked = p.answer(p.res.Asked, "a", i)
	}
	p.must(".")
	if p.err == nil && len(p.out) > 0 {
		p.err = fmt.Errorf("%w: mark %q behind the end", ErrGarbled, p.out[0].mark)
	}
	if p.err != nil {
		return BatchResult{}, p.err
	}
	return p.res, nil
}

// Raw is what a batch's script left behind.
type Raw struct {
	Stdout, Stderr []byte
	Status         int
}

// marked is one mark and the bytes before it.
type marked struct {
	text []byte
	mark string
}

func marksOf(nonce string, out []byte) ([]marked, error) {
	key := []byte(nonce + " ")
	var all []marked
	for {
		i := bytes.Index(out, key)
		if i < 0 {
			return all, nil
		}
		rest := out[i+len(key):]
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			return nil, fmt.Errorf("%w: a mark is cut", ErrGarbled)
		}
		all = append(all, marked{out[:i], string(rest[:end])})
		out = rest[end+1:]
	}
}

// batchParser walks the marks as Render's script prints them; after an error it
// does nothing more.
type batchParser struct {
	out, errs []marked
	res       BatchResult
	err       error
}

func (p *batchParser) chain(links []Link) {
	if len(links) == 0 {
		return
	}
	if p.is("n") {
		p.res.Stopped = StopUnable
		return
	}
	for i, l := range links {
		if len(l.Guard) > 0 && p.is(fmt.Sprintf("x %d g", i)) {
			p.stop(StopGuard, l)
			return
		}
		p.res.Steps = append(p.res.Steps, nil)
		if l.begins() {
			p.must(fmt.Sprintf("b %d", i))
		}
		for k := range l.Steps {
			ran := p.step(i, k)
			if p.err != nil {
				return
			}
			p.res.Steps[i] = append(p.res.Steps[i], ran)
			if ran.Status != 0 {
				p.must(fmt.Sprintf("x %d s", i))
				p.stop(StopStep, l)
				return
			}
		}
		if p.must(fmt.Sprintf("l %d", i)); p.err != nil {
			return
		}
		p.res.Done++
	}
}

func (p *batchParser) stop(why Stop, l Link) {
	p.res.Stopped = why
	for k := range l.Again {
		p.res.Again = p.answer(p.res.Again, "g", k)
	}
}

func (p *batchParser) step(i, k int) Ran {
	mark := fmt.Sprintf("s %d %d", i, k)
	m, status := p.status(mark)
	if p.err == nil && (len(p.errs) == 0 || p.errs[0].mark != mark) {
		p.err = fmt.Errorf("%w: stderr has no mark %q", ErrGarbled, mark)
	}
	if p.err != nil {
		return Ran{}
	}
	stderr := p.errs[0].text
	p.errs = p.errs[1:]
	return Ran{Stdout: bytes.Clone(m.text), Stderr: bytes.Clone(stderr), Status: status}
}

func (p *batchParser) answer(to []Asked, kind string, i int) []Asked {
	m, status := p.status(kind + " " + strconv.Itoa(i))
	return append(to, Asked{Stdout: bytes.Clone(m.text), Status: status})
}

// status takes the mark that is "MARK STATUS".
func (p *batchParser) status(mark string) (marked, int) {
	m := p.take()
	rest, ok := strings.CutPrefix(m.mark, mark+" ")
	status, err := strconv.ParseUint(rest, 10, 8)
	if p.err == nil && (!ok || err != nil) {
		p.err = fmt.Errorf("%w: mark %q where %q and a status are due", ErrGarbled, m.mark, mark)
	}
	return m, int(status)
}

// is takes the next mark when it is this one.
func (p *batchParser) is(mark string) bool {
	if p.err != nil || len(p.out) == 0 || p.out[0].mark != mark {
		return false
	}
	p.out = p.out[1:]
	return true
}

func (p *batchParser) must(mark string) {
	if m := p.take(); p.err == nil && m.mark != mark {
		p.err = fmt.Errorf("%w: mark %q where %q is due", ErrGarbled, m.mark, mark)
	}
}

func (p *batchParser) take() marked {
	if p.err != nil {
		return marked{}
	}
	if len(p.out) == 0 {
		p.err = fmt.Errorf("%w: the batch did not reach its end", ErrGarbled)
		return marked{}
	}
	m := p.out[0]
	p.out = p.out[1:]
	return m
}
