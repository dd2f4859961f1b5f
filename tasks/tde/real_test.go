//go:build linux

package tde

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"remoterun/runner/host"
	"remoterun/runner/hosttest"
	"remoterun/runner/hosttest/sshd"
	"remoterun/runner/hosttest/sshtest"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/keys"
	"remoterun/tasks/tde/lock"
	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/provider"
	"remoterun/tasks/tde/status"
	"remoterun/tasks/tde/target"
	"remoterun/tasks/tde/tdetest"
	"remoterun/tasks/tde/unlock"
	"remoterun/tasks/tde/verify"
)

// lab is a compose stack on this machine's Docker engine, with a RAM mount and
// an open keyring: what the custody half leaves behind before the database's
// half begins. It is reached through SSH.
type lab struct {
	t       *testing.T
	project string
	dir     string
	image   string
	ext     pgtde.Extension
	cipher  string // of key, tables and WAL
	d       custody.Deps
	w       *host.Worker
}

// needLab asks for root, Docker, compose and the image.
func needLab(t *testing.T) *lab { return needLabWith(t, pgtde.Aes128) }

// needLabWith is needLab with the key of a cipher.
func needLabWith(t *testing.T, cipher string) *lab {
	t.Helper()
	image := tdetest.Image().Need(t)
	if os.Getuid() != 0 {
		hosttest.Missing(t, "root, for a mount in RAM and Docker")
	}
	var r [4]byte
	_, _ = rand.Read(r[:])
	l := &lab{t: t, project: "rr" + hex.EncodeToString(r[:]), dir: t.TempDir(), image: image, ext: pgtde.Extension(tdetest.Extension()), cipher: cipher}
	l.d = testDeps(t, knows(strong))
	l.w, _ = sshtest.Worker(t, sshd.Config{})
	l.compose("environment: {POSTGRES_USER: sync, POSTGRES_PASSWORD: \"p'w$$x\", POSTGRES_DB: app}")
	t.Cleanup(l.remove)
	l.key("make", "cipher", value.String(cipher))
	for _, action := range []string{"seal", "push", "sheet"} {
		l.key(action)
	}
	return l
}

// key runs an action of the custody half.
func (l *lab) key(action string, more ...any) {
	l.t.Helper()
	r, _ := task(l.t, keys.New(l.d), l.w, false, append([]any{"action", value.String(action), "project", value.String(l.project)}, more...)...)
	if r.Failed {
		l.t.Fatalf("tde_keyring %s: %s", action, r.Msg)
	}
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// compose writes the user's file: a database on a volume of its own.
func (l *lab) compose(more ...string) {
	l.t.Helper()
	text := "name: " + l.project + "\nservices:\n  postgres:\n    image: " + l.image + "\n    restart: always\n    volumes: [\"data:/data/db\"]\n"
	for _, m := range more {
		text += "    " + m + "\n"
	}
	l.write("compose.yaml", text+"volumes: {data: {}}\n")
}

func (l *lab) write(name, text string) {
	l.t.Helper()
	l.must(os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o644))
}

func (l *lab) ram() string { return memory.MountPath(l.project) }

// push is what unlock does before the database's half begins.
func (l *lab) push() {
	l.t.Helper()
	r, _ := task(l.t, memory.Module(), l.w, false, "path", value.String(l.ram()))
	if r.Failed {
		l.t.Fatalf("memory_mount: %s", r.Msg)
	}
	l.key("load")
}

// unmount is what a reboot does to the RAM.
func (l *lab) unmount() {
	for unix.Unmount(l.ram(), unix.MNT_DETACH) == nil {
	}
	_ = os.Remove(l.ram())
}

func (l *lab) remove() {
	l.sh("cd " + l.dir + " && docker compose down -v --remove-orphans -t 1")
	l.sh("docker ps -aq --filter label=com.docker.compose.project=" + l.project + " | xargs -r docker rm -fv")
	l.sh("docker ps -aq --filter label=remoterun.project=" + l.project + " | xargs -r docker rm -fv")
	l.sh("docker volume ls -q --filter name=" + l.project + " | xargs -r docker volume rm")
	l.sh("docker image ls -q 'remoterun/" + l.project + "' | head -1 | xargs -r -I{} docker rmi $(docker image ls --format '{{.Repository}}:{{.Tag}}' 'remoterun/" + l.project + "')")
	l.unmount()
	_ = os.Remove(filepath.Dir(l.ram()))
	_ = os.RemoveAll("/var/lib/remoterun/" + l.project)
}

// sh runs a script on this machine and answers what it printed.
func (l *lab) sh(script string) string {
	out, err := exec.Command("sh", "-c", script).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%s (%v)", out, err)
	}
	return string(out)
}

func (l *lab) args(pairs ...any) *value.Map {
	m := guard.Data(guard.Text("project", l.project), guard.Text("compose_dir", l.dir), guard.Text("extension", string(l.ext)))
	for i := 0; i < len(pairs); i += 2 {
		switch v := pairs[i+1].(type) {
		case string:
			m.Put(pairs[i].(string), value.String(v))
		case bool:
			m.Put(pairs[i].(string), value.Bool(v))
		case int:
			m.Put(pairs[i].(string), value.Int(int64(v)))
		case []string:
			m.Put(pairs[i].(string), value.Strings(v...))
		}
	}
	return m
}

func (l *lab) run(m play.Module, pairs ...any) driven {
	l.t.Helper()
	return drive(l.t, l.w, m, l.args(pairs...))
}

// ok runs a task that must not fail.
func (l *lab) ok(m play.Module, pairs ...any) driven {
	l.t.Helper()
	got := l.run(m, pairs...)
	if got.Failed {
		l.t.Fatalf("%s: %s", m.Spec().Name, got.Msg)
	}
	return got
}

// refused runs a task that must be refused with these words.
func (l *lab) refused(m play.Module, pairs []any, words ...string) {
	l.t.Helper()
	got := l.run(m, pairs...)
	// Where --check tells what would follow, the refusal is the first step's own.
	if !got.Failed || got.Changed || len(got.steps) > 1 {
		l.t.Fatalf("%s was not refused: %+v", m.Spec().Name, got)
	}
	if v, _ := got.Data.Lookup("refused"); value.Str(v) != "True" || got.Verdict != play.Refused {
		l.t.Errorf("result of %q is not marked as refused", got.Msg)
	}
	for _, w := range words {
		if !strings.Contains(got.Msg, w) {
			l.t.Errorf("refusal %q lacks %q", got.Msg, w)
		}
	}
}

// other is the extension that the image does not have.
func (l *lab) other() pgtde.Extension {
	for _, e := range pgtde.Extensions() {
		if e != l.ext {
			return e
		}
	}
	return ""
}

// own puts the extension that is tested in place of either name.
func (l *lab) own(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, string(pgtde.OpenPgTDE), string(pgtde.PgTDE)), string(pgtde.PgTDE), string(l.ext))
}

// sql runs a statement in the container, as its own user. It is written for
// pg_tde and means the extension that is tested.
func (l *lab) sql(database, sql string) string {
	l.t.Helper()
	out, err := exec.Command("docker", "exec", l.container(), "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-U", "sync", "-d", database, "-c", l.own(sql)).CombinedOutput()
	if err != nil {
		l.t.Fatalf("psql: %v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// login logs in over the network, as an app does.
func (l *lab) login(user, password string) {
	l.t.Helper()
	out, err := exec.Command("docker", "exec", "-e", "PGPASSWORD="+password, l.container(), "sh", "-c", `psql -XAtq -h "$(hostname -i)" -U "$0" -d app -c "select 1"`, user).CombinedOutput()
	if err != nil || string(out) != "1\n" {
		l.t.Errorf("login of %s: %v: %s", user, err, out)
	}
}

func (l *lab) container() string {
	return strings.TrimSpace(l.sh("docker ps -aq --filter label=com.docker.compose.project=" + l.project + " --filter label=com.docker.compose.service=postgres | head -1"))
}

// unlocked brings the lab to an encrypted, running database.
func unlocked(t *testing.T) *lab { return unlockedWith(t, pgtde.Aes128) }

func unlockedWith(t *testing.T, cipher string) *lab {
	t.Helper()
	l := needLabWith(t, cipher)
	l.push()
	l.ok(target.New(l.d), "image", l.image, "cipher", cipher)
	l.ok(unlock.New(l.d))
	return l
}

func TestRealInitAndUnlock(t *testing.T) {
	l := needLab(t)
	init, unlock := target.New(l.d), unlock.New(l.d)
	l.refused(init, []any{"image", l.image}, "there is none in RAM", "remoterun unlock web1")
	l.refused(unlock, nil, "empty:", "tde_init")
	l.push()
	l.refused(init, []any{"image", "no/such:1"}, "not on this host", "never pulls")
	other := string(l.other())
	l.refused(init, []any{"image", l.image, "extension", other}, "has no extension "+other, "tde_extension to what it has ("+string(l.ext)+")")
	l.refused(init, []any{"image", l.image, "cipher", pgtde.Aes256}, "has 128 bits", "tde_cipher: aes_256 goes with 256")
	if left := l.sh("docker volume ls -q --filter name=" + l.project + "_tde; ls /var/lib/remoterun/" + l.project + "/init 2>/dev/null || :"); left != "" {
		t.Errorf("refusals left %s", left)
	}
	got := l.ok(init, "image", l.image)
	if !got.Changed {
		t.Error("init says that nothing changed")
	}
	if again := l.ok(init, "image", l.image); again.Changed || len(again.steps) > 0 {
		t.Errorf("second init: %+v", again)
	}
	for _, m := range []play.Module{init, unlock} {
		l.refused(m, []any{"extension", other}, "encrypted by "+string(l.ext), "set tde_extension: "+string(l.ext))
	}
	got = l.ok(unlock)
	if !got.Changed || len(got.Warnings) > 0 {
		t.Errorf("unlock: %+v", got)
	}
	l.login("sync", "p'w$x")
	l.sql("app", "CREATE TABLE t AS SELECT g AS a, 'row ' || g AS b FROM generate_series(1,1000) g")
	if enc := l.sql("app", "SELECT pg_tde_is_encrypted('t')"); enc != "t" {
		t.Errorf("a table of the user's is not encrypted: %s", enc)
	}
	if again := l.ok(unlock); again.Changed || len(again.steps) > 0 {
		t.Errorf("second unlock: %+v", again)
	}
	l.reboot(unlock)
}

// reboot empties the RAM as a reboot does and unlocks again, in the three ways
// in which a container can be found then.
func (l *lab) reboot(unlock play.Module) {
	for name, after := range map[string]func(){
		"exited 127": func() {
			l.sh("docker stop " + l.container())
			l.unmount()
			l.sh("docker start " + l.container()) // the mount is missing: status 127
		},
		"running on a stale mount": func() {
			l.unmount()
			l.push() // a new mount, which the running container does not see
		},
		"stopped": func() { l.sh("docker stop " + l.container()); l.unmount() },
	} {
		after()
		if name != "running on a stale mount" {
			l.refused(unlock, nil, "locked:", "no keyring in RAM", "remoterun unlock")
			l.push()
		}
		start := time.Now()
		got := l.ok(unlock)
		l.t.Logf("%s: %v %v", name, time.Since(start), got.steps)
		if rows := l.sql("app", "SELECT count(*) FROM t"); rows != "1000" || !got.Changed {
			l.t.Errorf("%s: %s rows, changed %v", name, rows, got.Changed)
		}
	}
}

// state runs tde_status and wants a state in one word.
func (l *lab) state(want string) driven {
	l.t.Helper()
	got := l.run(status.New(l.d))
	if s := value.Str(data(got.Result, "state")); s != want || got.Changed || len(got.steps) > 0 {
		l.t.Errorf("status is %q, want %q (%s)", s, want, got.Msg)
	}
	if locked, _ := data(got.Result, "locked").AsBool(); locked != (want == status.StateLocked) || locked != (got.Verdict == play.Locked) {
		l.t.Errorf("status %s says locked=%v", want, locked)
	}
	return got
}

func TestRealLock(t *testing.T) {
	l := unlocked(t)
	if got := l.state(status.StateUnlocked); got.Failed || len(got.Warnings) > 0 {
		t.Errorf("unlocked: %+v", got)
	}
	got := l.ok(lock.New())
	if !got.Changed {
		t.Error("lock says that nothing changed")
	}
	if _, err := os.Stat(filepath.Join(l.ram(), memory.KeyringFile)); !os.IsNotExist(err) {
		t.Errorf("keyring after lock: %v", err)
	}
	if st := strings.TrimSpace(l.sh("docker inspect -f {{.State.Status}} " + l.container())); st != "exited" {
		t.Errorf("container is %s", st)
	}
	if again := l.ok(lock.New()); again.Changed || len(again.steps) > 0 {
		t.Errorf("second lock: %+v", again)
	}
	l.refused(unlock.New(l.d), nil, "locked:")
	if got := l.state(status.StateLocked); got.Failed || !strings.Contains(got.Msg, "remoterun unlock web1") {
		t.Errorf("locked: %+v", got)
	}
	l.push()
	l.state(status.StateStopped)
	l.ok(unlock.New(l.d))
	l.state(status.StateUnlocked)
	l.unmount()
	if got := l.state(status.StateUnlocked); len(got.Warnings) == 0 || !strings.Contains(got.Warnings[0], "not in RAM any more") {
		t.Errorf("running without its mount: %+v", got)
	}
}

// TestRealKeys: provider and principal keys through their modules.
func TestRealKeys(t *testing.T) {
	l := unlocked(t)
	l.sql("app", "CREATE TABLE t AS SELECT 1 AS a")
	if got := l.ok(provider.NewProvider()); got.Changed {
		t.Errorf("the provider of init: %+v", got)
	}
	if got := l.run(provider.NewProvider(), "name", "other"); !got.Failed {
		t.Error("a provider was added through a read-only mount")
	}
	o, _ := l.d.Session.Opened(l.project, "web1")
	old, _ := o.Keyring.Last()
	ring, err := o.Keyring.Append(l.project+"-second", pgtde.CipherBits(l.cipher), l.d.Random)
	l.must(err)
	file := filepath.Join(l.ram(), memory.KeyringFile)
	l.must(ring.Use(func(b []byte) error { return os.WriteFile(file+".new", b, 0o400) }))
	l.must(os.Chown(file+".new", 26, 26))
	l.must(os.Rename(file+".new", file))
	key := provider.NewPrincipalKey()
	if got := l.ok(key, "name", old.Name); got.Changed {
		t.Errorf("the key of init: %+v", got)
	}
	if got := l.run(key, "name", "nosuch"); !got.Failed || !strings.Contains(got.Msg, "nosuch") {
		t.Errorf("a key that is not there: %+v", got)
	}
	for _, scope := range [][]any{{"scope", "default"}, {"scope", "server"}, {"scope", "database", "database", "app"}} {
		args := append([]any{"name", l.project + "-second"}, scope...)
		l.ok(key, args...)
		if got := l.ok(key, args...); got.Changed || len(got.steps) > 0 {
			t.Errorf("%v twice: %+v", scope, got)
		}
	}
	if got := l.sql("app", "SELECT key_name FROM pg_tde_key_info()"); got != l.project+"-second" {
		t.Errorf("database is on %s", got)
	}
	got := l.ok(unlock.New(l.d), "key", old.Name)
	if len(got.Warnings) != 3 || !strings.Contains(got.Warnings[0], "rotation was not finished") {
		t.Errorf("an unfinished rotation: %v", got.Warnings)
	}
}

// TestRealVerify: a good database passes every check, and the report says so,
// whatever its cipher.
func TestRealVerify(t *testing.T) {
	for _, cipher := range []string{pgtde.Aes128, pgtde.Aes256} {
		t.Run(cipher, func(t *testing.T) { verifyGood(t, unlockedWith(t, cipher)) })
	}
}

func verifyGood(t *testing.T, l *lab) {
	l.sql("app", "CREATE TABLE t AS SELECT g AS a, 'row ' || g AS b FROM generate_series(1,5000) g; CREATE INDEX ON t (b)")
	v := verify.New(l.d)
	reports := t.TempDir()
	got := l.ok(v, "reports_dir", reports, "cipher", l.cipher)
	report := value.Str(data(got.Result, "report"))
	text, err := os.ReadFile(report)
	l.must(err)
	t.Logf("%s", text)
	for _, c := range data(got.Result, "checks").Items() {
		m, _ := c.AsMap()
		st, _ := m.Lookup("status")
		if s := value.Str(st); s != verify.CheckOK && s != verify.CheckPlain {
			t.Errorf("check is not ok: %s", value.Repr(c))
		}
	}
	if _, err := os.Stat(strings.TrimSuffix(report, ".txt") + ".json"); err != nil {
		t.Error(err)
	}
	if st := statusIn(l.ok(v, "search_gib", 0, "cipher", l.cipher).Result, "no key on disk"); st != verify.CheckNotProved {
		t.Errorf("a search that left everything out: %s", st)
	}
	l.do("ln -s /nowhere " + l.volumeDir() + "/pg_tblspc/77777")()
	if st := statusIn(l.ok(v, "cipher", l.cipher).Result, "no key on disk"); st != verify.CheckNotProved {
		t.Errorf("a tablespace elsewhere: %s", st)
	}
	l.do("rm " + l.volumeDir() + "/pg_tblspc/77777")()
	if quick := l.ok(v, "quick", true, "cipher", l.cipher); len(quick.steps) > 0 || quick.Changed {
		t.Errorf("quick writes: %v", quick.steps)
	}
}

func statusIn(r play.Result, check string) string {
	for _, c := range data(r, "checks").Items() {
		m, _ := c.AsMap()
		if n, _ := m.Lookup("name"); value.Str(n) == check {
			st, _ := m.Lookup("status")
			return value.Str(st)
		}
	}
	return "not there"
}

// TestRealVerifyWithoutPassphrase: what needs the open keyring is "not proved",
// and fails nothing.
func TestRealVerifyWithoutPassphrase(t *testing.T) {
	l := unlocked(t)
	_ = l.d.Session.Close()
	got := l.ok(verify.New(l.d), "quick", true)
	for check, want := range map[string]string{"wanted key": verify.CheckNotProved, "key headers": verify.CheckNotProved, "sealed copies": verify.CheckOK, "keys": verify.CheckOK} {
		if st := statusIn(got.Result, check); st != want {
			t.Errorf("%s: %s, want %s", check, st, want)
		}
	}
	if len(got.Warnings) == 0 || !strings.Contains(got.Warnings[0], "key headers") {
		t.Errorf("warnings %v", got.Warnings)
	}
}
