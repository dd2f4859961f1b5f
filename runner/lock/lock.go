// Package lock holds a project's lock on a host: one operator at a time, with a
// heartbeat. A holder process on the host keeps the lock while beats arrive and
// ends itself 60 s after the last one, so that a laptop that vanished without a
// word frees it; before that it ends the work that still runs. Commands run
// under the lock check first that it is still theirs.
package lock

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// Times of the protocol. Expiry is how long the holder waits for a beat.
const (
	Beat   = 10 * time.Second
	Expiry = 60 * time.Second
	// grace is how long giving the lock back may take.
	grace = 10 * time.Second
	// within is how long taking the lock may take: a holder asks four times, and
	// ends another one's work in 20 s at most.
	within = 90 * time.Second
)

// Options tune a lock; zero values are the protocol's own.
type Options struct {
	// Who is shown to others: user@laptop.
	Who string
	// TakeOver ends another operator's holder and work first.
	TakeOver bool
	// Join names the detached job that may be at work meanwhile: the one that this
	// run begins or attaches to. Another one at work is another holder.
	Join string
	// Beat, Expiry and Within, how long taking it may take, are shortened by tests.
	Beat, Expiry, Within time.Duration
	// Dir replaces the lock's folder (tests).
	Dir string
}

// HeldError is a lock that somebody else has.
type HeldError struct {
	Host, Name string
	Who, Since string
	Doing      string
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s: the project %s is held by %s since %s (%s); wait until that has ended, or take it with --take-over", e.Host, e.Name, e.Who, e.Since, e.Doing)
}

// Held marks the error for callers that know only its meaning.
func (e *HeldError) Held() bool { return true }

// ErrLost is a lock that this run no longer has.
var ErrLost = errors.New("the lock of this project is lost: another operator took it, or the host heard nothing of us for 60 s; nothing more was done. Run the same command again")

// Held is a lock that this run has.
type Held struct {
	Lock  sh.Lock
	as    host.As
	at    place
	beats *beats
	done  chan struct{}
	err   error // set when done is closed
	// again takes the same lock under another identity.
	again func(ctx context.Context, as host.As) (*Held, error)

	mu   sync.Mutex
	subs []*Held // the same lock under other identities
}

// place is where an identity keeps a lock.
type place struct {
	uid int
	dir string
	// jobs is the folder of the detached jobs that have the lock's meaning.
	jobs string
	pub  string // root's folder for the work of others, empty for other users
}

// Take takes the lock name under an identity; "sync with move" is the lock sync
// beside its detached job move (Options.Join). Errors: *HeldError, or those of the
// connection.
func Take(ctx context.Context, c host.Conn, as host.As, hostName, name, doing string, opt Options) (*Held, error) {
	if opt.Beat == 0 {
		opt.Beat = Beat
	}
	if opt.Expiry == 0 {
		opt.Expiry = Expiry
	}
	if opt.Within == 0 {
		opt.Within = within
	}
	if lock, join, ok := strings.Cut(name, joins); ok {
		name, opt.Join = lock, join
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	at, err := find(ctx, c, as, hostName, name, opt)
	if err != nil {
		return nil, err
	}
	h := &Held{as: as, at: at, Lock: sh.Lock{Dir: at.dir, Token: token()}, beats: newBeats(opt.Beat), done: make(chan struct{})}
	h.again = func(ctx context.Context, other host.As) (*Held, error) {
		return Take(ctx, c, other, hostName, name, doing, opt)
	}
	takeOver := "no"
	if opt.TakeOver {
		takeOver = "yes"
	}
	cmd := sh.Script(holder, at.dir, h.Lock.Token, fmt.Sprint(int(opt.Expiry/time.Second)), takeOver, oneLine(opt.Who), time.Now().UTC().Format(time.RFC3339), oneLine(doing), opt.Join, at.pub, at.jobs).With(h.beats)
	cmd.Gated = true
	var out host.Output
	go func() {
		// The holder outlives the call: its end is Release or a lost link.
		out, h.err = c.Exec(context.WithoutCancel(ctx), as, cmd)
		close(h.done)
	}()
	select {
	case <-h.beats.opened:
		return h, nil
	case <-h.done:
		h.beats.stop()
		return nil, refusal(hostName, name, out, h.err)
	case <-time.After(opt.Within):
		h.beats.leave()
		return nil, broken(hostName, name, fmt.Sprintf("its lock's holder has said nothing for %s", opt.Within))
	case <-ctx.Done():
		h.beats.stop()
		return nil, context.Cause(ctx)
	}
}

// joins stands between a lock's name and the job's that is joined.
const joins = " with "

// lockName is what a lock may be called: it is a folder's name on the host.
var lockName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}$`) })

func checkName(name string) error {
	if !lockName().MatchString(name) {
		return fmt.Errorf("lock %q: letters, digits, ., - and _ are possible, up to 63, the first no . and no -", name)
	}
	return nil
}

// stateDir is root's folder for what is ours on a host, runDir that of its locks: in
// RAM, where a full or broken disk keeps nobody from taking a key out of memory.
const (
	stateDir = "/var/lib/remoterun"
	runDir   = "/run/remoterun.locks"
)

// findText tells an identity's user id, its folder for the lock $1 and, for root,
// where a folder is that every user can reach. Where root has no /run it is a folder of
// the disk. A user without a home has the lock in /tmp, if the folder there is its own.
const findText sh.Constant = `u=$(id -u) || exit
echo "$u"
if [ "$u" = 0 ]; then
if [ -d /run ] && [ -w /run ]; then echo "` + runDir + `/$1"; else echo "` + stateDir + `/$1/lock"; fi
if [ -d /run ] && [ -w /run ]; then echo /run/remoterun-lock; else echo /tmp/remoterun-lock; fi
exit
fi
d=${XDG_STATE_HOME:-$HOME/.local/state}/remoterun/$1/lock
if ! (umask 077; mkdir -p "$d") 2>/dev/null || [ ! -w "$d" ]; then
t=${TMPDIR:-/tmp}/.remoterun-lock-$u
(umask 077; mkdir "$t") 2>/dev/null
[ ! -h "$t" ] && [ -d "$t" ] && [ -O "$t" ] || { echo "there is no folder for the lock: neither $d nor $t can be written" >&2; exit 1; }
d=$t/$1
fi
echo "$d"`

// find asks an identity where it keeps the lock.
func find(ctx context.Context, c host.Conn, as host.As, hostName, name string, opt Options) (place, error) {
	s, err := c.Shell(ctx, as)
	if err != nil {
		return place{}, err
	}
	out, err := s.Run(ctx, sh.Script(findText, name))
	if err == nil {
		err = out.Err("find the lock's folder")
	}
	if err != nil {
		return place{}, err
	}
	p, err := placeOf(string(out.Stdout))
	if err != nil {
		return p, &host.TransportError{Host: hostName, During: "find the lock's folder", Err: err}
	}
	if opt.Dir != "" {
		p = p.moved(opt.Dir)
	}
	if p.jobs = path.Join(path.Dir(p.dir), "jobs"); path.Dir(p.dir) == runDir {
		p.jobs = path.Join(stateDir, name, "jobs")
	}
	if p.pub != "" {
		p.pub += "." + token()
	}
	return p, nil
}

// placeOf reads what findText prints.
func placeOf(text string) (place, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	bad := fmt.Errorf("%w: it answers %.80q where its user id and folders are due", host.ErrProtocol, text)
	uid, err := strconv.ParseUint(lines[0], 10, 32)
	want := 2
	if err == nil && uid == 0 {
		want = 3
	}
	if err != nil || len(lines) != want || strings.ContainsRune(text, 0) || slices.ContainsFunc(lines[1:], func(l string) bool { return !path.IsAbs(l) }) {
		return place{}, bad
	}
	p := place{uid: int(uid), dir: lines[1]}
	if uid == 0 {
		p.pub = lines[2]
	}
	return p, nil
}

// moved puts a lock elsewhere (tests).
func (p place) moved(dir string) place {
	if p.dir = dir; p.uid != 0 {
		p.dir += "-" + strconv.Itoa(p.uid)
	} else {
		p.pub = path.Join(path.Dir(dir), "remoterun-lock")
	}
	return p
}

func refusal(hostName, name string, out host.Output, err error) error {
	if err != nil {
		return err
	}
	if out.Status == held {
		e := whoHolds(string(out.Stdout))
		e.Host, e.Name = hostName, name
		return e
	}
	if out.Status == 0 {
		return broken(hostName, name, "its lock's holder ended without having the lock")
	}
	return fmt.Errorf("%s: taking the lock of the project %s: %w", hostName, name, out.Err("the lock's holder"))
}

// broken is a host that does not keep to the lock's protocol.
func broken(hostName, name, what string) error {
	return &host.TransportError{Host: hostName, During: "take the lock of the project " + name, Err: fmt.Errorf("%w: %s", host.ErrProtocol, what)}
}

// Lost is closed when the lock is gone.
func (h *Held) Lost() <-chan struct{} { return h.done }

// gone is nil while the lock is held, here and under its other identities, then
// ErrLost; where its link went, what became of that: a host that cannot be
// reached has not been taken over.
func (h *Held) gone() error {
	select {
	case <-h.done:
		if te := new(host.TransportError); errors.As(h.err, &te) && !errors.Is(h.err, host.ErrProtocol) {
			return &host.TransportError{Host: te.Host, During: "keep the lock of the project", Err: te.Err}
		}
		return ErrLost
	default:
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, sub := range h.subs {
		if err := sub.gone(); err != nil {
			return err
		}
	}
	return nil
}

// add keeps the same lock under another identity, which goes when this one goes:
// its holder ends the work then.
func (h *Held) add(sub *Held) {
	h.mu.Lock()
	h.subs = append(h.subs, sub)
	h.mu.Unlock()
	go func() {
		select {
		case <-h.done:
			sub.beats.leave()
		case <-sub.done:
		}
	}()
}

// Release gives the lock back and waits until the host has done so.
func (h *Held) Release() error {
	h.mu.Lock()
	subs := h.subs
	h.subs = nil
	h.mu.Unlock()
	var errs []error
	for _, sub := range subs {
		errs = append(errs, sub.Release())
	}
	return errors.Join(append(errs, h.release())...)
}

func (h *Held) release() error {
	h.beats.stop()
	select {
	case <-h.done:
		return h.err
	case <-time.After(grace):
		return errors.New("the host did not confirm that the lock is free; it will be within 60 s")
	}
}

func token() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s)
}

// beats is the holder's stdin: one byte per beat, "q" to end.
type beats struct {
	every  time.Duration
	opened chan struct{}
	once   sync.Once
	quit   chan byte // what to say last; closed = nothing
	end    sync.Once
}

func newBeats(every time.Duration) *beats {
	return &beats{every: every, opened: make(chan struct{}), quit: make(chan byte, 1)}
}

// Size is not known.
func (b *beats) Size() int64 { return -1 }

// Open is called when the holder asks for its stdin: the lock is ours.
func (b *beats) Open() (io.ReadCloser, error) {
	b.once.Do(func() { close(b.opened) })
	return &beat{b: b}, nil
}

func (b *beats) stop() { b.end.Do(func() { b.quit <- 'q' }) }

// leave ends the beats without a word, as a laptop does that vanishes.
func (b *beats) leave() { b.end.Do(func() { close(b.quit) }) }

type beat struct {
	b     *beats
	ended bool
}

// Read gives one beat after the other.
func (r *beat) Read(p []byte) (int, error) {
	if r.ended || len(p) == 0 {
		return 0, io.EOF
	}
	select {
	case <-time.After(r.b.every):
		p[0] = 'b'
	case last, ok := <-r.b.quit:
		if r.ended = true; !ok {
			return 0, io.EOF
		}
		p[0] = last
	}
	return 1, nil
}

// Close does nothing: the stream ends by itself.
func (r *beat) Close() error { return nil }
