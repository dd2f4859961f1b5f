package jinja

import (
	"context"
	"fmt"

	"remoterun/runner/value"
)

// call is one use of a filter, test, global or lookup, as its code sees it.
type call struct {
	ctx context.Context
	// rt is the rendering under way: limits, scope, calling back.
	rt *render
	// name is what the user wrote, for messages.
	name string
	// in is the piped value; Undefined reaches only entries that say so.
	in   value.Value
	args []value.Value
	kw   *value.Map // keyword arguments, nil when there are none
	// frame holds the names at the place of the call.
	frame *frame
}

// function is the code of a filter, test, global or lookup.
type function func(c *call) (value.Value, error)

// entry describes one name of the language; the table in docs is made of it.
type entry struct {
	kind    entryKind
	name    string
	aliases []string
	// sig is the signature as users read it: "combine(*dicts, recursive=False)".
	sig string
	// example is a template and shows what it gives: a test runs every one.
	example, shows string
	fn             function
	// undefined says that Undefined may come in (default, defined, mandatory).
	undefined bool
	// impure says that two calls may differ (random, now, password).
	impure bool
	// spread says whose marks the result takes.
	spread spread
	// shallow says that the function looks no deeper than at the items of its
	// input: that need not be small.
	shallow bool
	// anchors says that the result shows which lists and mappings are one.
	anchors bool
	// lax says that an argument that is not looked at may be undefined: the code
	// checks those it uses itself.
	lax bool
	// trusted is a lookup whose answer is the playbook's own text, which may be
	// a template again (vars, items).
	trusted bool
}

// spread says how marks travel through a function.
type spread uint8

const (
	// spreadAll marks the whole result with what was in the input and the
	// arguments: right for everything that makes new text or numbers.
	spreadAll spread = iota
	// spreadNone leaves it to the function: its result holds the input's own
	// values, which have their marks (combine, map, sort), or it marks itself.
	spreadNone
)

// param names one parameter of a signature for bind: "name" is required,
// "name=" is optional.
type param string

// bind sorts positional and keyword arguments into the order of params, as
// Python does: too many, unknown or missing ones are errors. What was not given
// is Undefined.
func (c *call) bind(params ...param) ([]value.Value, error) {
	out := make([]value.Value, len(params))
	for i := range out {
		out[i] = value.Undefined(params[i].name())
	}
	if len(c.args) > len(params) {
		return nil, fmt.Errorf("%s() takes at most %d arguments (%d given)", c.name, len(params), len(c.args))
	}
	copy(out, c.args)
	for k, v := range c.kw.All() {
		name, _ := k.AsString()
		i := indexParam(params, name)
		switch {
		case i < 0:
			return nil, fmt.Errorf("%s() got an unexpected keyword argument '%s'", c.name, name)
		case i < len(c.args):
			return nil, fmt.Errorf("%s() got multiple values for argument '%s'", c.name, name)
		}
		out[i] = v
	}
	for i, p := range params {
		if !p.optional() && out[i].IsUndefined() && i >= len(c.args) {
			return nil, fmt.Errorf("%s() missing required argument: '%s'", c.name, p.name())
		}
	}
	return out, nil
}

func (p param) optional() bool { return len(p) > 0 && p[len(p)-1] == '=' }

func (p param) name() string {
	if p.optional() {
		return string(p[:len(p)-1])
	}
	return string(p)
}

func indexParam(params []param, name string) int {
	for i, p := range params {
		if p.name() == name {
			return i
		}
	}
	return -1
}
