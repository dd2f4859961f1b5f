package value

import (
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Mask is what a secret is shown as.
const Mask = "********"

// TypeName is Python's name of v's type.
func TypeName(v Value) string {
	switch v.k {
	case KindNull:
		return "NoneType"
	case KindBool:
		return "bool"
	case KindInt, KindBig:
		return "int"
	case KindFloat:
		return "float"
	case KindString:
		return "str"
	case KindList:
		return "list"
	case KindTuple:
		return "tuple"
	case KindMap:
		return "dict"
	case KindUndefined:
		if v.ref.(*Missing).Soft {
			return "Undefined"
		}
		return "AnsibleUndefined"
	case KindOmit:
		return "str"
	case KindObject:
		return v.ref.(Object).TypeName()
	case KindOpaque:
		return v.ref.(Opaque).TypeName()
	}
	return "object"
}

// Str is Python's str(v) as plain text, secrets included: only for text that
// goes on as a Value with DeepMarks(v), or to the host. What people see goes
// through Show.
func Str(v Value) string {
	switch v.k {
	case KindString:
		return v.s
	case KindUndefined:
		return ""
	case KindOmit:
		return "__omit_place_holder__"
	case KindOpaque:
		return v.ref.(Opaque).Str()
	}
	return Repr(v)
}

// Repr is Python's repr(v), secrets included (see Str).
func Repr(v Value) string {
	var b strings.Builder
	writeRepr(&b, v, false, 0)
	return b.String()
}

// Show is Str for people: every secret text in v is masked.
func Show(v Value) string {
	if v.m.Secret() {
		return Mask
	}
	if v.k == KindString {
		return v.s
	}
	var b strings.Builder
	writeRepr(&b, v, true, 0)
	return b.String()
}

// maxDepth bounds nesting: a list can be appended to itself.
const maxDepth = 200

func writeRepr(b *strings.Builder, v Value, mask bool, depth int) {
	if mask && v.m.Secret() {
		b.WriteString(quote(Mask))
		return
	}
	if depth > maxDepth {
		b.WriteString("...")
		return
	}
	switch v.k {
	case KindNull:
		b.WriteString("None")
	case KindBool:
		b.WriteString(map[bool]string{true: "True", false: "False"}[v.n != 0])
	case KindInt:
		b.WriteString(strconv.FormatInt(int64(v.n), 10))
	case KindBig:
		b.WriteString(v.ref.(*big.Int).String())
	case KindFloat:
		f, _ := v.AsFloat()
		b.WriteString(FloatRepr(f))
	case KindString:
		b.WriteString(quote(v.s))
	case KindList, KindTuple:
		writeSeq(b, v, mask, depth)
	case KindMap:
		writeMap(b, v, mask, depth)
	case KindObject:
		b.WriteString("<" + v.ref.(Object).TypeName() + ">")
	case KindOpaque:
		b.WriteString(v.ref.(Opaque).Repr())
	case KindUndefined:
		b.WriteString(TypeName(v))
	case KindOmit:
		b.WriteString("'__omit_place_holder__'")
	}
}

func writeSeq(b *strings.Builder, v Value, mask bool, depth int) {
	open, end := "[", "]"
	if v.k == KindTuple {
		open, end = "(", ")"
		if len(v.Items()) == 1 {
			end = ",)"
		}
	}
	b.WriteString(open)
	for i, it := range v.Items() {
		if i > 0 {
			b.WriteString(", ")
		}
		writeRepr(b, it, mask, depth+1)
	}
	b.WriteString(end)
}

func writeMap(b *strings.Builder, v Value, mask bool, depth int) {
	m, _ := v.AsMap()
	b.WriteByte('{')
	first := true
	for k, it := range m.All() {
		if !first {
			b.WriteString(", ")
		}
		first = false
		writeRepr(b, k, mask, depth+1)
		b.WriteString(": ")
		writeRepr(b, it, mask, depth+1)
	}
	b.WriteByte('}')
}

// quote is Python's repr of text: single quotes unless only they occur inside,
// printable characters as they are, the rest as \n \x \u \U escapes.
func quote(s string) string {
	q := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		q = '"'
	}
	var b strings.Builder
	b.WriteByte(q)
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			// Python reads undecodable bytes as lone surrogates U+DC80..U+DCFF.
			b.WriteString(`\udc` + strconv.FormatUint(uint64(s[i]), 16))
			i++
			continue
		}
		writeRune(&b, r, q)
		i += size
	}
	b.WriteByte(q)
	return b.String()
}

func writeRune(b *strings.Builder, r rune, q byte) {
	switch {
	case r == '\\' || r == rune(q):
		b.WriteByte('\\')
		b.WriteRune(r)
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\r':
		b.WriteString(`\r`)
	case r == '\t':
		b.WriteString(`\t`)
	case r < ' ' || r == 0x7f || (r < 0x100 && !unicode.IsPrint(r)):
		writeHex(b, 'x', uint64(r), 2)
	case unicode.IsPrint(r):
		b.WriteRune(r)
	case r > 0xffff:
		writeHex(b, 'U', uint64(r), 8)
	default:
		writeHex(b, 'u', uint64(r), 4)
	}
}

func writeHex(b *strings.Builder, letter byte, n uint64, width int) {
	h := strconv.FormatUint(n, 16)
	b.WriteByte('\\')
	b.WriteByte(letter)
	b.WriteString(strings.Repeat("0", width-len(h)))
	b.WriteString(h)
}
