package core

import (
	"context"
	"errors"
	"runtime/metrics"

	"remoterun/runner/value"
)

// What a rendering may use. Options set steps and output; the rest is fixed.
const (
	defaultSteps  = 20_000_000
	defaultOutput = 64 << 20
	// maxEval bounds evaluation's recursion (macros, nested variables).
	maxEval = 2000
	// MaxRange bounds the items that range() or one repetition makes.
	MaxRange = 1_000_000
	// MaxRepeat bounds what one multiplication of text makes, in bytes.
	MaxRepeat = 16 << 20
	// maxWeight bounds how much one value may hold, counted with what it holds
	// more than once: a list of a list twice, of that twice, … is small in
	// memory and without end to look through.
	maxWeight = 2_000_000
	// maxMemory bounds the memory that one rendering keeps, in bytes.
	maxMemory = 256 << 20
	// lookAfter is after how many bytes made it is looked at.
	lookAfter = 16 << 20
	// valueBytes is about what one item of a list takes.
	valueBytes = 48
)

var (
	errSteps  = errors.New("the template takes too many steps")
	errOutput = errors.New("the template's output is too large")
	errDepth  = errors.New("the template nests too deeply")
	ErrRepeat = errors.New("the repetition is too large")
	errWeight = errors.New("the value holds too much")
	errMemory = errors.New("the template takes more than 256 MB of memory")
	errCycle  = errors.New("a list or mapping cannot hold itself")
)

// enter counts one level of nesting; who leaves it takes one off depth.
func (r *render) enter() error {
	if r.depth++; r.depth > maxEval {
		r.depth--
		return errDepth
	}
	return nil
}

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
	return r.made(n * valueBytes)
}

// grown counts bytes of text that were made, kept or not.
func (r *render) grown(n int) error {
	if r.size += n; r.size > r.eng.opt.MaxOutput {
		return errOutput
	}
	return r.made(n)
}

// copying counts n items of a list that were copied: that is quick, but takes
// memory.
func (r *render) copying(n int) error {
	if err := r.work(n / 32); err != nil {
		return err
	}
	return r.made(n * valueBytes)
}

// made counts bytes that were taken from memory. Most are given back soon, so
// that now and then it is looked at how much is in use.
func (r *render) made(bytes int) error {
	if r.fresh += bytes; r.fresh < lookAfter {
		return nil
	}
	r.fresh = 0
	live := liveBytes()
	if !r.based {
		r.base, r.based = live, true
	}
	if live > r.base+maxMemory {
		return errMemory
	}
	return nil
}

// liveBytes is what the last collection of garbage found in use.
func liveBytes() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return s[0].Value.Uint64()
}

// weigh refuses values that hold too much to be looked through.
func (r *render) weigh(v value.Value) error {
	if !isContainer(v) {
		return nil
	}
	_, err := r.weighed(v, 0)
	return err
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
