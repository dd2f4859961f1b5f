package yaml

import (
	"testing"

	"remoterun/runner/value"
)

// TestAnchors holds what PyYAML writes; the numbers go by the second place.
func TestAnchors(t *testing.T) {
	l, m := value.Strings("a", "b"), value.FromMap(value.MapOf("k", value.Int(1)))
	holder := value.List(m)
	tests := []struct {
		name string
		v    value.Value
		st   Style
		want string
	}{
		{"a list twice", value.FromMap(value.MapOf("x", l, "y", l)), Style{}, "x: &id001\n- a\n- b\ny: *id001\n"},
		{"in flow", value.List(l, l), Style{Flow: FlowLeaves}, "- &id001 [a, b]\n- *id001\n"},
		{"in a list", value.List(m, m, l), Style{}, "- &id001\n  k: 1\n- *id001\n- - a\n  - b\n"},
		{"numbers by the second place", value.List(holder, m, holder), Style{}, "- &id002\n  - &id001\n    k: 1\n- *id001\n- *id002\n"},
		{"empty ones", value.FromMap(value.MapOf("x", holder, "y", value.List())), Style{}, "x:\n- k: 1\ny: []\n"},
		{"equal is not the same", value.List(value.Strings("a"), value.Strings("a")), Style{}, "- - a\n- - a\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.st.Anchors, tt.st.Lib = true, true
			if got, err := Dump(tt.v, tt.st); err != nil || got != tt.want {
				t.Errorf("%q, %v; want %q", got, err, tt.want)
			}
		})
	}
	if got, err := Dump(value.List(l, l), Style{Flow: FlowAll}); err != nil || got != "[[a, b], [a, b]]\n" {
		t.Errorf("not asked for: %q, %v", got, err)
	}
}

// TestAnchorsGrowSlowly: a list of a list twice, of that twice, … is written in
// as many lines as there are lists.
func TestAnchorsGrowSlowly(t *testing.T) {
	v := value.Strings("a")
	for range 100 {
		v = value.List(v, v)
	}
	if got, err := Dump(v, Style{Anchors: true}); err != nil || len(got) > 100_000 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
