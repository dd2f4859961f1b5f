package pg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// psqlRunner runs one statement through psql inside the target's container.
type psqlRunner func(ctx context.Context, t Target, w work) (Result, error)

// psqlScript prints rows as CSV, NULL as $6, and what psql complains about on
// stdout too, since a question has no stderr. The statement comes on stdin.
const psqlScript = `exec docker exec -i -u "$1" -e PGAPPNAME="$2" -e PGOPTIONS="$3" -e PGPORT="$8" "$4" \
psql -X -q --csv -v ON_ERROR_STOP=1 -v VERBOSITY=verbose -P null="$6" -U "$5" -d "$7" -f - 2>&1`

func psqlArgs(t Target, w work, null string) []string {
	user := t.LocalUser
	if user == "" {
		user = t.User
	}
	options := "-c client_min_messages=error -c datestyle=ISO -c timezone=UTC"
	if !w.write {
		options += " -c default_transaction_read_only=on"
	}
	return []string{t.UID, t.app(), options, t.Container, user, null, t.Database, strconv.Itoa(t.port())}
}

func psqlByProbe(r host.Reader) psqlRunner {
	return func(ctx context.Context, t Target, w work) (Result, error) {
		null := sh.NewNonce()
		a, err := r.Probe(ctx, host.NewProbe(psqlScript, psqlArgs(t, w, null)...).WithStdin(inline(w)))
		if err != nil {
			return Result{}, err
		}
		return readPsql(a.Stdout, a.Status, null)
	}
}

func psqlByRun(rw host.Writer) psqlRunner {
	return func(ctx context.Context, t Target, w work) (Result, error) {
		null := sh.NewNonce()
		c := sh.Script(psqlScript, psqlArgs(t, w, null)...).With(sh.Bytes(inline(w)))
		c.Secret = true // the statement may hold a password
		out, err := rw.Run(ctx, c)
		if err != nil {
			return Result{}, err
		}
		return readPsql(append(out.Stdout, out.Stderr...), out.Status, null)
	}
}

var placeholder = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\$[0-9]+`) })

// inline writes the arguments into the statement, as literals. Only statements
// of our own come here with arguments: none has a $n inside a quoted text.
func inline(w work) string {
	sql := placeholder().ReplaceAllStringFunc(w.sql, func(p string) string {
		var n int
		if _, err := fmt.Sscanf(p, "$%d", &n); err != nil || n < 1 || n > len(w.args) {
			return p
		}
		if w.args[n-1] == nil {
			return "NULL"
		}
		return Literal(*w.args[n-1])
	})
	return strings.TrimRight(sql, "; \n\t") + ";\n"
}

// Literal quotes a text for SQL, whatever standard_conforming_strings says.
func Literal(s string) string {
	q := strings.ReplaceAll(s, "'", "''")
	if strings.Contains(q, `\`) {
		return ` E'` + strings.ReplaceAll(q, `\`, `\\`) + `'`
	}
	return "'" + q + "'"
}

// Ident quotes a name for SQL.
func Ident(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

var psqlError = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^(?:psql:[^\n]*?: )?(?:ERROR|FATAL|PANIC):  ([0-9A-Z]{5}): (.*)$`)
})

// readPsql reads CSV, or the complaint of psql or docker.
func readPsql(out []byte, status int, null string) (Result, error) {
	if status != 0 {
		return Result{Err: psqlFailure(string(out), status)}, nil
	}
	if len(bytes.TrimSpace(out)) == 0 {
		return Result{}, nil
	}
	records, ok := readCSV(string(out))
	if !ok {
		return Result{}, errors.New("psql printed no CSV: an open quote")
	}
	var res Result
	for _, name := range records[0] {
		res.Columns = append(res.Columns, Column{Name: name})
	}
	for _, rec := range records[1:] {
		row := make([]*string, len(rec))
		for i := range rec {
			if rec[i] != null {
				row[i] = &rec[i]
			}
		}
		res.Rows = append(res.Rows, row)
	}
	return res, nil
}

// readCSV reads what psql writes. A line that is empty is a row with one empty
// field, which readers made for people's files leave out.
func readCSV(text string) (records [][]string, ok bool) {
	var rec []string
	var field strings.Builder
	end := func() { rec = append(rec, field.String()); field.Reset() }
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			n := quoted(text[i:], &field)
			if n == 0 {
				return nil, false
			}
			i += n - 1
		case ',':
			end()
		case '\n':
			end()
			records, rec = append(records, rec), nil
		default:
			field.WriteByte(text[i])
		}
	}
	return records, true
}

// quoted reads a field in double quotes and answers its length in the text, 0
// when it has no end.
func quoted(text string, into *strings.Builder) int {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != '"':
			into.WriteByte(text[i])
		case i+1 < len(text) && text[i+1] == '"':
			into.WriteByte('"')
			i++
		default:
			return i + 1
		}
	}
	return 0
}

func psqlFailure(text string, status int) *Error {
	m := psqlError().FindStringSubmatch(text)
	if m == nil {
		// docker's own refusal, or psql that found no server (status 2)
		return &Error{Message: strings.TrimSpace(text), Connect: true}
	}
	e := &Error{Code: m[1], Message: strings.TrimSpace(m[2]), Connect: status == 2}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "LINE ") && i+1 < len(lines) && strings.Trim(lines[i+1], " ") == "^" {
			e.Line = line + "\n" + lines[i+1] + "\n"
		}
		if d, ok := strings.CutPrefix(line, "DETAIL:  "); ok {
			e.Detail = d
		}
		if h, ok := strings.CutPrefix(line, "HINT:  "); ok {
			e.Hint = h
		}
		if c, ok := strings.CutPrefix(line, "CONTEXT:  "); ok {
			e.Context = c
		}
	}
	return e
}
