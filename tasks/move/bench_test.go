//go:build linux

package move

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// TestBenchMove is make bench's third workload: the copy of a move, from the frozen
// source to its last index, against pg_dump -Fc and pg_restore -j2 from and into
// the same two servers, in alternation; and the proof by itself. It asserts
// nothing. REMOTERUN_BENCH_ROUNDS says how often, REMOTERUN_BENCH_ROWS how many rows.
func TestBenchMove(t *testing.T) {
	rounds, err := strconv.Atoi(os.Getenv("REMOTERUN_BENCH_ROUNDS"))
	if err != nil {
		t.Skip("a benchmark: make bench")
	}
	rows := os.Getenv("REMOTERUN_BENCH_ROWS")
	if rows == "" {
		rows = "500000"
	}
	l := newLab(t, 17, 17)
	l.psql("postgres", "CREATE DATABASE large")
	l.psql("large", `CREATE TABLE people (id int PRIMARY KEY, name text, mail text, born date, note text);
INSERT INTO people SELECT i, md5(i::text), md5(i::text) || '@example.org', '2000-01-01'::date + i % 9000, repeat(md5((i * 7)::text), 4) FROM generate_series(1, `+rows+`) i;
CREATE INDEX ON people (name); CREATE INDEX ON people (born);
CREATE TABLE visits (id bigserial PRIMARY KEY, person int REFERENCES people, at timestamptz, what jsonb);
INSERT INTO visits (person, at, what) SELECT 1 + i % `+rows+`, now() - i * interval '1 minute', jsonb_build_object('page', i % 97, 'ms', i % 1013) FROM generate_series(1, `+rows+`) i;
CREATE INDEX ON visits (person); CREATE INDEX ON visits (at);`)
	for _, d := range []string{"app", "plain"} {
		_ = l.try(`docker exec "$1-db-1" psql -U first -d postgres -c "DROP DATABASE IF EXISTS \"$2\" WITH (FORCE)"`, l.project, d)
	}
	if r, err := l.phase("preflight"); err != nil || r.Failed {
		t.Fatalf("preflight: %v %s", err, r.Msg)
	}
	if r, err := l.phase("backup", "backup", "no"); err != nil || r.Failed {
		t.Fatalf("backup: %v %s", err, r.Msg)
	}
	l.ok("freeze")
	var ours, proof, theirs []float64
	for range rounds {
		l.sh(`sed -i 's/^ "state": ".*",$/ "state": "frozen",/' "/var/lib/remoterun/$1/move/record.json"`, l.project)
		l.ok("target", "copy")
		sec, _, err := l.mover().phaseSeconds(t.Context(), l.worker())
		l.must(err)
		proof = append(proof, float64(sec["proof"]))
		ours = append(ours, float64(sec["globals"]+sec["schema"]+sec["data"]+sec["indexes"]+sec["refresh"]))
		began := time.Now()
		l.sh(`docker exec -e PGHOST=/remoterun/sock -e PGUSER=first "$1-move-target" sh -c 'pg_dump -p 5432 -Fc -f /remoterun/ram/x -d large && createdb -p 5433 theirs && pg_restore -p 5433 -j2 -d theirs /remoterun/ram/x && psql -p 5433 -d theirs -qc ANALYZE && rm /remoterun/ram/x && dropdb -p 5433 theirs'`, l.project)
		theirs = append(theirs, time.Since(began).Seconds())
	}
	o, p, th := median(ours), median(proof), median(theirs)
	fmt.Printf("move of %s rows in each of two tables: copy %.0f s, pg_dump and pg_restore -j2 %.0f s: %.2fx; the proof %.0f s: %.2fx of the copy\n", rows, o, th, o/th, p, p/o)
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
