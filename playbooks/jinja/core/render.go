package core

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"remoterun/playbooks/jinja/lex"
	"remoterun/playbooks/jinja/parse"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// deep renders every template in a value; keys too.
func (r *render) deep(v value.Value) (value.Value, error) {
	switch v.Kind() {
	case value.KindString:
		s, _ := v.AsString()
		if v.Marks()&value.Unsafe != 0 || !Templated(s) {
			return v, nil
		}
		out, err := r.text(s, r.eng.argSyntax(), v.Origin(), asValue)
		if err == nil && v.Marks() != 0 {
			out = out.With(v.Marks())
		}
		return out, err
	case value.KindList, value.KindTuple:
		if !needsRender(v) {
			return v, nil
		}
		items := make([]value.Value, 0, len(v.Items()))
		for _, it := range v.Items() {
			o, err := r.deep(it)
			if err != nil {
				return value.Value{}, err
			}
			items = append(items, o)
		}
		if v.Kind() == value.KindTuple {
			return value.Tuple(items...), nil
		}
		return value.List(items...), nil
	case value.KindMap:
		if !needsRender(v) {
			return v, nil
		}
		m, _ := v.AsMap()
		out := value.NewMap()
		for k, it := range m.All() {
			k, err := r.deep(k)
			if err != nil {
				return value.Value{}, err
			}
			if it, err = r.deep(it); err != nil {
				return value.Value{}, err
			}
			if err := value.Hashable(k); err != nil {
				return value.Value{}, err
			}
			out.Set(k, it)
		}
		return value.FromMap(out), nil
	}
	return v, nil
}

// text renders one template.
func (r *render) text(s string, syn lex.Syntax, o *value.Origin, m mode) (value.Value, error) {
	if err := r.Enter(); err != nil {
		return value.Value{}, err
	}
	r.texts++
	defer func() { r.Leave(); r.texts-- }()
	t, err := r.eng.load(s, syn, o)
	if err != nil {
		return value.Value{}, r.foreign(o, err)
	}
	oldT, oldO, oldM, oldC := r.tpl, r.origin, r.mode, r.copies
	r.tpl, r.origin, r.mode, r.copies = t, o, m, nil
	defer func() { r.tpl, r.origin, r.mode, r.copies = oldT, oldO, oldM, oldC }()
	if t.Single != nil && m == asValue {
		v, err := evaluator{r}.eval(t.Single, nil)
		if err == nil {
			err = r.at(t.Single.Pos(), r.Whole(v))
		}
		if err == nil && v.IsUndefined() {
			v = value.String("") // an inline if without else
		}
		if k := v.Kind(); (k == value.KindInt || k == value.KindFloat) && !r.plainNumber(t.Single) {
			v = v.With(value.Printed)
		}
		return ended(v, s, t.Newline), err
	}
	b := r.Buffer(0)
	tell := play.MaskedTo(r.ctx)
	if tell = r.outermost(tell, m); tell != nil {
		b.masked = &strings.Builder{}
	}
	err = statements{evaluator{r}}.body(t, b)
	if err != nil {
		return value.Value{}, err
	}
	if tell != nil {
		tell(value.Str(ended(value.String(b.masked.String()), s, t.Newline)))
	}
	return ended(r.converted(b), s, t.Newline), nil
}

// plainNumber reports a name whose variable was written as a number: Ansible
// hands that on as it is.
func (r *render) plainNumber(e parse.Expr) bool {
	n, ok := e.(*parse.Name)
	if !ok {
		return false
	}
	v, ok, err := r.scope.Var(n.ID)
	return ok && err == nil && (v.Kind() == value.KindInt || v.Kind() == value.KindFloat) && v.Marks()&value.Printed == 0
}

// outermost is tell for the file itself, not for what is rendered on the way.
func (r *render) outermost(tell func(string), m mode) func(string) {
	if r.depth != 1 || m != asText {
		return nil
	}
	return tell
}

// ended gives text as many line breaks at its end as the source has: the
// language itself drops one.
func ended(v value.Value, src, newline string) value.Value {
	text, ok := v.AsString()
	if n := newlines(src) - newlines(text); ok && n > 0 {
		return value.MarkedString(text+strings.Repeat(cmp.Or(newline, "\n"), n), v.Marks())
	}
	return v
}

// foreign takes a place away that is in no file: who uses the text has one.
func (r *render) foreign(o *value.Origin, err error) error {
	var e *Error
	if o == nil && r.texts > 1 && errors.As(err, &e) {
		out := *e
		out.Pos = value.Pos{}
		return &out
	}
	return err
}

// converted is collected output as the mode has it: Ansible reads the text of
// macros and set blocks in task arguments as it reads the whole.
func (r *render) converted(b *Buffer) value.Value {
	v := value.MarkedString(b.String(), b.Marks)
	if r.mode == asValue {
		return lex.Literal(v)
	}
	return v
}

// newlines counts those at the end.
func newlines(s string) int { return len(s) - len(strings.TrimRight(s, "\n")) }

// variable returns a name of the scope, rendered. One whose own template
// meets something undefined is Undefined itself, with the story of it: only
// its use is an error.
func (r *render) variable(id string) (value.Value, bool, error) {
	v, ok, err := r.rendered(id)
	var e *Error
	if err != nil && errors.Is(err, ErrUndefined) && errors.As(err, &e) {
		return value.FromMissing(value.Missing{Name: id, Hint: e.Err.Error(), Cause: err}), true, nil
	}
	if ok && err == nil && r.tpl != nil && r.tpl.Apart {
		return r.copied(id, v), true, nil
	}
	return v, ok, err
}

// copied returns a variable for a template that may change it: one copy for
// the whole rendering.
func (r *render) copied(id string, v value.Value) value.Value {
	if c, ok := r.copies[id]; ok {
		return c
	}
	if r.copies == nil {
		r.copies = map[string]value.Value{}
	}
	c := value.Copy(v)
	r.copies[id] = c
	return c
}

func (r *render) rendered(id string) (value.Value, bool, error) {
	if v, ok := r.memo[id]; ok {
		return v, true, nil
	}
	v, ok, err := r.scope.Var(id)
	if err != nil || !ok {
		return v, ok, err
	}
	if !needsRender(v) {
		if isContainer(v) {
			r.remember(id, v) // looking through a large one again costs
		}
		return v, ok, nil
	}
	if slices.Contains(r.stack, id) {
		return value.Value{}, false, fmt.Errorf("recursive loop detected in template string: %s -> %s", strings.Join(r.stack, " -> "), id)
	}
	r.stack = append(r.stack, id)
	out, err := r.deep(v)
	r.stack = r.stack[:len(r.stack)-1]
	if err != nil {
		return value.Value{}, false, chained(id, err)
	}
	if u, err := r.eng.Inspect(v, false); err == nil && !u.Impure {
		r.remember(id, out)
	}
	return out, true, nil
}

func (r *render) remember(id string, v value.Value) {
	if r.memo == nil {
		r.memo = map[string]value.Value{}
	}
	r.memo[id] = v
}

// condition is a when: text, boolean, or list of them.
func (r *render) condition(c value.Value) (bool, error) {
	switch c.Kind() {
	case value.KindList, value.KindTuple:
		for _, it := range c.Items() {
			if ok, err := r.condition(it); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	case value.KindString:
		s, _ := c.AsString()
		if strings.TrimSpace(s) == "" {
			return true, nil
		}
		syn := bareSyntax()
		if Templated(s) && c.Marks()&value.Unsafe == 0 {
			v, err := r.deep(c)
			if err != nil {
				return false, err
			}
			if _, isText := v.AsString(); !isText {
				return value.Truth(v), nil
			}
			s, _ = v.AsString()
			c = v
		}
		if c.Marks()&value.Unsafe != 0 {
			return r.hostWord(s, c)
		}
		return r.bare(s, syn, c)
	}
	return value.Truth(c), nil
}

// hostWord is a condition that is a host's text: a boolean's word is one, other
// text is not read as an expression.
func (r *render) hostWord(s string, c value.Value) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, r.at(lex.Place{}, fmt.Errorf("the condition is text that came from a host (\"%s\"): compare it, as in when: x.stdout == 'yes', or make it a boolean with | bool", value.Show(c)))
}

func (r *render) bare(s string, syn lex.Syntax, c value.Value) (bool, error) {
	t, err := r.eng.load(s, syn, c.Origin())
	if err != nil {
		return false, err
	}
	v, err := r.inTemplate(t, c.Origin(), func() (value.Value, error) {
		v, err := evaluator{r}.eval(t.Single, nil)
		if err == nil {
			err = r.at(t.Single.Pos(), Defined(v))
		}
		return v, err
	})
	if err != nil {
		return false, err
	}
	// Text of a variable is no condition: any text is true but the empty one.
	return value.Truth(v), nil
}
