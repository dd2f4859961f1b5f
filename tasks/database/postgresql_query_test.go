package database_test

import (
	"fmt"
	"strings"
	"testing"

	"remoterun/runner/hosttest"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/database"
	"remoterun/tasks/tasktest"
)

func TestPostgresqlQueryReally(t *testing.T) {
	p := hosttest.NeedPostgres(t)
	h := tasktest.NewHost(t, nil)
	login := map[string]string{
		"psql on the host":    fmt.Sprintf("login_unix_socket: %s, login_port: %d", p.Socket, p.Port),
		"over the connection": fmt.Sprintf("login_host: 127.0.0.1, login_port: %d, login_password: %q", p.Port, p.Password),
	}
	for name, to := range login {
		t.Run(name, func(t *testing.T) {
			run := func(args string) play.Result {
				t.Helper()
				o, err := tasktest.Apply(t.Context(), h, database.PostgresqlQuery(), tasktest.Args(t, "{db: postgres, "+to+", "+args+"}"), false)
				if err != nil {
					t.Fatal(err)
				}
				return o.Result
			}
			show := func(r play.Result, key string) string { return tasktest.Outcome{Result: r}.Get(key) }
			r := run(`query: "SELECT %s::int AS n, %s AS t, NULL::text AS nothing, '' AS empty, true AS b, 1.5::numeric AS f, '{\"a\": [1]}'::jsonb AS j, 'a;b' AS semi", positional_args: [7, "it's \\"]`)
			want := `[{'n': 7, 't': "it's \\", 'nothing': None, 'empty': '', 'b': True, 'f': 1.5, 'j': {'a': [1]}, 'semi': 'a;b'}]`
			if name == "psql on the host" {
				want = strings.NewReplacer("'n': 7", "'n': '7'", "'b': True", "'b': 't'", "'f': 1.5", "'f': '1.5'", "'j': {'a': [1]}", `'j': '{"a": [1]}'`).Replace(want)
			}
			if got := show(r, "query_result"); r.Changed || got != want {
				t.Errorf("%s\n got %s\nwant %s", r.Msg, got, want)
			}
			if got := show(run(`query: "SELECT 7 AS n, true AS b, 'x' AS t"`), "query_result"); got != "[{'n': 7, 'b': True, 't': 'x'}]" {
				t.Errorf("types: %s", got)
			}
			r = run("query: CREATE TABLE t (a int)")
			if !r.Changed || show(r, "statusmessage") != "'CREATE TABLE'" {
				t.Errorf("%+v %s", r, show(r, "statusmessage"))
			}
			r = run("query: 'INSERT INTO t SELECT generate_series(1, %(n)s) RETURNING a', named_args: {n: 3}")
			if !r.Changed || show(r, "rowcount") != "3" || show(r, "query_result") != "[{'a': 1}, {'a': 2}, {'a': 3}]" {
				t.Errorf("%s %s %s", r.Msg, show(r, "rowcount"), show(r, "query_result"))
			}
			r = run("query: ['UPDATE t SET a = 0 WHERE a = 99', 'SELECT count(*) AS c FROM t']")
			if r.Changed || show(r, "query_result") != "[{'c': 3}]" {
				t.Errorf("%s %v %s", r.Msg, r.Changed, show(r, "query_result"))
			}
			r = run("query: 'WITH x AS (DELETE FROM t RETURNING a) SELECT count(*) AS c FROM x'")
			if show(r, "query_result") != "[{'c': 3}]" {
				t.Errorf("a SELECT that writes: %s %s", r.Msg, show(r, "query_result"))
			}
			r = run("query: SELEKT 1")
			if !r.Failed || r.Msg != "Cannot execute SQL 'SELEKT 1' None: syntax error at or near \"SELEKT\"\nLINE 1: SELEKT 1\n        ^\n, query list: ['SELEKT 1']" {
				t.Errorf("%q", r.Msg)
			}
			run("query: DROP TABLE t")
		})
	}
	args := tasktest.Args(t, fmt.Sprintf("{query: SELECT 1, login_host: 127.0.0.1, login_port: %d, db: postgres}", p.Port))
	args.Put("login_password", value.MarkedString("wrong", value.Masked))
	o, err := tasktest.Apply(t.Context(), h, database.PostgresqlQuery(), args, false)
	if err != nil || !strings.HasPrefix(o.Result.Msg, "unable to connect to database: ") {
		t.Errorf("%q %v", o.Result.Msg, err)
	}
}
