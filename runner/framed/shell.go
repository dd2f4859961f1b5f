package framed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// killGrace is how long a cancelled command has between TERM and KILL.
const killGrace = 2 * time.Second

// Shell is one long-lived framed shell. Frames run one at a time.
type Shell struct {
	client *Client
	as     host.As
	*opened

	mu   sync.Mutex
	sudo struct {
		once sync.Once
		has  bool
	}
	// Strays counts bytes that came between frames: a background job's output.
	strays int
}

func newShell(c *Client, as host.As, o *opened) *Shell { return &Shell{client: c, as: as, opened: o} }

var errSecret = errors.New("a secret never goes through the framed shell: it needs a channel of its own")

// Run runs one command in one frame.
func (s *Shell) Run(ctx context.Context, c sh.Cmd) (host.Output, error) {
	if c.Secret || c.Gated {
		return host.Output{}, errSecret
	}
	if err := c.Check(); err != nil {
		return host.Output{}, err
	}
	if c.Stdin != nil && c.Stdin.Size() < 0 {
		return host.Output{}, errors.New("stdin of unknown size needs a channel of its own")
	}
	if c.Stdout != nil {
		return host.Output{}, errors.New("stdout that goes elsewhere needs a channel of its own")
	}
	data, err := c.Data()
	if err != nil {
		return host.Output{Status: 1, Stderr: []byte(err.Error())}, nil
	}
	nonce := sh.NewNonce()
	out, _, err := s.frame(ctx, frame{nonce: nonce, script: c.Render(), data: bytes.NewReader(data), size: int64(len(data)), silent: c.Silent})
	return out, err
}

// Batch runs a guarded chain and asks questions, all in one frame.
func (s *Shell) Batch(ctx context.Context, b sh.Batch) (sh.BatchResult, error) {
	// The script knows the nonce of its own marks: a command that prints all
	// variables may not end the frame.
	nonce, inner := sh.NewNonce(), sh.NewNonce()
	script, data, err := b.Render(inner)
	if err != nil {
		return sh.BatchResult{}, err
	}
	seen, rest := b.Follow(inner), b.Follow(inner)
	if b.Passed == nil {
		b.Passed = func(int, []sh.Ran) {}
	}
	out, ended, err := s.frame(ctx, frame{nonce: nonce, script: script, data: bytes.NewReader(data), size: int64(len(data)), silent: b.Silence(), asking: seen.Asking,
		follow: func(stop <-chan struct{}) { s.follow(nonce, seen, b, stop) }})
	rest.More(out.Stdout, out.Stderr, func(link int, steps []sh.Ran) {
		if link >= seen.Passed() {
			b.Passed(link, steps)
		}
	})
	if err != nil {
		return sh.BatchResult{Done: max(seen.Passed(), rest.Passed()), Ended: ended}, err
	}
	res, err := b.Parse(inner, sh.Raw{Stdout: out.Stdout, Stderr: out.Stderr, Status: out.Status})
	if errors.Is(err, sh.ErrGarbled) {
		_, _, err = s.failed(ctx, nonce, err)
	}
	return res, err
}

// follow tells of links as they pass until stop, or until the frame's bytes are
// taken.
func (s *Shell) follow(nonce string, f *sh.Follower, b sh.Batch, stop <-chan struct{}) {
	fromOut, fromErr := s.out.at(), s.err.at()
	for begin := -1; ; {
		out, more, ended, ok := s.out.now(fromOut)
		errs, moreErr, endedErr, okErr := s.err.now(fromErr)
		if !ok || !okErr {
			return
		}
		if begin < 0 {
			begin = line(nonce + " P ")(out) // the script's own output stands behind it
		}
		if begin >= 0 {
			f.More(out[begin:], errs, b.Passed)
		}
		if ended || endedErr {
			return
		}
		select {
		case <-more:
		case <-moreErr:
		case <-stop:
			return
		}
	}
}

// frame is what one frame carries.
type frame struct {
	nonce, script string
	data          io.Reader
	size          int64 // of data, in bytes
	// follow runs beside it and ends when its channel is closed; nil = nothing.
	follow func(stop <-chan struct{})
	// silent and asking are those of a watch; no silence, no watch.
	silent time.Duration
	asking func() bool
}

// frame sends one frame and waits for both of its end marks. Of a frame that was
// cancelled the output is what came, and ended says that its processes are known to
// have ended.
func (s *Shell) frame(ctx context.Context, f frame) (out host.Output, ended bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := context.Cause(ctx); err != nil {
		return host.Output{}, true, err
	}
	if f.follow != nil {
		stop, done := make(chan struct{}), make(chan struct{})
		go func() { defer close(done); f.follow(stop) }()
		defer func() { close(stop); <-done }()
	}
	nonce, data, size := f.nonce, f.data, f.size
	header, body := sh.Header(nonce, f.script, size)
	run, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if f.silent > 0 {
		w := watch{s: s, nonce: nonce, silent: s.client.silence(f.silent), asking: f.asking, stuck: cancel, used: -1}
		go w.run(run)
	}
	sent := make(chan error, 1)
	go func() {
		err := s.client.send(s.Stdin, header+body, cancel)
		if err == nil && size > 0 {
			_, err = io.CopyN(s.Stdin, data, size)
		}
		sent <- err
	}()
	if out, err = s.receive(run, nonce); err == nil {
		err = s.taken(run, sent)
	}
	if err != nil {
		return s.failed(ctx, nonce, err)
	}
	return out, true, nil
}

// taken waits until the host has taken all of a frame whose end it has told.
func (s *Shell) taken(ctx context.Context, sent <-chan error) error {
	late := time.NewTimer(s.client.Within)
	defer late.Stop()
	select {
	case err := <-sent:
		return err
	case <-late.C:
		return s.client.overdue("run a command", "it told the end of a frame that it has not taken")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Shell) receive(ctx context.Context, nonce string) (host.Output, error) {
	if _, err := s.soon(ctx, s.out, begun(nonce), "it did not begin"); err != nil {
		return host.Output{}, err
	}
	stdout, err := s.out.until(ctx, endOut(nonce))
	if err != nil {
		return host.Output{}, err
	}
	stderr, err := s.soon(ctx, s.err, endErr(nonce), "it ended on stdout, but not on stderr")
	if err != nil {
		return host.Output{}, err
	}
	return s.split(nonce, stdout, stderr)
}

// soon waits for what the reader itself prints, whatever the command does.
func (s *Shell) soon(ctx context.Context, c *collector, find func([]byte) int, what string) ([]byte, error) {
	within := s.client.Within
	ctx, cancel := context.WithTimeoutCause(ctx, within, s.client.overdue("run a command", what))
	defer cancel()
	return c.until(ctx, find)
}

// begun finds a frame's beginning, and takes nothing.
func begun(nonce string) func([]byte) int {
	key := []byte(nonce + " ")
	return func(b []byte) int {
		if bytes.Contains(b, key) {
			return 0
		}
		return -1
	}
}

// endOut finds the end of "NONCE STATUS\n", or of what stands in its place: only
// the reader knows the nonce, so that something else is a host's own invention.
func endOut(nonce string) func([]byte) int {
	from := 0
	key := []byte(nonce + " ")
	return func(b []byte) int {
		for {
			i := bytes.Index(b[from:], key)
			if i < 0 {
				from = max(from, len(b)-len(key))
				return -1
			}
			at := from + i + len(key)
			if begins := bytes.HasPrefix(b[at:], []byte("P ")); !begins && len(b) > at+1 {
				return endOfMark(b, at)
			} else if !begins {
				return -1
			}
			from = at
		}
	}
}

// longestMark is more than any status needs.
const longestMark = 16

func endOfMark(b []byte, at int) int {
	if end := bytes.IndexByte(b[at:], '\n'); end >= 0 {
		return at + end + 1
	}
	if len(b)-at > longestMark {
		return len(b)
	}
	return -1
}

// endErr finds the end of "NONCE\n".
func endErr(nonce string) func([]byte) int {
	from := 0
	key := []byte(nonce + "\n")
	return func(b []byte) int {
		if i := bytes.Index(b[from:], key); i >= 0 {
			return from + i + len(key)
		}
		from = max(from, len(b)-len(key))
		return -1
	}
}

// split takes the marks off: strays before the frame, "NONCE P PID\n", the
// output, "NONCE STATUS\n".
func (s *Shell) split(nonce string, stdout, stderr []byte) (host.Output, error) {
	begin := bytes.Index(stdout, []byte(nonce+" P "))
	if begin < 0 {
		return host.Output{}, sh.ErrGarbled
	}
	s.strays += begin
	body := stdout[begin+len(nonce)+3:]
	nl := bytes.IndexByte(body, '\n')
	if nl < 0 {
		return host.Output{}, sh.ErrGarbled
	}
	if isDigits(body[:nl]) {
		body = body[nl+1:]
	}
	last := bytes.LastIndex(body, []byte(nonce+" "))
	if last < 0 {
		return host.Output{}, sh.ErrGarbled
	}
	word, whole := strings.CutSuffix(string(body[last+len(nonce)+1:]), "\n")
	code, err := strconv.ParseUint(word, 10, 8)
	if err != nil || !whole {
		return host.Output{}, sh.ErrGarbled
	}
	status := int(code)
	out := host.Output{Stdout: body[:last], Stderr: stderr[:len(stderr)-len(nonce)-1], Status: status}
	if status > 128 && status < 128+65 {
		out.Signal = SignalName(status - 128)
	}
	return out, nil
}

func isDigits(b []byte) bool {
	_, err := strconv.Atoi(string(b))
	return err == nil
}

// failed ends a frame that did not come to its end. A cancelled one is killed
// and its rest awaited, so that the shell stays usable; else the shell is
// dropped and the reason told apart: link, death of the shell, ourselves.
func (s *Shell) failed(ctx context.Context, nonce string, err error) (out host.Output, ended bool, _ error) {
	if stuck := new(host.StuckError); ctx.Err() != nil || errors.As(err, &stuck) {
		out, ended = s.killFrame(nonce)
		if !ended {
			s.client.drop(s)
			_ = s.close()
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return out, ended, err
	}
	s.client.drop(s)
	defer s.close()
	if errors.Is(err, sh.ErrGarbled) {
		return out, false, s.client.transport("run a command", true, fmt.Errorf("%w: %w", host.ErrProtocol, err))
	}
	if !errors.Is(err, io.EOF) {
		return out, false, s.client.broken(err)
	}
	if _, werr := s.client.exited(ctx, s.opened); werr != nil {
		var te *host.TransportError
		if errors.As(werr, &te) {
			te.Begun = true
		}
		return out, false, werr
	}
	return out, false, s.client.transport("run a command", true, errors.New("the host's shell ended"))
}

// killFrame ends the running frame's process group: TERM, then KILL after a
// grace. It reports whether the frame came to its end, with what it printed.
func (s *Shell) killFrame(nonce string) (out host.Output, ended bool) {
	pid := s.framePID(nonce)
	if pid == 0 {
		return out, false
	}
	targets, ok := s.client.terminate(s.as, pid, s.groups, s.sign(pid))
	for _, hard := range []bool{false, true} {
		if !ok || hard && !s.client.kill(s.as, targets) {
			return out, false // who does not take that will not answer either
		}
		ctx, cancel := context.WithTimeout(context.Background(), killGrace)
		out, err := s.receive(ctx, nonce)
		cancel()
		if err == nil || errors.Is(err, sh.ErrGarbled) {
			s.client.sweep(s.as, targets)
			return out, err == nil
		}
	}
	return out, false
}

// sign makes a process group of a pid where there is one.
func (s *Shell) sign(pid int) int {
	if s.groups {
		return -pid
	}
	return pid
}

// framePID is the process of the running frame, 0 = it does not begin. Its number
// may still be on its way when the command has already done something.
func (s *Shell) framePID(nonce string) int {
	key := []byte(nonce + " P ")
	pid := 0
	ctx, cancel := context.WithTimeout(context.Background(), killGrace)
	defer cancel()
	_, _ = s.out.until(ctx, func(b []byte) int {
		_, rest, begun := bytes.Cut(b, key)
		text, _, whole := bytes.Cut(rest, []byte("\n"))
		if !begun || !whole {
			return -1
		}
		pid = pidOf(string(text))
		return 0
	})
	return pid
}

// terminate sends TERM through a shell of its own under the same identity: a user's
// shell cannot end root's programs. With groups it goes to the process groups of pid
// and of all that it has begun; without, and where a host does not tell them, to
// otherwise (< 0 is a group). It returns what it has signalled and reports whether the
// host took the order.
func (c *Client) terminate(as host.As, pid int, groups bool, otherwise int) (targets []string, ok bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*killGrace)
	defer cancel()
	of := ""
	if groups {
		of = strconv.Itoa(pid)
	}
	out, err := c.aside(ctx, as, sh.Script(sh.Groups+`_g=" "
[ -z "$1" ] || _groups "$1"
p=$2
[ "$_g" = " " ] || { p=; for g in $_g; do p="$p -$g"; done; }
for g in $p; do kill -TERM "$g" 2>/dev/null; echo "$g"; done`, of, strconv.Itoa(otherwise)))
	for f := range strings.FieldsSeq(string(out)) {
		if n, err := strconv.Atoi(f); err == nil && n != 0 && n != -1 {
			targets = append(targets, f)
		}
	}
	return targets, err == nil
}

// kill sends KILL; it reports whether the host took the order.
func (c *Client) kill(as host.As, targets []string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), killGrace)
	defer cancel()
	_, err := c.aside(ctx, as, sh.Script(`for g in "$@"; do kill -KILL "$g" 2>/dev/null; done`, targets...))
	return err == nil
}

// sweep ends what is left of what terminate has signalled: a program that does not
// listen to TERM.
func (c *Client) sweep(as host.As, targets []string) {
	if len(targets) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*killGrace)
	defer cancel()
	_, _ = c.aside(ctx, as, sh.Script(sweepText, targets...))
}

// sweepText waits until the processes and groups (negative) $@ are gone; a second after TERM
// it sends KILL.
const sweepText sh.Constant = `live() { for g in "$@"; do if kill -0 "$g" 2>/dev/null; then return 0; fi; done; return 1; }
if sleep 0.1 2>/dev/null; then s=0.1 n=10; else s=1 n=1; fi
i=0
while live "$@" && [ $i -lt $((2 * n + 1)) ]; do
[ $i -ne $n ] || for g in "$@"; do kill -KILL "$g" 2>/dev/null; done
sleep $s
i=$((i + 1))
done`

// end ends a command that has a channel of its own: the process groups of its shell
// and of what that has begun, and waits until they are gone. Where a host does not
// tell groups, the shell alone.
func (c *Client) end(as host.As, pid int) {
	if pid == 0 {
		return
	}
	if targets, ok := c.terminate(as, pid, true, pid); ok {
		c.sweep(as, targets)
	}
}

func (s *Shell) hasSudo(ctx context.Context) bool {
	s.sudo.once.Do(func() {
		out, err := s.Run(ctx, sh.Script("command -v sudo"))
		s.sudo.has = err == nil && out.Status == 0
	})
	return s.sudo.has
}

func (s *Shell) close() error {
	_ = s.Stdin.Close()
	return s.Close()
}

// SignalName is the usual Linux numbering.
func SignalName(n int) string {
	names := map[int]string{1: "HUP", 2: "INT", 3: "QUIT", 4: "ILL", 6: "ABRT", 7: "BUS", 8: "FPE", 9: "KILL",
		10: "USR1", 11: "SEGV", 12: "USR2", 13: "PIPE", 14: "ALRM", 15: "TERM", 24: "XCPU", 25: "XFSZ"}
	if name, ok := names[n]; ok {
		return name
	}
	return strconv.Itoa(n)
}
