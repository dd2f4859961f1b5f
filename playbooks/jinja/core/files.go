package core

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"remoterun/playbooks/jinja/lex"
	"remoterun/playbooks/jinja/parse"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// body runs a template's statements, and those of what it extends.
func (st statements) body(t *parse.Template, b *Buffer) error {
	old := st.layout
	st.layout = &layout{blocks: map[string][]*layer{}}
	defer func() { st.layout = old }()
	st.layout.add(t, st.origin)
	top := &frame{}
	_, err := st.run(t.Body, top, b)
	if err != nil {
		return err
	}
	return st.parents(top, b)
}

// parents runs the chain of files that a template extends.
func (st statements) parents(top *frame, b *Buffer) error {
	for n := 0; st.layout.extended; n++ {
		if n > parse.MaxDepth {
			return errDepth
		}
		t, o := st.layout.parent, st.layout.origin
		st.layout.extended = false
		st.layout.add(t, o)
		_, err := st.inTemplate(t, o, func() (value.Value, error) {
			_, err := st.run(t.Body, top, b)
			return value.Value{}, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (st statements) extends(s *parse.ExtendsStmt, f *frame) error {
	if st.layout.extended {
		return errors.New("extended multiple times")
	}
	t, o, err := st.loadNamed(s.Name, f)
	if err != nil {
		return err
	}
	st.layout.extended, st.layout.parent, st.layout.origin = true, t, o
	return nil
}

func (st statements) block(s *parse.BlockStmt, f *frame, b *Buffer) error {
	layers := st.layout.blocks[s.Name]
	if len(layers) == 0 {
		layers = []*layer{{s, st.tpl, st.origin}}
	}
	if layers[0].stmt.Required {
		return fmt.Errorf("Required block '%s' not found", s.Name)
	}
	outer := f.top()
	if s.Scoped {
		outer = f
	}
	return st.runBlock(s.Name, layers, outer, b)
}

func (st statements) runBlock(name string, layers []*layer, f *frame, b *Buffer) error {
	if err := st.Enter(); err != nil {
		return err
	}
	defer st.Leave()
	l := layers[0]
	inner := f.push()
	inner.set("super", value.FromOpaque(&super{name, layers, f}))
	_, err := st.inTemplate(l.tpl, l.origin, func() (value.Value, error) {
		_, err := st.run(l.stmt.Body, inner, b)
		return value.Value{}, err
	})
	return err
}

// self is the variable of that name: every block as a function.
type self struct {
	layout *layout
	frame  *frame
}

func (s *self) TypeName() string { return "TemplateReference" }
func (s *self) Str() string      { return s.Repr() }
func (s *self) Repr() string     { return "<TemplateReference>" }

func (s *self) Attr(name string) (value.Value, bool) {
	layers := s.layout.blocks[name]
	if len(layers) == 0 {
		return value.Value{}, false
	}
	return Bound(name, func(c *Call) (value.Value, error) {
		b := c.Buffer(0)
		if err := c.rt.runBlock(name, layers, s.frame, b); err != nil {
			return value.Value{}, err
		}
		return value.MarkedString(b.String(), b.Marks), nil
	}), true
}

// super is the block of the same name further up.
type super struct {
	name   string
	layers []*layer
	frame  *frame
}

func (s *super) TypeName() string { return "BlockReference" }
func (s *super) Str() string      { return s.Repr() }
func (s *super) Repr() string     { return "<super of " + s.name + ">" }

func (s *super) Attr(name string) (value.Value, bool) {
	if name == "super" && len(s.layers) > 1 {
		return value.FromOpaque(&super{s.name, s.layers[1:], s.frame}), true
	}
	return value.Value{}, false
}

func (s *super) Call(c *Call) (value.Value, error) {
	if len(s.layers) < 2 {
		return value.Value{}, NotDefined("there is no parent block called '" + s.name + "'.")
	}
	b := c.Buffer(0)
	if err := c.rt.runBlock(s.name, s.layers[1:], s.frame, b); err != nil {
		return value.Value{}, err
	}
	return value.MarkedString(b.String(), b.Marks), nil
}

// errNoTemplate is a file that is not there.
type errNoTemplate struct{ names []string }

func (e *errNoTemplate) Error() string {
	if len(e.names) == 1 {
		return "template file not found: " + e.names[0]
	}
	return "none of the templates given were found: " + strings.Join(e.names, ", ")
}

// loadNamed finds and parses a template that another one names.
func (st statements) loadNamed(x parse.Expr, f *frame) (*parse.Template, *value.Origin, error) {
	v, err := st.eval(x, f)
	if err != nil {
		return nil, nil, err
	}
	if err := Defined(v); err != nil {
		return nil, nil, err
	}
	var names []string
	if s, ok := v.AsString(); ok {
		names = []string{s}
	}
	for _, it := range v.Items() {
		names = append(names, value.Str(it))
	}
	for _, n := range names {
		text, path, err := st.readFile(n, "templates")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if err := st.own(path); err != nil {
			return nil, nil, err
		}
		o := &value.Origin{Pos: value.Pos{File: path, Line: 1, Col: 1}}
		t, err := st.eng.load(string(text), st.eng.fileSyntax(), o)
		return t, o, err
	}
	return nil, nil, &errNoTemplate{names}
}

// own refuses to render a file that came from a host.
func (r *render) own(path string) error {
	if r.laptop != nil && r.laptop.FromHost(path) {
		return fmt.Errorf("%s: %w", path, play.ErrFromHost)
	}
	return nil
}

// readFile finds a file along the scope's folders: DIR/kind/name, then
// DIR/name.
func (r *render) readFile(name, kind string) (text []byte, path string, err error) {
	path, err = r.find(name, kind)
	if err != nil {
		return nil, "", err
	}
	text, err = r.eng.opt.System.ReadFile(path)
	return text, path, err
}

func (r *render) find(name, kind string) (string, error) {
	sys := r.eng.opt.System
	if sys == nil {
		return "", errors.New("no files can be read here")
	}
	if strings.HasPrefix(name, "~/") {
		name = filepath.Join(sys.Home(), name[2:])
	}
	tries := []string{name}
	if !filepath.IsAbs(name) {
		tries = nil
		for _, d := range r.scope.Dirs() {
			tries = append(tries, filepath.Join(d, kind, name), filepath.Join(d, name))
		}
	}
	for _, t := range tries {
		if _, err := sys.Stat(t); err == nil {
			return t, nil
		}
	}
	return "", &fs.PathError{Op: "find", Path: name, Err: fs.ErrNotExist}
}

func (st statements) include(s *parse.IncludeStmt, f *frame, b *Buffer) error {
	t, o, err := st.loadNamed(s.Name, f)
	var none *errNoTemplate
	if errors.As(err, &none) && s.IgnoreMissing {
		return nil
	}
	if err != nil {
		return err
	}
	if err := st.Enter(); err != nil {
		return err
	}
	defer st.Leave()
	top := &frame{alone: true}
	if s.Context {
		top = f.push()
	}
	_, err = st.inTemplate(t, o, func() (value.Value, error) {
		old := st.layout
		st.layout = &layout{blocks: map[string][]*layer{}}
		defer func() { st.layout = old }()
		st.layout.add(t, o)
		if _, err := st.run(t.Body, top, b); err != nil {
			return value.Value{}, err
		}
		return value.Value{}, st.parents(top, b)
	})
	return err
}

// module is an imported template.
type module struct {
	name string
	top  *frame
	text string
}

func (m *module) TypeName() string { return "TemplateModule" }
func (m *module) Str() string      { return m.text }
func (m *module) Repr() string     { return "<TemplateModule '" + m.name + "'>" }

func (m *module) Attr(name string) (value.Value, bool) {
	if strings.HasPrefix(name, "_") {
		return value.Value{}, false
	}
	return m.exported(name)
}

// exported returns a name that the file itself sets.
func (m *module) exported(name string) (value.Value, bool) {
	if i := m.top.find(name); i >= 0 {
		return m.top.names[i].v, true
	}
	return value.Value{}, false
}

func (st statements) module(x parse.Expr, f *frame, context bool) (*module, error) {
	t, o, err := st.loadNamed(x, f)
	if err != nil {
		return nil, err
	}
	if err := st.Enter(); err != nil {
		return nil, err
	}
	defer st.Leave()
	top := &frame{parent: f}
	if !context {
		top = &frame{alone: true}
	}
	b := st.Buffer(0)
	_, err = st.inTemplate(t, o, func() (value.Value, error) {
		_, err := st.run(t.Body, top, b)
		return value.Value{}, err
	})
	return &module{o.File, top, b.String()}, err
}

func (st statements) importAll(s *parse.ImportStmt, f *frame) error {
	m, err := st.module(s.Name, f, s.Context)
	if err != nil {
		return err
	}
	f.set(s.Target, value.FromOpaque(m))
	return nil
}

func (st statements) fromImport(s *parse.FromStmt, f *frame) error {
	m, err := st.module(s.Name, f, s.Context)
	if err != nil {
		return err
	}
	for i, n := range s.Names {
		v, ok := m.exported(n)
		if !ok {
			v = value.FromMissing(value.Missing{Name: n, Hint: fmt.Sprintf("the template '%s' does not export the requested name '%s'", m.name, n)})
		}
		f.set(s.Targets[i], v)
	}
	return nil
}

// extraScope is a scope with more variables in front, and a folder.
type extraScope struct {
	play.Scope
	vars *value.Map
	dir  string
}

func (s *extraScope) Var(name string) (value.Value, bool, error) {
	if v, ok := s.vars.Lookup(name); ok {
		return v, true, nil
	}
	return s.Scope.Var(name)
}

func (s *extraScope) Names() []string { return append(s.vars.Names(), s.Scope.Names()...) }

func (s *extraScope) Dirs() []string { return append([]string{s.dir}, s.Scope.Dirs()...) }

// nested renders a template file's text within the rendering under way, with
// more variables.
func (r *render) nested(path, text string, syn lex.Syntax, vars *value.Map) (value.Value, error) {
	scope, memo, layout := r.scope, r.memo, r.layout
	r.scope, r.memo, r.layout = &extraScope{r.scope, vars, filepath.Dir(path)}, map[string]value.Value{}, nil
	defer func() { r.scope, r.memo, r.layout = scope, memo, layout }()
	return r.text(text, syn, &value.Origin{Pos: value.Pos{File: path, Line: 1, Col: 1}}, asText)
}
