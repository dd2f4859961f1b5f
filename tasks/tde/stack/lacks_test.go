package stack

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"remoterun/tasks/compose"
)

// TestCoreLimit: a service that may leave a core lacks a part of the overlay, and a
// container that may was made without it: the key is in a core.
func TestCoreLimit(t *testing.T) {
	const spec = `{"command": ["-c", "shared_preload_libraries=pg_tde", "-c", "pg_tde.wal_encrypt=on"], "environment": {"PGDATA": "/data"}, "volumes": [{"type": "volume", "source": "p_tde", "target": "/data"}, {"type": "bind", "source": "/run/remoterun/p/keyring", "target": "/run/remoterun/p/keyring", "read_only": true}]%s}`
	const made = `{"Config": {"Cmd": ["-c", "shared_preload_libraries=pg_tde", "-c", "pg_tde.wal_encrypt=on"]}, "Mounts": [{"Destination": "/run/remoterun/p/keyring"}], "HostConfig": {"Ulimits": [{"Name": "memlock", "Soft": 9, "Hard": 9}%s]}}`
	for _, c := range []struct {
		spec, made string
		fine       bool
	}{
		{`, "ulimits": {"core": 1}`, `, {"Name": "core", "Soft": 1, "Hard": 1}`, true},
		{`, "ulimits": {"core": {"soft": 1, "hard": 1}, "nofile": 5}`, `, {"Name": "core", "Soft": 1, "Hard": 1}`, true},
		{``, ``, false},
		{`, "ulimits": {"core": 0}`, `, {"Name": "core", "Soft": 0, "Hard": 0}`, false}, // a handler gets it whole
		{`, "ulimits": {"core": -1}`, `, {"Name": "core", "Soft": -1, "Hard": -1}`, false},
		{`, "ulimits": {"core": {"soft": 1, "hard": -1}}`, `, {"Name": "core", "Soft": 1, "Hard": -1}`, false}, // the server may raise it
		{`, "ulimits": {"core": "odd"}`, ``, false},
	} {
		v := Site{Stack: Stack{Project: "p", Extension: "pg_tde"}, Container: &compose.Container{}}
		v.Config.Volumes = map[string]compose.Volume{"p_tde": {Name: "p_tde"}}
		if err := json.Unmarshal([]byte(fmt.Sprintf(spec, c.spec)), &v.Spec); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(fmt.Sprintf(made, c.made)), v.Container); err != nil {
			t.Fatal(err)
		}
		want := []string{"ulimits: core: 1"}
		if c.fine {
			want = nil
		}
		if got := v.Lacks(); !slices.Equal(got, want) {
			t.Errorf("%s: it lacks %q", c.spec, got)
		}
		if got := v.Overlaid(); got != c.fine {
			t.Errorf("%s: overlaid is %v", c.made, got)
		}
	}
}
