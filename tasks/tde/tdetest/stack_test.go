//go:build linux

package tdetest_test

import (
	"strings"
	"testing"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/hosttest/real"
	"remoterun/runner/sh"
	"remoterun/tasks/tde/tdetest"
)

// TestImage checks the part itself: that the image is what the tests of this
// project take it for.
func TestImage(t *testing.T) {
	s := tdetest.Start(t, real.NewOperator(t), real.Options{Name: "image"}, "probe")
	s.Compose(t, "up", "-d")
	end := time.Now().Add(30 * time.Second)
	for {
		if got, err := s.TrySQL(t, tdetest.Database, "select 1"); err == nil && got == "1" {
			break
		} else if time.Now().After(end) {
			t.Fatalf("no answer: %q, %v\n%s", got, err, s.Compose(t, "logs"))
		}
		time.Sleep(100 * time.Millisecond)
	}
	if got := s.SQL(t, tdetest.Database, "show server_version_num"); len(got) != 6 || got < "160000" {
		t.Errorf("server version %q", got)
	}
	if got := s.SQL(t, tdetest.Database, "select name from pg_available_extensions where name = '"+tdetest.Extension()+"'"); got != tdetest.Extension() {
		t.Errorf("%s is not in the image: %q", tdetest.Extension(), got)
	}
	if got := s.Run(t, `docker image inspect --format '{{.Config.User}} {{json .Config.Volumes}}' "$1"`, s.Image); !strings.HasPrefix(got, "26 ") || !strings.Contains(got, `"/data/db"`) {
		t.Errorf("the image's user and volumes: %q", got)
	}
	if out, err := s.Try(t, `docker run --rm --network none -e POSTGRES_PASSWORD= "$1" 2>&1`, s.Image); err == nil || !strings.Contains(out, "superuser password is not specified") {
		t.Errorf("an empty volume without a password: %q, %v", out, err)
	}
	s.Compose(t, "down", "-v", "-t", "0")
}

func TestFleet(t *testing.T) {
	f := tdetest.StartFleet(t)
	for _, s := range f.Stacks() {
		user := "root"
		if s == f.Beta {
			user = real.UserSudo
		}
		c := s.Connect(t, user, real.Answer(real.Password))
		out, err := c.Exec(t.Context(), host.As{User: "root", Method: "sudo"}, sh.Script(`cd "$1" && hostname && docker compose config --images`, s.Dir))
		if err != nil || string(out.Stdout) != s.Name+"\n"+tdetest.ImageTag+"\n" {
			t.Errorf("%s: %q %q, %v", s.Name, out.Stdout, out.Stderr, err)
		}
	}
	f.Alpha.SwapOn(t)
	if got := f.Alpha.Run(t, "cat /proc/swaps; grep SwapTotal /proc/meminfo"); !strings.Contains(got, "/dev/vdb") || !strings.Contains(got, "1048572 kB") {
		t.Errorf("swap on: %q", got)
	}
	f.Alpha.SwapOff(t)
	if got := f.Alpha.Run(t, "cat /proc/swaps"); strings.Contains(got, "/dev/vdb") {
		t.Errorf("swap off: %q", got)
	}
}
