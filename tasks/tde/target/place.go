package target

import (
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/tasks/compose"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/stack"
)

// place is the host's folder for the cluster: what data says, else beside the
// service's own data folder and on its disk, "" where that is in a volume of the
// engine's.
func (f fresh) place(s host.Seen) (string, error) {
	switch {
	case f.truth.Record.Begun() && f.truth.Half():
		return f.truth.Record.Folder, nil // it goes on where it began
	case f.args.DataDir == compose.InVolume:
		return "", nil
	case f.args.DataDir != "":
		return f.args.DataDir, f.checkPlace(s, f.args.DataDir)
	}
	for _, g := range f.graves {
		if g.OwnFolder() {
			return f.beside(s, g)
		}
	}
	return "", nil
}

// beside is a folder next to the grave's: next to the whole mount, or next to the
// data folder in it where the mount is the top of a disk.
func (f fresh) beside(s host.Seen, g stack.Grave) (string, error) {
	for _, old := range []string{g.Top(), g.Path()} {
		top, err := host.Get(s, topOfDisk(old))
		if err != nil {
			return "", err
		}
		if to := old + "_tde"; !top {
			return to, f.checkPlace(s, to)
		}
	}
	return "", guard.Refuse("service "+f.Service, "say in tde_data which folder of which disk is for the encrypted one, or volume for one of the engine's own",
		"its data folder %s is a disk of its own, beside which there is no room on it", g.Path())
}

// checkPlace refuses a folder that holds anything.
func (f fresh) checkPlace(s host.Seen, dir string) error {
	d, err := host.Get(s, stack.DiskAt(dir))
	if err != nil || !d.Exists || d.Empty {
		return err
	}
	return guard.Refuse("folder "+dir, "look what is in it, or say another one in tde_data", "the encrypted cluster would go there, and it is not empty")
}

// topOfDisk asks whether a folder is a mount of its own. One that is not there yet
// is on the disk of what is above it.
func topOfDisk(dir string) host.Fact[bool] {
	q := host.NewProbe(`[ -e "$1" ] || { echo no; exit 0; }
[ "$(stat -c %d "$1/.")" = "$(stat -c %d "$1/..")" ] && echo no || echo yes`, dir)
	return host.Fact[bool]{Q: q, Parse: func(a host.Answer) (bool, error) {
		said := strings.TrimSpace(string(a.Stdout))
		if said != "yes" && said != "no" {
			return false, fmt.Errorf("the disk of %s cannot be told", dir)
		}
		return said == "yes", nil
	}}
}
