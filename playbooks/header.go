package playbooks

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Header is what a playbook says of itself in the comment that it begins with:
//
//	# Empties each host's cache and counts what was in it
//	# verb: flush: Empty the cache
//	# needs: cache_dir=/var/cache/app: the folder that is emptied
//	# needs: owner|cache_owner=www: whose it is, by either name
//	# once: cache_dir
//	# flag: --dry=cache_dry: only count
//
// Without a verb it is a playbook like others.
type Header struct {
	// Title is the first line.
	Title string
	// Verb is the command's name, Short what help says of it.
	Verb, Short string
	// Needs are variables that each host must have.
	Needs []Need
	// Once names a variable whose value may stand once per machine; "" = none.
	Once string
	// Flags are the verb's own.
	Flags []Flag
}

// Need is a variable, what it is for, and an example of a value. Also are other
// names that do as well.
type Need struct {
	Name, Example, What string
	Also                []string
}

// Flag is a switch that sets a variable to yes.
type Flag struct{ Name, Variable, Help string }

var (
	verbLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([a-z][a-z0-9-]*): +(.+)$`) })
	needLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([A-Za-z_]\w*)((?:\|[A-Za-z_]\w*)*)=(\S+): +(.+)$`) })
	onceLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([A-Za-z_]\w*)$`) })
	flagLine = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^--([a-z][a-z0-9-]*)=([A-Za-z_]\w*): +(.+)$`)
	})
)

// ReadHeader reads the comment that a playbook begins with. Only where a line says
// a verb are the others more than comments; errors name the line.
func ReadHeader(text []byte) (Header, error) {
	h := Header{Title: Title(text)}
	lines := comment(text)
	verb := func(line string) bool { return strings.HasPrefix(line, "verb: ") }
	if !slices.ContainsFunc(lines, verb) {
		return h, nil
	}
	for i, line := range lines {
		if err := h.take(line); err != nil {
			return h, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return h, nil
}

// comment are the lines before the first play, without their signs; "" stands for
// one that is no comment.
func comment(text []byte) []string {
	var out []string
	said := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		c, is := strings.CutPrefix(line, "#")
		if !is && (line != "" && line != "---" || said && line == "---") {
			break
		}
		said = said || is
		out = append(out, strings.TrimSpace(c))
	}
	return out
}

// take reads one line; one that has none of the words is an ordinary comment.
func (h *Header) take(line string) error {
	word, rest, ok := strings.Cut(line, ": ")
	rest = strings.TrimSpace(rest)
	var m []string
	var form string
	switch {
	case !ok:
		return nil
	case word == "verb":
		if m, form = verbLine().FindStringSubmatch(rest), "# verb: NAME: what it does"; m != nil {
			h.Verb, h.Short = m[1], m[2]
		}
	case word == "needs":
		if m, form = needLine().FindStringSubmatch(rest), "# needs: VARIABLE=EXAMPLE: what it is"; m != nil {
			n := Need{Name: m[1], Example: m[3], What: m[4]}
			if m[2] != "" {
				n.Also = strings.Split(m[2][1:], "|")
			}
			h.Needs = append(h.Needs, n)
		}
	case word == "once":
		if m, form = onceLine().FindStringSubmatch(rest), "# once: VARIABLE"; m != nil {
			h.Once = m[1]
		}
	case word == "flag":
		if m, form = flagLine().FindStringSubmatch(rest), "# flag: --NAME=VARIABLE: what it does"; m != nil {
			h.Flags = append(h.Flags, Flag{m[1], m[2], m[3]})
		}
	default:
		return nil
	}
	if m == nil {
		return fmt.Errorf("%q is written like this: %s", "# "+line, form)
	}
	return nil
}
