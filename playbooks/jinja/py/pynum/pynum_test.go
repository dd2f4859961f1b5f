package pynum

import (
	"math"
	"strings"
	"testing"

	"remoterun/runner/value"
)

func bigOf(t *testing.T, s string) value.Value {
	t.Helper()
	n, ok := ParseInt(s, 10)
	if !ok {
		t.Fatalf("%q is no number", s)
	}
	return value.Big(n)
}

// TestOp holds what Python answers.
func TestOp(t *testing.T) {
	i, f := value.Int, value.Float
	tests := []struct {
		a    value.Value
		op   string
		b    value.Value
		want string // as repr, or part of the error
	}{
		{i(math.MaxInt64), "+", i(1), "9223372036854775808"},
		{i(math.MinInt64), "-", i(1), "-9223372036854775809"},
		{i(math.MinInt64), "*", i(-1), "9223372036854775808"},
		{i(7), "/", i(2), "3.5"},
		{i(-7), "//", i(2), "-4"},
		{i(7), "//", i(-2), "-4"},
		{i(-7), "%", i(3), "2"},
		{i(7), "%", i(-3), "-2"},
		{f(-7.5), "%", i(2), "0.5"},
		{f(7.5), "//", i(-2), "-4.0"},
		{i(2), "**", i(100), "1267650600228229401496703205376"},
		{i(2), "**", i(-1), "0.5"},
		{i(-1), "**", bigOf(t, "100000000000000000001"), "-1"},
		{f(1.1), "**", i(10), "2.5937424601000023"},
		{value.Bool(true), "+", i(1), "2"},
		{i(1), "/", i(0), "division by zero"},
		{i(1), "//", i(0), "integer division or modulo by zero"},
		{f(1), "%", i(0), "float modulo"},
		{f(-8), "**", f(0.5), "complex numbers"},
		{i(0), "**", i(-1), "0.0 cannot be raised"},
		{i(10), "**", i(10_000_000), "the number is too large"},
		{f(1e300), "**", i(2), "Numerical result out of range"},
	}
	for _, tt := range tests {
		v, err := Op(tt.op, tt.a, tt.b)
		got := value.Repr(v)
		if err != nil {
			got = err.Error()
		}
		if got != tt.want && (err == nil || !strings.Contains(got, tt.want)) {
			t.Errorf("%s %s %s: %s, want %s", value.Repr(tt.a), tt.op, value.Repr(tt.b), got, tt.want)
		}
	}
	marked, err := Op("+", i(1).With(value.Unsafe), i(1))
	if err != nil || marked.Marks()&value.Unsafe == 0 {
		t.Errorf("a sum lost its mark: %v, %v", marked.Marks(), err)
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text string
		base int
		want string // empty: none
	}{
		{" 42 ", 10, "42"}, {"1_000", 10, "1000"}, {"0x1F", 16, "31"}, {"0b11", 0, "3"}, {"-0o17", 0, "-15"},
		{"٣٤", 10, "34"}, {"𝟗", 10, "9"}, {"010", 0, ""}, {"1__0", 10, ""}, {"", 10, ""}, {"5 6", 10, ""}, {"9", 8, ""}, {"1", 37, ""},
	} {
		n, ok := ParseInt(c.text, c.base)
		if ok != (c.want != "") || ok && n.String() != c.want {
			t.Errorf("int(%q, %d) = %v, %v; want %s", c.text, c.base, n, ok, c.want)
		}
	}
	for text, want := range map[string]float64{" 1.5 ": 1.5, "1e400": math.Inf(1), "-inf": math.Inf(-1), "1_0.5": 10.5} {
		if f, ok := ParseFloat(text); !ok || f != want {
			t.Errorf("float(%q) = %v, %v", text, f, ok)
		}
	}
	for _, text := range []string{"", "0x1p4", "1__0", "_1", "one"} {
		if f, ok := ParseFloat(text); ok {
			t.Errorf("float(%q) = %v", text, f)
		}
	}
}

func TestRound(t *testing.T) {
	for _, c := range []struct {
		f    float64
		n    int
		want float64
	}{{2.5, 0, 2}, {3.5, 0, 4}, {2.675, 2, 2.67}, {1250, -2, 1200}, {-0.4, 0, math.Copysign(0, -1)}} {
		if got := Round(c.f, c.n); got != c.want || math.Signbit(got) != math.Signbit(c.want) {
			t.Errorf("round(%v, %d) = %v, want %v", c.f, c.n, got, c.want)
		}
	}
	n, _ := ParseInt("1250", 10)
	if got := RoundInt(n, -2).String(); got != "1200" {
		t.Errorf("round(1250, -2) = %s", got)
	}
	if got := value.Repr(Rounded(1e20)); got != "100000000000000000000" {
		t.Errorf("int(round(1e20)) = %s", got)
	}
	for _, f := range []float64{math.NaN(), math.Inf(1)} {
		if n, err := Truncated(f); err == nil {
			t.Errorf("int(%v) = %v", f, n)
		}
	}
}

// TestLastBit: these are what C's library answers; Go's own differ in the last
// bit of some.
func TestLastBit(t *testing.T) {
	for _, c := range []struct{ got, want float64 }{
		{Pow(1.1, 10), 2.5937424601000023}, {Pow(-2, 3), -8}, {Pow(0, 2), 0}, {Log10(1000), 3}, {Log(10), 2.302585092994046}, {Log(math.Inf(1)), math.Inf(1)},
	} {
		if c.got != c.want {
			t.Errorf("%v, want %v", c.got, c.want)
		}
	}
}
