package move

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/compose"
	"remoterun/tasks/move/catalog"
)

// What would be found only when the copy is done (a server that does not start, an
// index that cannot be made) is looked for before anything is changed.

// suit is a running cluster, and the image that is to serve it.
type suit struct {
	m   *mover
	v   site
	c   catalog.Cluster
	img *compose.Image
	// major is the image's, user the number that its server is to run as.
	major int
	user  string
}

// check refuses what no copy carries, and what the new server would stumble over.
func (s *suit) check(ctx context.Context, w host.Writer) (err error) {
	m, c := s.m, s.c
	if s.major, err = imageMajor(ctx, w, s.img.ID); err != nil {
		return err
	}
	if err := (preflight{m}).refuseCluster(c, s.major); err != nil {
		return err
	}
	if a, ok := m.to.(Accepter); ok {
		if err := a.Accept(c, s.major); err != nil {
			return err
		}
	}
	if err := (preflight{m}).extensions(ctx, w, c, s.img); err != nil {
		return err
	}
	if err := dumpable(ctx, w, c, s.v.db.ID); err != nil {
		return err
	}
	if !m.rehearsal {
		if err := (preflight{m}).outside(ctx, w, s.v.db.ID, c.Super); err != nil {
			return err
		}
	}
	if err := s.serverUser(ctx, w); err != nil {
		return err
	}
	if err := s.settings(ctx, w); err != nil {
		return err
	}
	return twins(ctx, w, c, s.v.db.ID)
}

// serverUser keeps the number that the service's server runs as: the new cluster
// is made for it. initdb wants a name for it in the image.
func (s *suit) serverUser(ctx context.Context, w host.Writer) error {
	m, user, img := s.m, s.v.svc.User, s.img
	number, _, _ := strings.Cut(user, ":")
	if n, err := strconv.Atoi(number); err != nil || n == 0 {
		return nil
	}
	out, err := w.Run(ctx, sh.Script(`exec docker run --rm --pull never --network none --entrypoint /bin/sh "$1" -c 'cut -d: -f3 /etc/passwd | grep -qx -e "$1"' sh "$2" </dev/null`, img.ID, number))
	if err != nil {
		return err
	}
	if out.Status != 0 {
		return refuse("service "+m.Service, "take user: out of the compose file, and docker compose up -d "+m.Service+"; the image takes its own user then",
			"its server runs as user %s, for whom the image %s has no name: it could neither make a cluster nor read one", user, m.to.Image())
	}
	s.user = user
	return nil
}

// outsideSQL prints the settings that files beside the data folder make, which the
// new server gets, too.
const outsideSQL = `SELECT DISTINCT name FROM pg_file_settings WHERE sourcefile NOT LIKE current_setting('data_directory') || '/%' AND name IS NOT NULL ORDER BY 1;
`

// settings refuses settings of the command, or of files that are mounted,
// that the new server does not know: it would not start.
func (s *suit) settings(ctx context.Context, w host.Writer) error {
	m, v, c, img := s.m, s.v, s.c, s.img
	names := commandSettings(v.db.Config.Cmd)
	text, err := output(ctx, w, "ask for settings of other files", sh.Script(insideText, v.db.ID, "postgres", c.Super).With(sh.Bytes(outsideSQL)))
	if err != nil {
		return err
	}
	names = plainSettings(append(names, strings.Fields(text)...))
	if len(names) == 0 {
		return nil
	}
	said, err := output(ctx, w, "ask the new image for its settings", sh.Script(libraryText, append([]string{img.ID}, names...)...))
	if err != nil {
		return linkOnly(err)
	}
	_, unknown, _ := strings.Cut(said, "\n")
	if f := strings.Fields(unknown); len(f) > 0 {
		return refuse("service "+m.Service, "take it out of the command or the mounted file, and docker compose up -d "+m.Service,
			"it sets %s, which the server of %s does not know: it would not start", f[0], m.to.Image())
	}
	return nil
}

// commandSettings are the names of what a server's command sets.
func commandSettings(cmd []string) []string {
	var out []string
	for i, a := range cmd {
		set := ""
		switch {
		case a == "-c" && i+1 < len(cmd):
			set = cmd[i+1]
		case strings.HasPrefix(a, "-c"):
			set = a[2:]
		case strings.HasPrefix(a, "--"):
			set = a[2:]
		}
		if name, _, ok := strings.Cut(set, "="); ok && name != "" {
			out = append(out, strings.ReplaceAll(strings.ToLower(name), "-", "_"))
		}
	}
	return out
}

// plainSettings are the server's own: those with a dot are an extension's.
func plainSettings(names []string) []string {
	return slices.DeleteFunc(names, func(n string) bool { return strings.Contains(n, ".") })
}

// server takes a container's command apart: what the server itself gets; false =
// something else than the server is started.
func server(cmd []string) ([]string, bool) {
	for i, a := range cmd {
		switch {
		case strings.HasPrefix(a, "-"):
			return cmd[i:], true
		case path.Base(a) == "postgres":
			return cmd[i+1:], true
		case path.Base(a) != "docker-entrypoint.sh":
			return nil, false
		}
	}
	return nil, len(cmd) == 0
}

// movesFolder is the word of a command that puts the data folder elsewhere than
// PGDATA says, "" = there is none.
func movesFolder(options []string) string {
	for _, a := range options {
		if strings.HasPrefix(a, "-D") || strings.HasPrefix(a, "--pgdata") {
			return a
		}
	}
	if slices.Contains(commandSettings(options), "data_directory") {
		return "data_directory"
	}
	return ""
}

// twinsSQL looks for rows that are the same under a unique index of text: where the
// order of text was another library's when the index was made, it may have taken
// what it had already. Only databases are read whose own word about the library is
// not today's, and servers before 15 have none.
const twinsSQL = `SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off; SET jit = off;
SELECT format('SELECT jsonb_build_array(%L, %L, count(*))::text FROM (SELECT FROM ONLY %s WHERE %s GROUP BY %s HAVING count(*) > 1) x HAVING count(*) > 0', i.indexrelid::regclass, i.indrelid::regclass, i.indrelid::regclass,
 coalesce('(' || pg_get_expr(i.indpred, i.indrelid) || ')', 'true') || CASE WHEN (to_jsonb(i)->>'indnullsnotdistinct')::boolean THEN '' ELSE (SELECT string_agg(format(' AND (%s) IS NOT NULL', pg_get_indexdef(i.indexrelid, k, true)), '' ORDER BY k) FROM generate_series(1, i.indnkeyatts) k) END,
 (SELECT string_agg('(' || pg_get_indexdef(i.indexrelid, k, true) || ')', ', ' ORDER BY k) FROM generate_series(1, i.indnkeyatts) k))
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE i.indisunique AND i.indisvalid AND c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
AND EXISTS (SELECT FROM unnest(i.indcollation::oid[]) k JOIN pg_collation l ON l.oid = k WHERE l.collname NOT IN ('C', 'POSIX', 'ucs_basic'))
AND (SELECT current_setting('server_version_num')::int < 150000 AND d.datcollate NOT IN ('C', 'POSIX') FROM pg_database d WHERE d.datname = current_database()) %s
ORDER BY i.indexrelid \gexec
`

// since15 is what a server of 15 and newer adds: the libraries' versions.
const since15 = `IS NOT NULL AND (EXISTS (SELECT FROM pg_database d WHERE d.datname = current_database() AND d.datlocprovider <> 'b' AND d.datcollate NOT IN ('C', 'POSIX') AND d.datcollversion IS DISTINCT FROM pg_database_collation_actual_version(d.oid))
 OR EXISTS (SELECT FROM unnest(i.indcollation::oid[]) k JOIN pg_collation l ON l.oid = k WHERE l.collprovider <> 'd' AND l.collversion IS DISTINCT FROM pg_collation_actual_version(l.oid)))`

// twins refuses a database with such rows.
func twins(ctx context.Context, w host.Writer, c catalog.Cluster, id string) error {
	more := ""
	if c.Major() >= 15 {
		more = since15
	}
	for _, d := range c.Databases {
		text, err := output(ctx, w, "look for rows that an index should not have taken in "+d.Name, sh.Script(insideText, id, d.Name, c.Super).With(sh.Bytes(strings.Replace(twinsSQL, "%s\nORDER", more+"\nORDER", 1))))
		if err != nil {
			return err
		}
		for line := range strings.Lines(text) {
			var f []any
			if json.Unmarshal([]byte(line), &f) != nil || len(f) != 3 {
				continue
			}
			return refuse("database "+d.Name, fmt.Sprintf("leave one of each (SET enable_indexscan = off, enable_indexonlyscan = off and enable_bitmapscan = off, or the index hides them), then REINDEX INDEX %v", f[0]),
				"%v keys are twice in table %v, under the unique index %v: it was made when another library ordered text, and cannot be made anew", f[2], f[1], f[0])
		}
	}
	return nil
}
