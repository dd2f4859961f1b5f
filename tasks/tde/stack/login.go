package stack

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/tasks/pg"
	"remoterun/tasks/tde/guard"
)

const keepPassword sh.Constant = `set -u
umask 077
mkdir -p "${1%/*}" && cat >"$1.new" && [ -s "$1.new" ] || exit 1
sync "$1.new" 2>/dev/null || sync
mv "$1.new" "$1"`

// KeepLogin keeps the password of the role that modules log in as in the state
// folder, where root alone reads it.
func (s Stack) KeepLogin(ctx context.Context, w host.Writer, password string) error {
	c := sh.Script(keepPassword, s.passwordFile()).With(sh.Bytes(password + "\n"))
	c.Secret = true
	out, err := w.Run(ctx, c)
	if err != nil {
		return err
	}
	return guard.Spoken("keep the password of role "+SQLRole, out)
}

// NewPassword makes a password that needs no quoting anywhere.
func NewPassword(random io.Reader) (string, error) {
	var raw [24]byte
	if random == nil {
		random = rand.Reader
	}
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", fmt.Errorf("random bytes: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw[:]), nil
}

// LoginKept asks whether the password is there; what it is shows a login.
func (s Stack) LoginKept() host.Fact[bool] {
	return host.Fact[bool]{Q: host.NewProbe(`[ -s "$1" ] && echo kept || echo lost`, s.passwordFile()), Parse: func(a host.Answer) (bool, error) {
		return string(a.Stdout) == "kept\n", nil
	}}
}

// renewText makes the role anew through psql inside the container $1, as the
// user $2 of its system, at port $3: by trust on the socket, which init leaves open to the
// server's own user. The roles that follow are tried in turn; the statements come
// on stdin.
const renewText sh.Constant = `sql=$(cat)
c=$1 u=$2 port=$3
shift 3
said=
for role; do
	if err=$(printf '%s\n' "$sql" | docker exec -i -u "$u" -e PGPORT="$port" "$c" psql -X -q -w -v ON_ERROR_STOP=1 -U "$role" -d postgres -f - 2>&1); then exit 0; fi
	said="$said$role: $(printf '%s\n' "$err" | tail -n 1); "
done
echo "$said" >&2
exit 1`

// renewSQL logs nothing of itself: a password is in it.
const renewSQL = `SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_duration_sample = -1;
SET log_min_error_statement = 'panic';
SET password_encryption = 'scram-sha-256';
DO 'BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ''` + SQLRole + `'') THEN CREATE ROLE ` + SQLRole + ` SUPERUSER LOGIN; END IF; END';
ALTER ROLE ` + SQLRole + ` SUPERUSER LOGIN PASSWORD `

// RenewLogin gives the role a new password, where the old one is lost or does
// not fit: the role first, the file behind it, so that a cut between leaves the
// file missing or old, and the next run begins again.
func RenewLogin(ctx context.Context, w host.Writer, random io.Reader, v Site) error {
	if v.Superuser() == SQLRole {
		return guard.Refuse(v.passwordFile(), "write the password of role "+SQLRole+" into it (root's, mode 0600)", "it is lost or does not fit, and the role is the stack's own (POSTGRES_USER)")
	}
	password, err := NewPassword(random)
	if err != nil {
		return err
	}
	c := sh.Script(renewText, v.Container.ID, v.InsideUser(), v.Port(), SQLRole, v.Superuser()).With(sh.Bytes(renewSQL + pg.Literal(password) + ";\n"))
	c.Secret = true
	out, err := w.Run(ctx, c)
	if err != nil {
		return err
	}
	if out.Status != 0 {
		return guard.Refuse("role "+SQLRole, v.LetIn(),
			"its password is lost or does not fit, and neither it nor a superuser is let in without one: %s", guard.Tail(out.Stderr, 1))
	}
	if err := v.KeepLogin(ctx, w, password); err != nil {
		return err
	}
	w.Say("login of role " + SQLRole + " made anew")
	return nil
}

// LetIn is what to type where pg_hba.conf lets the role in no more: lines before all
// others, for it alone. Those of the socket are for who is in the container already.
// It has no double quotes: the output shows texts with them escaped.
func (v Site) LetIn() string {
	name := sh.Quote(v.Container.Short())
	return fmt.Sprintf("docker exec -u %s %s sed -i -e '1i local all %s trust' -e '1i host all %[3]s all scram-sha-256' %s && docker kill -s HUP %[2]s on the host, then: remoterun unlock",
		sh.Quote(v.InsideUser()), name, SQLRole, sh.Quote(cmp.Or(v.dataFolder(), "/var/lib/postgresql/data")+"/pg_hba.conf"))
}

// Superuser is the cluster's bootstrap role, as the image's own entrypoint names
// it; a container may remember what the file does not say any more.
func (v Site) Superuser() string {
	made := ""
	if v.Container != nil {
		made = v.Container.Env("POSTGRES_USER")
	}
	return cmp.Or(v.Spec.Env("POSTGRES_USER"), made, "postgres")
}

// Login is the way to a database of the stack that has to be running.
func (s Stack) Login(seen host.Seen, database string) (pg.Target, error) {
	v, err := s.Find(seen)
	if err != nil {
		return pg.Target{}, err
	}
	if !v.Running() {
		return pg.Target{}, guard.Refuse(s.Object(), "run remoterun unlock first", "the container of %s does not run", s.Service)
	}
	return v.SQL(cmp.Or(database, "postgres"))
}

// SQLPlan tells what the server refused; links and missing answers go on.
func SQLPlan(err error) (play.Plan, error) {
	if e, ok := pg.AsError(err); ok {
		return play.Plan{Result: play.Failure(e.Error())}, nil
	}
	return guard.PlanOf(err)
}
