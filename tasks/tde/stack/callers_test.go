package stack

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/local"
	"remoterun/tasks/tde/guard"
)

// TestCallers: whoever starts the project from files of their own choice is
// found, with the line; who reads the overlay, or another project, is not.
func TestCallers(t *testing.T) {
	root := t.TempDir()
	var want []string
	for name, c := range map[string]struct {
		text string
		line int // 0 = not found
		edit string
	}{
		"/srv/sync/deploy.sh":                        {"#!/bin/sh\n# docker compose -f no.yml up\ncd /srv/sync && docker compose -f docker-compose.yml up -d\n", 3, "put -f compose.override.yaml behind docker-compose.yml in it"},
		"/srv/sync/Makefile":                         {"up:\n\tdocker-compose --file=a.yml -fb.yml \\\n\t  up -d\n", 2, "put -f compose.override.yaml behind b.yml in it"},
		"/srv/sync/ops/up":                           {"x=1\ndocker compose \\\n  -p sync \\\n  -f a.yml up\n", 2, ""},
		"/srv/sync/.env":                             {"A=b\nCOMPOSE_FILE=compose.yaml:more.yaml\n", 2, "put :compose.override.yaml behind more.yaml in it"},
		"/srv/sync/fine.sh":                          {"docker compose -f a.yml -f compose.override.yaml up\ndocker compose logs -f db\ndocker compose up -d; tail -f x\n", 0, ""},
		"/srv/sync/compose.yaml":                     {"# docker compose -f x up\n", 0, ""},
		"/etc/systemd/system/sync.service":           {"[Service]\nWorkingDirectory=/srv/sync\nExecStart=/usr/bin/docker compose -f docker-compose.yml up\n", 3, ""},
		"/etc/systemd/system/env.service.d/a.conf":   {"[Service]\nWorkingDirectory=/srv/sync\nEnvironment=\"COMPOSE_FILE=compose.yaml\"\n", 3, ""},
		"/etc/systemd/system/other.service":          {"[Service]\nWorkingDirectory=/srv/other\nExecStart=/usr/bin/docker compose -f docker-compose.yml up\n", 0, ""},
		"/etc/cron.d/sync":                           {"@reboot root docker-compose -f /srv/sync/docker-compose.yml up -d\n", 1, "put -f compose.override.yaml behind /srv/sync/docker-compose.yml in it"},
		"/var/spool/cron/crontabs/root":              {"5 4 * * * cd /srv/sync && docker compose --profile x -f base.yml pull && docker compose -f base.yml up -d\n", 1, ""},
		"/usr/local/bin/restart-sync":                {"sudo docker compose --project-directory /srv/sync -f base.yml restart\n", 1, ""},
		"/srv/sync/too/deep/to/be/looked/at/file.sh": {"docker compose -f a.yml up\n", 0, ""},
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Dir(file), filepath.Base(file), []byte(c.text))
		if c.line > 0 {
			want = append(want, fmt.Sprintf("%s:%d ", name, c.line))
		}
		if c.edit != "" {
			want[len(want)-1] += c.edit
		}
	}
	w := &host.Worker{Host: "here", Conn: local.New("here", nil, local.Options{}), Kept: &host.Kept{}}
	defer w.Conn.Close()
	found, err := guard.Ask(t.Context(), w, callers(root, "/srv/sync", "compose.override.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range found {
		i := slices.IndexFunc(want, func(s string) bool { return strings.HasPrefix(s, fmt.Sprintf("%s:%d ", c.File, c.Line)) })
		if i < 0 {
			t.Errorf("%s is none", c)
			continue
		}
		if _, edit, _ := strings.Cut(want[i], " "); edit != "" && edit != c.Edit("compose.override.yaml") {
			t.Errorf("%s: %s", c, c.Edit("compose.override.yaml"))
		}
		want = slices.Delete(want, i, i+1)
	}
	if len(want) > 0 {
		t.Errorf("not found: %q\n%v", want, found)
	}
}
