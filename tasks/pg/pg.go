// Package pg speaks to PostgreSQL on a host through the host's own SSH
// connection. Reads are questions and run in READ ONLY transactions, writes are
// steps. Where the server forbids forwarding, the same statements go through
// psql inside the container. It is the only importer of pgx, it opens no port
// anywhere, and it never prints.
package pg

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"remoterun/runner/host"
)

// Target is a database as the host reaches it. It is data: equal targets share
// one session per run of the host.
type Target struct {
	// Addr is "172.18.0.2:5432", or a folder with the server's unix socket.
	Addr string
	// Port counts for a unix socket, and for psql in the container; 0 is 5432.
	Port           int
	User, Database string
	// Password is used as it is. The driver keeps it as text in memory, so it
	// is never a key or a passphrase.
	Password string
	// PasswordFile is a file on the host that holds the password, read when a
	// session is opened; Password wins.
	PasswordFile string
	// Container and UID are the way in where forwarding is refused, or where
	// PasswordFile is not there: psql inside the container, as that user id.
	// Empty = no such way.
	Container, UID string
	// LocalUser is the database user that psql inside the container logs in
	// as; empty = User.
	LocalUser string
	// App follows "remoterun/" in application_name, by which a next run finds
	// what an earlier one left at work.
	App string
	// Linger is how long a session is kept that nobody uses; 0 = for the run of
	// the host. A session stands in the way of who drops or copies its database.
	Linger time.Duration
	// Brief gives the session up after each statement: for templates, which
	// nobody can copy meanwhile, and where there are more databases than
	// sessions that may be held.
	Brief bool
	// TLS is how the way from the host to the server is encrypted.
	TLS TLS
	// Role is the role that the session takes, Options are more options of it, as
	// PGOPTIONS writes them. psql in the container has neither.
	Role, Options string
	// Plain leaves the session's settings as the server has them: for questions about
	// settings.
	Plain bool
}

// In returns the target with another database of the same server.
func (t Target) In(database string) Target { t.Database = database; return t }

func (t Target) key() string {
	return host.KeyOf("pg", t.Addr, fmt.Sprint(t.Port), t.User, t.Database, t.PasswordFile, t.Container, t.UID, t.LocalUser, t.App, fmt.Sprint(t.Linger, t.Brief, t.Plain), t.TLS.Mode, t.TLS.CA, t.TLS.Cert, t.TLS.Key, t.Role, t.Options)
}

// Text makes arguments ($1, $2 …) of text.
func Text(args ...string) []*string {
	out := make([]*string, len(args))
	for i := range args {
		out[i] = &args[i]
	}
	return out
}

// Query is one statement that only reads: a question. Its answer is a Result,
// an error of the server included; status 1 is an SQL error, 2 a server that
// did not answer or let nobody in. Only a broken link is an error of Ask.
type Query struct {
	To   Target
	SQL  string
	Args []*string // nil = NULL
	// Within bounds the statement; 0 is 60 s.
	Within time.Duration
}

var _ host.Question = Query{}

// Key identifies the question.
func (q Query) Key() string {
	parts := []string{q.To.key(), q.SQL}
	for _, a := range q.Args {
		if a == nil {
			parts = append(parts, "n")
		} else {
			parts = append(parts, "t"+*a)
		}
	}
	return host.KeyOf("sql", parts...)
}

// Fact is the question with the reading of its answer.
func (q Query) Fact() host.Fact[Result] { return host.Fact[Result]{Q: q, Parse: ParseAnswer} }

// Result is what a statement gave.
type Result struct {
	Columns []Column
	Rows    [][]*string // text as the server prints it; nil = NULL
	Tag     string      // INSERT 0 1; empty through psql
	Err     *Error      // what the server, or the way to it, said instead
}

// Column is one column of a result. OID is its type, 0 when not known.
type Column struct {
	Name string
	OID  uint32
}

// Error is the server's refusal, or a server that could not be reached.
type Error struct {
	Code    string // SQLSTATE; empty when the server was not reached
	Message string
	Detail  string `json:",omitempty"`
	Hint    string `json:",omitempty"`
	Context string `json:",omitempty"`
	// Line shows where in the statement, in two lines as psql writes them; empty =
	// not known.
	Line string `json:",omitempty"`
	at   int    // character of the statement, 0 = not known
	// Connect is set when no session came about: nothing was run.
	Connect bool `json:",omitempty"`
}

func (e *Error) Error() string {
	msg := e.Message
	if e.Detail != "" {
		msg += " (" + e.Detail + ")"
	}
	if e.Code != "" {
		msg += " [" + e.Code + "]"
	}
	return msg
}

// Answer is the result as an answer of a question.
func (r Result) Answer() host.Answer {
	text, _ := json.Marshal(r) // text and numbers only: cannot fail
	a := host.Answer{Stdout: text}
	if r.Err != nil {
		a.Status = 1
		if r.Err.Connect {
			a.Status = 2
		}
	}
	return a
}

// ParseAnswer reads what Result.Answer wrote. An SQL error is in the result.
func ParseAnswer(a host.Answer) (Result, error) {
	var r Result
	if err := json.Unmarshal(a.Stdout, &r); err != nil {
		return r, fmt.Errorf("answer of the database: %w", err)
	}
	return r, nil
}

// Rows reads the rows of q, an SQL error as the error.
func Rows(s host.Seen, q Query) ([][]*string, error) {
	r, err := host.Get(s, q.Fact())
	if err == nil && r.Err != nil {
		err = r.Err
	}
	return r.Rows, err
}

// One reads the only row of q as text, NULL as "".
func One(s host.Seen, q Query) ([]string, error) {
	rows, err := Rows(s, q)
	if err != nil {
		return nil, err
	}
	if len(rows) != 1 {
		return nil, fmt.Errorf("%d rows instead of one: %s", len(rows), oneLine(q.SQL))
	}
	out := make([]string, len(rows[0]))
	for i, c := range rows[0] {
		if c != nil {
			out[i] = *c
		}
	}
	return out, nil
}

// AsError answers the server's own error inside err.
func AsError(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

func oneLine(sql string) string {
	sql = strings.Join(strings.Fields(sql), " ")
	if len(sql) > 80 {
		sql = sql[:77] + "..."
	}
	return sql
}
