package certs

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// Numbers of the extensions that requests ask for.
const (
	oidSAN    = "2.5.29.17"
	oidUsage  = "2.5.29.15"
	oidExtra  = "2.5.29.37"
	oidBasic  = "2.5.29.19"
	oidStaple = "1.3.6.1.5.5.7.1.24"
	oidLimits = "2.5.29.30"
	oidKeyID  = "2.5.29.14"
	oidAuthID = "2.5.29.35"
	oidCRL    = "2.5.29.31"
)

// extensionOf makes one; der is its value.
func extensionOf(oid string, critical bool, der []byte) pkix.Extension {
	id, _ := dotted(oid)
	return pkix.Extension{Id: id, Critical: critical, Value: der}
}

// extensionDER is an extension as it stands in a request.
func extensionDER(e pkix.Extension) []byte {
	parts := [][]byte{must(e.Id, "")}
	if e.Critical {
		parts = append(parts, must(true, ""))
	}
	return sequence(append(parts, must(e.Value, ""))...)
}

func extensionsDER(list []pkix.Extension) []byte {
	var parts [][]byte
	for _, e := range list {
		parts = append(parts, extensionDER(e))
	}
	return sequence(parts...)
}

// sameExtension compares two, either of which may be missing; the order of what
// alternative names, extended usages and name constraints list does not matter.
func sameExtension(a, b *pkix.Extension) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Critical != b.Critical {
		return false
	}
	switch a.Id.String() {
	case oidSAN, oidExtra:
		return slices.EqualFunc(members(a.Value), members(b.Value), bytes.Equal)
	case oidLimits:
		x, y := members(a.Value), members(b.Value)
		return slices.EqualFunc(x, y, func(p, q []byte) bool {
			return p[0] == q[0] && slices.EqualFunc(members(p), members(q), bytes.Equal)
		})
	}
	return bytes.Equal(a.Value, b.Value)
}

// members are the parts of a sequence in an order of their own, each once.
func members(der []byte) [][]byte {
	var out [][]byte
	for _, v := range parts(der) {
		out = append(out, v.FullBytes)
	}
	slices.SortFunc(out, bytes.Compare)
	return slices.CompactFunc(out, bytes.Equal)
}

// parts are the parts of something compound, in their order.
func parts(der []byte) []asn1.RawValue {
	var outer asn1.RawValue
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		return nil
	}
	var out []asn1.RawValue
	for rest := outer.Bytes; len(rest) > 0; {
		var v asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &v); err != nil {
			return out
		}
		out = append(out, v)
	}
	return out
}

// generalNames are names in a sequence; what is what they are for.
func generalNames(list []string, what string) ([]byte, error) {
	var all []byte
	for _, n := range list {
		der, err := generalName(n, what)
		if err != nil {
			return nil, err
		}
		all = append(all, der...)
	}
	return all, nil
}

// usages are the bits of key usage: names in requests, and in results.
func usages() [][2]string {
	return [][2]string{
		{"digitalSignature", "Digital Signature"}, {"nonRepudiation", "Non Repudiation"}, {"keyEncipherment", "Key Encipherment"},
		{"dataEncipherment", "Data Encipherment"}, {"keyAgreement", "Key Agreement"}, {"keyCertSign", "Certificate Sign"},
		{"cRLSign", "CRL Sign"}, {"encipherOnly", "Encipher Only"}, {"decipherOnly", "Decipher Only"},
	}
}

// namedBits is a BIT STRING without the zeros at its end.
func namedBits(set []int) []byte {
	var b []byte
	last := -1
	for _, i := range set {
		for len(b) <= i/8 {
			b = append(b, 0)
		}
		b[i/8] |= 0x80 >> (i % 8)
		last = max(last, i)
	}
	return must(asn1.BitString{Bytes: b, BitLength: last + 1}, "")
}

func usageDER(list []string) ([]byte, error) {
	var set []int
	for _, u := range list {
		i := slices.IndexFunc(usages(), func(n [2]string) bool { return n[0] == u || n[1] == u })
		if i < 0 {
			return nil, fmt.Errorf("Unknown key usage %q", u)
		}
		set = append(set, i)
	}
	return namedBits(set), nil
}

func extraDER(list []string) ([]byte, error) {
	var all [][]byte
	for _, u := range list {
		oid, err := oidOf(u)
		if err != nil {
			return nil, err
		}
		all = append(all, must(oid, ""))
	}
	return sequence(all...), nil
}

// basicDER reads CA:TRUE and pathlen:1.
func basicDER(list []string) ([]byte, error) {
	ca, length := false, -1
	for _, c := range list {
		kind, v, _ := strings.Cut(c, ":")
		switch {
		case kind == "CA" && (v == "TRUE" || v == "FALSE"):
			ca = v == "TRUE"
		case kind == "CA":
			return nil, fmt.Errorf("Unknown basic constraint value %q for CA", v)
		case kind == "pathlen":
			n, err := strconv.Atoi(strings.TrimSpace(v))
			if err != nil || n < 0 {
				return nil, fmt.Errorf("Cannot parse path length constraint %q (invalid literal for int() with base 10: '%s')", v, v)
			}
			length = n
		default:
			return nil, fmt.Errorf("Unknown basic constraint %q", c)
		}
	}
	if length >= 0 && !ca {
		return nil, errors.New("path_length must be None when ca is False")
	}
	var all [][]byte
	if ca {
		all = append(all, must(true, ""))
	}
	if length >= 0 {
		all = append(all, must(length, ""))
	}
	return sequence(all...), nil
}

// limitsDER are name constraints.
func limitsDER(permitted, excluded []string) ([]byte, error) {
	var all [][]byte
	for tag, list := range [][]string{permitted, excluded} {
		if len(list) == 0 {
			continue
		}
		var trees [][]byte
		for _, n := range list {
			der, err := generalName(n, "name constraints "+[]string{"permitted", "excluded"}[tag])
			if err != nil {
				return nil, err
			}
			trees = append(trees, sequence(der))
		}
		all = append(all, tlv(asn1.ClassContextSpecific, tag, true, join(trees)))
	}
	return sequence(all...), nil
}

// authDER is the identifier of who signs.
func authDER(id []byte, issuer []string, serial *big.Int) ([]byte, error) {
	var all [][]byte
	if id != nil {
		all = append(all, tlv(asn1.ClassContextSpecific, 0, false, id))
	}
	if issuer != nil {
		names, err := generalNames(issuer, "authority cert issuer")
		if err != nil {
			return nil, err
		}
		all = append(all, tlv(asn1.ClassContextSpecific, 1, true, names))
	}
	if serial != nil {
		var raw asn1.RawValue
		_, _ = asn1.Unmarshal(must(serial, ""), &raw)
		all = append(all, tlv(asn1.ClassContextSpecific, 2, false, raw.Bytes))
	}
	return sequence(all...), nil
}

// hexBytes reads 00:11:22.
func hexBytes(text, arg string) ([]byte, error) {
	b, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil {
		return nil, fmt.Errorf("Cannot parse %s: %w", arg, err)
	}
	return b, nil
}
