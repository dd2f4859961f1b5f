package crypt

import (
	"strings"
	"testing"
)

// TestKnownHashes holds what crypt(3) and passlib answer.
func TestKnownHashes(t *testing.T) {
	tests := []struct {
		name, scheme, password string
		o                      Options
		want                   string
	}{
		{"sha256", "sha256_crypt", "Hello world!", Options{Salt: "saltstring", Rounds: 5000}, "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"},
		{"sha256 with rounds", "sha256_crypt", "Hello world!", Options{Salt: "saltstringsaltst", Rounds: 10000}, "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA"},
		{"sha512", "sha512_crypt", "Hello world!", Options{Salt: "saltstring", Rounds: 5000}, "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"},
		{"md5", "md5_crypt", "password", Options{Salt: "saltsalt"}, "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/"},
		{"bcrypt", "bcrypt", "U*U", Options{Salt: "CCCCCCCCCCCCCCCCCCCCC.", Rounds: 5, Ident: "2a"}, "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, ok := Find(tt.scheme)
			if !ok {
				t.Fatalf("no scheme %s", tt.scheme)
			}
			if got, err := s.Hash(tt.password, tt.o); err != nil || got != tt.want {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	sha, _ := Find("sha512_crypt")
	md5, _ := Find("md5_crypt")
	bcrypt, _ := Find("bcrypt")
	hash := func(s Scheme, password string, o Options) error { _, err := s.Hash(password, o); return err }
	tests := []struct {
		name, want string
		err        error
	}{
		{"few rounds", "too low", sha.CheckRounds(10)},
		{"endless rounds", "too large", sha.CheckRounds(maxRounds + 1)},
		{"rounds where they are fixed", "unexpected keyword", md5.CheckRounds(5)},
		{"letters of a salt", "invalid characters", sha.CheckSalt("a$b")},
		{"a long salt", "too large", md5.CheckSalt("123456789")},
		{"a long password", "maximum allowed size", hash(sha, strings.Repeat("x", 5000), Options{Salt: "x", Rounds: 1000})},
		{"a long password, often", "take too long", hash(sha, strings.Repeat("x", 4000), Options{Salt: "x", Rounds: 10_000_000})},
		{"a NUL", "NUL", hash(sha, "a\x00b", Options{Salt: "x", Rounds: 1000})},
		{"bcrypt's salt", "22 chars", hash(bcrypt, "x", Options{Salt: "short", Rounds: 4})},
		{"bcrypt's ident", "invalid ident", hash(bcrypt, "x", Options{Salt: RandomSalt(22), Rounds: 4, Ident: "9z"})},
		{"bcrypt's cost", "takes too long", hash(bcrypt, "x", Options{Salt: RandomSalt(22), Rounds: 30})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
				t.Errorf("got %v; want %q", tt.err, tt.want)
			}
		})
	}
	if _, ok := Find("des"); ok {
		t.Error("des is none of ours")
	}
}

func TestRandomSalt(t *testing.T) {
	a, b := RandomSalt(16), RandomSalt(16)
	if len(a) != 16 || a == b {
		t.Errorf("%q, %q", a, b)
	}
}
