package kit

import (
	"bytes"
	"crypto/sha1" // #nosec G505: Ansible's checksum, no protection
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
)

// putText writes a file whole: a temporary one beside it, complete and with its
// owner and mode before it is renamed. Arguments: path, yes to make its folder,
// the folder's device and inode (or empty), umask to make it with (or empty),
// owner, group, mode, UID:GID to keep (look: those of what is there), backup (yes
// or empty), unsafe (yes or empty); what comes: text, sum (stdin) or from; the
// text, hash or file; its size; the link that led to the path (or empty); the hash of
// the text that the new one was made of (or empty); where a beginning of the data lies
// already (or -, where a beginning that comes shall be kept; or empty); then the words of the validating command, which
// reads a copy in a folder that nobody else can enter.
const putText sh.Constant = sh.Temp + holdText + pourWords + partWords + `k_how=${11} k_data=${12} k_sum=${12} k_len=${13} k_via=${14} k_old=${15} k_pa=${16} k_val=
if [ "$k_how" = from ]; then k_sum=${k_data%% *}; command exec 9<"${k_data#* }" || exit 1; fi
k_at "$1" "$k_via" "$2" || exit 1
if [ -d "./$k_n" ] && [ ! -h "./$k_n" ]; then k_no "$k_p is a directory"; exit 1; fi
k_want=$3 k_um=$4 k_ow=$5 k_gr=$6 k_mo=$7 k_ke=$8 k_ba=$9 k_un0=${10}
shift 16
k_fill() { case $k_how in text) printf %s "$k_data" ;; from) cat <&9 ;; *) case $k_pa in /*) k_open "$k_pa" && cat <"$k_9" ;; esac && cat ;; esac || k_no "$k_p: the data could not be written"; }
if [ $# -gt 0 ]; then
_name "${_d:-.}"
k_val=$_t
(umask 077; set -C; k_fill >"$k_val") || exit 1
n=$#
while [ $n -gt 0 ]; do
a=$1; shift
case $a in *%s*) a=${a%%%s*}$k_val${a#*%s} ;; esac
set -- "$@" "$a"; n=$((n - 1))
done
v=$("$@" 2>&1); r=$?
if [ $r -ne 0 ]; then k_no "failed to validate: rc:$r error:$v"; exit 1; fi
fi
if [ "$k_ke" = look ]; then
k_ke=
if [ -f "./$k_n" ] && [ ! -h "./$k_n" ]; then
set -- $(stat -c "%u:%g %a" "./$k_n")
k_ke=$1 k_mo=${k_mo:-0$2}
fi
fi
if [ -n "$k_um" ]; then umask "$k_um"; elif [ -n "$k_mo" ]; then umask 077; fi
k_new || exit 1
k_end() { rm -f "$k_t"; exit 1; }
k_see "$k_8" || k_end
[ -z "$k_want" ] || [ "$k_want" = "$k_here" ] || { k_no "${k_p%/*} is another folder than it was"; k_end; }
if [ -n "$k_old" ] && ! k_ours; then
k_open "./$k_n" || k_end
k_h=$(sha256sum <"$k_9")
case $k_h in "$k_old "*) ;; *) k_no "$k_p changed while it was looked at"; k_end ;; esac
fi
k_one=$k_how$k_pa k_sha=
if [ -n "$k_pa" ]; then
k_tc=$_t _late=k_rest
k_take || k_end
fi
if [ -n "$k_val" ]; then cat <"$k_val" >&8
else case $k_one$k_8 in sum/proc/self/fd/8 | sum-/proc/self/fd/8) k_pour ;; *) k_fill >&8 ;; esac
fi || k_end
if [ -n "$k_pa" ]; then
k_h=$(stat -L -c %s "$k_8")
[ "$k_h" = "$k_len" ] || { k_no "$k_p: the data did not arrive whole"; exit 1; }
_late=
k_forget
fi
k_size=$k_len
if [ "$k_how" != text ]; then
case $k_sha in "$k_sum "*) ;; *) k_sha=$(sha256sum <"$k_8") ;; esac
case $k_sha in "$k_sum "*) ;; *) k_no "$k_p: the data did not arrive whole"; k_end ;; esac
fi
k_own "$k_ow" "$k_gr" "$k_mo" "$k_ke" || k_end
c=
if [ -n "$k_ba" ] && [ -f "./$k_n" ] && [ ! -h "./$k_n" ]; then
k_keep "$k_un0" || k_end
c=${k_p%/*}/$c
fi
if [ -e /sys/fs/selinux/enforce ] && [ -e "./$k_n" ]; then chcon --reference="./$k_n" "$k_8" 2>/dev/null; fi
if k_mv; then
case $k_8 in /*) [ ! -h "./$k_n" ] && [ "./$k_n" -ef "$k_8" ] || { k_no "$k_p: somebody changed it while it was written"; exit 1; } ;; esac
elif [ -z "$k_un0" ]; then k_no "$k_e"; k_end
else
k_open "./$k_n" && cat <"$k_8" >"$k_9" || k_end
k_8=$k_9
k_see "$k_8" && k_own "$k_ow" "$k_gr" "$k_mo" "$k_ke" || k_end
rm -f "$k_t"
fi
k_told
printf %s "$c"`

// Write is the step that writes a file, before it has its data. Path alone is
// enough: what is replaced keeps its owner and mode.
type Write struct {
	Path string
	// Want is what owner, group and mode shall be; empty parts are those of Was.
	Want Change
	// Was is the file that is replaced as it was looked at; nil = the host looks
	// when it writes, a program more.
	Was *Info
	// Via is the link that Path was reached through, empty = none: links that
	// another user controls are followed to what that user owns only.
	Via string
	// Old is the text that the new one was made of, nil = it does not matter.
	Old []byte
	// Folder is the folder that holds the path as it was looked at (Look.Folder),
	// empty = not compared.
	Folder string
	// Backup keeps the old file beside it, under a name with the time; told then
	// says which.
	Backup bool
	// Unsafe writes in place where a rename is refused (a file that is a mount).
	Unsafe bool
	// Mkdir makes the folder and those above it.
	Mkdir bool
	// Validate are the words of a command that must accept the new file (%s).
	Validate []string
	// From is a file of the host to copy, instead of data.
	From string
}

// Write begins the step that writes p, which is Path or what it leads to: what is
// there keeps its owner and mode, and it must be where it was looked at.
func (l Look) Write(p string) Write {
	w := Write{Path: p, Was: &l.Target, Folder: l.Folder, Via: l.Via(p)}
	if w.Via != "" {
		w.Folder = l.RealFolder
	}
	return w
}

// maxText is the most bytes that the shell's own printf writes; more comes on
// stdin.
const maxText = 64 << 10

// Step adds the data. Content that is secret goes over a channel of its own.
func (f Write) Step(in play.Input) host.Step {
	p := clean(f.Path)
	keep, mask, mode := "look", "", f.Want.Mode
	if f.Was != nil {
		if keep = ""; f.Was.IsFile() {
			keep = fmt.Sprintf("%d:%d", f.Was.UID, f.Was.GID)
			if mode == "" {
				mode = Octal(f.Was.Mode & PermBits)
			}
		}
	}
	if n, err := strconv.ParseUint(mode, 8, 32); err == nil {
		mask = Octal(0o777 &^ uint32(n))
	}
	how, data, what := f.content(in)
	part := ""
	if how == "sum" && !in.Secret && len(f.Validate) == 0 && in.Data.Size() >= minPart {
		part = fresh
	}
	args := []string{p, Yes(f.Mkdir), f.Folder, mask, f.Want.Owner, f.Want.Group, mode, keep, Yes(f.Backup), Yes(f.Unsafe),
		how, data, strconv.FormatInt(in.Data.Size(), 10), clean(f.Via), hash(f.Old), part}
	cmd := sh.Script(putText, append(args, f.Validate...)...)
	if how == "sum" {
		cmd = cmd.With(Stdin(in.Data))
	}
	cmd.Secret = in.Secret
	if part != "" {
		return send{cmd: cmd, what: what, at: partArg, in: in}
	}
	return host.Run{Cmd: cmd, What: what}
}

// hash is the SHA-256 of text, empty for nil.
func hash(text []byte) string {
	if text == nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// content says how the data comes.
func (f Write) content(in play.Input) (how, data, what string) {
	if f.From != "" {
		return "from", in.SHA256 + " " + Safe(f.From), "copy " + f.From + " to " + f.Path
	}
	what = "write " + f.Path + " (" + value.Count(in.Data.Size(), "byte") + ")"
	if in.Secret || in.Data.Size() > maxText {
		return "sum", in.SHA256, what
	}
	b, err := in.Data.Bytes()
	if err != nil || bytes.IndexByte(b, 0) >= 0 {
		return "sum", in.SHA256, what
	}
	return "text", string(b), what
}

// clean takes doubled slashes out of a path and the last one off: scripts compare
// it with what the kernel calls it.
func clean(p string) string {
	for strings.Contains(p, "//") {
		p = strings.ReplaceAll(p, "//", "/")
	}
	return TrimSlash(p)
}

// Yes is how scripts are told a flag: yes, or nothing.
func Yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

// Stdin lets a command read a Source.
func Stdin(s play.Source) sh.Input { return s }

// Validation splits the command of a validate argument.
func Validation(v string) ([]string, error) {
	if v == "" {
		return nil, nil
	}
	if !strings.Contains(v, "%s") {
		return nil, fmt.Errorf("validate must contain %%s: %s", v)
	}
	words, ok := sh.Split(v)
	if !ok {
		return nil, errors.New("validate holds an open quote: " + v)
	}
	return words, nil
}

// MadeInput is an Input of bytes that a plan worked out itself (an edited file).
func MadeInput(name string, b []byte) play.Input {
	s256, s1 := sha256.Sum256(b), sha1.Sum(b) // #nosec G401
	return play.Input{Name: name, Kind: 'f', Data: play.Memory(b), SHA256: hex.EncodeToString(s256[:]), SHA1: hex.EncodeToString(s1[:])}
}
