package framed

import (
	"context"
	"strconv"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// A command of the user's may take as long as it likes. A question may not: it ends
// when for its silence (sh.Cmd.Silent) it has neither printed a byte nor used the
// processor, as docker does whose daemon hangs, or df on a file server that is
// gone. Sums of large files and searches of large trees do work, and go on.

// longest is how many silences a question may use the processor without a word.
const longest = 30

// leastWork is the processor's time, in ticks of 1/100 s, below which half a
// silence counts as idle: what waits still wakes up now and then.
const leastWork = 5

// watch is a frame's question that is looked after.
type watch struct {
	s      *Shell
	nonce  string
	silent time.Duration
	// asking reports whether it is a question that runs now; nil = always.
	asking func() bool
	stuck  func(error) // ends the frame

	came  int // bytes when it was looked last
	quiet int // looks in a row that found not one more
	used  int // the processor's time at the last look, -1 = not known
}

// silence is how long a question of this client may do nothing.
func (c *Client) silence(d time.Duration) time.Duration {
	if d > 0 && c.Silence > 0 {
		return min(d, c.Silence)
	}
	return d
}

// run looks twice in a silence until the frame ends.
func (w *watch) run(ctx context.Context) {
	tick := time.NewTicker(w.silent / 2)
	defer tick.Stop()
	for w.came = w.bytes(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if w.look(ctx) {
				return
			}
		}
	}
}

func (w *watch) bytes() int { return w.s.out.came() + w.s.err.came() }

// look reports whether the question was ended.
func (w *watch) look(ctx context.Context) bool {
	now := w.bytes()
	if now != w.came || w.asking != nil && !w.asking() {
		w.came, w.quiet, w.used = now, 0, -1
		return false
	}
	w.quiet++
	used, runs := w.s.usage(ctx, w.nonce)
	if ctx.Err() != nil || w.bytes() != w.came { // it went on meanwhile
		return false
	}
	idle := w.quiet > 1 && w.used >= 0 && used >= 0 && used-w.used < leastWork
	w.used = used
	if !idle && w.quiet < 2*longest {
		return false
	}
	w.stuck(&host.StuckError{Host: w.s.client.name, Silent: time.Duration(w.quiet) * w.silent / 2, Runs: runs})
	return true
}

// usageText prints what runs in the process group of $1, one a line with its state
// first, and "used" with the processor's time of all of them, in ticks.
const usageText sh.Constant = `s() { { read -r l </proc/"$1"/stat; } 2>/dev/null || l=; l=${l##*) }; set -- $l; st=$1 g=$3 t=0; if [ $# -gt 14 ]; then t=$((${12} + ${13} + ${14} + ${15})); fi; }
s "$1"; want=$g
[ -n "$want" ] || exit 1
sum=0
for f in /proc/[0-9]*; do
s "${f#/proc/}"
if [ "$g" = "$want" ]; then sum=$((sum + t)); c=$(tr "\000\012" "  " 2>/dev/null <"$f/cmdline" | cut -c 1-120); case $c in "sh -c "* | "") ;; *) echo "$st $c" ;; esac; fi
done
echo "used $sum"`

// usage is the processor's time that the frame's processes have used, -1 when the
// host does not tell, and what runs.
func (s *Shell) usage(ctx context.Context, nonce string) (used int, runs []string) {
	pid := s.framePID(nonce)
	if pid == 0 {
		return -1, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.client.Within)
	defer cancel()
	out, err := s.client.aside(ctx, s.as, sh.Script(usageText, strconv.Itoa(pid)))
	if err != nil {
		return -1, nil
	}
	used = -1
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		if n, ok := strings.CutPrefix(line, "used "); ok {
			if k, err := strconv.Atoi(n); err == nil && k >= 0 {
				used = k
			}
		} else if state, program, ok := strings.Cut(line, " "); ok {
			runs = append(runs, running(state, program))
		}
	}
	return used, runs
}

// running is a program and, where it says something, what it waits for.
func running(state, program string) string {
	program = strings.TrimSpace(program)
	if state == "D" {
		return program + " (waits for a disk or a file server)"
	}
	return program
}
