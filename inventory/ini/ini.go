// Package ini reads what INI inventories and ansible.cfg have in common: lines
// with places, comments and section headers. What a line means is its reader's
// affair. It does no I/O.
package ini

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"remoterun/runner/value"
)

// Line is one line that says something: not empty, no comment.
type Line struct {
	Pos  value.Pos // of the first character of Text
	Text string    // without white space around it
	// Indented says that white space stood before the text: a continued value
	// in ansible.cfg.
	Indented bool
	// Broken says that the bytes are no UTF-8; Text then holds U+FFFD for them.
	Broken bool
}

// Lines splits a file. A line that begins with # or ; is a comment.
func Lines(file string, data []byte) []Line {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	var out []Line
	for i, raw := range strings.Split(text, "\n") {
		body := strings.TrimSpace(raw)
		if body == "" || body[0] == '#' || body[0] == ';' {
			continue
		}
		before := raw[:strings.Index(raw, body)]
		out = append(out, Line{
			Pos:      value.Pos{File: file, Line: i + 1, Col: utf8.RuneCountInString(before) + 1},
			Text:     strings.ToValidUTF8(body, "\ufffd"),
			Indented: before != "",
			Broken:   !utf8.ValidString(body),
		})
	}
	return out
}

// Header reads a line that is one bracketed expression, with a comment behind
// it or not, and returns what the brackets hold. ok is false for any other
// line: "[web" and "[a] b" are none.
func Header(text string) (name string, ok bool) {
	if !strings.HasPrefix(text, "[") {
		return "", false
	}
	end := strings.IndexByte(text, ']')
	if end < 0 {
		return "", false
	}
	rest := strings.TrimSpace(text[end+1:])
	if rest != "" && rest[0] != '#' && rest[0] != ';' {
		return "", false
	}
	return text[1:end], true
}
