package system

import (
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// mountArgs are the arguments of mount.
type mountArgs struct {
	Path   string `arg:"path,name" need:"yes" type:"path" help:"the mount point"`
	Src    string `arg:"src" help:"the device, folder or address that is mounted"`
	Type   string `arg:"fstype" help:"the file system"`
	Opts   string `arg:"opts" help:"options; default: defaults"`
	Dump   string `arg:"dump" default:"0" help:"fstab's fifth field"`
	Pass   string `arg:"passno" default:"0" help:"fstab's sixth field"`
	State  string `arg:"state" need:"yes" choices:"absent,absent_from_fstab,ephemeral,mounted,present,remounted,unmounted" help:"mounted: in fstab and mounted; present: in fstab; ephemeral: mounted only; absent: neither, folder removed"`
	Fstab  string `arg:"fstab" default:"/etc/fstab" type:"path" help:"another table"`
	Boot   bool   `arg:"boot" default:"yes" help:"mount at boot; no adds noauto"`
	Backup bool   `arg:"backup" default:"no" help:"keep the old table under a name with the time"`
}

// Mount manages mounts and the table of them.
func Mount() play.Module {
	return kit.Define(kit.Doc{Name: "mount", Short: "mounted file systems and fstab"}, mount{})
}

type mount struct{}

func (mount) Validate(a mountArgs) *play.ArgError {
	var missing []string
	if a.State == "mounted" || a.State == "present" || a.State == "ephemeral" {
		if a.Src == "" {
			missing = append(missing, "src")
		}
		if a.Type == "" {
			missing = append(missing, "fstype")
		}
	}
	if missing != nil {
		return &play.ArgError{Msg: fmt.Sprintf("state is %s but all of the following are missing: %s", a.State, strings.Join(missing, ", "))}
	}
	for _, given := range [][2]string{{"src", a.Src}, {"path", a.Path}, {"fstype", a.Type}, {"opts", a.Opts}} {
		arg, v := given[0], given[1]
		if strings.ContainsAny(v, "\n\r") || arg != "path" && arg != "src" && strings.ContainsAny(v, " \t") {
			return &play.ArgError{Arg: arg, Msg: fmt.Sprintf("%q cannot stand in a table of mounts", v)}
		}
	}
	return nil
}

// mountedText prints the kernel's lines about a mount point, the last on top.
const mountedText sh.Constant = `p=$1; r=$(LC_ALL=C stat -L -c %f "$p" 2>&1); p=$(` + kit.RealText + `); p=${p:-$1}
awk -v p="$p" 'BEGIN { gsub(/\\/, "\\134", p); gsub(/ /, "\\040", p); gsub(/\t/, "\\011", p) } $5 == p { l = $0 } END { if (l != "") print l }' /proc/self/mountinfo`

// mounted is what the kernel says of a mount point.
type mounted struct {
	is         bool
	root       string
	src, fs    string
	mountFlags string
}

func mountedFact(p string) host.Fact[mounted] {
	return host.Fact[mounted]{Q: host.NewProbe(mountedText, kit.Safe(p)), Parse: func(a host.Answer) (mounted, error) {
		f := strings.Fields(string(a.Stdout))
		for i := range f {
			if f[i] == "-" && i+2 < len(f) && i > 5 {
				return mounted{is: true, root: kit.MountField(f[3]), mountFlags: f[5], fs: f[i+1], src: kit.MountField(f[i+2])}, nil
			}
		}
		return mounted{}, nil
	}}
}

// fieldOf writes a field of the table: blanks and backslashes in octal.
func fieldOf(s string) string {
	return strings.NewReplacer(`\`, `\134`, " ", `\040`, "\t", `\011`).Replace(s)
}

func (mount) Facts(a mountArgs) []host.Question {
	return kit.Hint(a.Path+a.Fstab, kit.Content(a.Fstab), mountedFact(kit.TrimSlash(a.Path)).Q)
}

func (m mount) Plan(a mountArgs, s host.Seen) (play.Plan, error) {
	var err error
	for _, p := range []*string{&a.Path, &a.Fstab} {
		if *p, err = kit.Place(s, *p); err != nil {
			return play.Plan{}, err
		}
	}
	a.Path = kit.TrimSlash(a.Path)
	if a.Opts == "" {
		a.Opts = "defaults"
	}
	if !a.Boot && !hasOption(a.Opts, "noauto") {
		a.Opts = strings.TrimPrefix(a.Opts+",noauto", "defaults,")
	}
	table := kit.Content(a.Fstab)
	at := mountedFact(a.Path)
	if err := host.All(s, table, at.Q); err != nil {
		return play.Plan{}, err
	}
	old, _ := s.Answer(table)
	is, _ := host.Get(s, at)
	e := fstab{old: string(old.Stdout)}
	switch a.State {
	case "absent", "absent_from_fstab":
		e.without(a)
	case "mounted", "present":
		e.with(a)
	}
	return m.plan(a, s, is, e)
}

func hasOption(opts, name string) bool {
	for o := range strings.SplitSeq(opts, ",") {
		if o == name {
			return true
		}
	}
	return false
}

// fstab is the table and what becomes of it.
type fstab struct {
	old, text string
	changed   bool
}

// mine reports whether a line is about this mount: by its path, for swap (which
// has none) by its source.
func (a mountArgs) mine(line string) (fields []string, ok bool) {
	f := strings.Fields(line)
	if len(f) < 4 || strings.HasPrefix(f[0], "#") {
		return f, false
	}
	if f[1] == "none" || a.Path == "none" || a.Path == "swap" {
		return f, f[2] == "swap" && a.Type == "swap" && kit.MountField(f[0]) == a.Src
	}
	return f, kit.TrimSlash(kit.MountField(f[1])) == a.Path
}

func (e *fstab) without(a mountArgs) {
	var kept strings.Builder
	for line := range strings.Lines(e.old) {
		f, mine := a.mine(line)
		if mine && (a.Src == "" || kit.MountField(f[0]) == a.Src) {
			e.changed = true
			continue
		}
		kept.WriteString(line)
	}
	e.text = kept.String()
}

func (e *fstab) with(a mountArgs) {
	want := []string{fieldOf(a.Src), fieldOf(a.Path), a.Type, a.Opts, a.Dump, a.Pass}
	found := false
	var kept strings.Builder
	for line := range strings.Lines(e.old) {
		f, mine := a.mine(line)
		if !mine {
			kept.WriteString(line)
			continue
		}
		for len(f) < 6 {
			f = append(f, "0")
		}
		found = true
		if strings.Join(f[:6], " ") != strings.Join(want, " ") {
			e.changed = true
			line = strings.Join(want, " ") + "\n"
		}
		kept.WriteString(line)
	}
	e.text = kept.String()
	if !found {
		if e.text != "" && !strings.HasSuffix(e.text, "\n") {
			e.text += "\n"
		}
		e.text += strings.Join(want, " ") + "\n"
		e.changed = true
	}
}

// mountText makes the folder and mounts: path, source, type, options, and yes
// when the table of the host knows how.
const mountText sh.Constant = `if [ ! -e "$1" ]; then mkdir -p "$1" || exit 1; fi
if [ -n "$5" ]; then mount "$1"; else mount -t "$3" -o "$4" "$2" "$1"; fi`

const remountText sh.Constant = `if [ -n "$2" ]; then mount -o "remount,$2" "$1"; else mount -o remount "$1"; fi`

const umountText sh.Constant = `umount "$1"`

const rmdirText sh.Constant = `if [ -d "$1" ]; then rmdir "$1"; fi`

func (m mount) plan(a mountArgs, s host.Seen, is mounted, e fstab) (play.Plan, error) {
	var steps []host.Step
	run := func(what string, text sh.Constant, args ...string) {
		steps = append(steps, host.Run{Cmd: sh.Script(text, args...), What: what + " " + a.Path})
	}
	if e.changed {
		f := kit.Write{Path: a.Fstab, Backup: a.Backup}
		if e.old != "" {
			f.Old = []byte(e.old)
		}
		steps = append(steps, f.Step(kit.MadeInput(a.Fstab, []byte(e.text))))
	}
	p := kit.Safe(a.Path)
	switch a.State {
	case "mounted":
		switch {
		case !is.is:
			run("mount", mountText, p, a.Src, a.Type, a.Opts, kit.Yes(a.Fstab == "/etc/fstab"))
		case e.changed:
			run("remount", remountText, p, a.remountOpts(is))
		}
	case "ephemeral":
		same := is.src == a.Src || is.root != "/" && strings.HasSuffix(a.Src, is.root)
		switch {
		case is.is && !same && a.Type != "tmpfs":
			return kit.Failure("Ephemeral mount point is already mounted with a different source than the specified one. Failing in order to prevent an unwanted unmount or override operation. Try replacing this command with a \"state: unmounted\" followed by a \"state: ephemeral\", or use a different destination path."), nil
		case is.is:
			run("remount", remountText, p, a.remountOpts(is))
		default:
			run("mount", mountText, p, a.Src, a.Type, a.Opts, "")
		}
	case "remounted":
		if !is.is {
			return kit.Failure("Tried to remount '%s' but it is not mounted", a.Path), nil
		}
		run("remount", remountText, p, strings.TrimPrefix(a.Opts, "defaults"))
	case "unmounted", "absent":
		if is.is {
			run("unmount", umountText, p)
		}
		if a.State == "absent" {
			there, err := host.Get(s, kit.LookAt(a.Path, "", false))
			if err != nil {
				return play.Plan{}, err
			}
			if there.Own.IsDir() && (is.is || e.changed) {
				run("remove folder", rmdirText, p)
			}
		}
	}
	return m.result(a, e, steps), nil
}

// remountOpts are the options that a mounted file system can take anew.
func (a mountArgs) remountOpts(is mounted) string {
	var keep []string
	for o := range strings.SplitSeq(a.Opts, ",") {
		if o != "defaults" && o != "noauto" && o != "auto" && o != "nofail" && o != "_netdev" && !strings.HasPrefix(o, "x-") {
			keep = append(keep, o)
		}
	}
	if hasOption(a.Opts, "bind") && len(keep) == 1 {
		return "bind," + map[bool]string{true: "ro", false: "rw"}[hasOption(is.mountFlags, "ro") && hasOption(a.Opts, "ro")]
	}
	return strings.Join(keep, ",")
}

func (mount) result(a mountArgs, e fstab, steps []host.Step) play.Plan {
	data := value.MapOf("name", value.String(a.Path), "fstab", value.String(a.Fstab), "boot", value.String(map[bool]string{true: "yes", false: "no"}[a.Boot]),
		"opts", value.String(a.Opts), "dump", value.String(a.Dump), "passno", value.String(a.Pass))
	if a.Src != "" {
		data.Put("src", value.String(a.Src))
	}
	if a.Type != "" {
		data.Put("fstype", value.String(a.Type))
	}
	if len(steps) == 0 {
		return kit.Unchanged(a.Path+" is as it shall be", data)
	}
	plan := play.Plan{Steps: steps, Result: play.Result{Changed: true, Data: data}, Repeats: a.State == "remounted" || a.State == "ephemeral"}
	if e.changed {
		plan.Diff = []play.Diff{{BeforeHeader: a.Fstab, AfterHeader: a.Fstab, BeforeText: e.old, AfterText: e.text}}
	}
	plan.ByStatus = true
	plan.Finish = func(ran []host.Output) (play.Result, error) {
		if r, bad := kit.FailedStep(ran); bad {
			r.Msg = fmt.Sprintf("Error mounting %s: %s", a.Path, r.Msg)
			return r, nil
		}
		r := play.Result{Changed: true, Data: data}
		if e.changed && a.Backup {
			_, _, copied, _ := kit.Told(ran[0], a.Fstab) // what it does not tell fails nothing
			r.Data.Put("backup_file", kit.HostText(copied))
		}
		return r, nil
	}
	return plan
}
