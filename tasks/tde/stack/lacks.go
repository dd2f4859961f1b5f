package stack

import (
	"slices"
	"strings"
)

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
		_, holds := Within(m.Target, pgdata)
		holds = holds || pgdata == ""
		data = data || m.Type == "volume" && v.Config.VolumeName(m) == v.Volume() && holds
		keys = keys || m.Target == v.RAMDir() && m.ReadOnly
	}
	needs(data, "the volume "+v.Volume())
	needs(keys, "the keyring (read-only)")
	preload, wal := false, false
	for i := range v.Spec.Command {
		setting, _ := serverSetting(v.Spec.Command[i:])
		name, value, _ := strings.Cut(setting, "=")
		switch strings.ReplaceAll(name, "-", "_") {
		case "shared_preload_libraries":
			preload = slices.Contains(Libraries(value), v.Extension)
		case v.Extension + ".wal_encrypt":
			wal = value == "on"
		}
	}
	needs(preload, "shared_preload_libraries with "+v.Extension)
	needs(wal, v.Extension+".wal_encrypt=on")
	return out
}
