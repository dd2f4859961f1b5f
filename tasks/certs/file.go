package certs

import (
	"cmp"
	"fmt"
	"path"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// fileArgs are the arguments of every module that keeps such a file.
type fileArgs struct {
	Path    string `arg:"path" need:"yes" type:"path" help:"the file"`
	State   string `arg:"state" default:"present" choices:"absent,present" help:"whether it shall be there"`
	Force   bool   `arg:"force" default:"no" help:"make it anew each time"`
	Backup  bool   `arg:"backup" default:"no" help:"keep what was there beside it, under a name with the time"`
	Content bool   `arg:"return_content" default:"no" help:"give its text in the result"`
	Backend string `arg:"select_crypto_backend" default:"auto" choices:"auto,cryptography" help:"accepted: the work is the host's openssl's"`
	Unsafe  bool   `arg:"unsafe_writes" default:"no" help:"write in place where a rename is refused"`
	kit.Attrs
}

// validate reports what no such file can have.
func (a fileArgs) validate() *play.ArgError {
	if a.Mode.Preserves() {
		return &play.ArgError{Arg: "mode", Msg: kit.NoSource}
	}
	return nil
}

// at is the file as it was found.
type at struct {
	path string
	look kit.Look
}

// place finds the file; a plan that is not nil ends the task.
func (a fileArgs) place(s host.Seen) (at, *play.Plan, error) {
	p, err := kit.Place(s, a.Path)
	if err != nil {
		return at{}, nil, err
	}
	look, err := host.Get(s, kit.LookAt(p, "", false))
	f := at{path: p, look: look}
	switch {
	case err != nil:
		return f, nil, err
	case look.Folder == "":
		return f, noFolder(path.Dir(p), "%s"), nil
	case look.Target.IsDir():
		stop := kit.Failure("%s is a directory. Please specify a path to a file.", p)
		return f, &stop, nil
	}
	return f, nil, nil
}

// noFolder is how a task ends whose file has no folder to be in.
func noFolder(dir, quoted string) *play.Plan {
	stop := kit.Failure("The directory "+quoted+" does not exist or the file is not a directory", dir)
	stop.Result.Data = value.MapOf("name", value.String(dir))
	return &stop
}

// real is where the file is that is written.
func (f at) real() string {
	if f.look.Own.IsLink() && f.look.Real != "" {
		return f.look.Real
	}
	return f.path
}

// goneText removes a file: path, yes to keep it under the name that is printed.
const goneText sh.Constant = kit.Hold + `k_hold "$1" || exit 1
c=
if [ -n "$2" ] && [ -f "./$k_n" ]; then
_name .
k_t=./${_t##*/}
if [ -h "./$k_n" ]; then k_keep yes; else k_keep ""; fi || exit 1
c=${k_p%/*}/$c
fi
rm -f "./$k_n" || exit 1
printf %s "$c"`

// remove plans that the file is not there.
func (a fileArgs) remove(f at, data *value.Map) play.Plan {
	if !f.look.Own.Exists {
		return kit.Unchanged(f.path+" is not there", data)
	}
	return play.Plan{
		Steps:  []host.Step{host.Run{Cmd: sh.Script(goneText, f.path, kit.Yes(a.Backup)), What: "remove " + f.path}},
		Result: play.Result{Changed: true, Data: data},
		Finish: kit.After(func(ran []host.Output) (play.Result, error) {
			return play.Result{Changed: true, Data: kept(data, string(ran[0].Stdout))}, nil
		}),
	}
}

// kept is a result with the name of the backup, where there is one.
func kept(data *value.Map, backup string) *value.Map {
	if backup == "" {
		return data
	}
	out := data.Clone()
	out.Put("backup_file", kit.HostText(backup))
	return out
}

// placeWords are for scripts that make a file's content themselves:
//
//   - k_begin PATH LINK FOLDER: a new file for what PATH shall hold is open as
//     descriptor 8; LINK led there, FOLDER is where it was looked at, or empty.
//   - k_full WHAT TEXT: ends where nothing was written to it; TEXT is what the program
//     said.
//   - k_place OWNER GROUP MODE KEEP BACKUP UNSAFE: it takes its place; $c is the path
//     of the backup.
const placeWords = `k_end() { rm -f "$k_t"; exit 1; }
k_begin() {
k_at "$1" "$2" || exit 1
if [ -d "./$k_n" ] && [ ! -h "./$k_n" ]; then k_no "$k_p is a directory"; exit 1; fi
k_new || exit 1
k_see "$k_8" || k_end
[ -z "$3" ] || [ "$3" = "$k_here" ] || { k_no "${k_p%/*} is another folder than it was"; k_end; }
}
k_full() { [ -s "$k_8" ] || { k_no "$1: $(printf "%s\n" "$2" | sed "/^[-.+* ]*$/d")"; k_end; }; }
k_place() {
k_see "$k_8" && k_own "$1" "$2" "$3" "$4" || k_end
c=
if [ -n "$5" ] && [ -f "./$k_n" ] && [ ! -h "./$k_n" ]; then
k_keep "$6" || k_end
c=${k_p%/*}/$c
fi
if k_mv; then
case $k_8 in /*) [ ! -h "./$k_n" ] && [ "./$k_n" -ef "$k_8" ] || { k_no "$k_p: somebody changed it while it was written"; exit 1; } ;; esac
elif [ -z "$6" ]; then k_no "$k_e"; k_end
else
k_open "./$k_n" && cat <"$k_8" >"$k_9" || k_end
k_8=$k_9
k_see "$k_8" && k_own "$1" "$2" "$3" "$4" || k_end
rm -f "$k_t"
fi
}
`

// placing are the first nine arguments of such a script: those of k_begin, then of
// k_place. What is there keeps its owner and mode.
func (a fileArgs) placing(s host.Seen, f at) ([]string, error) {
	real, keep, folder := f.real(), "", f.look.Folder
	if f.look.Via(real) != "" {
		folder = f.look.RealFolder
	}
	mode, err := a.Fresh(s, kit.TypeReg)
	if is := f.look.Target; is.Exists && err == nil {
		keep = fmt.Sprintf("%d:%d", is.UID, is.GID)
		var c kit.Change
		c, err = a.Change(s, is)
		mode = cmp.Or(c.Mode, kit.Octal(is.Mode&kit.PermBits))
	}
	return []string{real, f.look.Via(real), folder, a.Owner, a.Group, mode, keep, kit.Yes(a.Backup), kit.Yes(a.Unsafe)}, err
}

// attributes plans what is left of a file whose content stays.
func (a fileArgs) attributes(s host.Seen, f at, data *value.Map) (play.Plan, error) {
	c, err := a.Change(s, f.look.Target)
	if err != nil {
		return play.Plan{}, err
	}
	if !c.Any() {
		return kit.Unchanged(f.path+" is as it shall be", data), nil
	}
	return play.Plan{Steps: []host.Step{c.Step(f.real(), f.look.Via(f.real()), false)}, Result: play.Result{Changed: true, Data: data}}, nil
}

// noOpenSSL is how a task ends on a host that cannot do it.
func noOpenSSL() play.Plan {
	return kit.Failure("Failed to find required executable \"openssl\" on the host: install it first, with package: {name: openssl}")
}
