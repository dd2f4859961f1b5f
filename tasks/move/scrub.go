package move

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
)

// Scrubbing overwrites and removes the old cluster, after which nothing leads back
// to it. It is done only when the cluster in its folder is the very one that was
// moved and no other runs on it, when nobody else has the volume, and when a new
// backup of the new database was restored.

// scrubbing plans it.
func (p Phases) scrubbing(m *mover, v site) play.Plan {
	r := v.record
	switch {
	case r.State != Done:
		return failed(refuse(v.object(), "finish the move first: the same remoterun "+r.Verb, "its move is at %s, not at its end", r.State))
	case r.Scrubbed != "":
		return play.Plan{Note: "it was scrubbed at " + r.Scrubbed}
	case !v.running():
		return failed(refuse(v.object(), "start it: docker compose up -d "+v.Service, "the new database does not run"))
	}
	var said string
	step := act{"scrub the old cluster", func(ctx context.Context, w host.Writer) (err error) {
		if said, err = m.scrub(ctx, w, v.db.ID); err == nil {
			w.Say(said)
		}
		return err
	}}
	return play.Plan{Steps: []host.Step{step}, Result: play.Result{Changed: true}, Finish: func([]host.Output) (play.Result, error) {
		return play.Result{Changed: true, Msg: said, Data: value.MapOf("scrubbed", value.String(m.record.Scrubbed))}, nil
	}}
}

// oldText prints the system identifier of the cluster in $1, asked of the image
// $2, then who else has the volume or folder: containers of which a mount's
// source, or the volume's name ($3, may be ""), is it.
const oldText sh.Constant = `set -u
[ -f "$1/global/pg_control" ] || { echo "$1 holds no cluster" >&2; exit 11; }
id=$(docker run --rm --pull never --network none --user 0 --mount "type=bind,source=$1,target=/old,readonly" --entrypoint /bin/sh "$2" -c 'PATH=$PATH:/usr/local/bin; for d in /usr/pgsql-*/bin /usr/lib/postgresql/*/bin; do [ -d "$d" ] && PATH=$PATH:$d; done; pg_controldata -D /old' </dev/null | sed -n 's/^Database system identifier: *//p') && [ -n "$id" ] || { echo "the cluster in $1 cannot be asked who it is" >&2; exit 11; }
echo "system $id"
for c in $(docker ps -a -q --no-trunc); do
	docker inspect -f '{{range .Mounts}}{{printf "%s|%s|%s\n" $.Name .Name .Source}}{{end}}' "$c" 2>/dev/null
done | while IFS='|' read -r name vol src; do
	[ -n "$src" ] || continue
	case $1/ in "$src"/*) echo "user ${name#/}";; esac
	[ -z "$3" ] || [ "$vol" != "$3" ] || echo "user ${name#/}"
done
exit 0`

// scrub checks, asks, and does it; it returns what has to be known of the result.
func (m *mover) scrub(ctx context.Context, w host.Writer, id string) (string, error) {
	r := m.record
	if r.Scrub == "" {
		if err := m.mayScrub(ctx, w, id); err != nil {
			return "", err
		}
		if err := m.drill(ctx, w, id); err != nil {
			return "", err
		}
		if err := m.sure(ctx, w); err != nil {
			return "", err
		}
		r.Scrub = m.time()
		if err := m.keep(ctx, w, r); err != nil {
			return "", err
		}
	}
	text, err := output(ctx, w, "overwrite "+r.Source.Data+"/"+kept, sh.Script(scrubText, r.Source.Data))
	if err != nil {
		return "", err
	}
	r.Scrubbed = m.time()
	if err := m.keep(ctx, w, r); err != nil {
		return "", err
	}
	return strings.TrimSpace(text) + ". What no software can promise: blocks that a disk moved or a file system copied, snapshots at the hoster, backups, and what was deleted before", nil
}

// mayScrub refuses where the old cluster is not surely the one that was moved.
func (m *mover) mayScrub(ctx context.Context, w host.Writer, id string) error {
	r := m.record
	old, volume := r.Source.Data+"/"+kept, ""
	for _, mt := range r.Source.Mounts {
		if _, ok := within(mt.Target, r.Source.PGData); ok && mt.Type == "volume" {
			volume = mt.Source
		}
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

// sure has the operator type the project's name, with the paths before his eyes.
func (m *mover) sure(ctx context.Context, w host.Writer) error {
	r := m.record
	w.Say("everything in " + r.Source.Data + "/" + kept + " will be overwritten and removed; rollback is not possible after it")
	if m.yes || m.prompter == nil {
		return nil
	}
	answer, err := m.prompter.Ask(ctx, play.Ask{Key: "move scrub " + w.Name() + " " + m.Project,
		Text: fmt.Sprintf("Destroy the old database of %s on %s for good? Type the project's name (%s)", m.Project, w.Name(), m.Project)})
	if err == nil && strings.TrimSpace(answer) != m.Project {
		err = refuse(m.object(), "", "%q is not the project's name: nothing was changed", answer)
	}
	return err
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
func (m *mover) drill(ctx context.Context, w host.Writer, id string) error {
	r := m.record
	c, err := live(ctx, w, id, r.Source.Super)
	if err != nil {
		return err
	}
	now := *m
	rec := *r
	rec.Cluster, rec.Source.Version = c, fmt.Sprint(c.Version)
	now.record = &rec
	w.Say("making a backup of the new database")
	s, dir, err := now.saved(ctx, w, id)
	if err != nil {
		return err
	}
	for i, d := range c.Databases {
		w.Say("restoring " + d.Name + " from " + dir)
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
printf '%s\n' "SELECT format('CREATE DATABASE ` + drillName + ` TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L', pg_encoding_to_char(encoding), datcollate, datctype) FROM pg_database WHERE datname = :'like' \gexec" | run -v like="$like" -f - || exit 1
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
	c := sh.Script(drillText, id, s.m.record.Source.Super, like, "-c statement_timeout=0 -c lock_timeout=0").With(decrypted{filepath.Join(s.dir, name), s.reader})
	if err := run(ctx, s.w, "restore "+name, c); err != nil {
		return answered(err, refuse("backup "+filepath.Join(s.dir, name), "mend what it says; the old cluster stays as it is", "it cannot be restored: %v", err))
	}
	return nil
}
