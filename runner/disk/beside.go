package disk

import (
	"io"
	"sync"
)

// besideChunk is how much the writers of a Beside get at once, in bytes.
const besideChunk = 256 << 10

// Beside writes the same bytes to several writers (a file and its hashes), each
// beside the others: it takes as long as the slowest of them, not their sum. It holds
// two chunks. Nothing of them may be used before Flush.
type Beside struct {
	to      []io.Writer
	chunk   []byte // is being filled
	next    []byte
	working sync.WaitGroup
	failed  []error // one place for each writer
}

// NewBeside returns what writes to all of them.
func NewBeside(to ...io.Writer) *Beside {
	return &Beside{to: to, failed: make([]error, len(to)), chunk: make([]byte, 0, besideChunk), next: make([]byte, 0, besideChunk)}
}

// Write takes all of p, unless a writer has failed with what came before.
func (b *Beside) Write(p []byte) (int, error) {
	all := len(p)
	for len(p) > 0 {
		n := min(len(p), cap(b.chunk)-len(b.chunk))
		b.chunk, p = append(b.chunk, p[:n]...), p[n:]
		if len(b.chunk) < cap(b.chunk) {
			break
		}
		if err := b.hand(); err != nil {
			return 0, err
		}
	}
	return all, nil
}

// hand gives the chunk to all, when they have done the one before.
func (b *Beside) hand() error {
	if err := b.wait(); err != nil {
		return err
	}
	chunk := b.chunk
	for i, w := range b.to {
		b.working.Go(func() { _, b.failed[i] = w.Write(chunk) })
	}
	b.chunk, b.next = b.next[:0], chunk
	return nil
}

func (b *Beside) wait() error {
	b.working.Wait()
	for _, err := range b.failed {
		if err != nil {
			return err
		}
	}
	return nil
}

// Flush waits until everything is written.
func (b *Beside) Flush() error {
	if err := b.hand(); err != nil {
		return err
	}
	return b.wait()
}
