package core

import (
	"fmt"
	"slices"

	"remoterun/runner/value"
)

// Param names one parameter of a signature for Bind: "name" is required,
// "name=" is optional.
type Param string

// Bind sorts positional and keyword arguments into the order of params, as
// Python does: too many, unknown or missing ones are errors. What was not given
// is Undefined.
func (c *Call) Bind(params ...Param) ([]value.Value, error) {
	out := make([]value.Value, len(params))
	for i := range out {
		out[i] = value.Undefined(params[i].name())
	}
	if len(c.Args) > len(params) {
		return nil, fmt.Errorf("%s() takes at most %d arguments (%d given)", c.Name, len(params), len(c.Args))
	}
	copy(out, c.Args)
	for k, v := range c.Kw.All() {
		name, _ := k.AsString()
		i := indexParam(params, name)
		switch {
		case i < 0:
			return nil, fmt.Errorf("%s() got an unexpected keyword argument '%s'", c.Name, name)
		case i < len(c.Args):
			return nil, fmt.Errorf("%s() got multiple values for argument '%s'", c.Name, name)
		}
		out[i] = v
	}
	for i, p := range params {
		if !p.optional() && out[i].IsUndefined() && i >= len(c.Args) {
			return nil, fmt.Errorf("%s() missing required argument: '%s'", c.Name, p.name())
		}
	}
	return out, nil
}

func (p Param) optional() bool { return len(p) > 0 && p[len(p)-1] == '=' }

func (p Param) name() string {
	if p.optional() {
		return string(p[:len(p)-1])
	}
	return string(p)
}

func indexParam(params []Param, name string) int {
	for i, p := range params {
		if p.name() == name {
			return i
		}
	}
	return -1
}

// AllDefined is the error for the first undefined one of the arguments that
// were given.
func (c *Call) AllDefined(params []Param, a []value.Value, names ...string) error {
	for i, p := range params {
		if wasGiven := i < len(c.Args) || c.Given(p.name()); !wasGiven || !slices.Contains(names, p.name()) {
			continue
		}
		if err := Defined(a[i]); err != nil {
			return err
		}
	}
	return nil
}

// Given reports whether a keyword argument was written.
func (c *Call) Given(name string) bool {
	_, ok := c.Kw.Lookup(name)
	return ok
}

// NoArguments refuses arguments.
func (c *Call) NoArguments() error {
	_, err := c.Bind()
	return err
}

// Options returns the keyword arguments of a plug-in and refuses unknown ones.
func (c *Call) Options(known ...string) (map[string]value.Value, error) {
	out := map[string]value.Value{}
	for k, v := range c.Kw.All() {
		name, _ := k.AsString()
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("unknown option '%s'%s", name, Suggest(name, slices.Clone(known)))
		}
		out[name] = v
	}
	return out, nil
}

// Optional returns an option, Undefined when it was not given.
func Optional(m map[string]value.Value, name string) value.Value {
	if v, ok := m[name]; ok {
		return v
	}
	return value.Undefined(name)
}
