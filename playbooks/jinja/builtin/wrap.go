package builtin

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/py/pystr"
	"remoterun/runner/value"
)

func filterWordWrap(c *core.Call) (value.Value, error) {
	params := []core.Param{"width=", "break_long_words=", "wrapstring=", "break_on_hyphens="}
	a, err := c.Bind(params...)
	if err == nil {
		err = c.AllDefined(params, a, "width", "wrapstring", "break_on_hyphens")
	}
	if err != nil {
		return value.Value{}, err
	}
	if !c.In.IsString() {
		return value.Value{}, fmt.Errorf("'%s' object has no attribute 'splitlines'", value.TypeName(c.In))
	}
	width, err := c.Integer(a[0], 79)
	if err != nil {
		return value.Value{}, err
	}
	join := "\n"
	if !a[2].IsUndefined() && !a[2].IsNull() {
		join = value.Str(a[2])
	}
	w := wrapper{width: max(width, 1), long: a[1].IsUndefined() || value.Truth(a[1]), hyphens: a[3].IsUndefined() || value.Truth(a[3])}
	var lines []string
	for _, line := range pystr.SplitLines(c.Str(), false) {
		wrapped := w.wrap(line)
		lines = append(lines, strings.Join(wrapped, join))
	}
	return value.String(strings.Join(lines, join)), c.Work(len(c.Str()))
}

// wrapper cuts lines as Python's textwrap does with white space kept as it is
// between words and dropped at the ends.
type wrapper struct {
	width         int
	long, hyphens bool
}

// chunks cuts text into words and the white space between them; words with
// hyphens into their parts.
func (w wrapper) chunks(s string) []string {
	var out []string
	for s != "" {
		space := strings.IndexFunc(s, func(r rune) bool { return !pystr.Space(r) })
		if space != 0 {
			if space < 0 {
				space = len(s)
			}
			out, s = append(out, s[:space]), s[space:]
			continue
		}
		n := strings.IndexFunc(s, pystr.Space)
		if n < 0 {
			n = len(s)
		}
		out, s = append(out, w.parts(s[:n])...), s[n:]
	}
	return out
}

// parts cuts a word behind hyphens that stand between letters.
func (w wrapper) parts(word string) []string {
	if !w.hyphens {
		return []string{word}
	}
	var out []string
	rs := []rune(word)
	from := 0
	for i := 1; i+1 < len(rs); i++ {
		if end := dash(rs, i); end > i {
			out = append(out, string(rs[from:i]), string(rs[i:end]))
			from, i = end, end-1
			continue
		}
		if rs[i] != '-' || i-from < 2 || !isWordLetter(rs[i-1]) || !isWordLetter(rs[i-2]) && rs[i-2] != '-' || !isWordLetter(rs[i+1]) {
			continue
		}
		if i+2 < len(rs) && !isWordLetter(rs[i+2]) && rs[i+2] != '-' {
			continue
		}
		out = append(out, string(rs[from:i+1]))
		from = i + 1
	}
	return append(out, string(rs[from:]))
}

// dash returns where the dash of several hyphens ends that begins at i between
// two words; i when there is none.
func dash(rs []rune, i int) int {
	if rs[i] != '-' || !isWordLetter(rs[i-1]) && !strings.ContainsRune("0123456789!\"'&.,?", rs[i-1]) {
		return i
	}
	end := i
	for end < len(rs) && rs[end] == '-' {
		end++
	}
	if end-i < 2 || end == len(rs) || !isWordLetter(rs[end]) && (rs[end] < '0' || rs[end] > '9') {
		return i
	}
	return end
}

func isWordLetter(r rune) bool {
	return r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 0x7f
}

func (w wrapper) wrap(s string) []string {
	var lines []string
	chunks := w.chunks(s)
	for len(chunks) > 0 {
		if strings.TrimFunc(chunks[0], pystr.Space) == "" && len(lines) > 0 {
			chunks = chunks[1:]
			continue
		}
		var line []string
		used := 0
		for len(chunks) > 0 {
			n := countUpTo(chunks[0], w.width-used+1)
			if used+n > w.width {
				break
			}
			line, used, chunks = append(line, chunks[0]), used+n, chunks[1:]
		}
		if len(chunks) > 0 && countUpTo(chunks[0], w.width+1) > w.width {
			line, chunks = w.breakLong(line, used, chunks)
		}
		if n := len(line); n > 0 && strings.TrimFunc(line[n-1], pystr.Space) == "" {
			line = line[:n-1]
		}
		if len(line) > 0 {
			lines = append(lines, strings.Join(line, ""))
		}
	}
	return lines
}

func (w wrapper) breakLong(line []string, used int, chunks []string) (more, rest []string) {
	space := w.width - used
	if !w.long {
		if len(line) == 0 {
			return append(line, chunks[0]), chunks[1:]
		}
		return line, chunks
	}
	head := pystr.Cut(chunks[0], space)
	if i := strings.LastIndexByte(head, '-'); w.hyphens && i > 0 && strings.Trim(head[:i], "-") != "" {
		head = head[:i+1]
	}
	chunks[0] = chunks[0][len(head):]
	return append(line, head), chunks
}

// countUpTo counts the characters of s, but no more than limit of them.
func countUpTo(s string, limit int) int {
	n := 0
	for range s {
		if n >= limit {
			break
		}
		n++
	}
	return n
}

// filterPprint is Python's pprint: one line when it fits 80 columns.
func filterPprint(c *core.Call) (value.Value, error) {
	if _, err := c.Bind("verbose="); err != nil {
		return value.Value{}, err
	}
	var b strings.Builder
	pprint(&b, c.In, 0, 0)
	return value.String(b.String()), nil
}

// pprint writes v starting at column col; used is what follows behind it on
// its last line.
func pprint(b *strings.Builder, v value.Value, col, used int) {
	flat := value.Repr(sortedKeys(v))
	if col+utf8.RuneCountInString(flat)+used <= 80 {
		b.WriteString(flat)
		return
	}
	switch v.Kind() {
	case value.KindList, value.KindTuple:
		open, end := "[", "]"
		if v.Kind() == value.KindTuple {
			open, end = "(", ")"
		}
		b.WriteString(open)
		for i, it := range v.Items() {
			if i > 0 {
				b.WriteString(",\n" + strings.Repeat(" ", col+1))
			}
			pprint(b, it, col+1, 1)
		}
		b.WriteString(end)
	case value.KindMap:
		m, _ := sortedKeys(v).AsMap()
		b.WriteString("{")
		i := 0
		for k, it := range m.All() {
			if i++; i > 1 {
				b.WriteString(",\n" + strings.Repeat(" ", col+1))
			}
			key := value.Repr(k) + ": "
			b.WriteString(key)
			pprint(b, it, col+1+utf8.RuneCountInString(key), 1)
		}
		b.WriteString("}")
	default:
		b.WriteString(flat)
	}
}

// sortedKeys returns v with the keys of all mappings in order.
func sortedKeys(v value.Value) value.Value {
	switch v.Kind() {
	case value.KindList, value.KindTuple:
		out := make([]value.Value, len(v.Items()))
		for i, it := range v.Items() {
			out[i] = sortedKeys(it)
		}
		return core.Like(v, out)
	case value.KindMap:
		m, _ := v.AsMap()
		keys := m.Keys()
		if value.Sort(keys) != nil {
			return v
		}
		out := value.NewMap()
		for _, k := range keys {
			it, _ := m.Get(k)
			out.Set(k, sortedKeys(it))
		}
		return value.FromMap(out)
	}
	return v
}
