package files

import (
	"crypto/md5" // #nosec G501: a result key of Ansible's, no protection
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// maxDiff is the largest content in bytes that a diff shows, as in Ansible.
const maxDiff = 104448

// deploy is one file of the laptop on its way to a place on the host: what
// copy and template do.
type deploy struct {
	in       play.Input
	dest     string
	header   string // what the diff calls the new text
	force    bool   // replace what differs
	backup   bool
	follow   bool
	unsafe   bool
	validate string
	from     string // the source is this file of the host
	// sums are its hashes where only the host can make them: sha1 and md5.
	sums [2]string
	// always says that a result has the keys of a written one although nothing was.
	always bool
	// note is a result's msg, empty = none.
	note string
	kit.Attrs
}

// place finds where the file goes: a name inside a folder, behind a link.
func (d deploy) place(s host.Seen) (lk kit.Look, p string, mkdir bool, err error) {
	dest, err := kit.Place(s, d.dest)
	if err != nil {
		return lk, "", false, err
	}
	base := path.Base(d.in.Name)
	if strings.HasSuffix(dest, "/") {
		mkdir, dest, base = true, dest+base, ""
	}
	if lk, err = host.Get(s, kit.LookFor(dest, base, d.in.Data.Size())); err != nil {
		return lk, "", false, err
	}
	p = lk.Path
	if d.follow && lk.Own.IsLink() && lk.Real != "" {
		p = lk.Real
	}
	return lk, p, mkdir, nil
}

func (d deploy) facts() []host.Question {
	if strings.HasSuffix(d.dest, "/") {
		return kit.Hint(d.dest, kit.LookFor(d.dest+path.Base(d.in.Name), "", d.in.Data.Size()).Q)
	}
	return kit.Hint(d.dest, kit.LookFor(d.dest, path.Base(d.in.Name), d.in.Data.Size()).Q)
}

func (d deploy) plan(s host.Seen) (play.Plan, error) {
	words, err := kit.Validation(d.validate)
	if err != nil {
		return play.Plan{}, err
	}
	if d.Mode.Preserves() {
		d.Mode = kit.FixedMode(d.in.Mode)
	}
	lk, p, mkdir, err := d.place(s)
	if err != nil {
		return play.Plan{}, err
	}
	is := lk.Target
	if !d.follow && lk.Own.IsLink() {
		is = kit.Info{} // the link is replaced, its target left alone
	}
	switch {
	case d.header == "content" && d.in.Path == "" && lk.Into:
		return kit.Failure("can not use content with a dir as dest"), nil
	case is.Exists && is.IsDir():
		return kit.Failure("can not use content with a dir as dest: %s", p), nil
	case lk.Own.Exists && !d.force:
		return kit.Unchanged(p+" is there, and force is no", value.MapOf("dest", value.String(p), "src", value.String(d.origin()))), nil
	case is.IsFile() && lk.Readable && lk.SHA256 == d.in.SHA256:
		return d.attributes(s, lk, p, is)
	}
	f := lk.Write(p)
	f.Was = &is // a link that is replaced lends its target's owner and mode to nobody
	f.Backup, f.Unsafe, f.Mkdir, f.Validate, f.From = d.backup, d.unsafe, mkdir, words, d.from
	return d.write(s, lk, p, is, f)
}

// attributes plans owner and mode of a file whose content is right.
func (d deploy) attributes(s host.Seen, lk kit.Look, p string, is kit.Info) (play.Plan, error) {
	c, err := d.Change(s, is)
	if err != nil {
		return play.Plan{}, err
	}
	if !c.Any() {
		return kit.Unchanged(p+" is as it shall be", d.kept(p, is, is, lk.Size)), nil
	}
	will := c.Predict(is)
	before, after := sides(p, is, will)
	data := func(i kit.Info, _ int64) *value.Map { return d.kept(p, is, i, lk.Size) }
	return play.Plan{
		Steps: []host.Step{c.Step(p, lk.Via(p), false)}, Diff: []play.Diff{kit.JSONDiff(before, after)},
		Result: play.Result{Changed: true, Data: data(will, lk.Size)},
		Finish: finishTold(p, will, lk.Size, data), ByStatus: true,
	}, nil
}

// write plans the content.
func (d deploy) write(s host.Seen, lk kit.Look, p string, is kit.Info, f kit.Write) (play.Plan, error) {
	var err error
	will := kit.Info{Exists: true, Mode: kit.TypeReg, Owner: d.Owner, Group: d.Group}
	f.Want = kit.Change{Owner: d.Owner, Group: d.Group}
	if is.Exists {
		if f.Want, err = d.Change(s, is); err == nil {
			will = f.Want.Predict(is)
		}
	} else if f.Want.Mode, err = d.Fresh(s, kit.TypeReg); err == nil {
		will = f.Want.Predict(will)
	}
	if err != nil {
		return play.Plan{}, err
	}
	predicted := d.written(p, will, d.in.Data.Size())
	if !is.Exists && f.Want.Mode == "" {
		predicted.Delete(value.String("mode"))
	}
	return play.Plan{
		Steps: []host.Step{f.Step(d.in)}, Diff: []play.Diff{d.diff(lk, p)},
		Result: play.Result{Changed: true, Data: predicted},
		Finish: d.orRefused(func(ran []host.Output) (play.Result, error) {
			i, size, copied, err := kit.Told(ran[0], p)
			if err != nil { // what it does not tell fails nothing: the step has succeeded
				return play.Result{Changed: true, Data: predicted}, nil
			}
			data := d.written(p, i, size)
			if sum := md5Of(d.in.Data); sum != "" {
				data.Put("md5sum", value.String(sum))
			}
			if copied != "" {
				data.Put("backup_file", kit.HostText(copied))
			}
			return play.Result{Changed: true, Data: data}, nil
		}), ByStatus: true,
	}, nil
}

// orRefused makes a Finish: what a validation or a missing folder refuses is said with
// Ansible's keys, on which playbooks match.
func (d deploy) orRefused(f func([]host.Output) (play.Result, error)) func([]host.Output) (play.Result, error) {
	return func(ran []host.Output) (play.Result, error) {
		r, bad := kit.FailedStep(ran)
		if !bad {
			return f(ran)
		}
		said := strings.TrimSpace(string(ran[len(ran)-1].Stderr))
		data := value.NewMap()
		if d.in.SHA1 != "" {
			data.Put("checksum", value.String(d.in.SHA1))
		}
		var status int64
		switch rest, refused := strings.CutPrefix(said, "failed to validate: rc:"); {
		case refused:
			if n, _ := fmt.Sscanf(rest, "%d error:", &status); n == 1 {
				_, rest, _ = strings.Cut(rest, " error:")
				r.Msg, r.Data = "failed to validate", kit.Outputs("", rest, true)
				r.Data.Put("exit_status", value.Int(status))
				for k, v := range data.All() {
					r.Data.Set(k, v)
				}
			}
		case strings.HasPrefix(said, "Destination directory "):
			r.Msg, r.Complete, r.Data = said, true, data
		}
		return r, nil
	}
}

// md5Of is the hash of a source, empty where it cannot be read any more.
func md5Of(s play.Source) string {
	if h, ok := s.(play.Hashed); ok {
		sum, err := h.MD5()
		if err != nil {
			return ""
		}
		return sum
	}
	r, err := s.Open()
	if err != nil {
		return ""
	}
	defer r.Close()
	sum := md5.New() // #nosec G401
	if _, err := io.Copy(sum, r); err != nil {
		return ""
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// data are the result's keys.
func (d deploy) data(p string, i kit.Info, size int64) *value.Map {
	m := value.MapOf("dest", value.String(p), "size", value.Int(size), "state", value.String("file"))
	sum := d.in.SHA1
	if d.from != "" {
		sum = d.sums[0]
	}
	if sum != "" {
		m.Put("checksum", value.String(sum))
	}
	if d.note != "" {
		m.Put("msg", value.String(d.note))
	}
	i.PutInto(m)
	return m
}

// written are the keys of a result whose content was written. Ansible's src is the
// name of a temporary file; here it is where the content is from.
func (d deploy) written(p string, i kit.Info, size int64) *value.Map {
	m := d.data(p, i, size)
	m.Put("src", value.String(d.origin()))
	if d.sums[1] != "" {
		m.Put("md5sum", value.String(d.sums[1]))
	}
	if !d.always {
		m.Put("diff", value.List())
	}
	return m
}

func (d deploy) origin() string {
	if d.in.Path != "" {
		return d.in.Path
	}
	return d.header
}

// kept are those of a result whose content was right: of owner and mode at most, as
// Ansible's file has them.
func (d deploy) kept(p string, was, is kit.Info, size int64) *value.Map {
	if d.always {
		m := d.written(p, is, size)
		if sum := md5Of(d.in.Data); sum != "" {
			m.Put("md5sum", value.String(sum))
		}
		return m
	}
	m := d.data(p, is, size)
	m.Put("path", value.String(p))
	before, after := sides(p, was, is)
	m.Put("diff", value.FromMap(value.MapOf("before", value.FromMap(before), "after", value.FromMap(after))))
	return m
}

// sides are what a diff of attributes holds.
func sides(p string, was, will kit.Info) (before, after *value.Map) {
	before, after = value.MapOf("path", value.String(p)), value.MapOf("path", value.String(p))
	diffInfo(before, after, was, will)
	return before, after
}

// diff shows the old text beside the new one. Secrets and large files are said
// to differ, not shown.
func (d deploy) diff(lk kit.Look, p string) play.Diff {
	df := play.Diff{BeforeHeader: p, AfterHeader: d.header, Secret: d.in.Secret, Masked: d.in.Masked}
	if d.in.Secret && d.in.Masked == "" {
		return df
	}
	if lk.Target.IsFile() {
		df.Before = kit.Head(lk.Path)
	}
	if d.in.Data.Size() > maxDiff {
		df.Prepared = fmt.Sprintf("diff skipped: source file size is greater than %d\n", maxDiff)
		return df
	}
	b, err := d.in.Data.Bytes()
	switch {
	case err != nil:
		df.Prepared = fmt.Sprintf("diff skipped: %v\n", err)
	case strings.IndexByte(string(b[:min(len(b), 8192)]), 0) >= 0:
		df.Prepared = "diff skipped: source file appears to be binary\n"
	default:
		df.AfterText = string(b)
	}
	return df
}
