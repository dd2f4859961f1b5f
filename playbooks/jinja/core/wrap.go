package core

import (
	"remoterun/playbooks/jinja/parse"
	"remoterun/runner/value"
)

// Strict wraps code that uses all of its arguments: an Undefined among them is
// the error that Ansible gives.
func Strict(fn Function) Function {
	return func(c *Call) (value.Value, error) {
		for _, a := range c.Args {
			if err := Defined(a); err != nil {
				return value.Value{}, err
			}
		}
		for _, a := range c.Kw.All() {
			if err := Defined(a); err != nil {
				return value.Value{}, err
			}
		}
		return fn(c)
	}
}

// StrictAll applies strict to a family, but for what checks its arguments itself.
func StrictAll(family []Entry) []Entry {
	for i := range family {
		if !family[i].Lax {
			family[i].Func = Strict(family[i].Func)
		}
	}
	return family
}

// Tests makes a family one of tests.
func Tests(family []Entry) []Entry {
	for i := range family {
		family[i].Kind = parse.TestKind
	}
	return family
}

// Lookups makes a family one of plug-ins; trusted says that their results
// are the playbook's own data.
func Lookups(family []Entry, trusted bool) []Entry {
	for i := range family {
		family[i].Kind = parse.LookupKind
		family[i].trusted = trusted
	}
	return StrictAll(family)
}

// NoArguments refuses arguments.
func NoArguments(fn Function) Function {
	return func(c *Call) (value.Value, error) {
		if _, err := c.Bind(); err != nil {
			return value.Value{}, err
		}
		return fn(c)
	}
}

// Globals makes a family one of globals.
func Globals(family []Entry) []Entry {
	for i := range family {
		family[i].Kind = parse.GlobalKind
	}
	return family
}
