package compose

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/hosttest"
	"remoterun/runner/local"
)

// called is a file of a machine, and which of its lines starts the project /srv/sync
// without the overlay: 0 = none does.
type called struct {
	text string
	line int
	edit string
}

// calledBy are files as people have them. The project is /srv/sync, its file
// docker-compose.yml (and base.yml, a.yml, b.yml), the overlay compose.override.yaml.
var calledBy = map[string]called{
	// The project's own folder.
	"/srv/sync/deploy.sh":                {"#!/bin/sh\n# docker compose -f no.yml up\ncd /srv/sync && docker compose -f docker-compose.yml up -d\n", 3, "put -f compose.override.yaml behind docker-compose.yml in it"},
	"/srv/sync/Makefile":                 {"up:\n\tdocker-compose --file=a.yml -fb.yml \\\n\t  up -d\n", 2, "put -f compose.override.yaml behind b.yml in it"},
	"/srv/sync/make/vars.mk":             {"COMPOSE := docker compose -p sync\nFILES = -f a.yml -f b.yml\nup:\n\t@$(COMPOSE) $(FILES) up -d\n", 4, "put -f compose.override.yaml behind b.yml in it"},
	"/srv/sync/justfile":                 {"up:\n    docker compose -p x --file docker-compose.yml up\n", 2, ""},
	"/srv/sync/ops/up":                   {"x=1\ndocker compose \\\n  -p sync \\\n  -f a.yml up\n", 2, ""},
	"/srv/sync/.env":                     {"A=b\nCOMPOSE_FILE=compose.yaml:more.yaml\n", 2, "put :compose.override.yaml behind more.yaml in it"},
	"/srv/sync/.github/workflows/d.yml":  {"env:\n  X: y\njobs:\n  d:\n    steps:\n      - run: |\n          ssh host \"cd /srv/sync && docker compose -f docker-compose.yml up -d\"\n", 7, ""},
	"/srv/sync/.gitlab-ci.yml":           {"deploy:\n  script:\n    - docker compose logs -f\n    - docker-compose -f a.yml -f b.yml up -d --build\n", 4, ""},
	"/srv/sync/.woodpecker/deploy.yaml":  {"steps:\n  x:\n    environment:\n      COMPOSE_FILE: docker-compose.yml\n    commands: [docker compose up -d]\n", 4, "put :compose.override.yaml behind docker-compose.yml in it"},
	"/srv/sync/ansible/site.yml":         {"- hosts: a\n  tasks:\n    - command:\n        argv: [docker, compose, -f, docker-compose.yml, up, -d]\n", 4, ""},
	"/srv/sync/package.json":             {"{\n \"scripts\": {\n  \"up\": \"docker compose -f docker-compose.yml up -d\"\n }\n}\n", 3, ""},
	"/srv/sync/run.py":                   {"import subprocess\nsubprocess.run([\"docker\", \"compose\", \"-f\", \"docker-compose.yml\", \"up\", \"-d\"])\n", 2, ""},
	"/srv/sync/variable.sh":              {"set -e\nF=docker-compose.yml\nDC=\"docker compose\"\n$DC ps\n$DC -f \"$F\" up -d\n", 5, "put -f compose.override.yaml behind docker-compose.yml in it"},
	"/srv/sync/array.sh":                 {"args=(-f a.yml -f b.yml)\ndocker compose \"${args[@]}\" up -d\n", 2, ""},
	"/srv/sync/default.sh":               {"docker compose -f ${FILE:-a.yml} up\n", 1, "put -f compose.override.yaml behind a.yml in it"},
	"/srv/sync/wrapper":                  {"#!/bin/bash\nexec docker compose -f docker-compose.yml \"$@\"\n", 2, ""},
	"/srv/sync/comma.sh":                 {"COMPOSE_PATH_SEPARATOR=,\nexport COMPOSE_FILE=a.yml,b.yml\ndocker compose up -d\n", 2, "put ,compose.override.yaml behind b.yml in it"},
	"/srv/sync/unless-set.sh":            {": \"${COMPOSE_FILE:=docker-compose.yml}\"\nexport COMPOSE_FILE\n", 1, "put :compose.override.yaml behind docker-compose.yml in it"},
	"/srv/sync/.git/hooks/post-merge":    {"#!/bin/sh\ndocker compose -f docker-compose.yml up -d\n", 2, ""},
	"/srv/sync/.git/logs/HEAD":           {"0 1 anna <a@b> 1 +0000\tcommit: docker compose -f docker-compose.yml up -d\n", 0, ""},
	"/srv/sync/begun.sh":                 {"docker compose -f docker-compose.yml start\n", 0, ""},
	"/srv/sync/podman.sh":                {"podman compose up\npodman-compose -f docker-compose.yml up -d\n", 2, ""},
	"/srv/sync/pull-and-up.sh":           {"docker compose -f base.yml pull && docker compose -f base.yml up -d\r\n", 1, ""},
	"/srv/sync/sub.sh":                   {"id=$(docker compose -f base.yml run -d db)\n", 1, ""},
	"/srv/sync/fine.sh":                  {"docker compose -f a.yml -f compose.override.yaml up\ndocker compose logs -f db\ndocker compose up -d; tail -f x\n", 0, ""},
	"/srv/sync/harmless.sh":              {"docker compose -f a.yml logs -f\ndocker compose -f a.yml exec db psql\ndocker compose -f a.yml down\necho \"docker compose -f a.yml up\"\ngrep -f docker-compose.yml compose\n", 0, ""},
	"/srv/sync/other-project.sh":         {"docker compose -f /srv/other/docker-compose.yml up -d\ncd /srv/other && docker compose -f docker-compose.yml up\n", 0, ""},
	"/srv/sync/README.md":                {"docker compose -f docker-compose.yml up -d\n", 0, ""},
	"/srv/sync/deploy.sh.bak":            {"docker compose -f docker-compose.yml up -d\n", 0, ""},
	"/srv/sync/compose.yaml":             {"# docker compose -f x up\n", 0, ""},
	"/srv/sync/docker-compose.yml":       {"# docker compose -f x up\n", 0, ""},
	"/srv/sync/node_modules/x/up.sh":     {"docker compose -f a.yml up\n", 0, ""},
	"/srv/sync/too/deep/to/be/seen/a.sh": {"docker compose -f a.yml up\n", 0, ""},
	// Above it.
	"/srv/all.sh":   {"for d in */; do (cd \"$d\" && docker compose -f docker-compose.yml up -d); done\n", 1, ""},
	"/srv/sync.sh":  {"cd /srv/sync\ndocker compose -f docker-compose.yml up -d\n", 2, ""},
	"/srv/nosy.sh":  {"docker compose -f docker-compose.yml up -d # of what?\n", 0, ""},
	"/srv/synch.sh": {"cd /srv/synch\ndocker compose -f docker-compose.yml up -d\n", 0, ""},
	// The machine's own.
	"/etc/systemd/system/sync.service":               {"[Service]\nWorkingDirectory=/srv/sync\nExecStart=/usr/bin/docker compose -f docker-compose.yml up\n", 3, ""},
	"/etc/systemd/system/env.service.d/a.conf":       {"[Service]\nWorkingDirectory=/srv/sync\nEnvironment=\"COMPOSE_FILE=compose.yaml\"\n", 3, ""},
	"/etc/systemd/system/stop.service":               {"[Service]\nWorkingDirectory=/srv/sync\nExecStop=/usr/bin/docker compose -f docker-compose.yml stop\n", 0, ""},
	"/etc/systemd/system/other.service":              {"[Service]\nWorkingDirectory=/srv/other\nExecStart=/usr/bin/docker compose -f docker-compose.yml up\n", 0, ""},
	"/etc/systemd/user/sync.service":                 {"[Service]\nExecStart=-/usr/bin/docker-compose -f /srv/sync/base.yml up\n", 2, ""},
	"/usr/local/lib/systemd/system/sync.service":     {"[Service]\nExecStart=@/usr/bin/docker docker compose --project-directory /srv/sync -f base.yml up\n", 2, ""},
	"/home/anna/.config/systemd/user/sync.service":   {"[Service]\nWorkingDirectory=/srv/sync\nExecStart=docker compose --file a.yml up\n", 3, ""},
	"/root/.config/systemd/user/sync.service":        {"[Service]\nExecStart=docker compose --file=/srv/sync/a.yml up\n", 2, ""},
	"/usr/lib/systemd/system/sync.service":           {"[Service]\nExecStart=/bin/sh -c 'docker compose -f /srv/sync/a.yml up'\n", 2, ""},
	"/etc/supervisor/conf.d/sync.conf":               {"[program:sync]\ndirectory=/srv/sync\ncommand=docker compose -f docker-compose.yml up\n", 3, ""},
	"/etc/webhook/hooks.json":                        {"[{\"execute-command\": \"docker compose -f /srv/sync/a.yml up -d\"}]\n", 1, ""},
	"/etc/anacrontab":                                {"1 5 sync cd /srv/sync; docker compose -f a.yml up -d\n", 1, ""},
	"/etc/network/if-up.d/sync":                      {"#!/bin/sh\ndocker compose -f /srv/sync/a.yml up -d\n", 2, ""},
	"/etc/passwd":                                    {"root:x:0:0::/root:/bin/sh\nci:x:9:9::/var/lib/ci:/bin/sh\nbad:x:9:9::/var/lib/../../srv/synch:/bin/sh\nodd:x:9:9::/var/$(id):\n", 0, ""},
	"/var/lib/ci/up.sh":                              {"cd /srv/sync && docker compose -f docker-compose.yml up -d\n", 1, ""},
	"/var/lib/other/up.sh":                           {"cd /srv/sync && docker compose -f docker-compose.yml up -d\n", 0, ""},
	"/var/www/deploy.php":                            {"<?php exec('docker compose -f /srv/sync/docker-compose.yml up -d');\n", 1, ""},
	"/data/up.sh":                                    {"docker compose -f /srv/sync/docker-compose.yml up -d\n", 1, ""},
	"/etc/crontab":                                   {"SHELL=/bin/sh\n@reboot root cd /srv/sync && docker-compose -f a.yml up -d\n", 2, ""},
	"/etc/cron.d/sync":                               {"@reboot root docker-compose -f /srv/sync/docker-compose.yml up -d\n", 1, "put -f compose.override.yaml behind /srv/sync/docker-compose.yml in it"},
	"/etc/cron.daily/sync":                           {"#!/bin/sh\ndocker compose -f /srv/sync/a.yml run --rm db\n", 2, ""},
	"/etc/periodic/daily/sync":                       {"#!/bin/sh\ndocker compose -f /srv/sync/a.yml up\n", 2, ""},
	"/var/spool/cron/crontabs/root":                  {"5 4 * * * cd /srv/sync && docker compose --profile x -f base.yml pull && docker compose -f base.yml up -d\n", 1, ""},
	"/var/spool/cron/anna":                           {"@daily cd /srv/sync; docker compose -f base.yml up -d\n", 1, ""},
	"/etc/rc.local":                                  {"docker compose -f /srv/sync/a.yml up -d\nexit 0\n", 1, ""},
	"/etc/init.d/sync":                               {"start() {\n\tcd /srv/sync\n\tdocker compose -f a.yml up -d\n}\n", 3, ""},
	"/usr/local/bin/restart-sync":                    {"sudo docker compose --project-directory /srv/sync -f base.yml restart\n", 1, ""},
	"/usr/local/sbin/sync":                           {"COMPOSE_FILE=/srv/sync/a.yml docker compose up -d\n", 1, ""},
	"/opt/ops/deploy/up.sh":                          {"ROOT=/srv/sync\ndocker compose -f $ROOT/a.yml -f ${ROOT}/b.yml up -d\n", 2, "put -f compose.override.yaml behind /srv/sync/b.yml in it"},
	"/home/anna/bin/up":                              {"cd /srv/sync && docker compose -f docker-compose.yml up -d\n", 1, ""},
	"/root/up.sh":                                    {"docker compose -f /srv/sync/docker-compose.yml -f /srv/sync/compose.override.yaml up -d\n", 0, ""},
	"/root/.bash_history":                            {"docker compose -f /srv/sync/docker-compose.yml up -d\n", 0, ""},
	"/root/.local/state/remoterun/runs/1.jsonl":      {"docker compose -f /srv/sync/docker-compose.yml up -d\n", 0, ""},
	"/var/lib/remoterun/p/before.docker-compose.yml": {"# docker compose -f /srv/sync/a.yml up\n", 0, ""},
	"/home/anna/.bashrc":                             {"alias dc='docker compose -f docker-compose.yml'\n", 1, ""},
	"/home/bert/.bashrc":                             {"alias dc='docker compose -f elsewhere.yml'\n", 0, ""},
	"/root/.profile":                                 {"export COMPOSE_FILE=docker-compose.yml\n", 1, ""},
	"/etc/environment":                               {"COMPOSE_FILE=\"docker-compose.yml:a.yml\"\n", 1, "put :compose.override.yaml behind a.yml in it"},
	"/etc/profile.d/compose.sh":                      {"export COMPOSE_FILE=/srv/other/docker-compose.yml\n", 0, ""},
	"/etc/default/sync":                              {"COMPOSE_FILE=/srv/sync/a.yml\n", 1, ""},
	"/etc/profile.d/path.sh":                         {"export COMPOSE_PROFILES=x COMPOSE_FILE_X=a.yml\n", 0, ""},
}

// TestCallers: whoever starts the project from files of their own choice is found,
// with the line; who reads the overlay, starts nothing, or another project, is not.
func TestCallers(t *testing.T) {
	root := machine(t, calledBy)
	for _, name := range []string{"base.yml", "a.yml", "b.yml"} {
		put(t, filepath.Join(root, "srv/sync", name), "services: {}\n")
	}
	eachShell(t, func(t *testing.T, conn host.Conn) {
		for _, c := range found(t, conn, root, "/srv/sync") {
			is, ok := calledBy[c.File]
			switch {
			case !ok || is.line != c.Line:
				t.Errorf("%s is none", c)
			case is.edit != "" && is.edit != c.Edit("compose.override.yaml"):
				t.Errorf("%s: %s", c, c.Edit("compose.override.yaml"))
			}
		}
		said := fmt.Sprint(found(t, conn, root, "/srv/sync"))
		for name, c := range calledBy {
			if c.line > 0 && !strings.Contains(said, fmt.Sprintf("%s:%d ", name, c.line)) {
				t.Errorf("%s:%d is not found", name, c.line)
			}
		}
	})
}

// TestCallersAtHome: a folder that is named from a home, and by a link.
func TestCallersAtHome(t *testing.T) {
	files := map[string]called{
		"/home/anna/apps/sync/docker-compose.yml":      {"services: {}\n", 0, ""},
		"/home/anna/bin/up":                            {"cd ~/apps/sync && docker compose -f docker-compose.yml up -d\n", 1, ""},
		"/home/anna/bin/home":                          {"docker compose --project-directory $HOME/apps/sync -f a.yml up\n", 1, ""},
		"/home/anna/.config/systemd/user/sync.service": {"[Service]\nWorkingDirectory=%h/apps/sync\nExecStart=docker compose -f docker-compose.yml up\n", 3, ""},
		"/etc/cron.d/linked":                           {"@reboot root cd /data/linked && docker compose -f docker-compose.yml up -d\n", 0, ""},
	}
	root := machine(t, files)
	eachShell(t, func(t *testing.T, conn host.Conn) {
		said := fmt.Sprint(found(t, conn, root, "/home/anna/apps/sync"))
		for name, c := range files {
			if got := strings.Contains(said, fmt.Sprintf("%s:%d ", name, c.line)); got != (c.line > 0) {
				t.Errorf("%s: found is %v\n%s", name, got, said)
			}
		}
	})
}

// TestCallersAreBounded: a folder of very many files, one very large one and one of
// very long lines take no longer, and what is found is bounded.
func TestCallersAreBounded(t *testing.T) {
	root := machine(t, map[string]called{"/srv/sync/a.sh": {"docker compose -f a.yml up\n", 1, ""}})
	put(t, filepath.Join(root, "srv/sync/large.sh"), strings.Repeat("docker compose -f a.yml up\n", 20000))
	put(t, filepath.Join(root, "srv/sync/long.sh"), strings.Repeat("docker compose -f a.yml \\\n", 2000))
	put(t, filepath.Join(root, "srv/sync/many.sh"), strings.Repeat("docker compose -f a.yml up\n", 2000))
	for i := range 3000 {
		put(t, filepath.Join(root, "srv/sync", fmt.Sprintf("x%d.sh", i)), "compose\n")
	}
	if err := os.Symlink("/", filepath.Join(root, "srv/sync/root")); err != nil {
		t.Fatal(err)
	}
	eachShell(t, func(t *testing.T, conn host.Conn) {
		if n := len(found(t, conn, root, "/srv/sync")); n != callersTold {
			t.Errorf("%d are found", n)
		}
	})
}

// FuzzCallers: lines of a host's files end, and say no more than they may.
func FuzzCallers(f *testing.F) {
	for name, c := range calledBy {
		var b strings.Builder
		for i, l := range strings.Split(c.text, "\n") {
			fmt.Fprintf(&b, "%s\t%d\town\t%s\n", name, i+1, l)
		}
		f.Add(b.String())
	}
	f.Add("f\t1\town\tA=$A$A$A$A\nf\t2\town\tA=$A$A$A$A\nf\t3\town\tdocker compose -f '\"`$A' up")
	f.Fuzz(func(t *testing.T, text string) {
		begun := time.Now()
		got, err := callers("", "/srv/sync", "o.yaml").Parse(host.Answer{Stdout: []byte(text)})
		if err != nil || len(got) > callersTold || time.Since(begun) > 5*time.Second+time.Duration(len(text))*time.Millisecond {
			t.Errorf("%d found in %s, %v", len(got), time.Since(begun), err)
		}
	})
}

func machine(t *testing.T, files map[string]called) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, c := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		put(t, file, c.text)
	}
	return root
}

func found(t *testing.T, conn host.Conn, root, dir string) []Caller {
	t.Helper()
	f := callers(root, dir, "compose.override.yaml")
	a, err := f.Q.Ask(t.Context(), &host.Worker{Host: "here", Conn: conn, Kept: &host.Kept{}})
	if err != nil || a.Status != 0 {
		t.Fatalf("status %d, %v", a.Status, err)
	}
	out, err := f.Parse(a)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(out, func(a, b Caller) int { return strings.Compare(a.File, b.File) })
	return out
}

// eachShell runs a test on dash with coreutils, and on busybox alone.
func eachShell(t *testing.T, f func(*testing.T, host.Conn)) {
	t.Helper()
	box, err := exec.LookPath("busybox")
	if err != nil {
		hosttest.Missing(t, "busybox")
	}
	list, err := exec.Command(box, "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range strings.Fields(string(list)) {
		_ = os.Symlink(box, filepath.Join(dir, name))
	}
	for name, where := range map[string]string{"dash": os.Getenv("PATH"), "busybox": dir} {
		t.Run(name, func(t *testing.T) {
			conn := local.New("here", nil, local.Options{Env: []string{"PATH=" + where, "HOME=/root"}})
			defer conn.Close()
			f(t, conn)
		})
	}
}
