package database

import (
	"strconv"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
	"remoterun/tasks/pg"
)

// pgSetArgs are the arguments of postgresql_set.
type pgSetArgs struct {
	Name  string  `arg:"name" need:"yes" help:"the setting, as pg_settings writes it"`
	Value *string `arg:"value" help:"its value; default takes it out of postgresql.auto.conf"`
	Reset bool    `arg:"reset" default:"no" help:"the value that the server was built with"`
	DB    string  `arg:"db,login_db" help:"the database that is connected to; default: as psql finds it"`
	pgLogin
}

// PostgresqlSet keeps settings of a server.
func PostgresqlSet() play.Module {
	return kit.Define(kit.Doc{Name: "postgresql_set", Short: "settings of a PostgreSQL server"}, pgSet{})
}

type pgSet struct{}

func (pgSet) Validate(a pgSetArgs) *play.ArgError {
	switch {
	case a.Name == "":
		return &play.ArgError{Arg: "name", Msg: "is empty"}
	case a.Value != nil && a.Reset:
		return &play.ArgError{Msg: a.Name + ": value and reset params are mutually exclusive"}
	case a.Value == nil && !a.Reset:
		return &play.ArgError{Msg: a.Name + ": at least one of value or reset param must be specified"}
	}
	return nil
}

func (a pgSetArgs) sql() string {
	name := pg.Literal(a.Name)
	return "SELECT s.name, s.setting, s.unit, s.context, s.boot_val, s.vartype, current_setting(" + name + ", true), current_setting(" + name +
		", true) IS NULL FROM (SELECT 1) o LEFT JOIN pg_settings s ON s.name = " + name
}

func (pgSet) Facts(a pgSetArgs) []host.Question {
	return []host.Question{a.to(a.DB).plain().ask(statement{sql: a.sql()}).Q}
}

// look is the setting as it is; a plan that is not nil ends the task.
func (a pgSetArgs) look(s host.Seen) (pgSetting, *play.Plan, error) {
	rows, stop, err := a.to(a.DB).plain().rows(s, a.sql(), 8)
	if stop != nil || err != nil || len(rows) == 0 {
		return pgSetting{}, stop, err
	}
	r := rows[0]
	var p play.Plan
	switch {
	case r[0] == "" && (r[7] == "t" || r[7] == "true"):
		p = kit.Failure("Unable to get %s value due to : unrecognized configuration parameter %q\n", a.Name, a.Name)
	case r[0] == "":
		p = kit.Failure("No such parameter: %s. Please check its spelling or presence in your PostgreSQL version (https://www.postgresql.org/docs/current/runtime-config.html)", a.Name)
	case r[3] == "internal":
		p = kit.Failure("%s: cannot be changed (internal context). See https://www.postgresql.org/docs/current/runtime-config-preset.html", a.Name)
	default:
		return pgSetting{name: r[0], setting: r[1], unit: r[2], context: r[3], boot: r[4], kind: r[5], pretty: r[6]}, nil, nil
	}
	return pgSetting{}, &p, nil
}

// wanted is the value that is asked for.
func (a pgSetArgs) wanted(is pgSetting) string {
	if a.Reset {
		return is.boot
	}
	switch *a.Value {
	case "True":
		return "on"
	case "False":
		return "off"
	}
	return upperUnit(*a.Value)
}

func (m pgSet) Plan(a pgSetArgs, s host.Seen) (play.Plan, error) {
	is, stop, err := a.look(s)
	if stop != nil || err != nil {
		return kit.Stopped(stop, err)
	}
	want, restart := a.wanted(is), is.context == "postmaster"
	data := value.MapOf("name", value.String(a.Name), "restart_required", value.Bool(restart), "prev_val_pretty", kit.HostText(is.pretty),
		"value_pretty", kit.HostText(is.pretty), "context", kit.HostText(is.context), "value", is.shown())
	done := data.Clone()
	if restart { // said in check mode alone, as by Ansible's module
		done.Delete(value.String("value"))
	}
	if a.Reset && is.setting == is.boot {
		data.Put("restart_required", value.Bool(false))
		return kit.Unchanged(a.Name+" has the value that the server was built with", data), nil
	}
	if !a.Reset && is.is(want) {
		return kit.Unchanged(a.Name+" has the value "+is.pretty, done), nil
	}
	if !a.Reset {
		data.Put("value_pretty", value.String(want))
		done.Put("value_pretty", value.String(want))
	}
	p := play.Plan{Repeats: true, Result: play.Result{Changed: true, Data: data}}
	d := a.to(a.DB).plain()
	q := is.set(want)
	p.Steps = []host.Step{d.do(q, q)}
	if restart {
		p.Result.Warnings = []string{"Restart of PostgreSQL is required for setting " + a.Name}
	} else {
		p.Steps = append(p.Steps, d.do("SELECT pg_reload_conf()", "reload"))
		p.Then = func([]host.Output) (play.Bound, error) {
			return kit.Stage(func(s host.Seen) (play.Plan, error) { return a.after(s, is, data) }), nil
		}
	}
	r := p.Result
	r.Data = done
	p.Finish = d.finish(r, func(_ int, e *pg.Error) string { return "Unable to get " + a.Name + " value due to : " + libpqText(e) })
	return p, nil
}

// after is what became of it: the server's own word, since a command line or a role
// may have the last one.
func (a pgSetArgs) after(s host.Seen, was pgSetting, data *value.Map) (play.Plan, error) {
	is, stop, err := a.look(s)
	if stop != nil || err != nil {
		return kit.Stopped(stop, err)
	}
	data = data.Clone()
	data.Put("value_pretty", kit.HostText(is.pretty))
	data.Put("value", is.shown())
	return play.Plan{Note: "the server was asked again", Result: play.Result{Changed: is.setting != was.setting, Data: data}}, nil
}

// shown is the setting in bytes where its unit is one that Ansible's module knows.
func (s pgSetting) shown() value.Value {
	v, unit := kit.HostText(s.setting), value.Null()
	if s.unit != "" {
		unit = kit.HostText(s.unit)
	}
	if factor := map[string]int64{"kB": 1 << 10, "MB": 1 << 20}[s.unit]; factor > 0 {
		unit = value.String("b")
		if n, err := strconv.ParseInt(s.setting, 10, 64); err == nil && n > 0 {
			v = value.Int(n * factor)
		}
	}
	return value.FromMap(value.MapOf("value", v, "unit", unit))
}
