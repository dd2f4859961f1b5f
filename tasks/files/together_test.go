package files_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/files"
	"remoterun/tasks/tasktest"
)

// TestStatsTogetherAnswerAsAlone: what stat asks of many paths at once reads byte for
// byte as what it asks of one, whatever is there and how it is called.
func TestStatsTogetherAnswerAsAlone(t *testing.T) {
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		d := t.TempDir()
		names := []string{"plain", "two words", "  -", "#", "a\n#b", `back\slash`, "per%n cent", "é", "-dash", "x  plain", "x plain", "$(id)", "@ 1 --- plain"}
		for i, n := range names {
			tasktest.WriteFile(t, filepath.Join(d, n), strings.Repeat(n+"\n", i+1))
		}
		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		must(os.Mkdir(d+"/folder", 0o751))
		must(os.Symlink("plain", d+"/link"))
		must(os.Symlink("nowhere", d+"/broken"))
		must(os.Symlink("loop/x", d+"/loop"))
		must(syscall.Mkfifo(d+"/fifo", 0o600))
		var qs []host.Probe
		for _, n := range append(names, "folder", "folder/", "link", "broken", "loop", "fifo", "absent", "folder/absent", "absent/absent", "plain/absent") {
			for _, follow := range []bool{false, true} {
				for _, algorithm := range []string{"", "sha1", "sha256"} {
					qs = append(qs, files.StatProbe(d+"/"+n, follow, algorithm))
				}
			}
		}
		s, err := h.Conn.Shell(t.Context(), host.As{})
		must(err)
		ask := func(alone bool) []sh.Asked {
			var b sh.Batch
			for _, q := range qs {
				c := q.Cmd()
				if alone {
					c.Shared = nil
				}
				b.Ask = append(b.Ask, c)
			}
			res, err := s.Batch(t.Context(), b)
			must(err)
			return res.Asked
		}
		ask(true) // the first reading of a file moves its time of access
		alone, there := ask(true), 0
		for i, got := range ask(false) {
			if want := alone[i]; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%q: together %d %q, alone %d %q", qs[i].Cmd().Args, got.Status, got.Stdout, want.Status, want.Stdout)
			}
			there += bytes.Count(got.Stdout, []byte("may "))
		}
		if there == 0 {
			t.Error("nothing was there")
		}
	})
}
