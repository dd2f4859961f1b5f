package pytime

import (
	"strings"
	"testing"
	"time"
)

// TestFormat holds what Python's strftime gives in the C locale.
func TestFormat(t *testing.T) {
	at := time.Date(2006, 1, 2, 15, 4, 5, 123456000, time.FixedZone("CET", 3600))
	for f, want := range map[string]string{
		"%Y-%m-%d %H:%M:%S.%f %z": "2006-01-02 15:04:05.123456 +0100",
		"%a %A %b %B %p":          "Mon Monday Jan January PM",
		"%c|%x|%X|%D|%F|%T|%R|%r": "Mon Jan  2 15:04:05 2006|01/02/06|15:04:05|01/02/06|2006-01-02|15:04:05|15:04|03:04:05 PM",
		"%j %U %W %V %G %g %u %w": "002 01 01 01 2006 06 1 1",
		"%C %e %k %l %s":          "20  2 15  3 1136210645",
		"%-d %_d %-H %_m %0e %^a": "2  2 15  1 02 MON",
		"%#p %#Z %^P %#c":         "pm cet pm Mon Jan  2 15:04:05 2006",
		"%%|%n|%t|%Q|%":           "%|\n|\t|%Q|%",
	} {
		if got := Format(f, at); got != want {
			t.Errorf("%s: %q, want %q", f, got, want)
		}
	}
}

// TestParse holds what Python's strptime reads; an empty want is an error.
func TestParse(t *testing.T) {
	for _, c := range []struct{ text, format, want string }{
		{"2024-02-29 12:34:56", "%Y-%m-%d %H:%M:%S", "2024-02-29T12:34:56Z"},
		{"29/02/24", "%d/%m/%y", "2024-02-29T00:00:00Z"},
		{"01/01/70", "%d/%m/%y", "1970-01-01T00:00:00Z"},
		{"thursday 29 February 2024", "%A %d %B %Y", "2024-02-29T00:00:00Z"},
		{"12:00 AM", "%I:%M %p", "1900-01-01T00:00:00Z"},
		{"1:05 pm", "%I:%M %p", "1900-01-01T13:05:00Z"},
		{"2024-01-01T00:00:00+0200", "%Y-%m-%dT%H:%M:%S%z", "2024-01-01T00:00:00+02:00"},
		{"12:34:56.5", "%H:%M:%S.%f", "1900-01-01T12:34:56.5Z"},
		{"60 2024", "%j %Y", "2024-02-29T00:00:00Z"},
		{"2024 09 4", "%Y %U %w", "2024-03-07T00:00:00Z"},
		{"2024 09 Thu", "%Y %W %a", "2024-02-29T00:00:00Z"},
		{"2024-W09-4", "%G-W%V-%u", "2024-02-29T00:00:00Z"},
		{"240229", "%d%m%Y", "0229-04-02T00:00:00Z"},
		{"a  b", "a b", "1900-01-01T00:00:00Z"},
		{"2023-02-29", "%Y-%m-%d", ""},
		{"12:34:60", "%H:%M:%S", ""},
		{"2024-02-29 ", "%Y-%m-%d", ""},
		{"13:00 PM", "%I:%M %p", ""},
		{"24", "%Y", ""},
		{"x", "%Q", ""},
	} {
		got, aware, err := Parse(c.text, c.format)
		if c.want == "" {
			if err == nil {
				t.Errorf("%q by %q: %v and no error", c.text, c.format, got)
			}
			continue
		}
		if err != nil || got.Format(time.RFC3339Nano) != c.want || aware != strings.Contains(c.format, "%z") {
			t.Errorf("%q by %q: %v, %v, %v; want %s", c.text, c.format, got, aware, err, c.want)
		}
	}
	digits := strings.Repeat("1", 5000)
	if got, _, err := Parse(digits+"x", strings.Repeat("%d", 4000)); err == nil {
		t.Errorf("endless ways to divide digits: %v", got)
	}
}
