package core

import (
	"weak"

	"remoterun/runner/value"
)

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

// known answers a weight that still holds: nothing inside has changed since.
func (r *render) known(v value.Value) *weight {
	key, length := weightKey(v)
	if w := r.weights[key]; w != nil && w.len == length && (w.flat || w.age == r.age) {
		return w
	}
	return nil
}

// weighed answers a container's weight; what has to be looked at counts as steps.
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
