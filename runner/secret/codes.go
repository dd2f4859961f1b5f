package secret

import "strings"

// between is how many bytes may stand between two digits of one secret: spaces,
// colons, line breaks and what indents a line.
const between = 16

// digit is what one character stands for, and where it is in the reading.
type digit struct {
	v  byte
	at int32
}

// nibbles looks for hexadecimal digits, spaced as tools do it: 63:61, 63 61,
// 0x63, 0x61, \x63\x61, 6361 6e61.
func (l *look) nibbles(d *reading) {
	for i, gap := 0, 0; i < len(d.b); i++ {
		c := d.b[i]
		v, isDigit := hexDigit(c)
		switch {
		case (c == '0' || c == '\\') && i+1 < len(d.b) && (d.b[i+1] == 'x' || d.b[i+1] == 'X'):
			i++
			gap += 2
		case isDigit:
			if gap > between {
				l.decode(d, 4)
			}
			l.run, gap = append(l.run, digit{v, int32(i)}), 0
		case strings.IndexByte(" :-,;.\t\r\n", c) >= 0:
			gap++
		default:
			gap = 0
			l.decode(d, 4)
		}
	}
	l.decode(d, 4)
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// sextets looks for base64 of both alphabets, wrapped or not.
func (l *look) sextets(d *reading) {
	for i, gap := 0, 0; i < len(d.b); i++ {
		c := d.b[i]
		v, isDigit := base64Digit(c)
		switch {
		case isDigit:
			l.run, gap = append(l.run, digit{v, int32(i)}), 0
		case (c == '\n' || c == '\r' || gap > 0 && (c == ' ' || c == '\t')) && gap < between:
			gap++
		default:
			gap = 0
			l.decode(d, 6)
		}
	}
	l.decode(d, 6)
}

func base64Digit(c byte) (byte, bool) {
	switch {
	case c >= 'A' && c <= 'Z':
		return c - 'A', true
	case c >= 'a' && c <= 'z':
		return c - 'a' + 26, true
	case c >= '0' && c <= '9':
		return c - '0' + 52, true
	case c == '+' || c == '-':
		return 62, true
	case c == '/' || c == '_':
		return 63, true
	}
	return 0, false
}

// decode reads the digits that were met as bytes, wherever among them one begins,
// and adds the secrets in it. The digits at both ends of a secret belong to it.
func (l *look) decode(d *reading, bits int) {
	run, in := l.run, &l.in
	l.run = l.run[:0]
	if len(run)*bits < minRedact*8 {
		return
	}
	for skip := range 8 / (8 - bits) {
		held, first, buffer := 0, 0, uint32(0)
		for i := skip; i < len(run); i++ {
			if held == 0 {
				first = i
			}
			buffer, held = buffer<<bits|uint32(run[i].v), held+bits
			if held < 8 {
				continue
			}
			held -= 8
			in.add(byte(buffer>>held), d.begins(int(run[first].at)), d.ends(int(run[i].at)))
			first = i
		}
		l.through(in, 0)
		in.wipe()
	}
}

// decimals looks for bytes as lists of numbers, as programs print them that were
// given bytes where they expected text: [99 97 110], 99, 97; below zero, too.
func (l *look) decimals(d *reading) {
	in, gap := &l.in, 0
	for i := 0; i < len(d.b); i++ {
		c := d.b[i]
		switch {
		case c >= '0' && c <= '9' || c == '-' && i+1 < len(d.b) && d.b[i+1] >= '0' && d.b[i+1] <= '9':
			v, n := decimal(d.b, i)
			if v < 0 || gap > between || len(in.b) > 0 && gap == 0 {
				l.listed()
			}
			if v >= 0 {
				in.add(byte(v), d.begins(i), d.ends(i+n-1))
			}
			i, gap = i+n-1, 0
		case strings.IndexByte(" ,;.:\t\r\n", c) >= 0:
			gap++
		default:
			gap = 0
			l.listed()
		}
	}
	l.listed()
}

// listed looks through the bytes that were listed so far.
func (l *look) listed() {
	if len(l.in.b) >= minRedact {
		l.through(&l.in, 0)
	}
	l.in.wipe()
}

// decimal reads the number at i, of n bytes, as a byte; -1 where it is none.
func decimal(b []byte, i int) (v, n int) {
	below := b[i] == '-'
	if below {
		n = 1
	}
	for ; i+n < len(b) && b[i+n] >= '0' && b[i+n] <= '9'; n++ {
		v = min(v*10+int(b[i+n]-'0'), 1000)
	}
	switch {
	case below && v <= 128:
		return (256 - v) % 256, n
	case below || v > 255:
		return -1, n
	}
	return v, n
}
