package memory

import (
	"fmt"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/tasks/tde/guard"
)

// View is the keyring's folder as the host sees it and as the server's
// process sees it. Equal device and inode mean the same mount: after a mount
// that came later than the container, or an unmount on the host, they differ
// or the host's folder is no mount point any more.
type View struct {
	Mounted bool   // the host's path is a mount point
	fstype  string // of that mount
	Outside string // device:inode of the host's folder
	Inside  string // the same through /proc/PID/root, "" when not there
	// ReadOnly: the mount is read-only inside the container.
	ReadOnly bool
	File     *FileView // nil: there is no keyring
	Folder   FileView
}

// FileView is a file's owner and mode.
type FileView struct {
	UID  int
	Mode string // octal: "400"
	Size int64  // bytes
}

// Open reports what others than root could change.
func (f FileView) Open() bool {
	mode, err := strconv.ParseUint(f.Mode, 8, 32)
	return f.UID != 0 || err != nil || mode&0o022 != 0
}

// Same reports that the container sees the mount that is there now.
func (v View) Same() bool { return v.Mounted && v.Outside != "" && v.Outside == v.Inside }

// Present reports a keyring on a mount of its own.
func (v View) Present() bool { return v.Mounted && v.File != nil && v.File.Size > 0 }

// ramText prints what stands in $1 (the folder), for the process $2 ("" = none).
const ramText = `while read -r a b c r m o rest; do
	[ "$m" = "$1" ] && { t=${rest#*- }; echo "mount ${t%% *}"; }
done </proc/self/mountinfo
[ -d "$1" ] && stat -c 'outside %d:%i %u %a' "$1"
[ -f "$1/keyring" ] && stat -c 'file %u %a %s' "$1/keyring"
if [ -n "$2" ]; then
	[ -d "/proc/$2/root$1" ] && stat -c 'inside %d:%i' "/proc/$2/root$1"
	while read -r a b c r m o rest; do
		[ "$m" = "$1" ] && case ",$o," in *,ro,*) echo ro yes;; *) echo ro no;; esac
	done <"/proc/$2/mountinfo"
fi
echo end`

// ViewAt asks for the keyring's folder; pid is the container's State.Pid, 0 when
// it does not run.
func ViewAt(dir string, pid int) host.Fact[View] {
	p := ""
	if pid > 0 {
		p = strconv.Itoa(pid)
	}
	return host.Fact[View]{Q: host.NewProbe(ramText, dir, p).Wide(), Parse: func(a host.Answer) (View, error) {
		if a.Status != 0 || !strings.HasSuffix(string(a.Stdout), "end\n") {
			return View{}, fmt.Errorf("keyring folder %s: the answer is not whole (status %d)", dir, a.Status)
		}
		return parseRAM(string(a.Stdout)), nil
	}}
}

func parseRAM(text string) View {
	var v View
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		switch {
		case len(w) == 2 && w[0] == "mount":
			v.Mounted, v.fstype = true, w[1]
		case len(w) == 4 && w[0] == "outside":
			v.Outside, v.Folder = w[1], ramFileOf(w[2], w[3], "0")
		case len(w) == 2 && w[0] == "inside":
			v.Inside = w[1]
		case len(w) == 2 && w[0] == "ro":
			v.ReadOnly = w[1] == "yes"
		case len(w) == 4 && w[0] == "file":
			f := ramFileOf(w[1], w[2], w[3])
			v.File = &f
		}
	}
	return v
}

func ramFileOf(uid, mode, size string) FileView {
	return FileView{UID: guard.UID(uid), Mode: mode, Size: max(0, guard.Number(size))}
}
