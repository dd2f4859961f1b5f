package core

import (
	"context"
	"errors"
	"runtime/metrics"
	"weak"

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

// weight is how much a list or mapping holds, counted with what it holds more
// than once. It is kept with the container, so that a loop which builds a large
// one does not look through it at each turn.
type weight struct {
	n, depth int
	len      int // of the container when it was weighed
	age      int // of render.age
	flat     bool
	held     bool // another container holds this one
}

// weightKey is the storage by which a container is known; it does not keep the
// container in memory.
func weightKey(v value.Value) (key any, length int) {
	if s, ok := v.AsSeq(); ok {
		return weak.Make(s), len(s.Items)
	}
	m, _ := v.AsMap()
	return weak.Make(m), m.Len()
}

// maxWeights bounds how many weights are kept: beyond it, all are forgotten.
const maxWeights = 50_000

func (r *render) keep(key any, w *weight) {
	if r.weights == nil || len(r.weights) > maxWeights {
		r.weights = map[any]*weight{}
	}
	r.weights[key] = w
}

// known returns a weight that still holds: nothing inside has changed since.
func (r *render) known(v value.Value) *weight {
	key, length := weightKey(v)
	if w := r.weights[key]; w != nil && w.len == length && (w.flat || w.age == r.age) {
		return w
	}
	return nil
}

// weighed returns a container's weight; what has to be looked at counts as steps.
func (r *render) weighed(v value.Value, depth int) (*weight, error) {
	if w := r.known(v); w != nil {
		return w, nil
	}
	key, length := weightKey(v)
	w := &weight{n: 1, len: length, age: r.age, flat: true}
	if old := r.weights[key]; old != nil {
		w.held = old.held
	}
	if depth > maxEval {
		return nil, errWeight
	}
	if err := r.work(length / 8); err != nil {
		return nil, err
	}
	each := func(it value.Value) error { return r.add(w, it, depth) }
	for _, it := range v.Items() {
		if err := each(it); err != nil {
			return nil, err
		}
	}
	if m, ok := v.AsMap(); ok {
		for _, it := range m.All() {
			if err := each(it); err != nil {
				return nil, err
			}
		}
	}
	r.keep(key, w)
	return w, nil
}

// add counts one more item of a container.
func (r *render) add(w *weight, it value.Value, depth int) error {
	if w.n++; isContainer(it) {
		inner, err := r.weighed(it, depth+1)
		if err != nil {
			return err
		}
		inner.held, w.flat = true, false
		w.n += inner.n - 1
		w.depth = max(w.depth, inner.depth+1)
	}
	if w.n > maxWeight || w.depth > maxEval {
		return errWeight
	}
	return nil
}

// joined keeps the weight of a list that was made of two.
func (r *render) joined(sum, a, b value.Value) error {
	x, err := r.weighed(a, 0)
	if err != nil {
		return err
	}
	y, err := r.weighed(b, 0)
	if err != nil {
		return err
	}
	w := &weight{n: x.n + y.n - 1, depth: max(x.depth, y.depth), len: len(sum.Items()), age: r.age, flat: x.flat && y.flat}
	if w.n > maxWeight {
		return errWeight
	}
	key, _ := weightKey(sum)
	r.keep(key, w)
	return nil
}

// changed notes that items were put into a container: its weight grows by them,
// and those of containers around it are not known any more.
func (r *render) changed(container value.Value, before int, items ...value.Value) error {
	key, length := weightKey(container)
	w := r.weights[key]
	if w == nil {
		return nil
	}
	stale := w.len != before || !w.flat && w.age != r.age
	if w.held {
		r.age++
	}
	if stale {
		w.len = -1 // counted anew when it is asked for
		return nil
	}
	w.len, w.age = length, r.age // what changed is around it, not in it
	for _, it := range items {
		if err := r.add(w, it, 0); err != nil {
			return err
		}
	}
	return nil
}

// replaced forgets a container's weight: an item of it is another one now.
func (r *render) replaced(container value.Value) error {
	key, _ := weightKey(container)
	if w := r.weights[key]; w != nil {
		if w.held {
			r.age++
		}
		w.len = -1
	}
	return r.step()
}
