package files

import (
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// fileArgs are the arguments of file.
type fileArgs struct {
	Path     string `arg:"path,dest,name" need:"yes" type:"path" help:"what is managed"`
	State    string `arg:"state" choices:"absent,directory,file,hard,link,touch" help:"what the path shall be; default: what it is, else file (directory with recurse)"`
	Src      string `arg:"src" type:"path" help:"what a link leads to"`
	Recurse  bool   `arg:"recurse" default:"no" help:"set owner, group and mode of everything below; links inside are changed themselves, never followed"`
	Force    bool   `arg:"force" default:"no" help:"make links although the source is missing or a file is in the way"`
	Follow   bool   `arg:"follow" default:"yes" help:"work on what a link leads to"`
	Modified string `arg:"modification_time" help:"preserve, now, or YYYYMMDDhhmm.SS; default preserve, for touch now"`
	Accessed string `arg:"access_time" help:"preserve, now, or YYYYMMDDhhmm.SS; default preserve, for touch now"`
	ModForm  string `arg:"modification_time_format" default:"%Y%m%d%H%M.%S" help:"how modification_time is written, in strptime's letters Y m d H M S"`
	AccForm  string `arg:"access_time_format" default:"%Y%m%d%H%M.%S" help:"how access_time is written"`
	Unsafe   bool   `arg:"unsafe_writes" default:"no" help:"no effect: file writes no content"`
	kit.Attrs

	linked string          // the text of the link that is there
	lost   bool            // state=link: it leads nowhere
	moved  [][2]*value.Map // times before and after
	tells  int             // which step tells of the path afterwards, -1 = none
}

// File manages files, folders and links.
func File() play.Module {
	return kit.Define(kit.Doc{Name: "file", Short: "files, folders, links, and their owner and mode"}, file{})
}

type file struct{}

func (file) Validate(a fileArgs) *play.ArgError {
	switch {
	case a.Recurse && a.State != "" && a.State != "directory":
		return &play.ArgError{Arg: "recurse", Msg: "recurse option requires state to be 'directory'"}
	case a.Src != "" && a.State != "link" && a.State != "hard" && a.State != "":
		return &play.ArgError{Arg: "src", Msg: "src option requires state to be 'link' or 'hard'"}
	case a.Mode.Preserves():
		return &play.ArgError{Arg: "mode", Msg: kit.NoSource}
	case a.State == "absent" && strings.Trim(a.Path, "/.") == "" && a.Path != "":
		return &play.ArgError{Arg: "path", Msg: fmt.Sprintf("%s is never removed", a.Path)}
	}
	for _, given := range [][3]string{{"modification_time", a.Modified, a.ModForm}, {"access_time", a.Accessed, a.AccForm}} {
		if _, ok := stamp(given[1], given[2]); !ok {
			return &play.ArgError{Arg: given[0], Msg: fmt.Sprintf("%q is not a time in the form %s", given[1], given[2]), Allowed: []string{"preserve", "now", given[2]}}
		}
	}
	return nil
}

// stamp is a time as touch -t takes it; preserve, now and nothing are themselves.
func stamp(t, form string) (string, bool) {
	if t == "" || t == "now" || t == "preserve" {
		return t, true
	}
	parts := map[byte]string{'S': "00"}
	rest := t
	for i := 0; i < len(form); i++ {
		if form[i] != '%' || i+1 == len(form) {
			if rest == "" || rest[0] != form[i] {
				return "", false
			}
			rest = rest[1:]
			continue
		}
		i++
		n := 2
		if form[i] == 'Y' {
			n = 4
		}
		for n == 2 && (len(rest) < n || rest[1] < '0' || rest[1] > '9') { // one digit will do, as in Python
			n--
		}
		if strings.IndexByte("YmdHMS", form[i]) < 0 || len(rest) < n || strings.Trim(rest[:n], "0123456789") != "" {
			return "", false
		}
		parts[form[i]], rest = strings.Repeat("0", max(2-n, 0))+rest[:n], rest[n:]
	}
	for _, letter := range []byte("HM") {
		if parts[letter] == "" {
			parts[letter] = "00"
		}
	}
	return parts['Y'] + parts['m'] + parts['d'] + parts['H'] + parts['M'] + "." + parts['S'], rest == "" && parts['Y'] != "" && parts['m'] != "" && parts['d'] != ""
}

func (file) Facts(a fileArgs) []host.Question {
	q := []host.Question{kit.LookAt(a.Path, "", false).Q, kit.SizeOf(a.Path).Q}
	if a.State == "touch" && a.named() {
		q = append(q, owners(a).Q)
	}
	return kit.Hint(a.Path, q...)
}

func (f file) Plan(a fileArgs, s host.Seen) (play.Plan, error) {
	var err error
	if a.Path, err = kit.Place(s, a.Path); err != nil {
		return play.Plan{}, err
	}
	lk, err := host.Get(s, kit.LookAt(a.Path, "", false))
	if err != nil {
		return play.Plan{}, err
	}
	f.settle(&a, lk)
	a.linked = lk.Link
	p, err := f.state(a, lk, s)
	if err == nil && p.Result.Failed && len(p.Steps) == 0 {
		err = f.refused(a, lk, s, &p)
	}
	return p, err
}

// refused adds what Ansible's failures say: the path, and what is there.
func (file) refused(a fileArgs, lk kit.Look, s host.Seen, p *play.Plan) error {
	data := p.Result.Data
	if data == nil {
		data = value.NewMap()
	}
	if a.State == "link" || a.State == "hard" {
		data.Put("dest", value.String(a.Path))
		data.Put("src", value.String(a.Src))
	}
	data.Put("path", value.String(a.Path))
	if lk.Own.Exists && lk.Target.Exists { // Ansible looks through links here
		size, err := host.Get(s, kit.SizeOf(a.Path))
		if err != nil {
			return err
		}
		lk.Own.PutInto(data)
		data.Put("state", value.String(lk.Own.Kind()))
		data.Put("size", value.Int(size))
	}
	p.Result.Data = data
	return nil
}

// state plans what the state asks for.
func (f file) state(a fileArgs, lk kit.Look, s host.Seen) (play.Plan, error) {
	switch {
	case a.Path == "":
		return kit.Failure("the path is empty"), nil
	case a.Recurse && a.State != "directory":
		return kit.Failure("recurse option requires state to be 'directory'"), nil
	case a.Src != "" && a.State != "link" && a.State != "hard":
		return kit.Failure("src option requires state to be 'link' or 'hard'"), nil
	}
	switch a.State {
	case "absent":
		return f.absent(a, lk), nil
	case "directory":
		return f.directory(a, lk, s)
	case "touch":
		return f.touch(a, lk, s)
	case "link":
		return f.link(a, lk, s)
	case "hard":
		return f.hard(a, lk, s)
	}
	return f.exists(a, lk, s)
}

// settle finds the state when none is given: what is there.
func (file) settle(a *fileArgs, lk kit.Look) {
	if a.State != "" {
		return
	}
	a.State = lk.Own.Kind()
	if a.State == "absent" {
		a.State = "file"
		if a.Recurse {
			a.State = "directory"
		}
	}
}

func (file) absent(a fileArgs, lk kit.Look) play.Plan {
	data := value.MapOf("path", value.String(a.Path), "state", value.String("absent"))
	if !lk.Own.Exists {
		return kit.Unchanged(a.Path+" is not there", data)
	}
	was := value.MapOf("path", value.String(a.Path), "state", value.String(lk.Own.Kind()))
	shown := kit.JSONDiff(was, data)
	data = putSides(data, was, data)
	return play.Plan{
		Steps:  []host.Step{kit.Remove(a.Path, lk.Own.Kind())},
		Diff:   []play.Diff{shown},
		Result: play.Result{Changed: true, Data: data},
	}
}

// subject is the path that a state works on: behind a link with follow.
func (a fileArgs) subject(lk kit.Look) (string, kit.Info) {
	if a.Follow && lk.Own.IsLink() && lk.Real != "" {
		return lk.Real, lk.Target
	}
	return a.Path, lk.Own
}

// via is the link that a state's subject was reached through.
func (a fileArgs) via(p string) string {
	if kit.TrimSlash(p) == kit.TrimSlash(a.Path) {
		return ""
	}
	return a.Path
}

// exists is state=file: the attributes of what must be there.
func (f file) exists(a fileArgs, lk kit.Look, s host.Seen) (play.Plan, error) {
	p, is := a.subject(lk)
	if is.Kind() != "file" {
		r := play.Failure(fmt.Sprintf("file (%s) is %s, cannot continue", p, is.Kind()))
		r.Data = value.MapOf("path", value.String(p), "state", value.String(is.Kind()))
		return play.Plan{Result: r}, nil
	}
	return f.attributes(a, p, is, "file", nil, s)
}

// attributes plans owner, group, mode and times of what exists, behind steps
// that come first.
func (f file) attributes(a fileArgs, p string, is kit.Info, state string, first []host.Step, s host.Seen) (play.Plan, error) {
	c, err := a.Change(s, is)
	if err != nil {
		return play.Plan{}, err
	}
	steps := first
	t, ok, err := a.late(s, p, state)
	if err != nil {
		return play.Plan{}, err
	}
	if ok {
		steps = append(steps, t)
	}
	if c.Any() {
		steps = append(steps, c.Step(p, a.via(p), is.IsLink()))
	}
	a.tells = len(steps) - 1
	return f.finish(a, p, is, c.Predict(is), state, steps, s)
}

// finish makes the plan's results and its difference.
func (f file) finish(a fileArgs, p string, was, will kit.Info, state string, steps []host.Step, s host.Seen) (play.Plan, error) {
	key := "path"
	switch state {
	case "link", "hard":
		key = "dest"
	case "touch":
		key, state = "dest", "file"
		if was.Exists {
			state = was.Kind()
		}
	}
	before, after := value.MapOf("path", value.String(p)), value.MapOf("path", value.String(p))
	said := p
	if state == "directory" && kit.TrimSlash(a.Path) == p {
		said = a.Path
	}
	data := func(i kit.Info, size int64) *value.Map {
		m := value.MapOf(key, value.String(said))
		if a.Src != "" {
			m.Put("src", value.String(a.Src))
		}
		if a.lost { // of a link that leads nowhere Ansible says nothing more
			return putSides(m, before, after)
		}
		m.Put("state", value.String(state))
		i.PutInto(m)
		if size >= 0 {
			m.Put("size", value.Int(size))
		}
		return putSides(m, before, after)
	}
	if len(steps) == 0 {
		size, err := int64(len(a.linked)), error(nil)
		if !was.IsLink() { // a link is as long as its text
			size, err = host.Get(s, kit.SizeOf(p))
		}
		return kit.Unchanged(p+" is as it shall be", data(was, size)), err
	}
	a.sides(before, after, was, will, state)
	return play.Plan{
		Steps: steps, Diff: []play.Diff{kit.JSONDiff(before, after)}, Repeats: a.repeats(),
		Result: play.Result{Changed: true, Data: data(will, -1)},
		Finish: a.told(p, will, data), ByStatus: true,
	}, nil
}

// sides puts into the two sides of a difference what is another one.
func (a fileArgs) sides(before, after *value.Map, was, will kit.Info, state string) {
	kind := state
	if state == "hard" {
		kind = "file"
	}
	switch {
	case a.State == "touch": // which always does something
		before.Put("state", value.String(was.Kind()))
		after.Put("state", value.String("touch"))
		diffInfo(before, after, was, will)
	case was.Kind() != kind:
		before.Put("state", value.String(was.Kind()))
		after.Put("state", value.String(state))
	default:
		diffInfo(before, after, was, will)
	}
	for _, m := range a.moved {
		for i, side := range []*value.Map{before, after} {
			for k, v := range m[i].All() {
				side.Set(k, v)
			}
		}
	}
	if was.IsLink() && state == "link" && a.linked != a.Src {
		before.Put("src", value.String(a.linked))
		after.Put("src", value.String(a.Src))
	}
}

// putSides adds the diff that every result has, whether it is shown or not.
func putSides(m, before, after *value.Map) *value.Map {
	out := value.NewMap()
	for k, v := range m.All() {
		out.Set(k, v)
	}
	out.Put("diff", value.FromMap(value.MapOf("before", value.FromMap(before), "after", value.FromMap(after))))
	return out
}

// told makes the result of the step that tells of the path.
func (a fileArgs) told(p string, will kit.Info, data func(kit.Info, int64) *value.Map) func([]host.Output) (play.Result, error) {
	return kit.After(func(ran []host.Output) (play.Result, error) {
		i, n := will, int64(len(a.linked))
		if a.tells >= 0 && a.tells < len(ran) {
			n = -1
			if got, told, _, err := kit.Told(ran[a.tells], p); err == nil {
				i, n = got, told
			}
		}
		return play.Result{Changed: true, Data: data(i, n)}, nil
	})
}

// finishTold takes the file's state from the last step that told it.
func finishTold(p string, will kit.Info, size int64, data func(kit.Info, int64) *value.Map) func([]host.Output) (play.Result, error) {
	return kit.After(func(ran []host.Output) (play.Result, error) {
		i, n := will, size
		if got, told, _, err := kit.Told(ran[len(ran)-1], p); err == nil {
			i, n = got, told
		}
		return play.Result{Changed: true, Data: data(i, n)}, nil
	})
}

// diffInfo adds owner, group and mode where they differ.
func diffInfo(before, after *value.Map, was, will kit.Info) {
	if !was.Exists || !will.Exists {
		return
	}
	a, b := value.NewMap(), value.NewMap()
	was.PutInto(a)
	will.PutInto(b)
	keys := [][2]string{{"mode", "mode"}, {"uid", "owner"}, {"gid", "group"}} // as Ansible names them
	for i, names := range [][2]string{{was.Owner, will.Owner}, {was.Group, will.Group}} {
		if ids := [2]bool{was.UID == will.UID, was.GID == will.GID}; ids[i] && names[0] != names[1] {
			keys[i+1][0] = keys[i+1][1] // a name whose number is not known
		}
	}
	for _, k := range keys {
		v, _ := a.Lookup(k[0])
		if w, _ := b.Lookup(k[0]); !value.Equal(v, w) {
			before.Put(k[1], v)
			after.Put(k[1], w)
		}
	}
}
