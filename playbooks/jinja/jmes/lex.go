package jmes

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"remoterun/runner/value"
)

type token struct {
	kind string // the sign itself, or: name, quoted, literal, number, end
	text string
	lit  value.Value
	at   int
}

// binds is how strongly a token binds what is to its left.
func binds(kind string) int {
	switch kind {
	case "|":
		return 1
	case "||":
		return 2
	case "&&":
		return 3
	case "==", "!=", "<", "<=", ">", ">=":
		return 5
	case "[]":
		return 9
	case "*":
		return 20
	case "[?":
		return 21
	case ".":
		return 40
	case "!":
		return 45
	case "{":
		return 50
	case "[":
		return 55
	case "(":
		return 60
	}
	return 0
}

func lex(s string) ([]token, error) {
	var out []token
	for i := 0; i < len(s); {
		if strings.IndexByte(" \t\r\n", s[i]) >= 0 {
			i++
			continue
		}
		t, n, err := scan(s[i:])
		if err != nil {
			return nil, fmt.Errorf("%w at column %d of %q", err, utf8.RuneCountInString(s[:i]), s)
		}
		t.at = i
		out = append(out, t)
		i += n
	}
	return append(out, token{kind: "end", at: len(s)}), nil
}

func scan(s string) (token, int, error) {
	for _, op := range []string{"||", "&&", "==", "!=", "<=", ">=", "[?", "[]"} {
		if strings.HasPrefix(s, op) {
			return token{kind: op}, 2, nil
		}
	}
	c := s[0]
	switch {
	case strings.IndexByte(".*|&@[]{}(),:<>!", c) >= 0:
		return token{kind: string(c)}, 1, nil
	case c == '"' || c == '\'' || c == '`':
		return quoted(s, c)
	case c == '-' || c >= '0' && c <= '9':
		n := 1
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		return token{kind: "number", text: s[:n]}, n, nil
	}
	n := 0
	for n < len(s) && (s[n] == '_' || s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z' || n > 0 && s[n] >= '0' && s[n] <= '9') {
		n++
	}
	if n == 0 {
		return token{}, 0, fmt.Errorf("unexpected character %q", c)
	}
	return token{kind: "name", text: s[:n]}, n, nil
}

// quoted reads "field", 'text' or a `literal`.
func quoted(s string, q byte) (token, int, error) {
	end := 1
	for end < len(s) && s[end] != q {
		if s[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(s) {
		return token{}, 0, fmt.Errorf("no closing %c", q)
	}
	body := s[1:end]
	switch q {
	case '\'':
		return token{kind: "literal", lit: value.String(strings.ReplaceAll(body, `\'`, "'"))}, end + 1, nil
	case '"':
		v, err := value.ParseJSON([]byte(`"` + body + `"`))
		return token{kind: "quoted", text: value.Str(v)}, end + 1, err
	}
	body = strings.TrimLeft(strings.ReplaceAll(body, "\\`", "`"), " \t\n\r")
	v, err := value.ParseJSON([]byte(body))
	if err != nil {
		v, err = value.ParseJSON([]byte(`"` + body + `"`))
	}
	return token{kind: "literal", lit: v}, end + 1, err
}
