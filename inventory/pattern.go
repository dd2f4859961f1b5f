package inventory

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"remoterun/runner/pyre"
	"remoterun/runner/value"
)

// Hosts resolves a pattern to the names of hosts, in the order of the pattern's
// parts and of the inventory: names, groups, globs, ~regular expressions, with
// [2], [1:3] or [-1] behind them, joined by : or commas; & keeps the hosts that
// are also there, ! takes them out. A part that matches nothing is a warning.
// The limit of SetLimit holds. localhost always exists.
func (inv *Inventory) Hosts(pattern string) ([]string, error) {
	inv.mu.RLock()
	defer inv.mu.RUnlock()
	found, err := inv.evaluate(inv.expand(splitPattern(pattern)))
	if err != nil || inv.limit == nil {
		return found, err
	}
	limit, err := inv.evaluate(inv.limit)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(h string) bool { return !slices.Contains(limit, h) }), nil
}

// SetLimit restricts what Hosts returns from now on (-l), in all views. A part
// @file stands for the patterns in that file, one in a line. Empty text takes
// the limit away.
func (inv *Inventory) SetLimit(pattern string) error {
	if err := inv.ReadLimit(pattern); err != nil {
		return err
	}
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.limit = inv.expand(splitPattern(pattern))
	return nil
}

// ReadLimit reads the files of the parts @file, so that Hosts understands this
// pattern from now on; it limits nothing by itself.
func (inv *Inventory) ReadLimit(pattern string) error {
	files := map[string][]string{}
	for _, p := range splitPattern(pattern) {
		if !strings.HasPrefix(p, "@") {
			continue
		}
		data, err := os.ReadFile(p[1:])
		if err != nil {
			return &Error{Pos: value.Pos{File: p[1:]}, Msg: "file of a limit: " + plain(err)}
		}
		files[p] = []string{}
		for _, line := range strings.Split(string(data), "\n") {
			if line = strings.TrimSpace(line); line != "" {
				files[p] = append(files[p], line)
			}
		}
	}
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.limitFiles = files
	return nil
}

// expand puts the lines of a limit's files in the places of their parts. The
// answer is nil only for no parts: an empty file is no host, not every host.
func (inv *Inventory) expand(parts []string) []string {
	if len(parts) == 0 {
		return nil
	}
	out := []string{}
	for _, p := range parts {
		if lines, ok := inv.limitFiles[p]; ok {
			out = append(out, lines...)
		} else {
			out = append(out, p)
		}
	}
	return out
}

// splitPattern takes a pattern apart at commas and colons. Colons in an address
// or in brackets are none.
func splitPattern(pattern string) []string {
	var out []string
	for _, part := range strings.Split(pattern, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		if _, _, ok := parseAddress(part, true); ok {
			out = append(out, part)
			continue
		}
		out = append(out, splitColons(part)...)
	}
	return out
}

func splitColons(s string) []string {
	var out []string
	start := 0
	flush := func(end int) {
		if p := strings.TrimSpace(s[start:end]); p != "" {
			out = append(out, p)
		}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '[':
			if j := strings.IndexByte(s[i:], ']'); j > 0 {
				i += j
			}
		case c == ':' || unicode.IsSpace(rune(c)):
			flush(i)
			start = i + 1
		}
	}
	flush(len(s))
	return out
}

// evaluate applies parts: first those that add, then &, then !.
func (inv *Inventory) evaluate(parts []string) ([]string, error) {
	if parts == nil {
		parts = []string{}
	}
	var add, keep, drop []string
	for _, p := range parts {
		switch p[0] {
		case '!':
			drop = append(drop, p[1:])
		case '&':
			keep = append(keep, p[1:])
		default:
			add = append(add, p)
		}
	}
	if add == nil && len(parts) > 0 {
		add = []string{"all"}
	}
	var out []string
	for _, p := range add {
		found, err := inv.match(p)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	out = firstOnly(out)
	for i, p := range append(keep, drop...) {
		found, err := inv.match(p)
		if err != nil {
			return nil, err
		}
		wanted := i < len(keep)
		out = slices.DeleteFunc(out, func(h string) bool { return slices.Contains(found, h) != wanted })
	}
	return out, nil
}

// firstOnly keeps the first of equal texts.
func firstOnly(in []string) []string {
	seen := make(map[string]bool, len(in))
	out := in[:0]
	for _, s := range in {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// match resolves one part without & and !.
func (inv *Inventory) match(part string) ([]string, error) {
	if _, ok := inv.graph.hosts[part]; ok {
		return []string{part}, nil
	}
	if part == "" {
		return nil, &Error{Msg: "a host pattern is empty"}
	}
	expr, sub := part, (*subscript)(nil)
	if part[0] != '~' {
		expr, sub = splitSubscript(part)
	}
	found, err := inv.enumerate(expr)
	if err != nil || sub == nil || len(found) == 0 {
		return found, err
	}
	return sub.of(part, found)
}

// subscript is what stands in brackets behind a part; both ends are taken in.
type subscript struct{ start, end int } // end: 0 = one host, -1 = to the last

// splitSubscript takes [2], [-1], [1:3] or [1:] from the end of a part.
func splitSubscript(part string) (string, *subscript) {
	open := strings.LastIndexByte(part, '[')
	if open < 1 || !strings.HasSuffix(part, "]") {
		return part, nil
	}
	in := part[open+1 : len(part)-1]
	if n, err := strconv.Atoi(in); err == nil && in[0] != '+' {
		return part[:open], &subscript{start: n}
	}
	i := strings.IndexAny(in, ":-")
	if i < 1 || !digits(in[:i]) || in[i+1:] != "" && !digits(in[i+1:]) {
		return part, nil
	}
	start, err1 := strconv.Atoi(in[:i])
	end, err2 := -1, error(nil)
	if in[i+1:] != "" {
		end, err2 = strconv.Atoi(in[i+1:])
	}
	if err1 != nil || err2 != nil {
		return part, nil
	}
	return part[:open], &subscript{start, end}
}

func (s *subscript) of(part string, hosts []string) ([]string, error) {
	if s.end == 0 {
		i := s.start
		if i < 0 {
			i += len(hosts)
		}
		if i < 0 || i >= len(hosts) {
			return nil, &Error{Msg: fmt.Sprintf("no hosts matched the subscripted pattern %q: there are %d", part, len(hosts))}
		}
		return hosts[i : i+1], nil
	}
	end := len(hosts)
	if s.end > 0 {
		end = min(end, s.end+1)
	}
	if s.start >= end {
		return nil, nil
	}
	return hosts[s.start:end], nil
}

// enumerate lists the hosts of all groups that match and, unless a plain name
// was a group, the hosts that match.
func (inv *Inventory) enumerate(expr string) ([]string, error) {
	matches, err := matcher(expr)
	if err != nil {
		return nil, err
	}
	var out []string
	groups := false
	for _, gr := range inv.graph.order {
		if matches(gr.name) {
			groups = true
			out = append(out, names(gr.members())...)
		}
	}
	if !groups || expr[0] == '~' || strings.ContainsAny(expr, ".?*[") {
		for _, h := range inv.graph.hostList {
			if matches(h.name) {
				out = append(out, h.name)
			}
		}
	}
	if len(out) == 0 && isLocal(expr) {
		h, err := inv.find(expr)
		if err != nil {
			return nil, err
		}
		return []string{h.name}, nil
	}
	if len(out) == 0 && !groups && expr != "all" {
		inv.unmatched(expr)
	}
	return firstOnly(out), nil
}

// unmatched warns of a part that names nothing, once.
func (inv *Inventory) unmatched(expr string) {
	if _, told := inv.told.LoadOrStore(expr, true); told {
		return
	}
	msg := "Could not match supplied host pattern, ignoring: " + expr
	known := names(inv.graph.hostList)
	for _, gr := range inv.graph.order {
		known = append(known, gr.name)
	}
	if n := meant(expr, known); n != "" {
		msg += fmt.Sprintf(" (did you mean %q?)", n)
	}
	inv.opt.Warn(value.Pos{}, msg)
}

// matcher compiles a glob, or a regular expression behind ~ that must match
// from the beginning of a name.
func matcher(expr string) (func(string) bool, error) {
	if expr[0] != '~' {
		return func(name string) bool { return glob(expr, name) }, nil
	}
	re, err := pyre.Compile(expr[1:], pyre.Match, pyre.Flags{})
	if err != nil {
		return nil, &Error{Msg: fmt.Sprintf("invalid host pattern %q: %v", expr, err)}
	}
	return func(name string) bool {
		m, err := re.Find(name)
		return m != nil && err == nil
	}, nil
}
