package lock

import (
	"cmp"
	"path"
	"strings"
	"unicode"

	"remoterun/runner/host"
)

// seenText tells who holds the lock in one of the folders, by the holder that lives; it
// takes nothing and writes nothing.
const seenText = `for d; do
cd -- "$d" 2>/dev/null || continue
p=$(cat pid 2>/dev/null) && [ "/proc/$p/fd/6" -ef mark ] || continue
echo held
cat who
exit
done
echo free`

// Seen asks who holds root's lock of the project whose folder on the host that is
// (/var/lib/remoterun/PROJECT); nil = nobody.
func Seen(dir string) host.Fact[*HeldError] {
	return host.Fact[*HeldError]{Q: host.NewProbe(seenText, path.Join(runDir, path.Base(dir)), path.Join(dir, "lock")), Parse: func(a host.Answer) (*HeldError, error) {
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
