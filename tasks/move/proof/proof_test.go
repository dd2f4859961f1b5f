package proof_test

import (
	"fmt"
	"strings"
	"testing"

	"remoterun/runner/hosttest"
	"remoterun/tasks/move/catalog"
	"remoterun/tasks/move/movetest"
	"remoterun/tasks/move/proof"
)

// side reads a server as a copy does.
func side(t *testing.T, p *hosttest.Postgres) proof.Side {
	t.Helper()
	parse := func(database, sql string) []catalog.Object {
		out, err := catalog.Parse([]byte(movetest.PSQL(t, p, database, sql)))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	c, err := catalog.ParseContents([]byte(movetest.PSQL(t, p, "app", catalog.ContentsSQL)))
	if err != nil {
		t.Fatal(err)
	}
	var sums strings.Builder
	for _, u := range c.Units() {
		sums.WriteString(proof.SumSQL(u, c.Path))
	}
	read := proof.Read{Objects: parse("app", catalog.LocalSQL(15)+proof.SequencesSQL(c.Sequences))}
	if read.Sums, err = proof.ParseSums([]byte(movetest.PSQL(t, p, "app", sums.String()))); err != nil {
		t.Fatal(err)
	}
	return proof.Side{Major: 15, Shared: parse("postgres", catalog.SharedSQL(15)), Databases: map[string]proof.Read{"app": read}}
}

// TestProofCanFail: two real clusters that were made alike are equal, passwords
// apart (each has its own salt); every change of one is found and named.
func TestProofCanFail(t *testing.T) {
	p := movetest.StartBoth(t)
	source := side(t, p.Source)
	known := map[string]bool{}
	for _, d := range proof.Compare(source, side(t, p.Target), nil).Differences {
		if d.Kind != "role" && d.Kind != "user mapping" && !(d.Kind == "rows" && strings.Contains(d.Name, "no such")) {
			t.Errorf("two clusters that were made alike: %s %s\n %s\n %s", d.Kind, d.Name, d.Source, d.Target)
		}
		known[d.Kind+" "+d.Name] = true
	}
	for _, c := range []struct{ sql, want string }{
		{`UPDATE people SET name = 'q' WHERE id = 7`, `rows "public"."people"`},
		{`DELETE FROM teams WHERE false; INSERT INTO by_mood VALUES ('ok', 100000)`, `rows "public"."by_mood"`},
		{`UPDATE child SET b = 1 WHERE b IS NULL`, `rows "public"."child"`},
		{`SELECT setval('alone', 1000)`, `value "public"."alone"`},
		{`DROP INDEX people_trgm`, `index public.people people_trgm`},
		{`ALTER TABLE teams DROP CONSTRAINT teams_lead_fkey`, `constraint public.teams teams_lead_fkey`},
		{`ALTER TABLE people VALIDATE CONSTRAINT late`, `constraint public.people late`},
		{`ALTER TABLE hasty SET LOGGED`, `relation public.hasty`},
		{`REVOKE SELECT ON people FROM reader`, `relation public.people`},
		{`REVOKE UPDATE (note) ON people FROM reader`, `column public.people.note`},
		{`ALTER TABLE folded ALTER t SET DEFAULT 'x'`, `column public.folded.t`},
		{`ALTER TABLE every_type ALTER c_numeric2 TYPE numeric(13,4)`, `column public.every_type.c_numeric2`},
		{`ALTER SEQUENCE never_called INCREMENT 2`, `sequence public.never_called`},
		{`ALTER TABLE people ENABLE TRIGGER stamping`, `trigger public.people stamping`},
		{`DROP RULE no_delete ON teams`, `rule public.teams no_delete`},
		{`ALTER POLICY own_rows ON people USING (true)`, `policy public.people own_rows`},
		{`CREATE OR REPLACE FUNCTION near(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true'`, `function public.near(integer, integer)`},
		{`DROP AGGREGATE product(int)`, `aggregate public.product(integer)`},
		{`DROP OPERATOR ~~~ (int, int)`, `operator public.~~~(integer,integer)`},
		{`DROP CAST (pair AS text)`, `cast public.pair as text`},
		{`DROP EVENT TRIGGER watching`, `event trigger watching`},
		{`ALTER TYPE mood ADD VALUE 'new'`, `type public.mood`},
		{`ALTER DOMAIN positive DROP CONSTRAINT positive_check`, `type public.positive`},
		{`DROP STATISTICS people_stat`, `statistics public.people_stat`},
		{`ALTER PUBLICATION pub DROP TABLE teams`, `publication pub`},
		{`COMMENT ON COLUMN people.mail IS 'other'`, `comment table column public.people.mail`},
		{`ALTER DEFAULT PRIVILEGES IN SCHEMA extra REVOKE SELECT ON TABLES FROM reader`, `default grant first_user r extra`},
		{`ALTER SERVER elsewhere OPTIONS (SET host 'i')`, `foreign server elsewhere`},
		{`SELECT lo_put(90001, 0, 'L')`, `large object 90001`},
		{`SELECT lo_unlink(90003)`, `large object 90003`},
		{`ALTER TEXT SEARCH CONFIGURATION mine DROP MAPPING FOR word`, `text search configuration public.mine`},
		{`CREATE OR REPLACE VIEW working AS SELECT id, name FROM people WHERE team = 1`, `relation public.working`},
		{`REFRESH MATERIALIZED VIEW counted WITH NO DATA`, `relation public.counted`},
		{`ALTER TABLE by_day DETACH PARTITION by_day_rest`, `relation public.by_day_rest`},
		{`ALTER DATABASE app SET work_mem = '9MB'`, `setting database app, all roles`},
		{`ALTER ROLE writer IN DATABASE app RESET enable_seqscan`, `setting database app, role writer`},
		{`REVOKE reader FROM writer`, `membership writer in reader`},
		{`GRANT CONNECT ON DATABASE app TO PUBLIC`, `database app`},
		{`CREATE ROLE stranger`, `role stranger`},
	} {
		movetest.PSQL(t, p.Target, "app", c.sql)
		found := false
		for _, d := range proof.Compare(source, side(t, p.Target), nil).Differences {
			found = found || d.Kind+" "+d.Name == c.want
		}
		if known[c.want] || !found {
			t.Errorf("%s: %q was not found (known before: %t)", c.sql, c.want, known[c.want])
		}
	}
}

// TestKnown: a difference is known by itself; whatever else differs with it is not.
func TestKnown(t *testing.T) {
	e := proof.Expected{From: 16, To: 17, Roles: []string{"remoterun"}, Extensions: []string{"vault"}, Locales: map[string]string{"app": "C.UTF-8"}, Views: map[string][]string{"app": {"v"}}}
	for _, c := range []struct {
		d     proof.Difference
		known bool
	}{
		{proof.Difference{Kind: "relation", Source: `{"acl": "a=arwdDxt/o b=r/o", "kind": "r"}`, Target: `{"acl": "a=arwdDxtm/o b=r/o", "kind": "r"}`}, true},
		{proof.Difference{Kind: "relation", Source: `{"acl": "a=arwdDxt/o", "kind": "r"}`, Target: `{"acl": "a=arwdDxtm/o", "kind": "v"}`}, false},
		{proof.Difference{Kind: "relation", Source: `{"acl": "a=arwdDx/o"}`, Target: `{"acl": "a=arwdDxtm/o"}`}, false},
		{proof.Difference{Kind: "relation", Source: `{"acl": "m=r/o"}`, Target: `{"acl": ""}`}, false},
		{proof.Difference{Kind: "role", Name: "remoterun", Target: "{}"}, true},
		{proof.Difference{Kind: "role", Name: "remoterun", Source: "{}", Target: `{"a": 1}`}, false},
		{proof.Difference{Kind: "role", Name: "other", Target: "{}"}, false},
		{proof.Difference{Kind: "extension", Name: "hstore", Source: `{"version": "1.7", "schema": "public"}`, Target: `{"version": "1.8", "schema": "public"}`}, true},
		{proof.Difference{Kind: "extension", Name: "hstore", Source: `{"version": "1.7", "schema": "public"}`, Target: `{"version": "1.8", "schema": "x"}`}, false},
		{proof.Difference{Kind: "extension", Name: "hstore", Source: `{"version": "1.7"}`}, false},
		{proof.Difference{Kind: "extension", Name: "vault", Target: "{}"}, true},
		{proof.Difference{Kind: "database", Name: "app", Source: `{"collate": "en_US.utf8", "owner": "a"}`, Target: `{"collate": "C.UTF-8", "owner": "a"}`}, true},
		{proof.Difference{Kind: "database", Name: "app", Source: `{"collate": "en_US.utf8", "owner": "a"}`, Target: `{"collate": "C.UTF-8", "owner": "b"}`}, false},
		{proof.Difference{Kind: "rows", Database: "app", Name: "v", Source: "x", Target: "y"}, true},
		{proof.Difference{Kind: "rows", Database: "app", Name: "v", Source: "x"}, false},
		{proof.Difference{Kind: "rows", Database: "app", Name: "t", Source: "x", Target: "y"}, false},
	} {
		if got := e.Explain(c.d); got != "" != c.known {
			t.Errorf("%+v: %q", c.d, got)
		}
	}
	if got := fmt.Sprint(proof.Expected{From: 17, To: 18}.Explain(proof.Difference{Kind: "relation", Source: `{"acl": "a=r/o"}`, Target: `{"acl": "a=rm/o"}`})); got != "" {
		t.Errorf("MAINTAIN from 17 on is a grant like any other: %q", got)
	}
}

// TestRetold: a view is asked of the new server only when its text alone differs.
func TestRetold(t *testing.T) {
	e := proof.Expected{From: 15, To: 17}
	view := func(text, owner, acl string) string {
		return `{"kind": "v", "owner": "` + owner + `", "acl": ` + acl + `, "view": "` + text + `"}`
	}
	for _, c := range []struct{ source, target, want string }{
		{view(" SELECT t.a FROM t;", "me", "null"), view(" SELECT a FROM t;", "me", "null"), " SELECT t.a FROM t;"},
		{view("x;", "me", "null"), view("y;", "you", "null"), ""},
		{view("x;", "me", `"me=r/me"`), view("y;", "me", `"me=w/me"`), ""},
		{view("x;", "me", `"me=r/me"`), view("y;", "me", `"me=rm/me"`), "x;"},
		{`{"kind": "r", "view": null}`, `{"kind": "r", "view": null, "rls": true}`, ""},
		{view("x;", "me", "null"), "", ""},
	} {
		if got := e.Retold(proof.Difference{Kind: "relation", Name: "public.v", Source: c.source, Target: c.target}); got != c.want {
			t.Errorf("%s\n%s\n%q, want %q", c.source, c.target, got, c.want)
		}
	}
}
