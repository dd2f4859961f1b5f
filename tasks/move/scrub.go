package move

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/compose"
)

// Scrubbing overwrites and removes the old cluster, after which nothing leads back
// to it. It is done only when the cluster in its folder is the very one that was
// moved and no other runs on it, when nobody else has the volume, and when a new
// backup of the new database was restored.

// scrubbing plans it.
func (p Phases) scrubbing(m *mover, v site, seen host.Seen) (play.Plan, error) {
	r := v.record
	old, err := host.Get(seen, p.Args.earlier())
	if err != nil {
		return play.Plan{}, err
	}
	todo := append([]keptRecord{{p.Args.recordFile(), m.record}}, old...)
	todo = slices.DeleteFunc(todo, func(k keptRecord) bool { return k.State != Done || k.Scrubbed != "" })
	switch {
	case r.State != Done:
		return failed(refuse(v.object(), "finish the move first: the same remoterun "+r.Verb, "its move is at %s, not at its end", r.State)), nil
	case len(todo) == 0:
		return play.Plan{Note: "it was scrubbed at " + r.Scrubbed}, nil
	case !v.running():
		return failed(refuse(v.object(), "start it: docker compose up -d "+v.Service, "the new database does not run")), nil
	}
	var said []string
	step := act{"scrub the old cluster", func(ctx context.Context, w host.Writer) (err error) {
		said, err = scrubbing{m}.scrub(ctx, w, v.db.ID, todo)
		for _, line := range said {
			w.Say(line)
		}
		return err
	}}
	return play.Plan{Steps: []host.Step{step}, Result: play.Result{Changed: true}, Finish: func([]host.Output) (play.Result, error) {
		return play.Result{Changed: true, Msg: strings.Join(said, "; "), Data: value.MapOf("scrubbed", value.String(todo[0].Scrubbed))}, nil
	}}, nil
}

// keptRecord is a record and the file that it is in.
type keptRecord struct {
	file string
	*Record
}

// earlierText prints the records of moves before the last one, each behind a line
// with its file.
const earlierText = `for f in "$1"/record-*.json; do [ ! -f "$f" ] || { echo "file $f"; cat -- "$f"; }; done
echo end`

// earlier asks for the moves before the last one: each left an old cluster, too.
func (s Stack) earlier() host.Fact[[]keptRecord] {
	return host.Fact[[]keptRecord]{Q: host.NewProbe(earlierText, s.dir()), Parse: func(a host.Answer) ([]keptRecord, error) {
		body, whole := strings.CutSuffix(string(a.Stdout), "end\n")
		if !whole {
			return nil, fmt.Errorf("records of earlier moves in %s cannot be read (are you root?)", s.dir())
		}
		var out []keptRecord
		for _, one := range strings.Split("\n"+body, "\nfile ")[1:] {
			file, text, _ := strings.Cut(one, "\n")
			var r Record
			if err := json.Unmarshal([]byte(text), &r); err != nil {
				return nil, fmt.Errorf("record %s: %w", file, err)
			}
			out = append(out, keptRecord{file, &r})
		}
		return out, nil
	}}
}

// oldText prints the system identifier of the cluster in $1, asked of the image
// $2, then who else has the volume or folder: containers of which a mount's
// source, or the volume's name ($3, may be ""), is it.
const oldText sh.Constant = compose.EveryText + `set -u
[ -f "$1/global/pg_control" ] || { echo "$1 holds no cluster" >&2; exit 11; }
id=$(docker run --rm --pull never --network none --user 0 --mount "type=bind,source=$1,target=/old,readonly" --entrypoint /bin/sh "$2" -c 'PATH=$PATH:/usr/local/bin; for d in /usr/pgsql-*/bin /usr/lib/postgresql/*/bin; do [ -d "$d" ] && PATH=$PATH:$d; done; pg_controldata -D /old' </dev/null | sed -n 's/^Database system identifier: *//p') && [ -n "$id" ] || { echo "the cluster in $1 cannot be asked who it is" >&2; exit 11; }
echo "system $id"
mounts=$(every '{{range .Mounts}}{{printf "%s|%s|%s\n" $.Name .Name .Source}}{{end}}' -a) || exit 1
printf '%s\n' "$mounts" | while IFS='|' read -r name vol src; do
	[ -n "$src" ] || continue
	case $1/ in "$src"/*) echo "user ${name#/}";; esac
	[ -z "$3" ] || [ "$vol" != "$3" ] || echo "user ${name#/}"
done
exit 0`

// scrubbing takes the old cluster away for good.
type scrubbing struct{ *mover }

// scrub checks, asks, and does it; it returns what has to be known of the result.
func (m scrubbing) scrub(ctx context.Context, w host.Writer, id string, todo []keptRecord) ([]string, error) {
	var fresh []keptRecord
	for _, k := range todo {
		if k.Scrub == "" {
			fresh = append(fresh, k)
		}
	}
	for _, k := range fresh {
		if err := m.mayScrub(ctx, w, id, k.Record); err != nil {
			return nil, err
		}
	}
	if len(fresh) > 0 {
		if err := m.drill(ctx, w, id); err != nil {
			return nil, err
		}
		for _, k := range fresh {
			w.Say("everything in " + k.Source.Data + "/" + kept + " will be overwritten and removed; rollback is not possible after it")
		}
		if err := m.typed(ctx, "move scrub "+w.Name()+" "+m.Project, fmt.Sprintf("Destroy the old database of %s on %s for good?", m.Project, w.Name())); err != nil {
			return nil, err
		}
	}
	var said []string
	for _, k := range todo {
		if k.Scrub == "" {
			k.Scrub = m.time()
			if err := m.keepAt(ctx, w, k.file, k.Record); err != nil {
				return said, err
			}
		}
		text, err := output(ctx, w, "overwrite "+k.Source.Data+"/"+kept, sh.Script(scrubText, k.Source.Data))
		if err != nil {
			return said, err
		}
		k.Scrubbed = m.time()
		if err := m.keepAt(ctx, w, k.file, k.Record); err != nil {
			return said, err
		}
		said = append(said, k.Source.Data+"/"+kept+": "+strings.ReplaceAll(strings.TrimSpace(text), "\n", "; "))
	}
	left, err := leftCopies(ctx, w, m.record.New)
	return append(append(said, left...), "What no software can promise: blocks that a disk moved or a file system copied, snapshots at the hoster, backups, and what was deleted before"), err
}

// leftText prints which of the volumes NAME=LABEL after it are there.
const leftText sh.Constant = compose.GoneText + `for v; do
	! gone volume "${v%%=*}" || continue
	id=$(docker volume inspect -f '{{index .Labels "remoterun.id"}}' "${v%%=*}") || exit 1
	[ "$id" != "${v#*=}" ] || echo "${v%%=*}"
done`

// leftCopies names the volumes of moves that were rolled back: they hold copies, too.
func leftCopies(ctx context.Context, w host.Writer, n New) ([]string, error) {
	old := strings.Fields(n.Old)
	if len(old) == 0 {
		return nil, nil
	}
	text, err := output(ctx, w, "look for copies of moves that were rolled back", sh.Script(leftText, old...))
	var out []string
	for _, v := range strings.Fields(text) {
		if v != n.Volume {
			out = append(out, "volume "+v+" holds the copy of a move that was rolled back: docker volume rm "+v+", when nobody needs it")
		}
	}
	return out, err
}

// mayScrub refuses where the old cluster is not surely the one that was moved.
func (m scrubbing) mayScrub(ctx context.Context, w host.Writer, id string, r *Record) error {
	old, volume := r.Source.Data+"/"+kept, ""
	if mt, _ := r.Source.home(); mt.Type == "volume" {
		volume = mt.Source
	}
	text, err := output(ctx, w, "look at the old cluster", sh.Script(oldText, old, r.Source.Image, volume))
	if err != nil {
		return err
	}
	system, users := "", []string{}
	for line := range strings.Lines(text) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "system" {
			system = rest
		} else {
			users = append(users, rest)
		}
	}
	if system != r.Cluster.System {
		return refuse(old, "look what it is", "its system identifier is %s, and the database that was moved had %s", system, r.Cluster.System)
	}
	if len(users) > 0 {
		return refuse(old, "remove that container, if nobody needs it: docker rm "+users[0], "container %s has its volume", strings.Join(users, ", "))
	}
	c, err := live(ctx, w, id, r.Source.Super)
	if err != nil {
		return err
	}
	if c.System == system {
		return refuse(old, "look what runs", "the running database is this very cluster")
	}
	return nil
}

// scrubText overwrites the files of the old cluster in $1, and removes them; what
// keeps a server from making a new one there stays. Never anything above it.
const scrubText sh.Constant = `set -u
cd -- "$1" || exit 1
k=` + kept + `
if [ -d "$k" ] && [ ! -L "$k" ]; then
	n=$(find "$k" -xdev -type f | wc -l)
	s=$(du -sk "$k" | cut -f 1)
	find "$k" -xdev -type f -size +0 -exec sh -c 'for f; do
		b=$(wc -c <"$f") || exit 1
		dd if=/dev/zero of="$f" bs=65536 count=$(((b + 65535) / 65536)) conv=notrunc 2>/dev/null || exit 1
	done' sh {} + || { echo "a file in $1/$k cannot be overwritten" >&2; exit 1; }
	sync
	find "$k" -xdev -depth -mindepth 1 -exec rm -rf -- {} + && rmdir "$k" || exit 1
	echo "$n files, $((s / 1024)) MiB, were overwritten and removed"
else
	echo "nothing was left to overwrite"
fi
printf '%s\n' "The cluster that was here was moved, and scrubbed. PG_VERSION stays so that no" "server makes a new cluster here." >` + note + `
sync
d=$(df -P . | awk 'END { print $6 }')
if command -v fstrim >/dev/null 2>&1 && fstrim "$d" 2>/dev/null; then echo "the disk was told of it (fstrim $d)"; else echo "the disk could not be told of it (no fstrim on $d)"; fi
t=$(stat -f -c %T . 2>/dev/null)
case $t in btrfs|zfs|overlay*|f2fs) echo "$t writes elsewhere what is overwritten: it says little here";; esac
exit 0`

// drill makes a backup of the new database and restores each database of it into
// a throw-away one of the new cluster: only what can be restored is a backup.
func (m scrubbing) drill(ctx context.Context, w host.Writer, id string) error {
	r := m.record
	c, err := live(ctx, w, id, r.Source.Super)
	if err != nil {
		return err
	}
	now := *m.mover
	rec := *r
	rec.Cluster, rec.Source.Version = c, fmt.Sprint(c.Version)
	now.record = &rec
	w.Say("making a backup of the new database")
	now.args.Backup = "laptop"
	s, err := archiving{&now}.saved(ctx, w, id)
	if err != nil {
		return err
	}
	for i, d := range c.Databases {
		w.Say("restoring " + d.Name + " from " + s.shelf.Where())
		if err := s.restore(ctx, id, fmt.Sprintf("%02d-%s.dump.age", i+1, plainName(d.Name)), d.Name); err != nil {
			return err
		}
	}
	return nil
}

// drillName is the throw-away database.
const drillName = "remoterun_drill"

// drillText restores an archive from stdin in the server of container $1, as role
// $2, into a database like $3, which is taken away again.
const drillText sh.Constant = `c=$1 u=$2 like=$3
run() { docker exec -i -e PGAPPNAME=remoterun/drill "$c" psql -X -q -A -t -w -v ON_ERROR_STOP=1 -U "$u" -d postgres "$@" >/dev/null; }
printf '%s\n' 'DROP DATABASE IF EXISTS ` + drillName + ` WITH (FORCE);' | run -f - || exit 1
printf '%s\n' "SELECT format('CREATE DATABASE ` + drillName + ` TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L', pg_encoding_to_char(encoding), datcollate, datctype)
 || CASE to_jsonb(d)->>'datlocprovider' WHEN 'c' THEN ' LOCALE_PROVIDER libc' WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L', coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale')) || coalesce(' ICU_RULES ' || quote_literal(to_jsonb(d)->>'daticurules'), '')
 WHEN 'b' THEN format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', to_jsonb(d)->>'datlocale') ELSE '' END FROM pg_database d WHERE datname = :'like' \gexec" | run -v like="$like" -f - || exit 1
err=$(docker exec -i -e PGAPPNAME=remoterun/drill -e PGOPTIONS="$4" "$c" pg_restore -w -U "$u" -d ` + drillName + ` --no-table-access-method --no-publications --no-subscriptions 2>&1 >/dev/null)
r=$?
cat >/dev/null
printf '%s\n' 'DROP DATABASE IF EXISTS ` + drillName + ` WITH (FORCE);' | run -f - || exit 1
[ $r = 0 ] || { printf '%s\n' "$err" | head -n 4 >&2; exit 1; }`

// decrypted is an encrypted file as what a command reads.
type decrypted struct {
	path string
	id   age.Identity
}

// Size is not known.
func (decrypted) Size() int64 { return -1 }

// Open opens it.
func (d decrypted) Open() (io.ReadCloser, error) {
	f, err := os.Open(d.path)
	if err != nil {
		return nil, err
	}
	r, err := age.Decrypt(f, d.id)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{r, f}, nil
}

func (s *saver) restore(ctx context.Context, id, name, like string) error {
	c := sh.Script(drillText, id, s.m.record.Source.Super, like, "-c statement_timeout=0 -c lock_timeout=0").With(decrypted{filepath.Join(s.shelf.Where(), name), s.reader})
	if err := run(ctx, s.w, "restore "+name, c); err != nil {
		return answered(err, refuse("backup "+filepath.Join(s.shelf.Where(), name), "mend what it says; the old cluster stays as it is", "it cannot be restored: %v", err))
	}
	return nil
}
