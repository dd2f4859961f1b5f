//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"remoterun/tasks/move/copy"
	"remoterun/tasks/move/movetest"
	"remoterun/tasks/tde/tdetest"
)

// mover is a machine whose plain database is moved: an application writes to it
// all the time, and keeps what it was told.
type mover struct {
	*rig
	verb string
}

// moverCompose is the plain stack, the server's own image with and without its
// extension being all that there is.
const moverCompose = `services:
  postgres:
    image: %[1]s
    pull_policy: never
    restart: unless-stopped
    stop_grace_period: 20s
    environment: {POSTGRES_USER: app, POSTGRES_DB: appdb, POSTGRES_PASSWORD: not the passphrase}
    command: ["postgres", "-c", "max_connections=${MAX:-40}"]
    volumes: ["data:/data/db"]
  writer:
    image: %[1]s
    pull_policy: never
    restart: always
    user: "0"
    stop_signal: SIGKILL
    environment: {PGPASSWORD: not the passphrase, PGCONNECT_TIMEOUT: "2"}
    entrypoint: ["sh", "-c", "while :; do psql -h postgres -U app -d appdb -qAtc 'insert into log default values returning id' >>/acks/ids; sleep 0.2; done"]
    volumes: ["./acks:/acks"]
volumes: {data: {}}
`

const moverSeed = `CREATE TABLE log (id serial PRIMARY KEY, t timestamptz DEFAULT now());
CREATE TABLE people AS SELECT i AS id, 'person ' || i AS name, repeat(md5(i::text), 20) AS note FROM generate_series(1, 20000) i;
ALTER TABLE people ADD PRIMARY KEY (id);
CREATE INDEX ON people (name);
CREATE TABLE visits (person int REFERENCES people, day date) PARTITION BY RANGE (day);
CREATE TABLE visits_a PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
CREATE TABLE visits_b PARTITION OF visits FOR VALUES FROM ('2026-07-01') TO ('2027-01-01');
INSERT INTO visits SELECT i, '2026-01-01'::date + i % 360 FROM generate_series(1, 20000) i;
CREATE UNLOGGED TABLE hasty AS SELECT i FROM generate_series(1, 500) i;
CREATE MATERIALIZED VIEW totals AS SELECT day, count(*) FROM visits GROUP BY day;
CREATE ROLE reader LOGIN PASSWORD 'r'; GRANT SELECT ON people TO reader;`

func newMover(t *testing.T, name, verb string) *mover {
	t.Helper()
	return newMoverOf(t, 0, name, verb)
}

func newMoverOf(t *testing.T, disk int64, name, verb string) *mover {
	t.Helper()
	m := &mover{newRigsOf(t, disk, name)[0], verb}
	m.inventory(t, "tde_service=postgres pg_image="+m.Image)
	m.Write(t, m.Dir+"/compose.yaml", fmt.Sprintf(moverCompose, m.Image))
	m.Run(t, `mkdir -p -m 777 "$1/acks"`, m.Dir)
	m.Compose(t, "up", "-d", "postgres")
	m.until(t, "the first answer", func() bool {
		_, err := m.TrySQL(t, tdetest.Database, "SELECT 1")
		return err == nil
	})
	m.SQL(t, tdetest.Database, moverSeed)
	m.Compose(t, "up", "-d")
	if verb == "migrate" {
		m.run(t, "setup", m.Name).want(t, exitOK)
	}
	return m
}

func (m *mover) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); !ok(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come about", what)
		}
	}
}

// nothingLost: every number that the application was told is there, and it goes on
// to write.
func (m *mover) nothingLost(t *testing.T) {
	t.Helper()
	m.Run(t, `: >"$1/acks/more"`, m.Dir)
	count := func() int {
		n, _ := strconv.Atoi(strings.TrimSpace(m.Run(t, `wc -l <"$1/acks/ids"`, m.Dir)))
		return n
	}
	was := count()
	m.until(t, "a row of the application", func() bool { return count() > was })
	told := strings.Fields(m.Run(t, `cat "$1/acks/ids"`, m.Dir))
	told = slices.DeleteFunc(told, func(s string) bool { _, err := strconv.Atoi(s); return err != nil })
	if got := m.SQL(t, tdetest.Database, "SELECT count(*) FROM unnest('{"+strings.Join(told, ",")+"}'::int[]) x WHERE x NOT IN (SELECT id FROM log)"); got != "0" {
		t.Errorf("%s of %d rows are lost", got, len(told))
	}
}

// record reads a field of the move's record.
func (m *mover) record(t *testing.T, field string) string {
	text, _ := os.ReadFile(m.Path("/var/lib/remoterun/" + m.Project + "/move/record.json"))
	_, rest, _ := strings.Cut(string(text), "\n \""+field+"\": \"")
	value, _, _ := strings.Cut(rest, "\"")
	return value
}

// points are where a fault is made, in the order of a move; each says when the move
// is there.
func (m *mover) points(t *testing.T) (names []string, there map[string]func() bool) {
	state := func(want string) func() bool { return func() bool { return m.record(t, "state") == want } }
	there = map[string]func() bool{
		"backup": func() bool {
			_, err := os.Stat(m.Path("/run/remoterun/" + m.Project + "/move-backup"))
			return err == nil
		},
		"freeze":  func() bool { return m.record(t, "frozen") != "" && m.record(t, "state") == "begun" },
		"target":  state("frozen"),
		"compare": state("copied"),
		"cut_over": func() bool {
			return m.record(t, "state") == "proved"
		},
		"smoke": state("cut"),
	}
	names = []string{"backup", "freeze", "target"}
	for _, p := range copy.Phases() {
		names = append(names, string(p))
		there[string(p)] = func() bool {
			text, _ := os.ReadFile(m.Path("/var/lib/remoterun/" + m.Project + "/jobs/move/status"))
			return strings.HasPrefix(string(text), string(p)+"\n") && m.record(t, "state") == "made"
		}
	}
	return append(names, "compare", "cut_over", "smoke"), there
}

// moveFault is something that breaks, and what a person would then mend.
type moveFault struct {
	name       string
	make, mend func(t *testing.T, m *mover, b *begun)
}

func moveFaults() []moveFault {
	nothing := func(*testing.T, *mover, *begun) {}
	return []moveFault{
		{"link cut", func(_ *testing.T, m *mover, _ *begun) { m.Link.Cut() }, nothing},
		{"client killed", func(_ *testing.T, _ *mover, b *begun) { b.kill(syscall.SIGKILL) }, nothing},
		{"Ctrl-C", func(_ *testing.T, _ *mover, b *begun) { b.kill(syscall.SIGINT) }, nothing},
		{"containers killed", func(t *testing.T, m *mover, _ *begun) {
			m.Run(t, `docker ps -q | xargs -r docker kill >/dev/null; exit 0`)
		}, nothing},
		{"the source killed", func(t *testing.T, m *mover, _ *begun) {
			m.Run(t, `docker kill "$1-move-source" >/dev/null 2>&1 || docker kill "$1-postgres-1" >/dev/null 2>&1; exit 0`, m.Project)
		}, nothing},
		{"Docker restarted", func(t *testing.T, m *mover, _ *begun) { m.StopDocker(t); m.StartDocker(t) }, nothing},
		{"power cut", func(t *testing.T, m *mover, _ *begun) { m.PowerOff(t) }, func(t *testing.T, m *mover, _ *begun) { m.Boot(t) }},
		{"disk full", func(t *testing.T, m *mover, _ *begun) {
			m.Run(t, `fallocate -l 100G /var/full 2>/dev/null; dd if=/dev/zero of=/var/full2 bs=1M 2>/dev/null; dd if=/dev/zero of=/var/full3 bs=4k 2>/dev/null; exit 0`)
		}, func(t *testing.T, m *mover, _ *begun) { m.Run(t, `rm -f /var/full /var/full2 /var/full3`) }},
	}
}

// moveArgs begin or go on with the move.
func (m *mover) moveArgs() []string {
	return []string{m.verb, "--yes", "--take-over", m.Name}
}

// TestMoveFaults: at each phase of a move, each fault; then the same command again,
// until it comes to its end. REMOTERUN_FAULTS=all takes every fault and both verbs;
// else a sample by the seed that is printed.
func TestMoveFaults(t *testing.T) {
	how := os.Getenv("REMOTERUN_FAULTS")
	seed, err := strconv.ParseUint(how, 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("REMOTERUN_FAULTS=%d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	faults := moveFaults()
	if how == "all" {
		for _, verb := range []string{"migrate", "upgrade"} {
			for _, f := range faults {
				t.Run(verb+", "+f.name, func(t *testing.T) {
					if movetest.Passed(t) {
						return
					}
					movePass(t, verb, func(string) *moveFault { return &f })
				})
			}
		}
		return
	}
	t.Run("migrate, sample", func(t *testing.T) {
		movePass(t, "migrate", func(string) *moveFault {
			if r.IntN(2) == 0 {
				return nil
			}
			return &faults[r.IntN(len(faults))]
		})
	})
}

// movePass is one move with a fault at each point that choose names one for.
func movePass(t *testing.T, verb string, choose func(point string) *moveFault) {
	m := newMover(t, "mike", verb)
	points, there := m.points(t)
	made, missed := 0, 0
	for _, p := range points {
		f := choose(p)
		if f == nil {
			continue
		}
		m.again(t)
		b := m.start(t, m.moveArgs()...)
		if !b.at(there[p]) {
			missed++
			t.Logf("%s: the run ended (%d) before %s\n%s%s", p, b.said.code, p, b.said.out, b.said.err)
			continue
		}
		f.make(t, m, b)
		made++
		said := b.wait()
		f.mend(t, m, b)
		if m.record(t, "frozen") == "" { // what a kill ends before a move has begun is not the move's to start
			m.Compose(t, "up", "-d")
			m.until(t, "an answer", func() bool {
				_, err := m.TrySQL(t, tdetest.Database, "SELECT 1")
				return err == nil
			})
		}
		t.Logf("hit %s: %s: exit %d, state %q", p, f.name, said.code, m.record(t, "state"))
	}
	var last said
	for range 6 {
		if last = m.run(t, m.moveArgs()...); last.code == exitOK {
			break
		}
	}
	last.want(t, exitOK)
	t.Logf("%d faults were made, %d points went by too fast", made, missed)
	if got := m.record(t, "state"); got != "done" {
		t.Errorf("it ended at %s", got)
	}
	if got := m.SQL(t, tdetest.Database, "SELECT count(*) FROM people"); got != "20000" {
		t.Errorf("people: %s", got)
	}
	if got := m.SQL(t, tdetest.Database, "SELECT count(*) FROM hasty"); got != "500" && got != "0" {
		t.Errorf("hasty: %s", got)
	}
	m.nothingLost(t)
	if left := m.Run(t, `docker ps -a --format '{{.Names}}' | grep -e -move- -e -rehearsal- -e -init; exit 0`); left != "" {
		t.Errorf("left: %s", left)
	}
	if verb == "migrate" {
		m.learn(t)
		m.run(t, "verify", "--quick", m.Name).want(t, exitOK)
		m.clean(t)
	}
	m.run(t, "rollback", "--yes", m.Name).want(t, exitOK)
	if got := m.SQL(t, tdetest.Database, "SELECT count(*) FROM people"); got != "20000" {
		t.Errorf("people after the rollback: %s", got)
	}
}

// again goes back, when a run came to its end in spite of a fault: the next one
// begins anew.
func (m *mover) again(t *testing.T) {
	t.Helper()
	if m.record(t, "state") != "done" {
		return
	}
	m.run(t, "rollback", "--yes", m.Name).want(t, exitOK)
	m.Run(t, `: >"$1/acks/ids"`, m.Dir) // what was told since the cut-over stays in the new one
}

// TestMoveVerbs: as a person does it, with a terminal: a rehearsal, the question,
// the move, status on the way, back, and destroying what is left.
func TestMoveVerbs(t *testing.T) {
	m := newMover(t, "nora", "upgrade")
	m.inventory(t, "tde_service=postgres pg_image="+m.Image+" backup_recipients=age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p")
	written := filepath.Join(m.dir, "inventory.ini")
	was, err := os.ReadFile(written)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, written, fmt.Sprintf("%s project=%s compose_dir=%s service=postgres pg_image=%s\n", m.Name, m.Project, m.Dir, m.Image))
	m.run(t, "status", m.Name).want(t, exitOK, "plain")
	m.run(t, "doctor", m.Name).want(t, exitOK, "know ")
	writeFile(t, written, string(was))
	s := m.run(t, "upgrade", "--rehearse", "--yes", m.Name)
	s.want(t, exitOK, "rehearsed: everything arrived equal", "of downtime")
	m.run(t, "upgrade", m.Name).want(t, exitFailed, "--yes")
	if got := m.record(t, "frozen"); got != "" {
		t.Errorf("without an answer it was frozen at %s", got)
	}
	m.nothingLost(t)
	m.d.talk(t, []turn{{"Type the project's name", "nonsense"}}, "upgrade", m.Name).want(t, exitFailed, "is not the project's name: nothing was changed")
	m.nothingLost(t)
	m.d.talk(t, []turn{{"Type the project's name", m.Project}, {"Does the application work?", "no"}, {"Go back to the old database", "yes"}}, "upgrade", m.Name).want(t, exitFailed,
		"last rehearsal: ", "made anew: postgres", "+     image: ", "backup: ", "the old database serves the application again", "written since: appdb \"public\".\"log\"")
	m.Run(t, `: >"$1/acks/ids"`, m.Dir) // what was told as written since is not in the old one
	m.nothingLost(t)
	m.d.talk(t, []turn{{"Type the project's name", m.Project}, {"Does the application work?", "yes"}}, "upgrade", m.Name).want(t, exitOK)
	m.nothingLost(t)
	backups, _ := filepath.Glob(filepath.Join(m.dir, "backups", m.Name, "*", "*.age"))
	if len(backups) < 4 {
		t.Errorf("backups: %q", backups)
	}
	m.run(t, "scrub", "--yes", m.Name).want(t, exitOK, "were overwritten and removed", "What no software can promise")
	m.run(t, "rollback", "--yes", m.Name).want(t, exitRefused, "its old cluster was scrubbed at", "restore a backup")
	m.nothingLost(t)
	if left := m.Run(t, `find "$(docker volume inspect -f '{{.Mountpoint}}' "$1_data")" -mindepth 1 | sort | sed 's|.*/||' | tr '\n' ' '`, m.Project); strings.TrimSpace(left) != "PG_VERSION REMOTERUN.txt" {
		t.Errorf("left of the old cluster: %s", left)
	}
}
