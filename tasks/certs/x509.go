package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"time"
)

// signed is what requests and certificates have in common.
type signed struct {
	der        []byte
	tbs        []byte // what is signed
	subject    []byte
	public     *publicKey
	extensions []pkix.Extension
	algorithm  pkix.AlgorithmIdentifier
	signature  []byte
}

// certificate is a certificate that was read.
type certificate struct {
	signed
	version   int
	serial    *big.Int
	issuer    []byte
	notBefore time.Time
	notAfter  time.Time
}

type outer struct {
	TBS       asn1.RawValue
	Algorithm pkix.AlgorithmIdentifier
	Signature asn1.BitString
}

type requestInfo struct {
	Version    int
	Subject    asn1.RawValue
	PublicKey  asn1.RawValue
	Attributes []asn1.RawValue `asn1:"tag:0"`
}

type certInfo struct {
	Version   int `asn1:"optional,explicit,default:0,tag:0"`
	Serial    *big.Int
	Algorithm pkix.AlgorithmIdentifier
	Issuer    asn1.RawValue
	Validity  struct{ NotBefore, NotAfter time.Time }
	Subject   asn1.RawValue
	PublicKey asn1.RawValue

	IssuerID   asn1.BitString   `asn1:"optional,tag:1"`
	SubjectID  asn1.BitString   `asn1:"optional,tag:2"`
	Extensions []pkix.Extension `asn1:"omitempty,optional,explicit,tag:3"`
}

// block finds the first PEM block of text.
func block(text []byte, types ...string) ([]byte, error) {
	b, _ := pem.Decode(text)
	if b == nil || !slices.Contains(types, b.Type) {
		return nil, errors.New("Unable to load PEM file: it holds no " + types[0])
	}
	return b.Bytes, nil
}

// open reads what all have in common.
func open(der []byte, info any) (signed, error) {
	var o outer
	if rest, err := asn1.Unmarshal(der, &o); err != nil || len(rest) > 0 {
		return signed{}, errors.New("error parsing asn1 value")
	}
	if _, err := asn1.Unmarshal(o.TBS.FullBytes, info); err != nil {
		return signed{}, errors.New("error parsing asn1 value")
	}
	return signed{der: der, tbs: o.TBS.FullBytes, algorithm: o.Algorithm, signature: o.Signature.RightAlign()}, nil
}

const extensionRequest = "1.2.840.113549.1.9.14"

// parseRequest reads a request in PEM.
func parseRequest(text []byte) (*signed, error) {
	der, err := block(text, "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
	if err != nil {
		return nil, err
	}
	var info requestInfo
	r, err := open(der, &info)
	if err != nil {
		return nil, err
	}
	r.subject = info.Subject.FullBytes
	if r.public, err = parsePublic(info.PublicKey.FullBytes); err != nil {
		return nil, err
	}
	for _, raw := range info.Attributes {
		var a struct {
			Type   asn1.ObjectIdentifier
			Values [][]pkix.Extension `asn1:"set"`
		}
		if _, err := asn1.Unmarshal(raw.FullBytes, &a); err == nil && a.Type.String() == extensionRequest && len(a.Values) > 0 {
			r.extensions = a.Values[0]
		}
	}
	return &r, nil
}

// parseCertificate reads the first certificate of PEM.
func parseCertificate(text []byte) (*certificate, error) {
	der, err := block(text, "CERTIFICATE", "X509 CERTIFICATE")
	if err != nil {
		return nil, err
	}
	var info certInfo
	s, err := open(der, &info)
	if err != nil {
		return nil, err
	}
	s.subject, s.extensions = info.Subject.FullBytes, info.Extensions
	if s.public, err = parsePublic(info.PublicKey.FullBytes); err != nil {
		return nil, err
	}
	return &certificate{signed: s, version: info.Version + 1, serial: info.Serial, issuer: info.Issuer.FullBytes,
		notBefore: info.Validity.NotBefore.UTC(), notAfter: info.Validity.NotAfter.UTC()}, nil
}

// extension finds an extension by its number.
func (s *signed) extension(oid string) *pkix.Extension {
	for i := range s.extensions {
		if s.extensions[i].Id.String() == oid {
			return &s.extensions[i]
		}
	}
	return nil
}

// sameName reports names with equal entries.
func sameName(a, b []byte) bool {
	x, err := parseName(a)
	y, err2 := parseName(b)
	return err == nil && err2 == nil && slices.Equal(x, y)
}

// method is a way to sign.
type method struct {
	oid    string
	kind   string // of the key
	digest string // as playbooks and openssl call it; empty = the kind has its own
	hash   crypto.Hash
	name   string // as results call it
}

func methods() []method {
	return []method{
		{"1.2.840.113549.1.1.4", "RSA", "md5", crypto.MD5, "md5WithRSAEncryption"},
		{"1.2.840.113549.1.1.5", "RSA", "sha1", crypto.SHA1, "sha1WithRSAEncryption"},
		{"1.2.840.113549.1.1.14", "RSA", "sha224", crypto.SHA224, "sha224WithRSAEncryption"},
		{"1.2.840.113549.1.1.11", "RSA", "sha256", crypto.SHA256, "sha256WithRSAEncryption"},
		{"1.2.840.113549.1.1.12", "RSA", "sha384", crypto.SHA384, "sha384WithRSAEncryption"},
		{"1.2.840.113549.1.1.13", "RSA", "sha512", crypto.SHA512, "sha512WithRSAEncryption"},
		{"1.2.840.10045.4.1", "ECC", "sha1", crypto.SHA1, "ecdsa-with-SHA1"},
		{"1.2.840.10045.4.3.2", "ECC", "sha256", crypto.SHA256, "ecdsa-with-SHA256"},
		{"1.2.840.10045.4.3.3", "ECC", "sha384", crypto.SHA384, "ecdsa-with-SHA384"},
		{"1.2.840.10045.4.3.4", "ECC", "sha512", crypto.SHA512, "ecdsa-with-SHA512"},
		{"1.2.840.10040.4.3", "DSA", "sha1", crypto.SHA1, "dsa-with-sha1"},
		{"2.16.840.1.101.3.4.3.2", "DSA", "sha256", crypto.SHA256, "dsa-with-sha256"},
		{"1.3.101.112", "Ed25519", "", 0, "ED25519"},
		{"1.3.101.113", "Ed448", "", 0, "ED448"},
	}
}

// methodOf finds the way in which a key of that kind signs with a digest.
func methodOf(kind, digest string) (method, bool) {
	for _, m := range methods() {
		if m.kind == kind && (m.digest == digest || m.digest == "") {
			return m, true
		}
	}
	return method{}, false
}

// identifier is the method in DER.
func (m method) identifier() []byte {
	oid, _ := dotted(m.oid)
	if m.kind == "RSA" {
		return sequence(must(oid, ""), asn1.NullBytes)
	}
	return sequence(must(oid, ""))
}

// by reports whether the signature is a key's. What Go does not reckon with (DSA,
// Ed448, rare curves, RSA below 1024 bits) counts as signed.
func (s *signed) by(k *publicKey) bool {
	i := slices.IndexFunc(methods(), func(m method) bool { return m.oid == s.algorithm.Algorithm.String() })
	if i < 0 {
		return true
	}
	m := methods()[i]
	if m.kind != k.kind {
		return false
	}
	public, err := x509.ParsePKIXPublicKey(k.der)
	if err != nil || m.kind == "RSA" && k.size < 1024 {
		return true
	}
	sum := s.tbs
	if m.hash != 0 {
		h := m.hash.New()
		h.Write(s.tbs)
		sum = h.Sum(nil)
	}
	switch p := public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(p, m.hash, sum, s.signature) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(p, sum, s.signature)
	case ed25519.PublicKey:
		return ed25519.Verify(p, sum, s.signature)
	}
	return true
}
