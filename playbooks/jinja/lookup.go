package jinja

import (
	"errors"
	"fmt"

	"remoterun/runner/value"
)

// lookupError is a plug-in that failed: errors='ignore' takes it.
type lookupError struct {
	plugin string
	err    error
}

func (e *lookupError) Error() string { return "lookup '" + e.plugin + "': " + e.err.Error() }
func (e *lookupError) Unwrap() error { return e.err }

// lookup runs a plug-in; its answer is unsafe text, as whatever comes from
// outside the playbook is.
func (r *render) lookup(plugin string, terms []value.Value, options *value.Map) (value.Value, error) {
	e := r.eng.reg.find(lookupKind, plugin)
	if e == nil {
		return value.Value{}, fmt.Errorf("no lookup named '%s'%s", plugin, suggest(plugin, r.eng.reg.lookups))
	}
	if r.depth++; r.depth > maxEval {
		return value.Value{}, errDepth
	}
	defer func() { r.depth-- }()
	list, err := e.fn(&call{ctx: r.ctx, rt: r, name: e.name, args: terms, kw: options})
	if err != nil {
		if errors.Is(err, ErrUndefined) {
			return value.Value{}, err
		}
		return value.Value{}, &lookupError{plugin, err}
	}
	if e.trusted {
		if r.tpl != nil && r.tpl.apart {
			list = value.Copy(list)
		}
		return list, nil
	}
	m := value.Unsafe
	if e.spread == spreadAll {
		m |= r.marksOf(list, terms, options)
	}
	return list.With(m), nil
}
