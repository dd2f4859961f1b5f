//go:build linux

package move

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRealOldMajors: from servers that are older than any that a move goes to.
func TestRealOldMajors(t *testing.T) {
	for _, from := range []int{12, 13, 14, 15} {
		t.Run(fmt.Sprint(from), func(t *testing.T) {
			l := newLab(t, from, 17)
			l.ok("rehearse")
			l.ok(allPhases()...)
			if v := l.version(); v != "17" {
				t.Errorf("the server is %s", v)
			}
			l.more()
			l.nothingLost()
			l.ok("rollback")
			l.more()
			if v := l.version(); v != fmt.Sprint(from) {
				t.Errorf("after rollback the server is %s", v)
			}
		})
	}
}

// wild is a stack that somebody else wrote: a volume of another compose project
// over a folder of a disk, the data in a folder below its top, anchors, a profile,
// an env_file, a service that extends one of another file, settings in a file of
// the user's, a number for the server's user.
func wild(l *lab, text string) string {
	disk := filepath.Join(l.dir, "disk")
	l.must(os.Mkdir(disk, 0o755))
	l.sh(`chown 999:999 "$2" && docker volume create --opt type=none --opt o=bind --opt "device=$2" "$1_outside" && chmod 755 "$3"`, l.project, disk, l.dir)
	l.write("db.env", "POSTGRES_USER=first\nPOSTGRES_PASSWORD=p$$w\nPGDATA=/data/in/here\n")
	l.write("app.conf", "listen_addresses = '*'\nwork_mem = '5MB'\nlog_lock_waits = on\n")
	l.write("common.yaml", "services:\n  server:\n    image: "+l.from+"\n    pull_policy: never\n    env_file: ./db.env\n    restart: always\n    labels: {common: \"yes\"}\n")
	_, app, _ := strings.Cut(text, "  app:\n")
	app, _, _ = strings.Cut(app, "volumes: {data")
	return `name: ` + l.project + `
x-log: &log {driver: json-file, options: {max-size: 1m}}
services:
  db:
    extends: {file: common.yaml, service: server}
    profiles: [data]
    container_name: ` + l.project + `-db-1
    hostname: the-database
    user: "999:999"
    logging: *log
    command: -c config_file=/etc/app.conf -c max_connections=50
    volumes:
      - store:/data/in
      - ./app.conf:/etc/app.conf:ro
      - {type: tmpfs, target: /tmp}
    networks: {default: {aliases: [the-database]}}
  app:
    logging: *log
` + strings.Replace(app, "    image: ", "    environment: {TZ: UTC}\n    image: ", 1) + `volumes:
  store: {external: true, name: ` + l.project + `_outside}
`
}

// TestRealWild: such a stack, twice in a row (16 to 17, 17 to 18): the second old
// cluster is in a volume of ours over a folder. Then both old ones are scrubbed.
func TestRealWild(t *testing.T) {
	l := newLabOf(t, 16, 17, wild)
	folder := func() string { return filepath.Join(l.dir, "disk", "here") }
	l.psql("postgres", "CREATE DATABASE icu TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de-u-ks-level2' LOCALE 'C'")
	l.psql("icu", "CREATE TABLE t AS SELECT 'Ä' || i AS a FROM generate_series(1, 9) i; CREATE INDEX ON t (a)")
	l.ok("rehearse")
	for _, to := range []int{17, 18} {
		l.to = image(to).Need(t)
		for _, n := range allPhases() {
			l.ok(n)
			if n == "copy" {
				l.deployOld()
			}
		}
		if v := l.version(); v != fmt.Sprint(to) {
			t.Errorf("the server is %s", v)
		}
		if got := l.psql("app", "SELECT current_setting('max_connections')"); got != "50" {
			t.Errorf("max_connections: %s", got)
		}
		if got := strings.TrimSpace(l.sh(`docker inspect -f '{{.Config.User}} {{.Config.Labels.common}}' "$1-db-1"`, l.project)); got != "999:999 yes" {
			t.Errorf("user and label: %s", got)
		}
		l.more()
		l.nothingLost()
	}
	l.ok("rollback")
	if v := l.version(); v != "17" {
		t.Errorf("after rollback the server is %s", v)
	}
	l.more()
	l.ok(allPhases()...)
	l.more()
	r, err := l.phase("scrub")
	if err != nil || r.Failed || strings.Count(r.Msg, "were overwritten and removed") != 2 || !strings.Contains(r.Msg, "holds the copy of a move that was rolled back") {
		t.Errorf("scrub: %v %s", err, r.Msg)
	}
	if left := l.sh(`find "$1" "$2" -name pg_control`, folder(), l.dir); strings.Count(left, "pg_control") != 2 {
		t.Errorf("clusters that are left: %s", left) // the one that runs, and the one that was rolled back
	}
	l.nothingLost()
}

// TestRealBackupOnHost: the backup stays on the host, encrypted, and counts as a
// recent one as long as it is what was written.
func TestRealBackupOnHost(t *testing.T) {
	l := newLab(t, 17, 18)
	l.ok("preflight")
	r, err := l.phase("backup", "backup", "server")
	if err != nil || r.Failed || !strings.Contains(r.Msg, ":/var/lib/remoterun/"+l.project+"/backups/") {
		t.Fatalf("backup: %v %s", err, r.Msg)
	}
	if here, _ := filepath.Glob(filepath.Join(l.reports, "backups", "*", "*")); len(here) > 0 {
		t.Errorf("on the laptop: %q", here)
	}
	files, _ := filepath.Glob("/var/lib/remoterun/" + l.project + "/backups/*/*")
	if len(files) < 6 {
		t.Fatalf("files: %q", files)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		l.must(err)
		if st, _ := os.Stat(f); st.Mode().Perm() != 0o600 || strings.HasSuffix(f, ".age") && !strings.HasPrefix(string(text), "age-encryption.org/") {
			t.Errorf("%s: %v %.30q", f, st.Mode(), text)
		}
	}
	again := func() {
		l.sh(`sed -i 's/"backup": ".*"/"backup": ""/' "/var/lib/remoterun/$1/move/record.json"`, l.project)
	}
	again()
	if r, err := l.phase("backup", "backup", "recent"); err != nil || !strings.Contains(r.Msg, ":/var/lib/remoterun/") {
		t.Errorf("recent: %v %s", err, r.Msg)
	}
	again()
	l.sh(`printf x >>"$1"`, files[0])
	if _, err := l.phase("backup", "backup", "recent"); err == nil || !strings.Contains(err.Error(), "it is not what was written then; set backup to laptop or server") {
		t.Errorf("a damaged one: %v", err)
	}
}
