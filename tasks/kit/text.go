package kit

import (
	"fmt"

	"remoterun/runner/value"
)

// Text is an argument whose marks matter afterwards, because results echo it.
type Text struct {
	S     string
	Marks value.Marks
}

// ParseArg takes any value as text, but no sealed secret.
func (t *Text) ParseArg(v value.Value) error {
	if err := NoSealed(v); err != nil {
		return err
	}
	s, err := AsText(v)
	t.S, t.Marks = s, value.DeepMarks(v)
	return err
}

// ArgType is the type's name in docs.
func (*Text) ArgType() string { return "str" }

// Value is the text with its marks.
func (t Text) Value() value.Value { return value.MarkedString(t.S, t.Marks) }

// Body is text that goes over stdin, a file's content for instance: the only
// place where a sealed secret may stand.
type Body struct{ Text }

// ParseArg takes any value as text.
func (b *Body) ParseArg(v value.Value) error {
	s, err := AsText(v)
	b.S, b.Marks = s, value.DeepMarks(v)
	return err
}

// Words is a list of text whose marks matter afterwards.
type Words []Text

// ParseArg takes a list, or text with commas, but no sealed secret.
func (w *Words) ParseArg(v value.Value) error {
	list := v.Items()
	if _, ok := v.AsSeq(); !ok {
		parts, err := AsStrings(v)
		if err != nil {
			return err
		}
		for _, p := range parts {
			list = append(list, value.MarkedString(p, v.Marks()))
		}
	}
	*w = nil
	for i, it := range list {
		var t Text
		if err := t.ParseArg(it); err != nil {
			return fmt.Errorf("item %d: %w", i, err)
		}
		*w = append(*w, t)
	}
	return nil
}

// ArgType is the type's name in docs.
func (*Words) ArgType() string { return "list of str" }
