package tde

import (
	"fmt"
	"sort"
	"strings"

	"remoterun/runner/host"
	"remoterun/tasks/compose"
)

// notOurs explains a volume that is not empty and that no record of ours calls
// half-made. A lost state folder beside a live volume must never look like an
// unfinished init.
func (f fresh) notOurs() *Refusal {
	object := "volume " + f.volume.Name
	if f.disk.initialised() && f.disk.keys == "" {
		return plainRefusal(object, f.args.host)
	}
	return refuse(object, "look what is in "+f.volume.Mountpoint, "it is not empty, and no record of ours says that it was made here and not finished")
}

func plainRefusal(object, hostname string) *Refusal {
	return refuse(object, "next: remoterun migrate "+hostname, "this database is not encrypted: use migrate")
}

func (f fresh) noImage() *Refusal {
	return refuse("image "+f.args.Image, "run remoterun setup "+f.args.host+", which pulls it, or docker pull "+f.args.Image, "it is not on this host, and a start never pulls")
}

// checkOld refuses a service that has a plain cluster already.
func (f fresh) checkOld(s host.Seen) error {
	if f.image == nil {
		return f.noImage()
	}
	if f.image.Env("PGDATA") == "" {
		return refuse("image "+f.args.Image, "set tde_image to an image of PostgreSQL with pg_tde", "it does not say where its data folder is (PGDATA)")
	}
	if f.key == "" {
		return refuse("keyring of "+f.Project, "put a task tde_keyring with action: open before this one", "it is not open, so the key to begin with is not known")
	}
	if want := cipherBits(f.args.Cipher); f.bits != 0 && f.bits != want {
		return refuse("key "+f.key, "set tde_cipher as it was when the key was made", "it has %d bits, and tde_cipher: %s goes with %d", f.bits, f.args.Cipher, want)
	}
	for _, dir := range f.oldFolders(s) {
		old, err := host.Get(s, oldCluster(dir))
		if err != nil {
			return err
		}
		if old != "" {
			return plainRefusal(old, f.args.host)
		}
	}
	return f.missing(s)
}

// missing asks for the volumes behind the service's mounts, if not known yet.
func (f fresh) missing(s host.Seen) error {
	for _, m := range f.svc.Volumes {
		if m.Type != "volume" || f.cfg.VolumeName(m) == f.Stack.volume() {
			continue
		}
		if _, err := host.Get(s, compose.VolumeNamed(f.cfg.VolumeName(m))); err != nil {
			return err
		}
	}
	return nil
}

// oldFolders are the host's folders behind every mount of the service, in the
// file as it is and in the container that there is, but our own.
func (f fresh) oldFolders(s host.Seen) []string {
	found := map[string]bool{}
	for _, m := range f.svc.Volumes {
		name := f.cfg.VolumeName(m)
		switch {
		case m.Type == "bind" && m.Source != f.ramDir():
			found[m.Source] = true
		case m.Type == "volume" && name != f.Stack.volume():
			if v, err := host.Get(s, compose.VolumeNamed(name)); err == nil && v != nil {
				found[v.Mountpoint] = true
			}
		}
	}
	if f.db != nil {
		for _, m := range f.db.Mounts {
			if m.Source != "" && m.Source != f.ramDir() && m.Name != f.Stack.volume() {
				found[m.Source] = true
			}
		}
	}
	out := make([]string, 0, len(found))
	for d := range found {
		out = append(out, d)
	}
	sort.Strings(out)
	return out
}

// oldCluster asks whether a folder, or one up to three levels below it, is a
// cluster's data folder: its path, "" for none.
func oldCluster(dir string) host.Fact[string] {
	q := host.NewProbe(`for f in "$1"/PG_VERSION "$1"/*/PG_VERSION "$1"/*/*/PG_VERSION "$1"/*/*/*/PG_VERSION; do [ -f "$f" ] && { echo "${f%/PG_VERSION}"; break; }; done; echo end`, dir)
	return host.Fact[string]{Q: q, Parse: func(a host.Answer) (string, error) {
		text, whole := strings.CutSuffix(string(a.Stdout), "end\n")
		if !whole {
			return "", fmt.Errorf("folder %s cannot be read", dir)
		}
		return strings.TrimSpace(text), nil
	}}
}
