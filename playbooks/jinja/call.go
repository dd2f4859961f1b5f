package jinja

import (
	"context"

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
	kind    Kind
	name    string
	aliases []string
	// sig is the signature as users read it: "combine(*dicts, recursive=False)".
	sig string
	// example is a template and shows what it gives: a test runs every one.
	example, shows string
	fn             function
	// own are functions that are called on a global itself: dict.fromkeys.
	own map[string]function
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
