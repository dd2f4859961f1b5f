package stack

import (
	"slices"
	"strings"

	"remoterun/tasks/compose"
)

// noCore stops a core to a file and one to a handler, which 0 does not: a server
// that crashes would leave the key there.
var noCore = compose.Limit{Soft: 1, Hard: 1}

// Lacks are the parts of the overlay that the compose files do not give the
// service: without them it would start another database, or none.
func (v Site) Lacks() []string {
	var out []string
	needs := func(is bool, what string) {
		if !is {
			out = append(out, what)
		}
	}
	data, keys := false, false
	for _, m := range v.Spec.Volumes {
		pgdata := v.Spec.Env("PGDATA")
		_, holds := compose.Within(m.Target, pgdata)
		holds = holds || pgdata == ""
		data = data || m.Type == "volume" && v.Config.VolumeName(m) == v.Volume() && holds
		keys = keys || m.Target == v.RAMDir() && m.ReadOnly
	}
	needs(data, "the volume "+v.Volume())
	needs(keys, "the keyring (read-only)")
	preload, wal := v.settings(v.Spec.Command)
	needs(preload, "shared_preload_libraries with "+v.Extension)
	needs(wal, v.Extension+".wal_encrypt=on")
	needs(v.Spec.Ulimits["core"] == noCore, "ulimits: core: 1")
	return out
}

// settings reports whether a server's command line loads the extension, and whether
// it encrypts the WAL.
func (v Site) settings(words []string) (preload, wal bool) {
	for i := range words {
		setting, _ := serverSetting(words[i:])
		name, value, _ := strings.Cut(setting, "=")
		switch strings.ReplaceAll(name, "-", "_") {
		case "shared_preload_libraries":
			preload = slices.Contains(Libraries(value), v.Extension)
		case v.Extension + ".wal_encrypt":
			wal = value == "on"
		}
	}
	return preload, wal
}

// Overlaid reports that the container has what Lacks looks for in the files: the
// keyring, read-only, the settings and the core limit. Whoever made it with other files, or before
// they were changed, has one that has not.
func (v Site) Overlaid() bool {
	keys := false
	for _, m := range v.Container.Mounts {
		keys = keys || m.Destination == v.RAMDir() && !m.RW
	}
	preload, wal := v.settings(v.Container.Config.Cmd)
	return keys && preload && wal && v.Container.Limit("core") == noCore
}
