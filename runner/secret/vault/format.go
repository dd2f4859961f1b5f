package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/pbkdf2"
)

const (
	header     = "$ANSIBLE_VAULT"
	iterations = 10_000 // the format's own number, and its limit
	saltSize   = 32     // of what is written; any length is read
	lineWidth  = 80
)

// DefaultLabel is the vault id of secrets and vaults without one.
const DefaultLabel = "default"

// FormatError is a text that is no vault, or a damaged one.
type FormatError struct {
	Line int // of the text, from 1; 0 = not one line
	Msg  string
}

func (e *FormatError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("vault: line %d: %s", e.Line, e.Msg)
	}
	return "vault: " + e.Msg
}

// errPassword says that a password does not fit. It is told apart from damage
// only by its likelihood: a damaged text does not fit either.
var errPassword = errors.New("the password does not fit")

// Is reports whether data begins as a vault does.
func Is(data []byte) bool { return bytes.HasPrefix(data, []byte(header+";")) }

// envelope is a vault taken apart.
type envelope struct {
	label      string // DefaultLabel when the text names none
	salt       []byte
	mac        []byte
	ciphertext []byte
}

// parse takes a vault's text apart: a header, then hexadecimal digits of three
// lines of hexadecimal digits. White space around lines does not count, so that
// an indented value is read as it stands.
func parse(text []byte) (*envelope, error) {
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	env, err := parseHeader(strings.TrimSpace(string(first)))
	if err != nil {
		return nil, err
	}
	body, err := unhexLines(rest)
	if err != nil {
		return nil, err
	}
	parts := bytes.SplitN(body, []byte("\n"), 3)
	if len(parts) != 3 {
		return nil, &FormatError{Msg: "salt, checksum and content are expected; the text is cut or damaged"}
	}
	for i, to := range []*[]byte{&env.salt, &env.mac, &env.ciphertext} {
		if *to, err = hex.DecodeString(string(parts[i])); err != nil {
			return nil, &FormatError{Msg: "the text is cut or damaged (" + err.Error() + ")"}
		}
	}
	if len(env.mac) != sha256.Size || len(env.ciphertext) == 0 || len(env.ciphertext)%aes.BlockSize != 0 {
		return nil, &FormatError{Msg: "the text is cut or damaged"}
	}
	return env, nil
}

func parseHeader(line string) (*envelope, error) {
	parts := strings.Split(line, ";")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	switch {
	case parts[0] != header:
		return nil, &FormatError{1, "is not a vault: it does not begin with " + header}
	case len(parts) < 3:
		return nil, &FormatError{1, "the header is cut: " + header + ";1.1;AES256 is expected"}
	case parts[1] != "1.1" && parts[1] != "1.2":
		return nil, &FormatError{1, fmt.Sprintf("version %q is not known (1.1 and 1.2 are)", parts[1])}
	case parts[2] != "AES256":
		return nil, &FormatError{1, fmt.Sprintf("cipher %q is not known (AES256 is)", parts[2])}
	}
	env := &envelope{label: DefaultLabel}
	if len(parts) > 3 && parts[3] != "" {
		env.label = parts[3]
	}
	return env, nil
}

// unhexLines decodes the lines behind the header as one run of digits.
func unhexLines(text []byte) ([]byte, error) {
	var digits []byte
	for i, line := range bytes.Split(text, []byte("\n")) {
		line = bytes.TrimSpace(line)
		for _, c := range line {
			if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
				return nil, &FormatError{i + 2, fmt.Sprintf("%q is not a hexadecimal digit", c)}
			}
		}
		digits = append(digits, line...)
	}
	if len(digits)%2 != 0 {
		return nil, &FormatError{Msg: "an odd number of digits: the text is cut"}
	}
	out := make([]byte, len(digits)/2)
	if _, err := hex.Decode(out, digits); err != nil {
		return nil, &FormatError{Msg: err.Error()}
	}
	return out, nil
}

// keys are what a password and a salt give.
type keys struct{ cipher, mac, iv []byte }

func derive(password, salt []byte) *keys {
	k := pbkdf2.Key(password, salt, iterations, 32+32+aes.BlockSize, sha256.New)
	return &keys{k[:32], k[32:64], k[64:]}
}

func (k *keys) sum(ciphertext []byte) []byte {
	m := hmac.New(sha256.New, k.mac)
	m.Write(ciphertext)
	return m.Sum(nil)
}

func (k *keys) stream(b []byte) ([]byte, error) {
	block, err := aes.NewCipher(k.cipher)
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(b))
	cipher.NewCTR(block, k.iv).XORKeyStream(out, b)
	return out, nil
}

// open checks the checksum, then decrypts. Errors: errPassword, *FormatError.
func (k *keys) open(env *envelope) ([]byte, error) {
	if !hmac.Equal(k.sum(env.ciphertext), env.mac) {
		return nil, errPassword
	}
	padded, err := k.stream(env.ciphertext)
	if err != nil {
		return nil, err
	}
	n := int(padded[len(padded)-1])
	if n < 1 || n > aes.BlockSize || n > len(padded) || !bytes.Equal(padded[len(padded)-n:], bytes.Repeat([]byte{byte(n)}, n)) {
		return nil, &FormatError{Msg: "the padding is wrong though the checksum fits"}
	}
	return padded[:len(padded)-n], nil
}

// seal writes a vault. A label other than "default" makes it version 1.2.
func (k *keys) seal(plain, salt []byte, label string) ([]byte, error) {
	n := aes.BlockSize - len(plain)%aes.BlockSize
	padded := append(append([]byte(nil), plain...), bytes.Repeat([]byte{byte(n)}, n)...)
	ciphertext, err := k.stream(padded)
	clear(padded)
	if err != nil {
		return nil, err
	}
	inner := hex.EncodeToString(salt) + "\n" + hex.EncodeToString(k.sum(ciphertext)) + "\n" + hex.EncodeToString(ciphertext)
	digits := hex.EncodeToString([]byte(inner))
	var out bytes.Buffer
	out.WriteString(header + ";1.1;AES256")
	if label != "" && label != DefaultLabel {
		out.Reset()
		out.WriteString(header + ";1.2;AES256;" + label)
	}
	out.WriteByte('\n')
	for len(digits) > 0 {
		w := min(lineWidth, len(digits))
		out.WriteString(digits[:w] + "\n")
		digits = digits[w:]
	}
	return out.Bytes(), nil
}
