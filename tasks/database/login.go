package database

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
	"remoterun/tasks/pg"
)

// pgLogin is how the modules of PostgreSQL reach their server.
type pgLogin struct {
	Host      string   `arg:"login_host,host" help:"the server's address as the host sees it; default: the local socket"`
	Port      int      `arg:"login_port,port" default:"5432" help:"the server's port"`
	User      string   `arg:"login_user,login" default:"postgres" help:"the database user"`
	Password  string   `arg:"login_password" secret:"yes" help:"the user's password; without one psql on the host logs in as the task's user (peer)"`
	Socket    string   `arg:"login_unix_socket,unix_socket" type:"path" help:"the folder of the server's socket"`
	Container string   `arg:"login_container" help:"a container, or the service of a compose file, in which the server runs"`
	Role      string   `arg:"session_role" help:"the role that the session takes"`
	SSLMode   string   `arg:"ssl_mode" default:"prefer" choices:"allow,disable,prefer,require,verify-ca,verify-full" help:"how the way from the host to the server is encrypted; without meaning for a socket and in a container"`
	CA        string   `arg:"ca_cert,ssl_rootcert" type:"path" help:"a file of the host: certificates of who signs servers'"`
	Cert      string   `arg:"ssl_cert" type:"path" help:"a file of the host: the client's certificate"`
	Key       string   `arg:"ssl_key" type:"path" help:"a file of the host: its key"`
	Params    pgParams `arg:"connect_params" secret:"yes" help:"more of libpq: host, port, user, password, dbname, sslmode, sslrootcert, sslcert, sslkey, options; others count for psql on the host only"`
	Trust     bool     `arg:"trust_input" default:"yes" help:"without meaning: nothing here is put into statements unquoted"`
}

// pgParams are parameters of a connection by their names in libpq.
type pgParams struct{ m map[string]string }

// ParseArg reads a mapping.
func (p *pgParams) ParseArg(v value.Value) error {
	m, err := kit.AsDict(v)
	if err != nil {
		return err
	}
	p.m = map[string]string{}
	for k, v := range m.All() {
		name := value.Str(k)
		if err := kit.NoSealed(v); err != nil {
			return err
		}
		if _, ok := libpqWords()[name]; !ok {
			return fmt.Errorf("%s is not one of %s", value.Show(k), strings.Join(slices.Sorted(maps.Keys(libpqWords())), ", "))
		}
		p.m[name] = value.Str(v)
	}
	return nil
}

// ArgType is the type's name in docs.
func (*pgParams) ArgType() string { return "dict" }

// libpqWords are the parameters that are known, with the variable by which psql is told;
// empty where an argument of the same meaning takes it, or where it means nothing to
// one short session.
func libpqWords() map[string]string {
	return map[string]string{
		"host": "", "port": "", "user": "", "password": "", "dbname": "", "sslmode": "", "sslrootcert": "", "sslcert": "", "sslkey": "", "options": "",
		"keepalives": "", "keepalives_idle": "", "keepalives_interval": "", "keepalives_count": "", "tcp_user_timeout": "",
		"application_name": "PGAPPNAME", "connect_timeout": "PGCONNECT_TIMEOUT", "client_encoding": "PGCLIENTENCODING", "target_session_attrs": "PGTARGETSESSIONATTRS",
		"hostaddr": "PGHOSTADDR", "sslcrl": "PGSSLCRL", "channel_binding": "PGCHANNELBINDING", "gssencmode": "PGGSSENCMODE", "krbsrvname": "PGKRBSRVNAME",
	}
}

// with is the login with what connect_params say: they come last, as in Ansible.
func (l pgLogin) with(db string) (pgLogin, string) {
	for k, to := range map[string]*string{"user": &l.User, "password": &l.Password, "dbname": &db, "sslmode": &l.SSLMode, "sslrootcert": &l.CA, "sslcert": &l.Cert, "sslkey": &l.Key} {
		if v := l.Params.m[k]; v != "" {
			*to = v
		}
	}
	if n, err := strconv.Atoi(l.Params.m["port"]); err == nil {
		l.Port = n
	}
	switch h := l.Params.m["host"]; {
	case strings.HasPrefix(h, "/"):
		l.Socket = h
	case h != "":
		l.Host, l.Socket = h, ""
	}
	return l, db
}

// env is what psql on the host is told beside its options: nothing of it is secret.
func (l pgLogin) env() []string {
	var out []string
	add := func(name, v string) {
		if v != "" {
			out = append(out, name+"="+v)
		}
	}
	if l.SSLMode != "prefer" {
		add("PGSSLMODE", l.SSLMode)
	}
	add("PGSSLROOTCERT", l.CA)
	add("PGSSLCERT", l.Cert)
	add("PGSSLKEY", l.Key)
	for _, k := range slices.Sorted(maps.Keys(l.Params.m)) {
		if name := libpqWords()[k]; name != "" {
			add(name, l.Params.m[k])
		}
	}
	return out
}

// to is the way to one database of the server.
func (l pgLogin) to(db string) database {
	l, db = l.with(db)
	if l.Container != "" {
		return database{role: l.Role, local: &pg.Local{User: l.User, Database: db, Container: l.Container, Role: l.Role, Options: l.Params.m["options"]}}
	}
	// As in Ansible a socket stands in for no host, or the host's own.
	at := l.Host
	if at == "" || at == "localhost" {
		at = cmp.Or(l.Socket, l.Host)
	}
	if l.Password == "" {
		return database{role: l.Role, local: &pg.Local{Socket: at, Port: l.Port, User: l.User, Database: db, Role: l.Role, Options: l.Params.m["options"], Env: l.env()}}
	}
	if !strings.HasPrefix(at, "/") {
		at = net.JoinHostPort(cmp.Or(at, "localhost"), strconv.Itoa(l.Port))
	}
	return database{role: l.Role, target: pg.Target{Addr: at, Port: l.Port, User: l.User, Password: l.Password, Database: cmp.Or(db, l.User), App: "modules", Brief: true,
		TLS: pg.TLS{Mode: l.SSLMode, CA: l.CA, Cert: l.Cert, Key: l.Key}, Role: l.Role, Options: l.Params.m["options"]}}
}

// plain is the same way with the server's own settings: for questions about them.
func (d database) plain() database {
	if d.local != nil {
		l := *d.local
		l.Plain = true
		d.local = &l
	}
	d.target.Plain = true
	return d
}

// rows asks a statement that only reads and gives so many columns; a plan that is not
// nil ends the task.
func (d database) rows(s host.Seen, sql string, columns int) ([][]string, *play.Plan, error) {
	rows, said, err := d.tried(s, sql, columns)
	if said != nil {
		return nil, &play.Plan{Result: d.refused(statement{shown: kit.OneLine(sql)}, said)}, nil
	}
	return rows, nil, err
}

// tried is rows with what the server said instead.
func (d database) tried(s host.Seen, sql string, columns int) ([][]string, *pg.Error, error) {
	res, err := host.Get(s, d.ask(statement{sql: sql, shown: sql}))
	if err != nil || res.Err != nil {
		return nil, res.Err, err
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
	return d.finish(r, func(_ int, e *pg.Error) string { return "Database query failed: " + libpqText(e) })
}

// finish is done with other words for a refusal of the nth statement.
func (d database) finish(r play.Result, say func(n int, e *pg.Error) string) func([]host.Output) (play.Result, error) {
	return func(ran []host.Output) (play.Result, error) {
		for i, out := range ran {
			res, err := d.parse(out)
			switch {
			case err != nil:
				return play.Result{}, err
			case res.Err != nil && res.Err.Connect:
				return d.refused(statement{}, res.Err), nil
			case res.Err != nil:
				f := play.Failure(say(i, res.Err))
				f.Complete = true
				return f, nil
			}
		}
		return r, nil
	}
}

// unreached is what is said of a server that let nobody in, in libpq's words.
func (d database) unreached(e *pg.Error) string {
	text := libpqText(e)
	_, fatal, ok := strings.Cut(text, "FATAL:  ")
	if !ok {
		fatal = text
	}
	if d.role != "" && (strings.HasPrefix(fatal, "role "+strconv.Quote(d.role)+" does not exist") || strings.HasPrefix(fatal, "permission denied to set role ")) {
		return "Could not switch role: " + fatal
	}
	if d.local == nil {
		at := fmt.Sprintf("on socket \"%s/.s.PGSQL.%d\"", d.target.Addr, d.target.Port)
		if h, p, err := net.SplitHostPort(d.target.Addr); err == nil {
			at = fmt.Sprintf("at %q, port %s", h, p)
		}
		switch {
		case e.Code != "":
			text = "connection to server " + at + " failed: FATAL:  " + text
		case strings.Contains(text, "server refused TLS connection"):
			text = "connection to server " + at + " failed: server does not support SSL, but SSL was required\n"
		}
	}
	return "unable to connect to database: " + text
}

// libpqText is a refusal as libpq writes it, and Ansible's modules with it.
func libpqText(e *pg.Error) string {
	msg := strings.TrimPrefix(e.Message, "psql: error: ") + "\n" + e.Line
	for _, more := range []struct{ word, text string }{{"DETAIL", e.Detail}, {"HINT", e.Hint}, {"CONTEXT", e.Context}} {
		if more.text != "" {
			msg += more.word + ":  " + more.text + "\n"
		}
	}
	return msg
}
