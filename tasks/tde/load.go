package tde

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/secret"
	"remoterun/runner/sh"
	"remoterun/runner/value"
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

// Loaded reports whether the mount holds that very keyring, with owner and mode.
func (l Load) Loaded(st MountState, i OpenInfo) bool {
	k, ok := st.Keyring()
	if !ok || !st.InRAM() || k.SHA256 != i.SHA256 || modeText(k.Mode) != l.mode() {
		return false
	}
	return l.AnyOwner || k.UID == l.UID && k.GID == l.GID
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
	if err := scriptError(out, l.Path, "look at it on the host"); err != nil {
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

// load sends the open keyring into the mount in RAM, if it opens every cluster
// that is on the host.
func (t keyringTask) load(a keyringArgs, s host.Seen) (play.Plan, error) {
	opened, mount, clusters := t.d.OpenFact(a.Project, a.host), Mount(a.Path), Clusters(a.Project, a.DataDirs...)
	if err := host.All(s, opened.Q, mount.Q, clusters.Q); err != nil {
		return play.Plan{}, err
	}
	info, err := host.Get(s, opened)
	if err != nil {
		return play.Plan{}, err
	}
	st, err := host.Get(s, mount)
	if err != nil {
		return play.Plan{}, err
	}
	files, err := host.Get(s, clusters)
	if err != nil {
		return play.Plan{}, err
	}
	if err := st.CheckRAM(); err != nil {
		return play.Plan{}, err
	}
	if err := st.CheckSwap(a.Swap == "accept"); err != nil {
		return play.Plan{}, err
	}
	checks, err := t.checkCluster(a, files)
	if err != nil {
		return play.Plan{}, err
	}
	if err := t.proved(a, s, len(files.Folders) > 0); err != nil {
		return play.Plan{}, err
	}
	l, err := a.load(files)
	if err != nil {
		return play.Plan{}, err
	}
	r := st.result(false)
	r.Data.Put("wanted", value.String(info.Wanted().Name))
	r.Data.Put("header_checks", checksValue(checks))
	if l.Loaded(st, info) {
		return play.Plan{Result: r, Note: "the keyring is in RAM already"}, nil
	}
	r.Changed = true
	r.Data.Put("keyring", value.Bool(true))
	return play.Plan{
		Result: r, Steps: []host.Step{t.d.LoadStep(l)},
		Finish: finish(func(host.Output) (play.Result, error) { return r, nil }),
	}, nil
}

// checkCluster is the offline header check with what is open.
func (t keyringTask) checkCluster(a keyringArgs, files ClusterFiles) ([]HeaderCheck, error) {
	o, ok := t.d.Session.Opened(a.Project, a.host)
	if !ok {
		return nil, refuse(a.object(), "run it again", "it was closed meanwhile")
	}
	return CheckCluster(a.Project, a.host, files.Headers, o.Keyring)
}

// proved refuses a keyring for a cluster that is still to be made, unless its
// sealed copy on the server is proved to be the laptop's: no data may depend on a
// key that only one disk holds.
//
// One that the server has gone beyond is refused for every cluster: headers name
// only the keys of now, and a recovery may need one between.
func (t keyringTask) proved(a keyringArgs, s host.Seen, cluster bool) error {
	if !a.ServerCopy {
		return nil // push has put a second copy elsewhere
	}
	have, there, err := t.copies(a, s)
	if err != nil {
		return err
	}
	state, name := have.Compare(there)
	if state == CopyNewer {
		return copyProblem(a, state, name, there.Folder)
	}
	if !cluster && state != CopiesEqual {
		return refuse(a.object(), "run setup (or a task with action: push before this one)",
			"there is no encrypted cluster yet, and the sealed copy on the server is not proved (%s), so nothing may be encrypted with it", state)
	}
	return nil
}

// load is where the keyring goes, and whose it will be.
func (a keyringArgs) load(files ClusterFiles) (Load, error) {
	l := Load{Project: a.Project, Host: a.host, Path: a.Path, AcceptSwap: a.Swap == "accept"}
	if a.Owner != nil {
		l.UID, l.GID = *a.Owner, *a.Owner
	} else {
		uid, gid, ok, err := files.Owner(a.Project)
		if err != nil {
			return l, err
		}
		l.UID, l.GID, l.AnyOwner = uid, gid, !ok
	}
	if a.Group != nil {
		l.GID, l.AnyOwner = *a.Group, false
	}
	return l, nil
}
