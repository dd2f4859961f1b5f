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
	// bytesPerStep is how much text is copied in the time of a step.
	bytesPerStep = 256
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

// budget is what one rendering may use, and what it has used.
type budget struct {
	ctx                 context.Context
	maxSteps, maxOutput int
	steps, depth        int
	// copied are bytes that have not made a step yet.
	copied int
	// fresh, base and based are what made looks at.
	fresh int
	base  uint64
	based bool
}

// Enter goes one level deeper; Leave comes back, when Enter gave no error.
func (bu *budget) Enter() error {
	if bu.depth++; bu.depth > maxEval {
		bu.depth--
		return errDepth
	}
	return nil
}

// Leave comes back from where Enter went.
func (bu *budget) Leave() { bu.depth-- }

// Deeper refuses to look further than depth levels into data.
func (bu *budget) Deeper(depth int) error {
	if depth > maxEval {
		return errDepth
	}
	return nil
}

// Step counts one step of work and stops what never ends.
func (bu *budget) Step() error {
	if bu.steps++; bu.steps > bu.maxSteps {
		return errSteps
	}
	if bu.steps&0x3ff == 0 && bu.ctx.Err() != nil {
		return context.Cause(bu.ctx)
	}
	return nil
}

// Work counts n items that one operation handles or makes as steps.
func (bu *budget) Work(n int) error {
	if bu.steps += n; bu.steps > bu.maxSteps {
		return errSteps
	}
	if n > 0x3ff && bu.ctx.Err() != nil {
		return context.Cause(bu.ctx)
	}
	return bu.made(n * valueBytes)
}

// Grown counts bytes of text that were made, kept or not: one text may not be
// larger than all output may be, and copying is work.
func (bu *budget) Grown(n int) error {
	if err := bu.Fits(n); err != nil {
		return err
	}
	bu.copied += n
	if err := bu.Work(bu.copied / bytesPerStep); err != nil {
		return err
	}
	bu.copied %= bytesPerStep
	return bu.made(n)
}

// Copying counts n items of a list that were copied: that is quick, but takes
// memory.
func (bu *budget) Copying(n int) error {
	if err := bu.Work(n / 32); err != nil {
		return err
	}
	return bu.made(n * valueBytes)
}

// Fits refuses text of n bytes that is larger than all output may be.
func (bu *budget) Fits(n int) error {
	if n > bu.maxOutput {
		return errOutput
	}
	return nil
}

// made counts bytes that were taken from memory. Most are given back soon, so
// that now and then it is looked at how much is in use.
func (bu *budget) made(bytes int) error {
	if bu.fresh += bytes; bu.fresh < lookAfter {
		return nil
	}
	bu.fresh = 0
	live := liveBytes()
	if !bu.based {
		bu.base, bu.based = live, true
	}
	if live > bu.base+maxMemory {
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

// weights are those of the lists and mappings of a rendering, see weight; age
// counts changes of such that others hold.
type weights struct {
	budget
	of  map[any]*weight
	age int
}

// weigh refuses values that hold too much to be looked through.
func (wt *weights) weigh(v value.Value) error {
	if !isContainer(v) {
		return nil
	}
	_, err := wt.weighed(v, 0)
	return err
}

func (wt *weights) weighAll(vs []value.Value) error {
	for _, v := range vs {
		if err := wt.weigh(v); err != nil {
			return err
		}
	}
	return nil
}

// Whole refuses what holds something undefined, or too much to be looked through.
func (wt *weights) Whole(v value.Value) error {
	if !isContainer(v) {
		return Defined(v)
	}
	w, err := wt.weighed(v, 0)
	if err != nil || !w.missing {
		return err
	}
	return DeepDefined(v)
}

// looked returns a value's marks with those of all that it holds; lazy = it holds
// mappings that are worked out when asked for.
func (wt *weights) looked(v value.Value) (m value.Marks, lazy bool) {
	if isContainer(v) {
		if w, err := wt.weighed(v, 0); err == nil && !w.lazy {
			return v.Marks() | w.marks, false
		}
	}
	return value.DeepMarks(v), hasObject(v)
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
	age      int // of weights.age
	flat     bool
	held     bool // another container holds this one
	missing  bool // it holds something undefined
	lazy     bool // it holds what is worked out when asked, or changes unseen
	marks    value.Marks
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

func (wt *weights) keep(key any, w *weight) {
	if wt.of == nil || len(wt.of) > maxWeights {
		wt.of = map[any]*weight{}
	}
	wt.of[key] = w
}

// known returns a weight that still holds: nothing inside has changed since.
func (wt *weights) known(v value.Value) *weight {
	key, length := weightKey(v)
	if w := wt.of[key]; w != nil && w.len == length && (w.flat || w.age == wt.age) {
		return w
	}
	return nil
}

// weighed returns a container's weight; what has to be looked at counts as steps.
func (wt *weights) weighed(v value.Value, depth int) (*weight, error) {
	if w := wt.known(v); w != nil {
		return w, nil
	}
	key, length := weightKey(v)
	w := &weight{n: 1, len: length, age: wt.age, flat: true}
	if old := wt.of[key]; old != nil {
		w.held = old.held
	}
	if depth > maxEval {
		return nil, errWeight
	}
	if err := wt.Work(length / 8); err != nil {
		return nil, err
	}
	each := func(it value.Value) error { return wt.add(w, it, depth) }
	for _, it := range v.Items() {
		if err := each(it); err != nil {
			return nil, err
		}
	}
	if m, ok := v.AsMap(); ok {
		for k, it := range m.All() {
			w.mark(k)
			if err := each(it); err != nil {
				return nil, err
			}
		}
	}
	wt.keep(key, w)
	return w, nil
}

// add counts one more item of a container.
func (wt *weights) add(w *weight, it value.Value, depth int) error {
	w.mark(it)
	if w.n++; isContainer(it) {
		inner, err := wt.weighed(it, depth+1)
		if err != nil {
			return err
		}
		inner.held, w.flat = true, false
		w.take(inner)
		w.n += inner.n - 1
		w.depth = max(w.depth, inner.depth+1)
	}
	if w.n > maxWeight || w.depth > maxEval {
		return errWeight
	}
	return nil
}

// joined keeps the weight of a list or mapping that was made of two.
func (wt *weights) joined(sum, a, b value.Value) error {
	x, err := wt.weighed(a, 0)
	if err != nil {
		return err
	}
	y, err := wt.weighed(b, 0)
	if err != nil {
		return err
	}
	w := &weight{n: x.n + y.n - 1, depth: max(x.depth, y.depth), age: wt.age, flat: x.flat && y.flat}
	w.take(x)
	w.take(y)
	if w.n > maxWeight {
		return errWeight
	}
	key, length := weightKey(sum)
	w.len = length
	wt.keep(key, w)
	return nil
}

// changed notes that items were taken out of a container and others put in: its
// weight changes by them, and those of containers around it are not known any
// more. before is how many items it had.
func (wt *weights) changed(container value.Value, before int, gone, items []value.Value, keys ...value.Value) error {
	key, length := weightKey(container)
	w := wt.of[key]
	if w == nil {
		return nil
	}
	stale := w.len != before || !w.flat && w.age != wt.age
	if w.held {
		wt.age++
	}
	if stale {
		w.len = -1 // counted anew when it is asked for
		return nil
	}
	w.len, w.age = length, wt.age // what changed is around it, not in it
	if err := wt.takeOff(w, gone); err != nil {
		return err
	}
	for _, k := range keys {
		w.mark(k)
	}
	for _, it := range items {
		if err := wt.add(w, it, 0); err != nil {
			return err
		}
	}
	return nil
}

// mark notes what an item, or a key, is by itself.
func (w *weight) mark(it value.Value) {
	w.marks |= it.Marks()
	switch it.Kind() {
	case value.KindUndefined:
		w.missing = true
	case value.KindObject, value.KindOpaque:
		w.lazy = true
	case value.KindTuple: // a key: as an item it is weighed
		w.marks |= value.DeepMarks(it)
	}
}

// take notes what another container holds.
func (w *weight) take(o *weight) {
	w.missing, w.lazy, w.marks = w.missing || o.missing, w.lazy || o.lazy, w.marks|o.marks
}

// takeOff takes the weight of items off. One whose marks may have gone with them
// is counted anew.
func (wt *weights) takeOff(w *weight, gone []value.Value) error {
	for _, it := range gone {
		if w.missing || w.lazy || w.marks != 0 {
			w.len = -1
			return nil
		}
		n := 1
		if isContainer(it) {
			inner, err := wt.weighed(it, 0)
			if err != nil {
				return err
			}
			n = inner.n
		}
		w.n -= n
	}
	return nil
}
