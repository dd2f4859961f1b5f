package kit

import (
	"bytes"
	"context"
	"crypto/md5"  // #nosec G501: a result key of Ansible's
	"crypto/sha1" // #nosec G505
	"encoding/hex"
	"errors"
	"fmt"
	stdhash "hash"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"remoterun/runner/disk"
	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// Pull is the step that brings a file of the host to the laptop, as one stream into
// a file beside its place that is renamed when it is whole. Of a large one that
// broke off the beginning stays, as .NAME.remoterun-part; the next Pull of the same
// content goes on behind it.
type Pull struct {
	From, To string
	// Check compares what came with what the host has, which must not change
	// meanwhile; without it no beginning is kept.
	Check bool
	// Size is what it had when it was looked at, in bytes: for the progress alone.
	Size int64
}

// Describe names both ends.
func (p Pull) Describe() string { return "fetch " + p.From + " to " + p.To }

// pullText prints a file: path, how much of it the laptop has, the SHA-1 of that, yes
// to check. In front stands a line that says from which byte on it comes; the SHA-1 of
// the whole, which is made while it is printed, comes on stderr.
const pullText sh.Constant = `command exec 9<"$1" 5>&1 || exit 1
p=/proc/self/fd/9 n=0
[ -e $p ] || p=$1
if [ "$2" -gt 0 ]; then
h=$(head -c "$2" <"$p" | sha1sum)
if [ "${h%% *}" = "$3" ]; then n=$2; fi
fi
echo "$n"
whole() { if [ "$n" -gt 0 ]; then tail -c "+$((n + 1))" <"$p"; else cat <"$p"; fi >&5; }
if [ -z "$4" ]; then whole; exit; fi
is() { LC_ALL=C stat -L -c "%d:%i %s %y %z" "$p"; }
a=$(is)
h=$(sha1sum <"$p" &
whole || echo failed
wait)
case $h in *failed*) exit 1 ;; esac
if [ "$a" != "$(is)" ]; then echo "$1 changed while it was fetched" >&2; exit 1; fi
printf "sha1 %s\n" "${h%% *}" >&2`

// Do brings it. Its output is SHA-1 and MD5 of what came.
func (p Pull) Do(ctx context.Context, w host.Writer) (out host.Output, err error) {
	local := func(err error) (host.Output, error) { return host.Output{Status: 1, Stderr: []byte(err.Error())}, nil }
	if err := os.MkdirAll(filepath.Dir(p.To), 0o755); err != nil { // #nosec G301: as Ansible makes it
		return local(err)
	}
	f, err := p.begin()
	if err != nil {
		return local(err)
	}
	to := &landing{f: f, w: w, size: p.Size}
	defer func() { p.end(f, to.n, err != nil, out.Status == 0) }()
	if err := to.again(); err != nil {
		return local(err)
	}
	cmd := sh.Script(pullText, Safe(p.From), strconv.FormatInt(to.n, 10), hex.EncodeToString(to.s1.Sum(nil)), Yes(p.Check))
	cmd.Stdout = to
	out, err = w.Run(ctx, cmd)
	if full := to.all.Flush(); full != nil && err == nil && out.Status == 0 {
		return local(full)
	}
	if err != nil || out.Status != 0 {
		return out, err
	}
	sum := hex.EncodeToString(to.s1.Sum(nil))
	if p.Check && !strings.HasSuffix(string(out.Stderr), "sha1 "+sum+"\n") {
		return local(errors.New("checksum mismatch: the file changed while it was fetched"))
	}
	if err := f.Close(); err != nil {
		return local(err)
	}
	if err := os.Rename(f.Name(), p.To); err != nil {
		return local(err)
	}
	return host.Output{Stdout: []byte(sum + " " + hex.EncodeToString(to.m5.Sum(nil)))}, nil
}

// part is where a beginning is kept.
func (p Pull) part() string {
	return filepath.Join(filepath.Dir(p.To), "."+filepath.Base(p.To)+".remoterun-part")
}

// begin makes the file, of the beginning that is kept where there is one. That is
// taken by a rename: two runs never write to one file.
func (p Pull) begin() (*os.File, error) {
	f, err := os.CreateTemp(filepath.Dir(p.To), ".remoterun.*")
	if err != nil || !p.Check || !ourOwn(p.part()) || os.Rename(p.part(), f.Name()) != nil {
		return f, err
	}
	_ = f.Close()
	return os.OpenFile(f.Name(), os.O_RDWR|syscall.O_NOFOLLOW, 0)
}

// ourOwn reports a plain file that nobody else can have put there.
func ourOwn(path string) bool {
	st, err := os.Lstat(path)
	if err != nil || !st.Mode().IsRegular() || st.Mode().Perm()&0o022 != 0 {
		return false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && int(sys.Uid) == os.Geteuid() && sys.Nlink == 1
}

// end removes what did not become the file, or keeps it where the link broke off.
func (p Pull) end(f *os.File, n int64, broke, done bool) {
	_ = f.Close()
	switch {
	case broke && p.Check && n >= minPart && os.Rename(f.Name(), p.part()) == nil:
	case broke || !done:
		_ = os.Remove(f.Name())
	}
}

// landing takes what pullText prints.
type landing struct {
	f       *os.File
	w       host.Writer
	s1, m5  stdhash.Hash
	all     *disk.Beside // f and the hashes
	line    []byte       // the first one, until it is whole
	begun   bool
	n, size int64
	told    int64
}

// again reads what the file has already.
func (l *landing) again() error {
	l.s1, l.m5 = sha1.New(), md5.New() // #nosec G401
	was := disk.NewBeside(l.s1, l.m5)
	n, err := io.Copy(was, struct{ io.Reader }{l.f})
	l.n, l.all = n, disk.NewBeside(l.f, l.s1, l.m5)
	return errors.Join(err, was.Flush())
}

// Write takes the line that says where it begins, then the file.
func (l *landing) Write(b []byte) (int, error) {
	all := len(b)
	if !l.begun {
		head, tail, whole := bytes.Cut(b, []byte("\n"))
		if l.line = append(l.line, head...); len(l.line) > 20 {
			return 0, fmt.Errorf("%w: it answered %.40q in front of a file", host.ErrProtocol, l.line)
		}
		if !whole {
			return all, nil
		}
		if err := l.begin(string(l.line)); err != nil {
			return 0, err
		}
		b = tail
	}
	if _, err := l.all.Write(b); err != nil {
		return 0, err
	}
	if l.n += int64(len(b)); l.n-l.told >= host.TellEvery {
		l.told = l.n
		l.w.Progress(l.n, l.size)
	}
	return all, nil
}

// begin goes on at a byte: at the file's end, or at its beginning.
func (l *landing) begin(from string) error {
	l.begun = true
	switch from {
	case "0":
		if err := l.f.Truncate(0); err != nil {
			return err
		}
		if _, err := l.f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		return l.again()
	case strconv.FormatInt(l.n, 10):
		return nil
	}
	return fmt.Errorf("%w: it answered %.40q in front of a file", host.ErrProtocol, from)
}
