//go:build linux

package tde

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/hosttest/sshd"
	"remoterun/runner/hosttest/sshtest"
	"remoterun/runner/value"
	"remoterun/tasks/compose"
	"remoterun/tasks/tde/lock"
	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/seal"
	"remoterun/tasks/tde/status"
	"remoterun/tasks/tde/target"
	"remoterun/tasks/tde/unlock"
	"remoterun/tasks/tde/verify"
)

// TestRealInitCutAnywhere: a client that is killed before any step, and a
// container that was left at work, are picked up by the next run.
func TestRealInitCutAnywhere(t *testing.T) {
	l := needLab(t)
	l.push()
	m := target.New(l.d)
	var left []string // anonymous volumes of the container that was left at work
	for stop := 0; ; stop++ {
		got, err := try(t, l.w, m, l.args("image", l.image), stop)
		if err == nil {
			if got.Failed || stop < 6 {
				t.Fatalf("step %d: %+v", stop, got)
			}
			break
		}
		if !errors.Is(err, errStopped) {
			t.Fatalf("before step %d: %v", stop, err)
		}
		if stop == 4 { // made, but the marker is missing: as if cut in the middle
			l.sh("docker run -d --name " + l.project + "-tde-init --label remoterun.project=" + l.project + " --network none --entrypoint sleep " + l.image + " 600")
			l.sh("echo rest >$(docker volume inspect -f {{.Mountpoint}} " + l.project + "_tde)/halfway")
			l.state(status.StateBegun)
			left = strings.Fields(l.sh("docker inspect -f '{{range .Mounts}}{{.Name}} {{end}}' " + l.project + "-tde-init"))
		}
		if again := l.ok(m, "image", l.image); !again.Changed {
			t.Errorf("after a cut before step %d nothing was left to do", stop)
		}
		l.sh("docker compose -f " + l.dir + "/compose.yaml down -v -t 1; docker volume rm " + l.project + "_tde; rm -f " + l.dir + "/compose.override.yaml /var/lib/remoterun/" + l.project + "/init")
	}
	l.ok(unlock.New(l.d))
	if out := l.sh("ls $(docker volume inspect -f {{.Mountpoint}} " + l.project + "_tde)/halfway"); !strings.Contains(out, "No such file") {
		t.Errorf("the half-made volume was not wiped: %s", out)
	}
	if c := strings.TrimSpace(l.sh("docker ps -aq --filter name=" + l.project + "-tde-init")); c != "" {
		t.Errorf("container %s was left", c)
	}
	if len(left) == 0 {
		t.Error("the container had no volumes: nothing was proved")
	}
	for _, v := range left {
		if out := l.sh("docker volume inspect " + v); !strings.Contains(strings.ToLower(out), "no such volume") {
			t.Errorf("volume %s of the container was left", v)
		}
	}
	// none of the passwords is in the clear anywhere that stays
	l.must(filepath.WalkDir("/var/lib/docker/volumes/"+l.project+"_tde", func(p string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if b, _ := os.ReadFile(p); strings.Contains(string(b), "p'w$x") {
				t.Errorf("the password is in %s", p)
			}
		}
		return nil
	}))
}

// TestRealInitRefuses: nothing that is not ours is ever wiped.
func TestRealInitRefuses(t *testing.T) {
	l := needLab(t)
	l.push()
	m, vol := target.New(l.d), l.project+"_tde"
	disk := func() string { return strings.TrimSpace(l.sh("docker volume inspect -f {{.Mountpoint}} " + vol)) }
	l.sh("docker volume create " + vol)
	l.sh("echo mine >" + disk() + "/file")
	l.refused(m, []any{"image", l.image}, "not empty", "no record of ours")

	l.sh("mkdir -p /var/lib/remoterun/" + l.project + " && printf 'remoterun init record 1\nvolume " + vol + "\nid 0000\nstate begun\n' >/var/lib/remoterun/" + l.project + "/init")
	l.refused(m, []any{"image", l.image}, "not empty", "no record of ours") // another volume of that name
	if b, _ := os.ReadFile(disk() + "/file"); string(b) != "mine\n" {
		t.Fatal("the file is gone")
	}
	l.sh("printf 'damaged' >/var/lib/remoterun/" + l.project + "/init")
	if got, err := try(t, l.w, m, l.args("image", l.image), -1); err == nil && !got.Failed {
		t.Error("a damaged record was read past")
	}
	l.sh("rm -rf /var/lib/remoterun/" + l.project + "/init; docker volume rm " + vol)

	l.sh("cd " + l.dir + " && docker compose up -d && sleep 2 && docker compose stop")
	l.refused(m, []any{"image", l.image}, "this database is not encrypted", "migrate")
	l.refused(unlock.New(l.d), nil, "plain:", "migrate")
	l.state(status.StatePlain)
}

// TestRealLostState: a lost state folder beside a live encrypted volume never
// looks like an unfinished init.
func TestRealLostState(t *testing.T) {
	l := unlocked(t)
	l.sql("app", "CREATE TABLE t AS SELECT 1 AS a")
	l.must(os.Remove("/var/lib/remoterun/" + l.project + "/init"))
	if got := l.ok(target.New(l.d), "image", l.image); got.Changed || len(got.steps) > 0 {
		t.Errorf("init beside a live cluster: %+v", got)
	}
	if rows := l.sql("app", "SELECT count(*) FROM t"); rows != "1" {
		t.Errorf("rows: %s", rows)
	}
}

// TestRealRestartLoop: a container made by hand with the short syntax loops on
// a folder that Docker made in place of the mount.
func TestRealRestartLoop(t *testing.T) {
	l := unlocked(t)
	file := l.dir + "/compose.override.yaml"
	text, err := os.ReadFile(file)
	l.must(err)
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		if strings.Contains(line, "create_host_path") {
			lines[i] = "      - " + l.ram() + ":" + l.ram() + ":ro"
		}
	}
	l.must(os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o644))
	l.sh("cd " + l.dir + " && docker compose up -d && docker compose stop")
	l.unmount()
	l.sh("docker start " + l.container() + "; sleep 4")
	if st := l.sh("docker inspect -f '{{.State.Status}} {{.RestartCount}}' " + l.container()); !strings.HasPrefix(st, "restarting") && !strings.HasPrefix(st, "running") || strings.HasSuffix(st, " 0\n") {
		t.Fatalf("the container does not loop: %s", st)
	}
	l.state(status.StateLocked)
	l.refused(unlock.New(l.d), nil, "locked:")
	l.push()
	l.ok(unlock.New(l.d))
	l.state(status.StateUnlocked)
}

// TestRealExit: a container that ends is told with its last lines, and a
// keyring that lacks a key is called by its name.
func TestRealExit(t *testing.T) {
	l := unlocked(t)
	o, _ := l.d.Session.Opened(l.project, "web1")
	wrong, err := seal.Keyring{}.Append("another", 128, l.d.Random)
	l.must(err)
	file := filepath.Join(l.ram(), memory.KeyringFile)
	put := func(k seal.Keyring) {
		l.must(k.Use(func(b []byte) error { return os.WriteFile(file+".new", b, 0o400) }))
		l.must(os.Chown(file+".new", 26, 26))
		l.must(os.Rename(file+".new", file))
	}
	put(wrong)
	l.sh("docker stop " + l.container())
	got := l.run(unlock.New(l.d))
	if !got.Failed || !strings.Contains(got.Msg, "locked: container") || !strings.Contains(got.Msg, "not found in key provider") || !strings.Contains(got.Msg, "key verify") {
		t.Errorf("a keyring without the key: %s", got.Msg)
	}
	put(o.Keyring)
	l.ok(unlock.New(l.d))
}

// TestRealWithoutForwarding: the same through psql in the container.
func TestRealWithoutForwarding(t *testing.T) {
	l := unlocked(t)
	l.w, _ = sshtest.Worker(t, sshd.Config{NoForward: true})
	l.state(status.StateUnlocked)
	l.sh("docker stop " + l.container())
	l.ok(unlock.New(l.d))
	if got := l.run(verify.New(l.d)); got.Failed {
		t.Errorf("verify: %s", got.Msg)
	}
}

// TestRealComposeFiles: with files listed, the overlay is one more behind them.
func TestRealComposeFiles(t *testing.T) {
	l := needLab(t)
	l.must(os.Rename(l.dir+"/compose.yaml", l.dir+"/base.yaml"))
	l.write("more.yaml", "services: {postgres: {labels: {a: b}}}\n")
	files := []any{"compose_files", []string{"base.yaml", "more.yaml"}}
	l.push()
	l.ok(target.New(l.d), append(files, "image", l.image)...)
	if _, err := os.Stat(l.dir + "/compose.remoterun.yaml"); err != nil {
		t.Error(err)
	}
	l.ok(unlock.New(l.d), files...)
	if got := l.ok(unlock.New(l.d), files...); got.Changed {
		t.Errorf("twice: %+v", got)
	}
	if got := l.run(verify.New(l.d), append(files, "quick", true)...); got.Failed {
		t.Error(got.Msg)
	}
	l.ok(lock.New(), files...)
	l.sh("cd " + l.dir + " && docker compose -f base.yaml -f more.yaml -f compose.remoterun.yaml down -v -t 1")
}

// TestRealApplyPrint: who keeps the compose files elsewhere is told the overlay,
// and no file is touched; the line of .env that it keeps has its effect.
func TestRealApplyPrint(t *testing.T) {
	l := needLab(t)
	l.compose("command: postgres -c work_mem=${MEM:-5MB}", "environment: {POSTGRES_USER: sync, POSTGRES_PASSWORD: \"p'w$$x\", POSTGRES_DB: app}")
	l.push()
	var text string
	for range 2 {
		got := l.run(target.New(l.d), "image", l.image, "apply", "print")
		text = value.Str(data(got.Result, "overlay"))
		if !got.Failed || text == "" || !strings.Contains(got.Msg, "tde_apply is print") || !strings.Contains(got.Msg, "then: remoterun unlock web1") {
			t.Fatalf("it is not told: %+v", got)
		}
	}
	if list, _ := os.ReadDir(l.dir); len(list) != 1 {
		t.Errorf("files in the compose folder: %v", list)
	}
	l.write("compose.override.yaml", text)
	l.ok(target.New(l.d), "image", l.image, "apply", "print")
	l.ok(unlock.New(l.d))
	if s := l.sql("app", "SHOW work_mem"); s != "5MB" {
		t.Errorf("work_mem is %s", s)
	}
	l.write(".env", "MEM=7MB\n")
	l.sh("cd " + l.dir + " && docker compose up -d")
	l.eventually(status.StateUnlocked)
	if s := l.sql("app", "SHOW work_mem"); s != "7MB" {
		t.Errorf("after a change in .env work_mem is %s", s)
	}
	l.write("deploy.sh", "docker compose -f compose.yaml up -d\n")
	if got := l.run(status.New(l.d)); len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], l.dir+"/deploy.sh:1 calls compose with compose.yaml alone") || !strings.Contains(got.Warnings[0], "put -f compose.override.yaml behind compose.yaml in it") {
		t.Errorf("a deploy script: %v", got.Warnings)
	}
}

// TestRealApplyEdit: the user's own compose file has the overlay, so that a deploy
// with -f starts the encrypted database; a checkout that takes it out again is
// seen, starts nothing, and the next unlock puts it back. One that was written
// beside the file moves into it.
func TestRealApplyEdit(t *testing.T) {
	l := needLab(t)
	init, unlock := target.New(l.d), unlock.New(l.d)
	was, _ := os.ReadFile(l.dir + "/compose.yaml")
	is := func() string { text, _ := os.ReadFile(l.dir + "/compose.yaml"); return string(text) }
	l.write("deploy.sh", "docker compose -f compose.yaml up -d\n")
	l.push()
	for _, how := range []string{"override", "edit"} {
		l.ok(init, "image", l.image, "apply", how)
		if again := l.ok(init, "image", l.image, "apply", how); again.Changed || len(again.steps) > 0 {
			t.Errorf("%s twice: %+v", how, again)
		}
		l.ok(unlock)
		warned := len(l.state(status.StateUnlocked).Warnings)
		if how == "override" && warned != 1 || how == "edit" && warned != 0 {
			t.Errorf("%s: %d warnings", how, warned)
		}
	}
	if text := is(); !strings.Contains(text, compose.Mark) || compose.StripOurs(text) != string(was) {
		t.Errorf("the file is\n%s", text)
	}
	if _, err := os.Stat(l.dir + "/compose.override.yaml"); !os.IsNotExist(err) {
		t.Errorf("the override is there still: %v", err)
	}
	l.sql("app", "CREATE TABLE t AS SELECT 1 AS a")
	l.sh("cd " + l.dir + " && docker compose down -t 5 && sh deploy.sh")
	l.eventually(status.StateUnlocked)
	if n := l.sql("app", "SELECT count(*) FROM t"); n != "1" {
		t.Errorf("after a deploy with -f it has %s rows", n)
	}
	l.write("compose.yaml", string(was))
	l.sh("cd " + l.dir + " && sh deploy.sh; sleep 2")
	if got := l.run(status.New(l.d)); value.Str(data(got.Result, "state")) != status.StateAstray || !strings.Contains(got.Msg, "nothing was written") {
		t.Errorf("after a checkout and a deploy: %s", got.Msg)
	}
	l.ok(init, "image", l.image, "apply", "edit")
	l.ok(unlock)
	if got := l.state(status.StateUnlocked); len(got.Warnings) > 0 || !strings.Contains(is(), compose.Mark) {
		t.Errorf("after an unlock: %v", got.Warnings)
	}
	if got := l.run(verify.New(l.d), "quick", true); got.Failed {
		t.Error(got.Msg)
	}
}

// TestRealComposeFileInEnv: an overlay that compose does not read is not called
// written.
func TestRealComposeFileInEnv(t *testing.T) {
	l := needLab(t)
	l.write(".env", "COMPOSE_FILE=compose.yaml\n")
	l.push()
	for range 2 {
		got := l.run(target.New(l.d), "image", l.image)
		if !got.Failed || !strings.Contains(got.Msg, "COMPOSE_FILE") || !strings.Contains(got.Msg, "tde_compose_files") {
			t.Errorf("%+v", got)
		}
	}
	l.must(os.Remove(l.dir + "/.env"))
	l.ok(target.New(l.d), "image", l.image)
	l.ok(unlock.New(l.d))
}

// TestRealInitScripts: what the service mounts and says is done as the image's
// own entrypoint would; a password from a secret, and another cipher.
func TestRealInitScripts(t *testing.T) {
	l := needLab(t)
	l.write("compose.yaml", `name: `+l.project+`
services:
  postgres:
    image: `+l.image+`
    command: postgres -c work_mem=5MB
    environment: {POSTGRES_USER: sync, POSTGRES_PASSWORD_FILE: /run/secrets/db, POSTGRES_DB: app, FOR_SCRIPTS: "it's"}
    secrets: [db]
    volumes: ["data:/data/db", "./init:/docker-entrypoint-initdb.d:ro"]
secrets: {db: {file: ./secret}}
volumes: {data: {}}
`)
	l.must(os.Mkdir(l.dir+"/init", 0o755))
	l.write("secret", "from 'a' \\file\n")
	l.write("init/1.sql", "CREATE TABLE made (a text); CREATE EXTENSION IF NOT EXISTS plpgsql;")
	l.write("init/2.sh", `psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" -v w="$FOR_SCRIPTS" -c "SELECT 1" && echo "INSERT INTO made VALUES (:'w')" | psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v w="$FOR_SCRIPTS"`)
	l.write("init/3.sql", "CREATE TABLE plainly (a int) USING heap;")
	l.sh("chmod -R a+rX " + l.dir)
	l.push()
	got := l.ok(target.New(l.d), "image", l.image, "cipher", "aes_128", "locale", "C.UTF-8")
	if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "made 1 relation that is not encrypted") {
		t.Errorf("warnings %v", got.Warnings)
	}
	l.ok(unlock.New(l.d))
	l.login("sync", `from 'a' \file`)
	if s := l.sql("app", "SELECT a || ' ' || pg_tde_is_encrypted('made') || ' ' || current_setting('work_mem') || ' ' || datcollate FROM made, pg_database WHERE datname = 'app'"); s != "it's true 5MB C.UTF-8" {
		t.Errorf("%s", s)
	}
	if st := statusIn(l.run(verify.New(l.d), "quick", true).Result, "relations"); st != verify.CheckFailed {
		t.Errorf("a plain table of a script: %s", st)
	}
}

// TestRealImageOfRoot: an image whose own user is root, as the official one.
func TestRealImageOfRoot(t *testing.T) {
	l := needLab(t)
	image := "remoterun/" + l.project + "-root:1"
	l.write("Dockerfile", "FROM "+l.image+"\nUSER root\nENV PGDATA=/var/lib/postgresql/data\nRUN mkdir -p /var/lib/postgresql/data\n")
	if out := l.sh("cd " + l.dir + " && DOCKER_BUILDKIT=0 docker build -q -t " + image + " . 2>&1"); !strings.Contains(out, "sha256:") {
		t.Fatalf("docker build: %s", out)
	}
	t.Cleanup(func() { l.sh("docker rmi " + image) })
	l.push()
	l.ok(target.New(l.d), "image", image)
	l.push()
	l.ok(unlock.New(l.d))
	l.sql("app", "CREATE TABLE t AS SELECT 1 AS a")
	if got := l.run(verify.New(l.d)); got.Failed {
		t.Error(got.Msg)
	}
	l.push()
	if again := l.ok(unlock.New(l.d)); again.Changed {
		t.Errorf("second unlock: %+v", again)
	}
}

// TestRealApps: app containers that met no database are restarted, those that
// the operator stopped are not; an address has to answer.
func TestRealApps(t *testing.T) {
	l := needLab(t)
	app := func(script string) string {
		return "{image: " + l.image + ", restart: unless-stopped, stop_grace_period: 0s, entrypoint: [sh, -c, '" + script + "']}"
	}
	l.write("compose.yaml", `name: `+l.project+`
services:
  postgres: {image: `+l.image+`, environment: {POSTGRES_USER: sync, POSTGRES_DB: app, POSTGRES_PASSWORD: x}, volumes: ["data:/data/db"]}
  loops: `+app("until pg_isready -q -h postgres; do sleep 0.2; [ -e /tmp/seen ] || { touch /tmp/seen; exit 7; }; done; exec sleep 600")+`
  fine: `+app("exec sleep 600")+`
  stopped: `+app("exec sleep 600")+`
  sick:
    image: `+l.image+`
    stop_grace_period: 0s
    entrypoint: [sh, -c, '[ -e /tmp/first ] && touch /tmp/second; touch /tmp/first; exec sleep 600']
    healthcheck: {test: [CMD, test, -e, /tmp/second], interval: 1s, timeout: 1s, retries: 1, start_period: 0s}
volumes: {data: {}}
`)
	l.push()
	l.ok(target.New(l.d), "image", l.image)
	l.sh("cd " + l.dir + " && docker compose up -d --no-deps loops fine stopped sick && docker compose stop stopped; sleep 3")
	fine := l.sh("docker inspect -f {{.State.StartedAt}} " + l.project + "-fine-1")
	got := l.ok(unlock.New(l.d), "timeout", 40)
	restarted := value.Str(data(got.Result, "apps_restarted"))
	if !strings.Contains(restarted, "sick") || strings.Contains(restarted, "fine") || strings.Contains(restarted, "stopped") {
		t.Errorf("restarted: %s", restarted)
	}
	for c, want := range map[string]string{"loops": "running", "fine": "running", "stopped": "exited", "sick": "running"} {
		if st := strings.TrimSpace(l.sh("docker inspect -f {{.State.Status}} " + l.project + "-" + c + "-1")); st != want {
			t.Errorf("%s is %s", c, st)
		}
	}
	if now := l.sh("docker inspect -f {{.State.StartedAt}} " + l.project + "-fine-1"); now != fine {
		t.Error("a healthy app was restarted")
	}
	if got := l.run(unlock.New(l.d), "health_url", "http://127.0.0.1:1/", "timeout", 1); !got.Failed || !strings.Contains(got.Msg, "the database is unlocked, but: http://127.0.0.1:1/ does not answer") {
		t.Errorf("nobody answers: %+v", got)
	}
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	if got := l.run(unlock.New(l.d), "health_url", srv.URL, "timeout", 1); !got.Failed || !strings.Contains(got.Msg, "404") {
		t.Errorf("404: %+v", got)
	}
	ok := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer ok.Close()
	if got := l.ok(unlock.New(l.d), "health_url", ok.URL, "app_services", []string{"stopped", "fine"}); value.Repr(data(got.Result, "apps_restarted")) != "['stopped']" {
		t.Errorf("asked for: %s", value.Repr(data(got.Result, "apps_restarted")))
	}
	l.sh("docker stop " + l.project + "-stopped-1 && cd " + l.dir + " && docker compose rm -fsv stopped")
	l.ok(unlock.New(l.d), "app_services", []string{"stopped"})
	if got := l.run(unlock.New(l.d), "app_services", []string{"nosuch"}); !got.Failed || !strings.Contains(got.Msg, `no service "nosuch"`) {
		t.Errorf("no such service: %+v", got)
	}
}

// TestRealFirstUnlockStartsTheApp: the very first unlock of a stack that nobody has
// started yet brings up what its address has to answer from.
func TestRealFirstUnlockStartsTheApp(t *testing.T) {
	l := needLab(t)
	app := func(more string) string {
		return "{image: " + l.image + ", user: \"0\", stop_grace_period: 0s, volumes: [\".:/x\"], " + more + "}"
	}
	l.write("compose.yaml", "name: "+l.project+"\nservices:\n  postgres: {image: "+l.image+", environment: {POSTGRES_USER: sync, POSTGRES_DB: app, POSTGRES_PASSWORD: x}, volumes: [\"data:/data/db\"]}\n  web: "+
		app("depends_on: {before: {condition: service_completed_successfully}}, entrypoint: [sh, -c, 'test -e /x/before && touch /x/up; exec sleep 600']")+
		"\n  before: "+app("entrypoint: [sh, -c, 'sleep 1; touch /x/before']")+"\n  tools: "+app("profiles: [tools], entrypoint: [sh, -c, 'touch /x/tools; exec sleep 600']")+"\nvolumes: {data: {}}\n")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := os.Stat(l.dir + "/up"); err != nil {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	defer srv.Close()
	l.push()
	l.ok(target.New(l.d), "image", l.image)
	got := l.ok(unlock.New(l.d), "health_url", srv.URL, "timeout", 40)
	if started := value.Repr(data(got.Result, "apps_restarted")); !strings.Contains(started, "'web'") || !strings.Contains(started, "'before'") || strings.Contains(started, "tools") {
		t.Errorf("started %s", started)
	}
	if again := l.ok(unlock.New(l.d), "health_url", srv.URL, "timeout", 40); again.Changed {
		t.Errorf("second unlock: %+v", again)
	}
	if _, err := os.Stat(l.dir + "/tools"); !os.IsNotExist(err) {
		t.Errorf("a service of a profile that is off was started: %v", err)
	}
}

// TestRealDrift: what differs from the files is told, never applied; a paused
// container is brought back; many databases hold few sessions.
func TestRealDrift(t *testing.T) {
	l := unlocked(t)
	id := l.container()
	l.compose("labels: {new: label}", "environment: {POSTGRES_USER: sync, POSTGRES_DB: app}")
	got := l.ok(unlock.New(l.d))
	if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "other compose files") || got.Changed {
		t.Errorf("drift: %+v", got)
	}
	l.sh("docker pause " + id)
	l.state(status.StateStopped)
	l.ok(unlock.New(l.d))
	for i := range pgtde.ManyDatabases {
		l.sql("postgres", fmt.Sprintf("CREATE DATABASE d%d", i))
	}
	l.sql("d3", "CREATE TABLE plainly (a int) USING heap")
	if got := l.run(verify.New(l.d), "quick", true); !strings.Contains(value.Repr(data(got.Result, "checks")), "d3.plainly") {
		t.Errorf("a plain table among many databases: %s", got.Msg)
	}
	if n := l.sql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'remoterun/%'"); n != "1" {
		t.Errorf("%s sessions are held", n)
	}
	if l.container() != id {
		t.Error("the container was made anew")
	}
}
