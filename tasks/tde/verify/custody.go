package verify

import (
	"cmp"
	"fmt"
	"path"
	"strings"

	"remoterun/runner/value"
	"remoterun/tasks/compose"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/seal"
)

// checkMemory: the keyring's mount is RAM; how good is said, never guessed.
func checkMemory(p *proof) checkResult {
	class := p.mem.Class()
	evidence := fmt.Sprintf("%s: %s on %s", class, p.mem.Path, cmp.Or(p.mem.FS, "no mount"))
	switch {
	case !p.mem.InRAM():
		return checkIs(false, "%s is not a mount in RAM (%s)", p.mem.Path, cmp.Or(p.mem.FS, cmp.Or(p.mem.OnFS, "it is not there")))
	case class == memory.Weak && p.args.Swap != "accept":
		return checkIs(false, "%s; swap: %s", evidence, strings.Join(p.mem.Swap, ", "))
	case class == memory.Weak:
		return checkIs(true, "%s; swap is accepted: %s", evidence, strings.Join(p.mem.Swap, ", "))
	case class == memory.Hoster:
		return checkIs(true, "%s; the node's swap cannot be seen from inside (%s)", evidence, p.mem.Container)
	}
	return checkIs(true, "%s, no swap reaches a disk", evidence)
}

// checkKeyringFile: the server's user alone reads it, nobody writes, and it is
// the keyring that is open on the laptop.
func checkKeyringFile(p *proof) checkResult {
	f := p.ram.File
	if f == nil {
		return checkIs(false, "there is no keyring in RAM")
	}
	folder := p.ram.Folder
	good := f.Mode == "400" && !folder.Open() && f.Size > 0 && f.Size%seal.RecordSize == 0
	evidence := fmt.Sprintf("file: owner %d, mode 0%s, %s; folder: owner %d, mode 0%s", f.UID, f.Mode, value.Count(f.Size/seal.RecordSize, "key"), folder.UID, folder.Mode)
	if p.args.Database {
		good = good && f.UID == p.disk.UID
		evidence += fmt.Sprintf("; the data folder's owner is %d", p.disk.UID)
	}
	if more := p.mem.Foreign(); more != "" {
		good = false
		evidence += "; " + more + " lies beside it"
	}
	if e, ok := p.mem.Keyring(); ok && p.open != nil {
		same := e.SHA256 == p.open.SHA256
		good = good && same
		evidence += "; the same as the sealed one: " + yesNo(same)
	}
	return checkIs(good, "%s", evidence)
}

// checkContainer: the keyring is mounted read-only and into no other container,
// and a crash leaves no core with the key in it.
func checkContainer(p *proof) checkResult {
	if p.site.Pid() == 0 {
		return notProved("the container does not run")
	}
	var others, whole []string
	for _, c := range p.everyone {
		for _, m := range c.Mounts {
			own := c.ID == p.site.Container.ID && m.Destination == p.args.RAMDir()
			has := fmt.Sprintf("container %s has %s at %s", c.Short(), m.Source, m.Destination)
			switch {
			case path.Clean(m.Source) == "/" && m.Source != "":
				whole = append(whole, has+": its root can read the keyring, as the host's can")
			case p.reaches(m.Source) && !own:
				others = append(others, has)
			}
		}
	}
	core := coreLimit(p.limits)
	r := checkIs(p.ram.ReadOnly && core == "1" && others == nil && len(p.everyone) > 0, "keyring mount read-only: %s; core limit: %s (1 stops cores to a file and to a handler); of %s on this host others with mounts of keys: %d, with the whole host: %d",
		yesNo(p.ram.ReadOnly), cmp.Or(core, "not known"), value.Count(len(p.everyone), "container"), len(others), len(whole))
	r.Details = append(others, whole...)
	return r
}

// reaches reports a host's folder from which keys of the project can be read.
func (p *proof) reaches(source string) bool {
	if source == "" {
		return false
	}
	for _, dir := range []string{p.args.RAMDir(), p.args.StateDir()} {
		_, below := compose.Within(dir, source)
		_, above := compose.Within(source, dir)
		if below || above {
			return true
		}
	}
	return false
}

// coreLimit reads the soft limit out of /proc/PID/limits.
func coreLimit(text string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "Max core file size"); ok {
			if f := strings.Fields(rest); len(f) > 0 {
				return f[0]
			}
		}
	}
	return ""
}

// checkStrays: nothing in the data folder looks like a keyring.
func checkStrays(p *proof) checkResult {
	if p.site.HostData == "" {
		return checkIs(false, noDataFolder)
	}
	names := p.keyNames()
	switch {
	case len(p.strays) > 0:
	case len(names) == 0:
		return notProved("no key's name is known to look for")
	case p.keyFiles == 0:
		return checkIs(false, "the search of %s for %s does not even find the extension's own key files", p.site.HostData, value.Count(len(names), "key name"))
	}
	r := checkIs(len(p.strays) == 0, "%s like a keyring in %s (searched for %s, which were found in %s of the extension)", value.Count(len(p.strays), "file up to 1.2 MB looks", "files up to 1.2 MB look"), p.site.HostData, value.Count(len(names), "key name"), value.Count(p.keyFiles, "key file"))
	r.Details = p.strays
	return r
}

// checkCopies: laptop and host hold the same newest sealed keyring.
func checkCopies(p *proof) checkResult {
	switch p.copies.State {
	case "":
		return notProved("the sealed copies were not looked at: %s", p.copies.Said)
	case custody.CopiesEqual:
		return checkIs(true, "laptop and host hold %s, byte for byte", p.copies.Said)
	case custody.CopyNoServer:
		if len(p.copies.Left) > 0 {
			return checkIs(false, "tde_server_copy is no, but the host holds %s", strings.Join(p.copies.Left, ", "))
		}
		return checkIs(true, "kept off the server only (tde_server_copy: no): %s", p.copies.Said)
	}
	return checkIs(false, "%s", p.copies.Advised(p.args.host))
}

// checkHeaders: the keyring that is open on the laptop fits every key file of
// the cluster, by its tag.
func checkHeaders(p *proof) checkResult {
	if p.open == nil {
		return notProved("the keyring is not open on the laptop")
	}
	if len(p.headers) == 0 {
		return notProved("the cluster has no key files")
	}
	var bad []string
	unknown := 0
	for _, h := range p.headers {
		if h.State == pgtde.HeaderUnknown {
			unknown++
		}
		if h.State != pgtde.HeaderOK {
			bad = append(bad, fmt.Sprintf("%s: key %s: %s", h.File, h.Key, h.State))
		}
	}
	r := checkIs(len(bad) == 0, "%d of %s opened by the keyring (%s)", len(p.headers)-len(bad), value.Count(len(p.headers), "key file"), value.Count(len(p.open.Keys), "key"))
	if r.Details = bad; unknown > 0 && unknown == len(bad) {
		r.Status = CheckNotProved // of a version that is not known here
	}
	return r
}
