package core

import (
	"errors"
	"strings"

	"remoterun/runner/value"
)

// Error is a template or expression that could not be read or rendered.
type Error struct {
	Pos value.Pos
	// Text is the template's line or expression.
	Text string
	// Chain names the variables whose values led here, outermost first.
	Chain []string
	Err   error
}

func (e *Error) Error() string {
	var b strings.Builder
	if p := e.Pos.String(); p != "" {
		b.WriteString(p + ": ")
	}
	b.WriteString(e.Err.Error())
	if len(e.Chain) > 0 {
		b.WriteString(" (in " + strings.Join(e.Chain, " -> ") + ")")
	}
	return b.String()
}

// Message is the error without its place.
func (e *Error) Message() string {
	at := *e
	at.Pos = value.Pos{}
	return at.Error()
}

// Place is where it is, for those who cannot import this package.
func (e *Error) Place() value.Pos { return e.Pos }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrUndefined is what every use of something undefined is (errors.Is).
var ErrUndefined = value.ErrUndefined

type undefinedError struct {
	msg string
	// name is the plain name that nothing has, empty for attributes and such.
	name string
	// near is the known name that was perhaps meant.
	near string
}

func (e *undefinedError) Error() string { return e.msg + e.near }

// Undefined tells those who cannot import this package.
func (e *undefinedError) Undefined() bool { return true }

func (e *undefinedError) Is(target error) bool { return target == ErrUndefined }

// NotDefined returns an error that is ErrUndefined, with a message of its own.
func NotDefined(msg string) error { return &undefinedError{msg: msg} }

// Defined turns an Undefined into its error.
func Defined(v value.Value) error {
	m, ok := v.AsMissing()
	switch {
	case !ok, m.Soft:
		return nil
	case m.Cause != nil:
		return m.Cause
	}
	return missing(m)
}

// DeepDefined looks for an Undefined inside lists and mappings, too.
func DeepDefined(v value.Value) error {
	switch v.Kind() {
	case value.KindUndefined:
		return Defined(v)
	case value.KindList, value.KindTuple:
		for _, it := range v.Items() {
			if err := DeepDefined(it); err != nil {
				return err
			}
		}
	case value.KindMap:
		m, _ := v.AsMap()
		for _, it := range m.All() {
			if err := DeepDefined(it); err != nil {
				return err
			}
		}
	}
	return nil
}

// missing is the error of using something undefined.
func missing(m value.Missing) error {
	e := &undefinedError{msg: m.Message()}
	if m.Hint == "" && m.In == "" {
		e.name = m.Name
	}
	return e
}

// chained notes that an error came up in a variable's value.
func chained(id string, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return &Error{Chain: []string{id}, Err: err}
	}
	out := *e
	out.Chain = append([]string{id}, e.Chain...)
	return &out
}
