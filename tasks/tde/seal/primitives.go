package seal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// What is derived from a passphrase and a salt. The AES key and IV are what
// "openssl enc -pbkdf2" derives, so that its command line opens the file in an
// emergency; the MAC key comes from 16 bytes more of the same derivation.
const (
	saltSize    = 8
	aesKeySize  = 32
	derivedSize = 64
	macSize     = sha256.Size

	labelMAC   = "remoterun/sealed/v1/mac"
	labelTag   = "remoterun/sealed/v1\x00"
	labelCheck = "remoterun/sealed/v1/check\x00"
)

// derived are the keys of one sealed file; wipe overwrites them.
type derived struct {
	aes [aesKeySize]byte
	iv  [aes.BlockSize]byte
	mac [macSize]byte
}

func (d *derived) wipe() { *d = derived{} }

// derive takes about 0.5 s per million iterations.
func derive(ctx context.Context, passphrase, salt []byte, iterations int) (*derived, error) {
	k, err := pbkdf2SHA256(ctx, passphrase, salt, iterations)
	if err != nil {
		return nil, err
	}
	defer clear(k[:])
	d := &derived{}
	copy(d.aes[:], k[:aesKeySize])
	copy(d.iv[:], k[aesKeySize:])
	mac, err := hkdf.Key(sha256.New, k[48:], nil, labelMAC, macSize)
	copy(d.mac[:], mac)
	clear(mac)
	return d, err
}

// cancelEvery is after how many iterations a derivation looks at its context.
const cancelEvery = 1 << 15

// pbkdf2SHA256 is RFC 8018's PBKDF2 with HMAC-SHA256 and 64 bytes of output.
// It is written out because the library's takes the passphrase as a string,
// which nobody can overwrite. The two pads inside hmac are out of reach too:
// docs/security.md says that the laptop's memory is not defended.
func pbkdf2SHA256(ctx context.Context, passphrase, salt []byte, iterations int) (out [derivedSize]byte, err error) {
	prf := hmac.New(sha256.New, passphrase)
	u := make([]byte, 0, macSize)
	defer clear(u[:macSize])
	for block := range derivedSize / macSize {
		prf.Reset()
		prf.Write(salt)
		prf.Write(binary.BigEndian.AppendUint32(nil, uint32(block+1)))
		u = prf.Sum(u[:0])
		t := out[block*macSize : (block+1)*macSize]
		copy(t, u)
		for i := 1; i < iterations; i++ {
			prf.Reset()
			prf.Write(u)
			u = prf.Sum(u[:0])
			for j := range t {
				t[j] ^= u[j]
			}
			if i%cancelEvery == 0 && ctx.Err() != nil {
				clear(out[:])
				return out, context.Cause(ctx)
			}
		}
	}
	return out, nil
}

// tag is the MAC over the exact bytes of manifest and ciphertext file.
func (d *derived) tag(manifest, file []byte) []byte {
	m := hmac.New(sha256.New, d.mac[:])
	m.Write([]byte(labelTag))
	m.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(manifest))))
	m.Write(manifest)
	m.Write(file)
	return m.Sum(nil)
}

// check tells a wrong passphrase from a file that was changed. It gives a
// guesser nothing that the tag does not give.
func (d *derived) check(salt []byte) []byte {
	m := hmac.New(sha256.New, d.mac[:])
	m.Write([]byte(labelCheck))
	m.Write(salt)
	return m.Sum(nil)
}

// encrypt returns AES-256-CBC of plain with PKCS#7 padding.
func (d *derived) encrypt(plain []byte) ([]byte, error) {
	block, err := aes.NewCipher(d.aes[:])
	if err != nil {
		return nil, err
	}
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	b := make([]byte, len(plain)+pad)
	copy(b, plain)
	for i := len(plain); i < len(b); i++ {
		b[i] = byte(pad)
	}
	cipher.NewCBCEncrypter(block, d.iv[:]).CryptBlocks(b, b)
	return b, nil
}

var errPadding = errors.New("the padding is wrong")

// decrypt undoes encrypt. It is called only for bytes whose tag fits.
func (d *derived) decrypt(b []byte) ([]byte, error) {
	if len(b) == 0 || len(b)%aes.BlockSize != 0 {
		return nil, fmt.Errorf("%d bytes are not a whole number of blocks", len(b))
	}
	block, err := aes.NewCipher(d.aes[:])
	if err != nil {
		return nil, err
	}
	plain := make([]byte, len(b))
	cipher.NewCBCDecrypter(block, d.iv[:]).CryptBlocks(plain, b)
	pad := int(plain[len(plain)-1])
	if pad == 0 || pad > aes.BlockSize {
		clear(plain)
		return nil, errPadding
	}
	for _, c := range plain[len(plain)-pad:] {
		if int(c) != pad {
			clear(plain)
			return nil, errPadding
		}
	}
	return plain[:len(plain)-pad], nil
}
