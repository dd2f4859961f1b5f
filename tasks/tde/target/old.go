package target

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/tasks/compose"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/stack"
)

// notOurs explains a volume that is not empty and that no record of ours calls
// half-made. A lost state folder beside a live volume must never look like an
// unfinished init.
func (f fresh) notOurs() *guard.Refusal {
	object := "volume " + f.Stack.Volume()
	if f.truth.Disk.Initialised() && f.truth.Disk.Keys == "" {
		return stack.PlainRefusal(object, f.args.host)
	}
	return guard.Refuse(object, "look what is in "+f.truth.Folder, "it is not empty, and no record of ours says that it was made here and not finished")
}

func (f fresh) noImage() *guard.Refusal {
	return guard.Refuse("image "+f.args.Image, "run remoterun setup "+f.args.host+", which pulls it, or docker pull "+f.args.Image, "it is not on this host, and a start never pulls")
}

// checkOld refuses a service that has a plain cluster already.
func (f fresh) checkOld(s host.Seen) error {
	if f.image == nil {
		return f.noImage()
	}
	if f.image.Env("PGDATA") == "" {
		return guard.Refuse("image "+f.args.Image, "set tde_image to an image of PostgreSQL with pg_tde", "it does not say where its data folder is (PGDATA)")
	}
	if f.key == "" {
		return guard.Refuse("keyring of "+f.Project, "put a task tde_keyring with action: open before this one", "it is not open, so the key to begin with is not known")
	}
	if want := pgtde.CipherBits(f.args.Cipher); f.bits != 0 && f.bits != want {
		return guard.Refuse("key "+f.key, "set tde_cipher as it was when the key was made", "it has %d bits, and tde_cipher: %s goes with %d", f.bits, f.args.Cipher, want)
	}
	if err := f.unlike(); err != nil {
		return err
	}
	volumes, err := f.oldVolumes(s)
	if err != nil {
		return err
	}
	for _, dir := range f.oldFolders(volumes) {
		old, err := host.Get(s, oldCluster(dir))
		if err != nil {
			return err
		}
		if old != "" {
			return stack.PlainRefusal(old, f.args.host)
		}
	}
	for _, v := range volumes {
		if v.unseen() {
			return guard.Refuse("volume "+v.Name, "take it out of the service's volumes, if no database is in it: the encrypted one gets a volume of its own",
				"what is in it cannot be seen (driver %s, type %s)", cmp.Or(v.Driver, "local"), cmp.Or(v.Options["type"], "none"))
		}
	}
	return nil
}

// unlike refuses what the service asks of its image and the encrypted server's
// cannot do.
func (f fresh) unlike() error {
	if len(f.Spec.Entrypoint) > 0 {
		return guard.Refuse("service "+f.Service, "take entrypoint: out of the compose file, or out of the way", "its entrypoint is %q, which belongs to another image", strings.Join(f.Spec.Entrypoint, " "))
	}
	for _, m := range f.scripts() {
		if m.Source == "" {
			return guard.Refuse("service "+f.Service, "give it as a config with file:, or mount it", "the script %s is in no file of this host", m.Target)
		}
	}
	return nil
}

// oldVolume is a volume of the service's, made or not yet.
type oldVolume struct{ compose.DiskVolume }

// unseen reports a volume of which nobody sees anything while no container uses
// it: a network's, a disk's, a plugin's.
func (v oldVolume) unseen() bool {
	own := v.Options["device"] == "" || v.Options["type"] == "tmpfs" || v.Folder() != v.Mountpoint
	return !own || v.Driver != "" && v.Driver != "local"
}

// oldVolumes are the volumes of the service, in the file as it is and in the
// container that there is, but our own.
func (f fresh) oldVolumes(s host.Seen) ([]oldVolume, error) {
	var out []oldVolume
	var need guard.Gather
	seen := map[string]bool{"": true, f.Stack.Volume(): true}
	add := func(name string, as compose.Volume) {
		if seen[name] {
			return
		}
		seen[name] = true
		made, err := host.Get(s, compose.VolumeNamed(name))
		switch {
		case !need.Add(err):
		case made != nil:
			out = append(out, oldVolume{*made})
		default:
			out = append(out, oldVolume{compose.DiskVolume{Name: name, Driver: as.Driver, Options: as.Options}})
		}
	}
	for _, m := range f.Spec.Volumes {
		if m.Type == "volume" {
			add(f.Config.VolumeName(m), f.Config.Volumes[m.Source])
		}
	}
	if f.Container != nil {
		for _, m := range f.Container.Mounts {
			if m.Type == "volume" {
				add(m.Name, compose.Volume{})
			}
		}
	}
	return out, need.Err()
}

// oldFolders are the host's folders behind every mount of the service, but our
// own.
func (f fresh) oldFolders(volumes []oldVolume) []string {
	found := map[string]bool{}
	for _, v := range volumes {
		found[v.Folder()] = true
	}
	for _, m := range f.Spec.Volumes {
		if m.Type == "bind" {
			found[m.Source] = true
		}
	}
	if f.Container != nil {
		for _, m := range f.Container.Mounts {
			if m.Name != f.Stack.Volume() {
				found[m.Source] = true
			}
		}
	}
	delete(found, "")
	delete(found, f.RAMDir())
	return slices.Sorted(maps.Keys(found))
}

// oldCluster asks whether a folder, or one up to three levels below it, is a
// cluster's data folder: its path, "" for none.
func oldCluster(dir string) host.Fact[string] {
	q := host.NewProbe(`for f in "$1"/PG_VERSION "$1"/*/PG_VERSION "$1"/*/*/PG_VERSION "$1"/*/*/*/PG_VERSION; do
	[ -f "$f" ] || continue
	d=${f%/PG_VERSION}
	[ -f "$d/`+stack.TombNote+`" ] && [ ! -f "$d/global/pg_control" ] || { echo "$d"; break; }
done
echo end`, dir)
	return host.Fact[string]{Q: q, Parse: func(a host.Answer) (string, error) {
		text, whole := strings.CutSuffix(string(a.Stdout), "end\n")
		if !whole {
			return "", fmt.Errorf("folder %s cannot be read", dir)
		}
		return strings.TrimSpace(text), nil
	}}
}
