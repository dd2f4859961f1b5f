package unlock

import (
	"context"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/tasks/compose"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/stack"
)

// recreate makes the container of the service anew, and nothing else: it was made
// without the overlay. A database that came to be in the clear meanwhile is kept and
// named.
func (u unlocking) recreate(s host.Seen, v stack.Site, t stack.Truth) (play.Plan, error) {
	again := guard.Command("make container "+v.Container.Short()+" anew, with the overlay", u.againCommand())
	if v.Serves(t) {
		return u.start(past{restarted: true}, again), nil
	}
	astray, err := v.Astray(s)
	if err != nil {
		return play.Plan{}, err
	}
	if !astray.Plain() {
		return u.start(past{restarted: true}, again), nil
	}
	return u.start(past{restarted: true}, u.keep(v, astray), again), nil
}

func (u unlocking) againCommand() sh.Cmd {
	return u.Compose().Command("up", "-d", "--no-deps", "--no-build", "--force-recreate", "--pull", "never", "--", u.Service)
}

// keptText prints how many rows the database in the container $1 has, and when its
// folder $2 was last written, as user $3 of the container's system, port $4, role $5.
// A server that does not answer is not counted.
const keptText sh.Constant = `c=$1 dir=$2 u=$3 port=$4 role=$5
q() { docker exec -i -u "$u" -e PGPORT="$port" -e PGOPTIONS="-c statement_timeout=60000" "$c" psql -XqAtw -v ON_ERROR_STOP=1 -U "$role" "$@" 2>/dev/null; }
rows=0 tables=0
said="its rows were not counted: it does not answer"
if dbs=$(q -d postgres -c "SELECT datname FROM pg_database WHERE datallowconn" </dev/null); then
	said=
	IFS='
'
	for d in $dbs; do
		list=$(q -d "$d" -c "SELECT format('SELECT count(*) FROM ONLY %I.%I;', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')" </dev/null) || said=" at least, not all could be counted"
		[ -n "$list" ] || continue
		n=$(printf '%s\n' "$list" | q -d "$d" -f -) || said=" at least, not all could be counted"
		for r in $n; do rows=$((rows + r)) tables=$((tables + 1)); done
	done
	r=rows t=tables
	[ "$rows" -ne 1 ] || r=row
	[ "$tables" -ne 1 ] || t=table
	said="$rows $r in $tables $t$said"
fi
newest=$(ls -td "$dir"/pg_wal/* "$dir"/base/*/* "$dir"/global/* 2>/dev/null | head -n 1)
when=$(stat -c %y "$newest" 2>/dev/null)
echo "$said, last written ${when%%.*}"`

// keep says what is left behind.
func (u unlocking) keep(v stack.Site, a stack.Astray) guard.Act {
	return guard.Do("see what was written in the clear in "+a.Place, func(ctx context.Context, w host.Writer) ([]byte, error) {
		out, err := w.Run(ctx, sh.Script(keptText, v.Container.ID, v.HostData, v.InsideUser(), v.Port(), v.Superuser()))
		if err == nil && out.Status != 0 {
			err = compose.Fail("see what was written in "+a.Place, out.Status, string(out.Stderr))
		}
		if err != nil {
			return nil, err
		}
		said := "a database in the clear was made in " + a.Place + " while the overlay was not in effect: " + strings.TrimSpace(string(out.Stdout)) +
			"; it is kept as it is, and what is in it is not in the encrypted one; so that nothing starts on it again: mv " + v.HostData + "/global/pg_control " + v.HostData + "/global/pg_control.kept"
		w.Say(said)
		return []byte(saidKept + said), nil
	})
}
