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
	m.Put("mode", value.String(fmt.Sprintf("0%03o", i.Mode&PermBits)))
	m.Put("owner", HostText(i.Owner))
	m.Put("group", HostText(i.Group))
	m.Put("uid", value.Int(int64(i.UID)))
	m.Put("gid", value.Int(int64(i.GID)))
}

// AddTo adds what Ansible says of every file that a result names as path or dest.
func (i Info) AddTo(m *value.Map, size int64) {
	if !i.Exists {
		return
	}
	i.PutInto(m)
	m.Put("state", value.String(i.Kind()))
	m.Put("size", value.Int(size))
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
	// Folder names the folder that holds Path, RealFolder the one that holds
	// Real, by device and inode: what is written later is written there.
	Folder, RealFolder string
	// Readable, Size and SHA256 are known of regular files when asked for.
	Readable bool
	Size     int64
	SHA256   string
}

// Via is the link that p was reached through: Path when p is Real, else empty.
func (l Look) Via(p string) string {
	if l.Own.IsLink() && p == l.Real {
		return l.Path
	}
	return ""
}

// statForm prints a file's mode, owner and group in three lines.
const statForm = `"%f %u %g
%U
%G"`

// RealText prints where the link $p leads at last, r being what stat -L said of
// it. A link that leads through itself ("l -> l/x") has no such place, and GNU's
// readlink -f looks for it for ever: anyone on the host can make one.
//
// Where nothing is, busybox 1.35 takes a relative link from the working directory
// and not from the link's: the links are followed here.
const RealText = `case $r in *"Too many levels"*|*"ymbolic link loop"*) echo ;; *)
if [ -e "$p" ]; then readlink -f "$p" || echo; else
case $p in /*) _r=$p ;; *) _r=./$p ;; esac
_c=
while [ -h "$_r" ] && [ ${#_c} -lt 40 ]; do
_c=$_c.
_l=$(readlink "$_r")
while :; do case $_l in ?*/) _l=${_l%/} ;; *) break ;; esac; done
case $_l in /*) _r=$_l ;; *) _r=${_r%/*}/$_l ;; esac
done
_l=$(cd -P "${_r%/*}/" 2>/dev/null && pwd -P) && printf "%s\n" "${_l%/}/${_r##*/}" || echo
fi ;; esac`

// lookAllText tells of many paths at once, each given behind = or, where its hash
// is wanted too, behind +SIZE: (any size where that is empty). For each that is
// there: "=PATH", then what lookText asks of stat; a last =; then what sha256sum
// prints of regular files, of those whose size is given where they have it.
const lookAllText sh.Constant = `LC_ALL=C; export LC_ALL
_s=$(for a; do shift; case $a in +*) a=${a#*:} ;; *) a=${a#?} ;; esac; set -- "$@" "$a"; done
stat -c "=%n
%f %u %g %s %d:%i
%U
%G" "$@")
printf "%s\n=\n" "$_s"
_s="
$_s"
for a; do shift; case $a in +*) ;; *) continue ;; esac
_w=${a%%:*} _w=${_w#+} a=${a#*:}
if [ ! -f "$a" ] || [ ! -r "$a" ]; then continue; fi
if [ -n "$_w" ]; then
_z=${_s#*"
=$a
"}; _z=${_z%%"
"*}; _z=${_z% *}
[ "${_z##* }" = "$_w" ] || continue
fi
set -- "$@" "$a"; done
if [ $# -gt 0 ]; then sha256sum "$@"; fi`

// lookText takes a path, a name to append when the path is a folder, "sum" for size
// and hash or "size" for size alone, and the size that a file must have so that its
// hash is asked for (empty = any): the hash of another one says nothing new, and a
// file of terabytes is soon made of a hole. It prints d or - and the folders that hold the path and what
// it leads to, then what is there; one program does it for a file, and one its
// hash, and none where lookAllText has found them.
const lookText sh.Constant = `p=$1 k=-
if [ -n "$2" ] && [ -d "$p" ]; then p=${p%/}/$2 k=d; fi
LC_ALL=C; export LC_ALL
q=$p
while :; do case $q in ?*/) q=${q%/} ;; *) break ;; esac; done
case $q in */*) q=${q%/*}/. ;; *) q=. ;; esac
of() { case ${_all-} in *"
=$1
"*) s=${_all#*"
=$1
"}; s=${s%%"
="*} ;; *) return 1 ;; esac; }
if [ -e "$p" ] || [ -h "$p" ]; then
r= i= j= t=
if [ -h "$p" ]; then
t=$(stat -L -c ` + statForm + ` "$p" 2>&1)
r=$t
r=$(` + RealText + `)
fi
if [ ! -h "$p" ] && of "$p" && b=$s && of "$q"; then s="$b
$s"
else s=$(stat -c "%f %u %g %s %d:%i
%U
%G" "$p" "$q" ${r:+"${r%/*}/."} 2>&1)
fi
{ read -r f u g z x; IFS= read -r un; IFS= read -r gn; read -r x x x x i; read -r x; read -r x; read -r x x x x j; } <<END
$s
END
case $f in stat:) echo $k; stat "$p" 2>&1; exit 0 ;; esac
case $i in *:*) ;; *) i= j= ;; esac
case $j in *:*) ;; *) j= ;; esac
printf "%s %s %s\n%s %s %s\n%s\n%s\n" "$k" "$i" "$j" "$f" "$u" "$g" "$un" "$gn"
if [ -h "$p" ]; then
printf "%s\n" "$t" "$r"
if [ -n "$3" ] && [ -f "$p" ] && [ -r "$p" ]; then z=$(stat -L -c %s "$p"); fi
fi
if [ -n "$3" ] && [ -f "$p" ]; then
if [ -r "$p" ]; then echo "$z"
if [ "${4:-$z}" != "$z" ]; then echo other
elif [ "$3" = sum ]; then
h=
case ${_all-} in *"  $p
"*) h=${_all%%"  $p
"*}; h=${h##*"
"} ;; esac
if [ ${#h} -eq 64 ]; then echo "$h  -"; else sha256sum <"$p"; fi
fi
else echo -; fi
fi
if [ -h "$p" ]; then readlink "$p"; fi
else
if of "$q"; then read -r x x x x i <<END
$s
END
echo "$k $i"; else stat -c "$k %d:%i" "$q" 2>/dev/null || echo "$k"; fi
if [ -d "$q" ] && [ -x "$q" ]; then echo "$p: No such file or directory"; else stat "$p" 2>&1 || true; fi
fi`

// LookAt asks what is at path; into is a name to append when it is a folder.
func LookAt(path, into string, sum bool) host.Fact[Look] {
	own, args := "=", []string{Safe(path), into, ""}
	if sum {
		own, args[2] = "+:", "sum"
	}
	return look(path, into, own, args)
}

// LookSize asks the same with the size of a file and whether it can be read, but
// without its hash: for what is read whole anyway.
func LookSize(path, into string) host.Fact[Look] {
	return look(path, into, "=", []string{Safe(path), into, "size"})
}

// LookFor asks what is at path, and for the hash of a file of this size alone: one of
// another size is Readable and has no SHA256.
func LookFor(path, into string, size int64) host.Fact[Look] {
	n := strconv.FormatInt(size, 10)
	return look(path, into, "+"+n+":", []string{Safe(path), into, "sum", n})
}

func look(path, into, own string, args []string) host.Fact[Look] {
	flag := args[2]
	q := host.NewProbe(lookText, args...).Plain()
	if !strings.Contains(path, "\n") {
		q = q.Together(lookAllText, together(own, Safe(path))...)
	}
	return host.Fact[Look]{
		Q:     q,
		Parse: func(a host.Answer) (Look, error) { return parseLook(a, path, into, flag) },
	}
}

// together is what lookAllText is asked for a path: it (own is what stands before)
// and its folder, named as lookText does it.
func together(own, p string) []string {
	q := p
	for len(q) > 1 && strings.HasSuffix(q, "/") {
		q = q[:len(q)-1]
	}
	folder := "."
	if i := strings.LastIndexByte(q, '/'); i >= 0 {
		folder = q[:i] + "/."
	}
	return []string{own + p, "=" + folder}
}

// sizeText tells the size of what is at path $1 itself (not behind a link), -1 =
// nothing is there. No program runs for it where lookAllText has found it.
const sizeText sh.Constant = `case ${_all-} in *"
=$1
"*) s=${_all#*"
=$1
"}; s=${s%%"
"*}; s=${s% *}; echo "${s##* }" ;;
*) if [ -e "$1" ] || [ -h "$1" ]; then stat -c %s "$1"; else echo -1; fi ;; esac`

// SizeOf asks for the size in bytes of what is at path itself (not behind a link), -1 =
// nothing is there. Results say it; nothing is planned by it, for a folder's changes
// with what is put into it.
func SizeOf(path string) host.Fact[int64] {
	q := host.NewProbe(sizeText, Safe(path)).Plain()
	if !strings.Contains(path, "\n") {
		q = q.Together(lookAllText, together("=", Safe(path))...)
	}
	return host.Fact[int64]{Q: q, Parse: func(a host.Answer) (int64, error) {
		return strconv.ParseInt(strings.TrimSpace(string(a.Stdout)), 10, 64)
	}}
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

// Sized takes off as many bytes as a word says; ok is false where that is no number of
// bytes, or more than are there. The number is a host's word: it is held against what
// came before anything is reckoned with it.
func (l *Lines) Sized(word string) (text string, ok bool) {
	n, err := strconv.ParseUint(word, 10, 63)
	if err != nil || n > uint64(len(l.Rest)) {
		return "", false
	}
	text, l.Rest = l.Rest[:n], l.Rest[n:]
	return text, true
}

func parseLook(a host.Answer, path, into, flag string) (Look, error) {
	l := Lines{string(a.Stdout)}
	lk := Look{Path: path}
	first := strings.Fields(l.Next())
	if len(first) > 0 && first[0] == "d" {
		lk.Into, lk.Path = true, strings.TrimSuffix(path, "/")+"/"+into
	}
	if len(first) > 1 {
		lk.Folder = first[1]
	}
	if len(first) > 2 {
		lk.RealFolder = first[2]
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
	if flag != "" && lk.Target.IsFile() {
		if err := l.sum(&lk, flag == "sum"); err != nil {
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

func (l *Lines) sum(lk *Look, hashed bool) error {
	size := l.Next()
	if size == "-" {
		return nil
	}
	n, err := strconv.ParseInt(size, 10, 64)
	hash := ""
	if hashed {
		hash, _, _ = strings.Cut(l.Next(), "  ")
	}
	if hash == "other" {
		hash, hashed = "", false
	}
	if err != nil || hashed && len(hash) != 64 {
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
