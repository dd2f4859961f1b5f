package database

import (
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
)

// parts are what priv and groups say, as tasks of postgresql_privs.
func (a pgUserArgs) parts() []pgPrivsArgs {
	base := pgPrivsArgs{DB: a.DB, State: a.State, Schema: "public", Roles: []string{a.Name}, Fail: true, pgLogin: a.pgLogin}
	var out []pgPrivsArgs
	for part := range strings.SplitSeq(a.Priv, "/") {
		table, list, isTable := strings.Cut(part, ":")
		one := base
		if !isTable {
			list = part
		}
		for p := range strings.SplitSeq(list, ",") {
			if p = strings.TrimSpace(p); p != "" {
				one.Privs = append(one.Privs, p)
			}
		}
		if len(one.Privs) == 0 {
			continue
		}
		one.Type = "database"
		if isTable {
			one.Type = "table"
			if schema, name, ok := strings.Cut(table, "."); ok {
				one.Schema, table = schema, name
			}
			one.Objs = []string{table}
		}
		out = append(out, one)
	}
	if len(a.Groups) > 0 && a.State == "present" {
		one := base
		one.Type = "group"
		for _, g := range a.Groups {
			one.Objs = append(one.Objs, strings.TrimSpace(g))
		}
		out = append(out, one)
	}
	return out
}

// grantable reports privileges that there are not.
func (a pgUserArgs) grantable() *play.ArgError {
	for _, one := range a.parts() {
		for _, o := range one.objs() {
			for _, p := range one.wanted(o) {
				if one.Type != "group" && !slices.Contains(allPrivs(one.Type), p) {
					return &play.ArgError{Arg: "priv", Msg: "Invalid privs specified for " + one.Type + ": " + p}
				}
			}
		}
	}
	return nil
}

// grants are the statements that give the role what it lacks, or take it before the
// role goes.
func (a pgUserArgs) grants(d database, s host.Seen) (sqls []string, stop *play.Plan, err error) {
	parts := a.parts()
	var asks []host.Question
	for _, one := range parts {
		asks = append(asks, d.ask(statement{sql: one.acl()}).Q)
	}
	if err := host.All(s, asks...); err != nil {
		return nil, nil, err
	}
	for _, one := range parts {
		more, stop, err := one.due(d, s, "")
		if stop != nil || err != nil {
			return nil, stop, err
		}
		sqls = append(sqls, more...)
	}
	return sqls, nil, nil
}
