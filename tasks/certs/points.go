package certs

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"

	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// reasons are why a certificate may be on a list, by their bits; the first bit is unused.
func reasons() []string {
	return []string{"", "key_compromise", "ca_compromise", "affiliation_changed", "superseded", "cessation_of_operation", "certificate_hold", "privilege_withdrawn", "aa_compromise"}
}

// pointsDER is where lists of revoked certificates are.
func pointsDER(v value.Value) ([]byte, error) {
	if _, ok := v.AsSeq(); !ok {
		return nil, errors.New("crl_distribution_points is a list of mappings")
	}
	var all [][]byte
	for i, it := range v.Items() {
		m, ok := it.AsMap()
		if !ok {
			return nil, errors.New("crl_distribution_points is a list of mappings")
		}
		der, err := pointDER(m)
		if err != nil {
			return nil, fmt.Errorf("Error while parsing CRL distribution point #%d: %w", i, err)
		}
		all = append(all, der)
	}
	return sequence(all...), nil
}

// point is one of them, as a playbook writes it.
type point struct{ full, relative, issuer, why []string }

func pointOf(m *value.Map) (p point, err error) {
	for k, v := range m.All() {
		if v.IsNull() {
			continue
		}
		list, err := kit.AsStrings(v)
		if err != nil {
			return p, fmt.Errorf("%s: %w", value.Str(k), err)
		}
		switch name := value.Str(k); name {
		case "full_name":
			p.full = list
		case "relative_name":
			p.relative = list
		case "crl_issuer":
			p.issuer = list
		case "reasons":
			p.why = list
		default:
			return p, fmt.Errorf("%s is not one of: full_name, relative_name, crl_issuer, reasons", name)
		}
	}
	switch {
	case p.full != nil && p.relative != nil:
		return p, errors.New("parameters are mutually exclusive: full_name|relative_name")
	case p.full == nil && p.relative == nil && p.issuer == nil:
		return p, errors.New("one of the following is required: full_name, relative_name, crl_issuer")
	}
	return p, nil
}

func pointDER(m *value.Map) ([]byte, error) {
	p, err := pointOf(m)
	if err != nil {
		return nil, err
	}
	var all [][]byte
	switch {
	case p.full != nil:
		names, err := generalNames(p.full, "full name")
		if err != nil {
			return nil, err
		}
		all = append(all, tlv(asn1.ClassContextSpecific, 0, true, tlv(asn1.ClassContextSpecific, 0, true, names)))
	case p.relative != nil:
		var parts [][]byte
		for _, r := range p.relative {
			e, _, err := parsePart(r, 0)
			if err != nil {
				return nil, fmt.Errorf("Error while parsing relative distinguished name %q: %w", r, err)
			}
			a, err := attributeOf(e)
			if err != nil {
				return nil, err
			}
			parts = append(parts, a)
		}
		all = append(all, tlv(asn1.ClassContextSpecific, 0, true, tlv(asn1.ClassContextSpecific, 1, true, join(parts))))
	}
	if p.why != nil {
		var set []int
		for _, w := range p.why {
			i := slices.Index(reasons(), w)
			if i < 1 {
				return nil, fmt.Errorf("value of reasons must be one or more of: %s. Got no match for: %s", strings.Join(reasons()[1:], ", "), w)
			}
			set = append(set, i)
		}
		bits := asn1.RawValue{}
		_, _ = asn1.Unmarshal(namedBits(set), &bits)
		all = append(all, tlv(asn1.ClassContextSpecific, 1, false, bits.Bytes))
	}
	if p.issuer != nil {
		names, err := generalNames(p.issuer, "CRL issuer")
		if err != nil {
			return nil, err
		}
		all = append(all, tlv(asn1.ClassContextSpecific, 2, true, names))
	}
	return sequence(all...), nil
}
