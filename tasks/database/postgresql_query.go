package database

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
	"remoterun/tasks/pg"
)

// queryArgs are the arguments of postgresql_query.
type queryArgs struct {
	Query      value.Value `arg:"query" need:"yes" help:"a statement, or a list of them, each in a transaction of its own"`
	DB         string      `arg:"login_db,db" help:"the database; default: as psql finds it"`
	Positional value.Value `arg:"positional_args" type:"list" help:"what stands for each %s"`
	Named      *value.Map  `arg:"named_args" help:"what stands for %(name)s"`
	SearchPath []string    `arg:"search_path" help:"schemas in which names without one are looked for"`
	Encoding   string      `arg:"encoding" help:"accepted: text is UTF-8 here, the server translates"`
	Autocommit bool        `arg:"autocommit" default:"no" help:"without meaning: every statement is committed by itself"`
	pgLogin
}

// PostgresqlQuery runs SQL.
func PostgresqlQuery() play.Module {
	return kit.Define(kit.Doc{Name: "postgresql_query", Short: "SQL in a PostgreSQL database"}, sqlQuery{})
}

type sqlQuery struct{}

func (sqlQuery) Validate(a queryArgs) *play.ArgError {
	if !a.Positional.IsNull() && a.Named.Len() > 0 {
		return &play.ArgError{Msg: "parameters are mutually exclusive: positional_args|named_args"}
	}
	if _, ok := a.Query.AsString(); !ok && len(a.Query.Items()) == 0 {
		return &play.ArgError{Arg: "query", Msg: "query argument must be of type string or list"}
	}
	if _, err := a.statements(); err != nil {
		return &play.ArgError{Arg: "query", Msg: err.Error()}
	}
	return nil
}

// statement is one piece of SQL with its arguments filled in.
type statement struct {
	sql, shown string
	// args and list are what Ansible says of arguments and of all statements when one
	// fails.
	args, list string
}

// statements fills arguments into the queries, as psycopg does it.
func (a queryArgs) statements() ([]statement, error) {
	list := a.Query.Items()
	if _, ok := a.Query.AsString(); ok {
		list = []value.Value{a.Query}
	}
	args := value.Repr(value.Null())
	switch {
	case len(a.Positional.Items()) > 0:
		args = value.Show(a.Positional)
	case a.Named.Len() > 0:
		args = value.Show(value.FromMap(a.Named))
	}
	all := ", query list: " + value.Show(value.List(list...))
	var out []statement
	for _, q := range list {
		text := value.Str(q)
		if err := kit.NoSealed(q); err != nil {
			return nil, err
		}
		sql, err := filled(text, a.Positional, a.Named, sqlValue)
		if err != nil {
			return nil, err
		}
		out = append(out, statement{sql: sql, shown: value.Show(q), args: " " + args, list: all})
	}
	return out, nil
}

// filled is a statement with its arguments, written by write.
func filled(text string, positional value.Value, named *value.Map, write func(value.Value) string) (string, error) {
	pos := positional.Items()
	if pos == nil && named.Len() == 0 {
		return text, nil
	}
	var b strings.Builder
	n := 0
	for i := 0; i < len(text); i++ {
		rest := text[i:]
		switch {
		case strings.HasPrefix(rest, "%%"):
			b.WriteByte('%')
			i++
		case strings.HasPrefix(rest, "%s"):
			if n >= len(pos) {
				return "", fmt.Errorf("there are more %%s than positional_args (%d)", len(pos))
			}
			b.WriteString(write(pos[n]))
			n++
			i++
		case strings.HasPrefix(rest, "%(") && strings.Contains(rest, ")s"):
			name, _, _ := strings.Cut(rest[2:], ")s")
			v, ok := named.Lookup(name)
			if !ok {
				return "", fmt.Errorf("named_args has no %q", name)
			}
			b.WriteString(write(v))
			i += len(name) + 3
		default:
			b.WriteByte(text[i])
		}
	}
	if n < len(pos) {
		return "", fmt.Errorf("not all positional_args are used: %d of %d", n, len(pos))
	}
	return b.String(), nil
}

// sqlValue writes a value as SQL.
func sqlValue(v value.Value) string {
	switch {
	case v.IsNull():
		return "NULL"
	case v.Kind() == value.KindBool:
		return strings.ToLower(value.Str(v))
	case v.IsNumber():
		return value.Repr(v)
	}
	if _, ok := v.AsSeq(); ok {
		items := make([]string, len(v.Items()))
		for i, it := range v.Items() {
			items[i] = sqlValue(it)
		}
		return "ARRAY[" + strings.Join(items, ", ") + "]"
	}
	if _, ok := v.AsMap(); ok {
		js, _ := value.JSON(v, value.JSONStyle{KeepUTF8: true})
		return pg.Literal(js)
	}
	return pg.Literal(value.Str(v))
}

// reads reports a statement that looks as if it only reads; the server, in a
// READ ONLY transaction, has the last word.
func (s statement) reads() bool {
	text := strings.TrimSpace(s.sql)
	for strings.HasPrefix(text, "--") || strings.HasPrefix(text, "/*") {
		end := "\n"
		if text[0] == '/' {
			end = "*/"
		}
		_, after, _ := strings.Cut(text, end)
		text = strings.TrimSpace(after)
	}
	words := strings.Fields(strings.ToUpper(strings.ReplaceAll(text, "(", " ( ")))
	if len(words) == 0 {
		return false
	}
	switch words[0] {
	case "SELECT", "SHOW", "VALUES", "TABLE", "WITH", "(":
		return true
	case "EXPLAIN":
		return !strings.Contains(strings.ToUpper(text), "ANALYZE")
	}
	return false
}

// database is the way to the server: over the host's connection with a
// password, else by psql on the host.
type database struct {
	role   string // that the session takes
	target pg.Target
	local  *pg.Local
}

// database keeps its session from one statement to the next.
func (a queryArgs) database() database {
	if len(a.SearchPath) > 0 {
		names := make([]string, len(a.SearchPath))
		for i, n := range a.SearchPath {
			names[i] = pg.Ident(strings.TrimSpace(n))
		}
		params := maps.Clone(a.Params.m)
		if params == nil {
			params = map[string]string{}
		}
		params["options"] = strings.TrimSpace(params["options"] + pg.Setting("search_path", strings.Join(names, ",")))
		a.Params.m = params
	}
	d := a.to(a.DB)
	d.target.Brief, d.target.App = false, "postgresql_query"
	return d
}

func (d database) ask(s statement) host.Fact[pg.Result] {
	if d.local != nil {
		return d.local.Query(s.sql)
	}
	return pg.Query{To: d.target, SQL: s.sql}.Fact()
}

func (d database) step(s statement) host.Step {
	what := "sql: " + kit.OneLine(s.shown)
	if d.local != nil {
		return d.local.Exec(s.sql, what)
	}
	return pg.Exec{To: d.target, SQL: s.sql, What: what}
}

func (d database) parse(o host.Output) (pg.Result, error) {
	if d.local != nil {
		return pg.ParseLocal(o)
	}
	return pg.ParseOutput(o)
}

func (sqlQuery) Facts(queryArgs) []host.Question { return nil }

// readOnlyRefused is the server's code for a write in a READ ONLY transaction.
const readOnlyRefused = "25006"

func (m sqlQuery) Plan(a queryArgs, s host.Seen) (play.Plan, error) {
	list, err := a.statements()
	if err != nil {
		return play.Plan{}, err
	}
	db := a.database()
	var results []pg.Result
	writes := false
	for _, st := range list {
		if !st.reads() {
			writes = true
			break
		}
		res, err := host.Get(s, db.ask(st))
		switch {
		case err != nil:
			return play.Plan{}, err
		case res.Err != nil && res.Err.Code == readOnlyRefused:
			writes = true
		case res.Err != nil:
			return play.Plan{Result: db.refused(st, res.Err)}, nil
		}
		if writes {
			break
		}
		results = append(results, res)
	}
	if !writes {
		return play.Plan{Note: "every statement only reads", Result: a.result(list, results)}, nil
	}
	return m.write(a, db, list), nil
}

// write runs every statement in order: one behind a write may read what it
// wrote.
func (sqlQuery) write(a queryArgs, db database, list []statement) play.Plan {
	plan := play.Plan{Repeats: true, Result: play.Result{Changed: true, Data: value.MapOf("query", value.String(list[len(list)-1].shown))}}
	for _, st := range list {
		plan.Steps = append(plan.Steps, db.step(st))
	}
	plan.Finish = func(ran []host.Output) (play.Result, error) {
		var results []pg.Result
		for i, out := range ran {
			res, err := db.parse(out)
			if err != nil {
				return play.Result{}, err
			}
			if res.Err != nil {
				return db.refused(list[i], res.Err), nil
			}
			results = append(results, res)
		}
		return a.result(list, results), nil
	}
	return plan
}

// refused is the failure of a statement, in Ansible's words.
func (d database) refused(st statement, e *pg.Error) play.Result {
	r := play.Failure(d.unreached(e))
	if !e.Connect {
		r.Msg = fmt.Sprintf("Cannot execute SQL '%s'%s: %s%s", st.shown, st.args, libpqText(e), st.list)
	}
	r.Complete = true
	return r
}

// result makes the result's keys, as Ansible names them.
func (a queryArgs) result(list []statement, results []pg.Result) play.Result {
	var all, queries []value.Value
	rows, changed := int64(0), false
	last, status := value.List(), ""
	for i, res := range results {
		last = value.List(res.Values()...)
		if res.Columns == nil {
			last = value.FromMap(nil) // as Ansible has it where nothing can be fetched
		}
		all = append(all, last)
		queries = append(queries, value.String(list[i].shown))
		verb, n := verbOf(list[i].sql), countOf(res)
		if n > 0 {
			rows += n
		}
		switch {
		case verb == "SHOW" || verb == "EXPLAIN":
			status = verb
		case list[i].reads():
			status = fmt.Sprintf("SELECT %d", n)
		case verb == "INSERT":
			status, changed = fmt.Sprintf("INSERT 0 %d", n), changed || n > 0
		case verb == "UPDATE" || verb == "DELETE" || verb == "MERGE":
			status, changed = fmt.Sprintf("%s %d", verb, n), changed || n > 0
		default:
			status, changed = verb, true
		}
	}
	return play.Result{Changed: changed, Data: value.MapOf("query", value.String(list[len(list)-1].shown), "query_list", value.List(queries...),
		"query_result", last, "query_all_results", value.List(all...), "rowcount", value.Int(rows), "statusmessage", value.String(status))}
}

func verbOf(sql string) string {
	w := strings.Fields(strings.ToUpper(sql))
	if len(w) == 0 {
		return ""
	}
	if len(w) > 1 && (w[0] == "CREATE" || w[0] == "DROP" || w[0] == "ALTER") {
		return w[0] + " " + w[1]
	}
	return w[0]
}

// countOf is the number of rows that a statement gave or touched.
func countOf(r pg.Result) int64 {
	f := strings.Fields(r.Tag)
	if len(f) > 0 {
		if n, err := strconv.ParseInt(f[len(f)-1], 10, 64); err == nil && n > 0 {
			return n
		}
	}
	return int64(len(r.Rows))
}
