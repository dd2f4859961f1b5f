package database

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// mysqlVarArgs are the arguments of mysql_variables.
type mysqlVarArgs struct {
	Variable string  `arg:"variable" need:"yes" help:"the variable"`
	Value    *string `arg:"value" help:"its value; without one it is only told"`
	Mode     string  `arg:"mode" default:"global" choices:"global,persist,persist_only" help:"until the server ends; also in mysqld-auto.cnf; only there. The last two need MySQL 8"`
	mysqlLogin
}

// MysqlVariables keeps variables of a server.
func MysqlVariables() play.Module {
	return kit.Define(kit.Doc{Name: "mysql_variables", Short: "variables of a MySQL or MariaDB server"}, mysqlVar{})
}

type mysqlVar struct{}

func (mysqlVar) Validate(a mysqlVarArgs) *play.ArgError {
	if !regexp.MustCompile(`^[0-9A-Za-z_.]+$`).MatchString(a.Variable) || strings.Count(a.Variable, ".") > 1 {
		return &play.ArgError{Arg: "variable", Msg: "invalid variable name \"" + a.Variable + "\""}
	}
	return nil
}

func (mysqlVar) Facts(mysqlVarArgs) []host.Question { return nil }

func (a mysqlVarArgs) sqls() []string {
	out := []string{"SHOW GLOBAL VARIABLES WHERE Variable_name = " + mysqlLit(a.Variable)}
	if a.Value != nil && a.Mode != "global" {
		out = append(out, "SELECT VARIABLE_VALUE AS Value FROM performance_schema.persisted_variables WHERE VARIABLE_NAME = "+mysqlLit(a.Variable))
	}
	return out
}

// mysqlNumber is a value as Ansible's module compares it: a number where it is one.
func mysqlNumber(v string) value.Value {
	text := strings.TrimSpace(v)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return value.Int(n)
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && !strings.ContainsAny(text, "xXpP_") {
		return value.Float(f)
	}
	return value.String(v)
}

func sameNumber(a, b string) bool {
	return value.Repr(mysqlNumber(a)) == value.Repr(mysqlNumber(b))
}

// value1 is the value of a first row; ok is false where there is no row.
func (g mysqlGiven) value1() (string, bool) {
	if len(g.rows) == 0 {
		return "", false
	}
	v, _ := g.rows[0].Lookup("Value")
	return value.Str(v), true
}

func (mysqlVar) Plan(a mysqlVarArgs, s host.Seen) (play.Plan, error) {
	if err := a.place(s); err != nil {
		return play.Plan{}, err
	}
	ans, err := s.Answer(a.askXML("", a.sqls()...))
	if err != nil {
		return play.Plan{}, err
	}
	given, err := readGiven(string(ans.Stdout))
	switch {
	case ans.Status != 0 && strings.Contains(string(ans.Stdout), "persisted_variables' doesn't exist"):
		return kit.Failure("Server version must be 8.0 or greater."), nil
	case ans.Status != 0:
		return kit.Failure("%s", a.said(string(ans.Stdout), ans.Status)), nil
	case err != nil:
		return play.Plan{}, err
	}
	if want := len(a.sqls()); len(given) != want {
		return play.Plan{}, fmt.Errorf("the client gave %s of %d", value.Count(len(given), "result"), want)
	}
	is, there := given[0].value1()
	if !there {
		return kit.Failure("Variable not available \"%s\"", a.Variable), nil
	}
	if a.Value == nil {
		p := kit.Unchanged("it is only told", value.NewMap())
		p.Result.Msg = is
		return p, nil
	}
	kept, stored := "", false
	if a.Mode != "global" {
		kept, stored = given[1].value1()
	}
	return a.plan(is, kept, stored), nil
}

// plan sets the variable where it is another one.
func (a mysqlVarArgs) plan(is, kept string, stored bool) play.Plan {
	stored = stored && sameNumber(kept, *a.Value)
	same := sameNumber(is, *a.Value)
	msg := ""
	switch {
	case a.Mode == "global" && same:
		msg = "Variable is already set to requested value."
	case a.Mode == "persist" && same && stored:
		msg = "Variable is already set to requested value globallyand stored into mysqld-auto.cnf file."
	case a.Mode == "persist_only" && stored:
		msg = "Variable is already stored into mysqld-auto.cnf with requested value."
	}
	if msg != "" {
		p := kit.Unchanged(a.Variable+" has that value", value.NewMap())
		p.Result.Msg = msg
		return p
	}
	names := strings.Split(a.Variable, ".")
	for i := range names {
		names[i] = mysqlIdent(names[i])
	}
	v := mysqlNumber(*a.Value)
	head := "SET " + strings.ToUpper(a.Mode) + " " + strings.Join(names, ".") + " = "
	q := head + mysqlValue(v)
	prev := value.Show(mysqlNumber(is))
	if a.Mode == "persist_only" {
		if prev = value.Show(mysqlNumber(kept)); kept == "" {
			prev = "False"
		}
	}
	r := play.Result{Changed: true, Msg: "Variable change succeeded prev_value=" + prev, Data: value.MapOf("queries", value.Strings(head+value.Show(v)))}
	p := play.Plan{Steps: []host.Step{a.run(q, q, false)}, Result: r, Repeats: true}
	p.Finish = a.done(r)
	return p
}
