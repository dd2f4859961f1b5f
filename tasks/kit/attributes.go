package kit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// Attrs are the arguments that every module that makes files shares.
type Attrs struct {
	Mode  Mode   `arg:"mode" help:"permissions: octal text (\"0644\") or symbolic (\"u=rwX,go=rX\")"`
	Owner string `arg:"owner" help:"user that owns the file, by name or number"`
	Group string `arg:"group" help:"group that owns the file, by name or number"`

	SEUser  string `arg:"seuser" help:"SELinux: see setype"`
	SERole  string `arg:"serole" help:"SELinux: see setype"`
	SEType  string `arg:"setype" help:"SELinux: left alone on hosts without it, as in Ansible; where it runs the task fails, since contexts are not set here"`
	SELevel string `arg:"selevel,serange" help:"SELinux: see setype"`
}

// selinux asks whether the host runs SELinux.
func selinux() host.Fact[bool] {
	return host.Fact[bool]{
		Q:     host.NewProbe(`[ -e /sys/fs/selinux/enforce ]`),
		Parse: func(a host.Answer) (bool, error) { return a.Status == 0, nil },
	}
}

// noContext refuses a context where it would mean something.
func (a Attrs) noContext(s host.Seen) error {
	if a.SEUser+a.SERole+a.SEType+a.SELevel == "" {
		return nil
	}
	on, err := host.Get(s, selinux())
	if err == nil && on {
		err = errors.New("the host runs SELinux, and its contexts (seuser, serole, setype, selevel) are not set by this module")
	}
	return err
}

// Change is what has to change on a file; empty = nothing.
type Change struct{ Owner, Group, Mode string }

// Any reports that something has to change.
func (c Change) Any() bool { return c != Change{} }

// String names the changes, for a step's description.
func (c Change) String() string {
	var parts []string
	if c.Owner != "" {
		parts = append(parts, "owner "+c.Owner)
	}
	if c.Group != "" {
		parts = append(parts, "group "+c.Group)
	}
	if c.Mode != "" {
		parts = append(parts, "mode "+c.Mode[1:])
	}
	if parts == nil {
		return "what is"
	}
	return strings.Join(parts, ", ")
}

// isID compares an owner or group as a playbook names it with what a file has.
func isID(want, name string, id int) bool {
	if n, err := strconv.Atoi(want); err == nil {
		return n == id
	}
	return want == name
}

// Change says what of the arguments differs from a file. Links have no mode.
func (a Attrs) Change(s host.Seen, i Info) (Change, error) {
	var c Change
	if err := a.noContext(s); err != nil {
		return c, err
	}
	if a.Owner != "" && !isID(a.Owner, i.Owner, i.UID) {
		c.Owner = a.Owner
	}
	if a.Group != "" && !isID(a.Group, i.Group, i.GID) {
		c.Group = a.Group
	}
	if !a.Mode.set || a.Mode.preserve || i.IsLink() {
		return c, nil
	}
	want, err := a.mode(s, i.Mode)
	// chown takes setuid bits away: the mode is set again behind it.
	if err == nil && (want != i.Mode&PermBits || c.Any()) {
		c.Mode = Octal(want)
	}
	return c, err
}

// mode is the wanted permission bits of a file of mode cur.
func (a Attrs) mode(s host.Seen, cur uint32) (uint32, error) {
	if !a.Mode.needsUmask() {
		return a.Mode.Apply(cur, 0), nil
	}
	umask, err := host.Get(s, Umask())
	return a.Mode.Apply(cur, umask), err
}

// Fresh is the mode to give a new file or folder (kind typeReg or typeDir),
// empty = what the umask leaves.
func (a Attrs) Fresh(s host.Seen, kind uint32) (string, error) {
	if err := a.noContext(s); err != nil {
		return "", err
	}
	if !a.Mode.set || a.Mode.preserve {
		return "", nil
	}
	if a.Mode.clauses == nil {
		return Octal(a.Mode.octal), nil
	}
	umask, err := host.Get(s, Umask())
	if err != nil {
		return "", err
	}
	base := uint32(0o666)
	if kind == TypeDir {
		base = 0o777
	}
	return Octal(a.Mode.Apply(kind|base&^umask, umask)), nil
}

// Beyond reports whether a new file's attributes are others than it is made with:
// what edits say beside "line added". An owner other than root counts, whoever runs.
func (a Attrs) Beyond(s host.Seen, c Change) (bool, error) {
	other := func(name string) bool { return name != "" && name != "root" && name != "0" }
	if other(c.Owner) || other(c.Group) || c.Mode == "" {
		return other(c.Owner) || other(c.Group), nil
	}
	umask, err := host.Get(s, Umask())
	return c.Mode != Octal(0o666&^umask), err
}

// Octal is a mode for chmod: GNU's needs five digits to take setgid from a
// folder.
func Octal(bits uint32) string { return fmt.Sprintf("%05o", bits) }

// Predict is what a file will be after the change.
func (c Change) Predict(i Info) Info {
	if c.Owner != "" {
		i.Owner, i.UID = named(c.Owner, i.Owner, i.UID)
	}
	if c.Group != "" {
		i.Group, i.GID = named(c.Group, i.Group, i.GID)
	}
	if n, err := strconv.ParseUint(c.Mode, 8, 32); err == nil {
		i.Mode = i.Mode&TypeMask | uint32(n)
	}
	return i
}

func named(want, name string, id int) (string, int) {
	if n, err := strconv.Atoi(want); err == nil {
		return name, n
	}
	return want, id
}

// With adds what another entry of a tree needs, in a form that fits them all.
func (c Change) With(o Change, a Attrs) Change {
	if o.Owner != "" {
		c.Owner = a.Owner
	}
	if o.Group != "" {
		c.Group = a.Group
	}
	if o.Mode != "" {
		c.Mode = a.Mode.Word()
	}
	return c
}

// toldText prints the path's own mode, owner, group and size, for Told.
const toldText = `LC_ALL=C stat -c ` + statForm + `"
%s" `

// chattrText changes what is at a path: path, owner, group, mode, -h for a link
// itself, the link that led to the path, yes for an empty file that has just been made
// and is not left behind. A folder is held while it is changed, a file's owner set without
// following, its mode on the open file.
const chattrText sh.Constant = holdText + `k_at "$1" "$6" || exit 1
if [ -n "$5" ]; then k_chown "$2" "$3" "./$k_n" -h
elif [ -h "./$k_n" ]; then k_no "$1 changed while it was looked at"
elif [ -d "./$k_n" ]; then k_cd "$k_n" && k_n=. && k_chown "$2" "$3" . && { [ -z "$4" ] || chmod "$4" .; }
else k_chown "$2" "$3" "./$k_n" -h && { [ -z "$4" ] || k_chmod "$4" "./$k_n"; }
fi || { if [ -n "$7" ] && [ ! -s "./$k_n" ]; then rm -f "./$k_n"; fi; exit 1; }
` + toldText + `"./$k_n"`

// Step makes the change of one path; via is the link that it was reached through,
// empty = none, and with itself set a link is changed, not what it leads to.
func (c Change) Step(p, via string, itself bool) host.Step {
	flag := ""
	if itself {
		flag = "-h"
	}
	return host.Run{Cmd: sh.Script(chattrText, clean(p), c.Owner, c.Group, c.Mode, flag, clean(via), ""), What: c.String() + " of " + p}
}

// OfNew makes the change of an empty file that the step before it made: where it
// fails the file is not left behind.
func (c Change) OfNew(p, via string) host.Step {
	return host.Run{Cmd: sh.Script(chattrText, clean(p), c.Owner, c.Group, c.Mode, "", clean(via), "yes"), What: c.String() + " of " + p}
}

// Told reads what _told printed: the file as it is after a step.
func Told(out host.Output, p string) (Info, int64, string, error) {
	l := Lines{string(out.Stdout)}
	i, err := l.info(p)
	if err == nil && !i.Exists {
		err = errors.New(p + " is not there after the step")
	}
	size, _ := strconv.ParseInt(l.Next(), 10, 64)
	return i, size, l.Rest, err
}
