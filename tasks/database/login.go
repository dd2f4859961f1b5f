package database

import (
	"cmp"
	"fmt"
	"net"
	"strconv"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
	"remoterun/tasks/pg"
)

// pgLogin is how the modules of PostgreSQL reach their server.
type pgLogin struct {
	Host      string `arg:"login_host,host" help:"the server's address as the host sees it; default: the local socket"`
	Port      int    `arg:"login_port,port" default:"5432" help:"the server's port"`
	User      string `arg:"login_user,login" default:"postgres" help:"the database user"`
	Password  string `arg:"login_password" secret:"yes" help:"the user's password; without one psql on the host logs in as the task's user (peer)"`
	Socket    string `arg:"login_unix_socket,unix_socket" type:"path" help:"the folder of the server's socket"`
	Container string `arg:"login_container" help:"a container, or the service of a compose file, in which the server runs"`
	SSLMode   string `arg:"ssl_mode" default:"prefer" choices:"allow,disable,prefer,require,verify-ca,verify-full" help:"accepted: the connection is the host's own"`
	Trust     bool   `arg:"trust_input" default:"yes" help:"without meaning: nothing here is put into statements unquoted"`
}

// to is the way to one database of the server.
func (l pgLogin) to(db string) database {
	if l.Container != "" {
		return database{local: &pg.Local{User: l.User, Database: db, Container: l.Container}}
	}
	if l.Password == "" {
		return database{local: &pg.Local{Socket: cmp.Or(l.Socket, l.Host), Port: l.Port, User: l.User, Database: db}}
	}
	addr := l.Socket
	if addr == "" {
		addr = net.JoinHostPort(cmp.Or(l.Host, "localhost"), strconv.Itoa(l.Port))
	}
	return database{target: pg.Target{Addr: addr, Port: l.Port, User: l.User, Password: l.Password, Database: db, App: "modules", Brief: true}}
}

// rows asks a statement that only reads and gives so many columns; a plan that is not
// nil ends the task.
func (d database) rows(s host.Seen, sql string, columns int) ([][]string, *play.Plan, error) {
	res, err := host.Get(s, d.ask(statement{sql: sql, shown: sql}))
	if err != nil {
		return nil, nil, err
	}
	if res.Err != nil {
		p := play.Plan{Result: refused(statement{shown: kit.OneLine(sql)}, res.Err, nil)}
		return nil, &p, nil
	}
	out := make([][]string, len(res.Rows))
	for i, r := range res.Rows {
		if len(r) != columns {
			return nil, nil, fmt.Errorf("a row of %s came where %s were asked for: %s", value.Count(len(r), "column"), value.Count(columns, "column"), kit.OneLine(sql))
		}
		for _, c := range r {
			v := ""
			if c != nil {
				v = *c
			}
			out[i] = append(out[i], v)
		}
	}
	return out, nil, nil
}

// do is the step of one statement.
func (d database) do(sql, what string) host.Step {
	return d.step(statement{sql: sql, shown: what})
}

// done makes a Finish of steps that are statements: the first one that the server
// refused is the task's failure.
func (d database) done(r play.Result) func([]host.Output) (play.Result, error) {
	return func(ran []host.Output) (play.Result, error) {
		for _, out := range ran {
			res, err := d.parse(out)
			if err != nil {
				return play.Result{}, err
			}
			if res.Err != nil {
				return play.Failure("Database query failed: " + res.Err.Error()), nil
			}
		}
		return r, nil
	}
}
