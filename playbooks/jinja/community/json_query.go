package community

import (
	"errors"
	"fmt"
	"sync"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/jmes"
	"remoterun/runner/value"
)

// queries keeps parsed queries; safe for many goroutines.
type queries struct {
	mu   sync.Mutex
	seen map[string]*jmes.Query
}

// jmesEntries is json_query.
func jmesEntries() []core.Entry {
	qs := &queries{}
	return core.StrictAll([]core.Entry{{Name: "json_query", Sig: "json_query(expr)", Example: "{{ [{'n': 1}, {'n': 2}] | community.general.json_query('[*].n') }}", Shows: "[1, 2]", Func: qs.filter, Undefined: true, Spread: core.SpreadNone}})
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

func (qs *queries) filter(c *core.Call) (value.Value, error) {
	a, err := c.Bind("expr")
	if err != nil {
		return value.Value{}, err
	}
	s, err := core.WantText(a[0], "a query")
	if err != nil {
		return value.Value{}, fmt.Errorf("Error in jmespath.search in json_query filter plugin: %w", err)
	}
	q, err := qs.parse(s)
	if err == nil {
		var v value.Value
		if v, err = q.Search(asked{c}, c.In); err == nil {
			return v.With(a[0].Marks()), nil
		}
	}
	if errors.Is(err, core.ErrUndefined) {
		return value.Value{}, err
	}
	return value.Value{}, fmt.Errorf("JMESPathError in json_query filter plugin: %w", err)
}

// asked is what a query asks of a rendering.
type asked struct{ c *core.Call }

// Step counts what was looked at.
func (a asked) Step(n int) error { return a.c.Work(n) }

// Defined is an error for what is undefined.
func (asked) Defined(v value.Value) error { return core.Defined(v) }
