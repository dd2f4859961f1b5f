//go:build linux

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"remoterun/tasks/tde/tdetest"
)

// TestLargeMove encrypts a database of REMOTERUN_LARGE_ROWS rows (5,000,000 are about
// 2 GB) while an application writes to it, and prints what the report says of phases
// and downtime: make test-large. It then goes back, and loses nothing either way.
func TestLargeMove(t *testing.T) {
	rows := os.Getenv("REMOTERUN_LARGE_ROWS")
	if rows == "" {
		t.Skip("minutes of work: make test-large")
	}
	m := newMoverOf(t, 48<<30, "large", "migrate")
	m.d.patience = time.Hour
	began := time.Now()
	m.SQL(t, tdetest.Database, `CREATE TABLE items (id bigint PRIMARY KEY, name text, mail text, born date, note text, more jsonb);
INSERT INTO items SELECT i, md5(i::text), md5((i * 3)::text) || '@example.org', '2000-01-01'::date + (i % 9000)::int, repeat(md5((i * 7)::text), 6), jsonb_build_object('page', i % 97, 'ms', i % 1013) FROM generate_series(1, `+rows+`::bigint) i;
CREATE INDEX ON items (name); CREATE INDEX ON items (born);
CHECKPOINT`)
	size := m.SQL(t, tdetest.Database, "SELECT pg_size_pretty(pg_database_size(current_database()))")
	sum := m.SQL(t, tdetest.Database, "SELECT count(*), sum(hashtextextended(i::text, 0)) FROM items i")
	t.Logf("%s rows, %s, made in %s", rows, size, time.Since(began).Round(time.Second))
	began = time.Now()
	done := m.run(t, m.moveArgs()...)
	done.want(t, exitOK, "downtime")
	t.Logf("migrate took %s in all", time.Since(began).Round(time.Second))
	for line := range strings.Lines(done.out) {
		if strings.Contains(line, "downtime") {
			t.Log(strings.TrimSpace(line))
		}
	}
	t.Log(m.report(t, "It took:"))
	if got := m.SQL(t, tdetest.Database, "SELECT count(*), sum(hashtextextended(i::text, 0)) FROM items i"); got != sum {
		t.Errorf("the rows are %s, and were %s", got, sum)
	}
	m.nothingLost(t)
	m.learn(t)
	m.run(t, "verify", "--quick", m.Name).want(t, exitOK)
	m.run(t, "rollback", "--yes", m.Name).want(t, exitOK)
	m.Run(t, `: >"$1/acks/ids"`, m.Dir) // what was told since the cut-over stays in the new one
	if got := m.SQL(t, tdetest.Database, "SELECT count(*), sum(hashtextextended(i::text, 0)) FROM items i"); got != sum {
		t.Errorf("after the rollback the rows are %s, and were %s", got, sum)
	}
	m.nothingLost(t)
}

// report is the line of the move's report that begins with word.
func (m *mover) report(t *testing.T, word string) (found string) {
	t.Helper()
	err := filepath.WalkDir(m.dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasPrefix(d.Name(), m.verb+"-"+m.Project+"-") || filepath.Ext(p) != ".txt" {
			return err
		}
		text, err := os.ReadFile(p)
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, word) {
				found = strings.TrimSpace(line)
			}
		}
		return err
	})
	if err != nil || found == "" {
		t.Fatalf("no report has a line %q (%v)", word, err)
	}
	return found
}
