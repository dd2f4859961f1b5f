package kit

import (
	"fmt"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/runner/value"
)

// Info is what a path is, without times: they would make answers differ that
// mean the same.
type Info struct {
	Exists       bool
	Mode         uint32 // st_mode
	UID, GID     int
	Owner, Group string // UNKNOWN when the id has no name
}

// IsDir, IsFile and IsLink tell the kinds apart.
func (i Info) IsDir() bool { return i.Exists && i.Mode&TypeMask == TypeDir }

// IsFile reports a regular file.
func (i Info) IsFile() bool { return i.Exists && i.Mode&TypeMask == TypeReg }

// IsLink reports a symbolic link.
func (i Info) IsLink() bool { return i.Exists && i.Mode&TypeMask == TypeLink }

// Kind is Ansible's word for what a path is.
func (i Info) Kind() string {
	switch {
	case !i.Exists:
		return "absent"
	case i.IsDir():
		return "directory"
	case i.IsLink():
		return "link"
	}
	return "file"
}

// PutInto adds what results say of a file.
func (i Info) PutInto(m *value.Map) {
	if !i.Exists {
		return
	}
	m.Put("mode", value.String(fmt.Sprintf("%04o", i.Mode&PermBits)))
	m.Put("owner", HostText(i.Owner))
	m.Put("group", HostText(i.Group))
	m.Put("uid", value.Int(int64(i.UID)))
	m.Put("gid", value.Int(int64(i.GID)))
}

// Look is what is at a path.
type Look struct {
	// Path is where it is: the path asked for, or a name inside it when that
	// was a folder; Into says which.
	Path string
	Into bool
	// Own is the path itself, Target what a link leads to (else the same).
	Own, Target Info
	// Real is the path behind a link, Link the link's text.
	Real, Link string
	// Readable, Size and SHA256 are known of regular files when asked for.
	Readable bool
	Size     int64
	SHA256   string
}

// statForm prints a file's mode, owner and group in three lines.
const statForm = `"%f %u %g
%U
%G"`

// RealText prints where the link $p leads at last, r being what stat -L said of
// it. A link that leads through itself ("l -> l/x") has no such place, and GNU's
// readlink -f looks for it for ever: anyone on the host can make one.
const RealText = `case $r in *"Too many levels"*|*"ymbolic link loop"*) echo ;; *) readlink -f "$p" || echo ;; esac`

// lookText takes a path, a name to append when the path is a folder, and "sum"
// for size and hash.
const lookText sh.Constant = `p=$1
if [ -n "$2" ] && [ -d "$p" ]; then p=${p%/}/$2; echo d; else echo -; fi
LC_ALL=C; export LC_ALL
stat -c ` + statForm + ` "$p" 2>&1 || exit 0
if [ -L "$p" ]; then
r=$(stat -L -c ` + statForm + ` "$p" 2>&1); printf '%s\n' "$r"
` + RealText + `
fi
if [ -n "$3" ] && [ -f "$p" ]; then
if [ -r "$p" ]; then stat -L -c %s "$p"; sha256sum <"$p"; else echo -; fi
fi
if [ -L "$p" ]; then readlink "$p"; fi`

// LookAt asks what is at path; into is a name to append when it is a folder.
func LookAt(path, into string, sum bool) host.Fact[Look] {
	flag := ""
	if sum {
		flag = "sum"
	}
	return host.Fact[Look]{
		Q:     host.NewProbe(lookText, Safe(path), into, flag).Plain(),
		Parse: func(a host.Answer) (Look, error) { return parseLook(a, path, into, sum) },
	}
}

// Safe keeps a relative path from being read as an option.
func Safe(path string) string {
	if strings.HasPrefix(path, "-") {
		return "./" + path
	}
	return path
}

// Lines walks through an answer.
type Lines struct{ Rest string }

// Next takes a line off, without its end; empty at the end.
func (l *Lines) Next() string {
	line, rest, _ := strings.Cut(l.Rest, "\n")
	l.Rest = rest
	return line
}

func parseLook(a host.Answer, path, into string, sum bool) (Look, error) {
	l := Lines{string(a.Stdout)}
	lk := Look{Path: path}
	if l.Next() == "d" {
		lk.Into, lk.Path = true, strings.TrimSuffix(path, "/")+"/"+into
	}
	var err error
	if lk.Own, err = l.info(lk.Path); err != nil {
		return lk, err
	}
	lk.Target = lk.Own
	if lk.Own.IsLink() {
		if lk.Target, err = l.info(lk.Path); err != nil {
			return lk, err
		}
		lk.Real = l.Next()
	}
	if sum && lk.Target.IsFile() {
		if err := l.sum(&lk); err != nil {
			return lk, err
		}
	}
	if lk.Own.IsLink() {
		lk.Link = strings.TrimSuffix(l.Rest, "\n")
	}
	return lk, nil
}

// info reads three lines, or stat's complaint.
func (l *Lines) info(path string) (Info, error) {
	first := l.Next()
	var i Info
	if n, _ := fmt.Sscanf(first, "%x %d %d", &i.Mode, &i.UID, &i.GID); n == 3 {
		i.Exists, i.Owner, i.Group = true, l.Next(), l.Next()
		return i, nil
	}
	for _, absent := range []string{"No such file", "Not a directory", "Too many levels", "ymbolic link loop"} {
		if strings.Contains(first, absent) {
			return i, nil
		}
	}
	if first == "" {
		first = "stat gave no answer"
	}
	return i, fmt.Errorf("%s: %s", path, strings.TrimSpace(first))
}

func (l *Lines) sum(lk *Look) error {
	size := l.Next()
	if size == "-" {
		return nil
	}
	n, err := strconv.ParseInt(size, 10, 64)
	hash, _, ok := strings.Cut(l.Next(), " ")
	if err != nil || !ok || len(hash) != 64 {
		return fmt.Errorf("%s: the host has no usable sha256sum or stat", lk.Path)
	}
	lk.Readable, lk.Size, lk.SHA256 = true, n, hash
	return nil
}

// contentText prints a file, or ends with status 3 when it is none.
const contentText sh.Constant = `if [ -f "$1" ]; then cat "$1"; else exit 3; fi`

// Content asks for a file's whole text: for modules that edit one.
func Content(path string) host.Probe { return host.NewProbe(contentText, Safe(path)) }

// headText prints the beginning of a file, for diffs.
const headText sh.Constant = `if [ -f "$1" ]; then head -c 104449 "$1"; fi`

// Head is the question that a diff's before side asks: as much as a diff
// may show and a byte more.
func Head(path string) host.Probe { return host.NewProbe(headText, Safe(path)) }
