//go:build linux

package tde

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"remoterun/runner/value"
	"remoterun/tasks/tde/stack"
	"remoterun/tasks/tde/status"
	"remoterun/tasks/tde/target"
	"remoterun/tasks/tde/unlock"
	"remoterun/tasks/tde/verify"
)

// bypasses are ways in which the overlay is lost, by what they do in the
// project's folder.
var bypasses = map[string]string{
	"docker compose -f":     "docker compose -f compose.yaml up -d",
	"override deleted":      "rm compose.override.yaml && docker compose up -d",
	"override edited":       "sed -i '/type: volume, source/d' compose.override.yaml && docker compose down && docker compose up -d",
	"override emptied":      "printf 'services: {}\\n' >compose.override.yaml && docker compose up -d",
	"another project name":  "docker compose -f compose.yaml down; docker compose -f compose.yaml up -d",
	"forced and the volume": "docker compose -f compose.yaml up -d --force-recreate --renew-anon-volumes",
}

// TestRealBypass: whatever a deploy does without the overlay, no database in the
// clear comes to be, status says what is so, and typing what it says leads back.
func TestRealBypass(t *testing.T) {
	for _, mount := range []string{"data:/data/db", "./pg:/data/db"} {
		l := needLab(t)
		l.baseWith(mount)
		l.push()
		l.ok(target.New(l.d), "image", l.image)
		l.ok(unlock.New(l.d))
		l.sql("app", "CREATE TABLE t AS SELECT g AS a FROM generate_series(1,7) g")
		if strings.HasPrefix(mount, "./") {
			if _, err := os.Stat(filepath.Join(l.dir, "pg_tde", "PG_VERSION")); err != nil {
				t.Errorf("the cluster is not beside the old folder: %v", err)
			}
		}
		for name, script := range bypasses {
			t.Run(mount+" "+name, func(t *testing.T) {
				l.t = t
				l.bypassed(script)
			})
		}
		l.t = t
		l.editedInPlace()
		if got := l.run(verify.New(l.d), "quick", true); got.Failed {
			t.Error(got.Msg)
		}
		l.remove()
	}
}

func (l *lab) baseWith(mount string) {
	l.t.Helper()
	volumes := "volumes: {data: {}}\n"
	if strings.HasPrefix(mount, ".") {
		volumes = ""
	}
	l.write("compose.yaml", "name: "+l.project+"\nservices:\n  postgres:\n    image: "+l.image+"\n    restart: \"no\"\n    volumes: [\""+mount+"\"]\n"+
		"    environment: {POSTGRES_USER: sync, POSTGRES_PASSWORD: \"p'w$$x\", POSTGRES_DB: app}\n"+volumes)
}

// bypassed does it, and types what status says.
func (l *lab) bypassed(script string) {
	l.t.Helper()
	out := l.sh("cd " + l.dir + " && " + script + "; sleep 2")
	if n := l.sh("find /var/lib/docker/volumes/" + l.project + "_data " + l.dir + "/pg -name pg_control 2>/dev/null"); n != "" && !strings.Contains(n, "exit status") {
		l.t.Errorf("a database in the clear came to be: %s\n%s", n, out)
	}
	got := l.run(status.New(l.d))
	if s := value.Str(data(got.Result, "state")); s != status.StateAstray || !strings.Contains(got.Msg, "remoterun unlock web1") {
		l.t.Errorf("status is %s: %s (%s)", s, got.Msg, out)
	}
	id := l.container()
	l.push()
	l.ok(target.New(l.d), "image", l.image)
	again := l.ok(unlock.New(l.d))
	if !again.Changed || l.container() == id {
		l.t.Errorf("unlock made nothing anew: %+v", again)
	}
	if rows := l.sql("app", "SELECT count(*) FROM t"); rows != "7" {
		l.t.Errorf("%s rows", rows)
	}
	if got := l.state(status.StateUnlocked); len(got.Warnings) > 0 {
		l.t.Errorf("afterwards: %v", got.Warnings)
	}
	if twice := l.ok(unlock.New(l.d)); twice.Changed {
		l.t.Errorf("twice: %+v", twice)
	}
}

// editedInPlace: compose gives a container that it makes anew the volumes of the
// one before, so the encrypted cluster is still served; but the file lacks it.
func (l *lab) editedInPlace() {
	l.t.Helper()
	l.sh("cd " + l.dir + " && sed -i '/type: volume, source/d' compose.override.yaml && docker compose up -d")
	got := l.eventually(status.StateUnlocked)
	if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "lack the volume "+l.project+"_tde") || !strings.Contains(got.Warnings[0], "next: remoterun unlock web1") {
		l.t.Errorf("an edited overlay: %v", got.Warnings)
	}
	l.push()
	l.ok(target.New(l.d), "image", l.image)
	l.ok(unlock.New(l.d))
	const advice = "docker compose up -d postgres"
	got = l.eventually(status.StateUnlocked)
	if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], advice) {
		l.t.Errorf("a container of the edited overlay: %v", got.Warnings)
	}
	l.sh("cd " + l.dir + " && " + advice)
	if got = l.eventually(status.StateUnlocked); len(got.Warnings) > 0 {
		l.t.Errorf("after what was advised: %v", got.Warnings)
	}
}

// eventually is the status, once a server that was started answers.
func (l *lab) eventually(state string) driven {
	l.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		got := l.run(status.New(l.d))
		is := value.Str(data(got.Result, "state"))
		if is == state {
			return got
		}
		if is != "starting" || time.Now().After(deadline) {
			l.t.Fatalf("state is %s, want %s: %s", is, state, got.Msg)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// TestRealBypassWroteInTheClear: where a database in the clear came to be all the
// same (the tomb was taken away), it is kept, named and counted, and what is said
// about it helps.
func TestRealBypassWroteInTheClear(t *testing.T) {
	l := needLab(t)
	l.baseWith("data:/data/db")
	l.push()
	l.ok(target.New(l.d), "image", l.image)
	l.ok(unlock.New(l.d))
	old := strings.TrimSpace(l.sh("docker volume inspect -f {{.Mountpoint}} " + l.project + "_data"))
	l.sh("rm -rf " + old + "/*")
	got := l.state(status.StateUnlocked)
	if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "tomb in "+old+" is gone") {
		t.Errorf("a lost tomb: %v", got.Warnings)
	}
	l.sh("cd " + l.dir + " && docker compose -f compose.yaml up -d")
	l.sh("for i in $(seq 60); do docker exec " + l.container() + " psql -U sync -d app -c 'CREATE TABLE plainly AS SELECT generate_series(1,5)' && break; sleep 0.5; done")
	st := l.run(status.New(l.d))
	if s := value.Str(data(st.Result, "state")); s != status.StateAstray || !st.Failed || !strings.Contains(st.Msg, "database in the clear in "+l.project+"_data") {
		t.Errorf("%s: %s", s, st.Msg)
	}
	l.push()
	l.ok(target.New(l.d), "image", l.image)
	back := l.ok(unlock.New(l.d))
	if len(back.Warnings) != 1 || !strings.Contains(back.Warnings[0], "5 rows in 1 table, last written 20") || !strings.Contains(back.Warnings[0], l.project+"_data") {
		t.Errorf("what was kept: %v", back.Warnings)
	}
	got = l.state(status.StateUnlocked)
	if len(got.Warnings) != 1 {
		t.Fatalf("beside a database in the clear: %v", got.Warnings)
	}
	l.sh(got.Warnings[0][strings.Index(got.Warnings[0], "mv "):])
	if got := l.state(status.StateUnlocked); len(got.Warnings) > 0 {
		t.Errorf("after what was advised: %v", got.Warnings)
	}
}

// TestRealGone: only an empty or missing place is called gone, and a volume that
// the engine forgot is made again over its folder.
func TestRealGone(t *testing.T) {
	l := needLab(t)
	l.baseWith("./pg:/data/db")
	l.push()
	l.ok(target.New(l.d), "image", l.image)
	l.ok(unlock.New(l.d))
	l.sql("app", "CREATE TABLE t AS SELECT 1 AS a")
	l.sh("cd " + l.dir + " && docker compose down; docker volume rm " + l.project + "_tde")
	if st := l.run(status.New(l.d)); value.Str(data(st.Result, "state")) == "gone" {
		t.Errorf("the folder is there: %s", st.Msg)
	}
	l.ok(target.New(l.d), "image", l.image)
	l.ok(unlock.New(l.d))
	if rows := l.sql("app", "SELECT count(*) FROM t"); rows != "1" {
		t.Errorf("%s rows", rows)
	}
	l.sh("cd " + l.dir + " && docker compose down; mv pg_tde elsewhere")
	if st := l.run(status.New(l.d)); value.Str(data(st.Result, "state")) != "gone" || !st.Failed {
		t.Errorf("%s", st.Msg)
	}
	l.refused(target.New(l.d), []any{"image", l.image}, "is not there", "backup")
	l.sh("mv " + l.dir + "/elsewhere " + l.dir + "/pg_tde")
	l.ok(target.New(l.d), "image", l.image)
	l.ok(unlock.New(l.d))
}

// TestRealDataFolder: where tde_data says, and what is refused.
func TestRealDataFolder(t *testing.T) {
	l := needLab(t)
	l.baseWith("./pg:/data/db")
	l.push()
	disk := t.TempDir()
	l.write("full", "x")
	l.refused(target.New(l.d), []any{"image", l.image, "data", l.dir}, "not empty", "tde_data")
	l.ok(target.New(l.d), "image", l.image, "data", disk+"/encrypted")
	l.ok(unlock.New(l.d))
	if _, err := os.Stat(disk + "/encrypted/PG_VERSION"); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(l.dir + "/pg/" + stack.TombNote); err != nil || !strings.Contains(string(b), l.project) {
		t.Errorf("the tomb says %q %v", b, err)
	}
	if got := l.run(verify.New(l.d)); got.Failed {
		t.Error(got.Msg)
	}
}
