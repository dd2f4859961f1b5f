package kit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/kit"
	"remoterun/tasks/tasktest"
)

// TestHashForASize: the hash of a file is asked for where its size says that it may
// be the right one, through a link, too.
func TestHashForASize(t *testing.T) {
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		d := t.TempDir()
		tasktest.WriteFile(t, d+"/file", "123456")
		if err := os.Symlink("file", d+"/link"); err != nil {
			t.Fatal(err)
		}
		s, err := h.Conn.Shell(t.Context(), host.As{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			path, into string
			size       int64
			hashed     bool
		}{{"/file", "", 6, true}, {"/file", "", 5, false}, {"/link", "", 6, true}, {"/link", "", 4, false}, {"", "file", 6, true}, {"", "file", 0, false}} {
			f := kit.LookFor(d+c.path, c.into, c.size)
			res, err := s.Batch(t.Context(), sh.Batch{Ask: []sh.Cmd{f.Q.(host.Probe).Cmd(), kit.LookAt(d, "", false).Q.(host.Probe).Cmd()}})
			if err != nil {
				t.Fatal(err)
			}
			lk, err := f.Parse(host.Answer{Stdout: res.Asked[0].Stdout})
			if err != nil || !lk.Readable || lk.Size != 6 || (lk.SHA256 != "") != c.hashed {
				t.Errorf("%+v: %+v, %v", c, lk, err)
			}
		}
	})
}

// TestLooksTogetherAnswerAsAlone: what is looked at together reads byte for byte as
// what is looked at alone, whatever it is and is called: a guard compares the two.
func TestLooksTogetherAnswerAsAlone(t *testing.T) {
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		d := t.TempDir()
		names := []string{"plain", "two words", "  -", "=", "a\n=b", `back\slash`, "per%n cent", "é", "-dash", "x  plain", "$(id)"}
		for i, n := range names {
			tasktest.WriteFile(t, filepath.Join(d, n), strings.Repeat(n+"\n", i+1))
		}
		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		must(os.Mkdir(d+"/folder", 0o751))
		must(os.Mkdir(d+"/folder/plain", 0o2750))
		must(os.Chown(d+"/plain", 12345, 54321))
		must(os.Symlink("plain", d+"/link"))
		must(os.Symlink("folder", d+"/tofolder"))
		must(os.Symlink("nowhere", d+"/broken"))
		must(os.Symlink("loop/x", d+"/loop"))
		must(syscall.Mkfifo(d+"/fifo", 0o600))
		var paths []string
		for _, n := range append(names, "folder", "folder/", "folder/plain", "tofolder/plain", "link", "tofolder", "broken", "loop", "fifo", "absent", "folder/absent", "absent/absent", "plain/absent", "plain/") {
			paths = append(paths, d+"/"+n)
		}
		paths = append(paths, "/", "/etc", "/etc//", ".", "etc/passwd", "")
		var qs []host.Probe
		for _, p := range paths {
			for _, into := range []string{"", "plain"} {
				for _, sum := range []bool{false, true} {
					qs = append(qs, kit.LookAt(p, into, sum).Q.(host.Probe))
				}
				for _, size := range []int64{0, 6, 20} {
					qs = append(qs, kit.LookFor(p, into, size).Q.(host.Probe))
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
		alone := ask(true)
		for i, got := range ask(false) {
			if want := alone[i]; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%q: together %d %q, alone %d %q", qs[i].Cmd().Args, got.Status, got.Stdout, want.Status, want.Stdout)
			}
		}
	})
}
