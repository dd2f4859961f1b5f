package tde

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

func remove(t *testing.T, folder string, names ...string) {
	t.Helper()
	for _, n := range names {
		if err := os.Remove(filepath.Join(folder, n)); err != nil {
			t.Fatal(err)
		}
	}
}

func write(t *testing.T, folder, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

var update = flag.Bool("update", false, "write the test vectors anew")
