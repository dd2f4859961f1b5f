//go:build linux

package move

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"remoterun/tasks/move/archive"
)

// TestRealBackup: it is whole, for its recipients alone, opened by the format's own
// means; nothing of it is left on the host; one that is damaged or old does not
// count, and a database that cannot be dumped is refused before anything is changed.
func TestRealBackup(t *testing.T) {
	for _, major := range []int{16, 17, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) { backup(t, major) })
	}
}

func backup(t *testing.T, major int) {
	l := newLab(t, major, 18)
	l.ok("preflight", "backup")
	r, err := l.phase("backup")
	if err != nil || r.Failed || r.Changed {
		t.Errorf("again: %+v %v", r, err)
	}
	files, _ := filepath.Glob(filepath.Join(l.reports, "backups", "*", l.project+"-*", "*.age"))
	if len(files) < 4 {
		t.Fatalf("files: %q", files)
	}
	rows := 0
	for _, file := range files {
		f, err := os.Open(file)
		l.must(err)
		dec, err := age.Decrypt(f, l.reader())
		l.must(err)
		text, err := io.ReadAll(dec)
		l.must(err)
		if strings.HasSuffix(file, "roles.sql.age") {
			if !strings.Contains(string(text), "CREATE ROLE") {
				t.Errorf("roles: %.200s", text)
			}
			continue
		}
		c, err := archive.Read(bytes.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		rows += int(c.Bytes)
		cmd := exec.Command("docker", "exec", "-i", l.project+"-db-1", "pg_restore", "-l")
		cmd.Stdin = bytes.NewReader(text)
		list, err := cmd.Output()
		if n := strings.Count(string(list), " TABLE DATA "); err != nil || n != len(c.Tables) {
			t.Errorf("%s: %d tables, and pg_restore lists %d (%v)", file, len(c.Tables), n, err)
		}
	}
	if rows < 100_000 {
		t.Errorf("%d bytes of rows", rows)
	}
	if left := l.sh(`ls -d "/run/remoterun/$1"/*backup* 2>/dev/null; exit 0`, l.project); left != "" {
		t.Errorf("left: %s", left)
	}
	again := func() {
		l.sh(`sed -i 's/"backup": ".*"/"backup": ""/' "/var/lib/remoterun/$1/move/record.json"`, l.project)
	}
	again()
	if r, err := l.phase("backup", "backup", "recent"); err != nil || r.Failed {
		t.Errorf("recent: %v %s", err, r.Msg)
	}
	again()
	b, err := os.ReadFile(files[1])
	l.must(err)
	b[len(b)/2] ^= 1
	l.must(os.WriteFile(files[1], b, 0o600))
	r, err = l.phase("backup", "backup", "recent")
	if err == nil || !strings.Contains(err.Error(), "it is not what was written then; set backup to laptop") {
		t.Errorf("a damaged one: %v %s", err, r.Msg)
	}
	l.psql("app", `CREATE FUNCTION broken() RETURNS int LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler'; UPDATE pg_type SET typoutput = 0 WHERE false`)
	l.psql("app", `CREATE TABLE bad (a int); UPDATE pg_class SET relfilenode = 99999999 WHERE relname = 'bad'`)
	r, err = l.phase("backup")
	if err == nil || !strings.Contains(err.Error(), "cannot be dumped") || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("a database that cannot be dumped: %v %s", err, r.Msg)
	}
	l.psql("app", `DELETE FROM pg_class WHERE relname = 'bad'`)
}

// TestRealScrub: nothing is destroyed while anybody has the old volume, while what
// lies there is another cluster, or before the move has ended; then all of it is,
// and what was in it is not found on the disk's files any more.
func TestRealScrub(t *testing.T) {
	l := newLab(t, 17, 17)
	l.psql("app", "CREATE TABLE canary AS SELECT 'scrub-me-' || i AS t FROM generate_series(1, 100) i")
	data := strings.TrimSpace(l.sh(`docker volume inspect -f '{{.Mountpoint}}' "$1_data"`, l.project))
	l.ok("preflight", "backup", "freeze", "target", "copy", "proof", "cut_over")
	l.refused("scrub", "its move is at cut, not at its end", "finish the move first")
	l.ok("smoke")
	l.sh(`docker create --name "$1-idle" -v "$1_data:/x" "$2"`, l.project, l.from)
	l.refused("scrub", l.project+"-idle has its volume", "docker rm "+l.project+"-idle")
	l.sh(`docker rm "$1-idle"`, l.project)
	control := filepath.Join(data, kept, "global", "pg_control")
	was, err := os.ReadFile(control)
	l.must(err)
	other := bytes.Clone(was)
	other[0] ^= 1
	l.must(os.WriteFile(control, other, 0o600))
	l.refused("scrub", "its system identifier is", "look what it is")
	l.must(os.WriteFile(control, was, 0o600))
	if out := l.sh(`grep -rl scrub-me- "$1" | wc -l`, data); strings.TrimSpace(out) == "0" {
		t.Fatal("the control: the rows are not found before either")
	}
	if _, err := os.Stat(control); err != nil {
		t.Fatal(err)
	}
	r, err := l.phase("scrub")
	if err != nil || r.Failed || !strings.Contains(r.Msg, "were overwritten and removed") {
		t.Fatalf("scrub: %v %s", err, r.Msg)
	}
	if out := l.sh(`grep -rl scrub-me- "$1" | wc -l; ls "$1" | tr '\n' ' '`, data); strings.TrimSpace(out) != "0\nPG_VERSION REMOTERUN.txt" {
		t.Errorf("left: %s", out)
	}
	l.refused("rollback", "its old cluster was scrubbed", "restore a backup")
	if n := l.psql("app", "SELECT count(*) FROM pg_database WHERE datname = '"+drillName+"'"); n != "0" {
		t.Error("the drill's database is left")
	}
	l.more()
	l.nothingLost()
}

// TestRealRefusals: what cannot be moved is refused by the preflight, with its
// reason, and nothing was changed.
func TestRealRefusals(t *testing.T) {
	l := newLab(t, 17, 17)
	before := l.there()
	look := func(name string, words ...string) {
		t.Helper()
		for _, phase := range []string{"look", "preflight", "rehearse"} {
			l.refused(phase, words...)
		}
		if after := l.there(); after != before {
			t.Errorf("%s: something was changed:\n%s\nbefore\n%s", name, after, before)
		}
		if l.try(`docker exec "$1-db-1" pg_isready -q -U first`, l.project) != nil {
			t.Errorf("%s: the database does not answer any more", name)
		}
	}
	to := l.to
	l.to = image(16).Need(t)
	look("a lower major", "it is of PostgreSQL 16, and the database of 17")
	l.to = "remoterun-test/none:1"
	look("an image that is not there", "it is not on this host", "docker pull")
	l.to = to

	l.psql("app", "UPDATE pg_extension SET extname = 'not_there' WHERE extname = 'pgcrypto'")
	look("an extension that the image lacks", "it lacks the extension not_there")
	l.psql("app", "UPDATE pg_extension SET extname = 'pgcrypto' WHERE extname = 'not_there'")

	l.psql("app", "CREATE FUNCTION broken() RETURNS int LANGUAGE sql AS 'SELECT 1'; UPDATE pg_proc SET prorettype = 99999999 WHERE proname = 'broken'")
	look("a database that cannot be dumped", "database app", "its schema cannot be dumped")
	l.psql("app", "DELETE FROM pg_proc WHERE proname = 'broken'")

	// An index that another library's order made has taken a key twice.
	l.psql("app", "CREATE TABLE twins (t text, gone bool); INSERT INTO twins VALUES ('a'), ('b'), ('a'), (NULL), (NULL); CREATE INDEX twins_t ON twins (lower(t)); UPDATE pg_index SET indisunique = true WHERE indexrelid = 'twins_t'::regclass")
	l.ok("look") // its library is the same: nothing is looked for
	l.psql("postgres", "UPDATE pg_database SET datcollversion = '1.0' WHERE datname = 'app'")
	look("rows that are the same under a unique index", "database app: 1 keys are twice in table twins, under the unique index twins_t", "then REINDEX INDEX twins_t")
	l.psql("app", "DELETE FROM twins WHERE ctid = (SELECT max(ctid) FROM twins WHERE t = 'a')")
	l.ok("look")
	l.psql("postgres", "UPDATE pg_database SET datcollversion = pg_database_collation_actual_version(oid) WHERE datname = 'app'")

	// A file beside the data folder sets what the new server does not know.
	l.sh(`docker exec "$1-db-1" sh -c 'echo "work_mem = 6MB" >/tmp/more.conf; chmod 644 /tmp/more.conf; printf "include \047/tmp/more.conf\047\n" >>"$PGDATA/postgresql.conf"'`, l.project)
	l.ok("look")
	l.sh(`docker exec "$1-db-1" sh -c 'echo "old_snapshot_threshold = 1" >>/tmp/more.conf'`, l.project)
	look("a setting that the new server does not know", "service db: it sets old_snapshot_threshold, which the server of", "take it out of the command or the mounted file")
	l.sh(`docker exec "$1-db-1" sh -c ': >/tmp/more.conf'`, l.project)

	text := l.sh(`cat "$1/compose.yaml"`, l.dir)
	l.write("compose.yaml", text+"  nonsense: [\n")
	l.refused("preflight", "docker compose config", "yaml")
	l.write("compose.yaml", text)

	r, err := l.phase("preflight", "service", "dbb")
	if err != nil || !r.Failed || !strings.Contains(r.Msg, "did you mean db?") || !strings.Contains(r.Msg, "services: app, db") {
		t.Errorf("a service that is not there: %v %s", err, r.Msg)
	}
	l.sh(`docker pause "$1-db-1"`, l.project)
	l.refused("preflight", "does not run (paused)")
	l.sh(`docker unpause "$1-db-1"`, l.project)

	// Somebody from outside: this machine itself, by the network's gateway.
	ip := strings.TrimSpace(l.sh(`docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1-db-1"`, l.project))
	out := exec.Command("psql", "-h", ip, "-U", "first", "-d", "app", "-c", "SELECT pg_sleep(600)")
	out.Env = append(os.Environ(), "PGPASSWORD=p$w", "PGAPPNAME=reporting")
	if err := out.Start(); err == nil {
		t.Cleanup(func() { _ = out.Process.Kill(); _ = out.Wait() })
		l.until("the connection from outside", func() bool {
			return l.psql("app", "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'reporting'") == "1"
		})
		l.refused("preflight", "an application connects from outside", "(reporting)", "outside: accept")
		if r, err := l.phase("look", "outside", "accept"); err != nil || r.Failed {
			t.Errorf("outside: accept: %v %s", err, r.Msg)
		}
	} else {
		t.Logf("psql: %v", err)
	}
	if after := l.there(); after != before {
		t.Errorf("something was changed:\n%s\nbefore\n%s", after, before)
	}
}

// TestRealStacks: stacks as people write them.
func TestRealStacks(t *testing.T) {
	for name, c := range map[string]struct {
		change func(l *lab, text string) string
		after  func(l *lab)
	}{
		// A fixed name, limits, a password in a file, and an application that migrates its
		// own schema when it starts, behind a lock, and ends when it cannot.
		"as grown": {func(l *lab, text string) string {
			l.write("password.txt", "p$w")
			text = strings.Replace(text, "    init: true\n", "    init: true\n    container_name: "+l.project+"-db-1\n    mem_limit: 512m\n    secrets: [password]\n", 1)
			text = strings.Replace(text, "POSTGRES_PASSWORD: \"p$$w\"", "POSTGRES_PASSWORD_FILE: /run/secrets/password", 1)
			text = strings.Replace(text, "PGCONNECT_TIMEOUT=2; while", "PGCONNECT_TIMEOUT=2; psql -h the-database -U first -d app -v ON_ERROR_STOP=1 -qAtc 'select pg_advisory_lock(72707369)' -c 'create table if not exists migrations (v int)' -c 'insert into migrations values (1)' || exit 1; while", 1)
			return text + "secrets: {password: {file: ./password.txt}}\n"
		}, func(l *lab) {
			if got := l.sh(`docker inspect -f '{{.HostConfig.Memory}}' "$1-db-1"`, l.project); strings.TrimSpace(got) != "536870912" {
				l.t.Errorf("memory is limited to %s", got)
			}
			if n := l.psql("app", "SELECT count(*) FROM migrations"); n == "0" || n == "1" {
				l.t.Errorf("the application migrated %s times", n)
			}
		}},
		"several files": {func(l *lab, text string) string {
			l.files = []string{"compose.yaml", "prod.yaml"}
			l.write("prod.yaml", "services:\n  db:\n    labels: {prod: \"yes\"}\n    environment: {TZ: Europe/Berlin}\n")
			return text
		}, func(l *lab) {
			l.sh(`cd "$1" && [ -f compose.remoterun.yaml ] && docker compose -f compose.yaml -f prod.yaml -f compose.remoterun.yaml up -d --wait 2>&1`, l.dir)
			if got := l.sh(`docker inspect -f '{{.Config.Labels.prod}}' "$1-db-1"`, l.project); strings.TrimSpace(got) != "yes" {
				l.t.Errorf("the label is %s", got)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLabOf(t, 16, 17, c.change)
			for _, n := range allPhases() {
				l.ok(n)
				if n == "freeze" || n == "copy" {
					l.deployOld()
				}
			}
			if v := l.version(); v != "17" {
				t.Errorf("the server is %s", v)
			}
			l.more()
			c.after(l)
			l.nothingLost()
			l.ok("rollback")
			l.more()
			if v := l.version(); v != "16" {
				t.Errorf("after rollback the server is %s", v)
			}
		})
	}
}
