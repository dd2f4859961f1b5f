package shelf

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/local"
	"remoterun/runner/sh"
)

// TestHostShelf: what is put on a host in pieces comes back as it was, and a piece
// that would be written twice is not.
func TestHostShelf(t *testing.T) {
	conn := local.New("h", nil, local.Options{})
	t.Cleanup(func() { _ = conn.Close() })
	w := &host.Worker{Host: "h", Conn: conn, Kept: &host.Kept{}}
	s := OnHost(w, filepath.Join(t.TempDir(), "backups", "x"))
	for _, n := range []int{0, 1, pieceBlock * pieceBlocks, 2*pieceBlock*pieceBlocks + 77} {
		text := make([]byte, n)
		_, _ = rand.Read(text)
		if err := Put(t.Context(), s, fmt.Sprint(n), text); err != nil {
			t.Fatal(err)
		}
		r, err := s.Open(t.Context(), fmt.Sprint(n))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%d bytes: %d came back, %v", n, len(got), err)
		}
	}
	file := filepath.Join(s.(onHost).dir, "1")
	if out, err := w.Run(t.Context(), sh.Script(appendText, file, "0").With(sh.Bytes("x"))); err != nil || out.Status == 0 || !strings.Contains(string(out.Stderr), "is not as long as it was") {
		t.Errorf("twice: %v %+v", err, out)
	}
	var full *Full
	if _, err := OnLaptop(filepath.Join(t.TempDir(), "x"), 1<<60); !errors.As(err, &full) || full.Free <= 0 {
		t.Errorf("a full disk: %v", err)
	}
}
