package compose

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Diff is the unified difference between a file and what Edited makes of it, or
// takes back: patch and git apply take it.
func Diff(name, before, after string) string {
	if before == after {
		return ""
	}
	lines := compared(split(before), split(after))
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", name, name)
	for from := 0; from < len(lines); {
		at := slices.IndexFunc(lines[from:], line.differs)
		if at < 0 {
			break
		}
		begin := max(from, from+at-around)
		end, last := from+at, from+at
		for end < len(lines) && end <= last+2*around {
			if lines[end].differs() {
				last = end
			}
			end++
		}
		end = min(last+around+1, len(lines))
		hunk(&b, lines, begin, end)
		from = end
	}
	return b.String()
}

// around are the lines around a difference.
const around = 3

// line is a line of a difference: of both, of the old or of the new file alone.
type line struct {
	sign byte
	text string // with its "\n", where it has one
}

func (l line) differs() bool { return l.sign != ' ' }

func split(text string) []string {
	out := strings.SplitAfter(text, "\n")
	if out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}

// compared lays both files beside each other: the longest run of common lines
// first, as far as one is near.
func compared(a, b []string) []line {
	var out []line
	for len(a) > 0 || len(b) > 0 {
		if len(a) > 0 && len(b) > 0 && a[0] == b[0] {
			out, a, b = append(out, line{' ', a[0]}), a[1:], b[1:]
			continue
		}
		i, j := meet(a, b)
		for _, l := range a[:i] {
			out = append(out, line{'-', l})
		}
		for _, l := range b[:j] {
			out = append(out, line{'+', l})
		}
		a, b = a[i:], b[j:]
	}
	return out
}

// meet is the nearest pair of places where the two agree again, for two lines if
// there are two.
func meet(a, b []string) (int, int) {
	for sum := 1; sum < len(a)+len(b); sum++ {
		for i := max(0, sum-len(b)+1); i <= min(sum, len(a)-1); i++ {
			j := sum - i
			if a[i] == b[j] && (i+1 >= len(a) || j+1 >= len(b) || a[i+1] == b[j+1]) {
				return i, j
			}
		}
	}
	return len(a), len(b)
}

func hunk(b *strings.Builder, lines []line, begin, end int) {
	start := [2]int{1, 1}
	var count [2]int
	for i, l := range lines[:end] {
		n := [2]int{1, 1}
		switch l.sign {
		case '-':
			n[1] = 0
		case '+':
			n[0] = 0
		}
		into := &start
		if i >= begin {
			into = &count
		}
		into[0], into[1] = into[0]+n[0], into[1]+n[1]
	}
	for i := range count {
		if count[i] == 0 {
			start[i]--
		}
	}
	fmt.Fprintf(b, "@@ -%d,%d +%d,%d @@\n", start[0], count[0], start[1], count[1])
	for _, l := range lines[begin:end] {
		fmt.Fprintf(b, "%c%s", l.sign, strings.TrimSuffix(l.text, "\n"))
		b.WriteByte('\n')
		if !strings.HasSuffix(l.text, "\n") {
			b.WriteString("\\ No newline at end of file\n")
		}
	}
}

// secretLike are names whose values nobody wants to see on a screen, and logins in
// addresses.
var secretLike = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)((?:pass|pwd|secret|token|key|credential)[^:=\s]*["']?\s*[:=]\s*|://)[^\s@]+(@)?`)
})

// Shown is a difference as it may stand on a screen that nobody asked for it: what
// looks like a secret is hidden. It is no patch any more.
func Shown(diff string) string {
	return secretLike().ReplaceAllStringFunc(diff, func(m string) string {
		at := secretLike().FindStringSubmatch(m)
		if at[1] == "://" && at[2] == "" { // an address without a login
			return m
		}
		return at[1] + "***" + at[2]
	})
}
