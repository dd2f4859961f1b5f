//go:build linux

package move

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"remoterun/runner/host"
	"remoterun/runner/hosttest"
	"remoterun/runner/hosttest/real"
	"remoterun/runner/local"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/move/movetest"
	"remoterun/tasks/tasktest"
)

// image is a server of a major version, from the variable
// REMOTERUN_TEST_PGn_IMAGE, or the public one.
func image(major int) real.Image {
	return real.Image{What: fmt.Sprintf("an image with PostgreSQL %d", major), Env: fmt.Sprintf("REMOTERUN_TEST_PG%d_IMAGE", major), Public: fmt.Sprintf("postgres:%d", major)}
}

// lab is a stack on this machine's engine, as a user would have written it: a
// database with the small seed, and an application that writes all the time and
// keeps the numbers that the server said it has.
type lab struct {
	t             *testing.T
	project, dir  string
	from, to      string
	conn          host.Conn
	env           []string
	reports, acks string
	identity      *age.X25519Identity
	files         []string // compose files, when they are listed
	apply         string   // "" = override
	said          []string // what steps told
}

func newLab(t *testing.T, from, to int) *lab { t.Helper(); return newLabOf(t, from, to, nil) }

// newLabOf has the compose file changed before the stack is started.
func newLabOf(t *testing.T, from, to int, change func(l *lab, text string) string) *lab {
	t.Helper()
	l := &lab{t: t, from: image(from).Need(t), to: image(to).Need(t), dir: t.TempDir(), reports: t.TempDir(), acks: t.TempDir()}
	if os.Getuid() != 0 {
		hosttest.Missing(t, "root, for Docker")
	}
	var r [4]byte
	_, _ = rand.Read(r[:])
	l.project = "mv" + hex.EncodeToString(r[:])
	l.connect()
	t.Cleanup(l.remove)
	data := strings.TrimSpace(l.sh(`docker image inspect -f '{{range .Config.Env}}{{println .}}{{end}}' "$1" | sed -n 's/^PGDATA=//p'`, l.from))
	text := fmt.Sprintf(composeFile, l.project, l.from, data, l.from, l.acks)
	if change != nil {
		text = change(l, text)
	}
	l.write("compose.yaml", text)
	l.must(os.Chmod(l.acks, 0o777))
	l.sh(`cd "$1" && docker compose up -d db 2>&1`, l.dir)
	l.until("the first answer", func() bool {
		return l.try(`docker exec "$1-db-1" pg_isready -q -U first -h 127.0.0.1`, l.project) == nil
	})
	l.psql("postgres", movetest.SeedFor(from))
	l.psql("app", "CREATE TABLE IF NOT EXISTS public.log (id serial PRIMARY KEY, t timestamptz DEFAULT now());")
	l.sh(`cd "$1" && docker compose up -d 2>&1`, l.dir)
	return l
}

// The application is the server's own image, with a loop.
const composeFile = `name: %s
services:
  db:
    image: %s
    pull_policy: never
    restart: unless-stopped
    init: true
    shm_size: 128m
    stop_grace_period: 20s
    security_opt: ["no-new-privileges:true"]
    environment:
      POSTGRES_USER: first
      POSTGRES_PASSWORD: "p$$w"
    command: ["postgres", "-c", "max_connections=${MAX:-60}"]
    volumes: ["data:%s"]
    healthcheck: {test: ["CMD", "pg_isready", "-U", "first", "-d", "postgres"], interval: 1s, retries: 30}
    networks: {default: {aliases: [the-database]}}
  app:
    image: %s
    pull_policy: never
    restart: always
    user: "0"
    entrypoint: ["sh", "-c", "export PGPASSWORD='p$$w' PGCONNECT_TIMEOUT=2; while :; do psql -h the-database -U first -d app -qAtc 'insert into public.log default values returning id' >>/acks/ids; sleep 0.1; done"]
    stop_signal: SIGKILL
    volumes: ["%s:/acks"]
volumes: {data: {}}
`

func (l *lab) connect() {
	c := local.New("h", nil, local.Options{Env: l.env})
	l.t.Cleanup(func() { _ = c.Close() })
	l.conn = c
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) write(name, text string) {
	l.t.Helper()
	l.must(os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o644))
}

func (l *lab) try(script string, args ...string) error {
	return exec.Command("sh", append([]string{"-c", script, "sh"}, args...)...).Run()
}

// sh runs a script that must succeed.
func (l *lab) sh(script string, args ...string) string {
	l.t.Helper()
	cmd := exec.Command("sh", append([]string{"-c", script, "sh"}, args...)...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		l.t.Fatalf("%s: %v: %s%s", script, err, out, said.String())
	}
	return string(out)
}

func (l *lab) until(what string, ok func() bool) {
	l.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			l.t.Fatalf("%s did not come about", what)
		}
	}
}

// psql runs a script in the stack's database.
func (l *lab) psql(database, script string) string {
	l.t.Helper()
	cmd := exec.Command("docker", "exec", "-i", l.project+"-db-1", "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "first", "-d", database, "-f", "-")
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.CombinedOutput()
	if err != nil {
		l.t.Fatalf("psql in %s: %v: %s", database, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (l *lab) remove() {
	for _, c := range []string{
		`docker ps -aq --filter "name=^$1-" | xargs -r docker rm -f -v`,
		`cd "$2" && docker compose down -v --remove-orphans -t 1`,
		`docker ps -aq --filter "label=remoterun.project=$1" | xargs -r docker rm -f -v`,
		`docker volume ls -q --filter "label=remoterun.project=$1" | xargs -r docker volume rm`,
		`docker volume ls -q --filter "name=^$1" | xargs -r docker volume rm`,
		`docker image ls --format '{{.Repository}}:{{.Tag}}' "remoterun/$1" | xargs -r docker rmi`,
		`rm -rf "/var/lib/remoterun/$1" "/run/remoterun/$1"`,
	} {
		_ = l.try(c, l.project, l.dir)
	}
}

// phases of an upgrade, in order.
func allPhases() []string {
	return []string{"preflight", "backup", "freeze", "target", "copy", "proof", "cut_over", "smoke"}
}

// phase does one phase, as the engine would.
func (l *lab) phase(name string, more ...string) (play.Result, error) {
	pairs := []any{"project", value.String(l.project), "compose_dir", value.String(l.dir), "phase", value.String(name), "image", value.String(l.to)}
	kind, service := "laptop", "db"
	for i := 0; i+1 < len(more); i += 2 {
		if more[i] == "backup" {
			kind = more[i+1]
			continue
		}
		if more[i] == "service" {
			service = more[i+1]
			continue
		}
		pairs = append(pairs, more[i], value.String(more[i+1]))
	}
	if len(l.files) > 0 {
		var list []value.Value
		for _, f := range l.files {
			list = append(list, value.String(f))
		}
		pairs = append(pairs, "compose_files", value.List(list...))
	}
	if l.apply != "" {
		pairs = append(pairs, "apply", value.String(l.apply))
	}
	pairs = append(pairs, "service", value.String(service), "backup", value.String(kind), "backup_recipients", value.List(value.String(l.reader().Recipient().String())))
	d := Deps{Dir: func() string { return l.reports }, By: "anna@laptop", Yes: true}
	o, err := tasktest.Apply(l.t.Context(), tasktest.Host{Conn: l.conn, Said: func(s string) { l.said = append(l.said, s) }}, moveDatabase(d.Filled()), value.MapOf(pairs...), false)
	return o.Result, err
}

// reader opens the lab's backups.
func (l *lab) reader() *age.X25519Identity {
	l.t.Helper()
	if l.identity == nil {
		var err error
		l.identity, err = age.GenerateX25519Identity()
		l.must(err)
	}
	return l.identity
}

// ok does phases that must succeed.
func (l *lab) ok(names ...string) {
	l.t.Helper()
	for _, n := range names {
		r, err := l.phase(n)
		if err != nil || r.Failed {
			l.t.Fatalf("%s: %v %s", n, err, r.Msg)
		}
	}
}

// refused does a phase that must be refused with these words.
func (l *lab) refused(name string, words ...string) {
	l.t.Helper()
	r, err := l.phase(name)
	said := r.Msg
	if err != nil {
		said = err.Error()
	}
	if err == nil && !r.Failed {
		l.t.Errorf("%s was not refused", name)
	}
	for _, w := range words {
		if !strings.Contains(said, w) {
			l.t.Errorf("%s: %q is not in: %s", name, w, said)
		}
	}
}

// nothingLost: every number that the application was told is in the database.
func (l *lab) nothingLost() {
	l.t.Helper()
	text, err := os.ReadFile(filepath.Join(l.acks, "ids"))
	l.must(err)
	told := strings.Fields(string(text))
	if len(told) == 0 {
		l.t.Fatal("the application wrote nothing")
	}
	missing := l.psql("app", "SELECT count(*) FROM unnest('{"+strings.Join(told, ",")+"}'::int[]) x WHERE x NOT IN (SELECT id FROM public.log)")
	if missing != "0" {
		l.t.Errorf("%s of %d rows are lost", missing, len(told))
	}
}

// more waits until the application wrote again.
func (l *lab) more() {
	l.t.Helper()
	file := filepath.Join(l.acks, "ids")
	l.must(os.Truncate(file, 0))
	l.until("a row of the application", func() bool { st, err := os.Stat(file); return err == nil && st.Size() > 10 })
}

func (l *lab) version() string {
	l.t.Helper()
	return l.psql("app", "SHOW server_version_num")[:2]
}

// paths are from where to where.
func paths() [][2]int { return [][2]int{{16, 17}, {16, 18}, {17, 18}, {17, 17}} }

// TestRealUpgrade goes all the way, back, and again; deploys of the old file come
// at each phase.
func TestRealUpgrade(t *testing.T) {
	for _, p := range paths() {
		t.Run(fmt.Sprintf("%d to %d", p[0], p[1]), func(t *testing.T) {
			l := newLab(t, p[0], p[1])
			for _, n := range allPhases() {
				l.ok(n)
				if n == "freeze" || n == "target" || n == "copy" {
					l.deployOld()
				}
				if r, err := l.phase(n); err != nil || r.Failed || r.Changed && n != "preflight" {
					t.Errorf("%s again: %+v %v", n, r, err)
				}
			}
			if v := l.version(); v != fmt.Sprint(p[1]) {
				t.Errorf("the server is %s", v)
			}
			l.nothingLost()
			l.more()
			l.deployOld()
			l.sh(`cd "$1" && docker compose up -d --wait 2>&1`, l.dir)
			l.more()
			l.nothingLost()
			if v := l.version(); v != fmt.Sprint(p[1]) {
				t.Errorf("after deploys the server is %s", v)
			}
			l.ok("rollback")
			if v := l.version(); v != fmt.Sprint(p[0]) {
				t.Errorf("after rollback the server is %s", v)
			}
			l.more()
			l.ok(allPhases()...)
			l.nothingLost()
			l.more()
			l.nothingLost()
		})
	}
}

// deployOld is a deploy script that goes past the override: it must not bring up
// a server that takes a connection.
func (l *lab) deployOld() {
	l.t.Helper()
	_ = l.try(`cd "$1" && timeout 25 docker compose -f compose.yaml up -d --wait --wait-timeout 8 db`, l.dir)
	if l.try(`docker exec "$1-db-1" pg_isready -q -U first`, l.project) == nil {
		l.t.Errorf("a deploy of the old file brought a server up: %s", l.sh(`docker logs --tail 5 "$1-db-1" 2>&1`, l.project))
	}
	if out, err := exec.Command("docker", "volume", "inspect", "-f", "{{.Mountpoint}}", l.project+"_data").Output(); err == nil {
		l.must(os.Chdir("/"))
		if _, err := os.Stat(filepath.Join(strings.TrimSpace(string(out)), kept, "global", "pg_control")); errors.Is(err, os.ErrNotExist) {
			l.t.Error("the old cluster is not where the record says")
		}
	}
}

// TestRealRehearsal: a rehearsal is the whole copy with its proof, while the
// application writes on, and leaves nothing but what it measured; the real one
// says when it was.
func TestRealRehearsal(t *testing.T) {
	l := newLab(t, 16, 17)
	before := l.there()
	r, err := l.phase("rehearse")
	if err != nil || r.Failed || r.Changed {
		t.Fatalf("rehearse: %+v %v", r, err)
	}
	for _, w := range []string{"everything arrived equal", " rows, ", "globals ", "data ", "proof ", "of downtime", "MiB of disk"} {
		if !strings.Contains(r.Msg, w) {
			t.Errorf("%q is not in: %s", w, r.Msg)
		}
	}
	if after := l.there(); after != before {
		t.Errorf("it left something:\n%s\nbefore\n%s", after, before)
	}
	l.more()
	if v := l.version(); v != "16" {
		t.Errorf("the server is %s", v)
	}
	// What a rehearsal that was cut has left is taken away by the real one.
	l.sh(`docker volume create --label "remoterun.project=$1" "$1_rehearsal_x" && mkdir -p "/var/lib/remoterun/$1/rehearsal"`, l.project)
	l.ok("look", "preflight")
	if left := l.sh(`docker volume ls -q | grep "^$1_rehearsal"; ls -d "/var/lib/remoterun/$1/rehearsal" 2>/dev/null; exit 0`, l.project); left != "" {
		t.Errorf("left of a rehearsal: %s", left)
	}
	m := l.mover()
	said, err := m.intent(t.Context(), l.worker())
	l.must(err)
	last, err := (rehearsal{m}).lastRehearsal(t.Context(), l.worker())
	l.must(err)
	for _, w := range []string{"made anew: db", "- ", "image: ", l.project + "_pg17", "stopped now", "last rehearsal: ", "equal"} {
		if !strings.Contains(strings.Join(append(said, last), "\n"), w) {
			t.Errorf("%q is not in\n%s", w, strings.Join(said, "\n"))
		}
	}
}

// there lists what of the project is on the host.
func (l *lab) there() string {
	return l.sh(`docker ps -a --format '{{.Names}} {{.Image}}' | grep "$1" | sort; docker volume ls -q | grep "$1" | sort; ls "/run/remoterun/$1" "/var/lib/remoterun/$1" 2>/dev/null | grep -v -e jobs -e rehearsed -e : ; ls "$2"; exit 0`, l.project, l.dir)
}

func (l *lab) worker() *host.Worker { return &host.Worker{Host: "h", Conn: l.conn, Kept: &host.Kept{}} }

// mover is the move as its record says it.
func (l *lab) mover() *mover {
	l.t.Helper()
	s := Stack{Project: l.project, Dir: l.dir, Service: "db"}
	r, err := ask(l.t.Context(), l.worker(), s.recordAt())
	l.must(err)
	return &mover{Stack: s, to: Plain{l.to}, record: r, now: time.Now, yes: true}
}

// TestRealFolder: data in a folder of the user's stays on its disk, beside it; a
// file of the user's keeps its lines, variables stay variables, names that the new
// library does not know are answered with one that means the same; back, and again.
func TestRealFolder(t *testing.T) {
	l := newLabOf(t, 16, 17, func(l *lab, text string) string {
		l.sh(`mkdir -p "$1/data"; for n in xx_YY en_US; do mkdir -p "$1/locales/$n.utf8" && cp -r /usr/lib/locale/C.utf8/. "$1/locales/$n.utf8/" || exit 1; done`, l.dir)
		l.write("compose.override.yaml", "# by hand\nservices:\n  db:\n    labels: {mine: \"yes\"}\n")
		l.write(".env", "CONF=./conf\n")
		l.sh(`mkdir "$1/conf" "$1/conf2"; chmod 755 "$1"`, l.dir)
		text = strings.Replace(text, "[\"data:", "[\"${CONF:-./none}:/conf:ro\", \"./locales:/locales:ro\", \"./data:", 1)
		return strings.Replace(text, "    environment:\n", "    environment:\n      LOCPATH: /locales\n      POSTGRES_INITDB_ARGS: --locale=xx_YY.utf8\n", 1)
	})
	for range 2 {
		l.ok(allPhases()...)
		l.nothingLost()
		l.more()
		if v := l.version(); v != "17" {
			t.Errorf("the server is %s", v)
		}
		at := l.sh(`docker inspect -f '{{range .Mounts}}{{.Name}} {{.Destination}};{{end}}' "$1-db-1"`, l.project)
		vol, _, _ := strings.Cut(at[strings.Index(at, l.project+"_pg17"):], " ")
		folder := strings.TrimSpace(l.sh(`docker volume inspect -f '{{.Options.device}}' "$1"`, vol))
		if !strings.HasPrefix(folder, l.dir+"/data_pg17") {
			t.Errorf("the new cluster is in %q", folder)
		}
		l.sh(`[ -f "$1/global/pg_control" ] || [ -f "$1"/*/global/pg_control ]`, folder)
		over := l.sh(`cat "$1/compose.override.yaml"`, l.dir)
		for _, w := range []string{"# by hand", "labels: {mine:", "${CONF:-./none}"} {
			if !strings.Contains(over, w) {
				t.Errorf("%q is not in\n%s", w, over)
			}
		}
		l.write(".env", "CONF=./conf2\n")
		if got := l.sh(`cd "$1" && docker compose config`, l.dir); !strings.Contains(got, l.dir+"/conf2") || !strings.Contains(got, "max_connections=60") {
			t.Errorf("a variable is not one any more:\n%s", got)
		}
		if got := l.psql("app", "SELECT count(*) FROM pg_database WHERE datcollate = 'xx_YY.utf8'"); got != "0" {
			t.Errorf("%s databases have the unknown locale", got)
		}
		l.ok("rollback")
		l.write(".env", "CONF=./conf\n")
		if v := l.version(); v != "16" {
			t.Errorf("after rollback the server is %s", v)
		}
		if over := l.sh(`cat "$1/compose.override.yaml"`, l.dir); strings.TrimSpace(over) != "# by hand\nservices:\n  db:\n    labels: {mine: \"yes\"}" {
			t.Errorf("after rollback the file says\n%s", over)
		}
		l.more()
	}
}
