package kit_test

import (
	"archive/tar"
	"bytes"
	"os"
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/kit"
	"remoterun/tasks/tasktest"
)

// TestCutStreamsPutNothing: a stream that ends between two of its files looks whole
// to tar; nothing of it is put in place.
func TestCutStreamsPutNothing(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range []string{"one", "two"} {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: 3}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("abc")); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil { // no end
		t.Fatal(err)
	}
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		s, err := h.Conn.Shell(t.Context(), host.As{})
		if err != nil {
			t.Fatal(err)
		}
		for name, cmd := range map[string]func(dir string) sh.Cmd{
			"folder": func(dir string) sh.Cmd {
				return kit.Unpacked{Path: dir, Folders: kit.Change{Mode: "0755"}}.Unpack(sh.Bytes(b.Bytes()))
			},
			"archive": func(dir string) sh.Cmd {
				return kit.Archive{Dest: dir, Name: "a.tar", Sum: strings.Repeat("0", 64)}.Unpack(sh.Bytes(b.Bytes())).(host.Run).Cmd
			},
		} {
			dir := t.TempDir()
			out, err := s.Run(t.Context(), cmd(dir))
			if err != nil || out.Status == 0 || !strings.Contains(string(out.Stderr), "did not arrive whole") {
				t.Errorf("%s: status %d, %q, %v", name, out.Status, out.Stderr, err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
				t.Errorf("%s: %v is left, %v", name, left, err)
			}
		}
	})
}
