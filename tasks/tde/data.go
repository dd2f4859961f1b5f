package tde

import (
	"errors"

	"remoterun/runner/host"
	"remoterun/runner/value"
)

// pair is one entry of a result.
type pair struct {
	name string
	v    value.Value
}

// dataOf is a result's data in order. Text from a host is marked unsafe by its
// maker (hostText).
func dataOf(pairs ...pair) *value.Map {
	m := value.NewMap()
	for _, p := range pairs {
		m.Put(p.name, p.v)
	}
	return m
}

func textPair(name, s string) pair      { return pair{name, value.String(s)} }
func boolPair(name string, b bool) pair { return pair{name, value.Bool(b)} }
func intPair(name string, n int64) pair { return pair{name, value.Int(n)} }
func hostPair(name, s string) pair      { return pair{name, hostText(s)} }
func listPair(name string, l ...string) pair {
	items := make([]value.Value, len(l))
	for i, s := range l {
		items[i] = hostText(s)
	}
	return pair{name, value.List(items...)}
}

// hostText is text that came from a host: it is never read as a template.
func hostText(s string) value.Value { return value.MarkedString(s, value.Unsafe) }

// needOf answers the questions that err asks for.
func needOf(err error) ([]host.Question, bool) {
	var n *host.ErrNeed
	if errors.As(err, &n) {
		return n.Questions, true
	}
	return nil, false
}
