package version

import "testing"

// TestOrder holds each way's order; an empty sign is an error.
func TestOrder(t *testing.T) {
	tests := []struct {
		name    string
		compare Comparer
		a, sign string
		b       string
	}{
		{"loose: numbers", Loose, "1.9", "<", "1.10"},
		{"loose: a longer one", Loose, "1.0", "<", "1.0.0"},
		{"loose: letters", Loose, "1.0a", "<", "1.0b"},
		{"loose: a letter against a number", Loose, "1.a", "", "1.1"},
		{"strict: zero patch", Strict, "1.2", "=", "1.2.0"},
		{"strict: before the release", Strict, "1.2b3", "<", "1.2"},
		{"strict: four numbers", Strict, "1.2.3.4", "", "1.2"},
		{"semver: before the release", Semver, "1.0.0-rc.1", "<", "1.0.0"},
		{"semver: numbers before text", Semver, "1.0.0-1", "<", "1.0.0-a"},
		{"semver: builds", Semver, "1.0.0+1", "=", "1.0.0+2"},
		{"semver: two numbers", Semver, "1.0", "", "1.0.0"},
		{"pep440: dev before alpha", PEP440, "1.0.dev1", "<", "1.0a1"},
		{"pep440: release candidate", PEP440, "1.0rc1", "<", "1.0"},
		{"pep440: post", PEP440, "1.0.post1", ">", "1.0"},
		{"pep440: epoch", PEP440, "1!1.0", ">", "2.0"},
		{"pep440: local", PEP440, "1.0+a", ">", "1.0"},
		{"pep440: zeros", PEP440, "1.0", "=", "1.0.0"},
		{"pep440: spelling", PEP440, "V1.0-Alpha.1", "=", "1.0a1"},
		{"pep440: words", PEP440, "one", "", "1"},
		{"digits beyond 64 bits", Loose, "99999999999999999999999", ">", "99999999999999999999998"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, err := tt.compare(tt.a, tt.b)
			back, backErr := tt.compare(tt.b, tt.a)
			if tt.sign == "" {
				if err == nil || backErr == nil {
					t.Errorf("%s, %s: %d, %d and no error", tt.a, tt.b, n, back)
				}
				return
			}
			got := map[bool]string{n < 0: "<", n == 0: "=", n > 0: ">"}[true]
			if err != nil || got != tt.sign || (back > 0) != (n < 0) || (back == 0) != (n == 0) {
				t.Errorf("%s %s %s (%d, back %d), %v; want %s", tt.a, got, tt.b, n, back, err, tt.sign)
			}
		})
	}
}
