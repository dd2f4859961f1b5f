package database_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"remoterun/runner/hosttest"
	"remoterun/runner/play"
	"remoterun/tasks/database"
	"remoterun/tasks/tasktest"
)

// TestPostgresqlObjectsReally makes, changes and removes what a server has, by psql
// on the host and over the connection: each task changes once.
func TestPostgresqlObjectsReally(t *testing.T) {
	p := hosttest.NeedPostgres(t)
	h := tasktest.NewHost(t, nil)
	for name, login := range map[string]string{
		"psql":       fmt.Sprintf("login_unix_socket: %s, login_port: %d", p.Socket, p.Port),
		"connection": fmt.Sprintf("login_host: 127.0.0.1, login_port: %d, login_password: %q", p.Port, p.Password),
	} {
		t.Run(name, func(t *testing.T) {
			id := name
			for _, c := range []struct {
				m    play.Module
				args string // = before them: nothing to do; * before them: a change each time
			}{
				{database.PostgresqlUser(), `name: "a%s", password: "it's", role_attr_flags: "CREATEDB,NOSUPERUSER", conn_limit: 5, expires: infinity, comment: x`},
				{database.PostgresqlUser(), `name: "a%s", password: "other", role_attr_flags: NOCREATEDB`},
				{database.PostgresqlUser(), `name: "a%s", expires: "2040-01-01"`},
				{database.PostgresqlDB(), `name: "d%[1]s", owner: "a%[1]s", encoding: UTF-8, template: template0, conn_limit: "7", comment: y`},
				{database.PostgresqlDB(), `name: "d%s", owner: postgres`},
				{database.PostgresqlSchema(), `db: "d%[1]s", name: s-1, owner: "a%[1]s", comment: z`},
				{database.PostgresqlSchema(), `db: "d%s", name: s-1, owner: postgres`},
				{database.PostgresqlExt(), `db: "d%s", name: plpgsql, state: absent`},
				{database.PostgresqlExt(), `db: "d%s", name: plpgsql, comment: c, version: latest`},
				{database.PostgresqlPrivs(), `db: "d%[1]s", type: schema, objs: s-1, privs: "USAGE,CREATE", roles: "a%[1]s"`},
				{database.PostgresqlPrivs(), `db: "d%[1]s", type: database, objs: "d%[1]s", privs: CONNECT, roles: "a%[1]s", grant_option: yes`},
				{database.PostgresqlPrivs(), `db: "d%[1]s", type: schema, objs: s-1, privs: ALL, roles: "a%[1]s", state: absent`},
				{database.PostgresqlSchema(), `db: "d%s", name: s-1, state: absent, cascade_drop: yes`},
				{database.PostgresqlQuery(), `*db: "d%[1]s", query: "CREATE TABLE IF NOT EXISTS \"T 1\" (a int)"`},
				{database.PostgresqlOwner(), `db: "d%[1]s", new_owner: "a%[1]s", obj_type: table, obj_name: "T 1"`},
				{database.PostgresqlOwner(), `db: "d%[1]s", new_owner: "a%[1]s", obj_type: database, obj_name: "d%[1]s"`},
				{database.PostgresqlOwner(), `=db: "d%[1]s", new_owner: postgres, obj_type: function, obj_name: 'pg_catalog."upper"(text)', session_role: postgres`},
				{database.PostgresqlOwner(), `*db: "d%[1]s", new_owner: postgres, reassign_owned_by: "a%[1]s"`},
				{database.PostgresqlQuery(), `*db: "d%[1]s", query: "CREATE OR REPLACE FUNCTION \"Add\"(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT 1'"`},
				{database.PostgresqlPrivs(), `db: "d%[1]s", type: function, objs: ["Add(int:int)"], privs: EXECUTE, roles: "a%[1]s"`},
				{database.PostgresqlPrivs(), `db: "d%[1]s", type: default_privs, objs: ALL_DEFAULT, privs: ALL, roles: "a%[1]s,nobody", fail_on_role: no`},
				{database.PostgresqlPrivs(), `db: "d%[1]s", type: default_privs, objs: ALL_DEFAULT, privs: ALL, roles: "a%[1]s", state: absent`},
				{database.PostgresqlPrivs(), `db: "d%[1]s", type: function, objs: ["Add(int:int)"], privs: EXECUTE, roles: "a%[1]s", state: absent`},
				{database.PostgresqlPrivs(), `=db: "d%[1]s", objs: x, privs: SELECT, roles: nobody, fail_on_role: no`},
				{database.PostgresqlSet(), `name: work_mem, value: "32mb"`},
				{database.PostgresqlSet(), `=name: work_mem, value: "32768kB"`},
				{database.PostgresqlSet(), `name: TimeZone, value: Europe/Paris`},
				{database.PostgresqlSet(), `name: search_path, value: "a b, public"`},
				{database.PostgresqlSet(), `name: work_mem, reset: yes`},
				{database.PostgresqlSet(), `name: TimeZone, value: default`},
				{database.PostgresqlSet(), `name: search_path, value: default`},
				{database.PostgresqlQuery(), `*db: "d%s", query: ["CREATE TABLE IF NOT EXISTS tt (a int)", "CREATE SCHEMA IF NOT EXISTS \"s 2\"", "CREATE TABLE IF NOT EXISTS \"s 2\".tt (a int)", "DO $$BEGIN CREATE FOREIGN DATA WRAPPER w; EXCEPTION WHEN duplicate_object THEN NULL; END$$", "CREATE SERVER IF NOT EXISTS srv FOREIGN DATA WRAPPER w"]`},
				{database.PostgresqlQuery(), `*db: "d%s", search_path: ["s 2", public], encoding: UTF-8, query: ["INSERT INTO tt VALUES (1)", "INSERT INTO \"s 2\".tt SELECT count(*) FROM tt"]`},
				{database.PostgresqlUser(), `name: "b%[1]s", password: x, priv: "CONNECT,TEMP/s 2.tt:SELECT,INSERT/tt:UPDATE", groups: "a%[1]s", db: "d%[1]s"`},
				{database.PostgresqlPrivs(), `=db: "d%[1]s", roles: "b%[1]s", objs: tt, schema: s 2, privs: "SELECT,INSERT"`},
				{database.PostgresqlPrivs(), `=db: "d%[1]s", roles: "b%[1]s", objs: tt, privs: UPDATE`},
				{database.PostgresqlPrivs(), `=db: "d%[1]s", roles: "b%[1]s", type: group, objs: "a%[1]s"`},
				{database.PostgresqlPrivs(), `db: "d%[1]s", roles: "b%[1]s", type: default_privs, objs: TABLES, privs: SELECT`},
				{database.PostgresqlPrivs(), `=db: "d%[1]s", roles: "b%[1]s", type: default_privs, objs: TYPES, privs: USAGE`},
				{database.PostgresqlPrivs(), `db: "d%[1]s", roles: "b%[1]s", type: default_privs, objs: "TABLES,TYPES", privs: ALL, state: absent`},
				{database.PostgresqlPrivs(), `db: "d%[1]s", roles: "b%[1]s", type: default_privs, objs: SEQUENCES, privs: SELECT, usage_on_types: no`},
				{database.PostgresqlPrivs(), `=db: "d%[1]s", roles: "b%[1]s", type: default_privs, objs: TYPES, privs: USAGE, state: absent`},
				{database.PostgresqlPrivs(), `db: "d%[1]s", roles: "b%[1]s", type: default_privs, objs: SEQUENCES, privs: SELECT, state: absent`},
				{database.PostgresqlPrivs(), `db: "d%[1]s", roles: "b%[1]s", type: foreign_data_wrapper, objs: w, privs: ALL`},
				{database.PostgresqlPrivs(), `db: "d%[1]s", roles: "b%[1]s", type: foreign_server, objs: srv, privs: USAGE`},
				{database.PostgresqlPrivs(), `db: "d%[1]s", roles: "b%[1]s", type: foreign_data_wrapper, objs: w, privs: ALL, state: absent`},
				{database.PostgresqlPrivs(), `db: "d%[1]s", roles: "b%[1]s", type: foreign_server, objs: srv, privs: ALL, state: absent`},
				{database.PostgresqlUser(), `name: "b%[1]s", state: absent, priv: "ALL/s 2.tt:ALL/tt:ALL", db: "d%[1]s"`},
				{database.PostgresqlDB(), `name: "d%[1]s", state: rename, target: "e%[1]s"`},
				{database.PostgresqlDB(), `name: "e%s", state: absent, force: yes`},
				{database.PostgresqlUser(), `name: "a%s", state: absent`},
			} {
				args := strings.TrimLeft(c.args, "=*")
				if strings.Contains(args, "%") {
					args = strings.ReplaceAll(strings.ReplaceAll(args, "%[1]s", id), "%s", id)
				}
				if strings.Contains(args, "state: rename") {
					// A server waits 5 s for sessions to end, and has not always ended its own by then.
					ask := fmt.Sprintf(`{%s, db: postgres, query: "SELECT 1 FROM pg_stat_activity WHERE datname = 'd%s'"}`, login, id)
					for n := 0; ; n++ {
						o, err := tasktest.Apply(t.Context(), h, database.PostgresqlQuery(), tasktest.Args(t, ask), false)
						if err == nil && o.Get("rowcount") == "0" {
							break
						}
						if n == 600 {
							t.Fatalf("sessions in d%s do not end: %v %s", id, err, o.Result.Msg)
						}
						time.Sleep(100 * time.Millisecond)
					}
				}
				for i, want := range []bool{c.args[0] != '=', c.args[0] == '*'} {
					o, err := tasktest.Apply(t.Context(), h, c.m, tasktest.Args(t, "{"+login+", "+args+"}"), false)
					if err != nil || o.Result.Failed || o.Result.Changed != want {
						t.Errorf("%s %s, run %d: changed=%v %s %v %q", c.m.Spec().Name, args, i+1, o.Result.Changed, o.Result.Msg, err, o.Steps)
						break
					}
				}
			}
			o, err := tasktest.Apply(t.Context(), h, database.PostgresqlPing(), tasktest.Args(t, "{"+login+"}"), false)
			if err != nil || o.Get("is_available") != "True" {
				t.Errorf("ping: %v %s", err, o.Result.Msg)
			}
		})
	}
}
