package guess

import (
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// longest is how many characters the longest word is that is looked for.
const longest = 30

// leet are characters that people write for letters.
func leet(r rune) []rune {
	switch r {
	case '4', '@':
		return []rune{'a'}
	case '8':
		return []rune{'b'}
	case '(', '{', '[', '<':
		return []rune{'c'}
	case '3':
		return []rune{'e'}
	case '6', '9':
		return []rune{'g'}
	case '1', '!', '|':
		return []rune{'i', 'l'}
	case '0':
		return []rune{'o'}
	case '$', '5':
		return []rune{'s'}
	case '+', '7':
		return []rune{'t'}
	case '%':
		return []rune{'x'}
	case '2':
		return []rune{'z'}
	}
	return nil
}

// listed are the words in the text, as they are, turned round, and with
// characters written for letters.
func (e *estimate) listed() []part {
	var out []part
	word := make([]byte, 0, longest*utf8.UTFMax)
	defer func() { clear(word[:cap(word)]) }()
	rank := func(letters []rune) int {
		word = word[:0]
		for _, r := range letters {
			word = utf8.AppendRune(word, r)
		}
		return e.words[string(word)] // no copy is made of it
	}
	turned, spelled := make([]rune, longest), make([]rune, longest)
	defer clear(turned)
	defer clear(spelled)
	for from := range e.low {
		for to := from + 1; to <= min(len(e.low), from+longest); to++ {
			w := e.low[from:to]
			found := func(rank int, more float64) {
				if rank > 0 {
					out = append(out, part{from, to, math.Log2(float64(rank)) + more + capitals(e.text[from:to])})
				}
			}
			found(rank(w), 0)
			t := append(turned[:0], w...)
			slices.Reverse(t)
			found(rank(t), 1)
			for i := range 2 {
				if s, n := unleet(append(spelled[:0], w...), i); n > 0 {
					found(rank(s), float64(n))
				}
			}
		}
	}
	return out
}

// unleet puts the letters for what was written for them; n is for how many.
// pick chooses where there are two.
func unleet(w []rune, pick int) (letters []rune, n int) {
	for i, r := range w {
		if l := leet(r); l != nil {
			w[i], n = l[min(pick, len(l)-1)], n+1
		}
	}
	return w, n
}

// capitals is what capital letters in a word multiply.
func capitals(w []rune) float64 {
	up, low := 0, 0
	for _, r := range w {
		switch {
		case unicode.IsUpper(r):
			up++
		case unicode.IsLower(r):
			low++
		}
	}
	if up == 0 {
		return 0
	}
	if low == 0 || up == 1 && (unicode.IsUpper(w[0]) || unicode.IsUpper(w[len(w)-1])) {
		return 1
	}
	ways := 0.0
	for k := 1; k <= min(up, low); k++ {
		ways += choose(up+low, k)
	}
	return math.Log2(ways)
}

func choose(n, k int) float64 {
	out := 1.0
	for i := range k {
		out = out * float64(n-i) / float64(i+1)
	}
	return out
}

// rows are the keys of an American keyboard, each row half a key to the right of
// the one above; what stands on a key with and without shift is two strings.
var rows = [...][2]string{
	{"`1234567890-=", "~!@#$%^&*()_+"},
	{"\x00qwertyuiop[]\\", "\x00QWERTYUIOP{}|"},
	{"\x00asdfghjkl;'", "\x00ASDFGHJKL:\""},
	{"\x00zxcvbnm,./", "\x00ZXCVBNM<>?"},
}

// key is where a character is on the keyboard.
func key(r rune) (row, col int, ok bool) {
	for row := range rows {
		for _, line := range rows[row] {
			if col = strings.IndexRune(line, r); col >= 0 && r != 0 {
				return row, col, true
			}
		}
	}
	return 0, 0, false
}

// beside is the direction from a key to its neighbour, 0 = it is none.
func beside(a, b rune) int {
	r, c, ok := key(a)
	s, d, also := key(b)
	switch {
	case !ok || !also:
		return 0
	case r == s && (d == c+1 || d == c-1):
		return 2 + d - c
	case s == r+1 && (d == c || d == c-1), s == r-1 && (d == c || d == c+1):
		return 10 + 3*(s-r) + d - c
	}
	return 0
}

// walks are three or more neighbouring keys in a row: about 94 keys to begin
// with, four ways on at each turn.
func (e *estimate) walks() []part {
	var out []part
	for from := range e.text {
		turns, last := 0, 0
		for to := from + 2; to <= len(e.text); to++ {
			way := beside(e.text[to-2], e.text[to-1])
			if way == 0 {
				break
			}
			if way != last {
				turns, last = turns+1, way
			}
			if to-from < 3 {
				continue
			}
			bits := math.Log2(94) + float64(turns)*2
			for k := 2; k <= turns; k++ {
				bits += math.Log2(float64(to-from)) - math.Log2(float64(k-1))
			}
			out = append(out, part{from, to, bits + math.Log2(float64(to-from))})
		}
	}
	return out
}

// sequences are characters at the same distance, abc, 97531, 中丮: at most five
// apart.
func (e *estimate) sequences() []part {
	var out []part
	for from := 0; from+2 < len(e.text); from++ {
		step := e.text[from+1] - e.text[from]
		if step == 0 || step > 5 || step < -5 {
			continue
		}
		for to := from + 2; to <= len(e.text) && e.text[to-1]-e.text[to-2] == step; to++ {
			if to-from < 3 {
				continue
			}
			begin := 26.0
			if strings.ContainsRune("aAzZ019", e.text[from]) {
				begin = 4
			}
			out = append(out, part{from, to, math.Log2(begin*float64(to-from)) + 1})
		}
	}
	return out
}

// numbers are years and dates: four to eight digits, or with the same mark twice
// between them.
func (e *estimate) numbers() []part {
	var out []part
	for from := range e.text {
		digits, marks := 0, 0
		for to := from + 1; to <= min(len(e.text), from+10); to++ {
			switch r := e.text[to-1]; {
			case r >= '0' && r <= '9':
				digits++
			case strings.ContainsRune("/-. _", r) && marks < 2 && digits > 0:
				marks++
				continue
			default:
				to = len(e.text) // nothing more begins here
				continue
			}
			switch {
			case marks == 0 && digits == 4 && (e.text[from] == '1' || e.text[from] == '2'):
				out = append(out, part{from, to, math.Log2(200)})
			case marks != 1 && digits >= 4 && digits <= 8:
				out = append(out, part{from, to, math.Log2(365*100) + float64(marks)})
			}
		}
	}
	return out
}

// repeats are the same stretch two or more times: what the stretch costs, times
// how often.
func (e *estimate) repeats() []part {
	var out []part
	for from := range e.text {
		for length := 1; from+2*length <= len(e.text); length++ {
			base := e.text[from : from+length]
			times := 1
			for to := from + 2*length; to <= len(e.text) && slices.Equal(base, e.text[to-length:to]); to += length {
				times++
			}
			if times < 2 || length == 1 && times < 3 {
				continue
			}
			inner := estimate{text: base, low: e.low[from : from+length], words: e.words}
			bits := inner.bits()
			for n := 2; n <= times; n++ {
				out = append(out, part{from, from + n*length, bits + math.Log2(float64(n))})
			}
		}
	}
	return out
}
