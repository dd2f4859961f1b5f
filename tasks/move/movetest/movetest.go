// Package movetest gives tests clusters to move: the small seed, which has every
// kind of object, and two servers that share a folder for their sockets.
package movetest

import (
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/hosttest"
)

//go:embed seed.sql
var seed string

// Seed is the small seed, for psql as a superuser in the database postgres.
func Seed() string { return seed }

// SeedFor is the seed without what a server of that major version does not have.
func SeedFor(major int) string {
	text := seed
	for _, old := range []struct {
		before    int
		has, gets string
	}{
		{14, "GRANT pg_read_all_data TO reader;", ""},
		{14, "c_multi nummultirange", "c_multi text"},
		{14, "nummultirange(numrange(1, 2), numrange(5, NULL))", "'x'"},
		{14, "BEGIN ATOMIC SELECT a + b; END", "AS 'SELECT a + b'"},
		{13, "CREATE DATABASE plain LOCALE 'C' TEMPLATE", "CREATE DATABASE plain LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE"},
		{14, "WHEN 1 THEN 'Infinity' WHEN 2 THEN 1e308", "WHEN 2 THEN 1e308"},
		{13, "c_xid8 xid8", "c_xid8 text"},
		{13, "'12345678901'::xid8", "'x'"},
		{13, "l regcollation", "l regtype"},
		{13, "'simple', 'simple', 'nocase')", "'simple', 'simple', 'mood')"},
	} {
		if major < old.before {
			text = strings.ReplaceAll(text, old.has, old.gets)
		}
	}
	return text
}

// Pair are two servers of this machine's own programs, the source seeded.
type Pair struct{ Source, Target *hosttest.Postgres }

// Start starts them.
func Start(t testing.TB) Pair {
	t.Helper()
	dir, err := os.MkdirTemp("", "rr-sock")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	opt := hosttest.PostgresOptions{User: "first_user", Socket: dir, Init: []string{"--locale=C.UTF-8"}}
	p := Pair{Source: hosttest.StartPostgres(t, opt), Target: hosttest.StartPostgres(t, opt)}
	PSQL(t, p.Source, "postgres", Seed())
	return p
}

// PSQL runs a script in a server's database and returns what it printed.
func PSQL(t testing.TB, p *hosttest.Postgres, database, script string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(p.Bin, "psql"), "-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-h", p.Socket, "-p", strings.Split(p.Addr, ":")[1], "-U", p.User, "-f", "-")
	cmd.Env = append(os.Environ(), "PGDATABASE="+database)
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("psql: %v: %s", err, out)
	}
	return string(out)
}
