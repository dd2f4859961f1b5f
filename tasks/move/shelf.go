package move

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
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// shelf is where the encrypted files of one backup stand.
type shelf interface {
	// where is its place, for people.
	where() string
	// create begins a file, open reads one.
	create(ctx context.Context, name string) (io.WriteCloser, error)
	open(ctx context.Context, name string) (io.ReadCloser, error)
	// full is what to say of a piece that could not be written.
	full(err error) error
}

// put writes a file whole.
func put(ctx context.Context, s shelf, name string, text []byte) error {
	f, err := s.create(ctx, name)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// onLaptop is a folder of the laptop.
type onLaptop struct{ dir string }

// laptopShelf makes a folder with room for so many bytes.
func laptopShelf(dir string, need int64) (shelf, error) {
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
		return nil, refuse("laptop's disk", "make room, or set backup to server, to recent, or to no when you have one elsewhere", "%s are free in %s, and the databases have %s", mib(free), dir, mib(need))
	}
	return onLaptop{dir}, nil
}

func (l onLaptop) where() string { return l.dir }

func (l onLaptop) create(_ context.Context, name string) (io.WriteCloser, error) {
	f, err := os.OpenFile(filepath.Join(l.dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	return synced{f}, err
}

func (l onLaptop) open(_ context.Context, name string) (io.ReadCloser, error) {
	return os.Open(filepath.Join(l.dir, name))
}

func (l onLaptop) full(err error) error { return refuse("laptop's disk", "make room on it", "%v", err) }

// synced is a file that is on the disk when it is closed.
type synced struct{ *os.File }

func (s synced) Close() error { return errors.Join(s.Sync(), s.File.Close()) }

// onHost is a folder of the host: what comes to the laptop's memory goes back
// encrypted, and never lies on the laptop's disk.
type onHost struct {
	w   host.Writer
	dir string
}

// hostShelf looks for room for so many bytes on the host.
func hostShelf(ctx context.Context, w host.Writer, dir string, need int64) (shelf, error) {
	text, err := output(ctx, w, "look for room", sh.Script(roomText, path.Dir(dir)))
	if err != nil {
		return nil, err
	}
	_, line, _ := strings.Cut(text, "\n")
	if f := strings.Fields(line); len(f) > 5 {
		if kb, err := strconv.ParseInt(f[3], 10, 64); err == nil && kb<<10 < need {
			return nil, refuse("disk "+f[5]+" of "+w.Name(), "make room on it, or set backup to laptop", "%s are free, and the databases have %s", mib(kb<<10), mib(need))
		}
	}
	return onHost{w, dir}, nil
}

func (h onHost) where() string { return h.w.Name() + ":" + h.dir }

func (h onHost) full(err error) error {
	return answered(err, refuse("disk of "+h.w.Name(), "make room on it", "%v", err))
}

// Pieces that go to and fro: 64 blocks of 64 KiB.
const (
	pieceBlock  = 1 << 16
	pieceBlocks = 64
)

func (h onHost) create(ctx context.Context, name string) (io.WriteCloser, error) {
	file := path.Join(h.dir, name)
	err := run(ctx, h.w, "begin "+file, sh.Script(`umask 077; mkdir -p -- "${1%/*}" && : >"$1"`, file))
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
	if err := run(p.ctx, p.w, "write "+p.file, sh.Script(appendText, p.file, fmt.Sprint(p.n)).With(sh.Bytes(piece))); err != nil {
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
	return run(p.ctx, p.w, "keep "+p.file, sh.Script(`sync "$1" 2>/dev/null || sync; [ "$(wc -c <"$1")" -eq "$2" ]`, p.file, fmt.Sprint(p.n)))
}

func (h onHost) open(ctx context.Context, name string) (io.ReadCloser, error) {
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
		p.left, p.end = []byte(text), len(text) < pieceBlock*pieceBlocks
	}
	if len(p.left) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.left)
	p.left = p.left[n:]
	return n, nil
}

// hostListText prints the list of the newest backup of project $2 in the folder $1,
// behind a line with its folder, when every file of it is what was written then.
const hostListText sh.Constant = `set -- "$1"/"$2"-*/` + backupList + `
for f; do :; done
[ -f "$f" ] || exit 0
d=${f%/*}
echo "$d"
cat -- "$f"
printf '\n--\n'
cd "$d" && for a in *.age; do sha256sum -- "$a"; done`
