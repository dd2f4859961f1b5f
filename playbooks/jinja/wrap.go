package jinja

import "remoterun/runner/value"

// strict wraps code that uses all of its arguments: an Undefined among them is
// the error that Ansible gives.
func strict(fn function) function {
	return func(c *call) (value.Value, error) {
		for _, a := range c.args {
			if err := defined(a); err != nil {
				return value.Value{}, err
			}
		}
		for _, a := range c.kw.All() {
			if err := defined(a); err != nil {
				return value.Value{}, err
			}
		}
		return fn(c)
	}
}

// strictAll applies strict to a family, but for what checks its arguments itself.
func strictAll(family []entry) []entry {
	for i := range family {
		if !family[i].lax {
			family[i].fn = strict(family[i].fn)
		}
	}
	return family
}

// asTests makes a family one of tests.
func asTests(family []entry) []entry {
	for i := range family {
		family[i].kind = testKind
	}
	return family
}

// aliases of a list of names.
func also(names ...string) []string { return names }

// asLookups makes a family one of plug-ins; trusted says that their answers
// are the playbook's own data.
func asLookups(family []entry, trusted bool) []entry {
	for i := range family {
		family[i].kind = lookupKind
		family[i].trusted = trusted
	}
	return strictAll(family)
}

// noArguments refuses arguments.
func noArguments(fn function) function {
	return func(c *call) (value.Value, error) {
		if _, err := c.bind(); err != nil {
			return value.Value{}, err
		}
		return fn(c)
	}
}
