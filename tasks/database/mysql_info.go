package database

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// mysqlInfoArgs are the arguments of mysql_info.
type mysqlInfoArgs struct {
	Filter  []string `arg:"filter" help:"which parts: databases, engines, global_status, master_status, settings, slave_hosts, slave_status, users, version; !part: all but it"`
	Exclude []string `arg:"exclude_fields" help:"db_size: without the sizes of databases"`
	Empty   bool     `arg:"return_empty_dbs" default:"no" help:"also databases without a table"`
	DB      string   `arg:"login_db" help:"the database that is connected to"`
	mysqlLogin
}

// MysqlInfo says what a server is and has.
func MysqlInfo() play.Module {
	return kit.Define(kit.Doc{Name: "mysql_info", Short: "what a MySQL or MariaDB server is and has"}, mysqlInfo{})
}

type mysqlInfo struct{}

func mysqlParts() []string {
	return []string{"version", "databases", "settings", "global_status", "engines", "users", "master_status", "slave_hosts", "slave_status"}
}

// parts are those that the filter lets through, and what it holds besides.
func (a mysqlInfoArgs) parts() (parts, unknown []string) {
	var with, without []string
	for _, f := range a.Filter {
		f = strings.TrimSpace(f)
		switch name := strings.TrimLeft(f, "!"); {
		case !slices.Contains(mysqlParts(), name):
			unknown = append(unknown, "filter element: "+f+" is not allowable, ignored")
		case name != f:
			without = append(without, name)
		default:
			with = append(with, name)
		}
	}
	return slices.DeleteFunc(mysqlParts(), func(p string) bool {
		return with != nil && !slices.Contains(with, p) || with == nil && slices.Contains(without, p)
	}), unknown
}

func (a mysqlInfoArgs) sized() bool {
	return !slices.ContainsFunc(a.Exclude, func(f string) bool { return strings.TrimSpace(f) == "db_size" })
}

// sql is what a part asks.
func (a mysqlInfoArgs) sql(part string) string {
	switch part {
	case "version", "settings":
		return "SHOW GLOBAL VARIABLES"
	case "databases":
		q := "SELECT table_schema AS name"
		if a.sized() {
			q += ", CAST(COALESCE(SUM(data_length + index_length), 0) AS SIGNED) AS size"
		}
		return q + " FROM information_schema.TABLES GROUP BY table_schema"
	case "empty":
		return "SHOW DATABASES"
	case "global_status":
		return "SHOW GLOBAL STATUS"
	case "engines":
		return "SHOW ENGINES"
	case "users":
		return "SELECT * FROM mysql.user"
	case "master_status":
		return "SHOW MASTER STATUS"
	case "slave_status":
		return "SHOW SLAVE STATUS"
	}
	return "SHOW SLAVE HOSTS"
}

// asked are the parts that have a statement of their own.
func (a mysqlInfoArgs) asked(parts []string) []string {
	var out []string
	for _, p := range parts {
		if p == "settings" && slices.Contains(parts, "version") {
			continue
		}
		out = append(out, p)
		if p == "databases" && a.Empty {
			out = append(out, "empty")
		}
	}
	return out
}

func (mysqlInfo) Facts(mysqlInfoArgs) []host.Question { return nil }

func (mysqlInfo) Plan(a mysqlInfoArgs, s host.Seen) (play.Plan, error) {
	if err := a.place(s); err != nil {
		return play.Plan{}, err
	}
	parts, unknown := a.parts()
	asked := a.asked(parts)
	var sqls []string
	for _, p := range asked {
		sqls = append(sqls, a.sql(p))
	}
	ans, err := s.Answer(a.askXML(a.DB, sqls...))
	if err != nil {
		return play.Plan{}, err
	}
	given, err := readGiven(string(ans.Stdout))
	if ans.Status != 0 {
		return a.refused(string(ans.Stdout), ans.Status, sqls, len(given)), nil
	}
	if err != nil {
		return play.Plan{}, err
	}
	if len(given) != len(sqls) {
		return play.Plan{}, fmt.Errorf("the client gave %s of %d", value.Count(len(given), "result"), len(sqls))
	}
	data := value.MapOf("connector_name", value.String("mysql"), "connector_version", value.String(""))
	for _, p := range parts {
		data.Put(p, value.FromMap(nil))
	}
	for i, p := range asked {
		a.put(data, p, given[i], parts)
	}
	plan := kit.Unchanged("it is only looked", data)
	plan.Result.Warnings = unknown
	return plan, nil
}

func (a mysqlInfoArgs) refused(text string, status int, sqls []string, n int) play.Plan {
	msg := a.said(text, status)
	if words, _, ok := mysqlWords(text); ok && !strings.HasPrefix(msg, "unable to connect") {
		msg = "Cannot execute SQL '" + sqls[min(n, len(sqls)-1)] + "': " + words
	}
	p := kit.Failure("%s", strings.Replace(msg, "unable to connect to database, check", "unable to connect to database using the client of the host, check", 1))
	p.Result.Complete = true
	return p
}

// put adds what a part's statement gave.
func (a mysqlInfoArgs) put(data *value.Map, part string, g mysqlGiven, parts []string) {
	by := func(keys ...string) *value.Map { return g.nested(keys...) }
	switch part {
	case "version", "settings":
		all := g.pairs()
		if slices.Contains(parts, "version") {
			v, _ := all.Lookup("version")
			data.Put("version", mysqlVersion(value.Str(v)))
		}
		if slices.Contains(parts, "settings") {
			data.Put("settings", value.FromMap(all))
		}
	case "global_status":
		data.Put(part, value.FromMap(g.pairs()))
	case "databases":
		data.Put(part, value.FromMap(by("name")))
	case "empty":
		is, _ := data.Lookup("databases")
		dbs, _ := is.AsMap()
		dbs = dbs.Clone()
		for _, r := range g.rows {
			name, _ := r.Lookup("Database")
			if _, ok := dbs.Get(name); !ok {
				one := value.NewMap()
				if a.sized() {
					one.Put("size", value.Int(0))
				}
				dbs.Put(value.Str(name), value.FromMap(one))
			}
		}
		data.Put("databases", value.FromMap(dbs))
	case "engines":
		data.Put(part, value.FromMap(by("Engine")))
	case "users":
		data.Put(part, value.FromMap(by("Host", "User")))
	case "slave_status":
		data.Put(part, value.FromMap(by("Master_Host", "Master_Port", "Master_User")))
	case "slave_hosts":
		data.Put(part, value.FromMap(by("Server_id")))
	case "master_status":
		if len(g.rows) > 0 {
			data.Put(part, value.FromMap(g.rows[0]).With(value.Unsafe))
		}
	}
}

// pairs are rows of a name and a value as one mapping.
func (g mysqlGiven) pairs() *value.Map {
	out := value.NewMap()
	for _, r := range g.rows {
		k, _ := r.Lookup("Variable_name")
		v, _ := r.Lookup("Value")
		out.Put(value.Str(k), v)
	}
	return out
}

// nested are the rows by the values of some columns, one below the other.
func (g mysqlGiven) nested(keys ...string) *value.Map {
	out := value.NewMap()
	var names []value.Value
	groups := map[string][]*value.Map{}
	for _, r := range g.rows {
		k, _ := r.Lookup(keys[0])
		r = r.Clone()
		r.Delete(value.String(keys[0]))
		name := value.Str(k)
		if groups[name] == nil {
			names = append(names, k)
		}
		groups[name] = append(groups[name], r)
	}
	for _, k := range names {
		name := value.Str(k)
		if len(keys) == 1 {
			out.Put(name, value.FromMap(groups[name][len(groups[name])-1]).With(value.Unsafe))
		} else {
			out.Put(name, value.FromMap(mysqlGiven{rows: groups[name]}.nested(keys[1:]...)))
		}
	}
	return out
}

// mysqlVersion reads "10.11.6-MariaDB-log".
func mysqlVersion(full string) value.Value {
	m := regexp.MustCompile(`^([0-9]+)\.([0-9]+)\.([0-9]+)(?:-(.*))?`).FindStringSubmatch(full)
	out := value.MapOf("full", kit.HostText(full))
	if m != nil {
		for i, k := range []string{"major", "minor", "release"} {
			out.Put(k, number(m[i+1]))
		}
		out.Put("suffix", kit.HostText(m[4]))
	}
	return value.FromMap(out)
}
