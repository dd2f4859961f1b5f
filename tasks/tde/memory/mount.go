package memory

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/tde/guard"
)

func modeText(mode uint32) string { return fmt.Sprintf("%04o", mode) }

// Class is what a mount in RAM is worth against somebody who gets at the disk.
type Class string

const (
	// Secure: own kernel, no swap that reaches a disk, ramfs or tmpfs.
	Secure Class = "secure"
	// Hoster: a container (OpenVZ, LXC): the node's swap cannot be seen from
	// inside. Allowed, and said in every report.
	Hoster Class = "hoster"
	// Weak: swap on a disk. What is in RAM may be written there, the database's
	// own memory too. Needs swap=accept.
	Weak Class = "weak"
)

const (
	// RunDir is where the mounts are: RunDir/PROJECT/keyring.
	RunDir = "/run/remoterun"
	// KeyringFile is the keyring's name inside its mount.
	KeyringFile = "keyring"

	mountSource = "remoterun" // first field of our mounts
	incoming    = ".keyring.in"
)

// MountPath is where a project's keyring is mounted, on the host and in the
// container alike.
func MountPath(project string) string { return path.Join(RunDir, project, "keyring") }

// swapText defines _swap: it prints, per swap area that reaches a disk, a line
// "swap NAME". Compressed RAM without write-back does not; OpenVZ's /dev/null is
// the node's affair.
const swapText = `_swap() {
	{ read -r _h; while read -r _n _t _rest; do
		case $_n in
		/dev/zram*) _b=$(cat "/sys/block/${_n#/dev/}/backing_dev" 2>/dev/null) || _b=none
			[ "$_b" = none ] || echo "swap $_n written back to $_b" ;;
		/dev/null) ;;
		*) echo "swap $_n" ;;
		esac
	done; } </proc/swaps 2>/dev/null
}
`

// mountText tells of the mount at $1 and of what it stands on. Lines: "uid N" of
// the asker; "container WHAT"; "swap NAME"; "fs TYPE SOURCE" per mount at the
// path, the topmost last; "kind link|dir|other|none"; for a folder "dir UID MODE
// FSTYPE own|shared", then "entry UID GID MODE SIZE SHA256 NAME" (no hash but for
// our own file). It ends with "end".
const mountText = swapText + `echo "uid $(id -u)"
_p=$(readlink /proc/self/ns/pid 2>/dev/null)
if [ -d /proc/vz ] && [ ! -d /proc/bc ]; then echo "container openvz"
elif [ "$_p" = "pid:[4026531836]" ]; then :
elif _c=$(cat /run/systemd/container 2>/dev/null) && [ -n "$_c" ]; then echo "container $_c"
elif [ -e /.dockerenv ] || [ -e /run/.containerenv ]; then echo "container docker"
elif [ -n "$_p" ]; then echo "container unknown"
fi
_swap
while read -r _id _pa _dev _root _mp _opt _rest; do
	[ "$_mp" = "$1" ] || continue
	_rest=${_rest#*- }
	_t=${_rest%% *}; _rest=${_rest#* }
	echo "fs $_t ${_rest%% *}"
done </proc/self/mountinfo
if [ -L "$1" ]; then echo "kind link"
elif [ -d "$1" ] && cd -P "$1"; then
	echo "kind dir"
	_own=shared
	[ "$(stat -c %d .)" = "$(stat -c %d ..)" ] || _own=own
	echo "dir $(stat -c '%u %a' .) $(stat -f -c %T .) $_own"
	for _f in .[!.]* ..?* *; do
		[ -e "$_f" ] || [ -L "$_f" ] || continue
		_s=-
		case $_f in keyring) [ ! -f "$_f" ] || _s=$(sha256sum <"$_f" | cut -d " " -f 1) ;; esac
		echo "entry $(stat -c '%u %g %a %s' "$_f") $_s $_f"
	done
elif [ -e "$1" ]; then echo "kind other"
else echo "kind none"
fi
echo end`

// MountState is what a host tells of a mount in RAM.
type MountState struct {
	Path      string
	Root      bool     // the asker is root
	Container string   // openvz, lxc …; empty for a kernel of its own
	Swap      []string // areas that reach a disk
	FS        string   // type of the topmost mount at the path, empty = none
	Source    string   // its source: "remoterun" for ours
	Kind      string   // none, dir, link, other
	UID       int      // the folder's owner
	Mode      uint32   // its permission bits
	OnFS      string   // file system that the folder is on, as stat says
	Own       bool     // the folder is a mount of its own
	Entries   []MountEntry
}

// MountEntry is one file in it.
type MountEntry struct {
	Name   string
	UID    int
	GID    int
	Mode   uint32
	Size   int64
	SHA256 string // of the keyring only
}

// Mount asks for the state of the mount at p, which must be clean and absolute.
func Mount(p string) host.Fact[MountState] {
	return host.Fact[MountState]{
		Q: host.NewProbe(mountText, p),
		Parse: func(a host.Answer) (MountState, error) {
			st, err := parseMount(string(a.Stdout))
			st.Path = p
			if err != nil {
				err = fmt.Errorf("mount at %s: %w", p, err)
			}
			return st, err
		},
	}
}

func parseMount(text string) (MountState, error) {
	var st MountState
	whole := false
	for line := range strings.Lines(text) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch word {
		case "uid":
			st.Root = rest == "0"
		case "container":
			st.Container = rest
		case "swap":
			st.Swap = append(st.Swap, rest)
		case "fs":
			st.FS, st.Source, _ = strings.Cut(rest, " ")
		case "kind":
			st.Kind = rest
		case "dir":
			if err := st.dir(strings.Fields(rest)); err != nil {
				return st, err
			}
		case "entry":
			if err := st.entry(strings.SplitN(rest, " ", 6)); err != nil {
				return st, err
			}
		case "end":
			whole = true
		default:
			return st, fmt.Errorf("the host answered %q", line)
		}
	}
	if !whole {
		return st, errors.New("the answer is not whole")
	}
	return st, nil
}

func (st *MountState) dir(f []string) error {
	if len(f) != 4 {
		return fmt.Errorf("the host answered %q for the folder", f)
	}
	uid, err := strconv.Atoi(f[0])
	mode, err2 := strconv.ParseUint(f[1], 8, 32)
	if err != nil || err2 != nil {
		return fmt.Errorf("the host answered %q for the folder", f)
	}
	st.UID, st.Mode, st.OnFS, st.Own = uid, uint32(mode), f[2], f[3] == "own"
	return nil
}

func (st *MountState) entry(f []string) error {
	if len(f) != 6 {
		return fmt.Errorf("the host answered %q for an entry", f)
	}
	uid, err := strconv.Atoi(f[0])
	gid, err2 := strconv.Atoi(f[1])
	mode, err3 := strconv.ParseUint(f[2], 8, 32)
	size, err4 := strconv.ParseInt(f[3], 10, 64)
	if errors.Join(err, err2, err3, err4) != nil {
		return fmt.Errorf("the host answered %q for an entry", f)
	}
	e := MountEntry{UID: uid, GID: gid, Mode: uint32(mode), Size: size, Name: f[5]}
	if f[4] != "-" {
		e.SHA256 = f[4]
	}
	st.Entries = append(st.Entries, e)
	return nil
}

// Class says what the mount is worth; it claims nothing that the guest can't see.
func (st MountState) Class() Class {
	switch {
	case len(st.Swap) > 0:
		return Weak
	case st.Container != "":
		return Hoster
	}
	return Secure
}

// InRAM reports a folder that is a tmpfs or ramfs mount of its own.
func (st MountState) InRAM() bool {
	return st.Kind == "dir" && st.Own && ramFS(st.FS) && ramFS(st.OnFS)
}

func ramFS(t string) bool { return t == "tmpfs" || t == "ramfs" }

// Keyring is the keyring file in the mount.
func (st MountState) Keyring() (MountEntry, bool) {
	for _, e := range st.Entries {
		if e.Name == KeyringFile {
			return e, true
		}
	}
	return MountEntry{}, false
}

// Foreign names the first entry that is not ours.
func (st MountState) Foreign() string {
	for _, e := range st.Entries {
		if e.Name != KeyringFile && e.Name != incoming {
			return e.Name
		}
	}
	return ""
}

// CheckSwap refuses swap that reaches a disk, unless it is accepted.
func (st MountState) CheckSwap(accept bool) error {
	if len(st.Swap) == 0 || accept {
		return nil
	}
	return guard.Refuse(st.Path, "turn it off (swapoff -a, and its line in /etc/fstab) or set tde_swap: accept",
		"the key would go to RAM that is swapped to %s", strings.Join(st.Swap, ", "))
}

// CheckRAM refuses everything at the path that is not RAM and ours, or nothing
// but an empty folder of root's. The mode of a mount of ours is no reason:
// memory_mount sets it, and who loads looks at it again.
func (st MountState) CheckRAM() error {
	no := func(wayOut, problem string, a ...any) error { return guard.Refuse(st.Path, wayOut, problem, a...) }
	const look = "look at what it is, then: "
	in := func(name string) string { return sh.Quote(path.Join(st.Path, name)) }
	switch {
	case !st.Root:
		return no("use become: yes", "mounting needs root")
	case st.Kind == "link" || st.Kind == "other":
		return no(look+"rm "+st.Path, "it is not a folder but a %s", map[string]string{"link": "symbolic link", "other": "file"}[st.Kind])
	case st.Kind == "none":
		return nil
	case (st.Own || st.FS != "") && !st.InRAM():
		return no(st.offDisk(), "it is on %s, not in RAM", cmp.Or(st.FS, st.OnFS))
	case st.UID != 0 && st.Own:
		return no("look at who made it, then: umount "+st.Path, "others than root could change it (owner %d, mode %04o)", st.UID, st.Mode)
	case (st.UID != 0 || st.Mode&0o022 != 0) && !st.Own:
		return no("look at who made it, then: rm -r "+st.Path, "others than root could change it (owner %d, mode %04o)", st.UID, st.Mode)
	case st.Foreign() != "":
		return no(look+"rm -r "+in(st.Foreign()), "it holds %s, which is not ours", st.Foreign())
	case !st.Own && len(st.Entries) > 0:
		return no("look at how it came there, then: shred -u "+in(st.Entries[0].Name), "it is a folder on %s that holds %s already", st.OnFS, st.Entries[0].Name)
	}
	return nil
}

// offDisk takes a disk off the path, and the key off the disk.
func (st MountState) offDisk() string {
	if _, ok := st.Keyring(); ok {
		return "the key has been on it, and has to be replaced: shred -u " + path.Join(st.Path, KeyringFile) + " && umount " + st.Path
	}
	return "then: umount " + st.Path
}

// cleanPath is what mount points look like: /proc/self/mountinfo escapes
// everything else.
var cleanPath = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$`) })

// CheckMountPath says what a mount point must look like.
func CheckMountPath(p string) error {
	if !cleanPath().MatchString(p) || strings.Count(p, "/") < 2 {
		return fmt.Errorf("path %q: an absolute path of at least two names of letters, digits, . _ and - is needed", p)
	}
	return nil
}

// makeMountText mounts a RAM disk over the empty folder $1 with mode $2. Where
// the kernel takes noswap its pages stay in RAM; else ramfs's do when any swap is
// on. The folders above are root's.
const makeMountText sh.Constant = `set -e
umask 022
mkdir -p "$1"
cd -P "$1"
[ "$(pwd -P)" = "$1" ] || { echo "$1: a part of the path is a symbolic link" >&2; exit 11; }
[ "$(stat -c %u .)" = 0 ] || { echo "$1: it is not root's" >&2; exit 11; }
for f in .[!.]* ..?* *; do if [ -e "$f" ] || [ -L "$f" ]; then echo "$1: it is not empty: $f" >&2; exit 11; fi; done
cd /
o="mode=$2,nosuid,nodev,noexec"
mount -t tmpfs -o "size=1m,noswap,$o" remoterun "$1" 2>/dev/null && exit 0
if [ "$(wc -l </proc/swaps)" -gt 1 ] && mount -t ramfs -o "$o" remoterun "$1" 2>/dev/null; then
	chmod "$2" "$1"
	exit 0
fi
mount -t tmpfs -o "size=1m,$o" remoterun "$1" || mount -t ramfs -o "$o" remoterun "$1"
chmod "$2" "$1"`

// DropMountText overwrites and deletes the keyring in the mount $1, unmounts
// every mount of ours at the path and removes the folders that are empty then.
// It works in the folder that it has proved to be RAM; a keyring that is anywhere
// else is refused with what to type, and never called wiped.
const DropMountText sh.Constant = `while [ "$(stat -c %d "$1" 2>/dev/null)" != "$(stat -c %d "$1/.." 2>/dev/null)" ]; do
	cd -P "$1" || exit 1
	t=$(stat -f -c %T .)
	case $t in
	tmpfs | ramfs) ;;
	*) if [ -e keyring ]; then echo "$1/keyring: it is on $t, not in RAM: the key has to be replaced. Type on the host: shred -u $1/keyring && umount $1" >&2
		else echo "$1: it is on $t, not in RAM. Type on the host: umount $1" >&2; fi
		exit 11 ;;
	esac
	for f in keyring .keyring.in; do
		[ -f "$f" ] || continue
		n=$(stat -c %s "$f")
		[ "$n" -eq 0 ] || dd if=/dev/zero of="$f" bs="$n" count=1 conv=notrunc 2>/dev/null || { echo "$1/$f: it cannot be overwritten" >&2; exit 1; }
		rm -f "$f" || exit 1
	done
	cd /
	umount "$1" || { echo "$1: the key is overwritten and deleted, but the mount is still in use" >&2; exit 1; }
done
[ ! -e "$1/keyring" ] || { echo "$1/keyring: it is on $(stat -f -c %T "$1"), and not on a mount of its own: if that is a disk, the key has to be replaced. Type on the host: shred -u $1/keyring" >&2; exit 11; }
rmdir "$1" 2>/dev/null && rmdir "${1%/*}" 2>/dev/null
exit 0`

// LoadText receives the keyring: $1 folder, $2 size in bytes, $3 SHA-256,
// $4 numeric owner, $5 mode, $6 "accept" or "refuse" for swap. Everything is
// proved before _go lets the laptop send the first byte, in the folder that the
// shell then stands in; nothing is printed before the end. A stream that breaks
// off leaves nothing; one that stops without a word is ended by the host's lock,
// whose holder terminates what a lost laptop left running. A signal wipes by
// itself: one that comes between the end of the script and the first word of the
// EXIT trap ends the shell there, and the rest of that trap never runs.
const LoadText sh.Constant = swapText + `umask 077
no() { echo "$1" >&2; exit 11; }
cd -P "$1" 2>/dev/null || no "$1: the mount is not there; a task memory_mount comes before"
[ "$(pwd -P)" = "$1" ] || no "$1: a part of the path is a symbolic link"
t=$(stat -f -c %T .)
case $t in tmpfs | ramfs) ;; *) no "$1: it is on $t, not in RAM: nothing was sent" ;; esac
[ "$(stat -c %d .)" != "$(stat -c %d ..)" ] || no "$1: it is not a mount of its own: nothing was sent"
[ "$(stat -c %u .)" = 0 ] || no "$1: it is not root's: nothing was sent"
case $(stat -c %a .) in *[2367]? | *[2367]) no "$1: others than root can write there: nothing was sent" ;; esac
for f in .[!.]* ..?* *; do
	[ -e "$f" ] || [ -L "$f" ] || continue
	case $f in keyring | .keyring.in) [ -f "$f" ] && [ ! -L "$f" ] && continue ;; esac
	no "$1: it holds $f, which is not ours: nothing was sent"
done
s=$(_swap)
[ -z "$s" ] || [ "$6" = accept ] || no "$1: RAM is swapped to ${s#swap }: nothing was sent"
wipe() { trap '' HUP INT TERM; [ ! -f .keyring.in ] || { dd if=/dev/zero of=.keyring.in bs="$n" count=1 conv=notrunc; rm -f .keyring.in; } 2>/dev/null; }
n=$2
rm -f .keyring.in
trap wipe EXIT
trap 'wipe; exit 1' HUP INT TERM
trap '' PIPE
full="bs=1 count=$2"
if echo ab | dd bs=1 count=1 iflag=fullblock >/dev/null 2>&1; then full="bs=$2 count=1 iflag=fullblock"; fi
_go
dd $full of=.keyring.in 2>/dev/null
[ "$(stat -c %s .keyring.in)" = "$2" ] || { echo "$1: the keyring did not arrive whole; nothing was kept" >&2; exit 1; }
[ "$(sha256sum <.keyring.in | cut -d " " -f 1)" = "$3" ] || { echo "$1: the keyring arrived changed; nothing was kept" >&2; exit 1; }
chown "$4" .keyring.in && chmod "$5" .keyring.in && mv -f .keyring.in keyring || { echo "$1: the keyring cannot be put in place" >&2; exit 1; }
echo "$t"`
