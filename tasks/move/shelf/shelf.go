// Package shelf is where the encrypted files of a backup stand: a folder of the
// laptop, or one of the host, to which what came to the laptop's memory goes back.
package shelf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// Shelf keeps the files of one backup.
type Shelf interface {
	// Where is its place, for people.
	Where() string
	// Create begins a file, Open reads one.
	Create(ctx context.Context, name string) (io.WriteCloser, error)
	Open(ctx context.Context, name string) (io.ReadCloser, error)
}

// Put writes a file whole.
func Put(ctx context.Context, s Shelf, name string, text []byte) error {
	f, err := s.Create(ctx, name)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// onLaptop is a folder of the laptop.
type onLaptop struct{ dir string }

// Full is a laptop's disk with too little room: so many bytes are free in a folder.
type Full struct {
	Dir  string
	Free int64
}

func (f *Full) Error() string { return fmt.Sprintf("%d bytes are free in %s", f.Free, f.Dir) }

// OnLaptop makes a folder of the laptop with room for so many bytes, called dir, or
// that with a number behind it. The error is a *Full where there is no room.
func OnLaptop(dir string, need int64) (Shelf, error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, err
	}
	for n, base := 2, dir; ; n++ {
		err := os.Mkdir(dir, 0o700)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) || n > 99 {
			return nil, err
		}
		dir = fmt.Sprintf("%s-%d", base, n)
	}
	if free := freeBytes(dir); free >= 0 && free < need {
		_ = os.Remove(dir)
		return nil, &Full{dir, free}
	}
	return onLaptop{dir}, nil
}

func (l onLaptop) Where() string { return l.dir }

func (l onLaptop) Create(_ context.Context, name string) (io.WriteCloser, error) {
	f, err := os.OpenFile(filepath.Join(l.dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	return synced{f}, err
}

func (l onLaptop) Open(_ context.Context, name string) (io.ReadCloser, error) {
	return os.Open(filepath.Join(l.dir, name))
}

// synced is a file that is on the disk when it is closed.
type synced struct{ *os.File }

func (s synced) Close() error { return errors.Join(s.Sync(), s.File.Close()) }

// onHost is a folder of the host: what comes to the laptop's memory goes back
// encrypted, and never lies on the laptop's disk.
type onHost struct {
	w   host.Writer
	dir string
}

// OnHost is a folder of the host.
func OnHost(w host.Writer, dir string) Shelf { return onHost{w, dir} }

func (h onHost) Where() string { return h.w.Name() + ":" + h.dir }

// output runs a command that has to succeed.
func output(ctx context.Context, w host.Writer, what string, c sh.Cmd) ([]byte, error) {
	out, err := w.Run(ctx, c)
	if err == nil && out.Status != 0 {
		err = &host.ExitError{What: what, Output: out}
	}
	return out.Stdout, err
}

// Pieces that go to and fro: 64 blocks of 64 KiB.
const (
	pieceBlock  = 1 << 16
	pieceBlocks = 64
)

func (h onHost) Create(ctx context.Context, name string) (io.WriteCloser, error) {
	file := path.Join(h.dir, name)
	_, err := output(ctx, h.w, "begin "+file, sh.Script(`umask 077; mkdir -p -- "${1%/*}" && : >"$1"`, file))
	return &pieceWriter{ctx: ctx, w: h.w, file: file}, err
}

type pieceWriter struct {
	ctx  context.Context
	w    host.Writer
	file string
	buf  bytes.Buffer
	n    int64
}

func (p *pieceWriter) Write(b []byte) (int, error) {
	p.buf.Write(b)
	for p.buf.Len() >= pieceBlock*pieceBlocks {
		if err := p.flush(pieceBlock * pieceBlocks); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// appendText appends stdin to the file $1, which has to have $2 bytes.
const appendText sh.Constant = `[ "$(wc -c <"$1")" -eq "$2" ] || { echo "$1 is not as long as it was" >&2; exit 1; }
cat >>"$1"`

func (p *pieceWriter) flush(n int) error {
	piece := append([]byte(nil), p.buf.Next(n)...)
	if _, err := output(p.ctx, p.w, "write "+p.file, sh.Script(appendText, p.file, fmt.Sprint(p.n)).With(sh.Bytes(piece))); err != nil {
		return err
	}
	p.n += int64(len(piece))
	return nil
}

// Close writes what is left, and has it on the disk.
func (p *pieceWriter) Close() error {
	if err := p.flush(p.buf.Len()); err != nil {
		return err
	}
	_, err := output(p.ctx, p.w, "keep "+p.file, sh.Script(`sync "$1" 2>/dev/null || sync; [ "$(wc -c <"$1")" -eq "$2" ]`, p.file, fmt.Sprint(p.n)))
	return err
}

func (h onHost) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	return io.NopCloser(&pieceReader{ctx: ctx, w: h.w, file: path.Join(h.dir, name)}), nil
}

type pieceReader struct {
	ctx  context.Context
	w    host.Writer
	file string
	n    int
	left []byte
	end  bool
}

func (p *pieceReader) Read(b []byte) (int, error) {
	if len(p.left) == 0 && !p.end {
		text, err := output(p.ctx, p.w, "read "+p.file, sh.Script(`exec dd if="$1" bs="$2" skip="$3" count="$4" 2>/dev/null`, p.file, fmt.Sprint(pieceBlock), fmt.Sprint(p.n*pieceBlocks), fmt.Sprint(pieceBlocks)))
		if err != nil {
			return 0, err
		}
		p.n++
		p.left, p.end = text, len(text) < pieceBlock*pieceBlocks
	}
	if len(p.left) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.left)
	p.left = p.left[n:]
	return n, nil
}
