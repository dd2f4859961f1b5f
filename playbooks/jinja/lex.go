package jinja

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// syntax is how templates are written and how white space around tags is
// treated. Ansible's own is ansibleSyntax.
type syntax struct {
	varStart, varEnd, blockStart, blockEnd, commentStart, commentEnd string
	linePrefix, lineComment                                          string
	trimBlocks, lstripBlocks                                         bool
	// literalBackslash keeps backslashes in string literals inside {{ }} as they
	// are, as Ansible does in task arguments.
	literalBackslash bool
	// do and loopControls add {% do %}, {% break %} and {% continue %}, which
	// Ansible knows only when asked for.
	do, loopControls bool
	// bare reads the whole text as one expression (when:).
	bare bool
}

func ansibleSyntax() syntax {
	return syntax{varStart: "{{", varEnd: "}}", blockStart: "{%", blockEnd: "%}", commentStart: "{#", commentEnd: "#}", trimBlocks: true}
}

type kind uint8

const (
	tokEOF kind = iota
	tokData
	tokVarBegin
	tokVarEnd
	tokBlockBegin
	tokBlockEnd
	tokName
	tokString
	tokInt
	tokFloat
	tokOp
)

// place is a position in a template: line and column count from 0, columns in
// characters.
type place struct{ line, col int }

type token struct {
	kind kind
	text string
	at   place
}

func (t token) String() string {
	switch t.kind {
	case tokEOF:
		return "end of template"
	case tokVarEnd:
		return "end of print statement"
	case tokBlockEnd:
		return "end of statement block"
	case tokString:
		return fmt.Sprintf("string %q", t.text)
	case tokData:
		return "template data"
	}
	return fmt.Sprintf("'%s'", t.text)
}

// syntaxError is a template that cannot be read.
type syntaxError struct {
	at  place
	msg string
}

func (e *syntaxError) Error() string { return e.msg }

type lexer struct {
	src   string
	pos   int
	at    place
	syn   syntax
	out   []token
	strip bool // what comes next loses its leading white space
	trim  bool // what comes next loses its first newline
	inVar bool
	// openers are the next places of each kind of opener.
	openers [5]struct {
		sought bool
		at     int
	}
}

// lex cuts a template into tokens. The error is a *syntaxError.
func lex(src string, syn syntax) ([]token, error) {
	src = strings.ReplaceAll(strings.ReplaceAll(src, "\r\n", "\n"), "\r", "\n")
	if !syn.bare {
		src = strings.TrimSuffix(src, "\n") // rendering gives it back
	}
	l := &lexer{src: src, syn: syn}
	if syn.bare {
		if err := l.expression(""); err != nil {
			return nil, err
		}
	} else if err := l.template(); err != nil {
		return nil, err
	}
	l.emit(tokEOF, "")
	return l.out, nil
}

func (l *lexer) emit(k kind, text string) {
	l.out = append(l.out, token{kind: k, text: text, at: l.at})
}

func (l *lexer) fail(format string, args ...any) error {
	return &syntaxError{at: l.at, msg: fmt.Sprintf(format, args...)}
}

// advance moves over n bytes.
func (l *lexer) advance(n int) string {
	s := l.src[l.pos : l.pos+n]
	l.pos += n
	if i := strings.LastIndexByte(s, '\n'); i >= 0 {
		l.at.line += strings.Count(s, "\n")
		l.at.col = utf8.RuneCountInString(s[i+1:])
	} else {
		l.at.col += utf8.RuneCountInString(s)
	}
	return s
}

func (l *lexer) rest() string { return l.src[l.pos:] }

// template lexes data and tags until the end.
func (l *lexer) template() error {
	for l.pos < len(l.src) {
		i, open := l.nextTag()
		if i < 0 {
			l.data(len(l.src)-l.pos, "", false)
			return nil
		}
		if err := l.tag(i, open); err != nil {
			return err
		}
	}
	return nil
}

// nextTag finds the nearest tag opener; at the same place the longest wins.
func (l *lexer) nextTag() (at int, open string) {
	at = -1
	nearest := func(i int, o string) {
		if i >= 0 && (at < 0 || i < at || i == at && len(o) > len(open)) {
			at, open = i, o
		}
	}
	for i, o := range []string{l.syn.commentStart, l.syn.blockStart, l.syn.varStart} {
		nearest(l.ahead(i, func(s string) int { return strings.Index(s, o) }), o)
	}
	if p := l.syn.linePrefix; p != "" {
		first := l.pos == 0 || l.src[l.pos-1] == '\n'
		nearest(l.ahead(3, func(s string) int { return lineStart(s, p, first) }), p)
	}
	// A comment may stand behind text of its line, too.
	if p := l.syn.lineComment; p != "" {
		nearest(l.ahead(4, func(s string) int { return strings.Index(s, p) }), p)
	}
	return at, open
}

// ahead answers how far the next opener of one kind is, -1 for none. What was
// found stays until it is passed: each part of the source is searched once.
func (l *lexer) ahead(kind int, find func(string) int) int {
	known := &l.openers[kind]
	if !known.sought || known.at >= 0 && known.at < l.pos {
		known.sought = true
		if known.at = find(l.rest()); known.at >= 0 {
			known.at += l.pos
		}
	}
	if known.at < 0 {
		return -1
	}
	return known.at - l.pos
}

// lineStart finds a line whose first characters are p.
func lineStart(s, p string, atStart bool) int {
	for from := 0; from <= len(s); {
		if atStart {
			line := strings.TrimLeft(s[from:], " \t")
			if strings.HasPrefix(line, p) {
				return len(s) - len(line)
			}
		}
		nl := strings.IndexByte(s[from:], '\n')
		if nl < 0 {
			return -1
		}
		from += nl + 1
		atStart = true
	}
	return -1
}

// data emits n bytes of text, less what tags around it take away.
func (l *lexer) data(n int, open string, stripBefore bool) {
	start := l.at
	text := l.advance(n)
	if l.strip {
		text = strings.TrimLeftFunc(text, unicode.IsSpace)
	} else if l.trim {
		text = strings.TrimPrefix(text, "\n")
	}
	l.strip, l.trim = false, false
	switch {
	case stripBefore:
		text = strings.TrimRightFunc(text, unicode.IsSpace)
	case l.syn.lstripBlocks && open != "" && open != l.syn.varStart:
		text = l.lstrip(text)
	}
	if text != "" {
		l.out = append(l.out, token{kind: tokData, text: text, at: start})
	}
}

// lstrip takes away blanks between the line's start and a tag.
func (l *lexer) lstrip(text string) string {
	kept := strings.TrimRight(text, " \t")
	if strings.HasSuffix(kept, "\n") {
		return kept
	}
	if kept == "" {
		// The text reaches back to the last tag: only the template's first line
		// or a trimmed newline makes it a line's start.
		before := l.src[:l.pos-len(text)]
		if before == "" || strings.HasSuffix(before, "\n") {
			return ""
		}
	}
	return text
}

func (l *lexer) tag(i int, open string) error {
	if open == l.syn.linePrefix && open != "" || open == l.syn.lineComment && open != "" {
		return l.lineTag(i, open)
	}
	after := l.src[l.pos+i+len(open):]
	sign := byte(0)
	if after != "" && (after[0] == '-' || after[0] == '+' && open != l.syn.varStart) {
		sign = after[0]
	}
	lstrip := l.syn.lstripBlocks
	if sign == '+' {
		l.syn.lstripBlocks = false
	}
	l.data(i, open, sign == '-')
	l.syn.lstripBlocks = lstrip
	begin := l.at
	l.advance(len(open))
	if sign != 0 {
		l.advance(1)
	}
	switch open {
	case l.syn.commentStart:
		return l.comment(begin)
	case l.syn.blockStart:
		if done, err := l.raw(begin); done || err != nil {
			return err
		}
		l.emit(tokBlockBegin, open)
		return l.expression(l.syn.blockEnd)
	}
	l.emit(tokVarBegin, open)
	l.inVar = true
	err := l.expression(l.syn.varEnd)
	l.inVar = false
	return err
}

func (l *lexer) lineTag(i int, open string) error {
	l.data(i, open, false)
	if n := len(l.out); n > 0 && l.out[n-1].kind == tokData {
		l.out[n-1].text = strings.TrimRight(l.out[n-1].text, " \t")
	}
	line, _, _ := strings.Cut(l.rest(), "\n")
	if open == l.syn.lineComment {
		l.advance(len(line))
		return nil
	}
	l.advance(len(open))
	sub := &lexer{src: l.src[:l.pos+len(line)-len(open)], pos: l.pos, at: l.at, syn: l.syn}
	sub.emit(tokBlockBegin, open)
	if err := sub.expression(""); err != nil {
		return err
	}
	sub.emit(tokBlockEnd, "")
	if n := len(sub.out); sub.out[n-2].text == ":" && sub.out[n-2].kind == tokOp {
		sub.out = append(sub.out[:n-2], sub.out[n-1])
	}
	l.out = append(l.out, sub.out...)
	l.advance(len(line) - len(open))
	l.trim = true
	return nil
}

func (l *lexer) comment(begin place) error {
	end := strings.Index(l.rest(), l.syn.commentEnd)
	if end < 0 {
		return &syntaxError{at: begin, msg: "Missing end of comment tag"}
	}
	sign := byte(0)
	if end > 0 {
		sign = l.src[l.pos+end-1]
	}
	l.advance(end + len(l.syn.commentEnd))
	l.afterTag(sign)
	return nil
}

// afterTag says what the text behind a block or comment tag loses.
func (l *lexer) afterTag(sign byte) {
	l.strip = sign == '-'
	l.trim = l.syn.trimBlocks && sign != '+' && sign != '-'
}

// raw takes {% raw %} … {% endraw %} as text.
func (l *lexer) raw(begin place) (bool, error) {
	name := strings.TrimLeftFunc(l.rest(), unicode.IsSpace)
	if !strings.HasPrefix(name, "raw") {
		return false, nil
	}
	tail := strings.TrimLeftFunc(name[3:], unicode.IsSpace)
	sign := byte(0)
	if tail != "" && (tail[0] == '-' || tail[0] == '+') && strings.HasPrefix(tail[1:], l.syn.blockEnd) {
		sign, tail = tail[0], tail[1:]
	}
	if !strings.HasPrefix(tail, l.syn.blockEnd) {
		return false, nil
	}
	l.advance(len(l.rest()) - len(tail) + len(l.syn.blockEnd))
	l.strip, l.trim = sign == '-', false // trim_blocks spares the line break here
	for from := 0; ; {
		i := strings.Index(l.rest()[from:], l.syn.blockStart)
		if i < 0 {
			return true, &syntaxError{at: begin, msg: "Missing end of raw directive"}
		}
		i += from
		inner, before, after, ok := l.endraw(l.rest()[i+len(l.syn.blockStart):])
		if !ok {
			from = i + 1
			continue
		}
		l.data(i, l.syn.blockStart, before)
		l.advance(len(l.syn.blockStart) + inner)
		l.afterTag(after)
		return true, nil
	}
}

// endraw recognises the inside of an endraw tag and answers its length.
func (l *lexer) endraw(s string) (n int, stripBefore bool, sign byte, ok bool) {
	t := s
	if t != "" && (t[0] == '-' || t[0] == '+') {
		stripBefore = t[0] == '-'
		t = t[1:]
	}
	t = strings.TrimLeftFunc(t, unicode.IsSpace)
	if !strings.HasPrefix(t, "endraw") {
		return 0, false, 0, false
	}
	t = strings.TrimLeftFunc(t[6:], unicode.IsSpace)
	if t != "" && (t[0] == '-' || t[0] == '+') {
		sign, t = t[0], t[1:]
	}
	if !strings.HasPrefix(t, l.syn.blockEnd) {
		return 0, false, 0, false
	}
	return len(s) - len(t) + len(l.syn.blockEnd), stripBefore, sign, true
}

// operators, longest first.
var operators = []string{"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";"}

// expression lexes until end (empty = the end of the source).
func (l *lexer) expression(end string) error {
	var open []byte
	begin := l.at
	for {
		l.advance(len(l.rest()) - len(strings.TrimLeftFunc(l.rest(), unicode.IsSpace)))
		rest := l.rest()
		if rest == "" {
			if end == "" && len(open) == 0 {
				return nil
			}
			if len(open) > 0 {
				return l.fail("unexpected end of template, expected '%c'.", closer(open[len(open)-1]))
			}
			return &syntaxError{at: begin, msg: fmt.Sprintf("unexpected end of template: '%s' is missing.", end)}
		}
		if end != "" && len(open) == 0 && l.endTag(end) {
			return nil
		}
		if err := l.one(rest, &open); err != nil {
			return err
		}
	}
}

// endTag takes the tag's end, with its sign.
func (l *lexer) endTag(end string) bool {
	rest := l.rest()
	sign := byte(0)
	if (rest[0] == '-' || rest[0] == '+' && end == l.syn.blockEnd) && strings.HasPrefix(rest[1:], end) {
		sign = rest[0]
	} else if !strings.HasPrefix(rest, end) {
		return false
	}
	k := tokBlockEnd
	if end == l.syn.varEnd && l.inVar {
		k = tokVarEnd
	}
	l.emit(k, end)
	if sign != 0 {
		l.advance(1)
	}
	l.advance(len(end))
	if k == tokBlockEnd {
		l.afterTag(sign)
	} else {
		l.strip = sign == '-'
	}
	return true
}

func closer(open byte) byte {
	switch open {
	case '(':
		return ')'
	case '[':
		return ']'
	}
	return '}'
}

// one lexes a single token of an expression.
func (l *lexer) one(rest string, open *[]byte) error {
	r, _ := utf8.DecodeRuneInString(rest)
	switch {
	case r == '\'' || r == '"':
		return l.str(rest)
	case r >= '0' && r <= '9':
		l.number(rest)
		return nil
	case r == '_' || unicode.IsLetter(r):
		n := strings.IndexFunc(rest, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if n < 0 {
			n = len(rest)
		}
		l.emit(tokName, rest[:n])
		l.advance(n)
		return nil
	}
	for _, op := range operators {
		if !strings.HasPrefix(rest, op) {
			continue
		}
		switch c := op[0]; c {
		case '(', '[', '{':
			*open = append(*open, c)
		case ')', ']', '}':
			if len(*open) == 0 {
				return l.fail("unexpected '%c'", c)
			}
			if want := closer((*open)[len(*open)-1]); want != c {
				return l.fail("unexpected '%c', expected '%c'", c, want)
			}
			*open = (*open)[:len(*open)-1]
		}
		l.emit(tokOp, op)
		l.advance(len(op))
		return nil
	}
	return l.fail("unexpected char %q", string(r))
}

func (l *lexer) str(rest string) error {
	q := rest[0]
	literal := l.syn.literalBackslash && l.inVar
	if literal && !closed(rest) {
		literal = false // the error below
	}
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] == '\\' && !literal:
			i++
		case rest[i] == q:
			text := rest[1:i]
			if !literal {
				text = unescape(text)
			}
			l.emit(tokString, text)
			l.advance(i + 1)
			return nil
		}
	}
	return l.fail("unexpected char %q (the string is not closed)", string(q))
}

// closed reports whether a string literal has its end, escapes counted.
func closed(s string) bool {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return true
		}
	}
	return false
}

func (l *lexer) number(rest string) {
	n := span(rest, isDigit)
	k := tokInt
	if rest[0] == '0' && len(rest) > 2 && strings.ContainsRune("bBoOxX", rune(rest[1])) {
		if m := span(rest[2:], isAlnum); m > 0 {
			l.emit(tokInt, strings.ReplaceAll(rest[:2+m], "_", ""))
			l.advance(2 + m)
			return
		}
	}
	if n+1 < len(rest) && rest[n] == '.' && rest[n+1] >= '0' && rest[n+1] <= '9' && !l.afterDot() {
		k = tokFloat
		n += 1 + span(rest[n+1:], isDigit)
	}
	if n < len(rest) && (rest[n] == 'e' || rest[n] == 'E') && !l.afterDot() {
		m := n + 1
		if m < len(rest) && (rest[m] == '+' || rest[m] == '-') {
			m++
		}
		if d := span(rest[m:], isDigit); d > 0 {
			k = tokFloat
			n = m + d
		}
	}
	l.emit(k, strings.ReplaceAll(rest[:n], "_", ""))
	l.advance(n)
}

// afterDot says that a number is an index like the 0 of a.0.1.
func (l *lexer) afterDot() bool {
	n := len(l.out)
	return n > 0 && l.out[n-1].kind == tokOp && l.out[n-1].text == "."
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' || c == '_' }

func isAlnum(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

func span(s string, in func(byte) bool) int {
	for i := range len(s) {
		if !in(s[i]) {
			return i
		}
	}
	return len(s)
}

// unescape reads Python's escapes in a string literal.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if n, ok := simpleEscape(s[i]); ok {
			b.WriteString(n)
			continue
		}
		if n, r, ok := numericEscape(s[i:]); ok {
			b.WriteRune(r)
			i += n - 1
			continue
		}
		b.WriteByte('\\')
		b.WriteByte(s[i])
	}
	return b.String()
}

func simpleEscape(c byte) (string, bool) {
	switch c {
	case '\n':
		return "", true
	case '\\', '\'', '"':
		return string(c), true
	case 'a':
		return "\a", true
	case 'b':
		return "\b", true
	case 'f':
		return "\f", true
	case 'n':
		return "\n", true
	case 'r':
		return "\r", true
	case 't':
		return "\t", true
	case 'v':
		return "\v", true
	}
	return "", false
}

func numericEscape(s string) (n int, r rune, ok bool) {
	digits, base := 0, rune(16)
	switch s[0] {
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	default:
		base = 8
		for n < 3 && n < len(s) && s[n] >= '0' && s[n] <= '7' {
			r = r*8 + rune(s[n]-'0')
			n++
		}
		return n, r, n > 0
	}
	if len(s) < 1+digits {
		return 0, 0, false
	}
	for _, c := range []byte(s[1 : 1+digits]) {
		d := strings.IndexByte("0123456789abcdef", c|0x20)
		if c >= '0' && c <= '9' {
			d = int(c - '0')
		}
		if d < 0 {
			return 0, 0, false
		}
		r = r*base + rune(d)
	}
	return 1 + digits, r, r <= utf8.MaxRune
}
