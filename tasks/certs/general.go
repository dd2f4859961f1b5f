package certs

import (
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"strings"
)

// Tags of GeneralName (RFC 5280, 4.2.1.6).
const (
	tagOther = iota
	tagEmail
	tagDNS
	_
	tagDir
	_
	tagURI
	tagIP
	tagRID
)

// generalName is a name as playbooks write it (DNS:example.org) in DER; what is what
// it is for.
func generalName(text, what string) ([]byte, error) {
	kind, rest, ok := strings.Cut(text, ":")
	if !ok {
		return nil, fmt.Errorf("Cannot parse %s %q (forgot \"DNS:\" prefix?)", what, text)
	}
	der, err := generalOf(kind, rest)
	switch {
	case err != nil:
		return nil, fmt.Errorf("Cannot parse %s %q: %w", what, text, err)
	case der == nil:
		return nil, fmt.Errorf("Cannot parse %s %q (potentially unsupported by cryptography backend)", what, text)
	}
	return der, nil
}

func generalOf(kind, text string) ([]byte, error) {
	switch kind {
	case "DNS":
		return asciiName(tagDNS, text)
	case "email":
		return asciiName(tagEmail, text)
	case "URI":
		return asciiName(tagURI, text)
	case "IP":
		b, err := address(text)
		return tlv(asn1.ClassContextSpecific, tagIP, false, b), err
	case "RID":
		oid, err := dotted(text)
		if err != nil {
			return nil, err
		}
		var raw asn1.RawValue
		_, _ = asn1.Unmarshal(must(oid, ""), &raw)
		return tlv(asn1.ClassContextSpecific, tagRID, false, raw.Bytes), nil
	case "dirName":
		pairs, err := parseDN(text)
		if err != nil {
			return nil, err
		}
		name, err := nameDER(pairs)
		return tlv(asn1.ClassContextSpecific, tagDir, true, name), err
	case "otherName":
		return otherName(text)
	}
	return nil, nil
}

// asciiName is text of ASCII with a tag of its own.
func asciiName(tag int, text string) ([]byte, error) {
	for _, r := range text {
		if r > 0x7e {
			return nil, errors.New("it has characters that are not ASCII: write a name of a domain as it is asked for (xn--…)")
		}
	}
	return tlv(asn1.ClassContextSpecific, tag, false, []byte(text)), nil
}

// address is an address, or a network with its mask.
func address(text string) ([]byte, error) {
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return nil, fmt.Errorf("'%s' does not appear to be an IPv4 or IPv6 address", text)
		}
		return a.AsSlice(), nil
	}
	p, err := netip.ParsePrefix(prefixed(text))
	if err != nil {
		return nil, fmt.Errorf("'%s' does not appear to be an IPv4 or IPv6 network", text)
	}
	if p.Masked() != p {
		return nil, fmt.Errorf("%s has host bits set", text)
	}
	out := p.Addr().AsSlice()
	mask := make([]byte, len(out))
	for i := range p.Bits() {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	return append(out, mask...), nil
}

// prefixed writes a mask (10.0.0.0/255.0.0.0) as the number of its bits; what is no
// mask stays.
func prefixed(text string) string {
	net, mask, _ := strings.Cut(text, "/")
	m, err := netip.ParseAddr(mask)
	if err != nil || !m.Is4() {
		return text
	}
	b := m.As4()
	n := binary.BigEndian.Uint32(b[:])
	set := bits.LeadingZeros32(^n)
	if n<<set != 0 {
		return text
	}
	return fmt.Sprintf("%s/%d", net, set)
}

// otherName is OID;hex with colons, or OID;UTF8:text.
func otherName(text string) ([]byte, error) {
	number, v, ok := strings.Cut(text, ";")
	if !ok {
		return nil, errors.New(`must be in the format "otherName:<OID>;<ASN.1 OpenSSL Encoded String>" or "otherName:<OID>;<hex string>"`)
	}
	oid, err := dotted(number)
	if err != nil {
		return nil, err
	}
	var der []byte
	if t, ok := strings.CutPrefix(v, "UTF8:"); ok {
		der = tlv(asn1.ClassUniversal, asn1.TagUTF8String, false, []byte(t))
	} else if der, err = hex.DecodeString(strings.ReplaceAll(v, ":", "")); err != nil || len(der) == 0 {
		return nil, errors.New("the value is neither UTF8:text nor bytes in hex")
	}
	value := tlv(asn1.ClassContextSpecific, 0, true, der)
	return tlv(asn1.ClassContextSpecific, tagOther, true, append(must(oid, ""), value...)), nil
}

// generalText is a name in DER as results have it.
func generalText(v asn1.RawValue) string {
	switch v.Tag {
	case tagDNS:
		return "DNS:" + textOf(v)
	case tagEmail:
		return "email:" + textOf(v)
	case tagURI:
		return "URI:" + textOf(v)
	case tagIP:
		return "IP:" + addressText(v.Bytes)
	case tagRID:
		var oid asn1.ObjectIdentifier
		_, _ = asn1.Unmarshal(tlv(asn1.ClassUniversal, asn1.TagOID, false, v.Bytes), &oid)
		return "RID:" + oid.String()
	case tagDir:
		pairs, _ := parseName(v.Bytes)
		return "dirName:" + dnText(pairs)
	case tagOther:
		var oid asn1.ObjectIdentifier
		rest, _ := asn1.Unmarshal(v.Bytes, &oid)
		var inner asn1.RawValue
		_, _ = asn1.Unmarshal(rest, &inner)
		return "otherName:" + oid.String() + ";" + colons(inner.Bytes)
	}
	return colons(v.FullBytes)
}

func addressText(b []byte) string {
	if a, ok := netip.AddrFromSlice(b); ok && len(b) != 8 {
		return a.String()
	}
	half := len(b) / 2
	a, ok := netip.AddrFromSlice(b[:half])
	if !ok {
		return colons(b)
	}
	bits := 0
	for _, m := range b[half:] {
		for ; m&0x80 != 0; m <<= 1 {
			bits++
		}
	}
	return fmt.Sprintf("%s/%d", a, bits)
}
