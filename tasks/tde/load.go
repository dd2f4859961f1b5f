package tde

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
)

// Load says where a host's keyring goes in RAM, and how.
type Load struct {
	Project, Host string
	Path          string // the mount: MountPath(project)
	UID, GID      int    // the owner: PGDATA's
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

// Loaded reports whether the mount holds that very keyring, with owner and mode.
func (l Load) Loaded(st MountState, i OpenInfo) bool {
	k, ok := st.Keyring()
	return ok && st.InRAM() && k.SHA256 == i.SHA256 && k.UID == l.UID && k.GID == l.GID && modeText(k.Mode) == l.mode()
}

// LoadStep sends the open keyring into RAM. The host proves that the target is
// RAM before the laptop sends the first byte; a keyring that no sealed copy holds
// is refused. The step's output is the file system's type.
func (d Deps) LoadStep(l Load) host.Step {
	d = d.filled()
	return act{what: "send the keyring to " + l.Path, do: func(ctx context.Context, w host.Writer) ([]byte, error) {
		o, ok := d.Session.Opened(l.Project, l.Host)
		object := "keyring of " + ringID(l.Project, l.Host)
		if !ok {
			return nil, refuse(object, "put a task tde_keyring with action: open before this one", "it is not open")
		}
		if o.Unsealed {
			return nil, refuse(object, "run setup", "no sealed copy holds it yet, so it must not be used")
		}
		return l.send(ctx, w, o.Keyring)
	}}
}

func (l Load) send(ctx context.Context, w host.Writer, k Keyring) ([]byte, error) {
	sum, err := k.SHA256()
	if err != nil {
		return nil, err
	}
	swap := "refuse"
	if l.AcceptSwap {
		swap = "accept"
	}
	c := sh.Script(loadText, l.Path, strconv.Itoa(k.Size()), sum, fmt.Sprintf("%d:%d", l.UID, l.GID), l.mode(), swap)
	c.Secret, c.Gated = true, true
	c.Stdin = sealedInput{k.Bytes()}
	out, err := w.Run(ctx, c)
	if err != nil {
		return nil, err
	}
	return []byte(strings.TrimSpace(string(out.Stdout))), scriptError(out, l.Path, "look at it on the host")
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
