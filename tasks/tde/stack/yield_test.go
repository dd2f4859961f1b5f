package stack

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"remoterun/runner/hosttest"
	"remoterun/tasks/compose"
	"remoterun/tasks/tde/guard"
)

const yieldBase = `name: p
services:
  postgres:
    image: postgres:16-alpine
    environment: {POSTGRES_PASSWORD: base, FROM_BASE: b}
    volumes: ['old:/var/lib/postgresql/data']
volumes: {old: {}}
`

// TestOverlayTakesThePlace: with --yes the keys of the user's own override give
// way as comments, and compose itself reads what was meant.
func TestOverlayTakesThePlace(t *testing.T) {
	if exec.Command("docker", "compose", "version").Run() != nil {
		hosttest.Missing(t, "docker compose v2")
	}
	o := testOverlay(t, `{}`)
	for name, c := range map[string]struct{ over, unread string }{
		"scalars and lists": {over: "services:\n  postgres:\n    image: other # by hand\n    command:\n      - postgres\n      - -c\n      - work_mem=3MB\n    environment:\n      MINE: 'a: b'\n      POSTGRES_PASSWORD: mine\n    ports: ['1:1']\n    stop_signal: SIGTERM\n    ulimits:\n      nofile: 100\n      memlock:\n        soft: 1\n        hard: 2\n"},
		"a list of names":   {over: "services:\n    postgres:\n        environment:\n        - \"MINE=a: b\"\n        # a comment\n        - \"POSTGRES_PASSWORD=mine\"\n        ports: ['1:1']\n        command: postgres -c work_mem=3MB\n\n    app: {image: x}\n"},
		"a key at its end":  {over: "x-y: 1\nservices:\n  app:\n    image: x\n  postgres:\n    ports: ['1:1']\n    command: [postgres, -c, work_mem=3MB]\n    environment:\n      MINE: 'a: b'\n      POSTGRES_PASSWORD:\n"},
		"on one line":       {over: "services:\n  postgres:\n    environment: {MINE: b}\n", unread: "environment of service postgres cannot be read"},
		"an alias":          {over: "x-e: &e\n  MINE: b\nservices:\n  postgres:\n    environment: *e\n", unread: "environment of service postgres cannot be read"},
		"merged":            {over: "x-e: &e\n  MINE: b\nservices:\n  postgres:\n    environment:\n      <<: *e\n", unread: "environment of service postgres cannot be read"},
		"all on one line":   {over: "services:\n  postgres: {image: other}\n", unread: "something of service postgres"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "compose.yaml", []byte(yieldBase))
			write(t, dir, "compose.override.yaml", []byte(c.over))
			o := o
			o.Base = composeConfig(t, dir).Services["postgres"]
			f := OverrideFile{compose.OverrideFile{Path: dir + "/compose.override.yaml", Text: c.over}}
			var no *guard.Refusal
			if _, err := f.With(o, false); !errors.As(err, &no) || c.unread == "" && !strings.Contains(err.Error(), "--yes") {
				t.Fatalf("without yes: %v", err)
			}
			got, err := f.With(o, true)
			if c.unread != "" {
				if !errors.As(err, &no) || !strings.Contains(err.Error(), c.unread) {
					t.Errorf("%v\n%s", err, got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if w := f.GaveWay(got); len(w) != 1 || !strings.Contains(w[0], f.Path) {
				t.Errorf("warnings %v", w)
			}
			write(t, dir, "compose.override.yaml", []byte(got))
			s := composeConfig(t, dir).Services["postgres"]
			if s.Image != "img@sha256:1" || s.Env("MINE") != "a: b" || s.Env("FROM_BASE") != "b" || s.Env("POSTGRES_PASSWORD") != "" || s.Env("PGDATA") != "/data/db" || s.StopSignal != "SIGINT" || len(s.Ports) != 1 {
				t.Errorf("service %+v\n%s", s, got)
			}
			if cmd := strings.Join(s.Command, " "); !strings.Contains(cmd, "work_mem=3MB") || !strings.Contains(cmd, "wal_encrypt=on") {
				t.Errorf("command %s", cmd)
			}
			if len(s.Volumes) != 2 || s.Volumes[0].Target != "/data/db" {
				t.Errorf("mounts %+v", s.Volumes)
			}
			back := compose.StripOurs(got)
			if i := strings.LastIndex(back, "volumes:"); strings.TrimSpace(back[:i]) != strings.TrimSpace(c.over) {
				t.Errorf("taken back it is\n%s", back)
			}
			f.Text = got
			if again, err := f.With(o, true); err != nil || again != got {
				t.Errorf("twice is not the same: %v\n%s", err, again)
			}
		})
	}
}
