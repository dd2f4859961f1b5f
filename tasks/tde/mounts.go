package tde

import (
	"fmt"
	"strconv"
	"strings"

	"remoterun/runner/host"
)

// ramView is the keyring's folder as the host sees it and as the server's
// process sees it. Equal device and inode mean the same mount: after a mount
// that came later than the container, or an unmount on the host, they differ
// or the host's folder is no mount point any more.
type ramView struct {
	mounted bool   // the host's path is a mount point
	fstype  string // of that mount
	outside string // device:inode of the host's folder
	inside  string // the same through /proc/PID/root, "" when not there
	// readOnly: the mount is read-only inside the container.
	readOnly bool
	file     *ramFile // nil: there is no keyring
	folder   ramFile
}

// ramFile is a file's owner and mode.
type ramFile struct {
	uid  int
	mode string // octal: "400"
	size int64  // bytes
}

// same reports that the container sees the mount that is there now.
func (v ramView) same() bool { return v.mounted && v.outside != "" && v.outside == v.inside }

// present reports a keyring on a mount of its own.
func (v ramView) present() bool { return v.mounted && v.file != nil && v.file.size > 0 }

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

// ramAt asks for the keyring's folder; pid is the container's State.Pid, 0 when
// it does not run.
func ramAt(dir string, pid int) host.Fact[ramView] {
	p := ""
	if pid > 0 {
		p = strconv.Itoa(pid)
	}
	return host.Fact[ramView]{Q: host.NewProbe(ramText, dir, p).Wide(), Parse: func(a host.Answer) (ramView, error) {
		if a.Status != 0 || !strings.HasSuffix(string(a.Stdout), "end\n") {
			return ramView{}, fmt.Errorf("keyring folder %s: the answer is not whole (status %d)", dir, a.Status)
		}
		return parseRAM(string(a.Stdout)), nil
	}}
}

func parseRAM(text string) ramView {
	var v ramView
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		switch {
		case len(w) == 2 && w[0] == "mount":
			v.mounted, v.fstype = true, w[1]
		case len(w) == 4 && w[0] == "outside":
			v.outside, v.folder = w[1], ramFileOf(w[2], w[3], "0")
		case len(w) == 2 && w[0] == "inside":
			v.inside = w[1]
		case len(w) == 2 && w[0] == "ro":
			v.readOnly = w[1] == "yes"
		case len(w) == 4 && w[0] == "file":
			f := ramFileOf(w[1], w[2], w[3])
			v.file = &f
		}
	}
	return v
}

func ramFileOf(uid, mode, size string) ramFile {
	u, _ := strconv.Atoi(uid)
	n, _ := strconv.ParseInt(size, 10, 64)
	return ramFile{uid: u, mode: mode, size: n}
}
