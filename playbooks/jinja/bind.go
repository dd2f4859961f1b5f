package jinja

import (
	"fmt"
	"slices"

	"remoterun/runner/value"
)

// param names one parameter of a signature for bind: "name" is required,
// "name=" is optional.
type param string

// bind sorts positional and keyword arguments into the order of params, as
// Python does: too many, unknown or missing ones are errors. What was not given
// is Undefined.
func (c *call) bind(params ...param) ([]value.Value, error) {
	out := make([]value.Value, len(params))
	for i := range out {
		out[i] = value.Undefined(params[i].name())
	}
	if len(c.args) > len(params) {
		return nil, fmt.Errorf("%s() takes at most %d arguments (%d given)", c.name, len(params), len(c.args))
	}
	copy(out, c.args)
	for k, v := range c.kw.All() {
		name, _ := k.AsString()
		i := indexParam(params, name)
		switch {
		case i < 0:
			return nil, fmt.Errorf("%s() got an unexpected keyword argument '%s'", c.name, name)
		case i < len(c.args):
			return nil, fmt.Errorf("%s() got multiple values for argument '%s'", c.name, name)
		}
		out[i] = v
	}
	for i, p := range params {
		if !p.optional() && out[i].IsUndefined() && i >= len(c.args) {
			return nil, fmt.Errorf("%s() missing required argument: '%s'", c.name, p.name())
		}
	}
	return out, nil
}

func (p param) optional() bool { return len(p) > 0 && p[len(p)-1] == '=' }

func (p param) name() string {
	if p.optional() {
		return string(p[:len(p)-1])
	}
	return string(p)
}

func indexParam(params []param, name string) int {
	for i, p := range params {
		if p.name() == name {
			return i
		}
	}
	return -1
}

// allDefined is the error for the first undefined one of the arguments that
// were given.
func (c *call) allDefined(params []param, a []value.Value, names ...string) error {
	for i, p := range params {
		if wasGiven := i < len(c.args) || c.given(p.name()); !wasGiven || !slices.Contains(names, p.name()) {
			continue
		}
		if err := defined(a[i]); err != nil {
			return err
		}
	}
	return nil
}

// given reports whether a keyword argument was written.
func (c *call) given(name string) bool {
	_, ok := c.kw.Lookup(name)
	return ok
}

// none refuses arguments.
func (c *call) none() error {
	_, err := c.bind()
	return err
}

// option answers a keyword argument of a plug-in and refuses unknown ones.
func (c *call) options(known ...string) (map[string]value.Value, error) {
	out := map[string]value.Value{}
	for k, v := range c.kw.All() {
		name, _ := k.AsString()
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("unknown option '%s'%s", name, suggestName(name, slices.Clone(known)))
		}
		out[name] = v
	}
	return out, nil
}

func optional(m map[string]value.Value, name string) value.Value {
	if v, ok := m[name]; ok {
		return v
	}
	return value.Undefined(name)
}
