package stack

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/compose"
	"remoterun/tasks/tde/guard"
)

// A tomb is a data folder in which an image's entrypoint makes no cluster: it has
// a PG_VERSION, so that the entrypoint believes that there is one, and no control
// file, so that the server refuses to start. It stands wherever the compose files
// would go without the overlay: a deploy that bypasses it fails loudly, and writes
// nothing in the clear.

// TombNote is the file that says what a tomb is.
const TombNote = "REMOTERUN-README.txt"

// The states of a tomb.
const (
	TombWhole   = "whole"
	TombMissing = "missing" // an entrypoint would make a cluster there
	TombCluster = "cluster" // it has: a database in the clear
)

// Tomb is one, as it was found.
type Tomb struct {
	Folder, State string
}

const tombsText = `for d; do
	if [ -f "$d/global/pg_control" ]; then echo "cluster $d"
	elif [ -s "$d/PG_VERSION" ]; then echo "whole $d"
	else echo "missing $d"; fi
done
echo end`

// TombsAt asks what stands in folders that are to be tombs.
func TombsAt(folders ...string) host.Fact[[]Tomb] {
	return host.Fact[[]Tomb]{Q: host.NewProbe(tombsText, folders...), Parse: func(a host.Answer) ([]Tomb, error) {
		body, whole := strings.CutSuffix(string(a.Stdout), "end\n")
		if a.Status != 0 || !whole {
			return nil, fmt.Errorf("data folders of the compose files cannot be read: %s", strings.Join(folders, ", "))
		}
		var out []Tomb
		for line := range strings.Lines(body) {
			state, dir, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			out = append(out, Tomb{Folder: dir, State: state})
		}
		return out, nil
	}}
}

// Grave is a place that the service has its data folder in without the overlay.
type Grave struct {
	Volume string // the engine's name of it, "" for a folder
	key    string // compose's name of it
	driver string
	folder string // the host's, "" for a volume that is still to be made
	below  string // the data folder in it
	chosen bool   // a volume over a folder of the user's
}

// Path is the data folder on the host, "" where the volume is not made yet.
func (g Grave) Path() string {
	if g.folder == "" {
		return ""
	}
	return path.Join(g.folder, g.below)
}

// Top is the whole mount that the data folder is in.
func (g Grave) Top() string { return g.folder }

// OwnFolder reports a place that the user chose on the host: a folder, or a volume
// that stands for one.
func (g Grave) OwnFolder() bool { return g.Volume == "" || g.chosen }

// usualData are data folders of images that do not say theirs.
func usualData() []string {
	return []string{"/var/lib/postgresql/data", "/data/db", "/pgdata", "/var/lib/postgresql/18/docker", "/var/lib/pgsql/data", "/bitnami/postgresql/data"}
}

// dataFolders are where a service's image may have its data folder.
func dataFolders(svc compose.Service, image *compose.Image) []string {
	var known []string
	for _, name := range []string{"PGDATA", "POSTGRESQL_DATA_DIR"} {
		known = append(known, svc.Env(name))
		if image != nil {
			known = append(known, image.Env(name))
		}
	}
	if known = slices.DeleteFunc(known, func(p string) bool { return !path.IsAbs(p) }); len(known) > 0 {
		return known[:1]
	}
	return usualData()
}

// Graves are where the compose files have the database without the overlay: as
// they are merged now, and as the base file alone says, which is what a deploy
// script with -f starts.
func (v Site) Graves(seen host.Seen) ([]Grave, error) {
	var need guard.Gather
	out, err := v.gravesOf(seen, v.Config, v.Spec)
	need.Add(err)
	base, err := v.Compose().Base(seen)
	if !need.Add(err) {
		return nil, need.Err()
	}
	cfg, err := host.Get(seen, base.Config())
	if _, missing := guard.NeedOf(err); missing {
		need.Add(err)
		return nil, need.Err()
	}
	if svc, ok := cfg.Services[v.Service]; err == nil && ok { // a base that does not stand alone starts nothing
		more, err := v.gravesOf(seen, cfg, svc)
		need.Add(err)
		out = append(out, more...)
	}
	slices.SortFunc(out, func(a, b Grave) int { return cmp.Compare(a.Volume+a.folder+a.below, b.Volume+b.folder+b.below) })
	return slices.Compact(out), need.Err()
}

func (v Site) gravesOf(seen host.Seen, cfg compose.Config, svc compose.Service) ([]Grave, error) {
	var image *compose.Image
	var err error
	if svc.Image != "" {
		if image, err = host.Get(seen, compose.ImageNamed(svc.Image)); err != nil {
			return nil, err
		}
	}
	var out []Grave
	var need guard.Gather
	for _, data := range dataFolders(svc, image) {
		m, ok := svc.MountAt(data)
		if !ok || m.Source == "" {
			continue
		}
		g := Grave{}
		g.below, _ = compose.Within(m.Target, data)
		switch name := cfg.VolumeName(m); {
		case m.Type == "bind":
			g.folder = path.Clean(m.Source)
		case m.Type != "volume" || name == v.Volume():
			continue
		default:
			def := cfg.Volumes[m.Source]
			vol, err := host.Get(seen, compose.VolumeNamed(name))
			if !need.Add(err) {
				continue
			}
			g.Volume, g.key, g.driver = name, m.Source, def.Driver
			if vol != nil {
				g.folder = vol.Folder()
			} else if len(def.External) > 0 && string(def.External) == "true" {
				continue // compose does not make it either
			} else {
				g.folder = compose.DiskVolume{Options: def.Options}.Folder()
			}
			g.chosen = g.folder != "" && (vol == nil || vol.Folder() != vol.Mountpoint)
		}
		out = append(out, g)
	}
	return out, need.Err()
}

// layTomb makes a tomb: $1 is the volume ("" = a folder), $2 compose's project,
// $3 compose's name of the volume, $4 its driver, $5 the folder ("" = the
// volume's own), $6 the data folder below it, $7 the server's version, then the
// note on stdin. A cluster that is there is left alone. It prints the data folder.
// The folder may be a user's: files are made new, and no link is followed.
const layTomb sh.Constant = compose.GoneText + `set -u
note=$(cat)
dir=$5
if [ -n "$1" ]; then
	! gone volume "$1" || docker volume create --driver "${4:-local}" --label "com.docker.compose.project=$2" --label "com.docker.compose.volume=$3" "$1" >/dev/null || exit 1
	[ -n "$dir" ] || dir=$(docker volume inspect -f '{{.Mountpoint}}' "$1") || exit 1
fi
[ -n "$dir" ] || { echo "volume $1 has no folder on this host" >&2; exit 1; }
d=$dir
[ -z "$6" ] || d=$dir/$6
if [ -f "$d/global/pg_control" ]; then echo "$d"; exit 0; fi
umask 022
mkdir -p "$d" && cd -P "$d" || exit 1
set -C
rm -f ` + TombNote + `
printf '%s\n' "$note" >` + TombNote + ` || exit 1
if [ -L PG_VERSION ] || [ ! -f PG_VERSION ] || [ ! -s PG_VERSION ]; then
	rm -f PG_VERSION
	printf '%s\n' "$7" >PG_VERSION || exit 1
fi
sync . 2>/dev/null || sync
echo "$d"`

// LayTombs is the step that makes tombs of graves, and notes them in the record.
func (v Site) LayTombs(graves []Grave) guard.Act {
	places := make([]string, len(graves))
	for i, g := range graves {
		places[i] = cmp.Or(g.Volume, g.Path())
	}
	what := "leave tombs where a database in the clear would come to be: " + strings.Join(places, ", ")
	return guard.Do(what, func(ctx context.Context, w host.Writer) ([]byte, error) {
		t, err := guard.Resolve(ctx, w, v.Stack.Truth)
		if err != nil {
			return nil, err
		}
		args := []string{v.StateDir() + "/init"}
		for i, g := range graves {
			c := sh.Script(layTomb, g.Volume, v.Config.Name, g.key, g.driver, g.folder, g.below, t.Disk.version).With(sh.Bytes(v.tombText()))
			out, err := w.Run(ctx, c)
			if err == nil {
				err = guard.Spoken("leave a tomb in "+places[i], out)
			}
			if err != nil {
				return nil, err
			}
			args = append(args, strings.TrimSpace(string(out.Stdout)))
		}
		out, err := w.Run(ctx, sh.Script(noteTombs, args...))
		if err != nil {
			return nil, err
		}
		return out.Stdout, guard.Spoken("note the tombs in the record", out)
	})
}

func (v Site) tombText() string {
	return fmt.Sprintf(`This is not a database, and none may come to be here.

The database of %s is encrypted, in the volume %s. A compose file that
remoterun wrote brings it up; without that file this folder would be used, and an
unencrypted database would be made. PG_VERSION without a control file makes the
server refuse to start instead.

What helps: remoterun unlock (the host's name).
`, v.Project, v.Volume())
}

// noteTombs adds folders to the record $1, those that are not in it yet.
const noteTombs sh.Constant = `set -u
umask 077
r=$1
shift
cp -p "$r" "$r.new" || exit 1
for d; do grep -qxF "tomb $d" "$r.new" || printf 'tomb %s\n' "$d" >>"$r.new" || exit 1; done
sync "$r.new" 2>/dev/null || sync
mv "$r.new" "$r" && { sync "${r%/*}" 2>/dev/null || sync; }`
