package yaml_test

import (
	"errors"
	"testing"

	"remoterun/runner/value/yaml"
)

// TestSyntaxErrorsHaveTheirColumn: a mistake of YAML is placed where its reader
// stood, inside the text.
func TestSyntaxErrorsHaveTheirColumn(t *testing.T) {
	for _, c := range []struct {
		text      string
		line, col int
	}{
		{"name: say: hello", 1, 10},
		{"- hosts: all\n  tasks:\n  - name: say: hello\n    debug: msg=x\n", 3, 14},
		{"a: b: c: d", 1, 5},
		{"a: b\n c: d", 2, 3},
		{"a: [1, 2", 1, 9},
		{"a: {b: c\n\n\n", 1, 9},
		{"a: @x", 1, 4},
		{"ä: @x", 1, 4},
		{"k: 1\na: %x", 2, 4},
		{"x: - y", 1, 4},
		{"a: \"\\q\"", 1, 5},
		{"- a\nb: c", 2, 1},
		{"a: 1\n- b", 2, 1},
		{"a: \"x", 1, 6},
		{"a: 'x\n", 1, 6},
		{"k: 1\r\na: @x\r\n", 2, 4},
	} {
		_, err := yaml.One("f.yml", []byte(c.text), yaml.Options{})
		var at *yaml.Error
		if !errors.As(err, &at) {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if at.Pos.Line != c.line || at.Pos.Col != c.col {
			t.Errorf("%q: %v, want %d:%d", c.text, err, c.line, c.col)
		}
	}
}
