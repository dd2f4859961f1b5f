package pg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"remoterun/runner/host"
)

const (
	// connectWithin bounds dialling and logging in. It is shorter than any
	// statement's bound: the address of a container that has just ended answers
	// nothing, and that is a server that does not answer, not a failed question.
	connectWithin = 5 * time.Second
	// queryWithin bounds a statement that names no bound of its own.
	queryWithin = time.Minute
	// cancelGrace is how long the server may take to answer a cancel request
	// before the session is cut.
	cancelGrace = 3 * time.Second
)

// errPassword is a password file that is not there.
var errPassword = errors.New("the password file cannot be read")

// session is one login, kept for the run of the host. Its statements run one
// at a time.
type session struct {
	mu   sync.Mutex
	conn *pgconn.PgConn // nil: forwarding is refused or the password lost, psql is the way
	used bool
	idle *time.Timer // ends a session that lingers
}

// errEnded is a session that was ended for want of use: nothing was sent.
var errEnded = errors.New("the session was not used for a while")

// Close ends the login.
func (s *session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end()
}

func (s *session) end() error {
	if s.conn == nil || s.conn.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), cancelGrace)
	defer cancel()
	return s.conn.Close(ctx)
}

// work is one statement: SQL, its arguments, and whether it may write.
type work struct {
	sql   string
	args  []*string
	write bool
}

// Ask runs the statement in a READ ONLY transaction.
func (q Query) Ask(ctx context.Context, r host.Reader) (host.Answer, error) {
	within := q.Within
	if within == 0 {
		within = queryWithin
	}
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("%s: no answer within %s: %s", r.Name(), within, oneLine(q.SQL)))
	defer cancel()
	res, err := run(ctx, r, q.To, work{sql: q.SQL, args: q.Args}, psqlByProbe(r))
	if err != nil {
		return host.Answer{}, err
	}
	return res.Answer(), nil
}

// run takes the kept session or opens one. A kept session that turns out to be
// dead (the server was restarted) is replaced once, for reads only: a write
// that may have begun is never sent twice.
func run(ctx context.Context, r host.Reader, t Target, w work, psql psqlRunner) (Result, error) {
	for {
		s, err := keep(ctx, r, t)
		if err != nil {
			return failed(ctx, err)
		}
		res, fresh, err := s.do(ctx, t, w, psql)
		if errors.Is(err, errEnded) {
			r.Forget(t.key())
			continue
		}
		if err == nil && !lostSession(res.Err) {
			if t.Brief {
				r.Forget(t.key())
			}
			return res, nil
		}
		r.Forget(t.key())
		switch {
		case err == nil && (fresh || w.write):
			return res, nil
		case err != nil && (fresh || w.write || ctx.Err() != nil):
			return broken(ctx, r, err)
		}
	}
}

// broken sorts a session that ended in mid-statement: was it the link, or the
// server alone?
func broken(ctx context.Context, r host.Reader, err error) (Result, error) {
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	if _, lost := r.Probe(ctx, host.NewProbe(":").Wide()); lost != nil {
		return Result{}, &host.TransportError{Host: r.Name(), During: "run a statement", Begun: true, Err: lost}
	}
	return Result{Err: &Error{Code: "08006", Message: "the server ended the session while the statement ran, its outcome is unknown: " + err.Error()}}, nil
}

// failed sorts what went wrong on the way to the server: the link and the
// context are errors, the server's silence is a result.
func failed(ctx context.Context, err error) (Result, error) {
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	var become *host.BecomeError
	if errors.Is(err, host.ErrTransport) || errors.As(err, &become) {
		return Result{}, err
	}
	e := &Error{Message: err.Error(), Connect: true}
	var p *pgconn.PgError
	if errors.As(err, &p) {
		e = serverError(p)
		e.Connect = true
	}
	return Result{Err: e}, nil
}

// lostSession reports an error by which the server ends a session.
func lostSession(e *Error) bool {
	return e != nil && (strings.HasPrefix(e.Code, "57P") || strings.HasPrefix(e.Code, "08"))
}

func keep(ctx context.Context, r host.Reader, t Target) (*session, error) {
	c, err := r.Keep(t.key(), func() (io.Closer, error) { return open(ctx, r, t) })
	if err != nil {
		return nil, err
	}
	return c.(*session), nil
}

func open(ctx context.Context, r host.Reader, t Target) (io.Closer, error) {
	cfg, err := config(ctx, r, t)
	if errors.Is(err, errPassword) && t.Container != "" {
		return &session{}, nil // its folder was lost: root's way in is left
	}
	if err != nil {
		return nil, err
	}
	var dialled error
	cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := r.Dial(ctx, network, addr)
		if err != nil {
			dialled = err
			return nil, err
		}
		return newTunnel(c, network, addr), nil
	}
	conn, err := pgconn.ConnectConfig(ctx, cfg)
	var f *host.ForwardError
	switch {
	case err == nil:
		return &session{conn: conn}, nil
	case errors.As(dialled, &f) && f.Refused && t.Container != "":
		return &session{}, nil
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return nil, fmt.Errorf("%s does not answer within %s", t.Addr, connectWithin)
	case dialled != nil:
		return nil, dialled
	}
	return nil, err
}

// config is built from the target alone: nothing of the laptop's PG* variables,
// password files or service files gets in.
func config(ctx context.Context, r host.Reader, t Target) (*pgconn.Config, error) {
	cfg, err := pgconn.ParseConfig("host=localhost port=5432 user=x database=x sslmode=disable passfile=/dev/null target_session_attrs=any connect_timeout=0")
	if err != nil {
		return nil, fmt.Errorf("database settings: %w", err)
	}
	if cfg.Host, cfg.Port, err = t.hostPort(); err != nil {
		return nil, err
	}
	cfg.User, cfg.Database, cfg.Password = t.User, t.Database, t.Password
	if t.Password == "" && t.PasswordFile != "" {
		if cfg.Password, err = readPassword(ctx, r, t.PasswordFile); err != nil {
			return nil, err
		}
	}
	cfg.TLSConfig, cfg.Fallbacks = nil, nil
	cfg.ConnectTimeout = connectWithin
	cfg.RuntimeParams = map[string]string{
		"application_name": t.app(), "client_encoding": "UTF8", "datestyle": "ISO", "timezone": "UTC",
	}
	if t.Plain {
		delete(cfg.RuntimeParams, "datestyle")
		delete(cfg.RuntimeParams, "timezone")
	}
	if options := SessionOptions(t.Role, t.Options); options != "" {
		cfg.RuntimeParams["options"] = options
	}
	if err := t.TLS.apply(ctx, r, cfg); err != nil {
		return nil, err
	}
	// A name is looked up where it means something: on the host.
	cfg.LookupFunc = func(_ context.Context, name string) ([]string, error) { return []string{name}, nil }
	cfg.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: cancelGrace}
	}
	return cfg, nil
}

func (t Target) app() string {
	if t.App == "" {
		return "remoterun/sql"
	}
	return "remoterun/" + t.App
}

func (t Target) port() int { return cmp.Or(t.Port, 5432) }

func (t Target) hostPort() (string, uint16, error) {
	if strings.HasPrefix(t.Addr, "/") {
		return t.Addr, uint16(t.port()), nil
	}
	h, p, err := net.SplitHostPort(t.Addr)
	if err != nil {
		return "", 0, fmt.Errorf("database address %q: %w", t.Addr, err)
	}
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("database address %q: no port", t.Addr)
	}
	return h, uint16(n), nil
}

func readPassword(ctx context.Context, r host.Reader, file string) (string, error) {
	a, err := r.Probe(ctx, host.NewProbe(`cat -- "$1"`, file))
	if err != nil {
		return "", err
	}
	if a.Status != 0 {
		return "", fmt.Errorf("%w: %s on %s", errPassword, file, r.Name())
	}
	return strings.TrimRight(string(a.Stdout), "\r\n"), nil
}

// do runs one statement; fresh says that the session had never been used
// before, so that its failure is not that of an old login.
func (s *session) do(ctx context.Context, t Target, w work, psql psqlRunner) (res Result, fresh bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle != nil {
		s.idle.Stop()
	}
	if s.used && s.conn != nil && s.conn.IsClosed() {
		return res, false, errEnded
	}
	fresh, s.used = !s.used, true
	defer s.linger(t)
	switch {
	case s.conn == nil:
		res, err = psql(ctx, t, w)
	case w.write:
		res, err = s.writes(ctx, w)
	default:
		res, err = s.reads(ctx, w)
	}
	if res.Err != nil && res.Err.at > 0 {
		res.Err.Line = lineAt(w.sql, res.Err.at)
	}
	return res, fresh, err
}

// linger ends the session after a time of rest.
func (s *session) linger(t Target) {
	if t.Linger > 0 && s.conn != nil {
		s.idle = time.AfterFunc(t.Linger, func() { _ = s.Close() })
	}
}

func (s *session) writes(ctx context.Context, w work) (Result, error) {
	return take(s.conn.ExecParams(ctx, w.sql, params(w.args), nil, nil, nil))
}

// reads sends the transaction's beginning, the statement and its end in one
// round trip.
func (s *session) reads(ctx context.Context, w work) (Result, error) {
	p := s.conn.StartPipeline(ctx)
	p.SendQueryParams("BEGIN READ ONLY", nil, nil, nil, nil)
	p.SendQueryParams(w.sql, params(w.args), nil, nil, nil)
	p.SendQueryParams("ROLLBACK", nil, nil, nil, nil)
	if err := p.Sync(); err != nil {
		_ = p.Close()
		return Result{}, err
	}
	res, err := collect(p)
	if cerr := p.Close(); err == nil && res.Err == nil {
		err = cerr
	}
	if err == nil && s.conn.TxStatus() != 'I' {
		_, err = s.conn.Exec(ctx, "ROLLBACK").ReadAll()
	}
	return res, err
}

// collect keeps the second of the pipeline's results; an error ends it.
func collect(p *pgconn.Pipeline) (Result, error) {
	var out Result
	for i := 0; ; i++ {
		got, err := p.GetResults()
		var pe *pgconn.PgError
		if errors.As(err, &pe) {
			out.Err = serverError(pe)
			return out, nil
		}
		if err != nil {
			return out, err
		}
		switch r := got.(type) {
		case *pgconn.ResultReader:
			res, err := take(r)
			if err != nil || res.Err != nil {
				return res, err
			}
			if i == 1 {
				out = res
			}
		case *pgconn.PipelineSync, nil:
			return out, nil
		}
	}
}

// take reads one result to its end.
func take(r *pgconn.ResultReader) (Result, error) {
	var out Result
	for _, f := range r.FieldDescriptions() {
		out.Columns = append(out.Columns, Column{Name: f.Name, OID: f.DataTypeOID})
	}
	for r.NextRow() {
		if out.Columns == nil {
			for _, f := range r.FieldDescriptions() {
				out.Columns = append(out.Columns, Column{Name: f.Name, OID: f.DataTypeOID})
			}
		}
		row := make([]*string, len(r.Values()))
		for i, v := range r.Values() {
			if v != nil {
				text := string(v)
				row[i] = &text
			}
		}
		out.Rows = append(out.Rows, row)
	}
	tag, err := r.Close()
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return Result{Err: serverError(pe)}, nil
	}
	out.Tag = tag.String()
	return out, err
}

func params(args []*string) [][]byte {
	out := make([][]byte, len(args))
	for i, a := range args {
		if a != nil {
			out[i] = []byte(*a)
		}
	}
	return out
}

func serverError(p *pgconn.PgError) *Error {
	return &Error{Code: p.Code, Message: p.Message, Detail: p.Detail, Hint: p.Hint, Context: p.Where, at: int(p.Position)}
}

// lineAt shows a place of a statement as libpq does: the line, and a mark below. Lines
// that libpq would cut are left out.
func lineAt(sql string, at int) string {
	n := 1
	for line := range strings.SplitSeq(sql, "\n") {
		r := []rune(line)
		if at > len(r)+1 {
			at, n = at-len(r)-1, n+1
			continue
		}
		head := fmt.Sprintf("LINE %d: ", n)
		if at < 1 || len(r) > 60 || strings.Contains(line, "\t") {
			break
		}
		return head + line + "\n" + strings.Repeat(" ", len(head)+at-1) + "^\n"
	}
	return ""
}
