package certs

import (
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"slices"

	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// describe is what results say of a request or a certificate. What is not there is
// null, as in Ansible. Its text is the host's.
func (s *signed) describe() *value.Map {
	m := value.NewMap()
	name, ordered := entries(s.subject)
	m.Put("subject", name)
	m.Put("subject_ordered", ordered)
	s.usageInto(m)
	s.limitsInto(m)
	s.idsInto(m)
	m.Put("public_key", value.String(s.public.pem()))
	m.Put("public_key_type", value.String(s.public.kind))
	m.Put("public_key_data", value.FromMap(s.public.info()))
	byOID := value.NewMap()
	for _, e := range s.extensions {
		byOID.Put(e.Id.String(), value.FromMap(value.MapOf("critical", value.Bool(e.Critical), "value", value.String(base64.StdEncoding.EncodeToString(e.Value)))))
	}
	m.Put("extensions_by_oid", value.FromMap(byOID))
	return m
}

// entries are a name's, as a mapping and in order.
func entries(der []byte) (byName, ordered value.Value) {
	m, list := value.NewMap(), []value.Value{}
	pairs, _ := parseName(der)
	for _, p := range pairs {
		k := nameOf(p.key, false)
		m.Put(k, kit.HostText(p.text))
		list = append(list, value.List(value.String(k), kit.HostText(p.text)))
	}
	return value.FromMap(m), value.List(list...)
}

// put notes what an extension lists, and whether it is critical.
func (s *signed) put(m *value.Map, key, oid string, list func(der []byte) []string) {
	e := s.extension(oid)
	if e == nil {
		m.Put(key, value.Null())
		m.Put(key+"_critical", value.Bool(false))
		return
	}
	m.Put(key, hostTexts(list(e.Value)))
	m.Put(key+"_critical", value.Bool(e.Critical))
}

func hostTexts(list []string) value.Value {
	items := make([]value.Value, len(list))
	for i, s := range list {
		items[i] = kit.HostText(s)
	}
	return value.List(items...)
}

func (s *signed) usageInto(m *value.Map) {
	s.put(m, "key_usage", oidUsage, func(der []byte) []string {
		var bits asn1.BitString
		_, _ = asn1.Unmarshal(der, &bits)
		out := []string{}
		for i, u := range usages() {
			if bits.At(i) == 1 {
				out = append(out, u[1])
			}
		}
		slices.Sort(out)
		return out
	})
	s.put(m, "extended_key_usage", oidExtra, func(der []byte) []string {
		out := []string{}
		for _, p := range parts(der) {
			var oid asn1.ObjectIdentifier
			_, _ = asn1.Unmarshal(p.FullBytes, &oid)
			out = append(out, nameOf(oid.String(), false))
		}
		slices.Sort(out)
		return out
	})
	s.put(m, "basic_constraints", oidBasic, func(der []byte) []string {
		var b struct {
			CA  bool `asn1:"optional"`
			Len int  `asn1:"optional,default:-1"`
		}
		_, _ = asn1.Unmarshal(der, &b)
		out := []string{"CA:" + map[bool]string{true: "TRUE", false: "FALSE"}[b.CA]}
		if b.Len >= 0 {
			out = append(out, "pathlen:"+big.NewInt(int64(b.Len)).String())
		}
		return out
	})
}

func (s *signed) limitsInto(m *value.Map) {
	s.put(m, "subject_alt_name", oidSAN, func(der []byte) []string { return generals(parts(der)) })
	m.Put("ocsp_must_staple", value.Null())
	m.Put("ocsp_must_staple_critical", value.Bool(false))
	if e := s.extension(oidStaple); e != nil {
		has := slices.ContainsFunc(parts(e.Value), func(v asn1.RawValue) bool { return len(v.Bytes) == 1 && v.Bytes[0] == 5 })
		m.Put("ocsp_must_staple", value.Bool(has))
		m.Put("ocsp_must_staple_critical", value.Bool(e.Critical))
	}
	e := s.extension(oidLimits)
	for tag, key := range []string{"name_constraints_permitted", "name_constraints_excluded"} {
		m.Put(key, value.Null())
		if e == nil {
			continue
		}
		list := []string{}
		for _, side := range parts(e.Value) {
			if side.Tag != tag {
				continue
			}
			for _, tree := range parts(side.FullBytes) {
				list = append(list, generals(parts(tree.FullBytes))...)
			}
		}
		m.Put(key, hostTexts(list))
	}
	m.Put("name_constraints_critical", value.Bool(e != nil && e.Critical))
}

func generals(list []asn1.RawValue) []string {
	out := []string{}
	for _, v := range list {
		out = append(out, generalText(v))
	}
	return out
}

// keyID is the identifier of the subject's key, nil = none.
func (s *signed) keyID() []byte {
	e := s.extension(oidKeyID)
	if e == nil {
		return nil
	}
	var id []byte
	_, _ = asn1.Unmarshal(e.Value, &id)
	return id
}

func (s *signed) idsInto(m *value.Map) {
	id := func(b []byte) value.Value {
		if b == nil {
			return value.Null()
		}
		return value.String(colons(b))
	}
	m.Put("subject_key_identifier", id(s.keyID()))
	for _, k := range []string{"authority_key_identifier", "authority_cert_issuer", "authority_cert_serial_number"} {
		m.Put(k, value.Null())
	}
	e := s.extension(oidAuthID)
	if e == nil {
		return
	}
	for _, p := range parts(e.Value) {
		switch p.Tag {
		case 0:
			m.Put("authority_key_identifier", id(p.Bytes))
		case 1:
			m.Put("authority_cert_issuer", hostTexts(generals(parts(p.FullBytes))))
		case 2:
			m.Put("authority_cert_serial_number", value.Big(new(big.Int).SetBytes(p.Bytes)))
		}
	}
}

// differs is what a difference shows of something that is there.
func differs(s *signed, can string, bad error, text []byte) *value.Map {
	switch {
	case len(text) == 0:
		return value.NewMap()
	case bad != nil:
		return value.MapOf(can, value.Bool(false))
	}
	m := s.describe()
	m.Put("public_key_fingerprints", fingerprint(s.public.der))
	m.Put(can, value.Bool(true))
	return m
}
