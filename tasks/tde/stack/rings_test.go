//go:build linux

package stack

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"remoterun/runner/hosttest/sshd"
	"remoterun/runner/hosttest/sshtest"
	"remoterun/tasks/tde/guard"
)

// TestKeyringsIn: whole records of the project's are found under any name; other
// files of that size are not, nor are the extension's own.
func TestKeyringsIn(t *testing.T) {
	w, _ := sshtest.Worker(t, sshd.Config{})
	dir := t.TempDir()
	ring := append([]byte("p-20260304T050607Z-0a1b2c3d"), bytes.Repeat([]byte{0}, 292*2-27)...)
	for name, text := range map[string][]byte{
		"keyring": ring, "pg_tde/k": ring, "sub/.hidden": ring[:292], "pg_tde/1663_keys": ring, "short": ring[:291],
		"list": append([]byte("q-20260304T050607Z-0a1b2c3d"), bytes.Repeat([]byte{0}, 292-27)...), "log": bytes.Repeat([]byte("x"), 292), "empty": nil,
	} {
		_ = os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
		write(t, dir, name, text)
	}
	got, err := guard.Ask(t.Context(), w, KeyringsIn(dir, "p"))
	seen := map[string]bool{}
	for _, f := range got {
		seen[f] = true
	}
	if want := map[string]bool{dir + "/keyring": true, dir + "/pg_tde/k": true, dir + "/sub/.hidden": true}; err != nil || !reflect.DeepEqual(seen, want) {
		t.Errorf("%v %v", got, err)
	}
}
