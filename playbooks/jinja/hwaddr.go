package jinja

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"

	"remoterun/playbooks/jinja/pynum"
	"remoterun/runner/value"
)

// hwaddrEntries are the filters over MAC addresses.
func hwaddrEntries() []entry {
	return strictAll([]entry{
		{name: "hwaddr", sig: "hwaddr(query='', alias='hwaddr')", example: "{{ '1A:2B:3C:4D:5E:6F' | ansible.utils.hwaddr('cisco') }}", shows: "1a2b.3c4d.5e6f", fn: filterHWAddr},
		{name: "macaddr", sig: "macaddr(query='')", example: "{{ '1A:2B:3C:4D:5E:6F' | ansible.utils.macaddr('linux') }}", shows: "1a:2b:3c:4d:5e:6f", fn: filterHWAddr},
	})
}

// eui is a hardware address of 48 or 64 bits.
type eui struct {
	v    uint64
	bits int
}

var euiForms = []struct {
	re    *regexp.Regexp
	digit int // of each word
	bits  int
}{
	{regexp.MustCompile(`(?i)^([0-9A-F]{1,2}:){5}[0-9A-F]{1,2}$`), 2, 48},
	{regexp.MustCompile(`(?i)^([0-9A-F]{1,2}-){5}[0-9A-F]{1,2}$`), 2, 48},
	{regexp.MustCompile(`(?i)^([0-9A-F]{1,4}[:.-]){2}[0-9A-F]{1,4}$`), 4, 48},
	{regexp.MustCompile(`(?i)^[0-9A-F]{5,6}[:-][0-9A-F]{5,6}$`), 6, 48},
	{regexp.MustCompile(`(?i)^[0-9A-F]{11,12}$`), 12, 48},
	{regexp.MustCompile(`(?i)^([0-9A-F]{1,2}[:-]){7}[0-9A-F]{1,2}$`), 2, 64},
	{regexp.MustCompile(`(?i)^([0-9A-F]{1,4}[:.-]){3}[0-9A-F]{1,4}$`), 4, 64},
	{regexp.MustCompile(`(?i)^[0-9A-F]{16}$`), 16, 64},
}

func parseEUI(s string) (eui, error) {
	for _, f := range euiForms {
		if !f.re.MatchString(s) {
			continue
		}
		text := ""
		for _, w := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(":.-", r) }) {
			text += strings.Repeat("0", f.digit-len(w)) + w
		}
		n, _ := new(big.Int).SetString(text, 16)
		return eui{n.Uint64(), f.bits}, nil
	}
	if n, ok := pynum.ParseInt(s, 10); ok && n.Sign() >= 0 && n.BitLen() <= 64 {
		if n.BitLen() <= 48 {
			return eui{n.Uint64(), 48}, nil
		}
		return eui{n.Uint64(), 64}, nil
	}
	return eui{}, errors.New("not a hardware address")
}

// words writes an address in words of so many digits.
func (e eui) words(digits int, sep string, upper, padded bool) string {
	text := fmt.Sprintf("%0*x", e.bits/4, e.v)
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

// interfaceID is the lower half of an IPv6 address made of a MAC.
func (e eui) interfaceID() *big.Int {
	v := e.v
	if e.bits == 48 {
		v = e.v>>24<<40 | 0xfffe<<24 | e.v&0xffffff
	}
	return new(big.Int).SetUint64(v ^ 1<<57)
}

func filterHWAddr(c *call) (value.Value, error) {
	params := []param{"query="}
	if c.name == "hwaddr" {
		params = append(params, "alias=")
	}
	a, err := c.bind(params...)
	if err != nil {
		return value.Value{}, err
	}
	query := textOr(a[0], "")
	s := value.Str(c.in)
	e, err := parseEUI(s)
	if err != nil && query != "" && query != "bool" {
		return value.Value{}, fmt.Errorf("%s: not a hardware address: %s", shortName(c.name), s)
	}
	if err != nil {
		return value.Null(), nil
	}
	forms := map[string]func() value.Value{
		"":      func() value.Value { return value.String(s) },
		"bool":  func() value.Value { return value.Bool(true) },
		"bare":  func() value.Value { return value.String(e.words(12, "", true, true)) },
		"int":   func() value.Value { return value.Big(new(big.Int).SetUint64(e.v)) },
		"cisco": func() value.Value { return value.String(e.words(4, ".", false, true)) },
		"eui48": func() value.Value { return value.String(e.words(2, "-", true, true)) },
		"linux": func() value.Value { return value.String(e.words(2, ":", false, true)) },
		"pgsql": func() value.Value { return value.String(e.words(6, ":", false, true)) },
		"unix":  func() value.Value { return value.String(e.words(2, ":", false, false)) },
	}
	forms["postgresql"], forms["psql"], forms["win"] = forms["pgsql"], forms["pgsql"], forms["eui48"]
	f, ok := forms[query]
	if !ok {
		return value.Value{}, fmt.Errorf("%s: unknown filter type: %s", shortName(c.name), query)
	}
	return f(), nil
}
