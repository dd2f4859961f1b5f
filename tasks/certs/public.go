package certs

import (
	"crypto/md5"  // #nosec G501: a fingerprint among others
	"crypto/sha1" // #nosec G505: and the identifier that RFC 5280 makes of a key
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"

	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/blake2s"

	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// publicKey is a SubjectPublicKeyInfo, of whatever kind.
type publicKey struct {
	der   []byte // all of it
	kind  string // Ansible's word: RSA, DSA, ECC, Ed25519 …
	curve string // of ECC, Ansible's word; the dotted number of an unknown one
	size  int    // bits
	bits  []byte // the key itself
	numbers
}

// numbers are the parts of a key that have names; nil where it has none.
type numbers struct {
	modulus, exponent *big.Int // RSA
	p, q, g, y        *big.Int // DSA
}

type spki struct {
	Algorithm pkix.AlgorithmIdentifier
	Key       asn1.BitString
}

// kinds are the kinds of keys by the number of their algorithm.
func kinds() map[string]string {
	return map[string]string{
		"1.2.840.113549.1.1.1": "RSA", "1.2.840.10040.4.1": "DSA", "1.2.840.10045.2.1": "ECC",
		"1.3.101.110": "X25519", "1.3.101.111": "X448", "1.3.101.112": "Ed25519", "1.3.101.113": "Ed448",
	}
}

// curve is a curve as Ansible and openssl call it.
type curve struct {
	oid, openssl string
	bits         int
	old          bool // not for new keys
}

// curves are the curves by Ansible's names.
func curves() map[string]curve {
	return map[string]curve{
		"secp192r1": {"1.2.840.10045.3.1.1", "prime192v1", 192, true},
		"secp224r1": {"1.3.132.0.33", "secp224r1", 224, false},
		"secp256k1": {"1.3.132.0.10", "secp256k1", 256, false},
		"secp256r1": {"1.2.840.10045.3.1.7", "prime256v1", 256, false},
		"secp384r1": {"1.3.132.0.34", "secp384r1", 384, false},
		"secp521r1": {"1.3.132.0.35", "secp521r1", 521, false},

		"brainpoolP256r1": {"1.3.36.3.3.2.8.1.1.7", "brainpoolP256r1", 256, true},
		"brainpoolP384r1": {"1.3.36.3.3.2.8.1.1.11", "brainpoolP384r1", 384, true},
		"brainpoolP512r1": {"1.3.36.3.3.2.8.1.1.13", "brainpoolP512r1", 512, true},

		"sect163k1": {"1.3.132.0.1", "sect163k1", 163, true}, "sect163r2": {"1.3.132.0.15", "sect163r2", 163, true},
		"sect233k1": {"1.3.132.0.26", "sect233k1", 233, true}, "sect233r1": {"1.3.132.0.27", "sect233r1", 233, true},
		"sect283k1": {"1.3.132.0.16", "sect283k1", 283, true}, "sect283r1": {"1.3.132.0.17", "sect283r1", 283, true},
		"sect409k1": {"1.3.132.0.36", "sect409k1", 409, true}, "sect409r1": {"1.3.132.0.37", "sect409r1", 409, true},
		"sect571k1": {"1.3.132.0.38", "sect571k1", 571, true}, "sect571r1": {"1.3.132.0.39", "sect571r1", 571, true},
	}
}

// parsePublic reads a public key in DER.
func parsePublic(der []byte) (*publicKey, error) {
	var s spki
	if rest, err := asn1.Unmarshal(der, &s); err != nil || len(rest) > 0 {
		return nil, errors.New("not a public key")
	}
	k := &publicKey{der: der, bits: s.Key.RightAlign()}
	kind, ok := kinds()[s.Algorithm.Algorithm.String()]
	if !ok {
		kind = "unknown"
	}
	k.kind = kind
	switch kind {
	case "RSA":
		var n struct{ N, E *big.Int }
		if _, err := asn1.Unmarshal(k.bits, &n); err != nil {
			return nil, errors.New("not an RSA key")
		}
		k.modulus, k.exponent, k.size = n.N, n.E, n.N.BitLen()
	case "DSA":
		var n struct{ P, Q, G *big.Int }
		if _, err := asn1.Unmarshal(s.Algorithm.Parameters.FullBytes, &n); err != nil {
			return nil, errors.New("not a DSA key")
		}
		if _, err := asn1.Unmarshal(k.bits, &k.y); err != nil {
			return nil, errors.New("not a DSA key")
		}
		k.p, k.q, k.g, k.size = n.P, n.Q, n.G, n.P.BitLen()
	case "ECC":
		k.curved(s.Algorithm.Parameters.FullBytes)
	default:
		k.size = len(k.bits) * 8
	}
	return k, nil
}

// curved names the curve; one that is written out in numbers has no name.
func (k *publicKey) curved(params []byte) {
	var oid asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(params, &oid); err != nil {
		return
	}
	k.curve = oid.String()
	for name, c := range curves() {
		if c.oid == k.curve {
			k.curve, k.size = name, c.bits
			return
		}
	}
}

// same reports equal keys.
func (k *publicKey) same(o *publicKey) bool {
	return k != nil && o != nil && string(k.der) == string(o.der)
}

// id is the identifier of the key: SHA-1 of its bits (RFC 5280, 4.2.1.2).
func (k *publicKey) id() []byte {
	sum := sha1.Sum(k.bits) // #nosec G401
	return sum[:]
}

// pem is the key as text.
func (k *publicKey) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: k.der}))
}

// colons are bytes as openssl shows them.
func colons(b []byte) string {
	parts := make([]string, len(b))
	for i := range b {
		parts[i] = hex.EncodeToString(b[i : i+1])
	}
	return strings.Join(parts, ":")
}

// fingerprints are the hashes of data by every name that Python's hashlib has.
func fingerprints(data []byte) value.Value {
	out := value.NewMap()
	put := func(name string, sum []byte) { out.Put(name, value.String(colons(sum))) }
	b2b, b2s := blake2b.Sum512(data), blake2s.Sum256(data)
	put("blake2b", b2b[:])
	put("blake2s", b2s[:])
	m5, s1, s224, s256 := md5.Sum(data), sha1.Sum(data), sha256.Sum224(data), sha256.Sum256(data) // #nosec G401
	put("md5", m5[:])
	put("sha1", s1[:])
	put("sha224", s224[:])
	put("sha256", s256[:])
	s384, s512 := sha512.Sum384(data), sha512.Sum512(data)
	put("sha384", s384[:])
	t224, t256, t384, t512 := sha3.Sum224(data), sha3.Sum256(data), sha3.Sum384(data), sha3.Sum512(data)
	put("sha3_224", t224[:])
	put("sha3_256", t256[:])
	put("sha3_384", t384[:])
	put("sha3_512", t512[:])
	put("sha512", s512[:])
	put("shake_128", sha3.SumSHAKE128(data, 32))
	put("shake_256", sha3.SumSHAKE256(data, 32))
	return value.FromMap(out)
}

// fingerprint is the one that differences show.
func fingerprint(data []byte) value.Value {
	sum := sha256.Sum256(data)
	return value.FromMap(value.MapOf("sha256", value.String(colons(sum[:]))))
}

// fingerprint of a key, Null for one that cannot be opened.
func (k *publicKey) fingerprints() value.Value {
	if k == nil {
		return value.Null()
	}
	return fingerprints(k.der)
}

// info is what results say of the key's numbers.
func (k *publicKey) info() *value.Map {
	m := value.NewMap()
	number := func(name string, n *big.Int) {
		if n != nil {
			m.Put(name, value.Big(n))
		}
	}
	if k.kind != "Ed25519" && k.kind != "Ed448" && k.kind != "X25519" && k.kind != "X448" && k.kind != "ECC" {
		m.Put("size", value.Int(int64(k.size)))
	}
	number("modulus", k.modulus)
	number("exponent", k.exponent)
	number("p", k.p)
	number("q", k.q)
	number("g", k.g)
	number("y", k.y)
	if k.kind == "ECC" {
		m.Put("curve", kit.HostText(k.curve))
		m.Put("exponent_size", value.Int(int64(k.size)))
		if n := (len(k.bits) - 1) / 2; len(k.bits) > 1 && k.bits[0] == 4 {
			m.Put("x", value.Big(new(big.Int).SetBytes(k.bits[1:1+n])))
			m.Put("y", value.Big(new(big.Int).SetBytes(k.bits[1+n:])))
		}
	}
	return m
}
