package database

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// mysqlLogin is how the modules of MySQL and MariaDB reach their server: by the
// client of the host.
type mysqlLogin struct {
	Host     string `arg:"login_host" default:"localhost" help:"the server's address as the host sees it; localhost is its socket"`
	Port     int    `arg:"login_port" default:"3306" help:"the server's port"`
	User     string `arg:"login_user" help:"the user; default: as the client finds it"`
	Password string `arg:"login_password" secret:"yes" help:"the user's password"`
	Socket   string `arg:"login_unix_socket" type:"path" help:"the server's socket"`
	Config   string `arg:"config_file" default:"~/.my.cnf" type:"path" help:"the client's file; one that is missing is not read"`
	CA       string `arg:"ca_cert,ssl_ca" type:"path" help:"the certificate of who signed the server's"`
	Cert     string `arg:"client_cert,ssl_cert" type:"path" help:"the client's certificate"`
	Key      string `arg:"client_key,ssl_key" type:"path" help:"the client's key"`
	Timeout  int    `arg:"connect_timeout" default:"30" help:"longest wait for the server in seconds"`
	CheckTLS *bool  `arg:"check_hostname" help:"whether the server's certificate must name it"`
}

// words are the client's options.
func (l mysqlLogin) words() []string {
	var out []string
	add := func(flag, v string) {
		if v != "" {
			out = append(out, flag+"="+v)
		}
	}
	if l.Socket != "" {
		add("--socket", l.Socket)
	} else if l.Host != "localhost" {
		add("--host", l.Host)
		add("--port", strconv.Itoa(l.Port))
		out = append(out, "--protocol=tcp")
	} else if l.Port != 3306 {
		add("--port", strconv.Itoa(l.Port))
	}
	add("--user", l.User)
	add("--ssl-ca", l.CA)
	add("--ssl-cert", l.Cert)
	add("--ssl-key", l.Key)
	if l.CheckTLS != nil && *l.CheckTLS {
		out = append(out, "--ssl-verify-server-cert")
	}
	return append(out, "--connect-timeout="+strconv.Itoa(l.Timeout))
}

// mysqlHead finds the client ($c; its program is the first argument, or what MariaDB
// calls it, the second) and defines how it is called. The password, quoted for an
// option file, is the third argument, the client's own file the fourth. Clients read the
// password from a pipe: it is in no argument and no environment, and comes before
// what files say. Where no program can open its own descriptors it is in the environment.
const mysqlHead = `c=$1
command -v "$c" >/dev/null || c=$2
command -v "$c" >/dev/null || { echo "the host has no client: neither $1 nor $2 is there"; exit 9; }
pw=$3 f= in=
if [ -n "$4" ] && [ -e "$4" ]; then f=--defaults-extra-file=$4 in="!include $4"; fi
shift 4
client() {
if [ -z "$pw" ]; then "$c" ${f:+"$f"} "$@"
elif [ -e /dev/fd/0 ]; then
{ printf '%s\n[client]\npassword="%s"\n' "$in" "$pw" | { exec 5<&0 0<&6 6<&-; exec "$c" --defaults-extra-file=/dev/fd/5 "$@"; }; } 6<&0
else MYSQL_PWD=$pw "$c" ${f:+"$f"} "$@"
fi
}
`

// mysqlText runs statements that come on stdin; what the client complains about is on
// stdout too, since a question has no stderr.
const mysqlText sh.Constant = mysqlHead + `client "$@" --batch --skip-column-names --default-character-set=utf8mb4 2>&1`

func (l mysqlLogin) args(program, other string, more ...string) []string {
	return append(append(l.head(program, other), l.words()...), more...)
}

// head are the arguments of mysqlHead.
func (l mysqlLogin) head(program, other string) []string {
	return []string{program, other, strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(l.Password), l.Config}
}

// readOnly begins a question: MySQL itself refuses what would write.
const readOnly = "SET SESSION TRANSACTION READ ONLY;\n"

// ask reads rows.
func (l mysqlLogin) ask(sql string, more ...string) host.Probe {
	return host.NewProbe(mysqlText, l.args("mysql", "mariadb", more...)...).WithStdin(readOnly + sql + ";\n")
}

// rows are what a statement gave; stop is why nobody can tell.
func (l mysqlLogin) rows(s host.Seen, sql string) (rows [][]string, stop *play.Plan, err error) {
	ans, err := s.Answer(l.ask(sql))
	if err != nil {
		return nil, nil, err
	}
	if ans.Status != 0 {
		p := kit.Failure("%s", l.said(string(ans.Stdout), ans.Status))
		return nil, &p, nil
	}
	return mysqlRows(string(ans.Stdout)), nil, nil
}

// mysqlError finds the number and the text of a refusal.
func mysqlError() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^ERROR ([0-9]+)(?: \([0-9A-Z]+\))?(?: at line [0-9]+)?: (.*)`)
}

// mysqlWords is a refusal as Python's driver writes it; ok is false where there is none.
func mysqlWords(text string) (words, number string, ok bool) {
	m := mysqlError().FindStringSubmatch(text)
	if m == nil {
		return "", "", false
	}
	return "(" + m[1] + ", " + value.Repr(value.String(m[2])) + ")", m[1], true
}

// said is a failure of the client in Ansible's words.
func (l mysqlLogin) said(text string, status int) string {
	whole := strings.Join(strings.Fields(text), " ")
	words, number, ok := mysqlWords(text)
	switch {
	case whole == "":
		return "the client ended with status " + strconv.Itoa(status) + " and said nothing"
	case status == 9 || !ok:
		return whole
	case slices.Contains([]string{"1044", "1045", "1049", "1698", "2002", "2003", "2005", "2026", "2059"}, number):
		return "unable to connect to database, check login_user and login_password are correct or " + l.Config + " has the credentials. Exception message: " + words
	}
	return words
}

// mysqlRows reads what --batch prints: tabs between columns, \t, \n, \0 and \\ for
// what a text holds.
func mysqlRows(text string) [][]string {
	var out [][]string
	un := strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\0`, "\x00")
	for line := range strings.Lines(text) {
		var row []string
		for f := range strings.SplitSeq(strings.TrimSuffix(line, "\n"), "\t") {
			row = append(row, un.Replace(f))
		}
		out = append(out, row)
	}
	return out
}

// run is the step of statements; secret ones go over a channel of their own.
func (l mysqlLogin) run(sql, what string, secret bool) host.Step {
	c := sh.Script(mysqlText, l.args("mysql", "mariadb")...).With(sh.Bytes(sql + ";\n"))
	c.Secret = secret
	return host.Run{Cmd: c, What: "sql: " + kit.OneLine(what)}
}

// done makes a Finish of such steps.
func (l mysqlLogin) done(r play.Result) func([]host.Output) (play.Result, error) {
	return func(ran []host.Output) (play.Result, error) {
		if out := ran[len(ran)-1]; out.Status != 0 {
			f := play.Failure(l.said(string(out.Stdout)+string(out.Stderr), out.Status))
			f.Complete = true
			return f, nil
		}
		return r, nil
	}
}

// mysqlIdent quotes a name, mysqlLit a text.
func mysqlIdent(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }

func mysqlLit(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''", "\x00", `\0`).Replace(s) + "'"
}

// place expands the paths that the host has to know.
func (l *mysqlLogin) place(s host.Seen) error {
	words, err := kit.ExpandAll(s, []string{l.Config, l.Socket})
	if err == nil {
		l.Config, l.Socket = words[0], words[1]
	}
	return err
}

// mysqlData begins the result of what runs statements.
func mysqlData(sqls []string) *value.Map {
	return value.MapOf("executed_commands", value.Strings(sqls...))
}
