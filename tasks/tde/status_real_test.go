//go:build linux

package tde

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/status"
	"remoterun/tasks/tde/target"
	"remoterun/tasks/tde/unlock"
)

// TestRealStatusSeesKeysElsewhere: a provider of one database alone, and copies of
// the keyring in a tablespace and in another volume of the stack, under any name.
func TestRealStatusSeesKeysElsewhere(t *testing.T) {
	l := needLab(t)
	l.must(os.Mkdir(filepath.Join(l.dir, "space"), 0o777))
	l.must(os.Chmod(filepath.Join(l.dir, "space"), 0o777))
	l.write("compose.yaml", fmt.Sprintf("name: %s\nservices:\n  postgres:\n    image: %s\n    environment: {POSTGRES_USER: sync, POSTGRES_PASSWORD: x, POSTGRES_DB: app}\n    volumes: [\"data:/data/db\", \"./space:/space\"]\n  other: {image: %[2]s, stop_grace_period: 0s, entrypoint: [sleep, \"600\"], volumes: [\"uploads:/u\"]}\nvolumes: {data: {}, uploads: {}}\n", l.project, l.image))
	l.push()
	l.ok(target.New(l.d), "image", l.image)
	l.ok(unlock.New(l.d))
	l.sh("cd " + l.dir + " && docker compose up -d other")
	l.sh("chown --reference=" + l.volumeDir() + " " + l.dir + "/space")
	l.sql("postgres", "CREATE TABLESPACE t LOCATION '/space'")
	if got := l.state(status.StateUnlocked); len(got.Warnings) > 0 {
		t.Fatalf("at first: %v", got.Warnings)
	}
	ring := filepath.Join(l.ram(), memory.KeyringFile)
	uploads := strings.TrimSpace(l.sh("docker volume inspect -f {{.Mountpoint}} " + l.project + "_uploads"))
	space := strings.TrimSpace(l.sh("ls -d " + l.dir + "/space/*"))
	for _, c := range []struct{ do, undo, word string }{
		{"cp " + ring + " " + space + "/17000", "rm " + space + "/17000", space + "/17000 holds a keyring"},
		{"cp " + ring + " " + uploads + "/photo.jpg", "rm " + uploads + "/photo.jpg", uploads + "/photo.jpg holds a keyring"},
		{"cp " + ring + " " + l.dir + "/space/of_keys", "rm " + l.dir + "/space/of_keys", l.dir + "/space/of_keys holds a keyring"},
	} {
		l.sh(c.do)
		if said := strings.Join(l.state(status.StateUnlocked).Warnings, "\n"); !strings.Contains(said, c.word) || !strings.Contains(said, "has to be replaced") {
			t.Errorf("%s is not seen: %s", c.word, said)
		}
		l.sh(c.undo)
	}
	l.sql("app", "SELECT pg_tde_add_database_key_provider_file('mine', '/space/mine')")
	if said := strings.Join(l.state(status.StateUnlocked).Warnings, "\n"); !strings.Contains(said, "key provider mine of database app (file /space/mine)") {
		t.Errorf("a provider of one database is not seen: %s", said)
	}
}
