//go:build linux

package real_test

import (
	"encoding/base64"
	"encoding/hex"
	"os/exec"
	"strings"
	"testing"
	"time"

	"remoterun/runner/hosttest/real"
)

// TestWatcherFindsWhatPasses: each form of a secret in the arguments and in the
// environment of a process that is gone again, here and on a machine; and nothing
// where nothing is.
func TestWatcherFindsWhatPasses(t *testing.T) {
	m := real.NewOperator(t).Start(t, real.Options{Name: "watched"})
	for form, text := range map[string]func(b []byte) string{
		"raw":    func(b []byte) string { return string(b) },
		"hex":    func(b []byte) string { return hex.EncodeToString(b) },
		"HEX":    func(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) },
		"base64": func(b []byte) string { return base64.StdEncoding.EncodeToString(append([]byte("ab"), b...)) },
	} {
		t.Run(form, func(t *testing.T) {
			secret := []byte("planted-" + form + "-0123456789")
			w := real.Watch(t, nil)
			w.Add(real.Needles{"it": secret})
			shown := "x" + text(secret)
			for where, show := range map[string]*exec.Cmd{
				"cmdline": m.Command(t.Context(), "sh", "-c", "sleep 1; exit 0", shown),
				"environ": m.Command(t.Context(), "env", "A="+shown, "sh", "-c", "sleep 1; exit 0"),
			} {
				if out, err := show.CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				end := time.Now().Add(time.Second)
				for !strings.Contains(strings.Join(w.Hits(), "\n"), where) && time.Now().Before(end) {
					time.Sleep(10 * time.Millisecond)
				}
				if hits := strings.Join(w.Hits(), "\n"); !strings.Contains(hits, "it") || !strings.Contains(hits, "/"+where+" of ") || !strings.Contains(hits, "sleep 1") {
					t.Errorf("%s was not seen: %q", where, hits)
				}
			}
		})
	}
	w := real.Watch(t, real.Needles{"nobody's": []byte("nobody shows this text, nowhere")})
	if out, err := m.Command(t.Context(), "sleep", "0.3").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if hits := w.Stop(); len(hits) > 0 {
		t.Errorf("found: %v", hits)
	}
	if passes, files := w.Passes(); passes == 0 || files == 0 {
		t.Errorf("%d passes, %d files", passes, files)
	}
}
