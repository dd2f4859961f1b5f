package certs

import (
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// oidNames are the numbers of what requests and certificates name: "number long|short|
// other". The first is what results say.
const oidNames = `2.5.4.3 commonName|CN
2.5.4.4 surname|SN
2.5.4.5 serialNumber
2.5.4.6 countryName|C
2.5.4.7 localityName|L
2.5.4.8 stateOrProvinceName|ST
2.5.4.9 streetAddress|street
2.5.4.10 organizationName|O
2.5.4.11 organizationalUnitName|OU
2.5.4.12 title
2.5.4.13 description
2.5.4.15 businessCategory
2.5.4.16 postalAddress
2.5.4.17 postalCode
2.5.4.20 telephoneNumber
2.5.4.41 name
2.5.4.42 givenName|GN
2.5.4.43 initials
2.5.4.44 generationQualifier
2.5.4.45 x500UniqueIdentifier
2.5.4.46 dnQualifier
2.5.4.65 pseudonym
2.5.4.97 organizationIdentifier
0.9.2342.19200300.100.1.1 userId|UID|userID
0.9.2342.19200300.100.1.25 domainComponent|DC
1.2.840.113549.1.9.1 emailAddress
1.2.840.113549.1.9.2 unstructuredName
1.3.6.1.4.1.311.60.2.1.1 jurisdictionLocalityName|jurisdictionL
1.3.6.1.4.1.311.60.2.1.2 jurisdictionStateOrProvinceName|jurisdictionST
1.3.6.1.4.1.311.60.2.1.3 jurisdictionCountryName|jurisdictionC
1.3.6.1.5.5.7.3.1 TLS Web Server Authentication|serverAuth
1.3.6.1.5.5.7.3.2 TLS Web Client Authentication|clientAuth
1.3.6.1.5.5.7.3.3 Code Signing|codeSigning
1.3.6.1.5.5.7.3.4 E-mail Protection|emailProtection
1.3.6.1.5.5.7.3.5 IPSec End System|ipsecEndSystem
1.3.6.1.5.5.7.3.6 IPSec Tunnel|ipsecTunnel
1.3.6.1.5.5.7.3.7 IPSec User|ipsecUser
1.3.6.1.5.5.7.3.8 Time Stamping|timeStamping
1.3.6.1.5.5.7.3.9 OCSP Signing|OCSPSigning
1.3.6.1.5.5.7.3.10 dvcs|DVCS
1.3.6.1.5.5.7.3.17 ipsec Internet Key Exchange|ipsecIKE
1.3.6.1.5.2.3.4 PKINIT Client Auth|pkInitClientAuth
1.3.6.1.5.2.3.5 Signing KDC Response|pkInitKDC
1.3.6.1.4.1.311.2.1.21 Microsoft Individual Code Signing|msCodeInd
1.3.6.1.4.1.311.2.1.22 Microsoft Commercial Code Signing|msCodeCom
1.3.6.1.4.1.311.10.3.1 Microsoft Trust List Signing|msCTLSign
1.3.6.1.4.1.311.10.3.3 Microsoft Server Gated Crypto|msSGC
1.3.6.1.4.1.311.10.3.4 Microsoft Encrypted File System|msEFS
1.3.6.1.4.1.311.20.2.2 Microsoft Smartcardlogin|msSmartcardLogin
2.16.840.1.113730.4.1 Netscape Server Gated Crypto|nsSGC
2.5.29.37.0 Any Extended Key Usage|anyExtendedKeyUsage
`

// oidOf finds the number of a name; dotted numbers stand for themselves.
func oidOf(name string) (asn1.ObjectIdentifier, error) {
	for line := range strings.Lines(oidNames) {
		number, names, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		for n := range strings.SplitSeq(names, "|") {
			if n == name {
				return dotted(number)
			}
		}
	}
	if oid, err := dotted(name); err == nil && len(oid) > 1 {
		return oid, nil
	}
	return nil, fmt.Errorf("Cannot find OID for %q", name)
}

func dotted(text string) (asn1.ObjectIdentifier, error) {
	var oid asn1.ObjectIdentifier
	for part := range strings.SplitSeq(text, ".") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return nil, errors.New(text + " is not a number of an object")
		}
		oid = append(oid, n)
	}
	if len(oid) < 2 || oid[0] > 2 || oid[0] < 2 && oid[1] > 39 {
		return nil, errors.New(text + " is not a number of an object")
	}
	return oid, nil
}

// nameOf is what results call a number; short is the shorter word.
func nameOf(number string, short bool) string {
	for line := range strings.Lines(oidNames) {
		oid, names, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if oid != number {
			continue
		}
		n := strings.Split(names, "|")
		if short && len(n) > 1 {
			return n[1]
		}
		return n[0]
	}
	return number
}

// pair is one entry of a name, as a playbook has it: CN, example.org.
type pair struct{ key, text string }

type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

// must is DER of what can always be written.
func must(v any, params string) []byte {
	b, err := asn1.MarshalWithParams(v, params)
	if err != nil {
		panic("certs: " + err.Error())
	}
	return b
}

// tlv is a value with a tag of its own.
func tlv(class, tag int, compound bool, content []byte) []byte {
	return must(asn1.RawValue{Class: class, Tag: tag, IsCompound: compound, Bytes: content}, "")
}

func sequence(parts ...[]byte) []byte {
	return tlv(asn1.ClassUniversal, asn1.TagSequence, true, join(parts))
}

func join(parts [][]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// attributeOf is an entry in DER, in the kind of text that its name has.
func attributeOf(p pair) ([]byte, error) {
	oid, err := oidOf(p.key)
	if err != nil {
		return nil, err
	}
	tag := asn1.TagUTF8String
	switch oid.String() {
	case "2.5.4.6", "1.3.6.1.4.1.311.60.2.1.3":
		if tag = asn1.TagPrintableString; len(p.text) != 2 {
			return nil, errors.New("Country name must be a 2 character country code")
		}
	case "2.5.4.5", "2.5.4.46":
		tag = asn1.TagPrintableString
	case "1.2.840.113549.1.9.1", "0.9.2342.19200300.100.1.25":
		tag = asn1.TagIA5String
	}
	return sequence(must(oid, ""), tlv(asn1.ClassUniversal, tag, false, []byte(p.text))), nil
}

// nameDER is a name of one entry after the other.
func nameDER(pairs []pair) ([]byte, error) {
	var sets [][]byte
	for _, p := range pairs {
		a, err := attributeOf(p)
		if err != nil {
			return nil, err
		}
		sets = append(sets, tlv(asn1.ClassUniversal, asn1.TagSet, true, a))
	}
	return sequence(sets...), nil
}

// parseName reads a name: its entries by number.
func parseName(der []byte) ([]pair, error) {
	var sets []asn1.RawValue
	if _, err := asn1.Unmarshal(der, &sets); err != nil {
		return nil, errors.New("not a name")
	}
	var out []pair
	for _, s := range sets {
		for rest := s.Bytes; len(rest) > 0; {
			var a attribute
			var err error
			if rest, err = asn1.Unmarshal(rest, &a); err != nil {
				return nil, errors.New("not a name")
			}
			out = append(out, pair{a.Type.String(), textOf(a.Value)})
		}
	}
	return out, nil
}

// textOf is text of any kind.
func textOf(v asn1.RawValue) string {
	switch v.Tag {
	case asn1.TagBMPString:
		var u []uint16
		for i := 0; i+1 < len(v.Bytes); i += 2 {
			u = append(u, uint16(v.Bytes[i])<<8|uint16(v.Bytes[i+1]))
		}
		return string(utf16.Decode(u))
	case asn1.TagT61String:
		if !utf8.Valid(v.Bytes) {
			r := make([]rune, len(v.Bytes))
			for i, b := range v.Bytes {
				r[i] = rune(b)
			}
			return string(r)
		}
	}
	return strings.ToValidUTF8(string(v.Bytes), "\uFFFD")
}

// parseDN reads a distinguished name as text: CN=x, O=y or /CN=x/O=y. The order is
// turned round, as Ansible does it.
func parseDN(text string) ([]pair, error) {
	rest, sep := strings.TrimLeft(text, " \t\n"), byte(',')
	if strings.HasPrefix(rest, "/") {
		rest, sep = rest[1:], '/'
	}
	var out []pair
	for rest != "" {
		p, tail, err := parsePart(rest, sep)
		if err != nil {
			return nil, fmt.Errorf("Error while parsing distinguished name %q: %w", text, err)
		}
		out = append([]pair{p}, out...)
		if rest = tail; rest != "" {
			if len(rest) < 2 {
				return nil, fmt.Errorf("Error while parsing distinguished name %q: unexpected end of string", text)
			}
			rest = rest[1:]
		}
	}
	return out, nil
}

// parsePart reads one entry up to sep.
func parsePart(text string, sep byte) (p pair, rest string, err error) {
	key, value, ok := strings.Cut(text, "=")
	if p.key = strings.TrimSpace(key); !ok || p.key == "" || strings.ContainsAny(p.key, " ,/+\\") {
		return p, "", fmt.Errorf("cannot start part in %q", text)
	}
	if _, err := oidOf(p.key); err != nil {
		return p, "", err
	}
	value = strings.TrimLeft(value, " ")
	var b []byte
	i := 0
	for ; i < len(value) && value[i] != sep; i++ {
		if value[i] != '\\' || i+1 == len(value) {
			b = append(b, value[i])
			continue
		}
		if i+2 < len(value) {
			if raw, err := hex.DecodeString(value[i+1 : i+3]); err == nil {
				b = append(b, raw...)
				i += 2
				continue
			}
		}
		i++
		b = append(b, value[i])
	}
	p.text = string(b)
	return p, value[i:], nil
}

// dnText is a name as text, in RFC 4514's order.
func dnText(pairs []pair) string {
	var parts []string
	esc := strings.NewReplacer(`\`, `\\`, ",", `\,`, "+", `\+`, "<", `\<`, ">", `\>`, ";", `\;`, `"`, `\"`, "\x00", `\00`)
	for _, p := range pairs {
		t := esc.Replace(p.text)
		if strings.HasPrefix(t, " ") || strings.HasPrefix(t, "#") {
			t = `\` + t
		}
		if strings.HasSuffix(t, " ") {
			t = t[:len(t)-1] + `\ `
		}
		parts = append([]string{nameOf(p.key, true) + "=" + t}, parts...)
	}
	return strings.Join(parts, ",")
}
