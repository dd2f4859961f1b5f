package database

import (
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// mysqlQueryArgs are the arguments of mysql_query.
type mysqlQueryArgs struct {
	Query      value.Value `arg:"query" need:"yes" help:"a statement, or a list of them, in one session"`
	DB         string      `arg:"login_db" help:"the database"`
	Positional value.Value `arg:"positional_args" type:"list" help:"what stands for each %s"`
	Named      *value.Map  `arg:"named_args" help:"what stands for %(name)s"`
	Single     bool        `arg:"single_transaction" default:"no" help:"all of them in one transaction; else each is committed by itself"`
	mysqlLogin
}

// MysqlQuery runs SQL.
func MysqlQuery() play.Module {
	return kit.Define(kit.Doc{Name: "mysql_query", Short: "SQL in MySQL and MariaDB"}, mysqlQuery{})
}

type mysqlQuery struct{}

func (mysqlQuery) Validate(a mysqlQueryArgs) *play.ArgError {
	if !a.Positional.IsNull() && a.Named != nil {
		return &play.ArgError{Msg: "parameters are mutually exclusive: positional_args|named_args"}
	}
	if _, _, err := a.statements(); err != nil {
		return &play.ArgError{Arg: "query", Msg: err.Error()}
	}
	return nil
}

// statements are the queries as they are written and with their arguments.
func (a mysqlQueryArgs) statements() (shown, sqls []string, err error) {
	list := []value.Value{a.Query}
	if _, ok := a.Query.AsString(); !ok {
		if list = a.Query.Items(); len(list) == 0 {
			return nil, nil, fmt.Errorf("the query option value must be a string or list, passed %s", value.Repr(a.Query))
		}
	}
	for _, q := range list {
		text, ok := q.AsString()
		if !ok {
			return nil, nil, fmt.Errorf("the elements in query list must be strings, passed '%s'", value.Show(q))
		}
		sql, err := filled(text, a.Positional, a.Named, mysqlValue)
		if err != nil {
			return nil, nil, err
		}
		shown, sqls = append(shown, text), append(sqls, sql)
	}
	return shown, sqls, nil
}

// mysqlValue writes a value as SQL, as Python's driver does it.
func mysqlValue(v value.Value) string {
	switch {
	case v.IsNull():
		return "NULL"
	case v.Kind() == value.KindBool:
		return map[bool]string{true: "1", false: "0"}[value.Truth(v)]
	case v.IsNumber():
		return value.Repr(v)
	}
	if _, ok := v.AsSeq(); ok {
		items := make([]string, len(v.Items()))
		for i, it := range v.Items() {
			items[i] = mysqlValue(it)
		}
		return "(" + strings.Join(items, ",") + ")"
	}
	if _, ok := v.AsMap(); ok {
		js, _ := value.JSON(v, value.JSONStyle{KeepUTF8: true})
		return mysqlLit(js)
	}
	return mysqlLit(value.Str(v))
}

// mysqlReads reports a statement that looks as if it only reads; the server, in a
// READ ONLY transaction, has the last word.
func mysqlReads(sql string) bool {
	text := strings.ToUpper(strings.Join(strings.Fields(sql), " "))
	for _, w := range []string{" INTO OUTFILE", " INTO DUMPFILE", " FOR UPDATE", "_LOCK(", "SLEEP(", "LAST_INSERT_ID(", " INTO @", ":=", ";"} {
		if strings.Contains(strings.TrimRight(text, "; "), w) {
			return false
		}
	}
	verb, _, _ := strings.Cut(text, " ")
	switch verb {
	case "SELECT", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "WITH", "VALUES", "TABLE", "(SELECT":
		return !strings.Contains(text, "ANALYZE")
	}
	return false
}

func (mysqlQuery) Facts(mysqlQueryArgs) []host.Question { return nil }

func (m mysqlQuery) Plan(a mysqlQueryArgs, s host.Seen) (play.Plan, error) {
	if err := a.place(s); err != nil {
		return play.Plan{}, err
	}
	shown, sqls, err := a.statements()
	if err != nil {
		return play.Plan{}, err
	}
	reads := true
	for _, q := range sqls {
		reads = reads && mysqlReads(q)
	}
	if reads {
		ans, err := s.Answer(a.askXML(a.DB, sqls...))
		if err != nil {
			return play.Plan{}, err
		}
		if ans.Status == 0 || !strings.Contains(string(ans.Stdout), "ERROR 1792 ") {
			r, err := a.result(string(ans.Stdout), ans.Status, shown, sqls)
			return play.Plan{Result: r, Note: "every statement only reads"}, err
		}
	}
	before, after := "", ""
	if a.Single {
		before, after = "START TRANSACTION;\n", "COMMIT;\n"
	}
	return play.Plan{
		Repeats: true,
		Steps:   []host.Step{a.runXML(a.DB, before, after, strings.Join(shown, "; "), sqls...)},
		Result:  play.Result{Skipped: true, Msg: "remote module (mysql_query) does not support check mode"},
		Finish: func(ran []host.Output) (play.Result, error) {
			return a.result(string(ran[0].Stdout)+string(ran[0].Stderr), ran[0].Status, shown, sqls)
		},
	}, nil
}

// args are the arguments as Ansible says them.
func (a mysqlQueryArgs) args() string {
	switch {
	case len(a.Positional.Items()) > 0:
		return value.Show(a.Positional)
	case a.Named.Len() > 0:
		return value.Show(value.FromMap(a.Named))
	}
	return "None"
}

// result makes the result's keys, as Ansible names them.
func (a mysqlQueryArgs) result(text string, status int, shown, sqls []string) (play.Result, error) {
	given, err := readGiven(text)
	if status != 0 {
		words, number, ok := mysqlWords(text)
		msg := a.said(text, status)
		if ok && !strings.HasPrefix(msg, "unable to connect") || number == "1044" || number == "1049" && len(given) > 0 {
			msg = fmt.Sprintf("Cannot execute SQL '%s' args [%s]: %s", shown[min(len(given), len(shown)-1)], a.args(), words)
		}
		r := play.Failure(msg)
		r.Complete = true
		return r, nil
	}
	if err != nil || len(given) != len(sqls) {
		return play.Result{}, fmt.Errorf("the client gave %s of %d: %w", value.Count(len(given), "result"), len(sqls), err)
	}
	changed := false
	var results, counts []value.Value
	for i, g := range given {
		results, counts = append(results, g.listOf()), append(counts, value.Int(g.count))
		changed = changed || mysqlChanges(shown[i], g.count)
	}
	return play.Result{Changed: changed, Data: value.MapOf("executed_queries", value.Strings(sqls...), "query_result", value.List(results...), "rowcount", value.List(counts...))}, nil
}

// mysqlChanges says whether a statement is a change, by its first word as Ansible does:
// of data, when a row was touched; of tables, always.
func mysqlChanges(sql string, count int64) bool {
	head := strings.ToUpper(strings.TrimLeft(sql, " \t\r\n"))
	head = head[:min(len(head), len("TRUNCATE"))]
	for _, w := range []string{"INSERT", "UPDATE", "DELETE", "REPLACE"} {
		if strings.Contains(head, w) && count > 0 {
			return true
		}
	}
	for _, w := range []string{"CREATE", "DROP", "ALTER", "RENAME", "TRUNCATE"} {
		if strings.Contains(head, w) {
			return true
		}
	}
	return false
}
