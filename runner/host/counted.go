package host

import (
	"io"

	"remoterun/runner/sh"
)

// counted is a long stdin that tells how much of it has been read.
type counted struct {
	sh.Input
	told func(done, total int64)
}

// Open begins to count.
func (c counted) Open() (io.ReadCloser, error) {
	r, err := c.Input.Open()
	if err != nil {
		return nil, err
	}
	return &countedReader{ReadCloser: r, c: c}, nil
}

// TellEvery is how many bytes pass between two calls of Progress.
const TellEvery = 256 << 10

type countedReader struct {
	io.ReadCloser
	c          counted
	done, said int64
}

// Read counts.
func (r *countedReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.done += int64(n)
	if r.done-r.said >= TellEvery {
		r.said = r.done
		r.c.told(r.done, max(0, r.c.Size()))
	}
	return n, err
}
