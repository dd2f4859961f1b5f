package secret

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"math/rand/v2"
	"mime/quotedprintable"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// anySecret is 4 to 60 bytes of one kind: words, digits, any printable sign,
// text of several bytes a sign, any bytes.
func anySecret(r *rand.Rand) []byte {
	signs := []string{"abcdefghijklmnop -", "0123456789", "aZ'\"\\ %+&<>=/$`!#;:,.?*(){}[]|~^@_-\t", "aäöüß漢字🔑é "}[r.IntN(4)]
	n := 4 + r.IntN(56)
	if r.IntN(5) == 0 {
		out := make([]byte, n)
		for i := range out {
			out[i] = byte(r.IntN(256))
		}
		return out
	}
	var out []rune
	for range n {
		out = append(out, []rune(signs)[r.IntN(len([]rune(signs)))])
	}
	return append([]byte("k"), []byte(string(out)+"z")...) // no white space at the ends
}

// spaced puts a separator behind each group of so many signs.
func spaced(s string, group int, sep string) string {
	var out []string
	for len(s) > group {
		out, s = append(out, s[:group]), s[group:]
	}
	return strings.Join(append(out, s), sep)
}

// encodings are the ways of text that the redactor has to see through; b is the
// secret alone.
var encoders = map[string]func(r *rand.Rand, b []byte) string{
	"as it is":      func(_ *rand.Rand, b []byte) string { return string(b) },
	"hex":           func(_ *rand.Rand, b []byte) string { return hex.EncodeToString(b) },
	"HEX":           func(_ *rand.Rand, b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) },
	"hex, an odd 0": func(_ *rand.Rand, b []byte) string { return "0" + hex.EncodeToString(b) },
	"hex spaced": func(r *rand.Rand, b []byte) string {
		return spaced(hex.EncodeToString(b), 1+r.IntN(8), []string{" ", ":", "-", ", ", "\n    ", "  "}[r.IntN(6)])
	},
	"hex of C":  func(_ *rand.Rand, b []byte) string { return "0x" + spaced(hex.EncodeToString(b), 2, ", 0x") },
	"hex of \\": func(_ *rand.Rand, b []byte) string { return `\x` + spaced(hex.EncodeToString(b), 2, `\x`) },
	"octal":     func(_ *rand.Rand, b []byte) string { return strings.Repeat(`\%03o`, len(b)) },
	"base64": func(r *rand.Rand, b []byte) string {
		return base64.StdEncoding.EncodeToString(around(r, b))
	},
	"base64 of the web": func(r *rand.Rand, b []byte) string {
		return base64.RawURLEncoding.EncodeToString(around(r, b))
	},
	"base64 wrapped": func(r *rand.Rand, b []byte) string {
		return spaced(base64.StdEncoding.EncodeToString(around(r, b)), 4+r.IntN(73), []string{"\n", "\r\n", "\n  "}[r.IntN(3)])
	},
	"JSON": func(_ *rand.Rand, b []byte) string {
		js, _ := json.Marshal(string(b))
		return string(js)
	},
	"JSON in JSON": func(_ *rand.Rand, b []byte) string {
		js, _ := json.Marshal(string(b))
		js, _ = json.Marshal("says " + string(js))
		return string(js)
	},
	"JSON in XML": func(_ *rand.Rand, b []byte) string {
		js, _ := json.Marshal(string(b))
		var out strings.Builder
		_ = xml.EscapeText(&out, js)
		return out.String()
	},
	"Go":        func(_ *rand.Rand, b []byte) string { return strconv.Quote(string(b)) },
	"Go, ASCII": func(_ *rand.Rand, b []byte) string { return strconv.QuoteToASCII(string(b)) },
	"colours": func(r *rand.Rand, b []byte) string {
		at := r.IntN(len(b))
		return string(b[:at]) + "\x1b[01;31m\x1b[K" + string(b[at:]) + "\x1b[m"
	},
	"JSON with colours": func(_ *rand.Rand, b []byte) string {
		at := strings.IndexAny(string(b), "az-@") + 1
		js, _ := json.Marshal("\x1b[1m" + string(b[:at]) + "\x1b[0m" + string(b[at:]))
		return string(js)
	},
	"numbers": func(r *rand.Rand, b []byte) string {
		return strings.ReplaceAll(fmt.Sprint(b), " ", []string{" ", ", ", ",\n    ", "."}[r.IntN(4)])
	},
	"numbers with a sign": func(_ *rand.Rand, b []byte) string {
		var out []string
		for _, c := range b {
			out = append(out, strconv.Itoa(int(int8(c))))
		}
		return "[" + strings.Join(out, ", ") + "]"
	},
	"HTML":       func(_ *rand.Rand, b []byte) string { return html.EscapeString(string(b)) },
	"a query":    func(_ *rand.Rand, b []byte) string { return url.QueryEscape(string(b)) },
	"a path":     func(_ *rand.Rand, b []byte) string { return url.PathEscape(string(b)) },
	"shell '":    func(_ *rand.Rand, b []byte) string { return "'" + strings.ReplaceAll(string(b), "'", `'\''`) + "'" },
	"shell '\"'": func(_ *rand.Rand, b []byte) string { return "'" + strings.ReplaceAll(string(b), "'", `'"'"'`) + "'" },
	"YAML '":     func(_ *rand.Rand, b []byte) string { return "'" + strings.ReplaceAll(string(b), "'", "''") + "'" },
	"shell \\": func(_ *rand.Rand, b []byte) string {
		var out strings.Builder
		for _, c := range string(b) {
			if c < 0x80 && !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789\n\t", c) {
				out.WriteByte('\\')
			}
			out.WriteRune(c)
		}
		return out.String()
	},
	"quoted-printable": func(_ *rand.Rand, b []byte) string {
		var out strings.Builder
		w := quotedprintable.NewWriter(&out)
		_, _ = w.Write(b)
		_ = w.Close()
		return strings.ReplaceAll(out.String(), "\r\n", "\n")
	},
}

// around is a secret within more that is encoded with it.
func around(r *rand.Rand, b []byte) []byte {
	return append(append([]byte("user: 12345"[:r.IntN(9)]), b...), "xyz and more"[:r.IntN(9)]...)
}

// TestRedactsWhateverIsWritten: random secrets, encodings, cuts, and text around
// it: nothing of the secret is left but what a separator cuts off at its ends.
func TestRedactsWhateverIsWritten(t *testing.T) {
	const rounds = 400
	for name, encode := range encoders {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(rounds) {
				r := rand.New(rand.NewPCG(seed, 7))
				b := anySecret(r)
				red := NewRedactor()
				red.Add([]byte("another secret of no use"))
				red.Add(b)
				text := encode(r, b)
				if name == "octal" {
					args := make([]any, len(b))
					for i, c := range b {
						args[i] = c
					}
					text = fmt.Sprintf(text, args...)
				}
				if name == "quoted-printable" && strings.ContainsAny(string(b), "\r\n") {
					continue // its line breaks are another matter
				}
				if strings.ToValidUTF8(string(b), "") != string(b) && (strings.HasPrefix(name, "JSON") || name == "shell \\" || name == "HTML") {
					continue // such text holds other bytes
				}
				got := red.Redact("before, " + text + " after.")
				if !strings.HasPrefix(got, "before,") || !strings.HasSuffix(got, "after.") || !strings.Contains(got, Mask) {
					t.Fatalf("seed %d: %q in %q became %q", seed, b, text, got)
				}
				if left := strings.TrimSuffix(strings.TrimPrefix(got, "before,"), "after."); len(left) > len(Mask)+32 {
					t.Fatalf("seed %d: %q in %q: too much is left: %q", seed, b, text, got)
				}
			}
		})
	}
}

// TestRedactsFoldedText: a secret that is cut by line breaks, at random places.
func TestRedactsFoldedText(t *testing.T) {
	folds := []string{"\n", "\r\n", "\n   ", "\n\t", "\n+", "\n-", "\n| ", "\n  - ", "\n> ", "\n# ", "\r\n* "}
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 3))
		b := anySecret(r)
		if len(b) < minLine || strings.ContainsAny(string(b), " \t\r\n") {
			continue
		}
		var cut strings.Builder
		for fold := folds[r.IntN(len(folds))]; len(b) > 0; {
			n := min(1+r.IntN(12), len(b))
			cut.Write(b[:n])
			if b = b[n:]; len(b) > 0 {
				cut.WriteString(fold)
			}
		}
		b = []byte(strings.NewReplacer("\n", "", "\r", "").Replace(string(anySecret(rand.New(rand.NewPCG(seed, 3))))))
		red := NewRedactor()
		red.Add(b)
		if got := red.Redact("<" + cut.String() + ">"); got != "<"+Mask+">" {
			t.Fatalf("seed %d: %q became %q", seed, cut.String(), got)
		}
	}
}

// TestRedactsLists: a secret, as it is or encoded, that was printed in several lines
// and is shown as the list of them.
func TestRedactsLists(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 5))
		b := []byte(fmt.Sprintf("k%d-%x\"'z", r.Uint64(), r.Uint64()))
		all := string(b)
		sign := ""
		switch r.IntN(5) {
		case 0:
			sign = []string{"+", "- ", "| "}[r.IntN(3)]
		case 1:
			all = base64.StdEncoding.EncodeToString(around(r, b))
		case 2:
			all = hex.EncodeToString(b)
		case 3:
			all = spaced(hex.EncodeToString(b), 2, " ")
		}
		lines := strings.Split(spaced(all, 5+r.IntN(20), "\n"+sign), "\n")
		if len(lines) < 2 {
			continue
		}
		js, err := json.Marshal(lines)
		if err != nil {
			t.Fatal(err)
		}
		if r.IntN(2) == 0 {
			if js, err = json.MarshalIndent(lines, "", "    "); err != nil {
				t.Fatal(err)
			}
		}
		red := NewRedactor()
		red.Add(b)
		got := red.Redact(string(js))
		var back []string
		if err := json.Unmarshal([]byte(got), &back); err != nil || !strings.Contains(got, Mask) || len(strings.Join(back, "")) > len(Mask)+32 {
			t.Fatalf("seed %d: %q in %s became %s (%v)", seed, b, js, got, err)
		}
	}
}

// TestRedactsLongText: secrets in a text of many windows, at their edges too.
func TestRedactsLongText(t *testing.T) {
	red := NewRedactor()
	red.Add([]byte(canary))
	js, _ := json.Marshal(canary)
	for _, at := range []int{0, 1, window - 30, window - 5, window, window + 1, 2*window - 40, 3 * window} {
		text := strings.Repeat("x ", at/2) + string(js) + strings.Repeat(" \\n", window/2)
		if got := red.Redact(text); strings.Contains(got, "horse") || strings.Count(got, Mask) != 1 {
			t.Errorf("at %d: not masked once", at)
		}
	}
}

// TestLeavesOrdinaryTextAlone: what merely looks alike stays, to the byte.
func TestLeavesOrdinaryTextAlone(t *testing.T) {
	red := NewRedactor()
	red.Add([]byte(canary))
	red.Add([]byte("1234"))
	red.Add([]byte("abc"))
	for _, text := range []string{"", "abc", "123", "12\n34", "corréct'horse batter\"staple", `\`, `\u12`, "&#;&amp", "%4", "=", "''", strings.Repeat("0", 99), strings.Repeat("A\n", 99)} {
		if got := red.Redact(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	red.Wipe()
	if got := red.Redact(canary); got != canary {
		t.Errorf("a redactor that was wiped knows %q", got)
	}
}

// FuzzRedact: no text stops it, and what it returns holds the secret no more.
func FuzzRedact(f *testing.F) {
	f.Add("canary", "x canary \\u0063anary Y2FuYXJ5 63 61 6e 61 72 79")
	f.Add("a'b\"c\\d", `a'"'"'b\"c\\d &#97;&apos;b&quot;c\d`)
	f.Fuzz(func(t *testing.T, needle, text string) {
		red := NewRedactor()
		red.Add([]byte(needle))
		got := red.Redact(text + needle)
		if len(needle) >= minRedact && !strings.Contains(Mask, needle) && strings.Contains(got, needle) && !strings.Contains(needle, "*") {
			t.Errorf("%q is in %q", needle, got)
		}
	})
}

func BenchmarkRedact(b *testing.B) {
	red := NewRedactor()
	for i := range 100 {
		red.Add([]byte(fmt.Sprintf("secret number %d of them", i)))
	}
	text := strings.Repeat("May 12 10:11:12 host daemon[123]: some ordinary line of a log, \\\"quoted\\\"\\n\n", 1000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		red.Redact(text)
	}
}
