//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"remoterun/tasks/tde/seal"
)

// stuckDocker hangs where its words have the folder of the host "bad", or $HANG.
const stuckDocker = `#!/bin/sh
case "$PWD $*" in *"$HANG"*) trap '' TERM; while :; do sleep 600; done ;; esac
echo "Cannot connect to the Docker daemon" >&2
exit 1
`

// stuckIn is a project with a host whose docker never answers and one whose docker
// says that it has no daemon; both are this machine.
func stuckIn(t *testing.T, hang string) (dir string, a *app, out, errs *bytes.Buffer) {
	t.Helper()
	dir = t.TempDir()
	for _, h := range []string{"bad", "well"} {
		if err := os.MkdirAll(filepath.Join(dir, h), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, h, "compose.yaml"), "services: {postgres: {image: x}}\n")
		sealFor(t, dir, h)
	}
	writeFile(t, filepath.Join(dir, "inventory.ini"), `bad ansible_connection=local tde_project=bad tde_compose_dir=`+dir+`/bad
well ansible_connection=local tde_project=well tde_compose_dir=`+dir+`/well
`)
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(bin, "docker"), stuckDocker)
	if err := os.Chmod(filepath.Join(bin, "docker"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("HANG", hang)
	out, errs = new(bytes.Buffer), new(bytes.Buffer)
	a = &app{in: strings.NewReader(""), out: out, err: errs, lowered: lowered{sealer: seal.Sealer{Iterations: 1000}, silence: time.Second},
		env:      func(n string) (string, bool) { return filepath.Join(dir, "state"), n == "XDG_STATE_HOME" },
		terminal: func() (terminal, error) { return &scriptedTerminal{answers: []string{canary}}, nil }}
	return dir, a, out, errs
}

// TestDockerThatNeverAnswers: a host whose docker hangs is told as such, with what
// hangs and what helps, and holds up no other host.
func TestDockerThatNeverAnswers(t *testing.T) {
	// setup finds nothing on the other host, and refuses it.
	for verb, want := range map[string]int{"status": exitFailed, "setup": exitRefused, "unlock": exitFailed, "verify": exitFailed} {
		t.Run(verb, func(t *testing.T) {
			dir, a, out, errs := stuckIn(t, "/bad")
			if code := a.run(t.Context(), []string{verb, "all", "-i", filepath.Join(dir, "inventory.ini"), "--yes"}); code != want {
				t.Errorf("exit code %d: %s%s", code, out, errs)
			}
			text := out.String() + errs.String()
			for _, want := range []string{"bad: no answer within ", "what hangs there: ", "docker compose", "Docker does not answer there: remoterun run bad -b -- systemctl restart docker"} {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not said:\n%s", want, text)
				}
			}
			if strings.Contains(text, "well: no answer") {
				t.Errorf("the other host was held up:\n%s", text)
			}
		})
	}
}
