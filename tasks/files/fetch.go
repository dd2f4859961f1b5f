package files

import (
	"context"
	"crypto/md5"  // #nosec G501: keys of results, as Ansible's
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
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
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
	sums [2]string
}

// Fetch pulls a file to the laptop.
func Fetch() play.Module {
	return kit.Define(kit.Doc{Name: "fetch", Short: "pull a file of the host to the laptop", ToLaptop: true, Waited: true, Needs: "src and dest are required"}, fetch{})
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
	sum, sum1, sum5 := sha256.New(), sha1.New(), md5.New() // #nosec G401: the last two are keys of results
	if _, err := io.Copy(io.MultiWriter(sum, sum1, sum5), f); err != nil {
		return fmt.Errorf("fetch to %s: %w", a.to, err)
	}
	a.sums = [2]string{hex.EncodeToString(sum1.Sum(nil)), hex.EncodeToString(sum5.Sum(nil))}
	a.have = hex.EncodeToString(sum.Sum(nil))
	return nil
}

func (fetch) Facts(a fetchArgs) []host.Question {
	return kit.Hint(a.Src, a.look(a.Src).Q)
}

// look asks for the hash only where there is something to compare it with: else the
// host reads the file once, while it is brought.
func (a fetchArgs) look(p string) host.Fact[kit.Look] {
	if a.have == "" {
		return kit.LookSize(p, "")
	}
	return kit.LookAt(p, "", true)
}

func (fetch) Plan(a fetchArgs, s host.Seen) (play.Plan, error) {
	p, err := kit.Place(s, a.Src)
	if err != nil {
		return play.Plan{}, err
	}
	lk, err := host.Get(s, a.look(p))
	switch {
	case err != nil:
		return play.Plan{}, err
	case !lk.Target.Exists && a.Fail:
		return kit.Failure("the remote file does not exist, not transferring, ignored"), nil
	case !lk.Target.Exists:
		plan := kit.Unchanged("the remote file does not exist", value.MapOf("file", value.String(p)))
		plan.Result.Msg = "the remote file does not exist, not transferring, ignored"
		return plan, nil
	case lk.Target.IsDir():
		return kit.Failure("remote file is a directory, fetch cannot work on directories"), nil
	case !lk.Readable:
		return kit.Failure("no read permission on remote file"), nil
	case a.have != "" && lk.SHA256 == a.have:
		return kit.Unchanged(a.to+" is the same", value.MapOf("file", value.String(p), "dest", value.String(a.to),
			"checksum", value.String(a.sums[0]), "md5sum", value.String(a.sums[1]))), nil
	}
	return play.Plan{
		Steps:  []host.Step{kit.Pull{From: p, To: a.to, Check: a.Validate, Size: lk.Size}},
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
