package kit

import (
	"errors"
	"fmt"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// TextFile is a text file that a module edits: what is there, its whole text,
// and the one write of what becomes of it.
type TextFile struct {
	Path     string // as the playbook names it
	Attrs    Attrs
	Create   bool
	Backup   bool
	Unsafe   bool
	Validate string
	Secret   bool // the new text holds a secret
	// Absent is what Ansible's module says of a file that is not there; %s is
	// the path.
	Absent string
	// Quiet says that only a write counts what became of attributes (messages of
	// lineinfile and its kin name them).
	Quiet bool
	// RC are result codes of failures.
	RC bool
	// Bare says that a folder that is missing is not made.
	Bare bool
}

// TextAt is a text file as it was found.
type TextAt struct {
	Path string // the host's
	Look Look
	// Old is its text; Unread says that it is there and cannot be read.
	Old    []byte
	Unread bool
}

// There reports a file to read.
func (t TextAt) There() bool { return t.Look.Target.Exists }

// Real is where the file is that is written.
func (t TextAt) Real() string {
	if t.Look.Own.IsLink() && t.Look.Real != "" {
		return t.Look.Real
	}
	return t.Path
}

// Write is a write in its place, of a text that is made of the one that was found.
func (t TextAt) Write() Write {
	w := t.Look.Write(t.Real())
	if t.There() {
		w.Old = append([]byte{}, t.Old...)
	}
	return w
}

// TextQuestions are what TextOf asks.
func TextQuestions(path string) []host.Question {
	return []host.Question{LookAt(path, "", false).Q, Content(path)}
}

// TextOf looks at a path of the host and reads the text there; create says that a
// file which is not there will be made. Text that came though no file was there is
// another file's, which the owner of the folder has put in the way between look and
// reading: it is no text of this one, or root would write it where all can read it.
func TextOf(s host.Seen, path string, create bool) (at TextAt, err error) {
	at.Path = path
	at.Look, err = host.Get(s, LookAt(path, "", false))
	if need := new(host.ErrNeed); errors.As(err, &need) {
		return at, host.Need(append(need.Questions, Content(path))...)
	}
	// What is made here has no content to rest on; what a task in front makes is
	// asked for with the look that finds it.
	if err != nil || !at.There() && create {
		return at, err
	}
	old, err := s.Answer(Content(path))
	if at.There() {
		at.Old, at.Unread = old.Stdout, old.Status != 0
	}
	return at, err
}

// Facts is the hint of what Find asks.
func (f TextFile) Facts() []host.Question { return Hint(f.Path, TextQuestions(f.Path)...) }

// Find looks at the file and reads it. A plan that is not nil ends the task.
func (f TextFile) Find(s host.Seen) (at TextAt, stop *play.Plan, err error) {
	path, err := Place(s, f.Path)
	if err == nil {
		at, err = TextOf(s, path, f.Create)
	}
	if err != nil {
		return at, nil, err
	}
	stops := func(rc int64, format string) *play.Plan {
		p := Failure(format, at.Path)
		if f.RC {
			p.Result.Data = value.MapOf("rc", value.Int(rc))
		}
		return &p
	}
	switch {
	case at.Look.Target.IsDir():
		return at, stops(256, "Path %s is a directory !"), nil
	case !at.There() && !f.Create:
		return at, stops(257, f.Absent), nil
	case at.Unread:
		return at, stops(1, "%s cannot be read"), nil
	}
	return at, nil, nil
}

// change is what of the attributes the file lacks.
func (f TextFile) change(s host.Seen, at TextAt) (Change, error) {
	if at.There() {
		return f.Attrs.Change(s, at.Look.Target)
	}
	c := Change{Owner: f.Attrs.Owner, Group: f.Attrs.Group}
	var err error
	c.Mode, err = f.Attrs.Fresh(s, TypeReg)
	return c, err
}

// Become plans the file with another text and the attributes of its arguments.
// msg is what is said of the edit; data are more keys of the result.
func (f TextFile) Become(s host.Seen, at TextAt, text []byte, changed bool, msg string, data *value.Map) (play.Plan, error) {
	c, err := f.change(s, at)
	if err != nil {
		return play.Plan{}, err
	}
	attrs := c.Any() && at.There()
	said := attrs
	if !f.Quiet && changed && !at.There() {
		if said, err = f.Attrs.Beyond(s, c); err != nil {
			return play.Plan{}, err
		}
	}
	if said && !f.Quiet {
		if changed {
			msg += " and "
		}
		msg += "ownership, perms or SE linux context changed"
	}
	if _, named := data.Lookup("path"); named {
		at.Look.Target.AddTo(data, int64(len(at.Old)))
	}
	plan := play.Plan{Result: play.Result{Changed: changed || attrs, Msg: msg, Data: data}}
	switch {
	case changed:
		f.write(&plan, at, c, text)
	case attrs:
		plan.Steps = []host.Step{c.Step(at.Real(), at.Look.Via(at.Real()), false)}
	default:
		plan.Note = fmt.Sprintf("%s is as it shall be", at.Path)
	}
	return plan, nil
}

// Writing is the write of the file, for a step that makes the text itself.
func (f TextFile) Writing(s host.Seen, at TextAt) (Write, error) {
	c, err := f.change(s, at)
	return f.writing(at, c), err
}

func (f TextFile) writing(at TextAt, c Change) Write {
	words, _ := Validation(f.Validate)
	w := at.Write()
	w.Want, w.Backup, w.Unsafe, w.Validate, w.Mkdir = c, f.Backup && at.There(), f.Unsafe, words, !at.There() && !f.Bare
	return w
}

// write adds the step that writes, its difference, and the backup's name to the
// result.
func (f TextFile) write(plan *play.Plan, at TextAt, c Change, text []byte) {
	in := MadeInput(at.Real(), text)
	in.Secret = f.Secret
	plan.Steps = []host.Step{f.writing(at, c).Step(in)}
	plan.Diff = []play.Diff{{
		Secret: f.Secret, BeforeHeader: at.Path + " (content)", AfterHeader: at.Path + " (content)",
		BeforeText: string(at.Old), AfterText: string(text),
	}}
	res := plan.Result
	plan.Finish = After(func(ran []host.Output) (play.Result, error) {
		is, size, copied, err := Told(ran[0], at.Path)
		out := res
		out.Data = res.Data.Clone()
		if _, named := out.Data.Lookup("path"); named {
			is.AddTo(out.Data, size)
		}
		if copied != "" {
			out.Data.Put("backup_file", HostText(copied))
		}
		return out, err
	})
}

// ToldAt is a Finish that adds to res what became of the file at p, as step n told it.
func ToldAt(res play.Result, n int, p string) func([]host.Output) (play.Result, error) {
	return After(func(ran []host.Output) (play.Result, error) {
		is, size, _, err := Told(ran[n], p)
		out := res
		out.Data = res.Data.Clone()
		is.AddTo(out.Data, size)
		return out, err
	})
}
