package move

import (
	"context"
	"path"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/compose"
)

// placeText prints a folder beside the mount $1, or beside the data folder $2 in
// it where the mount is the top of a disk; $3 is put behind its name.
const placeText sh.Constant = `for d in "$1" "$2"; do
	[ "$(stat -c %d "$d/.")" = "$(stat -c %d "$d/..")" ] || continue
	echo "$d$3"
	exit 0
done
exit 3`

// folder decides where the new cluster goes: where it was said, else on the disk
// that the user chose for the old one, else into a volume of the engine's own. It
// returns the folder, "" for the engine's.
func (m *mover) folder(ctx context.Context, w host.Writer, src Source, ending string) (string, error) {
	switch {
	case m.args.Data == compose.InVolume:
		return "", nil
	case m.args.Data != "" && m.rehearsal:
		return m.args.Data + "_rehearsal", nil
	case m.args.Data != "":
		return m.args.Data, nil
	}
	top, err := m.chosen(ctx, w, src)
	if err != nil || top == "" {
		return "", err
	}
	out, err := w.Run(ctx, sh.Script(placeText, top, src.Data, ending))
	if err != nil || out.Status == 0 {
		return strings.TrimSpace(string(out.Stdout)), err
	}
	return "", refuse("service "+m.Service, "say in pg_data which folder of which disk is for the new one, or volume for one of the engine's own",
		"its data folder %s is a disk of its own, beside which there is no room on it", src.Data)
}

// chosen is the folder of the user's that holds the old cluster: a bind mount, or
// what a volume of his stands for; "" where it is in a volume of the engine's own.
func (m *mover) chosen(ctx context.Context, w host.Writer, src Source) (string, error) {
	mt, _ := src.home()
	switch mt.Type {
	case "bind":
		return path.Clean(mt.Source), nil
	case "volume":
		vol, err := ask(ctx, w, compose.VolumeNamed(mt.Source))
		if err != nil || vol == nil || vol.Folder() == vol.Mountpoint {
			return "", err
		}
		return path.Clean(vol.Folder()), nil
	}
	return "", nil
}

// home is the mount that holds the data folder, the deepest of those above it, and
// the folder's path below it.
func (s Source) home() (Mount, string) {
	best, below := Mount{}, ""
	for _, m := range s.Mounts {
		if rest, ok := compose.Within(m.Target, s.PGData); ok && len(path.Clean(m.Target)) >= len(best.Target) {
			best, below = m, rest
		}
	}
	return best, below
}

// lies finds the data folder on the host as it is without any container: a volume
// over a folder of the host's shows it at its mount point only while a container
// has it, and one over a network not even then to us.
func (s *Source) lies(ctx context.Context, w host.Reader) error {
	mt, below := s.home()
	if mt.Type != "volume" {
		return nil
	}
	vol, err := ask(ctx, w, compose.VolumeNamed(mt.Source))
	if err != nil || vol == nil {
		return err
	}
	kind := vol.Options["type"]
	if vol.Driver != "local" || kind != "" && kind != "none" && vol.Folder() == vol.Mountpoint {
		return refuse("volume "+vol.Name, "copy it into a volume of the driver local, without options, and name that in the compose file",
			"it is of the driver %s, %s: its folder is there only while a container has it, so that nothing can be put aside in it", vol.Driver, or(kind, "a plugin's"))
	}
	s.Data = path.Join(vol.Folder(), below)
	return nil
}

// freeText prints the first name and folder, of $1 and $2 with _2 and so on, that
// nothing has.
const freeText sh.Constant = freeName + `name=$1 folder=$2 n=1
until free "$name" "$folder"; do
	n=$((n + 1))
	[ $n -lt 100 ] || { echo "all names like $1 are taken" >&2; exit 1; }
	name=$1_$n
	[ -z "$2" ] || folder=$2_$n
done
printf '%s\nin %s\n' "$name" "$folder"`

// reserve names volume and folder of the new cluster; nothing is made.
func (m *mover) reserve(ctx context.Context, w host.Writer) error {
	n := &m.record.New
	n.Name = m.to.VolumeName(m.Stack, m.record)
	ending := strings.TrimPrefix(n.Name, m.Project)
	folder, err := m.folder(ctx, w, m.record.Source, ending)
	if err != nil {
		return err
	}
	n.Folder = folder
	if n.Volume != "" {
		return nil
	}
	if m.to.OneName() {
		return m.to.Free(ctx, w, m.record)
	}
	text, err := output(ctx, w, "look for a free name", sh.Script(freeText, n.Name, folder))
	name, in, _ := strings.Cut(strings.TrimRight(text, "\n"), "\n")
	if err == nil {
		n.Name, n.Folder = name, strings.TrimPrefix(in, "in ")
	}
	return err
}
