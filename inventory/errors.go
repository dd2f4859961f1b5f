package inventory

import (
	"fmt"
	"sort"
	"strings"

	"remoterun/runner/near"
	"remoterun/runner/value"
)

// Error is one mistake in an inventory, a file of variables or a pattern.
type Error struct {
	Pos value.Pos
	Msg string
	// Allowed are the names that would have been right, empty when there is no
	// such list.
	Allowed []string
	// Near is the allowed name that was probably meant, empty when none is near.
	Near string
	// Unknown says that the host is not in the inventory.
	Unknown bool
	// Cause is why a vault stays closed; nil for all else.
	Cause error
}

// NoHost reports a host that is not in the inventory.
func (e *Error) NoHost() bool { return e.Unknown }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

func (e *Error) Error() string {
	var b strings.Builder
	if p := e.Pos.String(); p != "" {
		b.WriteString(p + ": ")
	}
	b.WriteString(e.Msg)
	if e.Near != "" {
		fmt.Fprintf(&b, "; did you mean %q?", e.Near)
	}
	if len(e.Allowed) > 0 {
		b.WriteString(" (allowed: " + strings.Join(e.Allowed, ", ") + ")")
	}
	return b.String()
}

// Errors are all mistakes that were found, in the order of their places in the
// files.
type Errors []*Error

func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns each mistake.
func (es Errors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}

// err is nil when there are none: a nil Errors in an error is not nil.
func (es Errors) err() error {
	if len(es) == 0 {
		return nil
	}
	return es
}

// sort orders mistakes by line within each file; files stay in their order.
func (es Errors) sort() {
	files := map[string]int{}
	for _, e := range es {
		if _, ok := files[e.Pos.File]; !ok {
			files[e.Pos.File] = len(files)
		}
	}
	sort.SliceStable(es, func(i, j int) bool {
		a, b := es[i].Pos, es[j].Pos
		if a.File != b.File {
			return files[a.File] < files[b.File]
		}
		return a.Line < b.Line
	})
}

// meant is the name that a slip of the finger turns into word: at most one
// change in three letters, empty when there is none.
func meant(word string, names []string) string {
	best, dist := "", len(word)/3+1
	sorted := append([]string(nil), names...)
	sort.Strings(sorted)
	for _, n := range sorted {
		if d := near.Distance(strings.ToLower(word), strings.ToLower(n)); d < dist || d == dist && best == "" && d < len(word) {
			best, dist = n, d
		}
	}
	return best
}

// slip is a name that is one letter away from word, and not just another
// number: what is most likely a mistake even where other names are allowed.
func slip(word string, names []string) string {
	letters := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return -1
			}
			return r
		}, s)
	}
	for _, n := range names {
		if len(word) > 3 && near.Distance(word, n) == 1 && letters(word) != letters(n) {
			return n
		}
	}
	return ""
}
