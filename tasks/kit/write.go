package kit

import (
	"bytes"
	"crypto/sha1" // #nosec G505: Ansible's checksum, no protection
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
)

// In every script that leaves nothing behind, signals clean up themselves: one
// that comes when the script has ended, before the first word of the EXIT trap,
// ends the shell there, and the rest of that trap never runs.

// putText writes a file whole: a temporary one beside it, readable by nobody
// else, checked, given its owner and mode, validated, renamed. Arguments: path,
// sha256, owner, group, mode, backup (yes or empty), unsafe (yes or empty),
// folder to make first (or empty), then the words of the validating command.
const putText sh.Constant = putHead + `cat >"$t" || exit 1` + putTail

// putFromText does the same with a file of the host, named first.
const putFromText sh.Constant = `_src=$1; shift
` + putHead + `cat "$_src" >"$t" || exit 1` + putTail

const putHead = ChattrFuncs + `p=$1 s=$2 o=$3 g=$4 m=$5 b=$6 u=$7 d=$8; shift 8
if [ -n "$d" ]; then mkdir -p "$d" || exit 1; fi
if [ -d "$p" ]; then echo "$p is a directory" >&2; exit 1; fi
q=${p%/*}
if [ ! -d "${q:-/}" ]; then echo "Destination directory $q does not exist" >&2; exit 1; fi
t=$(mktemp "${p%/*}/.remoterun.XXXXXX") || exit 1
trap 'rm -f "$t"' 0
trap 'rm -f "$t"; exit 1' 1 2 15
`

const putTail = `
h=$(sha256sum <"$t")
case $h in "$s "*) ;; *) echo "$p: the data did not arrive whole" >&2; exit 1 ;; esac
if [ -e "$p" ]; then
w=$(stat -L -c "=%u:%g %a " "$p" "$t")
w=${w#=} a=${w#* }
case ${a#* } in *"=${w%% *} "*) ;; *) chown "${w%% *}" "$t" 2>/dev/null ;; esac
if [ -z "$m" ]; then chmod "0${a%% *}" "$t" || exit 1; fi
elif [ -z "$m" ]; then
chmod "$(printf %o $((0666 & ~0$(umask))))" "$t" || exit 1
fi
_own "$o" "$g" "$m" "$t" || exit 1
if [ $# -gt 0 ]; then
n=$#
while [ $n -gt 0 ]; do
a=$1; shift
case $a in *%s*) a=${a%%%s*}$t${a#*%s} ;; esac
set -- "$@" "$a"; n=$((n - 1))
done
v=$("$@" 2>&1); r=$?
if [ $r -ne 0 ]; then echo "failed to validate: rc:$r error:$v" >&2; exit 1; fi
fi
c=
if [ -n "$b" ] && [ -e "$p" ]; then
c=$p.$$.$(date +%Y-%m-%d@%H:%M:%S)~
cp -p "$p" "$c" || exit 1
fi
if [ -e /sys/fs/selinux/enforce ] && [ -e "$p" ]; then chcon --reference="$p" "$t" 2>/dev/null; fi
if e=$(mv -f "$t" "$p" 2>&1); then trap - 0
elif [ -z "$u" ]; then echo "$e" >&2; exit 1
else cat "$t" >"$p" || exit 1
fi
_told "$p" && printf %s "$c"`

// Write is the step that writes a file, before it has its data.
type Write struct {
	Path     string
	Want     Change
	Backup   bool
	Unsafe   bool
	Mkdir    string
	Validate []string
	From     string // a file of the host instead of data
}

// Step adds the data. Content that is secret goes over a channel of its own.
func (f Write) Step(in play.Input) host.Step {
	p := Safe(f.Path)
	if !strings.Contains(p, "/") {
		p = "./" + p
	}
	args := []string{p, in.SHA256, f.Want.Owner, f.Want.Group, f.Want.Mode, Yes(f.Backup), Yes(f.Unsafe), f.Mkdir}
	args = append(args, f.Validate...)
	if f.From != "" {
		return host.Run{Cmd: sh.Script(putFromText, append([]string{Safe(f.From)}, args...)...), What: "copy " + f.From + " to " + f.Path}
	}
	cmd := sh.Script(putText, args...).With(Stdin(in.Data))
	cmd.Secret = in.Secret
	return host.Run{Cmd: cmd, What: fmt.Sprintf("write %s (%d bytes)", f.Path, in.Data.Size())}
}

// Yes is how scripts are told a flag: yes, or nothing.
func Yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

// Stdin lets a command read a Source.
func Stdin(s play.Source) sh.Input { return sourceInput{s} }

type sourceInput struct{ play.Source }

// Open returns a reader over the source's bytes.
func (s sourceInput) Open() (io.ReadCloser, error) {
	b, err := s.Bytes()
	return io.NopCloser(bytes.NewReader(b)), err
}

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
	return play.Input{Name: name, Kind: 'f', Data: memory(b), SHA256: hex.EncodeToString(s256[:]), SHA1: hex.EncodeToString(s1[:])}
}

// memory is a Source held in memory.
type memory []byte

// Size is the number of bytes.
func (m memory) Size() int64 { return int64(len(m)) }

// Bytes returns them; the caller must not change them.
func (m memory) Bytes() ([]byte, error) { return m, nil }
