package core

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"remoterun/playbooks/jinja/parse"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// An Engine is the expression language of plays.
var _ play.Expr = (*Engine)(nil)

func (e *Engine) start(ctx context.Context, s play.Scope) *render {
	r := &render{eng: e, scope: s}
	r.laptop, _ = s.(play.Foreign)
	r.ctx, r.maxSteps, r.maxOutput = ctx, e.opt.MaxSteps, e.opt.MaxOutput
	return r
}

// Begin starts a rendering and returns a call in it that belongs to no template:
// for tests of names.
func (e *Engine) Begin(ctx context.Context, s play.Scope) *Call {
	r := e.start(ctx, s)
	return &Call{Ops: &r.Ops, Ctx: ctx, rt: statements{evaluator{r}}}
}

// Render renders every template in v, deep; see play.Expr.
func (e *Engine) Render(ctx context.Context, v value.Value, s play.Scope) (value.Value, error) {
	if !needsRender(v) {
		return v, nil
	}
	r := e.start(ctx, s)
	v, err := r.deep(v)
	if err == nil && v.Kind() == value.KindObject && value.TypeName(v) == "dict" {
		v, err = r.opened(v)
	}
	return v, r.told(err)
}

// Test evaluates a condition; see play.Expr.
func (e *Engine) Test(ctx context.Context, c value.Value, s play.Scope) (bool, error) {
	r := e.start(ctx, s)
	ok, err := r.condition(c)
	return ok, r.told(err)
}

// Eval evaluates a bare expression.
func (e *Engine) Eval(ctx context.Context, v value.Value, s play.Scope) (value.Value, error) {
	text, _ := v.AsString()
	t, err := e.load(text, bareSyntax(), v.Origin())
	if err != nil {
		return value.Value{}, err
	}
	r := e.start(ctx, s)
	v, err = r.inTemplate(t, v.Origin(), func() (value.Value, error) { return evaluator{r}.eval(t.Single, nil) })
	return v, r.told(err)
}

// File renders the text of a template file: backslashes are escapes, trailing
// newlines are kept, a "#jinja2:" first line sets white space and delimiters,
// as do the options of play.WithTemplateOptions.
func (e *Engine) File(ctx context.Context, name, text string, s play.Scope) (value.Value, error) {
	o := &value.Origin{Pos: value.Pos{File: name, Line: 1, Col: 1}}
	r := e.start(ctx, s)
	v, err := r.text(text, e.fileSyntax(), o, asText)
	return v, r.told(err)
}

// Both renders a template as text and returns its native value beside it, for
// eval. file says that it is read as a template file is: "#jinja2:" header,
// backslashes as escapes; else as a task's argument.
func (e *Engine) Both(ctx context.Context, name, text string, file bool, s play.Scope) (rendered, native value.Value, textErr, nativeErr error) {
	syn, o := e.argSyntax(), &value.Origin{Pos: value.Pos{File: name, Line: 1, Col: 1}}
	if file {
		syn = e.fileSyntax()
	}
	if !file && !Templated(text) {
		v := value.String(text)
		return v, v, nil, nil
	}
	r := e.start(ctx, s)
	rendered, textErr = r.text(text, syn, o, asText)
	r = e.start(ctx, s)
	native, nativeErr = r.text(text, syn, o, asValue)
	return rendered, native, r.told(textErr), r.told(nativeErr)
}

// Lookup runs a lookup plug-in; see play.Expr.
func (e *Engine) Lookup(ctx context.Context, plugin string, terms value.Value, s play.Scope) (value.Value, error) {
	r := e.start(ctx, s)
	terms, err := r.deep(terms)
	if err != nil {
		return value.Value{}, err
	}
	args, err := r.loopTerms(plugin, terms)
	if err != nil {
		return value.Value{}, err
	}
	v, err := evaluator{r}.lookup(plugin, args, nil)
	return v, r.told(err)
}

// MappingTerms is what a lookup makes of a mapping in the place of its terms:
// only a with_ loop can say that, a call has a list of arguments always.
type MappingTerms int

const (
	// MappingIsTerm: the mapping is the only term.
	MappingIsTerm MappingTerms = iota
	// MappingIsKeys: its keys are the terms, as where Python iterates over it.
	MappingIsKeys
	// MappingIsWrong: the loop wants a list.
	MappingIsWrong
)

// loopTerms are the terms of a with_ loop as arguments of its lookup.
func (r *render) loopTerms(plugin string, terms value.Value) ([]value.Value, error) {
	if terms.Kind() == value.KindList {
		return terms.Items(), nil
	}
	e := r.eng.reg.find(parse.LookupKind, plugin)
	if e == nil || e.Loop == MappingIsTerm || !MappingLike(terms) {
		return []value.Value{terms}, nil
	}
	if e.Loop == MappingIsWrong {
		return nil, fmt.Errorf("with_%s expects a list", plugin)
	}
	return r.Iterate(terms)
}

// told adds to an error about an undefined name the one that was perhaps
// meant.
func (r *render) told(err error) error {
	var u *undefinedError
	if errors.As(err, &u) && u.name != "" && u.near == "" && r.scope != nil {
		// Functions are not proposed: who wants a variable's value means none of
		// them. Nor is the name itself, which the scope may list and not have yet.
		known := slices.DeleteFunc(r.scope.Names(), func(n string) bool {
			_, fn := r.eng.reg.globals[n]
			return fn || n == u.name
		})
		u.near = Suggest(u.name, known)
	}
	return err
}
