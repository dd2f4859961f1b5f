package ast

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"remoterun/runner/value"
)

// errUnbalanced is what splitting says of text whose quotes or braces are open.
var errUnbalanced = errors.New("an open quote or template brace: quote the entire line")

// splitter cuts free-form text at white space, but not inside quotes, templates
// or template blocks. Line breaks and doubled blanks stay with the piece before
// them, so that joined pieces give a script back as it was written.
type splitter struct {
	parts []string
	quote byte
	depth [3]int // {{ }}, {% %}, {# #}
}

var braces = [3][2]string{{"{{", "}}"}, {"{%", "%}"}, {"{#", "#}"}}

func (p *splitter) inside() bool { return p.quote != 0 || p.depth != [3]int{} }

// glue adds text to the last piece.
func (p *splitter) glue(text string) {
	if len(p.parts) == 0 {
		p.parts = append(p.parts, "")
	}
	p.parts[len(p.parts)-1] += text
}

func splitArgs(text string) ([]string, error) {
	var p splitter
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		continued := p.line(line)
		if i < len(lines)-1 && !continued {
			p.glue("\n")
		}
	}
	if p.inside() {
		return nil, errUnbalanced
	}
	return p.parts, nil
}

// line takes one line; it reports whether it ended in a lone backslash.
func (p *splitter) line(line string) (continued bool) {
	for i, tok := range strings.Split(line, " ") {
		switch {
		case tok == "" && i > 0:
			p.glue(" ")
			continue
		case tok == `\` && p.quote == 0:
			continued = true
			continue
		}
		within := p.inside()
		p.feed(tok)
		switch {
		case within && i > 0:
			p.glue(" " + tok)
		case within:
			p.glue(tok)
		case tok != "":
			p.parts = append(p.parts, tok)
		}
	}
	return continued
}

// feed notes which quotes and braces tok opens and closes.
func (p *splitter) feed(tok string) {
	for i := range len(tok) {
		c := tok[i]
		if c != '\'' && c != '"' || i > 0 && tok[i-1] == '\\' {
			continue
		}
		switch p.quote {
		case 0:
			p.quote = c
		case c:
			p.quote = 0
		}
	}
	for k, b := range braces {
		p.depth[k] = max(0, p.depth[k]+strings.Count(tok, b[0])-strings.Count(tok, b[1]))
	}
}

// joinArgs puts pieces together again.
func joinArgs(parts []string) string {
	var b strings.Builder
	for i, p := range parts {
		if i > 0 && !strings.HasSuffix(parts[i-1], "\n") {
			b.WriteByte(' ')
		}
		b.WriteString(p)
	}
	return b.String()
}

// pair is one k=v of free-form text.
type pair struct{ key, val string }

// rawOptions are the only k=v words that are options in a module that takes
// any text; everything else is part of the text.
var rawOptions = map[string]bool{
	"creates": true, "removes": true, "chdir": true, "executable": true, "warn": true,
	"stdin": true, "stdin_add_newline": true, "strip_empty_ends": true,
}

// parseKV reads "a=1 b='x y' rest": pairs in order, and what is no pair. With
// raw set only the words of rawOptions are pairs.
func parseKV(text string, raw bool) (pairs []pair, rest string, err error) {
	parts, err := splitArgs(text)
	if err != nil {
		return nil, "", err
	}
	var free []string
	for _, part := range parts {
		word := unescape(part)
		at := equalSign(word)
		switch {
		case at < 0 && strings.Contains(word, "="):
			free = append(free, strings.ReplaceAll(word, `\=`, "="))
		case at < 0, raw && !rawOptions[word[:at]]:
			free = append(free, part)
		default:
			pairs = append(pairs, pair{strings.TrimSpace(word[:at]), unquote(strings.TrimSpace(word[at+1:]))})
		}
	}
	return pairs, joinArgs(free), nil
}

// Pairs reads "a=1 b='x y' c={{ z }}" as Ansible reads -e: blanks in quotes and
// templates separate nothing. Errors: a quote or a brace that is open, and words
// that are no name=value, which Ansible passes over.
func Pairs(text string) (*value.Map, error) {
	pairs, rest, err := parseKV(text, false)
	if err != nil {
		return nil, err
	}
	if rest = strings.TrimSpace(rest); rest != "" {
		return nil, fmt.Errorf("%q is not name=value", rest)
	}
	m := value.NewMap()
	for _, p := range pairs {
		m.Put(p.key, value.String(p.val))
	}
	return m, nil
}

// equalSign finds the first "=" behind the first letter that no backslash
// escapes, -1 when there is none.
func equalSign(s string) int {
	for i := 1; i < len(s); i++ {
		if s[i] == '=' && s[i-1] != '\\' {
			return i
		}
	}
	return -1
}

func unquote(s string) string {
	if n := len(s); n > 1 && s[0] == s[n-1] && (s[0] == '"' || s[0] == '\'') && s[n-2] != '\\' {
		return s[1 : n-1]
	}
	return s
}

var escapes = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\\(?:U[0-9a-fA-F]{8}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[\\'"abfnrtv])`)
})

// unescape reads the escapes that Python's text literals have.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return escapes().ReplaceAllStringFunc(s, func(e string) string {
		if len(e) > 2 {
			n, err := strconv.ParseUint(e[2:], 16, 32)
			if err != nil || n > 0x10ffff {
				return e
			}
			return string(rune(n))
		}
		if i := strings.IndexByte(`\'"abfnrtv`, e[1]); i >= 0 {
			return string("\\'\"\a\b\f\n\r\t\v"[i])
		}
		return e
	})
}
