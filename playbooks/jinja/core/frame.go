package core

import "remoterun/runner/value"

// frame is one level of names; a nil frame has none. Most hold one or two, so
// they are searched one by one until there are many.
type frame struct {
	names  []binding
	index  map[string]int // of names, once there are many
	parent *frame
	// alone is the top of a file that was imported or included without context:
	// the scope's variables are not seen in it.
	alone bool
	few   [2]binding // the first storage of names
}

type binding struct {
	id string
	v  value.Value
}

// manyNames is where a frame gets an index.
const manyNames = 12

func (f *frame) push() *frame { return &frame{parent: f} }

// find returns the place of a name of this very frame, -1 when it has none.
func (f *frame) find(id string) int {
	if f.index != nil {
		if i, ok := f.index[id]; ok {
			return i
		}
		return -1
	}
	for i := range f.names {
		if f.names[i].id == id {
			return i
		}
	}
	return -1
}

// set gives a name of this frame its value.
func (f *frame) set(id string, v value.Value) {
	if i := f.find(id); i >= 0 {
		f.names[i].v = v
		return
	}
	if f.names == nil {
		f.names = f.few[:0]
	}
	f.names = append(f.names, binding{id, v})
	switch n := len(f.names); {
	case f.index != nil:
		f.index[id] = n - 1
	case n > manyNames:
		f.index = make(map[string]int, 2*n)
		for i := range f.names {
			f.index[f.names[i].id] = i
		}
	}
}

// lookup finds a name; alone says that the scope is not to be asked.
func (f *frame) lookup(id string) (v value.Value, ok, alone bool) {
	for ; f != nil; f = f.parent {
		if i := f.find(id); i >= 0 {
			return f.names[i].v, true, false
		}
		alone = f.alone
	}
	return value.Value{}, false, alone
}

// top is the outermost frame.
func (f *frame) top() *frame {
	for f != nil && f.parent != nil {
		f = f.parent
	}
	return f
}
