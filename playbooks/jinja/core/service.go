package core

import (
	"cmp"
	"fmt"
	"time"

	"remoterun/playbooks/jinja/lex"
	"remoterun/playbooks/jinja/parse"
	"remoterun/runner/value"
)

// What a name may ask of the rendering that calls it, beside its operations on
// values (Ops).

// With returns a call of another function from within this one.
func (c *Call) With(name string, in value.Value, args []value.Value, kw *value.Map) *Call {
	return &Call{Ops: c.Ops, Ctx: c.Ctx, rt: c.rt, Name: name, In: in, Args: args, Kw: kw, frame: c.frame}
}

// Getattr is v.name.
func (c *Call) Getattr(v value.Value, name string) (value.Value, error) { return c.rt.getattr(v, name) }

// Getitem is v[k].
func (c *Call) Getitem(v, k value.Value) (value.Value, error) { return c.rt.getitem(v, k) }

// Attribute is v.name without what a mapping holds.
func (c *Call) Attribute(v value.Value, name string) value.Value {
	if m, ok := c.rt.methodOf(v, name); ok {
		return m
	}
	if o, ok := v.AsOpaque(); ok {
		if x, ok := o.(Attributed); ok {
			if it, ok := x.Attr(name); ok {
				return it
			}
		}
	}
	return noAttr(v, name)
}

// Follow walks a path such as a.b[0]['c'] into a mapping.
func (c *Call) Follow(path string, m *value.Map) (value.Value, error) {
	return c.rt.follow(path, onlyScope{m})
}

// Invoke calls a value.
func (c *Call) Invoke(fn value.Value, args []value.Value, kw *value.Map) (value.Value, error) {
	return c.rt.call(fn, args, kw, c.frame)
}

// Known reports a name of a kind; a collection that has it may stand before it.
func (c *Call) Known(k parse.Kind, name string) bool { return c.rt.eng.reg.find(k, name) != nil }

// Near proposes the known name that was perhaps meant, as the end of a message.
func (c *Call) Near(k parse.Kind, name string) string { return suggest(name, c.rt.eng.reg.of(k)) }

// NamedFilter returns a filter by its name, as a template would call it.
func (c *Call) NamedFilter(name string) (func(in value.Value, args []value.Value, kw *value.Map) (value.Value, error), error) {
	e := c.rt.eng.reg.find(parse.FilterKind, name)
	if e == nil {
		return nil, fmt.Errorf("no filter named '%s'%s", name, suggest(name, c.rt.eng.reg.filters))
	}
	return func(in value.Value, args []value.Value, kw *value.Map) (value.Value, error) {
		return c.rt.runEntry(e, name, in, args, kw, c.frame)
	}, nil
}

// NamedTest returns a test by its name, as a template would call it.
func (c *Call) NamedTest(name string) (func(in value.Value, args []value.Value, kw *value.Map) (bool, error), error) {
	e := c.rt.eng.reg.find(parse.TestKind, name)
	if e == nil {
		return nil, fmt.Errorf("no test named '%s'%s", name, suggest(name, c.rt.eng.reg.tests))
	}
	return func(in value.Value, args []value.Value, kw *value.Map) (bool, error) {
		return c.rt.runTest(e, name, in, args, kw, c.frame)
	}, nil
}

// Plugin runs a lookup plug-in on terms.
func (c *Call) Plugin(name string, terms []value.Value, options *value.Map) (value.Value, error) {
	return c.rt.lookup(name, terms, options)
}

// Deep renders every template in v; text with the mark Unsafe is none.
func (c *Call) Deep(v value.Value) (value.Value, error) { return c.rt.deep(v) }

// Variable returns a variable of the scope, rendered.
func (c *Call) Variable(name string) (value.Value, bool, error) { return c.rt.variable(name) }

// Variables lists the names of the scope's variables.
func (c *Call) Variables() []string { return c.rt.scope.Names() }

// Dirs are the folders that files are looked for in, nearest first.
func (c *Call) Dirs() []string { return c.rt.scope.Dirs() }

// FilesKind is the kind of folders in which first_found looks: that of the task
// which loops over what is found, else files.
func (c *Call) FilesKind() string {
	if k, ok := c.rt.scope.(interface{ FilesKind() string }); ok {
		return k.FilesKind()
	}
	return "files"
}

// Find returns the path of a file along these folders: DIR/kind/name, then
// DIR/name.
func (c *Call) Find(name, kind string) (string, error) { return c.rt.find(name, kind) }

// ReadFile finds and reads a file. Without a path it was not found.
func (c *Call) ReadFile(name, kind string) (text []byte, path string, err error) {
	return c.rt.readFile(name, kind)
}

// Template renders a file's text with more variables than the scope has.
func (c *Call) Template(path, text string, signs func(*lex.Syntax), vars *value.Map) (value.Value, error) {
	if err := cmp.Or(c.rt.own(path), c.Enter()); err != nil {
		return value.Value{}, err
	}
	defer c.Leave()
	syn := c.rt.eng.fileSyntax()
	signs(&syn)
	return c.rt.nested(path, text, syn, vars)
}

// System is the laptop; nil when the caller of the engine gave none.
func (c *Call) System() System { return c.rt.eng.opt.System }

// Now is the system's time.
func (c *Call) Now() time.Time {
	if sys := c.System(); sys != nil {
		return sys.Now()
	}
	return time.Now()
}

// Short is the call's name without its collection.
func (c *Call) Short() string { return ShortName(c.Name) }
