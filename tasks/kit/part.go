package kit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
)

// A large file whose sending broke off leaves what came of it: under the name that
// its temporary file had, which nobody can foresee, and with a note in the folder of
// sh.Temp's notes, part.SHA256, that says where. The next one who sends that very
// content goes on behind it, after the laptop has compared the beginning's hash with
// its own; the hash of the whole is compared in any case.

// minPart is the least size in bytes of what is kept and gone on with.
const minPart = 8 << 20

// fresh is putText's word for data that come from their beginning.
const fresh = "-"

// partArg is the place of that word among putText's arguments.
const partArg = 15

// partWords are putText's words for it: k_forget takes back what a note leads to;
// k_rest puts by what came, and is called at whatever end; k_take goes on in the
// very file where nobody else can change what is in its folder (else it is copied).
const partWords = `k_forget() {
if [ -n "$_d" ] && [ -f "$_d/part.$k_sum" ]; then
IFS= read -r k_x <"$_d/part.$k_sum"
case ${k_x##*/} in .remoterun.?*) ;; *) k_x= ;; esac
rm -f ${k_x:+"$k_x"} "$_d/part.$k_sum"
fi
}
k_rest() {
_late=
case $k_tc in *"
"*) return 0 ;; esac
[ -n "$_d" ] && [ -s "$k_t" ] && [ ! -h "$k_t" ] || return 0
k_forget
(umask 077; printf "%s\n" "$k_tc" >"$_d/part.$k_sum") 2>/dev/null && _keep
}
k_take() {
case $k_pa in /*) ;; *) return 0 ;; esac
[ "${k_pa%/*}" -ef . ] && [ "$k_8" = /proc/self/fd/8 ] && k_ours && [ -O "$k_pa" ] && [ ! -h "$k_pa" ] || return 0
mv -f "$k_pa" "$k_t" && command exec 8>>"$k_t" && k_see "$k_8" || return
rm -f "$_d/part.$k_sum"
k_pa=-
}
`

// partText tells of a beginning that is kept: hash of the whole, its size. It prints
// size, hash and path of the beginning, or nothing; notes that are a week old go.
const partText sh.Constant = sh.Temp + `[ -n "$_d" ] || exit 0
k_old() {
IFS= read -r k_x <"$1"
case ${k_x##*/} in .remoterun.?*) ;; *) k_x= ;; esac
rm -f ${k_x:+"$k_x"} "$1"
}
find "$_d" -name "part.*" -mtime +7 2>/dev/null | while IFS= read -r k_i; do k_old "$k_i"; done
[ -f "$_d/part.$1" ] || exit 0
IFS= read -r k_p <"$_d/part.$1"
case $k_p in /*/.remoterun.?*) ;; *) exit 0 ;; esac
[ -f "$k_p" ] && [ ! -h "$k_p" ] && [ -O "$k_p" ] || exit 0
k_h=$(sha256sum <"$k_p") && k_s=$(stat -c %s "$k_p") || exit 0
[ "$k_s" -le "$2" ] && echo "$k_s ${k_h%% *} $k_p"`

// send is the step of a large file.
type send struct {
	cmd  sh.Cmd
	what string
	at   int // the argument that says where a beginning lies
	in   play.Input
}

// Describe names the file.
func (s send) Describe() string { return s.what }

// Do sends what the host has not got yet.
func (s send) Do(ctx context.Context, w host.Writer) (host.Output, error) {
	if h, ok := s.in.Data.(play.Hashed); ok {
		go func() { _, _ = h.MD5() }() // the result will want it: beside the sending it takes no time
	}
	out, err := w.Run(ctx, sh.Script(partText, s.in.SHA256, strconv.FormatInt(s.in.Data.Size(), 10)))
	if err != nil {
		return out, err
	}
	cmd := s.cmd
	if n, where := s.has(string(out.Stdout)); n > 0 {
		cmd.Args = append([]string{}, cmd.Args...)
		cmd.Args[s.at] = where
		cmd = cmd.With(rest{s.in.Data, n})
	}
	return w.Run(ctx, cmd)
}

// has reads partText's answer: how much of the content the host has, and where; 0
// where it is something else.
func (s send) has(said string) (n int64, where string) {
	word, tail, _ := strings.Cut(strings.TrimSuffix(said, "\n"), " ")
	hash, where, _ := strings.Cut(tail, " ")
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil || n <= 0 || n > s.in.Data.Size() || where == "" {
		return 0, ""
	}
	r, err := s.in.Data.Open()
	if err != nil {
		return 0, ""
	}
	defer r.Close()
	sum := sha256.New()
	if _, err := io.CopyN(sum, r, n); err != nil || hex.EncodeToString(sum.Sum(nil)) != hash {
		return 0, ""
	}
	return n, where
}

// rest is a source from an offset on.
type rest struct {
	play.Source
	from int64
}

// Size is what is left.
func (r rest) Size() int64 { return r.Source.Size() - r.from }

// Open begins there.
func (r rest) Open() (io.ReadCloser, error) {
	f, err := r.Source.Open()
	if err != nil {
		return nil, err
	}
	s, ok := f.(io.Seeker)
	if ok {
		_, err = s.Seek(r.from, io.SeekStart)
	} else {
		_, err = io.CopyN(io.Discard, f, r.from)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("go on at byte %d: %w", r.from, err)
	}
	return f, nil
}
