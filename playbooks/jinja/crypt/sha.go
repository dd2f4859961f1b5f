package crypt

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"strings"
)

// The two SHA crypts as their specification has them, and the older MD5 crypt.

func shaCrypt256(password string, o Options) (string, error) {
	sum := shaCrypt(sha256.New, []byte(password), []byte(o.Salt), o.Rounds)
	var b strings.Builder
	for _, t := range [][3]int{{0, 10, 20}, {21, 1, 11}, {12, 22, 2}, {3, 13, 23}, {24, 4, 14}, {15, 25, 5}, {6, 16, 26}, {27, 7, 17}, {18, 28, 8}, {9, 19, 29}} {
		put64(&b, uint32(sum[t[0]])<<16|uint32(sum[t[1]])<<8|uint32(sum[t[2]]), 4)
	}
	put64(&b, uint32(sum[31])<<8|uint32(sum[30]), 3)
	return shaPrefix("5", o) + b.String(), nil
}

func shaCrypt512(password string, o Options) (string, error) {
	sum := shaCrypt(sha512.New, []byte(password), []byte(o.Salt), o.Rounds)
	var b strings.Builder
	x, y, z := 0, 21, 42
	for range 21 {
		put64(&b, uint32(sum[x])<<16|uint32(sum[y])<<8|uint32(sum[z]), 4)
		x, y, z = y+1, z+1, x+1
	}
	put64(&b, uint32(sum[63]), 2)
	return shaPrefix("6", o) + b.String(), nil
}

func shaPrefix(id string, o Options) string {
	if o.Rounds == 5000 {
		return "$" + id + "$" + o.Salt + "$"
	}
	return fmt.Sprintf("$%s$rounds=%d$%s$", id, o.Rounds, o.Salt)
}

func shaCrypt(newHash func() hash.Hash, key, salt []byte, rounds int) []byte {
	a, alt := newHash(), newHash()
	for _, p := range [][]byte{key, salt, key} {
		alt.Write(p)
	}
	a.Write(key)
	a.Write(salt)
	b := alt.Sum(nil)
	a.Write(repeatTo(b, len(key)))
	for n := len(key); n > 0; n >>= 1 {
		if n&1 != 0 {
			a.Write(b)
		} else {
			a.Write(key)
		}
	}
	sum := a.Sum(nil)
	p := repeated(newHash, key, len(key), len(key))
	s := repeated(newHash, salt, 16+int(sum[0]), len(salt))
	for i := range rounds {
		sum = shaRound(newHash(), sum, p, s, i)
	}
	return sum
}

func shaRound(h hash.Hash, sum, p, s []byte, i int) []byte {
	first, last := sum, p
	if i&1 != 0 {
		first, last = p, sum
	}
	h.Write(first)
	if i%3 != 0 {
		h.Write(s)
	}
	if i%7 != 0 {
		h.Write(p)
	}
	h.Write(last)
	return h.Sum(nil)
}

// repeated digests text n times and stretches the digest to size.
func repeated(newHash func() hash.Hash, text []byte, n, size int) []byte {
	h := newHash()
	for range n {
		h.Write(text)
	}
	return repeatTo(h.Sum(nil), size)
}

func repeatTo(b []byte, size int) []byte {
	return bytes.Repeat(b, size/len(b)+1)[:size]
}

func md5Crypt(password string, o Options) (string, error) {
	key, salt := []byte(password), []byte(o.Salt)
	alt := md5.Sum(bytes.Join([][]byte{key, salt, key}, nil))
	a := md5.New()
	a.Write(key)
	a.Write([]byte("$1$"))
	a.Write(salt)
	a.Write(repeatTo(alt[:], len(key)))
	for n := len(key); n > 0; n >>= 1 {
		if n&1 != 0 {
			a.Write([]byte{0})
		} else {
			a.Write(key[:1])
		}
	}
	sum := a.Sum(nil)
	for i := range 1000 {
		sum = shaRound(md5.New(), sum, key, salt, i)
	}
	var b strings.Builder
	for _, t := range [][3]int{{0, 6, 12}, {1, 7, 13}, {2, 8, 14}, {3, 9, 15}, {4, 10, 5}} {
		put64(&b, uint32(sum[t[0]])<<16|uint32(sum[t[1]])<<8|uint32(sum[t[2]]), 4)
	}
	put64(&b, uint32(sum[11]), 2)
	return "$1$" + o.Salt + "$" + b.String(), nil
}
