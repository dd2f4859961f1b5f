package database_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/hosttest"
	"remoterun/tasks/database"
	"remoterun/tasks/tasktest"
)

// TestPostgresqlDumpsReally: what is dumped in each form is there again when it has
// been restored, also of a database whose name looks like something else; what fails
// says why and leaves what was there.
func TestPostgresqlDumpsReally(t *testing.T) {
	p := hosttest.NeedPostgres(t)
	h := tasktest.NewHost(t, nil)
	for name, login := range map[string]string{
		"socket":   fmt.Sprintf("login_unix_socket: %s, login_port: %d", p.Socket, p.Port),
		"password": fmt.Sprintf("login_host: 127.0.0.1, login_port: %d, login_password: %q", p.Port, p.Password),
	} {
		t.Run(name, func(t *testing.T) {
			do := func(m string, args string) tasktest.Outcome {
				t.Helper()
				mod := database.PostgresqlDB()
				if m == "query" {
					mod = database.PostgresqlQuery()
				}
				o, err := tasktest.Apply(t.Context(), h, mod, tasktest.Args(t, "{"+login+", "+args+"}"), false)
				if err != nil {
					t.Fatalf("%s: %v", args, err)
				}
				return o
			}
			dir := t.TempDir()
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			db := "host=x it's " + name
			one := strings.ReplaceAll(db, "'", "''")
			do("db", fmt.Sprintf("name: '%s', state: absent, force: yes", one))
			do("db", fmt.Sprintf("name: '%s'", one))
			do("query", fmt.Sprintf("db: '%s', query: ['CREATE TABLE t (a text)', 'INSERT INTO t VALUES (''kept'')']", one))
			for _, ending := range []string{"sql", "tar", "pgc", "dir", "sql.gz", "sql.bz2", "sql.xz"} {
				target := filepath.Join(dir, "it's a."+ending)
				quoted := strings.ReplaceAll(target, "'", "''")
				o := do("db", fmt.Sprintf("name: '%s', state: dump, target: '%s', dump_extra_args: --no-owner, target_opts: '--no-comments'", one, quoted))
				if o.Result.Failed || !o.Result.Changed {
					t.Errorf("%s: dump: %s", ending, o.Result.Msg)
					continue
				}
				do("query", fmt.Sprintf("db: '%s', query: DROP TABLE t", one))
				opts := ""
				if !strings.HasPrefix(ending, "sql") {
					opts = ", target_opts: --single-transaction"
				}
				o = do("db", fmt.Sprintf("name: '%s', state: restore, target: '%s'%s", one, quoted, opts))
				got := do("query", fmt.Sprintf("db: '%s', query: SELECT a FROM t", one))
				if o.Result.Failed || !o.Result.Changed || !strings.Contains(got.Get("query_result"), "kept") {
					t.Errorf("%s: restore: %s %s; then %s", ending, o.Result.Msg, o.Get("stderr"), got.Result.Msg)
				}
			}
			kept := filepath.Join(dir, "kept.sql.gz")
			if err := os.WriteFile(kept, []byte("kept"), 0o640); err != nil {
				t.Fatal(err)
			}
			for args, want := range map[string]string{
				"name: gone, state: dump, target: " + kept:                 `database "gone" does not exist`,
				"name: postgres, state: dump, target: " + dir:              "is a directory",
				"name: gone, state: restore, target: " + dir + "/none.sql": "No such file or directory",
				"name: gone, state: restore, target: " + kept:              "not in gzip format",
			} {
				if o := do("db", args); !o.Result.Failed || !strings.Contains(o.Result.Msg, want) {
					t.Errorf("%s: %v %q", args, o.Result.Failed, o.Result.Msg)
				}
			}
			text, err := os.ReadFile(kept)
			left, _ := filepath.Glob(dir + "/.*")
			if err != nil || string(text) != "kept" || len(left) > 0 {
				t.Errorf("the old dump is %q, left behind: %v (%v)", text, left, err)
			}
			do("db", fmt.Sprintf("name: '%s', state: absent, force: yes", one))
		})
	}
}
