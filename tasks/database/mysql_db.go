package database

import (
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// mysqlDBArgs are the arguments of mysql_db.
type mysqlDBArgs struct {
	Names     []string `arg:"name,db" need:"yes" help:"the databases; with dump and import all is the whole server"`
	State     string   `arg:"state" default:"present" choices:"absent,dump,import,present" help:"whether they shall be there; dump writes target, import reads it, each time"`
	Collation string   `arg:"collation" help:"the collation of a new one"`
	Encoding  string   `arg:"encoding" help:"the character set of a new one, and of a dump or import"`
	Target    string   `arg:"target" type:"path" help:"the file of the host that is written or read; .gz, .bz2 and .xz are packed"`
	Single    bool     `arg:"single_transaction" default:"no" help:"a dump in one transaction"`
	Quick     bool     `arg:"quick" default:"yes" help:"a dump row by row"`
	Ignore    []string `arg:"ignore_tables" help:"tables that a dump leaves out: db.table"`
	HexBlob   bool     `arg:"hex_blob" default:"no" help:"a dump with binary data as hexadecimal digits"`
	Force     bool     `arg:"force" default:"no" help:"go on behind an error of SQL"`
	Master    int      `arg:"master_data" default:"0" choices:"0,1,2" help:"a dump with the position in the binary log: 1, or 2 as a comment"`
	SkipLock  bool     `arg:"skip_lock_tables" default:"no" help:"a dump that locks no table"`
	Extra     string   `arg:"dump_extra_args" help:"more options for mysqldump"`
	UseShell  bool     `arg:"use_shell" default:"no" help:"without meaning: an import that fails fails the task"`
	PipeFail  bool     `arg:"pipefail" default:"no" help:"without meaning: a dump that fails halfway fails the task"`
	Unsafe    bool     `arg:"unsafe_login_password" default:"no" help:"without meaning: a password is never an argument"`
	Restrict  bool     `arg:"restrict_config_file" default:"no" help:"without meaning: files that the client reads by itself are read first, config_file last"`
	Overrides bool     `arg:"config_overrides_defaults" default:"no" help:"without meaning: what a task gives comes before what a file says"`
	Implicit  bool     `arg:"check_implicit_admin" default:"no" help:"try it as root without a password first"`
	Chdir     string   `arg:"chdir" type:"path" help:"the folder in which a dump or import runs"`
	BinLog    bool     `arg:"sql_log_bin" default:"yes" help:"no: what is done is not in the binary log"`
	mysqlLogin
}

// MysqlDB keeps databases of MySQL and MariaDB.
func MysqlDB() play.Module {
	return kit.Define(kit.Doc{Name: "mysql_db", Short: "databases of MySQL and MariaDB"}, mysqlDB{})
}

type mysqlDB struct{}

func (mysqlDB) Validate(a mysqlDBArgs) *play.ArgError {
	all := false
	for _, n := range a.Names {
		if n == "" {
			return &play.ArgError{Arg: "name", Msg: "Please provide at least one database name"}
		}
		all = all || n == "all"
	}
	_, ok := sh.Split(a.Extra)
	switch {
	case (a.State == "dump" || a.State == "import") && a.Target == "":
		return &play.ArgError{Arg: "target", Msg: "with state=" + a.State + " target is required"}
	case a.State == "import" && len(a.Names) > 1:
		return &play.ArgError{Arg: "name", Msg: "Multiple databases are not supported with state=import"}
	case all && (a.State == "present" || a.State == "absent"):
		return &play.ArgError{Arg: "name", Msg: "name is not allowed to equal 'all' unless state equals import, or dump."}
	case !ok:
		return &play.ArgError{Arg: "dump_extra_args", Msg: "holds an open quote"}
	}
	return nil
}

func (a mysqlDBArgs) sql() string {
	var names []string
	for _, n := range a.Names {
		names = append(names, mysqlLit(n))
	}
	return "SELECT SCHEMA_NAME FROM INFORMATION_SCHEMA.SCHEMATA WHERE SCHEMA_NAME IN (" + strings.Join(names, ", ") + ")"
}

func (mysqlDB) Facts(mysqlDBArgs) []host.Question { return nil }

func (m mysqlDB) Plan(a mysqlDBArgs, s host.Seen) (play.Plan, error) {
	if err := a.place(s); err != nil {
		return play.Plan{}, err
	}
	words, err := kit.ExpandAll(s, []string{a.Target, a.Chdir})
	if err != nil {
		return play.Plan{}, err
	}
	a.Target, a.Chdir = words[0], words[1]
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
	has := map[string]bool{}
	for _, r := range rows {
		has[r[0]] = true
	}
	switch a.State {
	case "dump":
		return a.dump(has), nil
	case "import":
		return a.load(has), nil
	}
	var sqls []string
	for _, n := range a.Names {
		switch {
		case a.State == "absent" && has[n]:
			sqls = append(sqls, "DROP DATABASE "+mysqlIdent(n))
		case a.State == "present" && !has[n]:
			sqls = append(sqls, a.create(n))
		}
	}
	data := a.data(sqls)
	if len(sqls) == 0 {
		return kit.Unchanged("every database is as it shall be", data), nil
	}
	p := play.Plan{Result: play.Result{Changed: true, Data: data}}
	for _, q := range sqls {
		p.Steps = append(p.Steps, a.run(a.logged()+q, q, false))
	}
	done := a.done(p.Result)
	p.Finish = func(ran []host.Output) (play.Result, error) {
		r, err := done(ran)
		if r.Failed && strings.HasPrefix(r.Msg, "(") {
			r.Msg = map[string]string{"present": "error creating database: ", "absent": "error deleting database: "}[a.State] + r.Msg
		}
		return r, err
	}
	return p, nil
}

// implicit is the login as root without a password where the server lets it in.
func (l mysqlLogin) implicit(s host.Seen) (mysqlLogin, error) {
	root := l
	root.User, root.Password = "root", ""
	ans, err := s.Answer(root.ask("SELECT 1"))
	if err == nil && ans.Status == 0 {
		return root, nil
	}
	return l, err
}

func (a mysqlDBArgs) logged() string {
	if a.BinLog {
		return ""
	}
	return "SET SQL_LOG_BIN=0;\n"
}

func (a mysqlDBArgs) create(n string) string {
	q := "CREATE DATABASE " + mysqlIdent(n)
	if a.Encoding != "" {
		q += " CHARACTER SET " + mysqlLit(a.Encoding)
	}
	if a.Collation != "" {
		q += " COLLATE " + mysqlLit(a.Collation)
	}
	return q
}

func (a mysqlDBArgs) data(sqls []string) *value.Map {
	m := mysqlData(sqls)
	m.Put("db", value.String(strings.Join(a.Names, " ")))
	m.Put("db_list", value.Strings(a.Names...))
	return m
}

// dumpText writes a dump beside its place and renames it; one that replaces another
// keeps its owner and mode: head, folder, target,
// options of mysqldump.
const dumpText sh.Constant = kit.Hold + mysqlHead + `if [ -n "$1" ]; then cd -- "$1" || exit 1; fi
t=$2; shift 2
case $t in *.gz) z="gzip -c" ;; *.bz2) z="bzip2 -c" ;; *.xz) z="xz -c" ;; *) z=cat ;; esac
k_mo=
k_hold "$t" || exit 1
if [ -d "./$k_n" ]; then k_no "target $t is a directory"; exit 1; fi
k_was && k_new || exit 1
{ { client "$@" || echo $? >&3; } | $z >&8 || echo 1 >&3; } 3>&1 >/dev/null | { if read -r r; then exit "$r"; fi; } || exit
k_see "$k_8" && k_own "" "" "$k_mo" "$k_ke" && k_mv || { k_no "$k_e"; exit 1; }`

// dump writes the databases into target.
func (a mysqlDBArgs) dump(has map[string]bool) play.Plan {
	more := []string{}
	on := func(is bool, w ...string) {
		if is {
			more = append(more, w...)
		}
	}
	on(a.Force, "--force")
	on(a.Quick, "--quick")
	for _, t := range a.Ignore {
		on(true, "--ignore-table="+t)
	}
	on(a.Encoding != "", "--default-character-set="+a.Encoding)
	on(a.Single, "--single-transaction=true")
	on(a.HexBlob, "--hex-blob")
	on(a.Master == 1, "--master-data=1")
	on(a.Master == 2, "--master-data=2")
	on(a.SkipLock, "--skip-lock-tables")
	extra, _ := sh.Split(a.Extra)
	on(true, extra...)
	if a.Names[0] == "all" {
		on(true, "--all-databases")
	} else {
		for _, n := range a.Names {
			if !has[n] {
				return kit.Failure("Cannot dump database(s) '%s' - not found", n)
			}
		}
		on(len(a.Names) > 1, "--databases")
		on(true, "--")
		on(true, a.Names...)
	}
	words := append([]string{a.Chdir, kit.Safe(a.Target)}, append(a.dumpWords(), more...)...)
	args := append(a.head("mysqldump", "mariadb-dump"), words...)
	return a.pipe(sh.Script(dumpText, args...), "dump "+strings.Join(a.Names, ", ")+" to "+a.Target)
}

// dumpWords are the login's without what mysqldump does not know.
func (a mysqlDBArgs) dumpWords() []string {
	var out []string
	for _, w := range a.words() {
		if !strings.HasPrefix(w, "--connect-timeout") {
			out = append(out, w)
		}
	}
	return out
}

// loadText reads a dump: head, folder, target, options of the client.
const loadText sh.Constant = mysqlHead + `if [ -n "$1" ]; then cd -- "$1" || exit 1; fi
t=$2; shift 2
case $t in *.gz) z="gzip -dc" ;; *.bz2) z="bzip2 -dc" ;; *.xz) z="xz -dc" ;; *) z=cat ;; esac
[ -f "$t" ] || { echo "target $t does not exist on the host" >&2; exit 1; }
{ { $z "$t" || echo $? >&3; } | client "$@" >&2 || echo $? >&3; } 3>&1 | { r=0; while read -r n; do r=$n; done; exit "$r"; }`

// load runs what is in target.
func (a mysqlDBArgs) load(has map[string]bool) play.Plan {
	words := append([]string{a.Chdir, kit.Safe(a.Target)}, a.words()...)
	if a.Force {
		words = append(words, "--force")
	}
	if a.Encoding != "" {
		words = append(words, "--default-character-set="+a.Encoding)
	}
	if !a.BinLog {
		words = append(words, "--init-command=SET SQL_LOG_BIN=0;")
	}
	var first []host.Step
	if n := a.Names[0]; n != "all" {
		if words = append(words, "--one-database", n); !has[n] {
			first = []host.Step{a.run(a.logged()+a.create(n), a.create(n), false)}
		}
	}
	args := append(a.head("mysql", "mariadb"), words...)
	p := a.pipe(sh.Script(loadText, args...), "import "+a.Target+" into "+a.Names[0])
	p.Steps = append(first, p.Steps...)
	return p
}

// pipe is the plan of a dump or an import.
func (a mysqlDBArgs) pipe(c sh.Cmd, what string) play.Plan {
	r := play.Result{Changed: true, Data: a.data([]string{what})}
	return play.Plan{Steps: []host.Step{host.Run{Cmd: c, What: what}}, Repeats: true, Result: r, Finish: a.done(r)}
}
