package play

import "context"

// Mask is what stands for a secret.
const Mask = "********"

type maskedKey struct{}

// WithMasked has a template file's text told a second time, with Mask on every
// line of what a secret value gave.
func WithMasked(ctx context.Context, tell func(text string)) context.Context {
	return context.WithValue(ctx, maskedKey{}, tell)
}

// MaskedTo is who wants it; nil = nobody.
func MaskedTo(ctx context.Context) func(text string) {
	tell, _ := ctx.Value(maskedKey{}).(func(string))
	return tell
}
