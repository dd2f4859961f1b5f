package move

import (
	"context"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/compose"
)

// Target is what the new cluster is: how it is made, served and run. A plain one
// is here; another package may bring one that knows more.
type Target interface {
	// Image is the image as the operator names it.
	Image() string
	// Make makes an empty cluster, with the source's bootstrap role, in a volume that it
	// names in the record; keep writes the record down, and does so before anything
	// is made in the volume. What an earlier try of this move left there is wiped.
	Make(ctx context.Context, w host.Writer, s Stack, r *Record, keep func() error) error
	// Serve says how a server runs on it during the load.
	Serve(s Stack, r *Record) Serve
	// Prepare is SQL for each new database before its schema.
	Prepare() string
	// Keep are roles of the cluster's own.
	Keep() []string
	// Extensions are those that it brings to each database.
	Extensions() []string
	// VolumeName is what the new cluster's volume is called, where nothing has that name.
	VolumeName(s Stack, r *Record) string
	// OneName reports a target whose volume has one name for ever. Free refuses it
	// when something is in it that no move made.
	OneName() bool
	Free(ctx context.Context, w host.Writer, r *Record) error
	// Overlay is the service's part of the compose override, as lines without
	// indentation: of the service without it, and of what the files say of it.
	Overlay(s Stack, base compose.Service, written compose.Written, r *Record) ([]string, error)
	// Check is the target's own part of the proof; sql asks the new server. What it
	// finds it adds to the record's proof, as differences.
	Check(ctx context.Context, r *Record, sql func(database, text string) (string, error)) error
	// CutOver is told before the stack is started on the new cluster, Leave before it
	// goes back to the old one.
	CutOver(ctx context.Context, w host.Writer, s Stack, r *Record) error
	Leave(ctx context.Context, w host.Writer, s Stack, r *Record) error
}

// Serve are words for the container of a server.
type Serve struct {
	Mounts []Mount
	// Options are settings in pairs: name, value.
	Options []string
}

// Plain is a cluster as every image of PostgreSQL makes it.
type Plain struct{ Name string }

var _ Target = Plain{}

// Image is the name.
func (p Plain) Image() string { return p.Name }

// Check has nothing more to prove.
func (Plain) Check(context.Context, *Record, func(database, text string) (string, error)) error {
	return nil
}

// CutOver needs nothing.
func (Plain) CutOver(context.Context, host.Writer, Stack, *Record) error { return nil }

// Leave needs nothing.
func (Plain) Leave(context.Context, host.Writer, Stack, *Record) error { return nil }

// Prepare does nothing.
func (Plain) Prepare() string { return "" }

// Keep is nobody.
func (Plain) Keep() []string { return nil }

// Extensions are none.
func (Plain) Extensions() []string { return nil }

// Serve needs nothing more.
func (Plain) Serve(Stack, *Record) Serve { return Serve{} }

// OneName is not so: each move has a volume of its own.
func (Plain) OneName() bool { return false }

// Free is not asked.
func (Plain) Free(context.Context, host.Writer, *Record) error { return nil }

// VolumeName says the version.
func (Plain) VolumeName(s Stack, r *Record) string {
	if s.rehearsal {
		return s.Project + "_rehearsal"
	}
	return fmt.Sprintf("%s_pg%d", s.Project, r.New.Major)
}

// Overlay replaces image and volumes.
func (Plain) Overlay(s Stack, base compose.Service, written compose.Written, r *Record) ([]string, error) {
	lines := []string{"image: " + compose.YAMLText(r.New.Image)}
	if r.New.Own {
		lines = append(lines, "pull_policy: never")
	}
	if base.Builds() {
		lines = append(lines, "build: !reset null")
	}
	lines = append(lines, "environment:", "  PGDATA: "+compose.YAMLText(r.New.PGData), "volumes: !override",
		fmt.Sprintf("  - {type: volume, source: %s, target: %s}", r.New.volume(), compose.YAMLText(r.New.At)))
	rest, _, err := base.Carry(written, func(m compose.ServiceMount) bool { return replaced(m, base.Env("PGDATA"), r) })
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", s.Service, err)
	}
	for _, m := range rest {
		lines = append(lines, "  - "+m)
	}
	return lines, nil
}

// dataTargets are where images keep clusters: mounts there are replaced, and some
// images refuse to start beside one.
func dataTargets() []string {
	return []string{"/var/lib/postgresql", "/var/lib/postgresql/data", "/data/db", "/pgdata"}
}

// replaced reports a mount that holds the old cluster, or stands where the new one
// is; pgdata is where the user's own files have theirs: the first of several moves.
func replaced(m compose.ServiceMount, pgdata string, r *Record) bool {
	if _, ok := compose.Within(m.Target, pgdata); ok && pgdata != "" && path.Clean(m.Target) != "/" {
		return true
	}
	if slices.Contains(dataTargets(), path.Clean(m.Target)) {
		return true
	}
	if _, ok := compose.Within(m.Target, r.Source.PGData); ok {
		return true
	}
	if _, ok := compose.Within(m.Target, r.New.At); ok {
		return true
	}
	_, ok := compose.Within(r.New.At, m.Target)
	return ok
}

// Make runs initdb in a container of its own. Each move has a volume of its own.
func (p Plain) Make(ctx context.Context, w host.Writer, s Stack, r *Record, keep func() error) error {
	text, err := output(ctx, w, "make the volume", sh.Script(volumeText, s.Project, r.New.volume(), r.New.Label, r.New.Folder))
	if err != nil {
		return err
	}
	f := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(f) != 3 {
		return fmt.Errorf("make the volume: docker said %q", text)
	}
	r.New.Volume, r.New.Label, r.New.Folder = f[0], f[1], strings.TrimPrefix(f[2], "in ")
	if err := keep(); err != nil {
		return err
	}
	c := r.Cluster
	t := c.Template
	args := []string{r.New.Volume, r.New.Label, r.New.Image, r.New.At, r.New.PGData, r.New.User, c.Super, t.Collate, t.Ctype, t.Encoding}
	return run(ctx, w, "make the new cluster in volume "+r.New.Volume, sh.Script(makeText, args...))
}

// makeText wipes the volume $1, whose label has to be $2, and runs initdb there
// in the image $3: mounted at $4, data folder $5, as the user $6 ("" = postgres),
// role $7, locale $8 and $9, encoding ${10}. A locale that the image does not know becomes C.UTF-8 there: each
// database gets its own afterwards.
const makeText sh.Constant = `set -u
v=$1 label=$2 image=$3 at=$4 data=$5 user=$6
shift 6
[ "$(docker volume inspect -f '{{index .Labels "remoterun.id"}}' "$v")" = "$label" ] || { echo "volume $v is not the one that the record names" >&2; exit 11; }
used=$(docker ps -q --filter "volume=$v")
[ -z "$used" ] || { echo "volume $v is used by container $used" >&2; exit 11; }
dir=$(docker volume inspect -f '{{with .Options}}{{.device}}{{end}}' "$v") && [ -n "$dir" ] || dir=$(docker volume inspect -f '{{.Mountpoint}}' "$v") && [ -d "$dir" ] || exit 1
find "$dir" -mindepth 1 -maxdepth 1 -exec rm -rf -- {} + || exit 1
id() { docker run --rm --pull never --network none --user 0 --entrypoint id "$image" "$1" postgres </dev/null; }
uid=${user%%:*} gid=${user#"$uid"} gid=${gid#:}
if [ -z "$uid" ]; then
	uid=$(id -u) && gid=$(id -g) || { echo "the image has no user postgres" >&2; exit 1; }
elif [ -z "$gid" ]; then
	gid=$(docker run --rm --pull never --network none --user "$uid" --entrypoint id "$image" -g </dev/null) || exit 1
fi
chown "$uid:$gid" "$dir" && chmod 700 "$dir" || exit 1
docker run --rm --pull never --network none --user "$uid:$gid" --mount "type=volume,source=$v,target=$at" --env "PGDATA=$data" --entrypoint /bin/sh "$image" -c '
PATH=$PATH:/usr/local/bin; for d in /usr/pgsql-*/bin /usr/lib/postgresql/*/bin; do [ -d "$d" ] && PATH=$PATH:$d; done
export PATH
umask 077
mkdir -p "$PGDATA" || exit 1
[ -z "$(ls -A "$PGDATA")" ] || { echo "$PGDATA is not empty" >&2; exit 41; }
try() { initdb -D "$PGDATA" -U "$1" --lc-collate="$2" --lc-ctype="$3" --encoding="$4" --data-checksums --auth-local=trust --auth-host=scram-sha-256 2>&1 >/dev/null; }
said=$(try "$1" "$2" "$3" "$4") || { find "$PGDATA" -mindepth 1 -delete; said=$(try "$1" C.UTF-8 C.UTF-8 "$4"); } || { find "$PGDATA" -mindepth 1 -delete; said=$(try "$1" C C "$4"); } || { echo "initdb: $said" >&2; exit 44; }
printf "\n%s\n" "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
printf "\n%s\n" "listen_addresses = '"'*'"'" >>"$PGDATA/postgresql.conf"
' sh "$@"`

// choose names the new cluster's image in the record.
func (m *mover) choose(ctx context.Context, w host.Writer, img *compose.Image) error {
	r := m.record
	pgdata := img.Env("PGDATA")
	if pgdata == "" {
		return refuse("image "+m.to.Image(), "name an image of PostgreSQL", "it does not say where its data folder is (PGDATA)")
	}
	r.New.ID, r.New.PGData, r.New.At = img.ID, path.Clean(pgdata), path.Clean(pgdata)
	for v := range img.Config.Volumes {
		// An image's own volume above the data folder would get an anonymous one.
		if _, ok := compose.Within(v, pgdata); ok && len(v) < len(r.New.At) {
			r.New.At = path.Clean(v)
		}
	}
	r.New.Image, r.New.Own = pinned(m.Project, m.to.Image(), img)
	if err := m.reserve(ctx, w); err != nil {
		return err
	}
	return nil
}

// tag gives an image that no registry has a name of ours.
func (m *mover) tag(ctx context.Context, w host.Writer) error {
	n := m.record.New
	if !n.Own {
		return nil
	}
	return run(ctx, w, "tag the image", compose.Docker("tag", n.ID, n.Image))
}

// freeName are shell functions: free tells that no volume is called $1, and that
// the folder $2 ("" = none is wanted) is not there, or is empty.
const freeName = compose.GoneText + `free() {
	gone volume "$1" || return 1
	[ -n "$2" ] || return 0
	[ ! -L "$2" ] || return 1
	[ ! -e "$2" ] || { [ -d "$2" ] && [ -z "$(ls -A "$2")" ]; }
}
`

// volumeText makes a volume called $2, over the folder $4 where one is said; with
// _2 and so on behind both where they are taken. One that is labelled $3 is taken
// again. It prints name, label and "in" the folder.
const volumeText sh.Constant = freeName + `p=$1 name=$2 label=$3 folder=$4 n=1
if [ -n "$label" ] && [ "$(docker volume inspect -f '{{index .Labels "remoterun.id"}}' "$name" 2>/dev/null)" = "$label" ]; then
	printf '%s\n%s\nin %s\n' "$name" "$label" "$folder"
	exit 0
fi
until free "$name" "$folder"; do
	n=$((n + 1))
	[ $n -lt 100 ] || { echo "all names like $name are taken" >&2; exit 1; }
	name=$2_$n
	[ -z "$4" ] || folder=$4_$n
done
id=$(cat /proc/sys/kernel/random/uuid)
set -- --label "remoterun.project=$p" --label "remoterun.id=$id"
if [ -n "$folder" ]; then
	mkdir -p -m 700 -- "$folder" || exit 1
	set -- "$@" --opt type=none --opt o=bind --opt "device=$folder"
fi
docker volume create "$@" "$name" >/dev/null && printf '%s\n%s\nin %s\n' "$name" "$id" "$folder"`

// pinned is the image as the overlay names it: by its digest, or by a tag of ours
// where no registry has it.
func pinned(project, name string, img *compose.Image) (text string, own bool) {
	repo := name
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		repo = name[:i]
	}
	repo, _, _ = strings.Cut(repo, "@")
	digests := append([]string{}, img.RepoDigests...)
	sort.Strings(digests)
	for _, d := range digests {
		if r, _, _ := strings.Cut(d, "@"); r == repo || strings.HasSuffix(r, "/"+repo) {
			return d, false
		}
	}
	id := strings.TrimPrefix(img.ID, "sha256:")
	return "remoterun/" + project + ":" + id[:min(12, len(id))], true
}

// runTarget starts the new server for the load: its sockets beside the source's,
// no network, statements and rows in no log, and what keeps sorting out of files.
// Commits are waited for: a step that is marked as done must outlive a power cut.
func (m *mover) runTarget() []string {
	r := m.record
	words := append(m.runWords(m.target()),
		"--env", "PGDATA="+r.New.PGData,
		"--mount", "type=volume,source="+r.New.Volume+",target="+r.New.At,
		"--mount", "type=bind,source="+m.dir()+"/sql,target=/remoterun/sql,readonly",
		"--mount", "type=bind,source="+m.dir()+"/io,target=/remoterun/io",
		"--tmpfs", "/remoterun/ram:mode=1777")
	if r.New.User != "" {
		words = append(words, "--user", r.New.User)
	}
	serve := m.to.Serve(m.Stack, r)
	for _, mt := range serve.Mounts {
		words = append(words, "--mount", mt.words())
	}
	words = append(words, r.New.Image, "postgres")
	words = append(words, settings("port", fmt.Sprint(targetPort), "listen_addresses", "", "unix_socket_directories", "/remoterun/sock", "hba_file", "/remoterun/sock/hba.conf",
		"autovacuum", "off", "max_wal_size", "4GB", "checkpoint_timeout", "30min", "wal_level", "minimal", "max_wal_senders", "0", "archive_mode", "off",
		"max_parallel_maintenance_workers", "0", "maintenance_work_mem", fmt.Sprintf("%dMB", m.memory), "log_temp_files", "0", "log_error_verbosity", "terse", "log_min_error_statement", "panic", "log_statement", "none",
		"logging_collector", "off", "restart_after_crash", "off")...)
	return append(words, settings(serve.Options...)...)
}

// makeTarget makes the new cluster, empty, and starts both servers.
func (m *mover) makeTarget(ctx context.Context, w host.Writer) error {
	r, began := m.record, m.now()
	if err := run(ctx, w, "stop what an earlier try left", sh.Script(stopServerText, m.target())); err != nil {
		return err
	}
	w.Say("making the new cluster")
	if err := m.to.Make(ctx, w, m.Stack, r, func() error { return m.keep(ctx, w, r) }); err != nil {
		return err
	}
	if err := m.conf(ctx, w); err != nil {
		return err
	}
	if err := run(ctx, w, "start both servers", sh.Script(bothText, m.dir())); err != nil {
		return err
	}
	if err := m.plan(ctx, w); err != nil {
		return err
	}
	r.State, r.Making = Made, int64(m.now().Sub(began).Seconds())
	return m.keep(ctx, w, r)
}
