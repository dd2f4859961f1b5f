package pyfmt

import (
	"math"
	"math/big"
	"testing"

	"remoterun/runner/value"
)

// FuzzFormat formats every kind of value by any specification.
func FuzzFormat(f *testing.F) {
	for _, s := range []string{">8", "05d", "+,.2f", "#x", "^é9", "_b", ".999999999999f", "999999999999999999999", "c", "n", "%", "e", "{", "=+010,.3e"} {
		f.Add(s)
	}
	huge := new(big.Int).Exp(big.NewInt(10), big.NewInt(400), nil)
	vals := []value.Value{value.Int(0), value.Int(math.MinInt64), value.Big(huge), value.Float(math.NaN()), value.Float(math.Inf(-1)), value.Float(1e300), value.Float(5e-324), value.String("é"), value.Bool(true), value.Null(), value.List(value.Int(1))}
	f.Fuzz(func(t *testing.T, spec string) {
		for _, v := range vals {
			_, _ = Value(v, spec)
			for _, verb := range []byte("diouxXeEfFgGcrsa") {
				_, _ = Percent(verb, v, Spec{Align: '>', Fill: ' ', Width: len(spec), Precision: len(spec) - 1})
			}
		}
	})
}
