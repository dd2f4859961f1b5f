package archive_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"remoterun/tasks/move/archive"
	"remoterun/tasks/move/movetest"
)

// TestRead: what pg_dump itself wrote is read to its end; an archive that lacks
// anything of it is not taken for whole.
func TestRead(t *testing.T) {
	p := movetest.Start(t).Source
	for _, level := range []string{"0", "6"} {
		cmd := exec.Command(filepath.Join(p.Bin, "pg_dump"), "-w", "-Fc", "-Z", level, "-h", p.Socket, "-p", strings.Split(p.Addr, ":")[1], "-U", p.User, "-d", "app")
		text, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		c, err := archive.Read(bytes.NewReader(text))
		if err != nil || c.Database != "app" || len(c.Tables) < 15 || c.Large < 1 || !slices.Contains(c.Tables, "public.people") || c.Bytes < 100_000 {
			t.Fatalf("level %s: %+v %v", level, c, err)
		}
		for n := 0; n < len(text); n += 1 + len(text)/97 {
			if _, err := archive.Read(bytes.NewReader(text[:n])); err == nil {
				t.Errorf("level %s: %d of %d bytes are taken for whole", level, n, len(text))
			}
		}
		if _, err := archive.Read(bytes.NewReader(append(slices.Clone(text), 1))); err == nil {
			t.Error("more than all is taken for whole")
		}
	}
}

// FuzzRead: nothing that is not an archive ends it or takes its memory.
func FuzzRead(f *testing.F) {
	f.Add([]byte("PGDMP\x01\x0e\x00\x04\x08\x01"))
	f.Add([]byte("PGDMP\x01\x10\x00\x04\x08\x01\x01\x00\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, b []byte) { _, _ = archive.Read(bytes.NewReader(b)) })
}
