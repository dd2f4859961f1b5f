package compose

import (
	"slices"
	"strings"
)

// keptMark opens a line of the user's that the overlay has taken the place of:
// as a comment, it gives way and can be taken back.
const keptMark = "# remoterun keeps: "

// kept makes comments of lines; blank lines and comments stay.
func kept(lines []string) {
	for i, l := range lines {
		if t := strings.TrimLeft(l, " "); t != "" && t[0] != '#' {
			lines[i] = l[:len(l)-len(t)] + keptMark + t
		}
	}
}

// restored undoes kept.
func restored(l string) string {
	in, rest, ok := strings.Cut(l, keptMark)
	if !ok || strings.TrimSpace(in) != "" {
		return l
	}
	return in + rest
}

// GaveWay is the warning that keys of the user's are comments now.
func (f OverrideFile) GaveWay(text string) []string {
	if !strings.Contains(text, keptMark) {
		return nil
	}
	return []string{f.Path + ": keys that the overlay sets are comments now, behind \"" + strings.TrimSpace(keptMark) + "\""}
}

// merging are the keys of which the overlay sets some names only: what the user
// says of others there stays.
var merging = []string{"environment", "ulimits"}

// yieldTo makes room in the user's block of the service: keys that both set
// become comments, and in those of merging only the names that both set. It
// answers which lines of ours are left for the head of the block, and a key of
// the user's that cannot be read line by line.
func (d *topFile) yieldTo(service string, clash, lines []string) (left []string, unread string) {
	left = lines
	for _, key := range clash {
		from, to := d.entry("services", service, key)
		if !slices.Contains(merging, key) {
			kept(d.lines[from:to])
			continue
		}
		ours := childrenOf(left, key)
		if unread = d.mergeInto(from, to, ours); unread != "" {
			return nil, key
		}
		left = without(left, key)
	}
	return left, ""
}

// entry is the range of lines of KEY.NAME.SUB, its own line first.
func (d *topFile) entry(key, name, sub string) (from, to int) {
	from, to = d.block(key)
	outer := d.indent(from, to)
	inside, start, in := false, -1, ""
	for i := from; i < to; i++ {
		t := strings.TrimLeft(d.lines[i], " ")
		if t == "" || t[0] == '#' {
			continue
		}
		now := d.lines[i][:len(d.lines[i])-len(t)]
		k, _, _ := strings.Cut(t, ":")
		k = strings.Trim(k, `"' `)
		switch {
		case now == outer:
			if start >= 0 {
				return start, i
			}
			inside, in = k == name, ""
		case inside && (in == "" || now == in) && t[0] != '-':
			if start >= 0 {
				return start, i
			}
			if in = now; k == sub {
				start = i
			}
		}
	}
	return start, to
}

// mergeInto puts our children of a mapping, or of a list of NAME=VALUE, at the
// head of the user's; a flow style ({a: b}), an alias and the like are not read.
func (d *topFile) mergeInto(from, to int, ours []string) (unread string) {
	_, value, _ := strings.Cut(d.lines[from], ":")
	if value, _, _ = strings.Cut(value, " #"); strings.TrimSpace(value) != "" {
		return d.lines[from]
	}
	in, list := "", false
	for i := from + 1; i < to; i++ {
		t := strings.TrimLeft(d.lines[i], " ")
		if t == "" || t[0] == '#' {
			continue
		}
		now := d.lines[i][:len(d.lines[i])-len(t)]
		if in == "" {
			in, list = now, t[0] == '-'
			if in == "" || strings.HasPrefix(t, "<<") {
				return d.lines[i]
			}
		}
		if now != in || !slices.ContainsFunc(ours, func(l string) bool { return childName(l) == childName(t) }) {
			continue
		}
		end := i + 1
		for end < to && strings.HasPrefix(d.lines[end], in+" ") {
			end++
		}
		kept(d.lines[i:end])
	}
	if in == "" {
		return d.lines[from]
	}
	add := append(append([]string{Mark}, asList(ours, list)...), End)
	d.lines = slices.Insert(d.lines, from+1, indented(add, in)...)
	return ""
}

// childNames are the names of lines, in their order.
func childNames(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = childName(l)
	}
	return out
}

// childName is the name in `NAME: value`, `- NAME=value` and `- "NAME=value"`.
func childName(l string) string {
	l = strings.TrimLeft(strings.TrimPrefix(strings.TrimSpace(l), "-"), ` "'`)
	if i := strings.IndexAny(l, `=: "'`); i >= 0 {
		l = l[:i]
	}
	return l
}

// asList turns `NAME: "value"` into `- "NAME=value"` where the user has a list.
func asList(ours []string, list bool) []string {
	if !list {
		return ours
	}
	out := make([]string, len(ours))
	for i, l := range ours {
		name, value, _ := strings.Cut(l, ": ")
		out[i] = `- "` + name + "=" + strings.TrimPrefix(value, `"`)
	}
	return out
}

// childrenOf are the lines below a key, without their indentation.
func childrenOf(lines []string, key string) []string {
	var out []string
	inside := false
	for _, l := range lines {
		if l[0] != ' ' {
			inside = strings.HasPrefix(l, key+":")
		} else if inside {
			out = append(out, strings.TrimPrefix(l, "  "))
		}
	}
	return out
}

// without leaves out a key and the lines below it.
func without(lines []string, key string) []string {
	var out []string
	inside := false
	for _, l := range lines {
		if l[0] != ' ' {
			inside = strings.HasPrefix(l, key+":")
		}
		if !inside {
			out = append(out, l)
		}
	}
	return out
}
