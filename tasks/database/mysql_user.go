package database

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// mysqlUserArgs are the arguments of mysql_user.
type mysqlUserArgs struct {
	Name       string      `arg:"name,user" need:"yes" help:"the user"`
	From       string      `arg:"host" default:"localhost" help:"from where: the host part of the name"`
	All        bool        `arg:"host_all" default:"no" help:"the user from everywhere, wherever it is known"`
	State      string      `arg:"state" default:"present" choices:"absent,present" help:"whether it shall be there"`
	Secret     *kit.Text   `arg:"password" secret:"yes" help:"its password"`
	Encrypted  bool        `arg:"encrypted" default:"no" help:"password is the hash of mysql_native_password (*AB12…)"`
	Update     string      `arg:"update_password" default:"always" choices:"always,on_create,on_new_username" help:"when the password is set"`
	Plugin     string      `arg:"plugin" help:"how it is known: unix_socket, auth_socket, caching_sha2_password"`
	PluginHash string      `arg:"plugin_hash_string" secret:"yes" help:"what the plugin keeps (AS)"`
	PluginAuth string      `arg:"plugin_auth_string" secret:"yes" help:"what the plugin makes its hash of (BY)"`
	Priv       value.Value `arg:"priv" type:"raw" help:"db.table:PRIV,PRIV, several with /; or a mapping of them"`
	Append     bool        `arg:"append_privs" default:"no" help:"other privileges stay"`
	Subtract   bool        `arg:"subtract_privs" default:"no" help:"these privileges go"`
	Case       bool        `arg:"column_case_sensitive" default:"yes" help:"without meaning: names of columns are compared as they are written"`
	Limits     *value.Map  `arg:"resource_limits" help:"MAX_QUERIES_PER_HOUR, MAX_UPDATES_PER_HOUR, MAX_CONNECTIONS_PER_HOUR, MAX_USER_CONNECTIONS"`
	TLS        *value.Map  `arg:"tls_requires" help:"SSL, X509, or CIPHER, ISSUER and SUBJECT"`
	Implicit   bool        `arg:"check_implicit_admin" default:"no" help:"try it as root without a password first"`
	BinLog     bool        `arg:"sql_log_bin" default:"yes" help:"no: what is done is not in the binary log"`
	mysqlLogin
}

// MysqlUser keeps users of MySQL and MariaDB.
func MysqlUser() play.Module {
	return kit.Define(kit.Doc{Name: "mysql_user", Short: "users of MySQL and MariaDB, and their privileges"}, mysqlUser{})
}

type mysqlUser struct{}

func (mysqlUser) Validate(a mysqlUserArgs) *play.ArgError {
	switch {
	case a.Append && a.Subtract:
		return &play.ArgError{Msg: "parameters are mutually exclusive: append_privs|subtract_privs"}
	case a.PluginHash != "" && a.PluginAuth != "":
		return &play.ArgError{Msg: "parameters are mutually exclusive: plugin_hash_string|plugin_auth_string"}
	case a.Plugin == "" && a.PluginHash+a.PluginAuth != "":
		return &play.ArgError{Arg: "plugin", Msg: "is needed with plugin_hash_string and plugin_auth_string"}
	case strings.Trim(a.Plugin, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "":
		return &play.ArgError{Arg: "plugin", Msg: fmt.Sprintf("%q is not valid as the name of a plugin", a.Plugin)}
	}
	if _, err := readPrivs(a.Priv); err != nil {
		return &play.ArgError{Arg: "priv", Msg: err.Error()}
	}
	for k := range a.Limits.All() {
		if !slices.Contains(mysqlLimits(), strings.ToUpper(value.Str(k))) {
			return &play.ArgError{Arg: "resource_limits", Msg: fmt.Sprintf("%s is not one of %s", value.Show(k), strings.Join(mysqlLimits(), ", "))}
		}
	}
	for k := range a.TLS.All() {
		if !slices.Contains([]string{"SSL", "X509", "CIPHER", "ISSUER", "SUBJECT"}, strings.ToUpper(value.Str(k))) {
			return &play.ArgError{Arg: "tls_requires", Msg: value.Show(k) + " is not one of SSL, X509, CIPHER, ISSUER, SUBJECT"}
		}
	}
	return nil
}

func mysqlLimits() []string {
	return []string{"MAX_QUERIES_PER_HOUR", "MAX_UPDATES_PER_HOUR", "MAX_CONNECTIONS_PER_HOUR", "MAX_USER_CONNECTIONS"}
}

func (mysqlUser) Facts(mysqlUserArgs) []host.Question { return nil }

func (a mysqlUserArgs) sql() string {
	return "SELECT VERSION();\nSELECT Host, plugin, HEX(authentication_string), max_questions, max_updates, max_connections, max_user_connections, ssl_type, ssl_cipher, x509_issuer, x509_subject FROM mysql.user WHERE User = " +
		mysqlLit(a.Name) + " ORDER BY Host"
}

// mysqlAccount is a user from one host, as the server knows it.
type mysqlAccount struct {
	from, plugin, auth string
	limits, tls        []string
}

func (m mysqlUser) Plan(a mysqlUserArgs, s host.Seen) (play.Plan, error) {
	if err := a.place(s); err != nil {
		return play.Plan{}, err
	}
	if a.Implicit {
		l, err := a.implicit(s)
		if err != nil {
			return play.Plan{}, err
		}
		a.mysqlLogin = l
	}
	rows, stop, err := a.rows(s, a.sql())
	if stop != nil || err != nil {
		return kit.Stopped(stop, err)
	}
	maria := len(rows) > 0 && strings.Contains(rows[0][0], "MariaDB")
	is := map[string]mysqlAccount{}
	hosts := []string{a.From}
	if a.All {
		hosts = nil
	}
	for _, r := range rows[min(1, len(rows)):] {
		if len(r) != 11 {
			continue
		}
		is[r[0]] = mysqlAccount{r[0], r[1], r[2], r[3:7], r[7:]}
		if a.All {
			hosts = append(hosts, r[0])
		}
	}
	if a.All && len(hosts) == 0 && a.State == "present" {
		hosts = []string{a.From}
	}
	e := mysqlEdit{a: a, maria: maria, known: len(is) > 0}
	for _, h := range hosts {
		acc, there := is[h]
		var grants mysqlPrivs
		if there && a.State == "present" && !a.Priv.IsNull() {
			rows, stop, err := a.rows(s, "SHOW GRANTS FOR "+account(a.Name, h))
			if stop != nil || err != nil {
				return kit.Stopped(stop, err)
			}
			grants = readGrants(rows)
		}
		e.one(h, acc, there, grants)
	}
	return e.plan(), nil
}

func account(name, from string) string { return mysqlLit(name) + "@" + mysqlLit(from) }

// mysqlEdit collects what has to be done.
type mysqlEdit struct {
	a            mysqlUserArgs
	maria, known bool
	sqls, shown  []string
	password     bool
	added        bool
	// updated, granted and taken are what Ansible's module says of privileges.
	updated, granted, taken string
}

func (e *mysqlEdit) do(sql, shown string) {
	e.sqls, e.shown = append(e.sqls, sql), append(e.shown, shown)
}

// one brings the user from one host to what it shall be.
func (e *mysqlEdit) one(from string, is mysqlAccount, there bool, grants mysqlPrivs) {
	who := account(e.a.Name, from)
	if e.a.State == "absent" {
		if there {
			e.do("DROP USER "+who, "DROP USER "+who)
		}
		return
	}
	verb := "ALTER USER "
	if !there {
		verb, e.added = "CREATE USER ", true
	}
	id, shown := e.identified(is, there)
	more := e.required(is, there)
	if id != "" || more != "" || !there {
		e.do(verb+who+id+more, verb+who+shown+more)
		e.password = e.password || id != ""
	}
	e.grant(who, grants)
}

// identified is how the user is known, when that has to be said.
func (e *mysqlEdit) identified(is mysqlAccount, there bool) (sql, shown string) {
	a := e.a
	if a.Plugin != "" {
		auth := fmt.Sprintf("%X", a.PluginHash)
		if there && is.plugin == a.Plugin && (a.PluginHash == "" || strings.EqualFold(is.auth, auth)) && (a.PluginAuth == "" || samePasswordHash(is, a.PluginAuth)) {
			return "", ""
		}
		sql = " IDENTIFIED WITH " + a.Plugin
		switch {
		case a.PluginHash != "":
			return sql + " AS " + mysqlLit(a.PluginHash), sql + " AS '********'"
		case a.PluginAuth != "" && e.maria:
			return sql + " USING PASSWORD(" + mysqlLit(a.PluginAuth) + ")", sql + " USING PASSWORD('********')"
		case a.PluginAuth != "":
			return sql + " BY " + mysqlLit(a.PluginAuth), sql + " BY '********'"
		}
		return sql, sql
	}
	if a.Secret == nil || there && a.Update != "always" || !there && a.Update == "on_new_username" && e.known {
		return "", ""
	}
	if a.Encrypted {
		if there && strings.EqualFold(is.auth, fmt.Sprintf("%X", a.Secret.S)) {
			return "", ""
		}
		return " IDENTIFIED WITH mysql_native_password AS " + mysqlLit(a.Secret.S), " IDENTIFIED WITH mysql_native_password AS '********'"
	}
	if there && samePasswordHash(is, a.Secret.S) {
		return "", ""
	}
	return " IDENTIFIED BY " + mysqlLit(a.Secret.S), " IDENTIFIED BY '********'"
}

// required are TLS and limits, when they have to be said.
func (e *mysqlEdit) required(is mysqlAccount, there bool) string {
	out := ""
	if e.a.TLS != nil {
		want := tlsOf(e.a.TLS)
		if !there || strings.Join(want[:], "\x00") != strings.Join(is.tls, "\x00") {
			out += " REQUIRE " + requireText(want)
		}
	}
	var limits []string
	for k, v := range e.a.Limits.All() {
		i := slices.Index(mysqlLimits(), strings.ToUpper(value.Str(k)))
		if n, err := kit.AsInt(v); err == nil && (!there || is.limits[i] != fmt.Sprint(n)) {
			limits = append(limits, fmt.Sprintf("%s %d", mysqlLimits()[i], n))
		}
	}
	if limits != nil {
		out += " WITH " + strings.Join(limits, " ")
	}
	return out
}

// tlsOf are ssl_type, cipher, issuer and subject as the server keeps them.
func tlsOf(m *value.Map) (out [4]string) {
	for k, v := range m.All() {
		on, err := kit.AsBool(v)
		switch strings.ToUpper(value.Str(k)) {
		case "SSL":
			if err == nil && on && out[0] == "" {
				out[0] = "ANY"
			}
		case "X509":
			if err == nil && on && out[0] != "SPECIFIED" {
				out[0] = "X509"
			}
		case "CIPHER":
			out[0], out[1] = "SPECIFIED", value.Str(v)
		case "ISSUER":
			out[0], out[2] = "SPECIFIED", value.Str(v)
		case "SUBJECT":
			out[0], out[3] = "SPECIFIED", value.Str(v)
		}
	}
	return out
}

func requireText(want [4]string) string {
	switch want[0] {
	case "":
		return "NONE"
	case "ANY":
		return "SSL"
	case "X509":
		return "X509"
	}
	var parts []string
	for i, w := range []string{"CIPHER", "ISSUER", "SUBJECT"} {
		if want[i+1] != "" {
			parts = append(parts, w+" "+mysqlLit(want[i+1]))
		}
	}
	return strings.Join(parts, " AND ")
}

// plan is the one of what was collected.
func (e *mysqlEdit) plan() play.Plan {
	a := e.a
	data := value.MapOf("user", value.String(a.Name), "password_changed", value.Bool(e.password))
	if len(e.sqls) == 0 {
		msg := map[string]string{"present": "User unchanged", "absent": "User doesn't exist"}[a.State]
		p := kit.Unchanged("the user "+a.Name+" is as it shall be", data)
		p.Result.Msg = msg
		return p
	}
	msg := "User updated"
	switch {
	case a.State == "absent":
		msg = "User deleted"
	case e.added:
		msg = "User added"
	case e.updated+e.granted+e.taken != "":
		msg = cmp.Or(e.updated, e.granted, e.taken)
	case e.password && a.Plugin == "":
		msg = "Password updated (new style)"
	}
	p := play.Plan{Result: play.Result{Changed: true, Msg: msg, Data: data}}
	logged := ""
	if !a.BinLog {
		logged = "SET SQL_LOG_BIN=0;\n"
	}
	for i, q := range e.sqls {
		p.Steps = append(p.Steps, a.run(logged+q, e.shown[i], q != e.shown[i]))
	}
	p.Finish = a.done(p.Result)
	return p
}
