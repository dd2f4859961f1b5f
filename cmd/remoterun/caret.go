package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"

	"remoterun/inventory"
	"remoterun/playbooks/ast"
	"remoterun/playbooks/jinja"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// spots are the places that an error speaks of, in its order, and how many
// mistakes of files it lists.
func spots(err error) (at []value.Pos, mistakes int) {
	var book *ast.Mistakes
	var inv inventory.Errors
	var one *inventory.Error
	var y *yaml.Error
	var j *jinja.Error
	switch {
	case errors.As(err, &book):
		for _, m := range book.List {
			at = append(at, m.Pos)
		}
		return at, len(at)
	case errors.As(err, &inv):
		for _, m := range inv {
			at = append(at, m.Pos)
		}
		return at, len(at)
	case errors.As(err, &one):
		at = append(at, one.Pos)
	case errors.As(err, &y):
		at = append(at, y.Pos)
	case errors.As(err, &j):
		at = append(at, j.Pos)
	}
	return at, 0
}

const (
	// maxPointed is how many mistakes show their lines, maxReadable how large a
	// file may be for that, maxShown how much of a line is shown.
	maxPointed, maxReadable, maxShown = 20, 4 << 20, 100
	// maxOfFile and maxOfAll are how many mistakes of a file, and of all, are told: a
	// folder of something else, taken for an inventory, has thousands.
	maxOfFile, maxOfAll = 50, 200
)

// pointed is an error's text with the line of the file below each place, and a
// caret under the column. Files that can't be read, or that a vault keeps shut,
// show nothing.
func pointed(text string, at []value.Pos) string {
	files, told := map[string][]string{}, map[string]int{}
	var out []string
	next, shown, left, over := 0, 0, 0, false
	for _, line := range strings.Split(text, "\n") {
		if next == len(at) || !strings.Contains(line, at[next].String()) {
			if !over {
				out = append(out, line)
			}
			continue
		}
		p := at[next]
		next++
		if told[p.File]++; told[p.File] > maxOfFile || next-left > maxOfAll {
			left, over = left+1, true
			continue
		}
		over = false
		out = append(out, line)
		source := lineAt(files, p)
		if source == "" || shown == maxPointed {
			continue
		}
		shown++
		out = append(out, caret(source, p.Col)...)
	}
	if left > 0 {
		out = append(out, fmt.Sprintf("... and %s that are not shown", value.Count(left, "mistake")))
	}
	return strings.Join(out, "\n")
}

// lineAt is a line of a file, "" when there is nothing to show.
func lineAt(files map[string][]string, p value.Pos) string {
	if p.File == "" || p.Line <= 0 || p.Col <= 0 {
		return ""
	}
	lines, ok := files[p.File]
	if !ok {
		if st, err := os.Stat(p.File); err == nil && st.Mode().IsRegular() && st.Size() <= maxReadable {
			if data, err := os.ReadFile(p.File); err == nil && !bytes.HasPrefix(data, []byte("$ANSIBLE_VAULT")) {
				lines = strings.Split(string(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))), "\n")
			}
		}
		files[p.File] = lines
	}
	if p.Line > len(lines) {
		return ""
	}
	return strings.TrimRightFunc(lines[p.Line-1], unicode.IsSpace)
}

// columns is how many columns text takes on a terminal: signs of East Asia and emoji
// take two, accents that stand apart none.
func columns(rs []rune) (n int) {
	for _, r := range rs {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case unicode.In(r, wide):
			n += 2
		default:
			n++
		}
	}
	return n
}

// wide are the signs that take two columns.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1}, {Lo: 0x231a, Hi: 0x231b, Stride: 1}, {Lo: 0x23e9, Hi: 0x23ec, Stride: 1}, {Lo: 0x2e80, Hi: 0x303e, Stride: 1},
		{Lo: 0x3041, Hi: 0xa4cf, Stride: 1}, {Lo: 0xa960, Hi: 0xa97f, Stride: 1}, {Lo: 0xac00, Hi: 0xd7a3, Stride: 1}, {Lo: 0xf900, Hi: 0xfaff, Stride: 1},
		{Lo: 0xfe30, Hi: 0xfe6f, Stride: 1}, {Lo: 0xff01, Hi: 0xff60, Stride: 1}, {Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{{Lo: 0x17000, Hi: 0x18cff, Stride: 1}, {Lo: 0x1f300, Hi: 0x1f64f, Stride: 1}, {Lo: 0x1f680, Hi: 0x1f6ff, Stride: 1}, {Lo: 0x1f900, Hi: 0x1faff, Stride: 1}, {Lo: 0x20000, Hi: 0x3fffd, Stride: 1}},
}

// caret is a line cut to what is readable, and the sign below its column.
func caret(line string, col int) []string {
	rs := []rune(strings.ReplaceAll(line, "\t", " "))
	at := min(col-1, len(rs))
	from, before, after := 0, "", ""
	if at > maxShown*3/4 {
		from, before = at-maxShown/2, "..."
	}
	to := min(from+maxShown, len(rs))
	if to < len(rs) {
		after = "..."
	}
	pad := strings.Repeat(" ", len(before)+columns(rs[from:at]))
	return []string{"    " + before + string(rs[from:to]) + after, "    " + pad + "^"}
}
