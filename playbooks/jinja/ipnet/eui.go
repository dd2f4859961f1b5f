package ipnet

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"sync"

	"remoterun/playbooks/jinja/py/pynum"
)

// EUI is a hardware address of 48 or 64 bits.
type EUI struct {
	V    uint64
	bits int
}

// euiForm is a spelling of hardware addresses.
type euiForm struct {
	re    *regexp.Regexp
	digit int // of each word
	bits  int
}

var euiForms = sync.OnceValue(func() []euiForm {
	return []euiForm{
		{regexp.MustCompile(`(?i)^([0-9A-F]{1,2}:){5}[0-9A-F]{1,2}$`), 2, 48},
		{regexp.MustCompile(`(?i)^([0-9A-F]{1,2}-){5}[0-9A-F]{1,2}$`), 2, 48},
		{regexp.MustCompile(`(?i)^([0-9A-F]{1,4}[:.-]){2}[0-9A-F]{1,4}$`), 4, 48},
		{regexp.MustCompile(`(?i)^[0-9A-F]{5,6}[:-][0-9A-F]{5,6}$`), 6, 48},
		{regexp.MustCompile(`(?i)^[0-9A-F]{11,12}$`), 12, 48},
		{regexp.MustCompile(`(?i)^([0-9A-F]{1,2}[:-]){7}[0-9A-F]{1,2}$`), 2, 64},
		{regexp.MustCompile(`(?i)^([0-9A-F]{1,4}[:.-]){3}[0-9A-F]{1,4}$`), 4, 64},
		{regexp.MustCompile(`(?i)^[0-9A-F]{16}$`), 16, 64},
	}
})

// ParseEUI reads a hardware address in any of its spellings, or a number.
func ParseEUI(s string) (EUI, error) {
	for _, f := range euiForms() {
		if !f.re.MatchString(s) {
			continue
		}
		text := ""
		for _, w := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(":.-", r) }) {
			text += strings.Repeat("0", f.digit-len(w)) + w
		}
		n, _ := new(big.Int).SetString(text, 16)
		return EUI{n.Uint64(), f.bits}, nil
	}
	if n, ok := pynum.ParseInt(s, 10); ok && n.Sign() >= 0 && n.BitLen() <= 64 {
		if n.BitLen() <= 48 {
			return EUI{n.Uint64(), 48}, nil
		}
		return EUI{n.Uint64(), 64}, nil
	}
	return EUI{}, errors.New("not a hardware address")
}

// Words writes an address in words of so many digits.
func (e EUI) Words(digits int, sep string, upper, padded bool) string {
	text := fmt.Sprintf("%0*x", e.bits/4, e.V)
	if upper {
		text = strings.ToUpper(text)
	}
	var out []string
	for ; text != ""; text = text[min(digits, len(text)):] {
		w := text[:min(digits, len(text))]
		if !padded {
			if w = strings.TrimLeft(w, "0"); w == "" {
				w = "0"
			}
		}
		out = append(out, w)
	}
	return strings.Join(out, sep)
}

// InterfaceID is the lower half of an IPv6 address made of a MAC.
func (e EUI) InterfaceID() *big.Int {
	v := e.V
	if e.bits == 48 {
		v = e.V>>24<<40 | 0xfffe<<24 | e.V&0xffffff
	}
	return new(big.Int).SetUint64(v ^ 1<<57)
}
