// Package core evaluates expressions and renders templates: eval.go for
// expressions, exec.go for statements, render.go around both. It knows no name
// of the language: who makes an Engine gives it a Language, and the code behind
// a name sees its Call, which says what it may ask of the rendering (service.go)
// and how its arguments are read (bind.go, args.go).
//
// It does no I/O of its own: variables come from a Scope, files and commands from
// a System. Everything that it parses is cached; rendering is safe from many
// goroutines and bounded on any input.
package core

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"remoterun/playbooks/jinja/lex"
	"remoterun/playbooks/jinja/parse"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// Options tune an Engine.
type Options struct {
	System System
	// Do and LoopControls add {% do %} and {% break %}, {% continue %}: what
	// Ansible's jinja2_extensions asks for.
	Do, LoopControls bool
	// The limits of one rendering, 0 = the default.
	MaxSteps  int // evaluation steps
	MaxOutput int // bytes of text
}

// Engine renders. It is safe for concurrent use.
type Engine struct {
	opt Options
	reg *registry
	// date makes a date of YAML one that has attributes.
	date func(yaml.Date) value.Value

	mu    sync.RWMutex
	cache map[cacheKey]cached
}

type cacheKey struct {
	text string
	syn  lex.Syntax
}

type cached struct {
	t   *parse.Template
	err error
}

// maxCached bounds the parse cache: beyond it, it starts anew.
const maxCached = 20_000

// New returns an engine that speaks a language.
func New(opt Options, l Language) *Engine {
	if opt.MaxSteps == 0 {
		opt.MaxSteps = defaultSteps
	}
	if opt.MaxOutput == 0 {
		opt.MaxOutput = defaultOutput
	}
	return &Engine{opt: opt, reg: newRegistry(l), date: l.Date, cache: map[cacheKey]cached{}}
}

// parse returns the template of a text, from the cache when it was seen.
func (e *Engine) parse(text string, syn lex.Syntax) (*parse.Template, error) {
	key := cacheKey{text, syn}
	e.mu.RLock()
	c, ok := e.cache[key]
	e.mu.RUnlock()
	if !ok {
		c.t, c.err = e.parseNew(text, syn)
		e.mu.Lock()
		if len(e.cache) >= maxCached {
			e.cache = map[cacheKey]cached{}
		}
		e.cache[key] = c
		e.mu.Unlock()
	}
	return c.t, c.err
}

// parseNew parses what is behind the header; places count from its line.
func (e *Engine) parseNew(text string, syn lex.Syntax) (*parse.Template, error) {
	options, text := play.TemplateOptions(text)
	if err := syn.Options(options); err != nil {
		return nil, err
	}
	syn, body, skipped, err := lex.Header(text, syn)
	if err != nil {
		return nil, err
	}
	t, err := parse.Parse(body, syn, e.reg)
	var se *lex.Error
	if skipped > 0 && errors.As(err, &se) {
		se.At.Line++
	}
	if t != nil {
		t.Newline = syn.Newline
	}
	if t != nil && skipped > 0 {
		t.Skipped = 1
	}
	return t, err
}

// load parses a text, with the white space and delimiters that its "#jinja2:"
// line asks for, and gives a syntax error its place in the user's file.
func (e *Engine) load(text string, syn lex.Syntax, o *value.Origin) (*parse.Template, error) {
	t, err := e.parse(text, syn)
	if err == nil {
		return t, nil
	}
	at := lex.Place{}
	var se *lex.Error
	if errors.As(err, &se) {
		at = se.At
		err = fmt.Errorf("template syntax: %w", se)
	}
	_, text = play.TemplateOptions(text)
	return nil, &Error{Pos: o.At(at.Line, at.Col), Text: lineOf(text, at.Line), Err: err}
}

func lineOf(text string, n int) string {
	lines := strings.Split(text, "\n")
	if n < len(lines) {
		return strings.TrimSpace(lines[n])
	}
	return ""
}

// argSyntax is how text in a playbook is read.
func (e *Engine) argSyntax() lex.Syntax {
	s := e.fileSyntax()
	s.LiteralBackslash = true
	return s
}

// fileSyntax is how a template file is read.
func (e *Engine) fileSyntax() lex.Syntax {
	s := lex.Ansible()
	s.Do, s.LoopControls = e.opt.Do, e.opt.LoopControls
	return s
}

func bareSyntax() lex.Syntax { return lex.Syntax{Bare: true} }

// Templated reports whether text can hold a template.
func Templated(s string) bool {
	i := strings.IndexByte(s, '{')
	for i >= 0 && i+1 < len(s) {
		if c := s[i+1]; c == '{' || c == '%' || c == '#' {
			return true
		}
		n := strings.IndexByte(s[i+1:], '{')
		if n < 0 {
			return false
		}
		i += 1 + n
	}
	return false
}

// needsRender reports whether anything in v is a template.
func needsRender(v value.Value) bool {
	switch v.Kind() {
	case value.KindString:
		s, _ := v.AsString()
		return v.Marks()&value.Unsafe == 0 && Templated(s)
	case value.KindList, value.KindTuple:
		for _, it := range v.Items() {
			if needsRender(it) {
				return true
			}
		}
	case value.KindMap:
		m, _ := v.AsMap()
		for k, it := range m.All() {
			if needsRender(k) || needsRender(it) {
				return true
			}
		}
	}
	return false
}

// Inspect parses every template in v; see play.Expr.
func (e *Engine) Inspect(v value.Value, bare bool) (play.Uses, error) {
	var u play.Uses
	seen := map[string]bool{}
	err := e.inspect(v, bare, func(t *parse.Template, o *value.Origin) {
		u.Impure, u.Laptop = u.Impure || t.Impure, u.Laptop || t.Laptop
		for _, n := range t.Uses {
			if !seen[n] {
				seen[n] = true
				u.Names = append(u.Names, n)
			}
		}
		u.Own = append(u.Own, t.Binds...)
		for _, e := range t.Absent {
			u.Absent = append(u.Absent, &Error{Pos: o.At(e.At.Line, e.At.Col), Err: e})
		}
	})
	return u, err
}

func (e *Engine) inspect(v value.Value, bare bool, found func(*parse.Template, *value.Origin)) error {
	switch v.Kind() {
	case value.KindString:
		s, _ := v.AsString()
		syn := e.argSyntax()
		switch {
		case v.Marks()&value.Unsafe != 0:
			return nil
		case bare && strings.TrimSpace(s) == "":
			return nil // a condition without words holds
		case bare && !Templated(s):
			syn = bareSyntax()
		case !Templated(s):
			return nil
		}
		t, err := e.load(s, syn, v.Origin())
		if err != nil {
			return err
		}
		found(t, v.Origin())
	case value.KindList, value.KindTuple:
		for _, it := range v.Items() {
			if err := e.inspect(it, bare, found); err != nil {
				return err
			}
		}
	case value.KindMap:
		m, _ := v.AsMap()
		for k, it := range m.All() {
			if err := errors.Join(e.inspect(k, false, found), e.inspect(it, bare, found)); err != nil {
				return err
			}
		}
	}
	return nil
}
