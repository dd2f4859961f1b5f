package yaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	yaml4 "go.yaml.in/yaml/v4"
	"gopkg.in/yaml.v3"

	"remoterun/runner/value"
)

// Error is a mistake in a YAML file.
type Error struct {
	Pos value.Pos
	Msg string
	// Cause is why a vault stays closed; nil for all else.
	Cause error
}

func (e *Error) Error() string { return e.Pos.String() + ": " + e.Msg }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Options tune reading.
type Options struct {
	// Decrypt opens the text of a !vault value; nil = such values are errors.
	Decrypt func(text string, at value.Pos) ([]byte, error)
	// Warn is told of things that PyYAML warns about (duplicate keys); may be nil.
	Warn func(at value.Pos, msg string)
}

// Load reads every document of text. Text and containers know their place in
// file. Errors are *Error.
func Load(file string, text []byte, opt Options) ([]value.Value, error) {
	if opt.Warn == nil {
		opt.Warn = func(value.Pos, string) {}
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	d := yaml.NewDecoder(bytes.NewReader(text))
	l := &loader{file: file, lines: strings.Split(string(text), "\n"), opt: opt}
	var out []value.Value
	for {
		var n yaml.Node
		err := d.Decode(&n)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			if plain, ok := withoutSlashes(text); ok {
				return Load(file, plain, opt)
			}
			return nil, l.syntax(text, err)
		}
		v, err := l.node(&n, 0)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
}

// withoutSlashes takes back the escapes \/ in double quotes, when these are what
// cannot be read: YAML 1.2, PyYAML and yaml v4 have them, yaml.v3 has not.
func withoutSlashes(text []byte) ([]byte, bool) {
	if !bytes.Contains(text, []byte(`\/`)) {
		return nil, false
	}
	starts := []int{0}
	for i, c := range text {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	drop := map[int]bool{}
	var walk func(*yaml4.Node)
	walk = func(n *yaml4.Node) {
		if n.Style&yaml4.DoubleQuotedStyle != 0 && n.Line <= len(starts) {
			slashes(text, starts[n.Line-1], n.Column-1, drop)
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	d := yaml4.NewDecoder(bytes.NewReader(text))
	for {
		var n yaml4.Node
		err := d.Decode(&n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, false
		}
		walk(&n)
	}
	out := make([]byte, 0, len(text))
	for i, c := range text {
		if !drop[i] {
			out = append(out, c)
		}
	}
	return out, len(drop) > 0
}

// slashes notes the backslashes of \/ in the double quotes that begin col letters
// into a line, or behind a tag there.
func slashes(text []byte, line, col int, drop map[int]bool) {
	at := line
	for ; col > 0 && at < len(text); col-- {
		_, n := utf8.DecodeRune(text[at:])
		at += n
	}
	quote := bytes.IndexByte(text[min(at, len(text)):], '"')
	if quote < 0 {
		return
	}
	for i := at + quote + 1; i < len(text) && text[i] != '"'; i++ {
		if text[i] == '\\' {
			if i++; i < len(text) && text[i] == '/' {
				drop[i-1] = true
			}
		}
	}
}

// One reads a file with at most one document; an empty one is null.
func One(file string, text []byte, opt Options) (value.Value, error) {
	docs, err := Load(file, text, opt)
	switch {
	case err != nil:
		return value.Value{}, err
	case len(docs) == 0:
		return value.Null(), nil
	case len(docs) > 1:
		return value.Value{}, &Error{Pos: value.PosOf(docs[1]), Msg: "expected a single document"}
	}
	return docs[0], nil
}

type loader struct {
	file  string
	lines []string
	opt   Options
	// grown counts each node as often as aliases repeat it.
	grown value.Growth
}

// syntax places a syntax error: yaml.v3's lines are often wrong, v4's are not,
// and have columns.
func (l *loader) syntax(text []byte, err error) error {
	pos := value.Pos{File: l.file, Line: 1, Col: 1}
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := inLine().FindStringSubmatch(msg); m != nil {
		pos.Line, _ = strconv.Atoi(m[1])
		msg = msg[len(m[0]):]
	}
	var any4 yaml4.Node
	d := yaml4.NewDecoder(bytes.NewReader(text))
	for {
		err4 := d.Decode(&any4)
		if err4 == nil {
			continue
		}
		var at *yaml4.LoadError
		if errors.As(err4, &at) && at.Mark.Line > 0 {
			pos.Line, pos.Col, msg = at.Mark.Line, max(at.Mark.Column, 1), at.Message
			if begun := at.ContextMark; begun.Line > 0 && begun.Line < pos.Line && at.ContextMsg != "" {
				msg += fmt.Sprintf(" (%s that begins at %d:%d)", at.ContextMsg, begun.Line, max(begun.Column, 1))
			}
		}
		break
	}
	l.inText(&pos)
	line := l.lines[pos.Line-1]
	switch {
	case strings.Contains(line, "\t") && strings.HasPrefix(strings.TrimLeft(line, " "), "\t"):
		msg += " (a tab cannot indent YAML: use blanks)"
	case strings.Contains(line, ": {{"):
		msg += ` (a value that begins with {{ must be quoted: "{{ name }}")`
	}
	return &Error{Pos: pos, Msg: msg}
}

var inLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^line (\d+): `) })

// inText puts a place behind the end of the text at the end of its last line,
// which people can see.
func (l *loader) inText(pos *value.Pos) {
	if pos.Line > len(l.lines) {
		pos.Line, pos.Col = len(l.lines), math.MaxInt
	}
	for pos.Line > 1 && strings.TrimSpace(strings.Join(l.lines[pos.Line-1:], "")) == "" {
		pos.Line, pos.Col = pos.Line-1, math.MaxInt
	}
	pos.Col = min(pos.Col, utf8.RuneCountInString(l.lines[pos.Line-1])+1)
}

func (l *loader) pos(n *yaml.Node) value.Pos {
	return value.Pos{File: l.file, Line: n.Line, Col: n.Column}
}

func (l *loader) fail(n *yaml.Node, format string, args ...any) error {
	return &Error{Pos: l.pos(n), Msg: fmt.Sprintf(format, args...)}
}

func (l *loader) node(n *yaml.Node, depth int) (value.Value, error) {
	if err := l.grown.Add(depth); err != nil {
		return value.Value{}, l.fail(n, "%v", err)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return l.node(n.Content[0], depth)
	case yaml.AliasNode:
		return l.node(n.Alias, depth+1)
	case yaml.SequenceNode:
		items := make([]value.Value, len(n.Content))
		for i, c := range n.Content {
			v, err := l.node(c, depth+1)
			if err != nil {
				return value.Value{}, err
			}
			items[i] = v
		}
		out := value.List(items...)
		s, _ := out.AsSeq()
		s.Pos = l.pos(n)
		return l.tagged(n, out)
	case yaml.MappingNode:
		m := value.NewMap()
		m.Pos = l.pos(n)
		if err := l.mapping(n, m, depth); err != nil {
			return value.Value{}, err
		}
		return l.tagged(n, value.FromMap(m))
	}
	return l.scalar(n)
}

// tagged applies !unsafe to a container.
func (l *loader) tagged(n *yaml.Node, v value.Value) (value.Value, error) {
	if n.Tag == "!unsafe" {
		return v.With(value.Unsafe), nil
	}
	return v, nil
}

func (l *loader) mapping(n *yaml.Node, m *value.Map, depth int) error {
	// Merge keys first: what the mapping says itself wins.
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Tag == "!!merge" {
			if err := l.merge(n.Content[i+1], m, depth+1); err != nil {
				return err
			}
		}
	}
	own := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		kn := n.Content[i]
		if kn.Tag == "!!merge" {
			continue
		}
		k, err := l.node(kn, depth+1)
		if err != nil {
			return err
		}
		if err := value.Hashable(k); err != nil {
			return l.fail(kn, `found unhashable key (a value that begins with {{ must be quoted: "{{ name }}")`)
		}
		if name := value.Repr(k); own[name] {
			l.opt.Warn(l.pos(kn), fmt.Sprintf("duplicate key %s: the last one wins", name))
		} else {
			own[name] = true
		}
		v, err := l.node(n.Content[i+1], depth+1)
		if err != nil {
			return err
		}
		m.Set(k, v)
	}
	return nil
}

func (l *loader) merge(n *yaml.Node, m *value.Map, depth int) error {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch n.Kind {
	case yaml.MappingNode:
		v, err := l.node(n, depth)
		if err != nil {
			return err
		}
		src, _ := v.AsMap()
		for k, v := range src.All() {
			if _, there := m.Get(k); !there {
				m.Set(k, v)
			}
		}
		return nil
	case yaml.SequenceNode:
		for _, c := range n.Content {
			if err := l.merge(c, m, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return l.fail(n, "expected a mapping or a list of mappings for merging")
}

func (l *loader) scalar(n *yaml.Node) (value.Value, error) {
	switch n.Tag {
	case "!vault", "!vault-encrypted":
		return l.vault(n)
	case "!unsafe":
		return l.text(n).With(value.Unsafe), nil
	case "!!binary":
		return l.text(n), nil
	}
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 || n.Tag == "!!str" && n.Style&yaml.TaggedStyle != 0 {
		return l.text(n), nil
	}
	if n.Style&yaml.TaggedStyle != 0 && !strings.HasPrefix(n.Tag, "!!") {
		return value.Value{}, l.fail(n, "unknown tag %s (known: !vault, !unsafe)", n.Tag)
	}
	if n.Value == "=" {
		return value.Value{}, l.fail(n, `a bare "=" is not a value: quote it`)
	}
	if v, ok := Resolve(n.Value); ok {
		return v, nil
	}
	return l.text(n), nil
}

func (l *loader) vault(n *yaml.Node) (value.Value, error) {
	if l.opt.Decrypt == nil {
		return value.Value{}, l.fail(n, "a vault value, and no vault password was given")
	}
	text, err := l.opt.Decrypt(n.Value, l.pos(n))
	if err != nil {
		return value.Value{}, &Error{Pos: l.pos(n), Msg: "vault: " + err.Error(), Cause: err}
	}
	return value.MarkedString(string(text), value.Masked).From(&value.Origin{Pos: l.pos(n)}), nil
}

// text makes a string with the place of each of its lines.
func (l *loader) text(n *yaml.Node) value.Value {
	o := &value.Origin{Pos: l.pos(n)}
	switch {
	case n.Style&yaml.LiteralStyle != 0:
		l.blockLines(n, o)
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		o.Col++ // behind the quote
		l.folds(n.Value, n.Line-1, o.Col-1, o)
	case n.Style&yaml.FoldedStyle != 0:
		l.folds(n.Value, n.Line, 0, o)
	default:
		l.folds(n.Value, n.Line-1, o.Col-1, o)
	}
	return value.String(n.Value).From(o)
}

// folds finds the parts of a text that is joined of several source lines, from
// line i, character col (both from 0) on. Where text and source differ (an
// escape), it leaves off.
func (l *loader) folds(text string, i, col int, o *value.Origin) {
	line, at := 0, 0
	for rest := text; i < len(l.lines); i, col = i+1, 0 {
		src := []rune(l.lines[i])
		for col = min(col, len(src)); col < len(src) && isBlank(src[col]); col++ {
		}
		for rest != "" && isBlank(rune(rest[0])) {
			if at++; rest[0] == '\n' {
				line, at = line+1, 0
			}
			rest = rest[1:]
		}
		n := 0
		for _, r := range rest {
			if col+n == len(src) || src[col+n] != r {
				break
			}
			n++
		}
		if n == 0 && col < len(src) || rest == "" {
			break
		}
		if n > 0 {
			o.Folds = append(o.Folds, value.Fold{Line: line, Col: at, Pos: value.Pos{File: l.file, Line: i + 1, Col: col + 1}})
		}
		rest, at = rest[len(string(src[col:col+n])):], at+n
	}
	if len(o.Folds) == 1 && o.Folds[0].Pos == o.Pos {
		o.Folds = nil // one line: counting from its place is enough
	}
}

func isBlank(r rune) bool { return r == ' ' || r == '\t' || r == '\n' }

// blockLines finds where the lines of a literal block stand in the source.
func (l *loader) blockLines(n *yaml.Node, o *value.Origin) {
	indent := -1
	for i := n.Line; i < len(l.lines); i++ {
		line := l.lines[i]
		if trimmed := strings.TrimLeft(line, " "); trimmed != "" {
			indent = len(line) - len(trimmed)
			break
		}
	}
	for i := range strings.Count(n.Value, "\n") + 1 {
		o.Lines = append(o.Lines, value.Pos{File: l.file, Line: n.Line + 1 + i, Col: max(indent, 0) + 1})
	}
}
