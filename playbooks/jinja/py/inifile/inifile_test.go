package inifile

import (
	"strings"
	"testing"

	"remoterun/runner/value"
)

// TestRead holds what Python's ConfigParser reads; a want that begins with
// "error" is one.
func TestRead(t *testing.T) {
	for _, c := range []struct {
		name, text string
		file       File
		want       string
	}{
		{"pairs", "[a]\nk = v\nK2: w\nx = a = b\n", File{Fold: true}, `{"k": "v", "k2": "w", "x": "a = b"}`},
		{"case kept", "[a]\nK = v\nk = w\n", File{}, `{"K": "v", "k": "w"}`},
		{"several lines", "[a]\nk = v\n # no\n  w\n\n x\n\nl = 1\n", File{Fold: true}, `{"k": "v\nw\n\nx", "l": "1"}`},
		{"empty, then a line", "[a]\nk =\n v\n", File{}, `{"k": "\nv"}`},
		{"defaults", "[DEFAULT]\nd = 1\n[a]\nk = %(d)s%%\n", File{Fold: true}, `{"d": "1", "k": "1%"}`},
		{"references as written", "[a]\nk = %%(x)s\nl = %(k)s\nx = 1\n", File{}, `{"k": "%(x)s", "l": "%(x)s", "x": "1"}`},
		{"keys alone", "[a]\nk\nl =\n", File{Bare: true}, `{"k": null, "l": ""}`},
		{"brackets in a name", "[a]b]\nk = v\n", File{}, "error none"},
		{"no section", "k = v\n", File{}, "error line 1: File contains no section headers"},
		{"keys alone, not allowed", "[a]\nk\n", File{}, "error line 2: Source contains parsing errors"},
		{"a value without a key", "[a]\n= v\n", File{Bare: true}, "error line 2: Source contains parsing errors"},
		{"a line that continues nothing", "[a]\nk\n v\n", File{Bare: true}, "error line 3: continues 'k', which has no value"},
		{"a section twice", "[a]\n[a]\n", File{}, "error line 2: section 'a' already exists"},
		{"a key twice", "[a]\nk = 1\nK = 2\n", File{Fold: true}, "error line 3: Duplicate option 'k' already exists"},
		{"a loose percent sign", "[a]\nk = 5%\n", File{}, "error '%' must be followed by"},
		{"an unknown name", "[a]\nk = %(x)s\n", File{}, "error bad value substitution: no option 'x'"},
		{"a circle", "[a]\nk = %(l)s\nl = %(k)s\n", File{}, "error recursion limit exceeded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.file.Read(c.text)
			m, ok := c.file.Sections["a"]
			got := "error none"
			switch {
			case err != nil:
				got = "error " + err.Error()
			case ok:
				if got, err = value.JSON(value.FromMap(m), value.JSONStyle{}); err != nil {
					t.Fatal(err)
				}
				got = strings.ReplaceAll(got, `\n`, "\n")
			}
			if want := strings.ReplaceAll(c.want, `\n`, "\n"); got != want && !(strings.HasPrefix(want, "error") && strings.HasPrefix(got, want)) {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}
