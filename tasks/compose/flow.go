package compose

import "strings"

// flowItem is an entry of a flow collection as it is written: of a sequence the
// value alone.
type flowItem struct{ key, val string }

// flowItems splits the text of a flow collection, {a: b, c: [d]} or [a, b]; the
// text may begin with an anchor or a tag. ok says that it was understood: comments
// and explicit keys are not.
func flowItems(text string) (items []flowItem, ok bool) {
	s := &flowScan{text: text, fresh: true}
	for s.at < len(text) && s.depth == 0 && text[s.at] != '{' && text[s.at] != '[' {
		s.at++
	}
	if s.at == len(text) {
		return nil, false
	}
	mapping := text[s.at] == '{'
	s.at, s.depth, s.from, s.colon = s.at+1, 1, s.at+1, -1
	for s.at < len(text) {
		c := text[s.at]
		switch {
		case s.depth == 1 && (c == ',' || c == '}' || c == ']'):
			it, empty := s.item(mapping)
			if !empty {
				items = append(items, it)
			}
			if c != ',' {
				return items, ended(text[s.at+1:]) && s.sound(items)
			}
			s.at, s.from, s.colon, s.fresh = s.at+1, s.at+1, -1, true
		case !s.step(c):
			return nil, false
		}
	}
	return nil, false
}

// ended reports that nothing but a comment is behind a collection.
func ended(rest string) bool {
	for line := range strings.Lines(rest) {
		if !idle(line) {
			return false
		}
	}
	return true
}

// flowScan is a place in a flow collection; fresh says that a value may begin here.
type flowScan struct {
	text                   string
	at, depth, from, colon int
	fresh                  bool
}

func (s *flowScan) item(mapping bool) (it flowItem, empty bool) {
	if mapping && s.colon >= 0 {
		return flowItem{strings.TrimSpace(s.text[s.from:s.colon]), strings.TrimSpace(s.text[s.colon+1 : s.at])}, false
	}
	whole := strings.TrimSpace(s.text[s.from:s.at])
	if mapping {
		return flowItem{key: whole}, whole == ""
	}
	return flowItem{val: whole}, whole == ""
}

// sound refuses keys that are not plain in a block, too.
func (s *flowScan) sound(items []flowItem) bool {
	for _, it := range items {
		if strings.HasPrefix(it.key, "?") || strings.ContainsAny(it.key, "\n") || it.key == "" && it.val == "" {
			return false
		}
	}
	return true
}

// step goes over one character, or a quoted text, or an anchor or tag.
func (s *flowScan) step(c byte) bool {
	t := s.text
	switch {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r':
	case s.fresh && (c == '"' || c == '\''):
		end := quotedEnd(t, s.at)
		if end < 0 {
			return false
		}
		s.at, s.fresh = end, false
		if s.at < len(t) && t[s.at] == ':' { // "a":b
			s.separator()
		}
		return true
	case s.fresh && (c == '&' || c == '!'):
		for s.at < len(t) && !strings.ContainsRune(" \t\r\n,]}", rune(t[s.at])) {
			s.at++
		}
		return true
	case c == '#' && s.at > 0 && strings.ContainsRune(" \t\n", rune(t[s.at-1])):
		return false
	case c == '[' || c == '{':
		s.depth, s.fresh = s.depth+1, true
	case c == ']' || c == '}':
		s.depth, s.fresh = s.depth-1, false
	case c == ',':
		s.fresh = true
	case c == ':' && (s.at+1 == len(t) || strings.ContainsRune(" \t\r\n,[]{}", rune(t[s.at+1]))):
		s.separator()
		return true
	default:
		s.fresh = false
	}
	s.at++
	return true
}

func (s *flowScan) separator() {
	if s.depth == 1 && s.colon < 0 {
		s.colon = s.at
	}
	s.at, s.fresh = s.at+1, true
}

// quotedEnd is the place behind the quoted text that begins at; -1 = it has no end.
func quotedEnd(t string, at int) int {
	q := t[at]
	for i := at + 1; i < len(t); i++ {
		switch {
		case q == '"' && t[i] == '\\':
			i++
		case t[i] == q && q == '\'' && i+1 < len(t) && t[i+1] == q:
			i++
		case t[i] == q:
			return i + 1
		}
	}
	return -1
}

// lines are the item in a block: a mapping's entry, or a sequence's. What goes on
// over several lines is indented behind it, which changes nothing in a flow.
func (it flowItem) lines() []string {
	parts := strings.Split(it.val, "\n")
	for i, p := range parts {
		parts[i] = strings.TrimSpace(p)
		if i > 0 {
			parts[i] = "    " + parts[i]
		}
	}
	switch {
	case it.key == "":
		parts[0] = "- " + parts[0]
	case it.val == "":
		return []string{it.key + ":"}
	default:
		parts[0] = it.key + ": " + parts[0]
	}
	return parts
}
