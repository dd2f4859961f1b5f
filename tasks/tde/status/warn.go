package status

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"remoterun/runner/play"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/seal"
	"remoterun/tasks/tde/stack"
)

// warnings are what needs attention in whatever state, each with what to type.
func (st *status) warnings(r *play.Result) {
	h := st.args.host
	warn := func(on bool, text string, a ...any) {
		if on {
			r.Warnings = append(r.Warnings, fmt.Sprintf(text, a...))
		}
	}
	if st.held != nil {
		warn(true, "the project is held by %s since %s (%s)", st.held.Who, st.held.Since, st.held.Doing)
	}
	for _, p := range st.fileProblems() {
		warn(true, "%s: %s; next: remoterun unlock %s", st.args.KeyringPath(), p, h)
	}
	const onDisk = "the key has been on a disk, and has to be replaced: rotate it, once it is in RAM alone"
	for _, p := range st.providers {
		warn(true, "key provider %s of the server is not the keyring in RAM: %s; what is so, says: remoterun verify --quick %s", p, onDisk, h)
	}
	for _, f := range st.rings {
		warn(true, "%s holds a keyring: %s; overwrite and remove the file, if the server does not read it", f, onDisk)
	}
	warn(len(st.mem.Swap) > 0 && st.args.Swap != "accept", "RAM of this host is swapped to %s, the database's own memory with it: swapoff -a on the host, and its line out of /etc/fstab, or systemctl mask the unit that systemctl list-units -t swap shows; then %s", strings.Join(st.mem.Swap, ", "), onDisk)
	warn(st.ram.File != nil && !st.mem.InRAM(), "%s", onDisk)
	lacks := st.site.Lacks()
	if !st.truth.There() {
		lacks = nil
	}
	warn(lacks != nil, "the overlay is gone or was changed: the compose files lack %s, so that docker compose up would start something else; next: remoterun unlock %s", strings.Join(lacks, ", "), h)
	for _, t := range st.truth.Tombs {
		warn(t.State == stack.TombMissing, "the tomb in %s is gone: without the overlay a database in the clear would come to be there; next: remoterun unlock %s", t.Folder, h)
		warn(t.State == stack.TombCluster, "a database in the clear is in %s, made while the overlay was not in effect; when nothing in it is needed: mv %[1]s/global/pg_control %[1]s/global/pg_control.kept", t.Folder)
	}
	for _, c := range st.callers {
		warn(true, "%s: the database would start without the overlay; %s, or have it in the compose file itself: tde_apply: edit, then: remoterun unlock %s", c, c.Edit(st.overlay), h)
	}
	alien := lacks == nil && st.truth.There() && st.site.Container != nil && st.site.Serves(st.truth) && !st.site.Overlaid()
	warn(alien, "container %s was made without the overlay's settings (the extension, encryption of the WAL, the keyring read-only, no core dumps): what it writes can come to the disk in the clear; next: remoterun unlock %s", st.site.Name(), h)
	warn(st.drift && lacks == nil && !alien, "container %s was made from other compose files than there are now; docker compose up -d %s applies them", st.site.Name(), st.args.Service)
	fine := []custody.CopyState{custody.CopiesEqual, custody.CopyNoServer}
	warn(!slices.Contains(fine, st.copies.State) && !(st.copies.State == custody.CopiesNone && st.disk.Keys == ""),
		"sealed copies: %s", st.copies.Advised(h))
}

// fileProblems is what is wrong with the keyring in RAM, as far as it can be seen
// without the passphrase.
func (st *status) fileProblems() []string {
	f := st.ram.File
	if f == nil {
		return nil
	}
	var out []string
	bad := func(is bool, text string, a ...any) {
		if is {
			out = append(out, fmt.Sprintf(text, a...))
		}
	}
	bad(!st.mem.InRAM(), "it is on %s, not in RAM", cmp.Or(st.mem.FS, st.mem.OnFS))
	bad(st.disk.Exists && f.UID != st.disk.UID, "its owner is %d, the data folder's is %d: the server cannot read it", f.UID, st.disk.UID)
	bad(st.ram.Folder.Open(), "its folder can be changed by others than root (owner %d, mode 0%s)", st.ram.Folder.UID, st.ram.Folder.Mode)
	bad(f.Mode != "400", "its mode is 0%s, not 0400", f.Mode)
	bad(f.Size == 0 || f.Size%seal.RecordSize != 0, "a size of %d bytes is not that of a keyring", f.Size)
	bad(st.mem.Foreign() != "", "%s lies beside it", st.mem.Foreign())
	return out
}
