package secret

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// rewrite reads a text in which some stretches stand for other bytes: at returns
// what begins at i stands for and how long it is, 0 = it stands for itself. The
// result is nil when nothing in the text does. marks are one or two bytes that
// such stretches begin with.
func rewrite(d *reading, marks string, at func(b []byte, i int) (means []byte, n int)) *reading {
	if !bytes.ContainsAny(d.b, marks) {
		return nil
	}
	n := len(d.b)
	out, some := &reading{make([]byte, 0, n), make([]int32, 0, n), make([]int32, 0, n)}, false
	for i := 0; i < len(d.b); {
		var means []byte
		n := 0
		if c := d.b[i]; c == marks[0] || c == marks[len(marks)-1] {
			means, n = at(d.b, i)
		}
		if n == 0 {
			out.add(d.b[i], d.begins(i), d.ends(i))
			i++
			continue
		}
		some = true
		for _, c := range means {
			out.add(c, d.begins(i), d.ends(i+n-1))
		}
		i += n
	}
	if !some {
		out.wipe()
		return nil
	}
	return out
}

// backslashes reads the escapes of JSON, C, Python and the shell.
func backslashes(d *reading) *reading {
	return rewrite(d, `\`, func(b []byte, i int) ([]byte, int) {
		if i+1 >= len(b) {
			return nil, 0
		}
		switch c := b[i+1]; c {
		case 'n', 't', 'r', 'b', 'f', 'a', 'v':
			return []byte{"\n\t\r\b\f\a\v"[strings.IndexByte("ntrbfav", c)]}, 2
		case 'e':
			return []byte{0x1b}, 2
		case 'x':
			return number(b, i, 2, 2, 16, false)
		case 'u':
			return surrogates(b, i)
		case 'U':
			return number(b, i, 2, 8, 16, true)
		case '0', '1', '2', '3', '4', '5', '6', '7':
			n := 1
			for n < 3 && i+1+n < len(b) && b[i+1+n] >= '0' && b[i+1+n] <= '7' {
				n++
			}
			return number(b, i, 1, n, 8, false)
		case '\n':
			return nil, 2 // a line that goes on
		default:
			return []byte{c}, 2
		}
	})
}

// number reads digits behind skip bytes as a byte or a character.
func number(b []byte, i, skip, digits, base int, char bool) ([]byte, int) {
	if i+skip+digits > len(b) {
		return nil, 0
	}
	v, err := strconv.ParseUint(string(b[i+skip:i+skip+digits]), base, 32)
	switch {
	case err != nil || !char && v > 255:
		return nil, 0
	case char:
		return utf8.AppendRune(nil, rune(v)), skip + digits
	}
	return []byte{byte(v)}, skip + digits
}

// surrogates reads \uXXXX, and two of them that are one character.
func surrogates(b []byte, i int) ([]byte, int) {
	unit := func(i int) (rune, bool) {
		if i+6 > len(b) || b[i] != '\\' || b[i+1] != 'u' {
			return 0, false
		}
		v, err := strconv.ParseUint(string(b[i+2:i+6]), 16, 32)
		return rune(v), err == nil
	}
	high, ok := unit(i)
	if !ok {
		return nil, 0
	}
	if low, ok := unit(i + 6); ok && high>>10 == 0xd800>>10 && low>>10 == 0xdc00>>10 {
		return utf8.AppendRune(nil, 0x10000+(high&0x3ff)<<10|low&0x3ff), 12
	}
	return utf8.AppendRune(nil, high), 6
}

// entities reads those of XML and HTML.
func entities(d *reading) *reading {
	return rewrite(d, "&", func(b []byte, i int) ([]byte, int) {
		end := i + 1
		for end < len(b) && end < i+10 && b[end] != ';' {
			end++
		}
		if end >= len(b) || b[end] != ';' {
			return nil, 0
		}
		name := string(b[i+1 : end])
		switch name {
		case "amp":
			return []byte{'&'}, end + 1 - i
		case "lt":
			return []byte{'<'}, end + 1 - i
		case "gt":
			return []byte{'>'}, end + 1 - i
		case "quot":
			return []byte{'"'}, end + 1 - i
		case "apos":
			return []byte{'\''}, end + 1 - i
		}
		digits, base := strings.TrimPrefix(name, "#"), 10
		if hex := strings.TrimLeft(digits, "xX"); hex != digits {
			digits, base = hex, 16
		}
		v, err := strconv.ParseUint(digits, base, 21)
		if err != nil || !strings.HasPrefix(name, "#") {
			return nil, 0
		}
		return utf8.AppendRune(nil, rune(v)), end + 1 - i
	})
}

// percents reads %41.
func percents(d *reading) *reading {
	return rewrite(d, "%", func(b []byte, i int) ([]byte, int) { return number(b, i, 1, 2, 16, false) })
}

// printable reads =41 of quoted-printable.
func printable(d *reading) *reading {
	return rewrite(d, "=", func(b []byte, i int) ([]byte, int) {
		if i+1 < len(b) && b[i+1] == '\n' {
			return nil, 2
		}
		return number(b, i, 1, 2, 16, false)
	})
}

// pluses reads forms of the web: a plus is a space, too.
func pluses(d *reading) *reading {
	return rewrite(d, "%+", func(b []byte, i int) ([]byte, int) {
		if b[i] == '+' {
			return []byte{' '}, 1
		}
		return number(b, i, 1, 2, 16, false)
	})
}

// quotes reads a quote within single quotes of the shell.
func quotes(d *reading) *reading {
	return rewrite(d, "'", func(b []byte, i int) ([]byte, int) {
		for _, form := range []string{`'"'"'`, `'\''`} {
			if i+len(form) <= len(b) && string(b[i:i+len(form)]) == form {
				return []byte{'\''}, len(form)
			}
		}
		return nil, 0
	})
}

// singles reads a quote within single quotes of YAML and SQL, doubles one within
// double quotes of CSV.
func singles(d *reading) *reading { return rewrite(d, "'", doubled) }

func doubles(d *reading) *reading { return rewrite(d, `"`, doubled) }

func doubled(b []byte, i int) ([]byte, int) {
	if i+1 < len(b) && b[i+1] == b[i] {
		return b[i : i+1], 2
	}
	return nil, 0
}

// folded reads text without its line breaks and what indents the next line.
func folded(d *reading) *reading {
	return rewrite(d, "\r\n", func(b []byte, i int) ([]byte, int) {
		n := 1
		for i+n < len(b) && strings.IndexByte(" \t\r\n", b[i+n]) >= 0 {
			n++
		}
		return nil, n
	})
}

// deepest is how far a line may be indented: what looks on from each of many line
// breaks has to be short.
const deepest = 64

// spaces is where the white space ends that begins at i.
func spaces(b []byte, i int) int {
	for end := min(len(b), i+deepest); i < end && strings.IndexByte(" \t\r\n", b[i]) >= 0; {
		i++
	}
	return i
}

// sign is where the sign ends that a program puts before a line, and the space
// behind it; i where there is none.
func sign(b []byte, i int) int {
	if i >= len(b) || strings.IndexByte("+-|>#*", b[i]) < 0 {
		return i
	}
	return spaces(b, i+1)
}

// prefixed reads what a program has put a sign before each line of: a difference, a
// log of several containers, a list, a comment.
func prefixed(d *reading) *reading {
	return rewrite(d, "\r\n", func(b []byte, i int) ([]byte, int) {
		at := spaces(b, i)
		if end := sign(b, at); end > at {
			return nil, end - i
		}
		return nil, 0
	})
}

// items reads the texts of a list as one, in JSON and as Python shows it: what a
// command printed in lines. prefixedItems leaves such a sign out, too.
func items(d *reading) *reading { return listed(d, func(_ []byte, i int) int { return i }) }

func prefixedItems(d *reading) *reading { return listed(d, sign) }

func listed(d *reading, skip func(b []byte, i int) int) *reading {
	return rewrite(d, `"'`, func(b []byte, i int) ([]byte, int) {
		comma := spaces(b, i+1)
		if comma >= len(b) || b[comma] != ',' {
			return nil, 0
		}
		next := spaces(b, comma+1)
		if next >= len(b) || b[next] != b[i] {
			return nil, 0
		}
		return nil, skip(b, spaces(b, next+1)) - i
	})
}

// colours reads a text for a terminal: what grep --color puts around a part of a word
// is not seen there.
func colours(d *reading) *reading {
	return rewrite(d, "\x1b", func(b []byte, i int) ([]byte, int) {
		if i+1 >= len(b) || b[i+1] != '[' {
			return nil, 0
		}
		for k := i + 2; k < len(b) && k < i+32; k++ {
			if b[k] >= 0x40 && b[k] <= 0x7e {
				return nil, k + 1 - i
			}
		}
		return nil, 0
	})
}
