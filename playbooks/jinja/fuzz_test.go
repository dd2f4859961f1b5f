package jinja

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"remoterun/runner/value"
)

// seeds gives a fuzzer some templates with everything the language has; the
// kept corpus is in testdata/fuzz.
func seeds(f *testing.F) {
	names, _ := filepath.Glob("testdata/seeds/*.j2")
	if len(names) == 0 {
		f.Fatal("no seeds")
	}
	for _, n := range names {
		text, err := os.ReadFile(n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
}

func FuzzRender(f *testing.F) {
	seeds(f)
	e := New(Options{Do: true, LoopControls: true, MaxSteps: 50_000, MaxOutput: 1 << 20})
	f.Fuzz(func(t *testing.T, src string) {
		start := time.Now()
		s := &mapScope{vars: value.MapOf("a", value.String(src), "b", value.Strings("x", "y"), "c", value.Int(7), "d", value.FromMap(value.MapOf("k", value.Float(1.5), "n", value.Null())))}
		text, _, textErr, _ := e.Both(t.Context(), "f", src, true, s)
		var je *Error
		if textErr != nil && (!errors.As(textErr, &je) || je.Pos.Line < 1) {
			t.Fatalf("an error without a place: %v", textErr)
		}
		if textErr != nil && !text.IsNull() {
			t.Fatalf("output beside the error %v", textErr)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("took %v", took)
		}
	})
}
