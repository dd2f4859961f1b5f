package jinja

import (
	"context"
	"errors"

	"remoterun/runner/value"
)

// What a rendering may use. Options set steps and output; the rest is fixed.
const (
	defaultSteps  = 20_000_000
	defaultOutput = 64 << 20
	// maxEval bounds evaluation's recursion (macros, nested variables).
	maxEval = 2000
	// maxRange bounds the items that range() or one repetition makes.
	maxRange = 5_000_000
	// maxRepeat bounds what one multiplication of text makes, in bytes.
	maxRepeat = 16 << 20
	// maxWeight bounds how much one value may hold, counted with what it holds
	// more than once: a list of a list twice, of that twice, … is small in
	// memory and without end to look through.
	maxWeight = 5_000_000
)

var (
	errSteps  = errors.New("the template takes too many steps")
	errOutput = errors.New("the template's output is too large")
	errDepth  = errors.New("the template nests too deeply")
	errRepeat = errors.New("the repetition is too large")
	errWeight = errors.New("the value holds too much")
	errCycle  = errors.New("a list or mapping cannot hold itself")
)

// step counts work and stops what never ends.
func (r *render) step() error {
	if r.steps++; r.steps > r.eng.opt.MaxSteps {
		return errSteps
	}
	if r.steps&0x3ff == 0 && r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	return nil
}

// work counts n items that one operation handles or makes as steps.
func (r *render) work(n int) error {
	if r.steps += n; r.steps > r.eng.opt.MaxSteps {
		return errSteps
	}
	if n > 0x3ff && r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	return nil
}

// grown counts bytes of text that were made, kept or not.
func (r *render) grown(n int) error {
	if r.size += n; r.size > r.eng.opt.MaxOutput {
		return errOutput
	}
	return nil
}

// weigh refuses values that hold too much to be looked through.
func (r *render) weigh(v value.Value) error {
	if !isContainer(v) {
		return nil
	}
	left := maxWeight
	if !weigh(v, &left, 0) {
		return errWeight
	}
	return r.work((maxWeight - left) / 8)
}

func (r *render) weighAll(vs []value.Value) error {
	for _, v := range vs {
		if err := r.weigh(v); err != nil {
			return err
		}
	}
	return nil
}

func isContainer(v value.Value) bool {
	switch v.Kind() {
	case value.KindList, value.KindTuple, value.KindMap:
		return true
	}
	return false
}

// weigh counts down left by what v holds; false = it holds too much or nests
// too deeply.
func weigh(v value.Value, left *int, depth int) bool {
	if *left--; *left < 0 || depth > maxEval {
		return false
	}
	switch v.Kind() {
	case value.KindList, value.KindTuple:
		for _, it := range v.Items() {
			if !isContainer(it) {
				*left--
			} else if !weigh(it, left, depth+1) {
				return false
			}
		}
	case value.KindMap:
		m, _ := v.AsMap()
		for _, it := range m.All() {
			if !isContainer(it) {
				*left--
			} else if !weigh(it, left, depth+1) {
				return false
			}
		}
	}
	return *left >= 0
}

// apart refuses to put into a container something that holds it: nothing could
// be shown or compared that way.
func (r *render) apart(container value.Value, items ...value.Value) error {
	for _, it := range items {
		if err := r.weigh(it); err != nil {
			return err
		}
		if holds(it, container) {
			return errCycle
		}
	}
	return nil
}

// holds reports whether v is the container or has it somewhere inside.
func holds(v, container value.Value) bool {
	switch v.Kind() {
	case value.KindList, value.KindTuple:
		s, _ := v.AsSeq()
		if t, ok := container.AsSeq(); ok && s == t {
			return true
		}
		for _, it := range s.Items {
			if isContainer(it) && holds(it, container) {
				return true
			}
		}
	case value.KindMap:
		m, _ := v.AsMap()
		if n, ok := container.AsMap(); ok && m == n {
			return true
		}
		for _, it := range m.All() {
			if isContainer(it) && holds(it, container) {
				return true
			}
		}
	}
	return false
}
