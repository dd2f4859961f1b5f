package database

import "testing"

// TestSettingsMeanTheSame: values are compared as the server reads them.
func TestSettingsMeanTheSame(t *testing.T) {
	memory := pgSetting{name: "shared_buffers", setting: "131072", unit: "8kB", kind: "integer", pretty: "1GB"}
	wait := pgSetting{name: "checkpoint_timeout", setting: "600", unit: "s", kind: "integer", pretty: "10min"}
	cost := pgSetting{name: "autovacuum_vacuum_cost_delay", setting: "2", unit: "ms", kind: "real", pretty: "2ms"}
	plain := pgSetting{name: "max_connections", setting: "100", kind: "integer", pretty: "100"}
	on := pgSetting{name: "autovacuum", setting: "on", kind: "bool", pretty: "on"}
	word := pgSetting{name: "wal_level", setting: "replica", kind: "enum", pretty: "replica"}
	list := pgSetting{name: "shared_preload_libraries", setting: `"a b", c`, kind: "string", pretty: `"a b", c`}
	text := pgSetting{name: "log_line_prefix", setting: "%m, %p ", kind: "string", pretty: "%m, %p "}
	for _, c := range []struct {
		s    pgSetting
		v    string
		same bool
	}{
		{memory, "1GB", true}, {memory, "1024MB", true}, {memory, "1048576kB", true}, {memory, "131072", true}, {memory, "1024 MB", true}, {memory, "1.0GB", true}, {memory, "1gb", false}, {memory, "1025MB", false}, {memory, "GB", false},
		{wait, "10min", true}, {wait, "600", true}, {wait, "600s", true}, {wait, "600000ms", true}, {wait, "10m", false}, {wait, "11min", false},
		{cost, "2", true}, {cost, "2.0", true}, {cost, "2000us", true}, {cost, "2.5", false},
		{plain, "100", true}, {plain, "0x64", true}, {plain, "100kB", false}, {plain, "many", false},
		{on, "yes", true}, {on, "tru", true}, {on, "1", true}, {on, "ON", true}, {on, "o", false}, {on, "off", false}, {on, "", false},
		{word, "REPLICA", true}, {word, "logical", false},
		{list, `"a b",c`, true}, {list, "a b,c", true}, {list, "c,a b", false},
		{text, "%m, %p ", true}, {text, "%m,%p", false},
	} {
		if c.s.is(c.v) != c.same {
			t.Errorf("%s is %s, and %q: want %v", c.s.name, c.s.pretty, c.v, c.same)
		}
	}
	for v, want := range map[string]string{"32mb": "32MB", "1b": "1B", "1tb": "1TB", "32kb": "32kb", "mb": "mb", "x1mb": "x1mb"} {
		if got := upperUnit(v); got != want {
			t.Errorf("%s: %s, want %s", v, got, want)
		}
	}
}
