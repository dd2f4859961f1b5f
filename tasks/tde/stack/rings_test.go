//go:build linux

package stack

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"remoterun/runner/hosttest/sshd"
	"remoterun/runner/hosttest/sshtest"
	"remoterun/tasks/compose"
	"remoterun/tasks/tde/guard"
)

// TestBeside: what the project's containers see, once, and nothing of the host's own.
func TestBeside(t *testing.T) {
	v := Site{Stack: Stack{Project: "p"}, HostData: "/v/p_tde/_data"}
	for _, text := range []string{
		`[{"Source": "/v/p_tde/_data", "Destination": "/data/db"}, {"Source": "/run/remoterun/p/keyring"}, {"Source": "/v/space/_data"}, {"Source": "/srv/app/init.sql"}]`,
		`[{"Source": "/v/space/_data"}, {"Source": "/var/run/docker.sock"}, {"Source": "/"}, {"Source": "/etc"}, {"Source": "/proc/1"}, {"Source": ""}, {"Source": "/srv/uploads"}, {"Source": "/v/p_tde"}]`,
	} {
		var c compose.Container
		if err := json.Unmarshal([]byte(`{"Mounts": `+text+`}`), &c); err != nil {
			t.Fatal(err)
		}
		v.All = append(v.All, c)
	}
	if got := strings.Join(v.Beside(), " "); got != "/srv/app/init.sql /srv/uploads /v/space/_data /var/run/docker.sock" {
		t.Error(got)
	}
}

// TestKeyringsIn: whole records of the project's are found under any name; other
// files of that size are not, nor are the extension's own.
func TestKeyringsIn(t *testing.T) {
	w, _ := sshtest.Worker(t, sshd.Config{})
	dir := t.TempDir()
	ring := append([]byte("p-20260304T050607Z-0a1b2c3d"), bytes.Repeat([]byte{0}, 292*2-27)...)
	for name, text := range map[string][]byte{
		"keyring": ring, "pg_tde/k": ring, "sub/.hidden": ring[:292], "pg_tde/1663_keys": ring, "my_keys": ring, "short": ring[:291],
		"list": append([]byte("q-20260304T050607Z-0a1b2c3d"), bytes.Repeat([]byte{0}, 292-27)...), "log": bytes.Repeat([]byte("x"), 292), "empty": nil,
	} {
		_ = os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
		write(t, dir, name, text)
	}
	space, app, one := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "mounted")
	write(t, space, "PG_17_copy", ring)
	write(t, app, "up load.bin", ring)
	write(t, app, "large", append(ring, make([]byte, 2<<20)...))
	write(t, filepath.Dir(one), "mounted", ring[:292])
	got, err := guard.Ask(t.Context(), w, KeyringsIn(dir, "p", space, app, one, "/nowhere"))
	seen := map[string]bool{}
	for _, f := range got {
		seen[f] = true
	}
	if want := map[string]bool{dir + "/keyring": true, dir + "/my_keys": true, dir + "/pg_tde/k": true, dir + "/sub/.hidden": true, space + "/PG_17_copy": true, app + "/up load.bin": true, one: true}; err != nil || !reflect.DeepEqual(seen, want) {
		t.Errorf("%v %v", got, err)
	}
}
