package yaml

import (
	"fmt"
	"strings"
)

// analysis is what PyYAML's analyze_scalar finds out about a text.
type analysis struct{ multiline, flowPlain, blockPlain, single, block bool }

func isBreak(r rune) bool { return r == '\n' || r == 0x85 || r == 0x2028 || r == 0x2029 }

func isGap(r rune) bool { return r == 0 || r == ' ' || r == '\t' || r == '\r' || isBreak(r) }

func printable(r rune, st Style) bool {
	if r == '\n' || r >= 0x20 && r <= 0x7e {
		return true
	}
	if r == 0xfeff || st.ASCII || st.Lib && r > 0xffff {
		return false
	}
	return r == 0x85 || r >= 0xa0 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000 && r < 0x10ffff
}

func analyze(text []rune, st Style) analysis {
	if len(text) == 0 {
		return analysis{blockPlain: true, single: true}
	}
	var blockInd, flowInd, breaks, special, edge, breakSpace, spaceBreak bool
	if s := string(text[:min(3, len(text))]); s == "---" || s == "..." {
		blockInd, flowInd = true, true
	}
	gapBefore, prevSpace, prevBreak := true, false, false
	last := len(text) - 1
	for i, r := range text {
		gapAfter := i == last || isGap(text[i+1])
		f, b := indicator(r, i == 0, gapBefore, gapAfter)
		flowInd, blockInd = flowInd || f, blockInd || b
		breaks = breaks || isBreak(r)
		special = special || !printable(r, st)
		space, br := r == ' ', isBreak(r)
		edge = edge || (space || br) && (i == 0 || i == last)
		breakSpace = breakSpace || space && prevBreak
		spaceBreak = spaceBreak || br && prevSpace
		prevSpace, prevBreak = space, br
		gapBefore = isGap(r)
	}
	a := analysis{multiline: breaks, flowPlain: true, blockPlain: true, single: true}
	if edge || breakSpace || spaceBreak || special || breaks {
		a.flowPlain, a.blockPlain = false, false
	}
	a.single = !(breakSpace || spaceBreak || special)
	a.block = !(spaceBreak || special || text[last] == ' ')
	a.flowPlain = a.flowPlain && !flowInd
	a.blockPlain = a.blockPlain && !blockInd
	return a
}

// indicator says whether a character at its place would end a plain scalar in
// flow and in block context.
func indicator(r rune, first, gapBefore, gapAfter bool) (flow, block bool) {
	if first {
		switch {
		case strings.ContainsRune("#,[]{}&*!|>'\"%@`", r):
			return true, true
		case r == '?' || r == ':':
			return true, gapAfter
		case r == '-':
			return gapAfter, gapAfter
		}
		return false, false
	}
	switch {
	case strings.ContainsRune(",?[]{}", r):
		return true, false
	case r == ':':
		return true, gapAfter
	case r == '#':
		return gapBefore, gapBefore
	}
	return false, false
}

// scalar writes a scalar in the style that PyYAML would choose.
func (e *emitter) scalar(text string, isText bool, tag string, c context) {
	e.keeps = false
	rs := []rune(text)
	a := analyze(rs, e.st)
	plain := !isText
	if isText {
		_, other := Resolve(text)
		plain = !other && text != "=" && text != "<<"
	}
	split := !c.simpleKey
	how := e.style(a, len(rs) == 0, plain, c)
	switch {
	case e.st.Canonical:
		e.tag(tag)
	case how != bare && !isText:
		e.indicator("!", true, false, false) // quoted, and no text
	}
	undo := e.deeper(true, false)
	defer undo()
	switch how {
	case bare:
		e.openEnded = e.openEnded || c.root
		e.plain(rs, split)
	case '\'':
		e.single(rs, split)
	case '|':
		e.literal(rs)
	case '>':
		e.folded(rs)
	default:
		e.double(rs, split)
	}
}

// bare is the style of scalars without quotes.
const bare rune = 0

// style is the style wanted, or where a scalar can't be written in it the next
// one that can.
func (e *emitter) style(a analysis, empty, plain bool, c context) rune {
	how := e.st.Quote
	if how != '\'' && how != '"' && how != '|' && how != '>' {
		how = bare
	}
	if e.st.Canonical || c.simpleKey && a.multiline {
		how = '"'
	}
	if how == bare && !(plain && !(c.simpleKey && empty) && (e.flowLevel > 0 && a.flowPlain || e.flowLevel == 0 && a.blockPlain)) {
		how = '\''
	}
	if how == '\'' && !a.single || (how == '|' || how == '>') && (!a.block || e.flowLevel > 0 || c.simpleKey) {
		how = '"'
	}
	return how
}

func at(rs []rune, i int) rune {
	if i < len(rs) {
		return rs[i]
	}
	return -1
}

func (e *emitter) plain(rs []rune, split bool) {
	if len(rs) == 0 {
		return
	}
	if !e.whitespace {
		e.put(" ")
	}
	e.whitespace, e.indention = false, false
	start, spaces := 0, false
	for end := 0; end <= len(rs); end++ {
		ch := at(rs, end)
		if spaces && ch != ' ' {
			if start+1 == end && e.column > e.st.Width && split {
				e.writeIndent()
				e.whitespace, e.indention = false, false
			} else {
				e.put(string(rs[start:end]))
			}
			start = end
		} else if !spaces && (ch == -1 || ch == ' ') {
			e.put(string(rs[start:end]))
			start = end
		}
		spaces = ch == ' '
	}
}

func (e *emitter) single(rs []rune, split bool) {
	e.indicator("'", true, false, false)
	start, spaces, breaks := 0, false, false
	for end := 0; end <= len(rs); end++ {
		ch := at(rs, end)
		switch {
		case spaces:
			if ch != ' ' {
				if start+1 == end && e.column > e.st.Width && split && start != 0 && end != len(rs) {
					e.writeIndent()
				} else {
					e.put(string(rs[start:end]))
				}
				start = end
			}
		case breaks:
			if !isBreak(ch) {
				if rs[start] == '\n' {
					e.lineBreak()
				}
				for range rs[start:end] {
					e.lineBreak()
				}
				e.writeIndent()
				start = end
			}
		case ch == -1 || ch == ' ' || isBreak(ch) || ch == '\'':
			e.put(string(rs[start:end]))
			start = end
		}
		if ch == '\'' {
			e.put("''")
			start = end + 1
		}
		spaces, breaks = ch == ' ', isBreak(ch)
	}
	e.indicator("'", false, false, false)
}

var escapes = map[rune]string{0: "0", 7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 27: "e", '"': `"`, '\\': `\`, 0x85: "N", 0xa0: "_", 0x2028: "L", 0x2029: "P"}

func (e *emitter) double(rs []rune, split bool) {
	e.indicator(`"`, true, false, false)
	afterSpace := false
	for i, ch := range rs {
		switch {
		case ch == '"' || ch == '\\' || ch == '\n' || isBreak(ch) || !printable(ch, e.st):
			e.put(escape(ch))
		case ch == ' ' && split && !afterSpace && e.column > e.st.Width && i > 0 && i < len(rs)-1:
			// The space is left out: the line break stands for it.
			e.writeIndent()
			if at(rs, i+1) == ' ' {
				e.put(`\`)
			}
		default:
			e.put(string(ch))
		}
		afterSpace = ch == ' '
	}
	e.indicator(`"`, false, false, false)
}

func escape(r rune) string {
	if s, ok := escapes[r]; ok {
		return `\` + s
	}
	switch {
	case r <= 0xff:
		return fmt.Sprintf(`\x%02X`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04X`, r)
	}
	return fmt.Sprintf(`\U%08X`, r)
}
