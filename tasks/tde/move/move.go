// Package move moves a plain database into an encrypted one: the target that
// tasks/move copies into, and the module tde_move. Keys first, data after: the
// cluster is encrypted before its first row.
package move

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/compose"
	"remoterun/tasks/kit"
	plain "remoterun/tasks/move"
	"remoterun/tasks/move/catalog"
	"remoterun/tasks/move/proof"
	"remoterun/tasks/pg"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/stack"
	"remoterun/tasks/tde/target"
)

// args are the arguments of tde_move.
type args struct {
	plain.Args
	Extension string `arg:"extension" default:"pg_tde" choices:"pg_tde,open_pg_tde" help:"which of the two extensions"`
	Cipher    string `arg:"cipher" default:"aes_128" choices:"aes_128,aes_256" help:"cipher of tables and WAL"`
	Steps     string `arg:"steps" default:"one" choices:"one,two" help:"one = a newer server and encryption in one copy; two = only a database that has the new server's version already is encrypted, remoterun upgrade comes first"`
	Trust     string `arg:"trust" default:"refuse" choices:"refuse,accept" help:"what to do where a role without a password comes in from the network"`
	Large     string `arg:"large_objects" default:"refuse" choices:"refuse,accept" help:"what to do where the database has large objects, which stay in the clear by nature"`

	host string
}

// New is the module.
func New(d custody.Deps) play.Module {
	return kit.Define(kit.Doc{Name: "tde_move", Short: "moves a plain database into an encrypted one, by copy and with proof"}, module{d})
}

type module struct{ d custody.Deps }

func (module) Validate(a args) *play.ArgError { return a.Args.Validate() }

// Resolve notes which host's keyring is meant.
func (module) Resolve(_ context.Context, a *args, in play.Inputs) error {
	a.host = in.Host()
	a.Verb = "migrate"
	return nil
}

func (module) Facts(a args) []host.Question { return a.Args.Facts() }

// Plan plans one phase.
func (m module) Plan(a args, s host.Seen) (play.Plan, error) {
	t := &encrypted{d: m.d, a: a, stack: stack.Stack{Project: a.Project, Dir: a.Dir, Files: a.Files, Service: a.Service, Extension: a.Extension}}
	if a.Phase == "rehearse" {
		t.stack = t.stack.Rehearsing()
	}
	if a.Phase == "target" || a.Phase == "rehearse" {
		if err := t.findKey(s); err != nil {
			return guard.PlanOf(err)
		}
	}
	d := plain.Deps{Prompter: m.d.Prompter, Dir: m.d.Dir, Clock: m.d.Clock, Yes: m.d.Yes, By: m.d.By}
	return plain.Phases{Deps: d.Filled(), Args: a.Args, To: t}.Plan(s)
}

// encrypted is the target.
type encrypted struct {
	d     custody.Deps
	a     args
	stack stack.Stack
	key   string
}

var _ plain.Target = (*encrypted)(nil)

// findKey wants the keyring in RAM, and open on the laptop: its last key is the
// one to begin with.
func (t *encrypted) findKey(s host.Seen) error {
	ram, err := host.Get(s, memory.ViewAt(t.stack.RAMDir(), 0))
	if err != nil {
		return err
	}
	if !ram.Present() {
		return guard.Refuse("keyring of "+t.a.Project, "put tde_keyring with action: load before this", "there is none in RAM (%s)", t.stack.RAMDir())
	}
	info, err := host.Get(s, t.d.OpenFact(t.a.Project, t.a.host))
	if err == nil {
		t.key = info.Wanted().Name
	}
	return err
}

// Image is the image's name.
func (t *encrypted) Image() string { return t.a.Image }

// Prepare brings the extension into each database.
func (t *encrypted) Prepare() string {
	return "CREATE EXTENSION " + t.a.Extension + " SCHEMA pg_catalog;\n"
}

// Keep is the role that modules log in as.
func (t *encrypted) Keep() []string { return []string{stack.SQLRole} }

// Extensions are what Prepare brings.
func (t *encrypted) Extensions() []string { return []string{t.a.Extension} }

// Serve has the extension loaded and the WAL encrypted.
func (t *encrypted) Serve(plain.Stack, *plain.Record) plain.Serve {
	e := pgtde.Extension(t.a.Extension)
	out := plain.Serve{
		Mounts:  []plain.Mount{{Type: "bind", Source: t.stack.RAMDir(), Target: t.stack.RAMDir(), ReadOnly: true}},
		Options: []string{"shared_preload_libraries", t.a.Extension, e.Setting("wal_encrypt"), "on"},
	}
	for _, c := range e.Chosen(t.a.Cipher) {
		name, value, _ := strings.Cut(c.String(), "=")
		out.Options = append(out.Options, name, value)
	}
	return out
}

// oursText goes on with the volume $1 only when its label is among $2, or when the record
// in $3 says that its making was begun and not done, or when it is empty.
const oursText = compose.GoneText + `set -u
! gone volume "$1" || exit 0
id=$(docker volume inspect -f '{{index .Labels "remoterun.id"}}' "$1") || exit 1
at=$(docker volume inspect -f '{{with .Options}}{{.device}}{{end}}' "$1")
case " $2 " in
*" ${id:-none} "*) ;;
*)
	[ -n "$id" ] && [ "$(sed -n 's/^id //p' "$3/init" 2>/dev/null)" = "$id" ] && [ "$(sed -n 's/^state //p' "$3/init")" = begun ] && exit 0
	[ -n "$at" ] || at=$(docker volume inspect -f '{{.Mountpoint}}' "$1")
	[ -z "$(ls -A "$at" 2>/dev/null)" ] && exit 0
	echo "volume $1 is not empty, and no move made it" >&2
	exit 11
	;;
esac
`

// wipeText removes the volume, and the record that names it: both are of this very
// move, or of one that was rolled back.
const wipeText sh.Constant = oursText + `
docker volume rm "$1" >/dev/null || exit 1
[ -z "$at" ] || [ ! -d "$at" ] || find "$at" -mindepth 1 -maxdepth 1 -exec rm -rf -- {} + || exit 1
rm -f "$3/init"`

// labels are those that the volume can have of this project's moves: of this one, and
// of any that was rolled back. The last of them is not the only one that counts: a
// move that ended before it made its volume has left the one before in it.
func (t *encrypted) labels(r *plain.Record) string {
	out := strings.Fields(r.New.Label)
	for _, old := range strings.Fields(r.New.Old) {
		if name, id, _ := strings.Cut(old, "="); name == t.stack.Volume() && id != "" {
			out = append(out, id)
		}
	}
	return strings.Join(out, " ")
}

// forget leaves out of the record what was wiped: volumes of this name.
func (t *encrypted) forget(r *plain.Record) {
	r.New.Old = strings.Join(slices.DeleteFunc(strings.Fields(r.New.Old), func(old string) bool { return strings.HasPrefix(old, t.stack.Volume()+"=") }), " ")
}

// Free refuses a volume of our name with something else in it.
func (t *encrypted) Free(ctx context.Context, w host.Writer, r *plain.Record) error {
	out, err := w.Run(ctx, sh.Script(oursText, t.stack.Volume(), t.labels(r), t.stack.StateDir()))
	if err == nil && out.Status != 0 {
		err = guard.Refuse("volume "+t.stack.Volume(), "look what is in it; docker volume rm "+t.stack.Volume()+", if nobody needs it", "%s", strings.TrimSpace(string(out.Stderr)))
	}
	return err
}

// Make makes the cluster with keys, WAL encryption and nothing else. The volume has
// the project's one name: what a move that was rolled back left in it is wiped
// here, after rollback told what it was.
func (t *encrypted) Make(ctx context.Context, w host.Writer, s plain.Stack, r *plain.Record, keep func() error) error {
	volume := t.stack.Volume()
	if err := run(ctx, w, "take away what an earlier try made", sh.Script(wipeText, volume, t.labels(r), t.stack.StateDir())); err != nil {
		return err
	}
	t.forget(r)
	making := target.Making{Stack: t.stack, Volume: volume, Folder: r.New.Folder, Image: r.New.Image, PGData: r.New.PGData, User: number(r.New.User), Key: t.key, Cipher: t.a.Cipher, Superuser: r.Cluster.Super, Database: "postgres"}
	r.New.At = r.New.PGData
	if _, err := making.Begin().Do(ctx, w); err != nil {
		return err
	}
	rec, err := guard.Ask(ctx, w, stack.RecordAt(t.stack.StateDir()))
	if err != nil {
		return err
	}
	if rec == nil {
		return fmt.Errorf("record of volume %s: it is not there", volume)
	}
	r.New.Volume, r.New.Label = rec.Volume, rec.ID
	if err := keep(); err != nil {
		return err
	}
	if _, err := making.Make(ctx, w, t.login); err != nil {
		return err
	}
	_, err = making.Done().Do(ctx, w)
	return err
}

// number is the user of a "user:group".
func number(user string) string {
	n, _, _ := strings.Cut(user, ":")
	return n
}

// login makes the role that modules log in as.
func (t *encrypted) login(ctx context.Context, w host.Writer) (string, error) {
	password, err := stack.NewPassword(t.d.Random)
	if err != nil {
		return "", err
	}
	if err := t.stack.KeepLogin(ctx, w, password); err != nil {
		return "", err
	}
	return "SET password_encryption = 'scram-sha-256';\nCREATE ROLE " + stack.SQLRole + " SUPERUSER LOGIN PASSWORD " + pg.Literal(password) + ";\n-- end", nil
}

// Accept refuses what encryption would say nothing about, unless it was said that
// it may be so: roles that need no password, large objects in the clear.
func (t *encrypted) Accept(c catalog.Cluster, major int) error {
	if t.a.Steps == "two" && c.Major() < major {
		return guard.Refuse("database of "+t.a.Project, fmt.Sprintf("remoterun upgrade first (pg_image: one of PostgreSQL %d), migrate another day; or tde_steps: one", major),
			"it is of PostgreSQL %d, the image of %d, and tde_steps is two", c.Major(), major)
	}
	if len(c.Trusted) > 0 && t.a.Trust != "accept" {
		return guard.Refuse("role "+c.Trusted[0], "ALTER ROLE ... PASSWORD, and scram-sha-256 in place of trust in pg_hba.conf; or set tde_trust: accept",
			"it has no password, and pg_hba.conf lets it in from the network without one (trust): whoever reaches the port reads what is encrypted")
	}
	if t.a.Large == "accept" {
		return nil
	}
	for _, d := range c.Databases {
		if n := d.Container.Large; n > 0 {
			return guard.Refuse("database "+d.Name, "set tde_large_objects: accept, if they may", "it has %s, and the extension encrypts none", value.Count(n, "large object"))
		}
	}
	return nil
}

// VolumeName is the project's one name for it.
func (t *encrypted) VolumeName(plain.Stack, *plain.Record) string { return t.stack.Volume() }

// OneName is so: status, unlock and verify know the volume by it.
func (t *encrypted) OneName() bool { return true }

// Overlay is that of every encrypted stack.
func (t *encrypted) Overlay(_ plain.Stack, base compose.Service, written compose.Written, r *plain.Record) ([]string, error) {
	return stack.Overlay{
		Project: t.a.Project, Service: t.a.Service, Image: r.New.Image, OwnTag: r.New.Own, Pgdata: path.Clean(r.New.PGData),
		Extension: pgtde.Extension(t.a.Extension), Cipher: t.a.Cipher, RAMDir: t.stack.RAMDir(), Volume: t.stack.Volume(), Base: base, Written: written,
	}.Lines()
}

// Check finds plain relations in each database. Sequences that belong to no column
// are plain by nature, and hold one number; the index of a materialized view's
// TOAST table is, too, since REFRESH makes it anew: it holds numbers of chunks.
func (t *encrypted) Check(_ context.Context, r *plain.Record, sql func(database, text string) (string, error)) error {
	for _, d := range r.Cluster.Databases {
		text, err := sql(d.Name, fmt.Sprintf(plainSQL, pgtde.Extension(t.a.Extension).Fn("is_encrypted")))
		if err != nil {
			return err
		}
		for line := range strings.Lines(text) {
			view, name, ok := strings.Cut(strings.TrimSpace(line), " ")
			if !ok {
				continue
			}
			found := proof.Difference{Database: d.Name, Kind: "in the clear", Name: name, Target: "not encrypted"}
			if view != "-" {
				found.Known = "index of a materialized view's TOAST table: it holds numbers of chunks, and no row"
			}
			r.Proof.Differences = append(r.Proof.Differences, found)
		}
	}
	return nil
}

const plainSQL = `SELECT coalesce((SELECT 'view' FROM pg_index i JOIN pg_class m ON m.reltoastrelid = i.indrelid WHERE i.indexrelid = c.oid AND m.relkind = 'm'), '-') || ' ' || c.oid::regclass::text FROM pg_class c
WHERE c.relkind IN ('r', 'm', 'i', 't') AND c.oid >= 16384 AND c.relpersistence <> 't' AND %s(c.oid) IS DISTINCT FROM true ORDER BY 1;
`

// CutOver notes the old place as a tomb: status and unlock then know it.
func (t *encrypted) CutOver(ctx context.Context, w host.Writer, _ plain.Stack, r *plain.Record) error {
	return run(ctx, w, "note the old place", sh.Script(`set -u
umask 077
grep -qxF -e "tomb $2" "$1/init" && exit 0
{ cat "$1/init" && printf 'tomb %s\n' "$2"; } >"$1/init.new" && { sync "$1/init.new" 2>/dev/null || sync; } && mv "$1/init.new" "$1/init"`, t.stack.StateDir(), r.Source.Data))
}

// Leave notes in the record that the stack's database is the plain one again. The
// volume stays until the next move.
func (t *encrypted) Leave(ctx context.Context, w host.Writer, _ plain.Stack, _ *plain.Record) error {
	return run(ctx, w, "note that the stack is not encrypted any more", sh.Script(`set -u
umask 077
[ -e "$1/init" ] || exit 0
sed 's/^state .*/state left/' "$1/init" >"$1/init.new" && { sync "$1/init.new" 2>/dev/null || sync; } && mv "$1/init.new" "$1/init"`, t.stack.StateDir()))
}

func run(ctx context.Context, w host.Writer, what string, c sh.Cmd) error {
	out, err := w.Run(ctx, c)
	if err != nil {
		return err
	}
	return guard.Spoken(what, out)
}
