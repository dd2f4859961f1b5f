//go:build linux

package tde

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"remoterun/runner/hosttest/real"
	"remoterun/tasks/move/movetest"
	"remoterun/tasks/tde/move"
	"remoterun/tasks/tde/target"
	"remoterun/tasks/tde/verify"
)

// plainImages are servers whose databases are migrated: the encrypted server's own
// image, run in the clear, and those of the majors that are there.
func plainImages() []real.Image {
	out := []real.Image{{What: "an image with pg_tde", Env: "REMOTERUN_TEST_TDE_IMAGE", Public: "percona/percona-distribution-postgresql:17"}}
	for _, major := range []int{16, 17} {
		out = append(out, real.Image{What: fmt.Sprintf("an image with PostgreSQL %d", major), Env: fmt.Sprintf("REMOTERUN_TEST_PG%d_IMAGE", major), Public: fmt.Sprintf("postgres:%d", major)})
	}
	return out
}

// TestRealMigrate: the small seed, from a plain server into an encrypted one: proved
// equal, nothing in the clear, verified; back to the old one with nothing written to
// it; and again.
func TestRealMigrate(t *testing.T) {
	for i, from := range plainImages() {
		rounds := 1
		if i == 0 { // each time the volume holds what the one before left
			rounds = 2
		}
		t.Run(from.What, func(t *testing.T) { migrate(t, needLab(t), from.Need(t), rounds) })
	}
}

func migrate(t *testing.T, l *lab, from string, rounds int) {
	data := strings.TrimSpace(l.sh("docker image inspect -f '{{range .Config.Env}}{{println .}}{{end}}' " + from + " | sed -n 's/^PGDATA=//p'"))
	l.write("compose.yaml", "name: "+l.project+"\nservices:\n  postgres:\n    image: "+from+"\n    pull_policy: never\n    restart: always\n    environment: {POSTGRES_USER: sync, POSTGRES_PASSWORD: \"p'w$$x\"}\n    volumes: [\"data:"+data+"\"]\nvolumes: {data: {}}\n")
	l.sh("cd " + l.dir + " && docker compose up -d")
	l.await(t, "docker exec "+l.project+"-postgres-1 pg_isready -q -U sync -h 127.0.0.1")
	seed := exec.Command("docker", "exec", "-i", l.project+"-postgres-1", "psql", "-XqAt", "-U", "sync", "-d", "postgres", "-f", "-")
	seed.Stdin = strings.NewReader(movetest.Seed())
	if out, err := seed.CombinedOutput(); err != nil {
		t.Fatalf("seed: %v: %s", err, out)
	}
	sure := l.d
	sure.Yes = true
	m := move.New(sure)
	args := func(phase string, more ...any) []any {
		return append([]any{"image", l.image, "phase", phase, "large_objects", "accept", "cipher", l.cipher, "backup_recipients", "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"}, more...)
	}
	l.refused(m, args("freeze"), "no move of it was begun", "preflight")
	all := func() {
		t.Helper()
		l.ok(m, args("preflight")...)
		l.push()
		for _, p := range []string{"backup", "freeze", "target", "copy", "proof", "cut_over"} {
			l.ok(m, args(p)...)
			if p == "target" || p == "proof" {
				// Nothing puts the stack onto a cluster that is not whole.
				l.refused(target.New(l.d), []any{"image", l.image, "cipher", l.cipher}, "it is being moved into the encrypted cluster", "remoterun rollback")
			}
			if got := l.ok(m, args(p)...); got.Changed {
				t.Errorf("%s again changed something", p)
			}
		}
		l.ok(verify.New(l.d), "quick", true, "cipher", l.cipher)
		l.ok(m, args("smoke")...)
		l.state("unlocked")
	}
	l.ok(m, args("look")...)
	l.push()
	if got := l.ok(m, args("rehearse")...); got.Changed || !strings.Contains(got.Msg, "rehearsed: everything arrived equal") {
		t.Errorf("rehearsal: %+v", got)
	}
	if left := l.sh("docker ps -a --format '{{.Names}}' | grep " + l.project + "-rehearsal; docker volume ls -q | grep " + l.project + "_rehearsal; exit 0"); left != "" {
		t.Errorf("the rehearsal left %s", left)
	}
	l.state("plain")
	all()
	if n := l.sql("app", "SELECT count(*) FROM people"); n != "2700" {
		t.Errorf("people: %s", n)
	}
	l.sql("app", "INSERT INTO teams VALUES (99, NULL, 'new')")
	l.ok(m, "phase", "rollback")
	if n := l.sql("app", "SELECT count(*) FROM teams"); n != "9" {
		t.Errorf("teams on the old cluster: %s", n)
	}
	if got := l.sql("postgres", "SHOW data_directory"); got != data {
		t.Errorf("after rollback the data is in %s", got)
	}
	for i := range rounds {
		l.state("plain")
		all()
		if n := l.sql("app", "SELECT count(*) FROM teams"); n != "9" {
			t.Errorf("teams after moving again: %s", n)
		}
		if i < rounds-1 {
			l.ok(m, "phase", "rollback")
		}
	}
	// The drill restores into the encrypted cluster itself.
	if got := l.ok(m, args("scrub")...); !strings.Contains(got.Msg, "were overwritten and removed") {
		t.Errorf("scrub: %+v", got)
	}
	if n := l.sql("app", "SELECT count(*) FROM people"); n != "2700" {
		t.Errorf("people after the scrub: %s", n)
	}
}

// await repeats a command until it succeeds.
func (l *lab) await(t *testing.T, script string) {
	t.Helper()
	for range 600 {
		if exec.Command("sh", "-c", script).Run() == nil {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Fatalf("%s did not succeed", script)
}
