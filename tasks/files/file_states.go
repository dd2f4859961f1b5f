package files

import (
	"fmt"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// times is the step for modification_time and access_time; ok is false when
// both are left alone.
func (a fileArgs) times(p, state string) (host.Step, bool) {
	return a.timed(p, a.word(a.Modified, a.ModForm, state), a.word(a.Accessed, a.AccForm, state))
}

// word is a time for touch, empty = left alone.
func (a fileArgs) word(t, form, state string) string {
	switch {
	case t == "" && state == "touch":
		t = "now"
	case t == "":
		t = "preserve"
	}
	t, _ = stamp(t, form)
	return strings.TrimPrefix(t, "preserve")
}

// named reports an owner or group that is given by name and might not be there.
func (a fileArgs) named() bool {
	byName := func(s string) bool { return strings.Trim(s, "0123456789") != "" && s != "root" }
	return byName(a.Owner) || byName(a.Group)
}

// ownersText says which of a user and a group nobody on the host knows.
const ownersText sh.Constant = `case $1 in ""|*[!0-9]*) [ -z "$1" ] || id -u "$1" >/dev/null 2>&1 || echo "chown failed: failed to look up user $1" ;; esac
case $2 in ""|*[!0-9]*) [ -z "$2" ] || cut -d: -f1 /etc/group | grep -qxF -e "$2" || getent group "$2" >/dev/null 2>&1 || echo "chgrp failed: failed to look up group $2" ;; esac`

// owners asks whether owner and group are there: empty, or what is wrong.
func owners(a fileArgs) host.Fact[string] {
	return host.Fact[string]{Q: host.NewProbe(ownersText, a.Owner, a.Group), Parse: func(a host.Answer) (string, error) {
		first, _, _ := strings.Cut(string(a.Stdout), "\n")
		return first, nil
	}}
}

// repeats reports a touch that sets a time to now: it does so each time.
func (a fileArgs) repeats() bool {
	return a.State == "touch" && (a.word(a.Modified, a.ModForm, "touch") == "now" || a.word(a.Accessed, a.AccForm, "touch") == "now")
}

func (a fileArgs) timed(p, m, acc string) (host.Step, bool) {
	if m == "" && acc == "" {
		return nil, false
	}
	return kit.Touch(p, a.via(p), m, acc), true
}

// timesText prints the times of a path, and the times that are wanted, as the host's
// clock has them: path, modified, accessed.
const timesText sh.Constant = `stat -c "%Y
%X" "$1" && { date -d "$2" +%s 2>/dev/null || echo; } && { date -d "$3" +%s 2>/dev/null || echo; }`

// late is times without those that the path has already.
func (a *fileArgs) late(s host.Seen, p, state string) (host.Step, bool, error) {
	m, acc := a.word(a.Modified, a.ModForm, state), a.word(a.Accessed, a.AccForm, state)
	given := func(t string) bool { return t != "" && t != "now" }
	if !given(m) && !given(acc) {
		st, ok := a.timed(p, m, acc)
		return st, ok, nil
	}
	is, err := host.Get(s, host.Fact[[]string]{
		Q:     host.NewProbe(timesText, kit.Safe(p), forDate(m), forDate(acc)),
		Parse: func(a host.Answer) ([]string, error) { return strings.Split(string(a.Stdout), "\n"), nil },
	})
	if err != nil {
		return nil, false, err
	}
	for i, t := range []*string{&m, &acc} {
		if len(is) < 4 || !given(*t) {
			continue
		}
		if is[i] == is[i+2] {
			*t = ""
			continue
		}
		name := []string{"mtime", "atime"}[i]
		was, _ := strconv.ParseFloat(is[i], 64)
		will, _ := strconv.ParseFloat(is[i+2], 64)
		a.moved = append(a.moved, [2]*value.Map{value.MapOf(name, value.Float(was)), value.MapOf(name, value.Float(will))})
	}
	st, ok := a.timed(p, m, acc)
	return st, ok, nil
}

// forDate is YYYYMMDDhhmm.SS as date -d takes it.
func forDate(t string) string {
	if len(t) != len("200601021504.05") {
		return ""
	}
	return t[:4] + "-" + t[4:6] + "-" + t[6:8] + " " + t[8:10] + ":" + t[10:12] + ":" + t[13:]
}

func (f file) touch(a fileArgs, lk kit.Look, s host.Seen) (play.Plan, error) {
	p, is := a.subject(lk)
	if is.Exists {
		return f.attributes(a, p, is, "touch", nil, s)
	}
	if a.named() { // a new file is not left behind for nobody
		lost, err := host.Get(s, owners(a))
		if err != nil || lost != "" {
			return kit.Failure("%s", lost), err
		}
	}
	mode, err := a.Fresh(s, kit.TypeReg)
	if err != nil {
		return play.Plan{}, err
	}
	step, ok := a.times(p, "touch")
	if !ok {
		step = kit.Touch(p, a.via(p), "", "")
	}
	steps := []host.Step{step}
	c := kit.Change{Owner: a.Owner, Group: a.Group, Mode: mode}
	if c.Any() {
		steps = append(steps, c.OfNew(p, a.via(p)))
	}
	a.tells = len(steps) - 1
	return f.finish(a, p, is, kit.Info{}, "touch", steps, s)
}

// pairsText lists what kinds of entries are below a folder: mode, ids and
// names, each once, however many there are.
const pairsText sh.Constant = `LC_ALL=C; export LC_ALL
find "$1" -mindepth 1 -exec stat -c "%f %u %g %U:%G" {} + | sort -u`

func (f file) directory(a fileArgs, lk kit.Look, s host.Seen) (play.Plan, error) {
	p, is := a.subject(lk)
	p = kit.TrimSlash(p)
	switch {
	case !is.Exists:
		mode, err := a.Fresh(s, kit.TypeDir)
		if err != nil {
			return play.Plan{}, err
		}
		c := kit.Change{Owner: a.Owner, Group: a.Group, Mode: mode}
		return f.finish(a, p, is, kit.Info{}, "directory", []host.Step{kit.MakeFolder(p, a.via(p), c)}, s)
	case !is.IsDir():
		return kit.Failure("%s already exists as a %s", p, is.Kind()), nil
	}
	var first []host.Step
	if a.Recurse {
		st, err := f.tree(a, p, s)
		if err != nil {
			return play.Plan{}, err
		}
		first = st
	}
	return f.attributes(a, p, is, "directory", first, s)
}

// tree plans the attributes of everything below a folder.
func (file) tree(a fileArgs, p string, s host.Seen) ([]host.Step, error) {
	pairs, err := host.Get(s, host.Fact[[]kit.Info]{Q: host.NewProbe(pairsText, kit.Safe(p)), Parse: parsePairs})
	if err != nil {
		return nil, err
	}
	var need kit.Change
	for _, i := range pairs {
		c, err := a.Change(s, i)
		if err != nil {
			return nil, err
		}
		need = need.With(c, a.Attrs)
	}
	if !need.Any() {
		return nil, nil
	}
	return []host.Step{kit.Below(p, a.via(p), need)}, nil
}

// parsePairs reads pairsText's lines.
func parsePairs(a host.Answer) ([]kit.Info, error) {
	var out []kit.Info
	for line := range strings.Lines(string(a.Stdout)) {
		i := kit.Info{Exists: true}
		var names string
		if n, _ := fmt.Sscanf(line, "%x %d %d %s", &i.Mode, &i.UID, &i.GID, &names); n != 4 {
			return nil, fmt.Errorf("unexpected line %q from find", strings.TrimSpace(line))
		}
		i.Owner, i.Group, _ = strings.Cut(names, ":")
		out = append(out, i)
	}
	return out, nil
}

func (f file) link(a fileArgs, lk kit.Look, s host.Seen) (play.Plan, error) {
	is := lk.Own
	if a.Src == "" {
		if !is.IsLink() {
			return kit.Failure("src is required for creating new symlinks"), nil
		}
		a.Src = lk.Link
	}
	src, err := kit.Place(s, a.Src)
	if err != nil {
		return play.Plan{}, err
	}
	a.Src = src
	base := kit.DirOf(a.Path)
	if is.IsDir() {
		base = a.Path
	}
	at, err := host.Get(s, kit.LookAt(kit.Join(base, src), "", false))
	if err != nil {
		return play.Plan{}, err
	}
	if p, bad, err := f.inTheWay(a, is, at, s); bad || err != nil {
		return p, err
	}
	if !is.IsLink() || lk.Link != src {
		return f.linked(a, is, at, []host.Step{kit.Link(a.Path, src, false)}, s)
	}
	return f.linked(a, is, at, nil, s)
}

// inTheWay refuses what state=link must not replace.
func (file) inTheWay(a fileArgs, is kit.Info, at kit.Look, s host.Seen) (play.Plan, bool, error) {
	kind := is.Kind()
	switch {
	case !a.Force && !at.Target.Exists:
		return kit.Failure(`src file does not exist, use "force=yes" if you really want to create the link: %s`, at.Path), true, nil
	case kind == "directory" && a.Force:
		empty, err := host.Get(s, isEmpty(a.Path))
		if err != nil || !empty {
			return kit.Failure("the directory %s is not empty, refusing to convert it", a.Path), true, err
		}
	case (kind == "directory" || kind == "file") && !a.Force:
		return kit.Failure("refusing to convert from %s to symlink for %s", kind, a.Path), true, nil
	}
	return play.Plan{}, false, nil
}

// isEmpty asks whether a folder holds nothing.
func isEmpty(p string) host.Fact[bool] {
	return host.Fact[bool]{
		Q:     host.NewProbe(`[ -z "$(ls -A "$1")" ]`, kit.Safe(p)),
		Parse: func(a host.Answer) (bool, error) { return a.Status == 0, nil },
	}
}

// linked plans the attributes of what a link leads to (follow), or its own
// owner, behind the step that makes the link.
func (f file) linked(a fileArgs, is kit.Info, at kit.Look, first []host.Step, s host.Seen) (play.Plan, error) {
	subject, p := at.Target, at.Path
	if !a.Follow {
		subject, p = kit.Info{Exists: true, Mode: kit.TypeLink}, a.Path
		if is.IsLink() {
			subject = is
		}
	}
	var c kit.Change
	if subject.Exists {
		var err error
		if c, err = a.Change(s, subject); err != nil {
			return play.Plan{}, err
		}
	}
	if c.Any() {
		via := ""
		if a.Follow && at.Own.IsLink() && at.Real != "" {
			p, via = at.Real, at.Path
		}
		first = append(first, c.Step(p, via, !a.Follow))
	}
	will := kit.Info{Exists: true, Mode: kit.TypeLink}
	if is.IsLink() {
		will = is
	}
	a.lost = !at.Target.Exists
	a.tells = 0
	if c.Any() && a.Follow && len(first) == 1 {
		a.tells = -1 // the step tells of what the link leads to
	}
	plan, err := f.finish(a, a.Path, is, will, "link", first, s)
	if a.Follow && !subject.Exists {
		plan.Result.Warnings = []string{"Cannot set fs attributes on a non-existent symlink target. follow should be set to False to avoid this."}
	}
	return plan, err
}

// sameText asks whether two paths are one file.
const sameText sh.Constant = `[ "$(stat -L -c %d:%i "$1")" = "$(stat -L -c %d:%i "$2")" ]`

func (f file) hard(a fileArgs, lk kit.Look, s host.Seen) (play.Plan, error) {
	if a.Src == "" {
		if !lk.Own.IsFile() {
			return kit.Failure("src is required for creating new hardlinks"), nil
		}
		return f.attributes(a, a.Path, lk.Own, "hard", nil, s)
	}
	src, err := kit.Place(s, a.Src)
	if err != nil {
		return play.Plan{}, err
	}
	same := host.Fact[bool]{Q: host.NewProbe(sameText, kit.Safe(a.Path), kit.Safe(src)), Parse: func(a host.Answer) (bool, error) { return a.Status == 0, nil }}
	srcLook := kit.LookAt(src, "", false)
	if err := host.All(s, same.Q, srcLook.Q); err != nil {
		return play.Plan{}, err
	}
	at, err := host.Get(s, srcLook)
	if err != nil {
		return play.Plan{}, err
	}
	linked, _ := host.Get(s, same)
	switch {
	case !at.Target.Exists:
		return kit.Failure("src does not exist"), nil
	case linked && !lk.Own.IsLink():
		return f.attributes(a, a.Path, lk.Own, "hard", nil, s)
	case lk.Own.Exists && !lk.Own.IsLink() && !a.Force:
		return kit.Failure("Cannot link, %s exists at destination", lk.Own.Kind()), nil
	}
	c, err := a.Change(s, at.Target)
	if err != nil {
		return play.Plan{}, err
	}
	steps := []host.Step{kit.Link(a.Path, src, true)}
	if c.Any() {
		steps = append(steps, c.Step(a.Path, "", false))
	}
	a.tells = len(steps) - 1
	return f.finish(a, a.Path, lk.Own, c.Predict(at.Target), "hard", steps, s)
}
