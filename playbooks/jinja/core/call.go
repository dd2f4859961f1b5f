package core

import (
	"context"

	"remoterun/playbooks/jinja/parse"
	"remoterun/runner/value"
)

// Call is one use of a filter, test, global or lookup, as its code sees it.
type Call struct {
	// Ops are the operations on values, counted against the rendering's limits.
	*Ops
	// Ctx ends with the rendering.
	Ctx context.Context
	// rt is the rendering under way: scope, calling back.
	rt statements
	// Name is what the user wrote, for messages.
	Name string
	// In is the piped value; Undefined reaches only entries that say so.
	In value.Value
	// Args are the positional arguments.
	Args []value.Value
	// Kw are the keyword arguments, nil when there are none.
	Kw *value.Map
	// frame holds the names at the place of the call.
	frame *frame
}

// Function is the code of a filter, test, global or lookup.
type Function func(c *Call) (value.Value, error)

// Entry describes one name of the language; the table in docs is made of it.
type Entry struct {
	Kind parse.Kind
	// Name is the name without a collection.
	Name string
	// Aliases are more names for the same.
	Aliases []string
	// From are the collections that have the name, when it is not one of the
	// language's own (ansible.builtin).
	From []string
	// Sig is the signature as users read it: "combine(*dicts, recursive=False)".
	Sig string
	// Example is a template and shows what it gives: a test runs every one.
	Example, Shows string
	// Func is the code.
	Func Function
	// Own are functions that are called on a global itself: dict.fromkeys.
	Own map[string]Function
	// Undefined says that Undefined may come in (default, defined, mandatory).
	Undefined bool
	// Impure says that two calls may differ (random, now, password).
	Impure bool
	// Spread says whose marks the result takes.
	Spread Spread
	// Loop says what a lookup makes of a mapping that a with_ loop gives it in
	// the place of its list of terms.
	Loop MappingTerms
	// Shallow says that the function looks no deeper than at the items of its
	// input: that need not be small.
	Shallow bool
	// Anchors says that the result shows which lists and mappings are one.
	Anchors bool
	// Lax says that an argument that is not looked at may be undefined: the code
	// checks those it uses itself.
	Lax bool
	// trusted is a lookup whose result is the playbook's own text, which may be
	// a template again (vars, items).
	trusted bool
}

// Spread says how marks travel through a function.
type Spread uint8

const (
	// SpreadAll marks the whole result with what was in the input and the
	// arguments: right for everything that makes new text or numbers.
	SpreadAll Spread = iota
	// SpreadNone leaves it to the function: its result holds the input's own
	// values, which have their marks (combine, map, sort), or it marks itself.
	SpreadNone
)
