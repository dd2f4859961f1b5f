package memory

import (
	"fmt"
	"path"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
	"remoterun/tasks/tde/guard"
)

// mountArgs are memory_mount's arguments.
type mountArgs struct {
	Path  string `arg:"path,dest" need:"yes" help:"mount point; /run/remoterun/PROJECT/keyring for keys"`
	State string `arg:"state" default:"mounted" choices:"mounted,absent" help:"absent overwrites and deletes the keyring in it, then unmounts"`
	Mode  string `arg:"mode" default:"0711" choices:"0700,0711,0750,0755" help:"the folder's permissions; it is always root's"`
	Swap  string `arg:"swap" default:"refuse" choices:"refuse,accept" help:"whether swap that reaches a disk is accepted (tde_swap)"`
}

func Module() play.Module {
	return kit.Define(kit.Doc{
		Name:  "memory_mount",
		Short: "A mount that is proved to be RAM, for keys; and its removal",
	}, memoryMount{})
}

type memoryMount struct{}

// Validate refuses paths that no mount table shows as they are.
func (memoryMount) Validate(a mountArgs) *play.ArgError {
	if err := CheckMountPath(a.Path); err != nil {
		return &play.ArgError{Arg: "path", Msg: err.Error()}
	}
	return nil
}

// Facts is the one probe that plans rest on.
func (memoryMount) Facts(a mountArgs) []host.Question { return []host.Question{Mount(a.Path).Q} }

// Plan mounts, or removes, or refuses.
func (m memoryMount) Plan(a mountArgs, s host.Seen) (play.Plan, error) {
	st, err := host.Get(s, Mount(a.Path))
	if err != nil {
		return play.Plan{}, err
	}
	if a.State == "absent" {
		return m.absent(a, st)
	}
	if err := st.CheckRAM(); err != nil {
		return guard.FailedPlan(err), nil
	}
	if err := st.CheckSwap(a.Swap == "accept"); err != nil {
		return guard.FailedPlan(err), nil
	}
	if st.InRAM() && modeText(st.Mode) == a.Mode {
		return play.Plan{Result: st.Result(false), Note: a.Path + " is mounted already"}, nil
	}
	return m.mounted(a, st), nil
}

// mounted makes the mount (or corrects its mode) and proves it on fresh facts.
func (m memoryMount) mounted(a mountArgs, st MountState) play.Plan {
	cmd, what := sh.Script(makeMountText, a.Path, a.Mode), "mount RAM at "+a.Path
	if st.InRAM() {
		cmd, what = sh.Exec("chmod", a.Mode, a.Path), "set mode "+a.Mode+" of "+a.Path
	}
	predicted := st
	if !st.InRAM() {
		predicted.FS, predicted.Source, predicted.Mode = "tmpfs", mountSource, 0o711
	}
	return play.Plan{
		Steps:  []host.Step{guard.Script(what, cmd, a.Path, "look at it on the host")},
		Diff:   []play.Diff{{BeforeHeader: a.Path, AfterHeader: a.Path, BeforeText: st.line(), AfterText: predicted.line()}},
		Result: predicted.Result(true),
		Finish: guard.Finish(func(host.Output) (play.Result, error) { return predicted.Result(true), nil }),
		Then: func([]host.Output) (play.Bound, error) {
			return kit.Stage(func(s host.Seen) (play.Plan, error) { return m.proved(a, s) }), nil
		},
	}
}

func (m memoryMount) proved(a mountArgs, s host.Seen) (play.Plan, error) {
	st, err := host.Get(s, Mount(a.Path))
	if err != nil {
		return play.Plan{}, err
	}
	if err := st.CheckRAM(); err != nil {
		return guard.FailedPlan(err), nil
	}
	if st.Mode&0o022 != 0 {
		return guard.FailedPlan(guard.Refuse(a.Path, "type on the host: umount "+a.Path, "its mode was set, and others than root could still change it (mode %04o)", st.Mode)), nil
	}
	if !st.InRAM() {
		return guard.FailedPlan(guard.Refuse(a.Path, "look at the mount table of the host", "it was mounted, and is still not in RAM (%s on %s)", st.Kind, st.OnFS)), nil
	}
	return play.Plan{Result: st.Result(true)}, nil
}

func (m memoryMount) absent(a mountArgs, st MountState) (play.Plan, error) {
	if st.Kind == "none" || st.Kind == "dir" && !st.Own && st.FS == "" && len(st.Entries) == 0 {
		return play.Plan{Result: st.Result(false), Note: "nothing is mounted at " + a.Path}, nil
	}
	if err := st.CheckRAM(); err != nil {
		return guard.FailedPlan(err), nil
	}
	gone := MountState{Path: a.Path, Kind: "none", Container: st.Container, Swap: st.Swap}
	return play.Plan{
		Steps:  []host.Step{DropStep(a.Path)},
		Diff:   []play.Diff{{BeforeHeader: a.Path, AfterHeader: a.Path, BeforeText: st.line(), AfterText: gone.line()}},
		Result: gone.Result(true),
		Finish: guard.Finish(func(host.Output) (play.Result, error) { return gone.Result(true), nil }),
	}, nil
}

// DropStep overwrites and deletes the keyring in the mount at p and unmounts it.
// The database is stopped first: a running one keeps its own copies.
func DropStep(p string) host.Step {
	return guard.Script("overwrite and delete the keyring in "+p+", unmount it", sh.Script(DropMountText, p), p,
		"stop what holds it open (the database first) and lock again")
}

// line is the state as one line of a diff.
func (st MountState) line() string {
	if st.FS == "" {
		return "not mounted\n"
	}
	return fmt.Sprintf("%s, mode %s\n", st.FS, modeText(st.Mode))
}

// Result is what register keeps.
func (st MountState) Result(changed bool) play.Result {
	swap := make([]value.Value, len(st.Swap))
	for i, s := range st.Swap {
		swap[i] = value.MarkedString(s, value.Unsafe)
	}
	_, loaded := st.Keyring()
	r := play.Result{Changed: changed, Data: value.MapOf(
		"path", value.String(path.Clean(st.Path)),
		"mounted", value.Bool(st.FS != ""),
		"fstype", value.MarkedString(st.FS, value.Unsafe),
		"memory_class", value.String(string(st.Class())),
		"container", value.MarkedString(st.Container, value.Unsafe),
		"swap", value.List(swap...),
		"keyring", value.Bool(loaded),
	)}
	switch st.Class() {
	case Hoster:
		r.Warnings = append(r.Warnings, "memory class hoster: this is a container ("+st.Container+"), the swap of the node below cannot be seen from inside")
	case Weak:
		r.Warnings = append(r.Warnings, "memory class weak: RAM of this host is swapped to a disk, and with it the database's own memory")
	}
	return r
}
