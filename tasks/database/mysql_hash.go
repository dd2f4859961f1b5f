package database

import (
	"crypto/sha1" // #nosec G505: MySQL's older way
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// samePasswordHash reports whether what the server keeps of a user is a password's.
// What cannot be compared counts as another password.
func samePasswordHash(is mysqlAccount, pw string) bool {
	raw, err := hex.DecodeString(is.auth)
	if err != nil {
		return false
	}
	kept := string(raw)
	switch {
	case pw == "":
		return kept == ""
	case strings.HasPrefix(kept, "*"):
		return strings.EqualFold(kept, nativeHash(pw))
	case strings.HasPrefix(kept, "$A$005$") && len(kept) == 7+20+43:
		return kept[27:] == sha256Crypt(pw, kept[7:27])
	}
	return false
}

// nativeHash is that of mysql_native_password.
func nativeHash(pw string) string {
	one := sha1.Sum([]byte(pw)) // #nosec G401
	two := sha1.Sum(one[:])     // #nosec G401
	return fmt.Sprintf("*%X", two)
}

// sha256Crypt is crypt(3)'s SHA-256 with 5000 rounds and a salt of any length, as
// caching_sha2_password keeps it.
func sha256Crypt(pw, salt string) string {
	p, s := []byte(pw), []byte(salt)
	alt := sha256.Sum256([]byte(pw + salt + pw))
	ctx := append(append([]byte{}, p...), s...)
	for n := len(p); n > 0; n -= 32 {
		ctx = append(ctx, alt[:min(n, 32)]...)
	}
	for n := len(p); n > 0; n >>= 1 {
		if n&1 == 1 {
			ctx = append(ctx, alt[:]...)
		} else {
			ctx = append(ctx, p...)
		}
	}
	sum := sha256.Sum256(ctx)
	pp := stretched(p, len(p), len(p))
	ss := stretched(s, 16+int(sum[0]), len(s))
	for i := range 5000 {
		var b []byte
		if i&1 == 1 {
			b = append(b, pp...)
		} else {
			b = append(b, sum[:]...)
		}
		if i%3 != 0 {
			b = append(b, ss...)
		}
		if i%7 != 0 {
			b = append(b, pp...)
		}
		if i&1 == 1 {
			b = append(b, sum[:]...)
		} else {
			b = append(b, pp...)
		}
		sum = sha256.Sum256(b)
	}
	return crypt64(sum)
}

// stretched is the hash of text taken times, as long as wanted.
func stretched(text []byte, times, size int) []byte {
	var all []byte
	for range times {
		all = append(all, text...)
	}
	h := sha256.Sum256(all)
	var out []byte
	for len(out) < size {
		out = append(out, h[:min(32, size-len(out))]...)
	}
	return out
}

// crypt64 writes a hash as crypt(3) does.
func crypt64(d [32]byte) string {
	const letters = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	var out strings.Builder
	put := func(v uint, n int) {
		for range n {
			out.WriteByte(letters[v&63])
			v >>= 6
		}
	}
	for i, a, b, c := 0, 0, 10, 20; i < 10; i++ {
		put(uint(d[a])<<16|uint(d[b])<<8|uint(d[c]), 4)
		a, b, c = c+1, a+1, b+1
	}
	put(uint(d[31])<<8|uint(d[30]), 3)
	return out.String()
}
