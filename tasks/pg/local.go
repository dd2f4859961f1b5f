package pg

import (
	"fmt"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// Local is a server that psql on the host reaches under the task's own
// identity: the way of peer authentication, which no forwarded connection has.
type Local struct {
	Socket         string // folder of the socket or a host name, empty = psql's own choice
	Port           int    // 0 = psql's own choice
	User, Database string // empty = psql's own choice
	// Container is a container, or the service of a compose file, in which psql
	// runs; empty = on the host.
	Container string
	// Role is the role that the session takes; empty = the user's.
	Role string
	// Options are more options of the session, as PGOPTIONS writes them.
	Options string
	// Env are more settings of libpq, NAME=value; without meaning in a container.
	Env []string
	// Plain leaves the session's settings as the server has them: for questions about
	// settings.
	Plain bool
}

// localNull stands for NULL in what psql prints.
const localNull = "\x02NULL\x03"

// localMark divides the types from the rows, and the rows from their count.
const localMark = "\x02remoterun\x03"

// localScript prints a statement's types, rows and count; what psql complains
// about is on stdout too, since a question has no stderr. Arguments: options,
// null, socket, port, user, database, container, then settings of libpq. The statement comes on stdin.
const localScript sh.Constant = `PGAPPNAME=remoterun PGOPTIONS=$1 PGCONNECT_TIMEOUT=15; export PGAPPNAME PGOPTIONS PGCONNECT_TIMEOUT
if [ -n "$7" ]; then
` + InContainer + `exec docker exec -i -e PGAPPNAME -e PGOPTIONS -e PGCONNECT_TIMEOUT "$c" psql -X -q --csv -w -v ON_ERROR_STOP=1 -v VERBOSITY=verbose -P null="$2" ${3:+-h "$3"} ${4:+-p "$4"} ${5:+-U "$5"} ${6:+-d "$6"} -f - 2>&1
fi
i=0
for a; do i=$((i + 1)); [ $i -le 7 ] || export "$a"; done
exec psql -X -q --csv -w -v ON_ERROR_STOP=1 -v VERBOSITY=verbose -P null="$2" ${3:+-h "$3"} ${4:+-p "$4"} ${5:+-U "$5"} ${6:+-d "$6"} -f - 2>&1`

// InContainer is shell text that finds the container $7, by its name or as the one
// that runs a compose service of that name: $c. It ends the script with status 2.
const InContainer = `c=$(docker inspect -f "{{.Id}}" "$7" 2>/dev/null) || c=$(docker ps -q --filter "label=com.docker.compose.service=$7")
case $c in
"") echo "psql: error: there is no container and no running compose service $7"; exit 2 ;;
*"
"*) echo "psql: error: several containers run a compose service $7: name the container"; exit 2 ;;
esac
`

func (l Local) args(write bool) []string {
	options := "-c client_min_messages=error -c datestyle=ISO"
	switch {
	case l.Plain:
		options = ""
	case !write:
		options += " -c default_transaction_read_only=on"
	}
	options += SessionOptions(l.Role, l.Options)
	port := ""
	if l.Port != 0 {
		port = strconv.Itoa(l.Port)
	}
	return append([]string{options, localNull, l.Socket, port, l.User, ConnName(l.Database), l.Container}, l.Env...)
}

// ConnName is a database as options of libpq's programs take it: a name that looks
// like a connection string would be read as one.
func ConnName(db string) string {
	if !strings.Contains(db, "=") && !strings.HasPrefix(db, "postgres://") && !strings.HasPrefix(db, "postgresql://") {
		return db
	}
	return "dbname='" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(db) + "'"
}

// SessionOptions are a role and more options, as PGOPTIONS writes them.
func SessionOptions(role, more string) string {
	out := ""
	if more != "" {
		out = " " + more
	}
	if role != "" {
		out += Setting("role", role)
	}
	return out
}

// Setting is one setting of a session, as PGOPTIONS writes it.
func Setting(name, v string) string {
	return " -c " + name + "=" + strings.NewReplacer(`\`, `\\`, " ", `\ `, "\t", "\\\t", "\n", "\\\n").Replace(v)
}

// localInput is what psql reads. Types are asked for only when the text is one
// statement: psql would run the others twice.
func localInput(sql string) string {
	sql = strings.TrimRight(sql, "; \n\t\r")
	types := ""
	if !strings.Contains(sql, ";") {
		types = sql + "\n\\gdesc\n"
	}
	return types + "\\echo '" + localMark + "'\n" + sql + "\n;\n\\echo '" + localMark + "' :ROW_COUNT\n"
}

// Query is a statement that only reads, as a question.
func (l Local) Query(sql string) host.Fact[Result] {
	return host.Fact[Result]{
		Q:     host.NewProbe(localScript, l.args(false)...).WithStdin(l.reading(sql)).Patient(),
		Parse: func(a host.Answer) (Result, error) { return readLocal(string(a.Stdout), a.Status) },
	}
}

// reading is the input of a question: a session that keeps the server's settings is
// kept from writing by a transaction.
func (l Local) reading(sql string) string {
	if !l.Plain {
		return localInput(sql)
	}
	return "BEGIN READ ONLY;\n" + localInput(sql) + "ROLLBACK;\n"
}

// Exec is a statement that may write, as a step.
func (l Local) Exec(sql, what string) host.Step {
	c := sh.Script(localScript, l.args(true)...).With(sh.Bytes(localInput(sql)))
	c.Secret = true // the statement may hold a password
	return host.Run{Cmd: c, What: what}
}

// ParseLocal reads what Exec's step left.
func ParseLocal(o host.Output) (Result, error) {
	return readLocal(string(o.Stdout)+string(o.Stderr), o.Status)
}

func readLocal(text string, status int) (Result, error) {
	if status != 0 {
		return Result{Err: psqlFailure(text, status)}, nil
	}
	types, rest, ok := strings.Cut(text, localMark+"\n")
	rows, count, ok2 := strings.Cut(rest, localMark)
	if !ok || !ok2 {
		return Result{}, fmt.Errorf("psql printed something else than rows: %.200q", text)
	}
	res, err := readPsql([]byte(rows), 0, localNull)
	if err != nil {
		return res, err
	}
	described, _ := readCSV(types)
	for i := range res.Columns {
		if i+1 < len(described) && len(described[i+1]) == 2 {
			res.Columns[i].OID = typeOID(described[i+1][1])
		}
	}
	res.Tag = strings.TrimSpace(count)
	return res, nil
}

// typeOID is the number of a type that is not shown as text, 0 for all others.
func typeOID(name string) uint32 {
	base, _, _ := strings.Cut(name, "(")
	return map[string]uint32{"boolean": oidBool, "smallint": oidInt2, "integer": oidInt4, "bigint": oidInt8, "oid": oidOid, "real": oidFloat4,
		"double precision": oidFloat8, "numeric": oidNumeric, "json": oidJSON, "jsonb": oidJSONB}[base]
}
