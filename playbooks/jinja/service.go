package jinja

import (
	"fmt"
	"time"

	"remoterun/playbooks/jinja/lex"
	"remoterun/runner/value"
)

// What a name may ask of the rendering that calls it. Whatever loops, makes
// text or nests is counted there, against its limits.

// with returns a call of another function from within this one.
func (c *call) with(name string, in value.Value, args []value.Value, kw *value.Map) *call {
	return &call{ctx: c.ctx, rt: c.rt, name: name, in: in, args: args, kw: kw, frame: c.frame}
}

// step counts one step of work.
func (c *call) step() error { return c.rt.step() }

// work counts n items that are handled or made.
func (c *call) work(n int) error { return c.rt.work(n) }

// copying counts n items that are copied from one list to another.
func (c *call) copying(n int) error { return c.rt.copying(n) }

// grown counts n bytes of text that were made.
func (c *call) grown(n int) error { return c.rt.grown(n) }

// fits refuses text of n bytes that is larger than all output may be.
func (c *call) fits(n int) error {
	if n > c.rt.eng.opt.MaxOutput {
		return errOutput
	}
	return nil
}

// enter goes one level deeper; leave comes back, when enter gave no error.
func (c *call) enter() error { return c.rt.enter() }

func (c *call) leave() { c.rt.depth-- }

// iterate returns what a loop over v sees: items, characters, keys. The slice
// is shared: read only.
func (c *call) iterate(v value.Value) ([]value.Value, error) { return c.rt.iterate(v) }

// contains is Python's "item in v".
func (c *call) contains(v, item value.Value) (bool, error) { return c.rt.contains(v, item) }

// length is Python's len(v).
func (c *call) length(v value.Value) (int, error) { return c.rt.length(v) }

// numbers is Python's range(lo, hi, step) as a list.
func (c *call) numbers(lo, hi, step int64) (value.Value, error) {
	return c.rt.numbersFrom(lo, hi, step)
}

// dictOf is Python's dict(v): a mapping, or pairs.
func (c *call) dictOf(v value.Value) (*value.Map, error) { return c.rt.dictOf(v) }

// arith is a op b for + - * / // % **, with the marks of both.
func (c *call) arith(op string, a, b value.Value) (value.Value, error) { return c.rt.arith(op, a, b) }

// compares is a op b for the operators == != < <= > >=.
func (c *call) compares(op string, a, b value.Value) (bool, error) { return c.rt.holds(op, a, b) }

// percent is Python's format % arg.
func (c *call) percent(format, arg value.Value) (value.Value, error) {
	s, _ := format.AsString()
	return c.rt.percent(format, s, arg)
}

// grow appends to a list.
func (c *call) grow(list value.Value, more ...value.Value) error { return c.rt.grow(list, more...) }

// insert puts an item into a list before index i.
func (c *call) insert(list value.Value, i int, it value.Value) error {
	return c.rt.insert(list, i, it)
}

// put sets an entry of a mapping.
func (c *call) put(mapping, k, v value.Value) error { return c.rt.put(mapping, k, v) }

// buffer returns one that collects text with these marks.
func (c *call) buffer(m value.Marks) *buffer { return &buffer{r: c.rt, marks: m} }

// getattr is v.name, getitem v[k].
func (c *call) getattr(v value.Value, name string) (value.Value, error) { return c.rt.getattr(v, name) }

func (c *call) getitem(v, k value.Value) (value.Value, error) { return c.rt.getitem(v, k) }

// attribute is v.name without what a mapping holds.
func (c *call) attribute(v value.Value, name string) value.Value {
	if m, ok := c.rt.methodOf(v, name); ok {
		return m
	}
	if o, ok := v.AsOpaque(); ok {
		if x, ok := o.(attributed); ok {
			if it, ok := x.attr(name); ok {
				return it
			}
		}
	}
	return noAttr(v, name)
}

// follow walks a path such as a.b[0]['c'] into a mapping.
func (c *call) follow(path string, m *value.Map) (value.Value, error) {
	return c.rt.follow(path, onlyScope{m})
}

// invoke calls a value.
func (c *call) invoke(fn value.Value, args []value.Value, kw *value.Map) (value.Value, error) {
	return c.rt.call(fn, args, kw, c.frame)
}

// known reports a name of a kind; a collection may stand before it.
func (c *call) known(k Kind, name string) bool {
	_, ok := c.rt.eng.reg.of(k)[shortName(name)]
	return ok
}

// near proposes the known name that was perhaps meant, as the end of a message.
func (c *call) near(k Kind, name string) string { return suggest(name, c.rt.eng.reg.of(k)) }

// namedFilter returns a filter by its name, as a template would call it.
func (c *call) namedFilter(name string) (func(in value.Value, args []value.Value, kw *value.Map) (value.Value, error), error) {
	e := c.rt.eng.reg.find(filterKind, name)
	if e == nil {
		return nil, fmt.Errorf("no filter named '%s'%s", name, suggest(name, c.rt.eng.reg.filters))
	}
	return func(in value.Value, args []value.Value, kw *value.Map) (value.Value, error) {
		return c.rt.runEntry(e, name, in, args, kw, c.frame)
	}, nil
}

// namedTest returns a test by its name, as a template would call it.
func (c *call) namedTest(name string) (func(in value.Value, args []value.Value, kw *value.Map) (bool, error), error) {
	e := c.rt.eng.reg.find(testKind, name)
	if e == nil {
		return nil, fmt.Errorf("no test named '%s'%s", name, suggest(name, c.rt.eng.reg.tests))
	}
	return func(in value.Value, args []value.Value, kw *value.Map) (bool, error) {
		return c.rt.runTest(e, name, in, args, kw, c.frame)
	}, nil
}

// plugin runs a lookup plug-in on terms.
func (c *call) plugin(name string, terms []value.Value, options *value.Map) (value.Value, error) {
	return c.rt.lookup(name, terms, options)
}

// deep renders every template in v; text with the mark Unsafe is none.
func (c *call) deep(v value.Value) (value.Value, error) { return c.rt.deep(v) }

// variable returns a variable of the scope, rendered.
func (c *call) variable(name string) (value.Value, bool, error) { return c.rt.variable(name) }

// variables lists the names of the scope's variables.
func (c *call) variables() []string { return c.rt.scope.Names() }

// dirs are the folders that files are looked for in, nearest first.
func (c *call) dirs() []string { return c.rt.scope.Dirs() }

// find returns the path of a file along these folders: DIR/kind/name, then
// DIR/name.
func (c *call) find(name, kind string) (string, error) { return c.rt.find(name, kind) }

// readFile finds and reads a file. Without a path it was not found.
func (c *call) readFile(name, kind string) (text []byte, path string, err error) {
	return c.rt.readFile(name, kind)
}

// template renders a file's text with more variables than the scope has.
func (c *call) template(path, text string, signs func(*lex.Syntax), vars *value.Map) (value.Value, error) {
	if err := c.enter(); err != nil {
		return value.Value{}, err
	}
	defer c.leave()
	syn := c.rt.eng.fileSyntax()
	signs(&syn)
	return c.rt.nested(path, text, syn, vars)
}

// system is the laptop; nil when the caller of the engine gave none.
func (c *call) system() System { return c.rt.eng.opt.System }

// now is the system's time.
func (c *call) now() time.Time {
	if sys := c.system(); sys != nil {
		return sys.Now()
	}
	return time.Now()
}

// short is the call's name without its collection.
func (c *call) short() string { return shortName(c.name) }
