package main

import (
	"context"

	"remoterun/playbooks/jinja"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// expressions is the expression language behind the engine's face.
type expressions struct{ *jinja.Engine }

var _ play.Expr = expressions{}

func (x expressions) Inspect(v value.Value, bare bool) (play.Uses, error) {
	u, err := x.Engine.Inspect(v, bare)
	return play.Uses(u), err
}

func (x expressions) Render(ctx context.Context, v value.Value, s play.Scope) (value.Value, error) {
	return x.Engine.Render(ctx, v, s)
}

func (x expressions) Test(ctx context.Context, cond value.Value, s play.Scope) (bool, error) {
	return x.Engine.Test(ctx, cond, s)
}

func (x expressions) File(ctx context.Context, name, text string, s play.Scope) (value.Value, error) {
	return x.Engine.File(ctx, name, text, s)
}

func (x expressions) Lookup(ctx context.Context, plugin string, terms value.Value, s play.Scope) (value.Value, error) {
	return x.Engine.Lookup(ctx, plugin, terms, s)
}
