package files

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// codec is how the text of a file is encoded.
type codec struct {
	decode func([]byte) (string, error)
	encode func(string) ([]byte, error)
}

// textCodec finds a codec by Python's name for it.
func textCodec(name string) (codec, bool) {
	switch strings.NewReplacer("_", "-", " ", "-").Replace(strings.ToLower(name)) {
	case "", "utf-8", "utf8", "u8":
		return codec{decode: fromUTF8, encode: func(s string) ([]byte, error) { return []byte(s), nil }}, true
	case "ascii", "us-ascii", "646":
		return codec{decode: fromASCII, encode: toBytes(0x7f, "ascii")}, true
	case "latin-1", "latin1", "iso-8859-1", "iso8859-1", "l1", "8859":
		return codec{decode: fromLatin, encode: toBytes(0xff, "latin-1")}, true
	case "windows-1252", "cp1252", "1252":
		return codec{decode: fromWindows, encode: toWindows}, true
	}
	return codec{}, false
}

func fromUTF8(b []byte) (string, error) {
	if !utf8.Valid(b) {
		return "", errors.New("the file is not valid UTF-8: encoding: latin-1 takes any bytes")
	}
	return string(b), nil
}

func fromASCII(b []byte) (string, error) {
	for _, c := range b {
		if c > 0x7f {
			return "", errors.New("the file is not ASCII: encoding: utf-8 or latin-1 may fit")
		}
	}
	return string(b), nil
}

func fromLatin(b []byte) (string, error) {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes), nil
}

// toBytes encodes text whose characters are at most largest.
func toBytes(largest rune, name string) func(string) ([]byte, error) {
	return func(s string) ([]byte, error) {
		out := make([]byte, 0, len(s))
		for _, r := range s {
			if r > largest {
				return nil, errors.New("the new text has characters that " + name + " lacks")
			}
			out = append(out, byte(r))
		}
		return out, nil
	}
}

// windows1252 are the characters of the bytes 80 to 9f; a byte that has none stands
// for itself and is not taken.
func windows1252() []rune {
	return []rune("€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ")
}

func fromWindows(b []byte) (string, error) {
	high := windows1252()
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
		if c >= 0x80 && c <= 0x9f {
			if runes[i] = high[c-0x80]; runes[i] == rune(c) {
				return "", errors.New("the file is not windows-1252: latin-1 takes any bytes")
			}
		}
	}
	return string(runes), nil
}

func toWindows(s string) ([]byte, error) {
	high := windows1252()
	out := make([]byte, 0, len(s))
	for _, r := range s {
		switch at := slices.Index(high, r); {
		case r < 0x80 || r >= 0xa0 && r <= 0xff:
			out = append(out, byte(r))
		case at >= 0 && r > 0xff:
			out = append(out, byte(0x80+at))
		default:
			return nil, errors.New("the new text has characters that windows-1252 lacks")
		}
	}
	return out, nil
}
