package files

import (
	"context"
	"crypto/md5"  // #nosec G501: a result key of Ansible's
	"crypto/sha1" // #nosec G505
	"crypto/sha256"
	"encoding/hex"
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
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// fetchArgs are the arguments of fetch.
type fetchArgs struct {
	Src      string `arg:"src" need:"yes" type:"path" help:"a file on the host"`
	Dest     string `arg:"dest" need:"yes" type:"path" help:"a folder of the laptop; the file goes to DEST/HOST/SRC"`
	Flat     bool   `arg:"flat" default:"no" help:"DEST is the file itself, or with a slash at its end the folder it goes into"`
	Fail     bool   `arg:"fail_on_missing" default:"yes" help:"fail when the file is not there"`
	Validate bool   `arg:"validate_checksum" default:"yes" help:"compare what arrived with the host's file"`

	to   string // where the file goes on the laptop
	have string // the hash of what lies there, empty = nothing
}

// Fetch pulls a file to the laptop.
func Fetch() play.Module {
	return kit.Define(kit.Doc{Name: "fetch", Short: "pull a file of the host to the laptop", ToLaptop: true}, fetch{})
}

type fetch struct{}

// Resolve looks what the laptop has already.
func (fetch) Resolve(_ context.Context, a *fetchArgs, in play.Inputs) error {
	to := a.Dest
	switch {
	case !a.Flat:
		to = filepath.Join(a.Dest, in.Host(), filepath.FromSlash(path.Clean("/"+a.Src)))
	case strings.HasSuffix(a.Dest, "/"):
		to = filepath.Join(a.Dest, path.Base(a.Src))
	}
	var err error
	if a.to, err = in.Dest(to); err != nil {
		return err
	}
	if st, err := os.Stat(a.to); err == nil && st.IsDir() {
		return nil // the step says so, should it come to that
	}
	f, err := os.Open(a.to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("fetch to %s: %w", a.to, err)
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return fmt.Errorf("fetch to %s: %w", a.to, err)
	}
	a.have = hex.EncodeToString(sum.Sum(nil))
	return nil
}

func (fetch) Facts(a fetchArgs) []host.Question {
	return kit.Hint(a.Src, kit.LookAt(a.Src, "", true).Q)
}

func (fetch) Plan(a fetchArgs, s host.Seen) (play.Plan, error) {
	p, err := kit.Place(s, a.Src)
	if err != nil {
		return play.Plan{}, err
	}
	lk, err := host.Get(s, kit.LookAt(p, "", true))
	switch {
	case err != nil:
		return play.Plan{}, err
	case !lk.Target.Exists && a.Fail:
		return kit.Failure("the remote file does not exist"), nil
	case !lk.Target.Exists:
		plan := kit.Unchanged("the remote file does not exist", value.MapOf("file", value.String(p)))
		plan.Result.Msg = "the remote file does not exist, not transferring, ignored"
		return plan, nil
	case lk.Target.IsDir():
		return kit.Failure("remote file is a directory, fetch cannot work on directories"), nil
	case !lk.Readable:
		return kit.Failure("no read permission on remote file"), nil
	case lk.SHA256 == a.have:
		return kit.Unchanged(a.to+" is the same", value.MapOf("file", value.String(p), "dest", value.String(a.to))), nil
	}
	return play.Plan{
		Steps:  []host.Step{pull{from: p, to: a.to, want: lk.SHA256, check: a.Validate}},
		Result: play.Result{Skipped: true, Msg: "check mode not (yet) supported for this module"},
		Finish: kit.After(func(ran []host.Output) (play.Result, error) {
			sums := strings.Fields(string(ran[0].Stdout))
			if len(sums) != 2 {
				return play.Result{}, errors.New("fetch gave no hashes")
			}
			return play.Result{Changed: true, Data: value.MapOf("dest", value.String(a.to), "checksum", value.String(sums[0]),
				"remote_checksum", value.String(sums[0]), "md5sum", value.String(sums[1]), "remote_md5sum", value.Null())}, nil
		}),
	}, nil
}

// pull is the step that writes a host's file to the laptop.
type pull struct {
	from, to, want string
	check          bool
}

// Describe names both ends.
func (p pull) Describe() string { return "fetch " + p.from + " to " + p.to }

// pieceText prints a piece of a file: path, which one. The first is read as it
// comes (files of /proc have no size), the others at their place.
const pieceText sh.Constant = `if [ "$2" = 0 ]; then exec head -c 4194304 <"$1"; fi
exec dd if="$1" bs=4194304 skip="$2" count=1 2>/dev/null`

// piece is how many bytes of a file are in memory at once.
const piece = 4 << 20

// Do reads the file through the host's shell, piece by piece into a file beside its
// place, and renames that when it is whole.
func (p pull) Do(ctx context.Context, w host.Writer) (out host.Output, err error) {
	local := func(err error) (host.Output, error) { return host.Output{Status: 1, Stderr: []byte(err.Error())}, nil }
	if err := os.MkdirAll(filepath.Dir(p.to), 0o755); err != nil { // #nosec G301: as Ansible makes it
		return local(err)
	}
	f, err := os.CreateTemp(filepath.Dir(p.to), ".remoterun.*")
	if err != nil {
		return local(err)
	}
	defer func() {
		_ = f.Close()
		if err != nil || out.Status != 0 {
			_ = os.Remove(f.Name())
		}
	}()
	s256, s1, m5 := sha256.New(), sha1.New(), md5.New() // #nosec G401
	to := io.MultiWriter(f, s256, s1, m5)
	for n, got := 0, piece; got == piece; n++ {
		if out, err = w.Run(ctx, sh.Script(pieceText, kit.Safe(p.from), strconv.Itoa(n))); err != nil || out.Status != 0 {
			return out, err
		}
		if got = len(out.Stdout); got > piece {
			return local(errors.New("the host sent more than was asked for"))
		}
		if _, err := to.Write(out.Stdout); err != nil {
			return local(err)
		}
		w.Progress(int64(n)*piece+int64(got), 0)
	}
	if p.check && hex.EncodeToString(s256.Sum(nil)) != p.want {
		return local(errors.New("checksum mismatch: the file changed while it was fetched"))
	}
	if err := f.Close(); err != nil {
		return local(err)
	}
	if err := os.Rename(f.Name(), p.to); err != nil {
		return local(err)
	}
	return host.Output{Stdout: []byte(hex.EncodeToString(s1.Sum(nil)) + " " + hex.EncodeToString(m5.Sum(nil)))}, nil
}
