package tde

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"remoterun/runner/play"
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
		warn(true, "%s: %s; next: remoterun unlock %s", st.args.keyringPath(), p, h)
	}
	if st.disk.initialised() && st.disk.keys != "" && st.state != stateBegun {
		if lacks := st.site.lacks(); lacks != nil {
			warn(true, "the overlay is gone or was changed: the compose files lack %s, so that docker compose up would start something else; next: remoterun unlock %s, or take the change back", strings.Join(lacks, ", "), h)
		}
	}
	warn(st.drift, "container %s was made from other compose files than there are now; docker compose up -d %s applies them", st.site.name(), st.args.Service)
	fine := []CopyState{CopiesEqual, CopyNoServer}
	warn(!slices.Contains(fine, st.copy) && !(st.copy == CopiesNone && st.disk.keys == ""),
		"sealed copies: %s; next: %s", cmp.Or(string(st.copy), st.copies), nextOfCopies(st.copy, h))
}

// nextOfCopies is what brings sealed copies together.
func nextOfCopies(c CopyState, hostname string) string {
	if c == CopyServer || c == CopyNewer {
		return "remoterun key import " + hostname
	}
	return "remoterun setup " + hostname
}

// fileProblems is what is wrong with the keyring in RAM, as far as it can be seen
// without the passphrase.
func (st *status) fileProblems() []string {
	f := st.ram.file
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
	bad(st.disk.exists && f.uid != st.disk.uid, "its owner is %d, the data folder's is %d: the server cannot read it", f.uid, st.disk.uid)
	bad(f.mode != "400", "its mode is 0%s, not 0400", f.mode)
	bad(f.size == 0 || f.size%RecordSize != 0, "%d bytes are no keyring", f.size)
	bad(st.mem.foreign() != "", "%s lies beside it", st.mem.foreign())
	return out
}

// lacks are the parts of the overlay that the compose files do not give the
// service: without them it would start another database, or none.
func (v site) lacks() []string {
	var out []string
	needs := func(is bool, what string) {
		if !is {
			out = append(out, what)
		}
	}
	data, keys := false, false
	for _, m := range v.svc.Volumes {
		data = data || m.Type == "volume" && v.cfg.VolumeName(m) == v.volume()
		keys = keys || m.Target == v.ramDir() && m.ReadOnly
	}
	needs(data, "the volume "+v.volume())
	needs(keys, "the keyring (read-only)")
	preload, wal := false, false
	for i := range v.svc.Command {
		setting, _ := serverSetting(v.svc.Command[i:])
		name, value, _ := strings.Cut(setting, "=")
		switch strings.ReplaceAll(name, "-", "_") {
		case "shared_preload_libraries":
			preload = slices.Contains(libraries(value), v.Extension)
		case v.Extension + ".wal_encrypt":
			wal = value == "on"
		}
	}
	needs(preload, "shared_preload_libraries with "+v.Extension)
	needs(wal, v.Extension+".wal_encrypt=on")
	return out
}
