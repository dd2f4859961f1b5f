package files

import (
	"errors"
	"fmt"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// textFile is a text file that a module edits: what is there, its whole text,
// and the one write of what becomes of it.
type textFile struct {
	path     string // as the playbook names it
	attrs    kit.Attrs
	create   bool
	backup   bool
	unsafe   bool
	validate string
	secret   bool // the new text holds a secret
	// absent is what Ansible's module says of a file that is not there; %s is
	// the path.
	absent string
	// quiet says that only a write counts what became of attributes (messages of
	// lineinfile and its kin name them).
	quiet bool
	// rc are result codes of failures.
	rc bool
}

// textAt is such a file as it was found.
type textAt struct {
	path string // the host's
	look kit.Look
	old  []byte
}

// there reports a file to read.
func (t textAt) there() bool { return t.look.Target.Exists }

// facts is the hint of what find asks.
func (f textFile) facts() []host.Question {
	return kit.Hint(f.path, kit.LookAt(f.path, "", false).Q, kit.Content(f.path))
}

// find looks at the file and reads it. A plan that is not nil ends the task.
func (f textFile) find(s host.Seen) (at textAt, stop *play.Plan, err error) {
	if at.path, err = kit.Place(s, f.path); err != nil {
		return at, nil, err
	}
	look, text := kit.LookAt(at.path, "", false), kit.Content(at.path)
	at.look, err = host.Get(s, look)
	if need := new(host.ErrNeed); errors.As(err, &need) {
		return at, nil, host.Need(append(need.Questions, text)...)
	}
	var old host.Answer
	if err == nil && at.there() { // what is not there has no content to rest on
		old, err = s.Answer(text)
	}
	if err != nil {
		return at, nil, err
	}
	at.old = old.Stdout
	stops := func(rc int64, format string) *play.Plan {
		p := kit.Failure(format, at.path)
		if f.rc {
			p.Result.Data = value.MapOf("rc", value.Int(rc))
		}
		return &p
	}
	switch {
	case at.look.Target.IsDir():
		return at, stops(256, "Path %s is a directory !"), nil
	case !at.there() && !f.create:
		return at, stops(257, f.absent), nil
	case at.there() && old.Status != 0:
		return at, stops(1, "%s cannot be read"), nil
	}
	return at, nil, nil
}

// become plans the file with another text and the attributes of its arguments.
// msg is what is said of the edit; data are more keys of the result.
func (f textFile) become(s host.Seen, at textAt, text []byte, changed bool, msg string, data *value.Map) (play.Plan, error) {
	c, err := f.attrs.Change(s, at.look.Target)
	if !at.there() && err == nil {
		c = kit.Change{Owner: f.attrs.Owner, Group: f.attrs.Group}
		c.Mode, err = f.attrs.Fresh(s, kit.TypeReg)
	}
	if err != nil {
		return play.Plan{}, err
	}
	attrs := c.Any() && at.there()
	if attrs && !f.quiet {
		if changed {
			msg += " and "
		}
		msg += "ownership, perms or SE linux context changed"
	}
	plan := play.Plan{Result: play.Result{Changed: changed || attrs, Msg: msg, Data: data}}
	real := at.path
	if at.look.Own.IsLink() && at.look.Real != "" {
		real = at.look.Real
	}
	switch {
	case changed:
		f.write(&plan, at, real, c, text)
	case attrs:
		plan.Steps = []host.Step{c.Step(real, at.look.Via(real), false)}
	default:
		plan.Note = fmt.Sprintf("%s is as it shall be", at.path)
	}
	return plan, nil
}

// write adds the step that writes, its difference, and the backup's name to the
// result.
func (f textFile) write(plan *play.Plan, at textAt, real string, c kit.Change, text []byte) {
	words, _ := kit.Validation(f.validate)
	w := at.look.Write(real)
	w.Want, w.Backup, w.Unsafe, w.Validate = c, f.backup && at.there(), f.unsafe, words
	if w.Mkdir = !at.there(); at.there() {
		w.Old = append([]byte{}, at.old...)
	}
	in := kit.MadeInput(real, text)
	in.Secret = f.secret
	plan.Steps = []host.Step{w.Step(in)}
	plan.Diff = []play.Diff{{
		Secret: f.secret, BeforeHeader: at.path + " (content)", AfterHeader: at.path + " (content)",
		BeforeText: string(at.old), AfterText: string(text),
	}}
	res := plan.Result
	plan.Finish = kit.After(func(ran []host.Output) (play.Result, error) {
		_, _, copied, err := kit.Told(ran[0], at.path)
		out := res
		if copied != "" {
			out.Data = value.NewMap()
			for k, v := range res.Data.All() {
				out.Data.Set(k, v)
			}
			out.Data.Put("backup_file", kit.HostText(copied))
		}
		return out, err
	})
}
