package core

import (
	"errors"
	"fmt"

	"remoterun/playbooks/jinja/parse"
	"remoterun/runner/value"
)

// LookupError is a plug-in that failed: errors='ignore' takes it.
type LookupError struct {
	plugin string
	Err    error
}

func (e *LookupError) Error() string { return e.Prefix() + e.Err.Error() }

// Prefix is what the error's text adds to the plug-in's own words.
func (e *LookupError) Prefix() string { return "lookup '" + e.plugin + "': " }

// Unwrap returns the plug-in's own error.
func (e *LookupError) Unwrap() error { return e.Err }

// lookup runs a plug-in; its result is unsafe text, as whatever comes from
// outside the playbook is.
func (ev evaluator) lookup(plugin string, terms []value.Value, options *value.Map) (value.Value, error) {
	e := ev.eng.reg.find(parse.LookupKind, plugin)
	if e == nil {
		return value.Value{}, fmt.Errorf("no lookup named '%s'%s", plugin, suggest(plugin, ev.eng.reg.lookups))
	}
	if err := ev.Enter(); err != nil {
		return value.Value{}, err
	}
	defer ev.Leave()
	list, err := e.Func(&Call{Ctx: ev.ctx, Ops: &ev.Ops, rt: statements{ev}, Name: e.Name, Args: terms, Kw: options})
	if err != nil {
		if errors.Is(err, ErrUndefined) {
			return value.Value{}, err
		}
		return value.Value{}, &LookupError{plugin, err}
	}
	if e.trusted {
		if ev.tpl != nil && ev.tpl.Apart {
			list = value.Copy(list)
		}
		return list, nil
	}
	m := value.Unsafe
	if e.Spread == SpreadAll {
		m |= ev.marksOf(list, terms, options)
	}
	return list.With(m), nil
}
