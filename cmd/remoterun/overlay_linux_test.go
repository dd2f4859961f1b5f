package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"remoterun/runner/hosttest"
)

// imageThere is a docker whose engine has one image and nothing else: all that needs
// no engine is the real one's.
const imageThere = `#!/bin/sh
case "$1 $2" in
"image inspect") echo '[{"Id": "sha256:0123456789abcdef", "RepoDigests": ["server@sha256:abc"], "Config": {"Env": ["PGDATA=/data/db"], "User": "26"}}]'; exit;;
"volume inspect") echo "no such volume" >&2; exit 1;;
esac
for w do [ "$w" != ps ] || exit 0; done
exec DOCKER "$@"
`

// TestPrintOverlay: what setup --print-overlay shows is pasted and typed as it
// stands on the screen, and compose then reads the encrypted database.
func TestPrintOverlay(t *testing.T) {
	docker, err := exec.LookPath("docker")
	if err != nil || exec.Command("docker", "compose", "version").Run() != nil {
		hosttest.Missing(t, "docker compose v2")
	}
	if _, err := exec.LookPath("patch"); err != nil {
		hosttest.Missing(t, "patch")
	}
	if os.Getuid() != 0 {
		hosttest.Missing(t, "root")
	}
	bin, stack := t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(bin, "docker"), strings.Replace(imageThere, "DOCKER", docker, 1))
	if err := os.Chmod(filepath.Join(bin, "docker"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	const base = "# by hand\nname: shown\nservices:\n  db:\n    image: \"postgres:16\" # old\n    environment:\n      - POSTGRES_PASSWORD=x\n      - 'A=it''s \"b\"'\n    volumes: ['data:/var/lib/postgresql/data']\nvolumes: {data: {}}"
	file := filepath.Join(stack, "compose.yaml")
	writeFile(t, file, base)
	projectDir(t, map[string]string{"ansible.cfg": "", "hosts": "h1 ansible_connection=local tde_project=shown tde_service=db tde_compose_dir=" + stack + "\n"})
	show := func() string {
		t.Helper()
		out, errs, code := runWith(t, nil, nil, "setup", "h1", "-i", "hosts", "--print-overlay", "--start-at-task", "Print the overlay")
		if code != exitOK {
			t.Fatalf("code %d\n%s%s", code, out, errs)
		}
		return out
	}
	inForce := func(how string) {
		t.Helper()
		cmd := exec.Command("docker", "compose", "config")
		cmd.Dir = stack
		out, err := cmd.CombinedOutput()
		for _, want := range []string{"server@sha256:abc", "shown_tde", "pg_tde.wal_encrypt=on", `it's "b"`, "POSTGRES_PASSWORD: \"\""} {
			if err != nil || !strings.Contains(string(out), want) {
				t.Errorf("%s: %v, no %s in\n%s", how, err, want, out)
			}
		}
	}
	screen := show()
	lines := regexp.MustCompile(`(?ms)^# remoterun: these lines.*?^    external: true\n`).FindString(screen)
	writeFile(t, filepath.Join(stack, "compose.override.yaml"), lines)
	inForce("pasted")
	if err := os.Remove(filepath.Join(stack, "compose.override.yaml")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("patch", "-p0")
	cmd.Dir, cmd.Stdin = stack, strings.NewReader(regexp.MustCompile(`(?ms)^--- compose.yaml\n.*?(^\n|\z)`).FindString(screen))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("patch: %v: %s\n%s", err, out, screen)
	}
	inForce("patched")
	if again := show(); !strings.Contains(again, "has the overlay already") {
		t.Errorf("after it, it says\n%s", again)
	}
	writeFile(t, file, "services:\n  db: &a\n    image: x\n  app:\n    <<: *a\n")
	if no := show(); !strings.Contains(no, "there is no patch of the compose file: "+file+": other parts of it take service db over (*a)") || !strings.Contains(no, "shown_tde") {
		t.Errorf("one that is not edited:\n%s", no)
	}
}
