package value

import (
	"strings"
	"testing"
)

// FuzzParseJSON reads what hosts print; what is read is written and read again.
func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{strings.Repeat("[", 200_000), strings.Repeat(`{"a":`, 5000), "[" + strings.Repeat("9", 5000) + "]", "1e999", "-0", `{"a":1,"a":2}`, `"\ud800"`, "[1,]", "\xff", "9223372036854775808"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseJSON([]byte(text))
		if err != nil {
			return
		}
		_, _, _ = v.With(Unsafe), Copy(v), Show(v)
		out, err := JSON(v, JSONStyle{})
		if err != nil {
			t.Fatalf("%q cannot be written: %v", text, err)
		}
		if again, err := ParseJSON([]byte(out)); err == nil && !strings.Contains(out, "\\ud") && !Equal(v, again) {
			t.Fatalf("%q is written as %s, which is another value", text, out)
		}
	})
}
