package tasks_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"os"
	"path"
	"slices"
	"syscall"
	"testing"
	"time"

	"remoterun/tasks/tasktest"
)

// obstacles are what a folder's owner puts where root will write, by name.
func obstacles() map[string]func(s *stage, at string) error {
	link := func(to func(*stage) string) func(*stage, string) error {
		return func(s *stage, at string) error { return os.Symlink(to(s), at) }
	}
	return map[string]func(s *stage, at string) error{
		"fifo":           func(_ *stage, at string) error { return syscall.Mkfifo(at, 0o666) },
		"link to root's": link(func(s *stage) string { return s.vault + "/conf" }),
		"link to none":   link(func(s *stage) string { return s.vault + "/none" }),
		"loop":           link(func(s *stage) string { return s.home + "/app/conf/x" }),
		"folder":         func(_ *stage, at string) error { return os.MkdirAll(at+"/in/side", 0o755) },
		"hole": func(_ *stage, at string) error { // who reads it whole is busy for hours
			return errors.Join(os.WriteFile(at, nil, 0o644), os.Truncate(at, 1<<42))
		},
		"socket": func(_ *stage, at string) error {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: at})
			if err == nil {
				l.SetUnlinkOnClose(false)
				err = l.Close()
			}
			return err
		},
	}
}

// TestWhatStandsThere: whatever a folder's owner puts in the place of what root
// writes, or of the folder that it is in, the task ends, and root's files stay as
// they are. Nothing is left to chance: what CI sees, each run sees; that is a third of
// the pairs, in which each obstacle and each way is, and make races sees all.
func TestWhatStandsThere(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("root is needed to write in others' folders")
	}
	shells := tasktest.Shells(t)
	all := obstacles()
	n := 0
	for i, what := range slices.Sorted(maps.Keys(all)) {
		for _, place := range []string{"/app/conf", "/app"} {
			for k, w := range ways() {
				name := "dash"
				if n++; n%4 == 0 {
					name = "busybox"
				}
				if os.Getenv("REMOTERUN_RACES") == "" && ((i+k)%3 > 0 || place == "/app" && (i+k)%9 > 0) {
					continue
				}
				if what == "hole" && slices.Contains([]string{"copy in place", "archive that removes"}, w.name) {
					continue // a backup of what is written in place, and an archive, are made of all of it
				}
				t.Run(what+" as "+path.Base(place)+"/"+name+"/"+w.name, func(t *testing.T) {
					s := newStage(t, shells[name])
					s.obstructed(t, w, s.home+place, all[what])
				})
			}
		}
	}
}

// obstructed runs one way to write where something stands in its place.
func (s *stage) obstructed(t *testing.T, w way, at string, put func(*stage, string) error) {
	t.Helper()
	if err := os.RemoveAll(at); err != nil {
		t.Fatal(err)
	}
	if err := put(s, at); err != nil {
		t.Fatal(err)
	}
	_ = os.Lchown(at, racer, racer)
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	o, err := s.applied(ctx, t, w, 1, false)
	if ctx.Err() != nil {
		t.Errorf("the task does not end: %+v, %v", o.Result, err)
	}
	if lost := s.robbed(t); lost != "" {
		t.Errorf("%s (%+v, %v)", lost, o.Result, err)
	}
}
