package version

import (
	"strings"
	"testing"
)

// FuzzVersions compares any two texts in every way; where both ways work they
// agree.
func FuzzVersions(f *testing.F) {
	for _, s := range []string{"1.2.3-rc.1+b", "1!2.0.post3.dev4+local.5", "1.0a", "..", "v1", strings.Repeat("9", 70000), "1.2.3-0.01", "é", "9223372036854775807.1", "18446744073709551616", strings.Repeat("1.", 9000), "[+_"} {
		f.Add(s, "1.10")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for name, cmp := range map[string]Comparer{"loose": Loose, "strict": Strict, "semver": Semver, "pep440": PEP440} {
			x, err := cmp(a, b)
			y, err2 := cmp(b, a)
			if err == nil && err2 == nil && x != -y {
				t.Fatalf("%s: %q and %q are %d one way, %d the other", name, a, b, x, y)
			}
		}
	})
}
