package host

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"remoterun/runner/sh"
	"remoterun/runner/value"
)

// Answer is what a question gave: a probe's stdout and status, or any text
// that another kind of question made of its answer.
type Answer struct {
	Stdout []byte
	Status int
}

// Question is something to know about a host. Key is equal exactly when the
// question is the same under the same identity.
type Question interface {
	Key() string
	Ask(ctx context.Context, r Reader) (Answer, error)
}

// Probe is a question for the host's shell: constant text that writes nothing,
// with quoted arguments and perhaps data on stdin. Its answer is its stdout
// and its exit status; stderr is dropped.
type Probe struct {
	text  string
	args  []string
	stdin string
	wide  bool
	plain bool
	// patient is asked without a limit.
	patient bool
	// shared is what it can ask together with others.
	shared *sh.Shared
}

// NewProbe returns a probe; args are $1, $2 … of text.
func NewProbe(text sh.Constant, args ...string) Probe {
	return Probe{text: string(text), args: args}
}

// WithStdin returns the probe with data on its stdin.
func (p Probe) WithStdin(data string) Probe { p.stdin = data; return p }

// Wide returns the probe marked as asking about network, clock or processes:
// it is asked at its task's turn only, never ahead.
func (p Probe) Wide() Probe { p.wide = true; return p }

// IsWide reports whether the probe is asked at its turn only.
func (p Probe) IsWide() bool { return p.wide }

// Plain returns the probe marked as one whose answer can never hold a NUL byte:
// a guard may compare it in the shell.
func (p Probe) Plain() Probe { p.plain = true; return p }

// IsPlain reports whether the answer can never hold a NUL byte.
func (p Probe) IsPlain() bool { return p.plain }

// Silence is how long a question may neither print nor work before it ends: what it
// asks (a daemon, a file server) does not answer.
const Silence = 2 * time.Minute

// Patient returns the probe without that limit: what it asks is the user's own text,
// which may wait as long as it likes.
func (p Probe) Patient() Probe { p.patient = true; return p }

// Together returns the probe with what one program can find out for many of its
// kind (sh.Shared).
func (p Probe) Together(text sh.Constant, args ...string) Probe {
	p.shared = &sh.Shared{Text: text, Args: args}
	return p
}

// Key identifies the probe.
func (p Probe) Key() string {
	return KeyOf("sh", append([]string{p.text, p.stdin}, p.args...)...)
}

// Cmd is the probe as a command.
func (p Probe) Cmd() sh.Cmd {
	c := sh.Cmd{Text: p.text, Args: p.args, Shared: p.shared, Silent: Silence}
	if p.patient {
		c.Silent = 0
	}
	if p.stdin != "" {
		c.Stdin = sh.Bytes(p.stdin)
	}
	return c
}

// Ask sends the probe.
func (p Probe) Ask(ctx context.Context, r Reader) (Answer, error) { return r.Probe(ctx, p) }

// Fact is a question with the way to read its answer.
type Fact[T any] struct {
	Q     Question
	Parse func(Answer) (T, error)
}

// ErrNeed is a plan's way of saying that it lacks answers: the engine asks the
// questions and plans again.
type ErrNeed struct{ Questions []Question }

func (e *ErrNeed) Error() string {
	return value.Count(len(e.Questions), "answer of the host is", "answers of the host are") + " needed first"
}

// Need returns an *ErrNeed for the questions.
func Need(qs ...Question) error { return &ErrNeed{Questions: qs} }

// Seen is what is known of a host when a task is planned, and a record of
// which answers the plan read.
type Seen struct {
	answers map[string]Answer
	read    map[string]Question
	env     []sh.Var
}

// NewSeen wraps answers by key. The map is not copied and not changed.
func NewSeen(answers map[string]Answer) Seen {
	return Seen{answers: answers, read: map[string]Question{}}
}

// In returns s for a task with an environment: (environment:), which the host itself
// does not have.
func (s Seen) In(env []sh.Var) Seen {
	s.env = env
	return s
}

// Var returns a variable of the task's own environment; the last of a name holds.
func (s Seen) Var(name string) (string, bool) {
	for _, v := range slices.Backward(s.env) {
		if v.Name == name {
			return v.Value, true
		}
	}
	return "", false
}

// Answer returns the answer of q and notes that it was read.
func (s Seen) Answer(q Question) (Answer, error) {
	s.read[q.Key()] = q
	a, ok := s.answers[q.Key()]
	if !ok {
		return Answer{}, Need(q)
	}
	return a, nil
}

// Rests returns the questions that were read, ordered by key.
func (s Seen) Rests() []Question {
	keys := make([]string, 0, len(s.read))
	for k := range s.read {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	out := make([]Question, len(keys))
	for i, k := range keys {
		out[i] = s.read[k]
	}
	return out
}

// Get reads a fact; the error is an *ErrNeed when it is not known yet.
func Get[T any](s Seen, f Fact[T]) (T, error) {
	var zero T
	a, err := s.Answer(f.Q)
	if err != nil {
		return zero, err
	}
	return f.Parse(a)
}

// All asks for several questions at once: nil when all are known, else one
// *ErrNeed that names every missing one, so that a plan costs one round trip.
func All(s Seen, qs ...Question) error {
	var missing []Question
	for _, q := range qs {
		var need *ErrNeed
		if _, err := s.Answer(q); errors.As(err, &need) {
			missing = append(missing, q)
		}
	}
	if missing != nil {
		return Need(missing...)
	}
	return nil
}

// Digest is the SHA-256 of answers as the host computes it again before a
// guarded step: for each in order its stdout, then "\nSTATUS\n" in decimal.
func Digest(answers []Answer) [32]byte { return sha256.Sum256(Canonical(answers)) }

// Canonical is what Digest is taken of.
func Canonical(answers []Answer) []byte {
	var b []byte
	for _, a := range answers {
		b = fmt.Appendf(append(b, a.Stdout...), "\n%d\n", a.Status)
	}
	return b
}

// KeyOf makes a Question key from parts that can hold any byte.
func KeyOf(kind string, parts ...string) string {
	var b strings.Builder
	b.WriteString(kind)
	for _, p := range parts {
		var n [4]byte
		binary.LittleEndian.PutUint32(n[:], uint32(len(p)))
		b.Write(n[:])
		b.WriteString(p)
	}
	return b.String()
}
