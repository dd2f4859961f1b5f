package move

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRetire: the old cluster goes aside and comes back whole; what a killed server
// has left does not stop it, a server that runs does.
func TestRetire(t *testing.T) {
	dir, bin := t.TempDir(), t.TempDir()
	data := filepath.Join(dir, "pg", "data")
	for name, text := range map[string]string{"PG_VERSION": "17\n", "global/pg_control": "c", "base/1/1": "rows", ".hidden": "h", "postmaster.pid": "1\n"} {
		file := filepath.Join(data, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(docker, script string) (string, error) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(bin, "docker"), []byte("#!/bin/sh\n"+docker), 0o755); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", "-c", script, "sh", data)
		cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH")}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	used := `case $1 in ps) echo c1;; inspect) echo "/sync-db-1|` + filepath.Join(dir, "pg") + `";; esac`
	if out, err := run(used, string(retireText)); err == nil || !strings.Contains(out, "is used by the container /sync-db-1, which runs") {
		t.Errorf("a server runs: %v %s", err, out)
	}
	if _, err := os.Stat(filepath.Join(data, "global", "pg_control")); err != nil {
		t.Errorf("it was moved all the same: %v", err)
	}
	other := `case $1 in ps) echo c1;; inspect) echo "/other|/elsewhere";; esac`
	for range 2 {
		if out, err := run(other, string(retireText)); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	for _, name := range []string{"global/pg_control", "base/1/1", ".hidden", "PG_VERSION"} {
		if _, err := os.Stat(filepath.Join(data, kept, name)); err != nil {
			t.Error(err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(data, "*")); len(left) != 3 {
		t.Errorf("left: %q", left)
	}
	for range 2 {
		if out, err := run(other, string(bringBackText)); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	if _, err := os.Stat(filepath.Join(data, "global", "pg_control")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(data, kept)); err == nil {
		t.Error("its folder is left")
	}
}
