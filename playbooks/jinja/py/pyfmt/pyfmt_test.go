package pyfmt

import (
	"math"
	"strings"
	"testing"
	"time"

	"remoterun/runner/value"
)

// TestValue holds what Python 3.11's format() answers; an empty want is an
// error.
func TestValue(t *testing.T) {
	i, f, s := value.Int, value.Float, value.String
	tests := []struct {
		v          value.Value
		spec, want string
	}{
		{i(42), "", "42"},
		{i(-5), "08", "-0000005"},
		{i(-5), ">08", "000000-5"},
		{i(-5), "*^9", "***-5****"},
		{i(-5), "*=+9", "-*******5"},
		{i(1234567), "_", "1_234_567"},
		{i(42), "013,", "0,000,000,042"},
		{i(255), "#010x", "0x000000ff"},
		{i(255), "#b", "0b11111111"},
		{i(65), "c", "A"},
		{i(42), ".2", ""},
		{i(42), "z", ""},
		{value.Bool(true), "5", "    1"},
		{f(1.5), "<010", "1.50000000"},
		{f(3), ".3", "3.0"},
		{f(123), ".3", "1.23e+02"},
		{f(123456.789), "#g", "123457."},
		{f(1.5), "#.0e", "2.e+00"},
		{f(-0.001), "z.1f", "0.0"},
		{f(-0.001), ".1f", "-0.0"},
		{f(0.256), ".1%", "25.6%"},
		{f(1e307), "%", "inf%"},
		{f(math.Inf(-1)), "08.3", "-0000inf"},
		{f(math.Inf(1)), "012,", "000000000inf"},
		{f(1234567.891), "015,.2f", "0,001,234,567.89"},
		{s("äö"), "*^5", "*äö**"},
		{s("abc"), "08", "abc00000"},
		{s("abc"), ".2", "ab"},
		{s("abc"), ",", ""},
		{s("abc"), "d", ""},
		{s("abc"), "=8", ""},
		{s("abc"), "+", ""},
		{i(1), "5.", ""},
		{i(1), "xx", ""},
		{value.List(), "5", ""},
	}
	for _, tt := range tests {
		got, err := Value(tt.v, tt.spec)
		if got != tt.want || (err == nil) == (tt.want == "") {
			t.Errorf("format(%s, %q) = %q, %v; want %q", value.Repr(tt.v), tt.spec, got, err, tt.want)
		}
	}
}

func TestPercent(t *testing.T) {
	right := Spec{Fill: ' ', Align: '>', Precision: -1}
	with := func(f func(*Spec)) Spec { s := right; f(&s); return s }
	tests := []struct {
		verb byte
		v    value.Value
		sp   Spec
		want string // empty: an error
	}{
		{'d', value.Float(3.9), right, "3"},
		{'d', value.Float(math.NaN()), right, ""},
		{'x', value.Float(3), right, ""},
		{'c', value.Int(42), with(func(s *Spec) { s.Width, s.Zero = 5, true }), "    *"},
		{'c', value.Int(-1), right, ""},
		{'a', value.String("äА😀"), right, `'\xe4\u0410\U0001f600'`},
		{'r', value.String("ä"), right, "'ä'"},
		{'f', value.Float(-1.5), with(func(s *Spec) { s.Width, s.Zero, s.Precision = 8, true, 2 }), "-0001.50"},
		{'f', value.String("x"), right, ""},
		{'g', value.Float(0.00001234), right, "1.234e-05"},
	}
	for _, tt := range tests {
		got, err := Percent(tt.verb, tt.v, tt.sp)
		if got != tt.want || (err == nil) == (tt.want == "") {
			t.Errorf("%%%c of %s = %q, %v; want %q", tt.verb, value.Repr(tt.v), got, err, tt.want)
		}
	}
}

// TestWidths: what is asked for may be large, never endless.
func TestWidths(t *testing.T) {
	if _, err := Value(value.Int(1), "99999999999"); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("an endless width: %v", err)
	}
	began := time.Now()
	got, err := Value(value.Int(1), "01000000,")
	if err != nil || len(got) < 1000000 || time.Since(began) > 10*time.Second {
		t.Errorf("%d bytes, %v in %v", len(got), err, time.Since(began))
	}
}
