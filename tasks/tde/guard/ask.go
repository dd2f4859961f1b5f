package guard

import (
	"context"
	"errors"
	"strconv"

	"remoterun/runner/host"
)

// NeedOf answers the questions that err asks for.
func NeedOf(err error) ([]host.Question, bool) {
	var n *host.ErrNeed
	if errors.As(err, &n) {
		return n.Questions, true
	}
	return nil, false
}

// Ask asks a question inside a step.
func Ask[T any](ctx context.Context, r host.Reader, f host.Fact[T]) (T, error) {
	a, err := f.Q.Ask(ctx, r)
	if err != nil {
		var zero T
		return zero, err
	}
	return f.Parse(a)
}

func Deref(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// Gather joins what several answers lack into one *host.ErrNeed.
type Gather struct {
	need  []host.Question
	first error
}

// Add notes an error and reports whether there was none.
func (g *Gather) Add(err error) bool {
	if err == nil {
		return true
	}
	if n, ok := NeedOf(err); ok {
		g.need = append(g.need, n...)
	} else if g.first == nil {
		g.first = err
	}
	return false
}

func (g *Gather) Err() error {
	if len(g.need) > 0 {
		return host.Need(g.need...)
	}
	return g.first
}

// most is the largest number that is believed of a host: sums and products of a
// few thousand of them stay within 64 bits.
const most = 1 << 48

// Number reads a host's number; what is none, or out of all proportion, is 0.
func Number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > most || n < -most {
		return 0
	}
	return n
}

// UID reads a user's number, -1 for what is none: nobody's, and not root's.
func UID(s string) int {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return -1
	}
	return int(n)
}

// Resolve runs a reading of answers inside a step: what it lacks is asked.
func Resolve[T any](ctx context.Context, r host.Reader, read func(host.Seen) (T, error)) (T, error) {
	answers := map[string]host.Answer{}
	for {
		v, err := read(host.NewSeen(answers))
		need, ok := NeedOf(err)
		if !ok {
			return v, err
		}
		for _, q := range need {
			a, err := q.Ask(ctx, r)
			if err != nil {
				return v, err
			}
			answers[q.Key()] = a
		}
	}
}
