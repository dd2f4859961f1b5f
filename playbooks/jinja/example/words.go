// Package example holds the filters that docs/extending.md builds.
package example

import (
	"fmt"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// wordEntries are filters over words.
func wordEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "initials", Sig: "initials", Example: "{{ 'web server' | initials }}", Shows: "ws", Func: core.NoArguments(filterInitials)},
		{Name: "every", Sig: "every(n, start=0)", Example: "{{ ['a', 'b', 'c'] | every(2) }}", Shows: "['a', 'c']", Func: filterEvery, Spread: core.SpreadNone},
	})
}

func filterInitials(c *core.Call) (value.Value, error) {
	s, err := c.Text(c.In)
	if err != nil {
		return value.Value{}, err
	}
	out := ""
	for _, w := range strings.Fields(s) {
		out += string([]rune(w)[0])
	}
	return core.Text(out)
}

func filterEvery(c *core.Call) (value.Value, error) {
	a, err := c.Bind("n", "start=")
	if err != nil {
		return value.Value{}, err
	}
	n, err := c.Integer(a[0], 1)
	if err != nil {
		return value.Value{}, err
	}
	start, err := c.Integer(a[1], 0)
	if err != nil {
		return value.Value{}, err
	}
	if n < 1 || start < 0 {
		return value.Value{}, fmt.Errorf("every(%d, %d): n is at least 1 and start at least 0", n, start)
	}
	items, err := c.Iterate(c.In)
	if err != nil {
		return value.Value{}, err
	}
	var out []value.Value
	for i := start; i < len(items); i += n {
		out = append(out, items[i])
	}
	return value.List(out...), nil
}
