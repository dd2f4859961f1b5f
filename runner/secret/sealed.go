// Package secret keeps what must never be shown: sealed bytes that no format
// verb, log or encoder prints, and a redactor that masks secrets in text on its
// way out. It imports nothing of ours and writes nothing anywhere.
package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// Mask is what a secret is shown as.
const Mask = "********"

// ErrWiped is the answer of a Sealed whose bytes are gone.
var ErrWiped = errors.New("the secret was wiped")

// Sealed is a secret: a key, a passphrase, the answer to a private prompt. Its
// bytes lie in memory that is locked and left out of core dumps where the
// system allows it, and are reached only through Use. Copies share the bytes.
// The zero Sealed is empty.
//
// The bytes hang behind a function: fmt walks into unexported fields of other
// people's structs and prints what pointers point at, but prints a function as
// an address.
type Sealed struct{ get func() *store }

type store struct {
	mu   sync.RWMutex
	b    []byte
	free func()
}

// New moves b into a Sealed: the caller's slice is overwritten.
func New(b []byte) Sealed {
	mem, free := alloc(len(b))
	copy(mem, b)
	clear(b)
	st := &store{b: mem, free: free}
	return Sealed{get: func() *store { return st }}
}

// Use lends the bytes to f, which must not keep them or put them into a string
// that lives on. Errors: ErrWiped, or f's own.
func (s Sealed) Use(f func([]byte) error) error {
	if s.get == nil {
		return f(nil)
	}
	st := s.get()
	st.mu.RLock()
	defer st.mu.RUnlock()
	if st.b == nil {
		return ErrWiped
	}
	return f(st.b)
}

// Len is the number of bytes, 0 after Wipe.
func (s Sealed) Len() int {
	if s.get == nil {
		return 0
	}
	st := s.get()
	st.mu.RLock()
	defer st.mu.RUnlock()
	return len(st.b)
}

// IsZero reports a Sealed that was never made by New.
func (s Sealed) IsZero() bool { return s.get == nil }

// Equal compares in constant time; wiped secrets equal nothing.
func (s Sealed) Equal(o Sealed) bool {
	same := false
	_ = s.Use(func(a []byte) error {
		return o.Use(func(b []byte) error {
			same = subtle.ConstantTimeCompare(a, b) == 1
			return nil
		})
	})
	return same
}

// Clone returns a Sealed with bytes of its own.
func (s Sealed) Clone() Sealed {
	var out Sealed
	_ = s.Use(func(b []byte) error {
		out = New(append([]byte(nil), b...))
		return nil
	})
	return out
}

// Wipe overwrites and frees the bytes, for every copy of s.
func (s Sealed) Wipe() {
	if s.get == nil {
		return
	}
	st := s.get()
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.b != nil {
		clear(st.b)
		st.b = nil
		st.free()
	}
}

// String, GoString, Format, LogValue and the Marshal methods print the mask.
func (s Sealed) String() string { return Mask }

// GoString prints the mask.
func (s Sealed) GoString() string { return Mask }

// Format prints the mask for every verb.
func (s Sealed) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Mask)) }

// LogValue prints the mask.
func (s Sealed) LogValue() slog.Value { return slog.StringValue(Mask) }

// MarshalText prints the mask (encoding/json, xml, flag and others use it).
func (s Sealed) MarshalText() ([]byte, error) { return []byte(Mask), nil }

// MarshalJSON prints the mask.
func (s Sealed) MarshalJSON() ([]byte, error) { return []byte(`"` + Mask + `"`), nil }

// MarshalYAML prints the mask.
func (s Sealed) MarshalYAML() (any, error) { return Mask, nil }
