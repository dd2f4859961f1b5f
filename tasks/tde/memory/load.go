package memory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/secret"
	"remoterun/runner/sh"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/seal"
)

// Load says where a host's keyring goes in RAM, and how.
type Load struct {
	Project, Host string
	Path          string // the mount: MountPath(project)
	UID, GID      int    // the owner: PGDATA's
	// AnyOwner: there is no data folder yet, so whose the file is says nothing.
	AnyOwner bool
	// Writable gives 0600 instead of 0400: while init adds the provider only.
	Writable bool
	// AcceptSwap is tde_swap: accept.
	AcceptSwap bool
}

func (l Load) mode() string {
	if l.Writable {
		return "0600"
	}
	return "0400"
}

// Loaded reports whether the mount holds the keyring of that SHA-256, with owner and mode.
func (l Load) Loaded(st MountState, sum string) bool {
	k, ok := st.Keyring()
	if !ok || !st.InRAM() || k.SHA256 != sum || modeText(k.Mode) != l.mode() {
		return false
	}
	return l.AnyOwner || k.UID == l.UID && k.GID == l.GID
}

func (l Load) Send(ctx context.Context, w host.Writer, k seal.Keyring) ([]byte, error) {
	sum, err := k.SHA256()
	if err != nil {
		return nil, err
	}
	swap := "refuse"
	if l.AcceptSwap {
		swap = "accept"
	}
	c := sh.Script(LoadText, l.Path, strconv.Itoa(k.Size()), sum, fmt.Sprintf("%d:%d", l.UID, l.GID), l.mode(), swap)
	c.Secret, c.Gated = true, true
	c.Stdin = sealedInput{k.Bytes()}
	out, err := w.Run(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := guard.ScriptError(out, l.Path, "look at it on the host"); err != nil {
		return nil, err
	}
	w.Say("key sent")
	return []byte(strings.TrimSpace(string(out.Stdout))), nil
}

// sealedInput lends a sealed secret to a command's stdin. Its reader copies
// straight from the sealed memory and keeps nothing.
type sealedInput struct{ s secret.Sealed }

// Size is the number of bytes.
func (in sealedInput) Size() int64 { return int64(in.s.Len()) }

// Open returns a reader over the secret.
func (in sealedInput) Open() (io.ReadCloser, error) { return &sealedReader{s: in.s}, nil }

type sealedReader struct {
	s  secret.Sealed
	at int
}

// Read copies the next bytes.
func (r *sealedReader) Read(p []byte) (n int, err error) {
	err = r.s.Use(func(b []byte) error {
		if r.at >= len(b) {
			return io.EOF
		}
		n = copy(p, b[r.at:])
		return nil
	})
	r.at += n
	return n, err
}

// WriteTo hands the bytes over in one piece, so that no buffer of a copy loop
// holds them.
func (r *sealedReader) WriteTo(w io.Writer) (n int64, err error) {
	err = r.s.Use(func(b []byte) error {
		if r.at >= len(b) {
			return nil
		}
		k, err := w.Write(b[r.at:])
		n, r.at = int64(k), r.at+k
		return err
	})
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// Close has nothing to give back.
func (r *sealedReader) Close() error { return nil }
