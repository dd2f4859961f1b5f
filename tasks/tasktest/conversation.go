package tasktest

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// Said is one command that a host was given, and what came of it.
type Said struct {
	// Text is a number for the command's text, Args are its arguments.
	Text string
	Args []string
	// Out, Err and Status are its end.
	Out, Err []byte
	Status   int
}

// maxSaid is how much of one output is kept, in bytes.
const maxSaid = 256 << 10

func textOf(c sh.Cmd) string {
	h := fnv.New64a()
	_, _ = io.WriteString(h, c.Text)
	return fmt.Sprintf("%x", h.Sum64())
}

// Recorder is a connection to a real host that writes down what is said over it.
type Recorder struct {
	host.Conn
	mu   sync.Mutex
	said []Said
}

// Shell returns a shell of which all is written down.
func (r *Recorder) Shell(ctx context.Context, as host.As) (host.Shell, error) {
	s, err := r.Conn.Shell(ctx, as)
	return recordedShell{s, r}, err
}

// Exec runs a command and writes it down.
func (r *Recorder) Exec(ctx context.Context, as host.As, c sh.Cmd) (host.Output, error) {
	var seen strings.Builder
	if c.Stdout != nil {
		c.Stdout = io.MultiWriter(c.Stdout, &limited{&seen, maxSaid})
	}
	out, err := r.Conn.Exec(ctx, as, c)
	kept := out
	if c.Stdout != nil {
		kept.Stdout = []byte(seen.String())
	}
	r.note(c, kept, err)
	return out, err
}

// Note puts words in front of what is said next, for whoever replays it.
func (r *Recorder) Note(words ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, Said{Args: words})
}

func (r *Recorder) note(c sh.Cmd, o host.Output, err error) {
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, Said{Text: textOf(c), Args: c.Args, Out: o.Stdout[:min(len(o.Stdout), maxSaid)], Err: o.Stderr, Status: o.Status})
}

type recordedShell struct {
	host.Shell
	r *Recorder
}

func (s recordedShell) Run(ctx context.Context, c sh.Cmd) (host.Output, error) {
	out, err := s.Shell.Run(ctx, c)
	s.r.note(c, out, err)
	return out, err
}

type limited struct {
	to   *strings.Builder
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.to.Write(p[:n])
	l.left -= n
	return len(p), nil
}

// Save writes what was said to a file, compressed JSON.
func (r *Recorder) Save(file string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(f)
	return errors.Join(json.NewEncoder(z).Encode(r.said), z.Close(), f.Close())
}

// Heard reads what a Recorder saved.
func Heard(file string) ([]Said, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var out []Said
	return out, json.NewDecoder(z).Decode(&out)
}

// errSilent ends a replay that is asked what was never said.
var errSilent = &host.TransportError{Host: "test", During: "replay", Err: errors.New("nothing more was said")}

// Replay is a host that says what was recorded, to each command what came of the same
// text, in order; one of its answers may be a lie. Names that were drawn at random
// stand in the arguments: where an answer repeats one, it is the new one.
type Replay struct {
	all   []Said
	mu    sync.Mutex
	used  map[int]bool
	again map[string]int
	n     int // answers given
	next  int // where a text that nobody knows would stand
	at    int
	lie   lie
	size  int // of the lie, in bytes
	keys  []string
}

// NewReplay returns a host that tells the truth.
func NewReplay(all []Said) *Replay {
	return &Replay{all: all, used: map[int]bool{}, again: map[string]int{}, at: -1}
}

// maxAgain is how often a text gets its last answer again before the link is lost: who
// waits for what never comes waits for ever, as with a host that is at work.
const maxAgain = 30

// find looks for what was said to this text: with the same arguments, or as many, or
// at all. A text that was changed since stands where the old one stood.
func (r *Replay) find(c sh.Cmd) (Said, bool) {
	text, last, best, score := textOf(c), -1, -1, 0
	for i, s := range r.all {
		if s.Text != text {
			continue
		}
		last = i
		fits := 1
		switch {
		case r.used[i]:
			fits = 0
		case slices.Equal(s.Args, c.Args):
			fits = 3
		case len(s.Args) == len(c.Args):
			fits = 2
		}
		if fits > score {
			best, score = i, fits
		}
	}
	if last < 0 {
		for best = r.next; best < len(r.all) && r.used[best]; best++ {
		}
		if best == len(r.all) {
			return Said{}, false
		}
	}
	if best >= 0 {
		r.used[best], r.next = true, best+1
		return r.all[best], true
	}
	if r.again[text] >= maxAgain {
		return Said{}, false
	}
	r.again[text]++
	return r.all[last], true
}

// run answers one command.
func (r *Replay) run(ctx context.Context, c sh.Cmd) (host.Output, error) {
	if err := context.Cause(ctx); err != nil {
		return host.Output{}, err
	}
	if c.Stdin != nil {
		in, err := c.Stdin.Open()
		if err != nil {
			return host.Output{}, err
		}
		_, err = io.Copy(io.Discard, in)
		if err = errors.Join(err, in.Close()); err != nil {
			return host.Output{}, err
		}
	}
	r.mu.Lock()
	s, ok := r.find(c)
	lies := ok && r.n == r.at
	if ok {
		r.n++
		r.keys = append(r.keys, s.Text)
	}
	r.mu.Unlock()
	if !ok {
		return host.Output{}, errSilent
	}
	out := string(s.Out)
	for i, a := range s.Args {
		if i < len(c.Args) && len(a) >= 8 && a != c.Args[i] {
			out = strings.ReplaceAll(out, a, c.Args[i])
		}
	}
	if lies {
		out = r.lie.of(out)
		s.Err = []byte(r.lie.of(string(s.Err)))
		r.size = max(len(out), len(s.Err))
	}
	o := host.Output{Stdout: []byte(out), Stderr: s.Err, Status: s.Status}
	if c.Stdout != nil {
		_, err := c.Stdout.Write(o.Stdout)
		o.Stdout = nil
		return o, err
	}
	return o, nil
}

// Shell returns the host's only shell.
func (r *Replay) Shell(context.Context, host.As) (host.Shell, error) { return replayShell{r}, nil }

// Exec answers a command.
func (r *Replay) Exec(ctx context.Context, _ host.As, c sh.Cmd) (host.Output, error) {
	return r.run(ctx, c)
}

// Files reports that there is no sftp.
func (r *Replay) Files(context.Context) (host.Files, error) { return nil, errSilent }

// Dial reports that nothing can be reached.
func (r *Replay) Dial(context.Context, string, string) (net.Conn, error) { return nil, errSilent }

// Close does nothing.
func (r *Replay) Close() error { return nil }

type replayShell struct{ r *Replay }

func (s replayShell) Run(ctx context.Context, c sh.Cmd) (host.Output, error) { return s.r.run(ctx, c) }

func (s replayShell) Batch(context.Context, sh.Batch) (sh.BatchResult, error) {
	return sh.BatchResult{}, errSilent
}

// lieStride leaves most lies out, always the same ones, unless REMOTERUN_LIES=all: a
// whole conversation is played for each. It and the number of lies have no common
// divisor, so that every lie comes up, and every third text or so is lied to once.
const lieStride = 31

// LiesIn plays a recorded conversation on hosts that lie: each lie once for each
// text. play goes through the whole work with the host; what it returns does not
// matter, but that it ends, without a panic, within bounded memory and some seconds
// of the processor. Told the truth, play must return no error.
func LiesIn(t *testing.T, all []Said, play func(t *testing.T, c host.Conn) error) {
	t.Helper()
	honest := NewReplay(all)
	if err := lied(t, honest, play); err != nil {
		t.Fatalf("told the truth, after %d of %d answers: %v", honest.n, len(all), err)
	}
	asked := map[string]bool{}
	n, told := 0, 0
	for i, text := range honest.keys {
		if asked[text] {
			continue
		}
		asked[text] = true
		for _, l := range lies() {
			if n++; os.Getenv("REMOTERUN_LIES") != "all" && n%lieStride != 0 {
				continue
			}
			told++
			r := NewReplay(all)
			r.at, r.lie = i, l
			if err := lied(t, r, play); err != nil {
				t.Errorf("%s in place of answer %d (to %q): %v", l.name, i+1, text, err)
			}
		}
	}
	t.Logf("%d answers, %d lies", honest.n, told)
}

// lied plays once, in a time of its own: nobody waits for a clock. What play returns
// counts only where the truth was told.
func lied(t *testing.T, r *Replay, play func(t *testing.T, c host.Conn) error) error {
	return bounded(fmt.Sprintf("%s in place of answer %d", r.lie.name, r.at+1), func() int { return r.size }, func() (err error) {
		synctest.Test(t, func(t *testing.T) {
			defer func() {
				if p := recover(); p != nil {
					err = panicked(p)
				}
			}()
			if e := play(t, r); r.at < 0 {
				err = e
			}
		})
		return err
	})
}
