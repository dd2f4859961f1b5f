package jinja

import (
	"errors"
	"fmt"
	"sync"

	"remoterun/playbooks/jinja/jmes"
	"remoterun/runner/value"
)

// queries keeps parsed queries; safe for many goroutines.
type queries struct {
	mu   sync.Mutex
	seen map[string]*jmes.Query
}

// jmesEntries is json_query.
func jmesEntries() []entry {
	qs := &queries{}
	return strictAll([]entry{{name: "json_query", sig: "json_query(expr)", example: "{{ [{'n': 1}, {'n': 2}] | community.general.json_query('[*].n') }}", shows: "[1, 2]", fn: qs.filter, undefined: true, spread: spreadNone}})
}

func (qs *queries) parse(s string) (*jmes.Query, error) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	if q, ok := qs.seen[s]; ok {
		return q, nil
	}
	q, err := jmes.Parse(s)
	if err != nil {
		return nil, err
	}
	if len(qs.seen) > 2000 || qs.seen == nil {
		qs.seen = map[string]*jmes.Query{}
	}
	qs.seen[s] = q
	return q, nil
}

func (qs *queries) filter(c *call) (value.Value, error) {
	a, err := c.bind("expr")
	if err != nil {
		return value.Value{}, err
	}
	s, err := wantText(a[0], "a query")
	if err != nil {
		return value.Value{}, fmt.Errorf("Error in jmespath.search in json_query filter plugin: %w", err)
	}
	q, err := qs.parse(s)
	if err == nil {
		var v value.Value
		if v, err = q.Search(asked{c}, c.in); err == nil {
			return v.With(a[0].Marks()), nil
		}
	}
	if errors.Is(err, ErrUndefined) {
		return value.Value{}, err
	}
	return value.Value{}, fmt.Errorf("JMESPathError in json_query filter plugin: %w", err)
}

// asked is what a query asks of a rendering.
type asked struct{ c *call }

// Step counts what was looked at.
func (a asked) Step(n int) error { return a.c.work(n) }

// Defined is an error for what is undefined.
func (asked) Defined(v value.Value) error { return defined(v) }
