package yaml

import (
	"fmt"

	"remoterun/runner/value"
)

// anchors names the lists and mappings that stand in several places, in the
// order in which the second place of each comes, as PyYAML does.
type anchors struct {
	names map[any]string // by identity; "" = met once
	given int
	// written are those whose content stands already.
	written map[any]bool
}

// identity is what two values share when they are one list or mapping, nil for
// everything else.
func identity(v value.Value) any {
	if s, ok := v.AsSeq(); ok && (len(s.Items) > 0 || v.Kind() == value.KindList) {
		return s
	}
	if m, ok := v.AsMap(); ok {
		return m
	}
	return nil
}

// find walks v in the order of writing; keys gives that of a mapping.
func (a *anchors) find(v value.Value, keys func(*value.Map) []value.Value) {
	id := identity(v)
	if id == nil {
		return
	}
	if name, met := a.names[id]; met {
		if name == "" {
			a.given++
			a.names[id] = fmt.Sprintf("id%03d", a.given)
		}
		return
	}
	a.names[id] = ""
	if m, ok := v.AsMap(); ok {
		for _, k := range keys(m) {
			it, _ := m.Get(k)
			a.find(it, keys)
		}
		return
	}
	for _, it := range v.Items() {
		a.find(it, keys)
	}
}

// mark is what stands in front of v: "&NAME" the first time, then "*NAME"
// instead of it; "" for what stands in one place only.
func (a *anchors) mark(v value.Value) string {
	if a.names == nil {
		return ""
	}
	id := identity(v)
	name := a.names[id]
	switch {
	case id == nil || name == "":
		return ""
	case a.written[id]:
		return "*" + name
	case a.written == nil:
		a.written = map[any]bool{}
	}
	a.written[id] = true
	return "&" + name
}
