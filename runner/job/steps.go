package job

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// MaxData is the most bytes of stdin that a step of a job can have.
const MaxData = 256 << 10

// Steps is the script of a job that runs commands one after the other, up to the
// first that fails, and keeps what each gave. It is ended after limit. made is
// kept beside them and given back by Ran. ok = false: one of them needs the
// laptop while it runs, or reads what no shell variable can hold.
func Steps(cmds []sh.Cmd, limit time.Duration, made string) (c sh.Cmd, ok bool) {
	args := []string{strconv.FormatInt(int64(math.Ceil(limit.Seconds())), 10), made}
	secret := false
	for _, one := range cmds {
		data, ok := dataOf(one)
		if !ok {
			return sh.Cmd{}, false
		}
		args = append(args, "rm -f -- \"$0\" \"${0%.sh}.in\"\n"+one.Render(), data)
		secret = secret || one.Secret
	}
	c = sh.Script(stepsText, args...)
	c.Secret = secret
	return c, c.Check() == nil
}

// dataOf reads a command's stdin.
func dataOf(c sh.Cmd) (string, bool) {
	if c.Gated || c.Lock != nil || c.Check() != nil {
		return "", false
	}
	if c.Stdin == nil {
		return "", true
	}
	if n := c.Stdin.Size(); n < 0 || n > MaxData {
		return "", false
	}
	r, err := c.Stdin.Open()
	if err != nil {
		return "", false
	}
	defer func() { _ = r.Close() }()
	data, err := io.ReadAll(r)
	return string(data), err == nil && bytes.IndexByte(data, 0) < 0
}

// stepsText runs the steps; none of their text stays on the disk longer than it
// takes to begin it. Arguments: seconds, what is kept, then script and stdin of
// each. What is left at the limit is killed, but for the driver, which says so.
const stepsText sh.Constant = `rm -f -- "$JOB/run"
d=$JOB
umask "$JOB_UMASK"
cd "$JOB_CWD" 2>/dev/null || cd /
unset JOB JOB_UMASK JOB_CWD
printf %s "$2" >"$d/made" || exit 73
main=$$
(
trap 'kill "$s" 2>/dev/null; exit 0' TERM
sleep "$1" &
s=$!
wait "$s" || exit 0
read -r me _ </proc/self/stat
read -r driver <"$d/pid"
echo "$main" >"$d/late"
for p in /proc/[0-9]*; do
	[ "$p/fd/8" -ef "$d/mark" ] || continue
	case ${p#/proc/} in "$me" | "$driver") ;; *) kill -KILL "${p#/proc/}" 2>/dev/null ;; esac
done
) </dev/null >/dev/null 2>&1 &
timer=$!
shift 2
n=0 r=0
while [ $# -gt 0 ] && [ $r = 0 ]; do
	n=$((n + 1))
	printf %s "$1" >"$d/$n.sh" && printf %s "$2" >"$d/$n.in" || exit 73
	if [ -n "$2" ]; then exec 0<"$d/$n.in"; else exec 0</dev/null; fi
	shift 2
	sh "$d/$n.sh" >"$d/$n.out" 2>"$d/$n.err"
	r=$?
	echo "$r" >"$d/$n.rc"
done
kill "$timer" 2>/dev/null
wait "$timer" 2>/dev/null
exit 0`

// Ran is what became of a job of Steps.
type Ran struct {
	// Dir is its folder, absolute.
	Dir string
	// Phase is Never, Running, Ended or Died.
	Phase Phase
	// Late says that it was ended at its limit, as the process Pid.
	Late bool
	Pid  int64
	// Made is what Steps was given, Kept what Keep was.
	Made, Kept []byte
	// Steps are the outputs of those that came to their end.
	Steps []host.Output
}

// Ran asks what became of a job of Steps, or of Keep.
func (j Job) Ran() host.Fact[Ran] {
	return host.Fact[Ran]{Q: host.NewProbe(ranText, j.Dir).Wide(), Parse: ParseRan}
}

// Keep is the command that makes the folder of a job that ran elsewhere, with what
// came of it; it prints the folder.
func (j Job) Keep(result string) sh.Cmd {
	return sh.Script(place+`umask 077
d=$(place "$1")
mkdir -p "$d" && cat >"$d/kept.new" && mv "$d/kept.new" "$d/kept" && printf %s "$d"`, j.Dir).With(sh.Bytes(result))
}

// ranText prints folder and phase, then blobs, each behind a line with its name and
// its length.
const ranText = alive + place + `d=$(place "$1")
printf "%s\n" "$d"
cd -- "$d" 2>/dev/null || { echo none; exit 0; }
blob() { printf "%s %s\n" "$1" "$(wc -c <"$2")"; cat "$2"; }
if [ -f kept ]; then echo "ended"; blob kept kept; exit 0; fi
if alive .; then echo running; exit 0; fi
if [ -f late ]; then echo "late $(cat late)"
elif [ -f rc ] && [ "$(cat rc)" = 0 ]; then echo ended
elif [ -f pid ]; then echo died
else echo none; exit 0
fi
if [ -f made ]; then blob made made; fi
n=1
while [ -f $n.rc ]; do
	blob rc $n.rc; blob out $n.out; blob err $n.err
	n=$((n + 1))
done`

// ParseRan reads the answer of Ran.
func ParseRan(a host.Answer) (Ran, error) {
	broken := errors.New("what the host keeps of the job cannot be read")
	dir, rest, ok1 := strings.Cut(string(a.Stdout), "\n")
	line, rest, ok2 := strings.Cut(rest, "\n")
	if a.Status != 0 || !ok1 || !ok2 {
		return Ran{}, broken
	}
	word, pid, _ := strings.Cut(line, " ")
	r := Ran{Dir: dir, Phase: Phase(word)}
	if word == "late" {
		r.Phase, r.Late = Ended, true
		r.Pid, _ = strconv.ParseInt(strings.TrimSpace(pid), 10, 64)
	}
	for rest != "" {
		var name string
		var size int
		head, body, ok := strings.Cut(rest, "\n")
		if n, err := fmt.Sscanf(head, "%s %d", &name, &size); !ok || n != 2 || err != nil || size < 0 || size > len(body) {
			return Ran{}, broken
		}
		if !r.take(name, []byte(body[:size])) {
			return Ran{}, broken
		}
		rest = body[size:]
	}
	return r, nil
}

func (r *Ran) take(name string, data []byte) bool {
	last := len(r.Steps) - 1
	switch {
	case name == "made":
		r.Made = data
	case name == "kept":
		r.Kept = data
	case name == "rc":
		n, err := strconv.Atoi(strings.TrimSpace(string(data)))
		r.Steps = append(r.Steps, host.Output{Status: n})
		return err == nil
	case name == "out" && last >= 0:
		r.Steps[last].Stdout = data
	case name == "err" && last >= 0:
		r.Steps[last].Stderr = data
	default:
		return false
	}
	return true
}
