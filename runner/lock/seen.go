package lock

import (
	"cmp"
	"strings"
	"unicode"

	"remoterun/runner/host"
)

// seenText tells who holds the lock in folder $1, by the holder that lives; it
// takes nothing and writes nothing.
const seenText = `cd -- "$1" 2>/dev/null || { echo free; exit 0; }
p=$(cat pid 2>/dev/null) && [ "/proc/$p/fd/6" -ef mark ] || { echo free; exit 0; }
echo held
cat who`

// Seen asks who holds the lock in a folder of the host; nil = nobody.
func Seen(dir string) host.Fact[*HeldError] {
	return host.Fact[*HeldError]{Q: host.NewProbe(seenText, dir), Parse: func(a host.Answer) (*HeldError, error) {
		rest, held := strings.CutPrefix(string(a.Stdout), "held\n")
		if !held {
			return nil, nil
		}
		return whoHolds(rest), nil
	}}
}

// whoHolds reads the holder's three lines.
func whoHolds(text string) *HeldError {
	e := &HeldError{Who: "somebody", Since: "an unknown time", Doing: "unknown work"}
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if p := []*string{&e.Who, &e.Since, &e.Doing}; i < len(p) && strings.TrimSpace(line) != "" {
			*p[i] = shown(line)
		}
	}
	return e
}

// longest is how much of a line that a host says is shown.
const longest = 100

// shown is a host's line as an operator may see it.
func shown(line string) string {
	line = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(line, "?")))
	if r := []rune(line); len(r) > longest {
		line = string(r[:longest]) + "..."
	}
	return cmp.Or(line, "?")
}
