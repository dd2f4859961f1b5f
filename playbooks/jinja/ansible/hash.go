package ansible

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"strings"
	"unicode/utf16"

	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/blake2s"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// hashEntries are the filters that make digests and codes of text.
func hashEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "hash", Sig: "hash(hashtype='sha1')", Example: "{{ 'a' | hash('md5') }}", Shows: "0cc175b9c0f1b6a831c399e269772661", Func: filterHash},
		{Name: "checksum", Aliases: []string{"sha1"}, Sig: "checksum", Example: "{{ 'a' | checksum }}", Shows: "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8", Func: digestFilter("sha1")},
		{Name: "md5", Sig: "md5", Example: "{{ 'a' | md5 }}", Shows: "0cc175b9c0f1b6a831c399e269772661", Func: digestFilter("md5")},
		{Name: "crc32", From: []string{"community.general"}, Sig: "crc32", Example: "{{ 'a' | crc32 }}", Shows: "e8b7be43", Func: filterCRC32},
		{Name: "b64encode", Sig: "b64encode(encoding='utf-8')", Example: "{{ 'hi' | b64encode }}", Shows: "aGk=", Func: filterB64encode},
		{Name: "b64decode", Sig: "b64decode(encoding='utf-8')", Example: "{{ 'aGk=' | b64decode }}", Shows: "hi", Func: filterB64decode},
		{Name: "to_uuid", Sig: "to_uuid(namespace='361E6D51-FAEC-444A-9079-341386DA8E2E')", Example: "{{ 'hello' | to_uuid }}", Shows: "9518e9b7-3af9-5e6c-b924-2eac65ffcd8e", Func: filterToUUID},
	})
}

func newHash(name string) (hash.Hash, error) {
	makers := map[string]func() hash.Hash{
		"md5": md5.New, "sha1": sha1.New, "sha224": sha256.New224, "sha256": sha256.New,
		"sha384": sha512.New384, "sha512": sha512.New, "sha512_224": sha512.New512_224, "sha512_256": sha512.New512_256,
		"sha3_224": func() hash.Hash { return sha3.New224() }, "sha3_256": func() hash.Hash { return sha3.New256() },
		"sha3_384": func() hash.Hash { return sha3.New384() }, "sha3_512": func() hash.Hash { return sha3.New512() },
		"blake2b": func() hash.Hash { h, _ := blake2b.New512(nil); return h },
		"blake2s": func() hash.Hash { h, _ := blake2s.New256(nil); return h },
	}
	key := strings.ToLower(strings.ReplaceAll(name, "-", "_"))
	for _, k := range []string{key, strings.ReplaceAll(key, "sha_", "sha"), strings.ReplaceAll(key, "/", "_")} {
		if f, ok := makers[k]; ok {
			return f(), nil
		}
	}
	return nil, fmt.Errorf("unsupported hash type %s", name)
}

func digestOf(name, s string) (value.Value, error) {
	h, err := newHash(name)
	if err != nil {
		return value.Value{}, err
	}
	h.Write([]byte(s))
	return core.Text(hex.EncodeToString(h.Sum(nil)))
}

func filterHash(c *core.Call) (value.Value, error) {
	a, err := c.Bind("hashtype=")
	if err != nil {
		return value.Value{}, err
	}
	return digestOf(core.TextOr(a[0], "sha1"), value.Str(c.In))
}

func digestFilter(name string) core.Function {
	return core.NoArguments(func(c *core.Call) (value.Value, error) { return digestOf(name, value.Str(c.In)) })
}

func filterCRC32(c *core.Call) (value.Value, error) {
	s, err := core.WantText(c.In, "the input of crc32")
	if err != nil {
		return value.Value{}, err
	}
	return core.Text(fmt.Sprintf("%x", crc32.ChecksumIEEE([]byte(s))))
}

// encodeText is Python's str.encode for the encodings that people use.
func encodeText(s, encoding string) ([]byte, error) {
	switch enc := encodingName(encoding); enc {
	case "utf8":
		return []byte(s), nil
	case "ascii", "latin1":
		limit := map[string]rune{"ascii": 0x7f, "latin1": 0xff}[enc]
		out := make([]byte, 0, len(s))
		for _, r := range s {
			if r > limit {
				return nil, fmt.Errorf("'%s' codec can't encode character", encoding)
			}
			out = append(out, byte(r))
		}
		return out, nil
	case "utf16", "utf16le", "utf16be":
		var out []byte
		if enc == "utf16" {
			out = append(out, 0xff, 0xfe)
		}
		for _, u := range utf16.Encode([]rune(s)) {
			if enc == "utf16be" {
				out = append(out, byte(u>>8), byte(u))
			} else {
				out = append(out, byte(u), byte(u>>8))
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("unknown encoding: %s", encoding)
}

func encodingName(s string) string {
	s = strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(s))
	switch s {
	case "iso88591", "l1", "cp819":
		return "latin1"
	case "usascii", "646":
		return "ascii"
	case "u8", "utf", "cp65001":
		return "utf8"
	}
	return s
}

// DecodeText is text of bytes, by Python's name for their encoding.
func DecodeText(b []byte, encoding string) (string, error) {
	switch enc := encodingName(encoding); enc {
	case "utf8", "ascii":
		// Bytes that are no UTF-8 stay bytes: Python's surrogates are those, too.
		return string(b), nil
	case "latin1":
		rs := make([]rune, len(b))
		for i, c := range b {
			rs[i] = rune(c)
		}
		return string(rs), nil
	case "utf16", "utf16le", "utf16be":
		return decodeUTF16(b, enc)
	}
	return "", fmt.Errorf("unknown encoding: %s", encoding)
}

func decodeUTF16(b []byte, enc string) (string, error) {
	if len(b)%2 != 0 {
		return "", errors.New("'utf-16' codec can't decode these bytes: truncated data")
	}
	big := enc == "utf16be"
	units := make([]uint16, 0, len(b)/2)
	for i := 0; i < len(b); i += 2 {
		u := uint16(b[i]) | uint16(b[i+1])<<8
		if big {
			u = uint16(b[i])<<8 | uint16(b[i+1])
		}
		if i == 0 && enc == "utf16" && (u == 0xfeff || u == 0xfffe) {
			big = u == 0xfffe
			continue
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units)), nil
}

func filterB64encode(c *core.Call) (value.Value, error) {
	a, err := c.Bind("encoding=")
	if err != nil {
		return value.Value{}, err
	}
	b, err := encodeText(value.Str(c.In), core.TextOr(a[0], "utf-8"))
	if err != nil {
		return value.Value{}, err
	}
	return core.Text(base64.StdEncoding.EncodeToString(b))
}

func filterB64decode(c *core.Call) (value.Value, error) {
	a, err := c.Bind("encoding=")
	if err != nil {
		return value.Value{}, err
	}
	b, err := lenientBase64(value.Str(c.In))
	if err != nil {
		return value.Value{}, err
	}
	s, err := DecodeText(b, core.TextOr(a[0], "utf-8"))
	if err != nil {
		return value.Value{}, err
	}
	return core.Text(s)
}

// lenientBase64 reads as Python does: letters outside the alphabet count for
// nothing, padding must be there, and what follows it is ignored.
func lenientBase64(s string) ([]byte, error) {
	var quad []byte
	pads := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '=' {
			if len(quad)%4 >= 2 {
				if pads++; len(quad)%4+pads >= 4 {
					break
				}
			}
			continue
		}
		if strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", c) >= 0 {
			pads = 0
			quad = append(quad, c)
		}
	}
	switch rest := len(quad) % 4; {
	case rest == 1:
		return nil, fmt.Errorf("Invalid base64-encoded string: number of data characters (%d) cannot be 1 more than a multiple of 4", len(quad))
	case rest > 0 && rest+pads < 4:
		return nil, errors.New("Incorrect padding")
	}
	return base64.RawStdEncoding.DecodeString(string(quad))
}

func filterToUUID(c *core.Call) (value.Value, error) {
	a, err := c.Bind("namespace=")
	if err != nil {
		return value.Value{}, err
	}
	text := core.TextOr(a[0], "361E6D51-FAEC-444A-9079-341386DA8E2E")
	ns, err := hex.DecodeString(strings.NewReplacer("urn:", "", "uuid:", "", "{", "", "}", "", "-", "").Replace(text))
	if err != nil || len(ns) != 16 {
		return value.Value{}, fmt.Errorf("Invalid value '%s' for 'namespace': badly formed hexadecimal UUID string", text)
	}
	sum := sha1.Sum(append(ns, value.Str(c.In)...))
	u := sum[:16]
	u[6], u[8] = u[6]&0x0f|0x50, u[8]&0x3f|0x80
	return core.Text(fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:]))
}
