package core

import (
	"errors"

	"remoterun/playbooks/jinja/lex"
	"remoterun/playbooks/jinja/parse"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// render is one rendering under way: the variables and the texts in it. What reads
// expressions (evaluator) and statements stands above it.
type render struct {
	Ops
	eng   *Engine
	scope play.Scope
	// laptop knows which files are a host's text; nil = nobody does.
	laptop play.Foreign
	// memo holds variables that were rendered already.
	memo map[string]value.Value
	// stack names the variables being resolved.
	stack []string
	// texts counts the texts being rendered, each for the one around it.
	texts  int
	origin *value.Origin
	tpl    *parse.Template
	mode   mode
	// copies are the variables that a changing template works on.
	copies map[string]value.Value
	// layout is what {% extends %} and {% block %} build up.
	layout *layout
}

// at gives an error its place, once.
func (r *render) at(p lex.Place, err error) error {
	var e *Error
	if err == nil || errors.As(err, &e) && e.Pos.Line > 0 {
		return err
	}
	// A variable's text that stands in no file (-e, a fact) is found by who uses
	// it.
	if r.origin == nil && r.texts > 1 {
		return err
	}
	if r.tpl != nil {
		p.Line += r.tpl.Skipped
	}
	at := r.origin.At(p.Line, p.Col)
	if e != nil {
		placed := *e
		placed.Pos = at
		return &placed
	}
	return &Error{Pos: at, Err: err}
}

// inTemplate runs f with another template as the one that positions mean.
func (r *render) inTemplate(t *parse.Template, o *value.Origin, f func() (value.Value, error)) (value.Value, error) {
	oldT, oldO := r.tpl, r.origin
	r.tpl, r.origin = t, o
	defer func() { r.tpl, r.origin = oldT, oldO }()
	return f()
}

// mode says what a template is rendered to.
type mode uint8

const (
	// asText is the text that a template file gives.
	asText mode = iota
	// asValue keeps a single expression's value; other text that is a list, a
	// dict or a boolean as Python writes them becomes that.
	asValue
)

// layout is what {% extends %} and {% block %} build up over a chain of files.
type layout struct {
	// blocks holds each name's bodies, the innermost child's first.
	blocks   map[string][]*layer
	extended bool
	parent   *parse.Template
	origin   *value.Origin
}

type layer struct {
	stmt   *parse.BlockStmt
	tpl    *parse.Template
	origin *value.Origin
}

func (l *layout) add(t *parse.Template, o *value.Origin) {
	for name, s := range t.Blocks {
		l.blocks[name] = append(l.blocks[name], &layer{s, t, o})
	}
}
