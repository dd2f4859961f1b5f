package disk

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

type refusing struct{ after int }

func (r *refusing) Write(p []byte) (int, error) {
	if r.after -= len(p); r.after < 0 {
		return 0, errors.New("full")
	}
	return len(p), nil
}

// TestBeside: every writer gets all of it, in order, however it comes; what one of
// them refuses is reported at the latest by Flush, and nothing is taken after that.
func TestBeside(t *testing.T) {
	for _, size := range []int{0, 1, besideChunk - 1, besideChunk, besideChunk + 1, 5*besideChunk + 7} {
		text := strings.Repeat("0123456789\n", size/11+1)[:size]
		for _, piece := range []int{1000, besideChunk, 3*besideChunk + 1} {
			var one, two bytes.Buffer
			b := NewBeside(&one, &two)
			if _, err := io.CopyBuffer(struct{ io.Writer }{b}, struct{ io.Reader }{strings.NewReader(text)}, make([]byte, piece)); err != nil {
				t.Fatal(err)
			}
			if err := b.Flush(); err != nil || one.String() != text || two.String() != text {
				t.Errorf("%d bytes in pieces of %d: %d and %d arrived, %v", size, piece, one.Len(), two.Len(), err)
			}
		}
	}
	b := NewBeside(io.Discard, &refusing{after: besideChunk})
	_, first := b.Write(make([]byte, besideChunk+1))
	if err := b.Flush(); first != nil || err == nil || err.Error() != "full" {
		t.Errorf("%v, then %v", first, err)
	}
	if _, err := b.Write(make([]byte, 2*besideChunk)); err == nil {
		t.Error("it went on behind a writer that failed")
	}
}
