// Package lex cuts templates into tokens, by Jinja's rules for tags, white space
// and line statements, and reads Python's literals. Every token has its place.
package lex

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Syntax is how templates are written and how white space around tags is
// treated.
type Syntax struct {
	VarStart, VarEnd, BlockStart, BlockEnd, CommentStart, CommentEnd string
	LinePrefix, LineComment                                          string
	TrimBlocks, LstripBlocks                                         bool
	// LiteralBackslash keeps backslashes in string literals inside {{ }} as they
	// are, as Ansible does in task arguments.
	LiteralBackslash bool
	// Newline is what line ends of the template become; "" means "\n".
	Newline string
	// Do and LoopControls add {% do %}, {% break %} and {% continue %}, which
	// Ansible knows only when asked for.
	Do, LoopControls bool
	// Bare reads the whole text as one expression (when:).
	Bare bool
}

// Ansible is the usual syntax: Jinja's tags, and trim_blocks on.
func Ansible() Syntax {
	return Syntax{VarStart: "{{", VarEnd: "}}", BlockStart: "{%", BlockEnd: "%}", CommentStart: "{#", CommentEnd: "#}", TrimBlocks: true}
}

// Kind says what a token is.
type Kind uint8

// The kinds of tokens. Text outside of tags is Data; Op is an operator or a
// bracket.
const (
	EOF Kind = iota
	Data
	VarBegin
	VarEnd
	BlockBegin
	BlockEnd
	Name
	String
	Int
	Float
	Op
)

// Place is a position in a template: line and column count from 0, columns in
// characters.
type Place struct{ Line, Col int }

// Pos is the place itself: what has one as a part has it, too.
func (p Place) Pos() Place { return p }

// Token is a piece of a template.
type Token struct {
	Kind Kind
	Text string
	At   Place
}

func (t Token) String() string {
	switch t.Kind {
	case EOF:
		return "end of template"
	case VarEnd:
		return "end of print statement"
	case BlockEnd:
		return "end of statement block"
	case String:
		return fmt.Sprintf("string %q", t.Text)
	case Data:
		return "template data"
	}
	return fmt.Sprintf("'%s'", t.Text)
}

// Error is a template that cannot be read.
type Error struct {
	At  Place
	Msg string
	// Kind and Name say what it asks for that is not there: a filter, a test, a
	// lookup. Else they are empty.
	Kind, Name string
}

func (e *Error) Error() string { return e.Msg }

// Lacks is what is asked for and not there, for those who cannot import this package.
func (e *Error) Lacks() (kind, name string) { return e.Kind, e.Name }

type lexer struct {
	src   string
	pos   int
	at    Place
	syn   Syntax
	out   []Token
	strip bool // what comes next loses its leading white space
	trim  bool // what comes next loses its first newline
	inVar bool
	// openers are the next places of each kind of opener.
	openers [5]struct {
		sought bool
		at     int
	}
}

// Tokens cuts a template into tokens. The error is an *Error.
func Tokens(src string, syn Syntax) ([]Token, error) {
	src = strings.ReplaceAll(strings.ReplaceAll(src, "\r\n", "\n"), "\r", "\n")
	if !syn.Bare {
		src = strings.TrimSuffix(src, "\n") // rendering gives it back
	}
	l := &lexer{src: src, syn: syn}
	if syn.Bare {
		if err := l.expression(""); err != nil {
			return nil, err
		}
	} else if err := l.template(); err != nil {
		return nil, err
	}
	l.emit(EOF, "")
	return l.out, nil
}

func (l *lexer) emit(k Kind, text string) {
	l.out = append(l.out, Token{Kind: k, Text: text, At: l.at})
}

func (l *lexer) fail(format string, args ...any) error {
	return &Error{At: l.at, Msg: fmt.Sprintf(format, args...)}
}

// advance moves over n bytes.
func (l *lexer) advance(n int) string {
	s := l.src[l.pos : l.pos+n]
	l.pos += n
	if i := strings.LastIndexByte(s, '\n'); i >= 0 {
		l.at.Line += strings.Count(s, "\n")
		l.at.Col = utf8.RuneCountInString(s[i+1:])
	} else {
		l.at.Col += utf8.RuneCountInString(s)
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
	for i, o := range []string{l.syn.CommentStart, l.syn.BlockStart, l.syn.VarStart} {
		nearest(l.ahead(i, func(s string) int { return strings.Index(s, o) }), o)
	}
	if p := l.syn.LinePrefix; p != "" {
		first := l.pos == 0 || l.src[l.pos-1] == '\n'
		nearest(l.ahead(3, func(s string) int { return lineStart(s, p, first) }), p)
	}
	// A comment may stand behind text of its line, too.
	if p := l.syn.LineComment; p != "" {
		nearest(l.ahead(4, func(s string) int { return strings.Index(s, p) }), p)
	}
	return at, open
}

// ahead returns how far the next opener of one kind is, -1 for none. What was
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
	case l.syn.LstripBlocks && open != "" && open != l.syn.VarStart:
		text = l.lstrip(text)
	}
	if text != "" {
		l.out = append(l.out, Token{Kind: Data, Text: l.lineEnds(text), At: start})
	}
}

// lineEnds gives a text of the template the line ends that are wanted.
func (l *lexer) lineEnds(text string) string {
	if l.syn.Newline == "" {
		return text
	}
	return strings.ReplaceAll(text, "\n", l.syn.Newline)
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
	if open == l.syn.LinePrefix && open != "" || open == l.syn.LineComment && open != "" {
		return l.lineTag(i, open)
	}
	after := l.src[l.pos+i+len(open):]
	sign := byte(0)
	if after != "" && (after[0] == '-' || after[0] == '+' && open != l.syn.VarStart) {
		sign = after[0]
	}
	lstrip := l.syn.LstripBlocks
	if sign == '+' {
		l.syn.LstripBlocks = false
	}
	l.data(i, open, sign == '-')
	l.syn.LstripBlocks = lstrip
	begin := l.at
	l.advance(len(open))
	if sign != 0 {
		l.advance(1)
	}
	switch open {
	case l.syn.CommentStart:
		return l.comment(begin)
	case l.syn.BlockStart:
		if done, err := l.raw(begin); done || err != nil {
			return err
		}
		l.emit(BlockBegin, open)
		return l.expression(l.syn.BlockEnd)
	}
	l.emit(VarBegin, open)
	l.inVar = true
	err := l.expression(l.syn.VarEnd)
	l.inVar = false
	return err
}

func (l *lexer) lineTag(i int, open string) error {
	l.data(i, open, false)
	if n := len(l.out); n > 0 && l.out[n-1].Kind == Data {
		l.out[n-1].Text = strings.TrimRight(l.out[n-1].Text, " \t")
	}
	line, _, _ := strings.Cut(l.rest(), "\n")
	if open == l.syn.LineComment {
		l.advance(len(line))
		return nil
	}
	l.advance(len(open))
	sub := &lexer{src: l.src[:l.pos+len(line)-len(open)], pos: l.pos, at: l.at, syn: l.syn}
	sub.emit(BlockBegin, open)
	if err := sub.expression(""); err != nil {
		return err
	}
	sub.emit(BlockEnd, "")
	if n := len(sub.out); sub.out[n-2].Text == ":" && sub.out[n-2].Kind == Op {
		sub.out = append(sub.out[:n-2], sub.out[n-1])
	}
	l.out = append(l.out, sub.out...)
	l.advance(len(line) - len(open))
	l.trim = true
	return nil
}

func (l *lexer) comment(begin Place) error {
	end := strings.Index(l.rest(), l.syn.CommentEnd)
	if end < 0 {
		return &Error{At: begin, Msg: "Missing end of comment tag"}
	}
	sign := byte(0)
	if end > 0 {
		sign = l.src[l.pos+end-1]
	}
	l.advance(end + len(l.syn.CommentEnd))
	l.afterTag(sign)
	return nil
}

// afterTag says what the text behind a block or comment tag loses.
func (l *lexer) afterTag(sign byte) {
	l.strip = sign == '-'
	l.trim = l.syn.TrimBlocks && sign != '+' && sign != '-'
}

// raw takes {% raw %} … {% endraw %} as text.
func (l *lexer) raw(begin Place) (bool, error) {
	name := strings.TrimLeftFunc(l.rest(), unicode.IsSpace)
	if !strings.HasPrefix(name, "raw") {
		return false, nil
	}
	tail := strings.TrimLeftFunc(name[3:], unicode.IsSpace)
	sign := byte(0)
	if tail != "" && (tail[0] == '-' || tail[0] == '+') && strings.HasPrefix(tail[1:], l.syn.BlockEnd) {
		sign, tail = tail[0], tail[1:]
	}
	if !strings.HasPrefix(tail, l.syn.BlockEnd) {
		return false, nil
	}
	l.advance(len(l.rest()) - len(tail) + len(l.syn.BlockEnd))
	l.strip, l.trim = sign == '-', false // trim_blocks spares the line break here
	for from := 0; ; {
		i := strings.Index(l.rest()[from:], l.syn.BlockStart)
		if i < 0 {
			return true, &Error{At: begin, Msg: "Missing end of raw directive"}
		}
		i += from
		inner, before, after, ok := l.endraw(l.rest()[i+len(l.syn.BlockStart):])
		if !ok {
			from = i + 1
			continue
		}
		l.data(i, l.syn.BlockStart, before)
		l.advance(len(l.syn.BlockStart) + inner)
		l.afterTag(after)
		return true, nil
	}
}

// endraw recognises the inside of an endraw tag and returns its length.
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
	if !strings.HasPrefix(t, l.syn.BlockEnd) {
		return 0, false, 0, false
	}
	return len(s) - len(t) + len(l.syn.BlockEnd), stripBefore, sign, true
}
