package kit

import (
	"strings"

	"remoterun/runner/value"
)

// HostText is text that came from a host: it is never read as a template.
func HostText(s string) value.Value { return value.MarkedString(s, value.Unsafe) }

// hostLines is text of a host as a list of its lines, as Python splits them.
func hostLines(s string) value.Value {
	items := []value.Value{}
	for _, l := range splitLines(s) {
		items = append(items, HostText(l))
	}
	return value.List(items...)
}

// splitLines is Python's str.splitlines().
func splitLines(s string) []string {
	var out []string
	for s != "" {
		i := strings.IndexAny(s, "\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029")
		if i < 0 {
			return append(out, s)
		}
		out = append(out, s[:i])
		n := 1
		switch {
		case strings.HasPrefix(s[i:], "\r\n"):
			n = 2
		case s[i] >= 0x80:
			n = len(string([]rune(s[i:])[0]))
		}
		s = s[i+n:]
	}
	return out
}

// Outputs are the result keys of what a command printed.
func Outputs(stdout, stderr string, strip bool) *value.Map {
	if strip {
		stdout, stderr = strings.TrimRight(stdout, "\r\n"), strings.TrimRight(stderr, "\r\n")
	}
	return value.MapOf("stdout", HostText(stdout), "stderr", HostText(stderr),
		"stdout_lines", hostLines(stdout), "stderr_lines", hostLines(stderr))
}

// OneLine shortens text for a step's description.
func OneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 100 {
		return string(r[:99]) + "…"
	}
	return s
}
