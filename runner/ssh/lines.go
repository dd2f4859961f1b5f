package ssh

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// line is one line of an ssh configuration.
type line struct {
	at       string // file:line
	text     string
	key      string   // in lower case
	args     []string // its words, without quotes and comment
	rest     string   // behind the key, as it stands
	included []line   // of an Include
}

// maxIncludes is how deep files include others.
const maxIncludes = 16

// readLines reads a configuration with the files that it includes, by the rules of
// OpenSSH's client; base is the folder of relative includes. Errors name file and line.
func (c *Config) readLines(path, base string, depth int) ([]line, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []line
	for i, raw := range strings.Split(string(text), "\n") {
		l := line{at: fmt.Sprintf("%s:%d", path, i+1), text: strings.TrimSpace(raw)}
		if l.text == "" || l.text[0] == '#' {
			continue
		}
		if err := l.split(); err != nil {
			return nil, fmt.Errorf("%s: %w", l.at, err)
		}
		if l.key == "include" {
			if err := c.include(&l, base, depth+1); err != nil {
				return nil, err
			}
		}
		out = append(out, l)
	}
	return out, nil
}

// split finds the key and the words: "Key words", "Key=words", "Key = words".
func (l *line) split() error {
	end := strings.IndexAny(l.text, " \t=")
	if end < 0 {
		end = len(l.text)
	}
	l.key = strings.ToLower(strings.Trim(l.text[:end], `"`))
	l.rest = strings.TrimLeft(l.text[end:], " \t")
	l.rest = strings.TrimLeft(strings.TrimPrefix(l.rest, "="), " \t")
	if l.key == "proxycommand" { // a shell's text
		l.args = []string{l.rest}
		return nil
	}
	var err error
	l.args, err = words(l.rest)
	return err
}

// words splits text at blanks. Quotes keep blanks, a backslash keeps a quote, a
// backslash or (outside of quotes) a blank; # begins a comment where a word would.
func words(text string) ([]string, error) {
	var out []string
	for i := 0; i < len(text); {
		switch text[i] {
		case ' ', '\t':
			i++
			continue
		case '#':
			return out, nil
		}
		var w strings.Builder
		quote := byte(0)
		for ; i < len(text); i++ {
			b := text[i]
			switch {
			case b == '\\' && i+1 < len(text) && (strings.IndexByte(`"'\`, text[i+1]) >= 0 || quote == 0 && text[i+1] == ' '):
				i++
				w.WriteByte(text[i])
				continue
			case quote == 0 && (b == '"' || b == '\''):
				quote = b
				continue
			case quote != 0 && b == quote:
				quote = 0
				continue
			}
			if quote == 0 && (b == ' ' || b == '\t') {
				break
			}
			w.WriteByte(b)
		}
		if quote != 0 {
			return nil, errors.New("a quote is not closed")
		}
		out = append(out, w.String())
	}
	return out, nil
}

// include reads what a line includes: patterns of files, relative ones in base; what is
// not there is left out.
func (c *Config) include(l *line, base string, depth int) error {
	if depth > maxIncludes {
		return fmt.Errorf("%s: more than %d files include one another", l.at, maxIncludes)
	}
	for _, pattern := range l.args {
		if strings.HasPrefix(pattern, "~/") {
			pattern = c.home + pattern[1:]
		}
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(base, pattern)
		}
		files, err := filepath.Glob(pattern)
		if err != nil {
			return fmt.Errorf("%s: %w", l.at, err)
		}
		for _, f := range files {
			lines, err := c.readLines(f, base, depth)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			l.included = append(l.included, lines...)
		}
	}
	return nil
}
