package database

import (
	"crypto/hmac"
	"crypto/md5" // #nosec G501: PostgreSQL's older way
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// hashed reports a password that is a hash already.
func hashed(pw string) bool {
	return strings.HasPrefix(pw, "SCRAM-SHA-256$") || len(pw) == 35 && strings.HasPrefix(pw, "md5") && strings.Trim(pw[3:], "0123456789abcdef") == ""
}

// scram is the verifier of a password, as the server keeps it.
func scram(pw string, salt []byte, rounds int) (string, error) {
	key, err := pbkdf2.Key(sha256.New, pw, salt, rounds, 32)
	if err != nil {
		return "", err
	}
	mac := func(text string) []byte {
		h := hmac.New(sha256.New, key)
		_, _ = h.Write([]byte(text))
		return h.Sum(nil)
	}
	stored := sha256.Sum256(mac("Client Key"))
	b := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", rounds, b(salt), b(stored[:]), b(mac("Server Key"))), nil
}

// newScram is a verifier with a salt of its own.
func newScram(pw string) (string, error) {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	return scram(pw, salt, 4096)
}

func md5Hash(user, pw string) string {
	sum := md5.Sum([]byte(pw + user)) // #nosec G401
	return "md5" + hex.EncodeToString(sum[:])
}

// maxRounds and maxSalt bound the work that a server's own verifier makes: about a
// second. What is beyond counts as another password.
const maxRounds, maxSalt = 1_000_000, 1024

// samePassword reports whether what the server keeps is a password's.
func samePassword(kept, user, pw string) bool {
	switch {
	case kept == "" || pw == "":
		return kept == pw
	case hashed(pw):
		return kept == pw
	case strings.HasPrefix(kept, "md5"):
		return kept == md5Hash(user, pw)
	}
	rest, ok := strings.CutPrefix(kept, "SCRAM-SHA-256$")
	if !ok {
		return kept == pw
	}
	head, _, _ := strings.Cut(rest, "$")
	rounds, salt, _ := strings.Cut(head, ":")
	n, err := strconv.Atoi(rounds)
	raw, err2 := base64.StdEncoding.DecodeString(salt)
	if err != nil || err2 != nil || n < 1 || n > maxRounds || len(raw) > maxSalt {
		return false
	}
	now, err := scram(pw, raw, n)
	return err == nil && now == kept
}
