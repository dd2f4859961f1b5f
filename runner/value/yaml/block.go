package yaml

import (
	"strconv"

	"remoterun/runner/value"
)

// blockHead begins a block scalar: its sign, how deep it stands when its text
// begins with blanks, and what becomes of its last line ends.
func (e *emitter) blockHead(sign string, rs []rune) {
	e.indicator(sign, true, false, false)
	if len(rs) > 0 && (rs[0] == ' ' || isBreak(rs[0])) {
		e.indicator(strconv.Itoa(e.st.Indent), false, false, false)
	}
	last := len(rs) - 1
	switch {
	case last < 0 || !isBreak(rs[last]):
		e.indicator("-", false, false, false)
	case last == 0 || isBreak(rs[last-1]):
		e.indicator("+", false, false, false)
		e.keeps = true
	}
	e.lineBreak()
}

// contentBreak writes a line end of the text.
func (e *emitter) contentBreak(r rune) {
	if r == '\n' {
		e.lineBreak()
		return
	}
	e.b.WriteRune(r)
	e.column, e.indention = 0, true
}

func (e *emitter) literal(rs []rune) {
	e.blockHead("|", rs)
	fresh := true
	for _, r := range rs {
		if isBreak(r) {
			e.contentBreak(r)
			fresh = true
			continue
		}
		if fresh {
			e.writeIndent()
		}
		e.put(string(r))
		e.indention, fresh = false, false
	}
}

func (e *emitter) folded(rs []rune) {
	e.blockHead(">", rs)
	fresh, spaced := true, true
	for i, r := range rs {
		if isBreak(r) {
			if !fresh && !spaced && r == '\n' && !gapBehindBreaks(rs[i:]) {
				e.lineBreak()
			}
			e.contentBreak(r)
			fresh = true
			continue
		}
		if fresh {
			e.writeIndent()
			spaced = r == ' ' || r == '\t'
		}
		if !fresh && r == ' ' && at(rs, i+1) != ' ' && e.column > e.st.Width {
			e.writeIndent()
		} else {
			e.put(string(r))
		}
		e.indention, fresh = false, false
	}
}

// gapBehindBreaks says that what follows the line ends begins with white space
// or is nothing.
func gapBehindBreaks(rs []rune) bool {
	for i, r := range rs {
		if !isBreak(r) {
			return isGap(rs[i])
		}
	}
	return true
}

// tagOf is the tag of a scalar, as canonical YAML writes it.
func tagOf(v value.Value, isText bool) string {
	if isText {
		return "!!str"
	}
	switch v.Kind() {
	case value.KindNull:
		return "!!null"
	case value.KindBool:
		return "!!bool"
	case value.KindInt, value.KindBig:
		return "!!int"
	case value.KindFloat:
		return "!!float"
	}
	return "!!timestamp"
}
