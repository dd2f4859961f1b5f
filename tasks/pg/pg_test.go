package pg

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/hosttest"
	"remoterun/runner/hosttest/sshd"
	"remoterun/runner/hosttest/sshtest"
	"remoterun/runner/value"
)

func target(p *hosttest.Postgres) Target {
	return Target{Addr: p.Addr, User: p.User, Password: p.Password, Database: "postgres", App: "test"}
}

func ask(t *testing.T, r host.Reader, q Query) Result {
	t.Helper()
	a, err := q.Ask(t.Context(), r)
	if err != nil {
		t.Fatalf("%s: %v", q.SQL, err)
	}
	res, err := ParseAnswer(a)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func cell(t *testing.T, r Result) string {
	t.Helper()
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	if len(r.Rows) != 1 || len(r.Rows[0]) == 0 || r.Rows[0][0] == nil {
		t.Fatalf("result %+v is not one text", r)
	}
	return *r.Rows[0][0]
}

// TestThroughSSH runs the client over a real SSH connection to a real server.
func TestThroughSSH(t *testing.T) {
	p := hosttest.NeedPostgres(t)
	w, _ := sshtest.Worker(t, sshd.Config{})
	to := target(p)

	t.Run("values, NULL, names and types", func(t *testing.T) {
		r := ask(t, w, Query{To: to, SQL: `SELECT 7 AS n, NULL::text AS nothing, '' AS empty, E'a"b,\n' AS odd, $1::text || $2 AS args`, Args: Text("it's", `\x`)})
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		if len(r.Rows) != 1 || r.Rows[0][1] != nil || *r.Rows[0][2] != "" || *r.Rows[0][3] != "a\"b,\n" || *r.Rows[0][4] != `it's\x` {
			t.Errorf("rows %v", r.Rows)
		}
		if r.Columns[0] != (Column{"n", 23}) || r.Columns[1].Name != "nothing" {
			t.Errorf("columns %v", r.Columns)
		}
	})
	t.Run("no rows still have columns", func(t *testing.T) {
		r := ask(t, w, Query{To: to, SQL: "SELECT 1 AS a WHERE false"})
		if r.Err != nil || len(r.Rows) != 0 || len(r.Columns) != 1 {
			t.Errorf("result %+v", r)
		}
	})
	t.Run("the session says who it is", func(t *testing.T) {
		if got := cell(t, ask(t, w, Query{To: to, SQL: "SELECT current_setting('application_name')"})); got != "remoterun/test" {
			t.Errorf("application_name %q", got)
		}
	})
	t.Run("a question cannot write", func(t *testing.T) {
		r := ask(t, w, Query{To: to, SQL: "CREATE TABLE never (a int)"})
		if r.Err == nil || r.Err.Code != "25006" || r.Err.Connect {
			t.Errorf("error %+v, want 25006", r.Err)
		}
		r = ask(t, w, Query{To: to, SQL: "SELECT 1; CREATE TABLE never (a int)"})
		if r.Err == nil || r.Err.Code != "42601" {
			t.Errorf("two statements: %+v, want 42601", r.Err)
		}
	})
	t.Run("an SQL error is an answer, and the session goes on", func(t *testing.T) {
		a, err := Query{To: to, SQL: "SELECT * FROM nowhere"}.Ask(t.Context(), w)
		if err != nil || a.Status != 1 {
			t.Fatalf("status %d, %v", a.Status, err)
		}
		if r := ask(t, w, Query{To: to, SQL: "SELECT 1/0"}); r.Err == nil || r.Err.Code != "22012" {
			t.Errorf("division: %+v", r.Err)
		}
		if cell(t, ask(t, w, Query{To: to, SQL: "SELECT 1"})) != "1" {
			t.Error("session is broken")
		}
	})
	t.Run("one session per database", func(t *testing.T) {
		sql := "SELECT pg_backend_pid()::text"
		one, two := cell(t, ask(t, w, Query{To: to, SQL: sql})), cell(t, ask(t, w, Query{To: to, SQL: sql}))
		other := cell(t, ask(t, w, Query{To: to.In("template1"), SQL: sql}))
		if one != two || one == other {
			t.Errorf("backends %s %s, other database %s", one, two, other)
		}
	})
	t.Run("a session that lingers is ended, and found again", func(t *testing.T) {
		lingers := to
		lingers.App, lingers.Linger = "lingers", 50*time.Millisecond
		pid := func() string { return cell(t, ask(t, w, Query{To: lingers, SQL: "SELECT pg_backend_pid()::text"})) }
		one := pid()
		if pid() != one {
			t.Error("a session in use was ended")
		}
		time.Sleep(300 * time.Millisecond)
		if _, err := (Exec{To: lingers, SQL: "CREATE TABLE lingered (a int)"}).Do(t.Context(), w); err != nil {
			t.Errorf("a write after the rest: %v", err)
		}
		if pid() == one {
			t.Error("the session was not ended")
		}
	})
	t.Run("a brief session is given up", func(t *testing.T) {
		brief := to
		brief.App, brief.Brief = "brief", true
		one := cell(t, ask(t, w, Query{To: brief, SQL: "SELECT pg_backend_pid()::text"}))
		for range 50 { // a closed session leaves the server a moment later
			if n := cell(t, ask(t, w, Query{To: to, SQL: "SELECT count(*)::text FROM pg_stat_activity WHERE pid = $1::int", Args: Text(one)})); n == "0" {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Error("the session is still there")
	})
	t.Run("a step writes", func(t *testing.T) {
		for _, sql := range []string{"CREATE TABLE made (a text)", "INSERT INTO made VALUES ($1) RETURNING a"} {
			e := Exec{To: to, SQL: sql}
			if strings.Contains(sql, "$1") {
				e.Args = Text("x")
			}
			out, err := e.Do(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			if res, err := ParseOutput(out); err != nil || strings.Contains(sql, "$1") && (cell(t, res) != "x" || res.Tag != "INSERT 0 1") {
				t.Errorf("%+v %v", res, err)
			}
		}
		_, err := Exec{To: to, SQL: "CREATE TABLE made (a int)", What: "make it"}.Do(t.Context(), w)
		if e, ok := AsError(err); !ok || e.Code != "42P07" || !strings.HasPrefix(err.Error(), "make it: ") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("unix socket", func(t *testing.T) {
		u := to
		u.Addr, u.Port, u.Password = p.Socket, p.Port, ""
		if cell(t, ask(t, w, Query{To: u, SQL: "SELECT 'socket'"})) != "socket" {
			t.Error("no answer")
		}
	})
	t.Run("password from a file on the host", func(t *testing.T) {
		u := to
		u.Password, u.PasswordFile = "", filepath.Join(t.TempDir(), "pw")
		if err := os.WriteFile(u.PasswordFile, []byte(p.Password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if cell(t, ask(t, w, Query{To: u, SQL: "SELECT 'in'"})) != "in" {
			t.Error("no answer")
		}
	})
	t.Run("refused logins and silent servers are answers", func(t *testing.T) {
		bad := to
		bad.Password, bad.App = "wrong", "bad"
		a, err := Query{To: bad, SQL: "SELECT 1"}.Ask(t.Context(), w)
		res, _ := ParseAnswer(a)
		if err != nil || a.Status != 2 || res.Err.Code != "28P01" {
			t.Errorf("wrong password: %d %+v %v", a.Status, res.Err, err)
		}
		bad.Addr = "127.0.0.1:1"
		a, err = Query{To: bad, SQL: "SELECT 1"}.Ask(t.Context(), w)
		res, _ = ParseAnswer(a)
		if err != nil || a.Status != 2 || !strings.Contains(res.Err.Message, "127.0.0.1:1") {
			t.Errorf("nobody listens: %d %+v %v", a.Status, res.Err, err)
		}
	})
	t.Run("a restarted server is found again by reads, writes are not repeated", func(t *testing.T) {
		sql := Query{To: to, SQL: "SELECT 'back'"}
		ask(t, w, sql)
		p.Stop(t)
		p.Start(t)
		if cell(t, ask(t, w, sql)) != "back" {
			t.Error("read did not come back")
		}
		p.Stop(t)
		p.Start(t)
		_, err := Exec{To: to, SQL: "CREATE TABLE again (a int)"}.Do(t.Context(), w)
		if e, ok := AsError(err); !ok || e.Connect || errors.Is(err, host.ErrTransport) {
			t.Errorf("a write over a dead session: %v", err)
		}
		if _, err := (Exec{To: to, SQL: "CREATE TABLE again (a int)"}).Do(t.Context(), w); err != nil {
			t.Errorf("the next write: %v", err)
		}
	})
}

// TestTimeoutThroughSSH: a channel has no deadlines, so that without the tunnel
// this statement runs its six seconds and answers no error.
func TestTimeoutThroughSSH(t *testing.T) {
	p := hosttest.NeedPostgres(t)
	w, _ := sshtest.Worker(t, sshd.Config{})
	to := target(p)
	ask(t, w, Query{To: to, SQL: "SELECT 1"})
	start := time.Now()
	_, err := Query{To: to, SQL: "SELECT pg_sleep(6)", Within: time.Second}.Ask(t.Context(), w)
	if took := time.Since(start); err == nil || took > 4*time.Second {
		t.Fatalf("error %v after %v, want a time-out after 1 s", err, took)
	}
	if !strings.Contains(err.Error(), "web1: no answer within 1s: SELECT pg_sleep(6)") {
		t.Errorf("error %q does not say what waited", err)
	}
	// and the query is gone from the server, not only from here
	busy := cell(t, ask(t, w, Query{To: to, SQL: "SELECT count(*)::text FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND state='active' AND pid<>pg_backend_pid()"}))
	if busy != "0" {
		t.Errorf("%s statements still run", busy)
	}
}

// TestCancelThroughSSH: the driver cancels by dialling the connection's remote
// address, which for a channel is 0.0.0.0 unless the tunnel says better.
func TestCancelThroughSSH(t *testing.T) {
	p := hosttest.NeedPostgres(t)
	w, _ := sshtest.Worker(t, sshd.Config{})
	to := target(p)
	pid := cell(t, ask(t, w, Query{To: to, SQL: "SELECT pg_backend_pid()::text"}))
	cause := errors.New("the operator stopped it")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(300*time.Millisecond, func() { cancel(cause) })
	start := time.Now()
	_, err := Query{To: to, SQL: "SELECT pg_sleep(20)"}.Ask(ctx, w)
	if !errors.Is(err, cause) || time.Since(start) > 2500*time.Millisecond {
		t.Fatalf("error %v after %v, want the cause well before the connection would be cut", err, time.Since(start))
	}
	other := to
	other.App = "observer"
	if n := cell(t, ask(t, w, Query{To: other, SQL: "SELECT count(*)::text FROM pg_stat_activity WHERE state='active' AND pid=$1::int", Args: Text(pid)})); n != "0" {
		t.Errorf("the statement still runs on backend %s", pid)
	}
}

func TestDeadLinkIsNoAnswer(t *testing.T) {
	p := hosttest.NeedPostgres(t)
	w, srv := sshtest.Worker(t, sshd.Config{})
	to := target(p)
	ask(t, w, Query{To: to, SQL: "SELECT 1"})
	time.AfterFunc(300*time.Millisecond, srv.Cut)
	_, err := Query{To: to, SQL: "SELECT pg_sleep(5)"}.Ask(t.Context(), w)
	if !errors.Is(err, host.ErrTransport) {
		t.Errorf("read: error %v is no transport error", err)
	}
	w, srv = sshtest.Worker(t, sshd.Config{})
	ask(t, w, Query{To: to, SQL: "SELECT 1"})
	time.AfterFunc(300*time.Millisecond, srv.Cut)
	_, err = Exec{To: to, SQL: "SELECT pg_sleep(5)"}.Do(t.Context(), w)
	var lost *host.TransportError
	if !errors.As(err, &lost) || !lost.Begun {
		t.Errorf("write: error %v is no transport error with an unknown outcome", err)
	}
}

// fakeDocker puts a docker on the server's PATH that runs psql here.
func fakeDocker(t *testing.T, p *hosttest.Postgres) []string {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\n# exec -i -u UID -e A=x -e B=y -e C=z CONTAINER psql ...\nshift 4; export \"$2\" \"$4\" \"$6\"; shift 7\nexport PGHOST=" + p.Socket + "\nexec \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return []string{"PATH=" + dir + ":" + p.Bin + ":" + os.Getenv("PATH")}
}

// TestWithoutForwarding: the same statements through psql in the container.
func TestWithoutForwarding(t *testing.T) {
	p := hosttest.NeedPostgres(t)
	w, _ := sshtest.Worker(t, sshd.Config{NoForward: true, Env: fakeDocker(t, p)})
	to := target(p)
	to.Container, to.UID, to.Port = "db-1", "26", p.Port
	r := ask(t, w, Query{To: to, SQL: `SELECT 7 AS n, NULL::text AS nothing, '' AS empty, E'a"b,\nc' AS odd, $1::text || $2 AS args;`, Args: Text("it's", `\x`)})
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	if len(r.Rows) != 1 || r.Rows[0][1] != nil || *r.Rows[0][2] != "" || *r.Rows[0][3] != "a\"b,\nc" || *r.Rows[0][4] != `it's\x` || r.Columns[0].Name != "n" {
		t.Errorf("result %+v", r)
	}
	if got := cell(t, ask(t, w, Query{To: to, SQL: "SELECT current_setting('application_name')"})); got != "remoterun/test" {
		t.Errorf("application_name %q", got)
	}
	if r := ask(t, w, Query{To: to, SQL: "SELECT ''::text"}); len(r.Rows) != 1 {
		t.Errorf("an empty text is no row: %+v", r)
	}
	if r := ask(t, w, Query{To: to, SQL: "SELECT 1 AS a WHERE false"}); r.Err != nil || len(r.Rows) != 0 || len(r.Columns) != 1 {
		t.Errorf("no rows: %+v", r)
	}
	if r := ask(t, w, Query{To: to, SQL: "CREATE TABLE never (a int)"}); r.Err == nil || r.Err.Code != "25006" || r.Err.Connect {
		t.Errorf("write by a question: %+v", r.Err)
	}
	if _, err := (Exec{To: to, SQL: "CREATE TABLE made (a text DEFAULT $1)", Args: Text("x")}).Do(t.Context(), w); err != nil {
		t.Error(err)
	}
	_, err := Exec{To: to, SQL: "CREATE TABLE made (a int)"}.Do(t.Context(), w)
	if e, ok := AsError(err); !ok || e.Code != "42P07" {
		t.Errorf("error %v, want 42P07", err)
	}
	if r := ask(t, w, Query{To: to.In("nowhere"), SQL: "SELECT 1"}); r.Err == nil || !r.Err.Connect || !strings.Contains(r.Err.Message, "nowhere") {
		t.Errorf("no such database: %+v", r.Err)
	}
	to.Container = ""
	to.App = "direct"
	if r := ask(t, w, Query{To: to, SQL: "SELECT 1"}); r.Err == nil || !r.Err.Connect {
		t.Errorf("no other way: %+v", r)
	}
}

func TestValues(t *testing.T) {
	p := hosttest.NeedPostgres(t)
	w, _ := sshtest.Worker(t, sshd.Config{})
	r := ask(t, w, Query{To: target(p), SQL: `SELECT 7 AS i, 1.5::numeric AS n, true AS b, NULL AS nothing, '{"a":[1,"x"]}'::jsonb AS j, '{{ x }}' AS text`})
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	row := r.Values()[0]
	if got, want := value.Repr(row), "{'i': 7, 'n': 1.5, 'b': True, 'nothing': None, 'j': {'a': [1, 'x']}, 'text': '{{ x }}'}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if value.DeepMarks(row)&value.Unsafe == 0 || value.HasTemplate(row) {
		t.Error("text of a host is not marked unsafe")
	}
}
