package value

import "fmt"

// Pos is a place in a file: line and column count from 1, columns in
// characters. A zero Line means the place is not known.
type Pos struct {
	File      string
	Line, Col int
}

// String prints file:line:column, leaving out what is not known.
func (p Pos) String() string {
	switch {
	case p.File == "" && p.Line == 0:
		return ""
	case p.Line == 0:
		return p.File
	case p.File == "":
		return fmt.Sprintf("%d:%d", p.Line, p.Col)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Origin is where a text was written. Text in a block scalar or behind escapes
// does not run beside its source column by column, so an origin may hold the
// place of each of its lines.
type Origin struct {
	Pos
	// Lines holds the position at which each line of the text begins, when
	// that is known (block scalars); else nil, and offsets count from Pos.
	Lines []Pos
	// Folds holds where the parts of text that was written on several lines and
	// joined (folded blocks, long quoted text) stand, in order.
	Folds []Fold
	// Label names what the text belongs to ("vars: app_port"), may be empty.
	Label string
}

// Fold is one source line of a text: from Line and Col of the text on (from 0),
// it stands at Pos.
type Fold struct {
	Line, Col int
	Pos       Pos
}

// fold finds the part that a place of the text belongs to.
func (o *Origin) fold(line, col int) (Pos, bool) {
	for i := len(o.Folds) - 1; i >= 0; i-- {
		f := o.Folds[i]
		if f.Line == line && f.Col <= col {
			p := f.Pos
			p.Col += col - f.Col
			return p, true
		}
	}
	return Pos{}, false
}

// At returns the place of character col (from 0) of line (from 0) of the text.
func (o *Origin) At(line, col int) Pos {
	if o == nil {
		return Pos{Line: line + 1, Col: col + 1}
	}
	if p, ok := o.fold(line, col); ok {
		return p
	}
	switch {
	case line < len(o.Lines):
		p := o.Lines[line]
		p.Col += col
		return p
	case line == 0:
		p := o.Pos
		p.Col += col
		return p
	}
	return Pos{File: o.File, Line: o.Line + line, Col: col + 1}
}

// From returns the text v with the place where it was written; other kinds are
// returned as they are.
func (v Value) From(o *Origin) Value {
	if v.k == KindString {
		v.ref = o
	}
	return v
}

// Origin returns where the text was written, nil when that is not known.
func (v Value) Origin() *Origin {
	if v.k != KindString || v.ref == nil {
		return nil
	}
	o, _ := v.ref.(*Origin)
	return o
}

// PosOf is where v was written: a text's origin, a list's or a mapping's
// place; zero when it is not known.
func PosOf(v Value) Pos {
	if o := v.Origin(); o != nil {
		return o.Pos
	}
	if s, ok := v.AsSeq(); ok {
		return s.Pos
	}
	if m, ok := v.AsMap(); ok {
		return m.Pos
	}
	return Pos{}
}
