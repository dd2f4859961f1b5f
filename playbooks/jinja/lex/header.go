package lex

import (
	"fmt"
	"strconv"
	"strings"
)

// Header reads a first line "#jinja2: trim_blocks: False, …" and returns the
// text behind it and how many bytes that leaves out.
func Header(text string, syn Syntax) (_ Syntax, body string, skipped int, err error) {
	const mark = "#jinja2:"
	if !strings.HasPrefix(text, mark) {
		return syn, text, 0, nil
	}
	line, body, _ := strings.Cut(text, "\n")
	if err := syn.Options(strings.TrimSuffix(line, "\r")[len(mark):]); err != nil {
		return syn, text, 0, err
	}
	return syn, body, len(text) - len(body), nil
}

// Options sets what such a line lists.
func (s *Syntax) Options(line string) error {
	if line == "" {
		return nil
	}
	for _, part := range strings.Split(line, ",") {
		key, val, ok := strings.Cut(part, ":")
		key, val = strings.TrimSpace(key), strings.TrimSpace(val)
		if !ok {
			return fmt.Errorf("failed to parse jinja2 override '%s': the #jinja2: line has options as \"option: value\", with a colon", strings.TrimSpace(part))
		}
		if err := s.set(key, strings.Trim(val, `'"`)); err != nil {
			return err
		}
	}
	return nil
}

// set sets an option by Jinja's name.
func (s *Syntax) set(key, val string) error {
	words := map[string]*string{"variable_start_string": &s.VarStart, "variable_end_string": &s.VarEnd, "block_start_string": &s.BlockStart,
		"block_end_string": &s.BlockEnd, "comment_start_string": &s.CommentStart, "comment_end_string": &s.CommentEnd,
		"line_statement_prefix": &s.LinePrefix, "line_comment_prefix": &s.LineComment}
	flags := map[string]*bool{"trim_blocks": &s.TrimBlocks, "lstrip_blocks": &s.LstripBlocks}
	if p, ok := words[key]; ok {
		*p = val
		return nil
	}
	if p, ok := flags[key]; ok {
		b, err := strconv.ParseBool(strings.ToLower(val))
		if err != nil {
			return fmt.Errorf("the #jinja2: line has %s: %s, expected True or False", key, val)
		}
		*p = b
		return nil
	}
	switch key {
	case "keep_trailing_newline": // Ansible gives them back
		return nil
	case "newline_sequence":
		if s.Newline = strings.NewReplacer(`\r`, "\r", `\n`, "\n").Replace(val); s.Newline != "\n" && s.Newline != "\r" && s.Newline != "\r\n" {
			return fmt.Errorf(`the #jinja2: line has newline_sequence: %s, expected '\n', '\r' or '\r\n'`, val)
		}
		return nil
	}
	return fmt.Errorf("the #jinja2: line has an unknown option %q", key)
}
