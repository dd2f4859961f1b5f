package compose

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/hosttest/sshd"
	"remoterun/runner/hosttest/sshtest"
)

// fake puts a docker on PATH that prints what the test says.
func fake(t *testing.T, script string) *host.Worker {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	w, _ := sshtest.Worker(t, sshd.Config{Env: []string{"PATH=" + dir + ":/usr/bin:/bin"}})
	return w
}

func get[T any](t *testing.T, w *host.Worker, f host.Fact[T]) (T, error) {
	t.Helper()
	a, err := f.Q.Ask(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	return f.Parse(a)
}

func TestConfig(t *testing.T) {
	dir := t.TempDir()
	w := fake(t, `[ "$*" = "compose -f a.yaml -f b.yaml config --format json" ] || { echo "args: $*" >&2; exit 1; }
echo 'time="x" level=warning msg="obsolete"' >&2
cat <<'E'
{"name":"stack","services":{"db":{"image":"x:1","command":null,"environment":{"A":"1","B":null},
"volumes":[{"type":"volume","source":"data","target":"/data/db","volume":{}},{"type":"bind","source":"/srv","target":"/data","bind":{}}]},
"app":{"build":{"context":"."}}},"volumes":{"data":{"name":"stack_data"}}}
E`)
	c, err := get(t, w, Project{Dir: dir, Files: []string{"a.yaml", "b.yaml"}}.Config())
	if err != nil {
		t.Fatal(err)
	}
	db, err := c.Service("db")
	if err != nil || c.Name != "stack" || db.Env("A") != "1" || db.Env("B") != "" || db.Builds() || !c.Services["app"].Builds() {
		t.Errorf("%+v %v", c, err)
	}
	if m, ok := db.MountAt("/data/db/pg"); !ok || c.VolumeName(m) != "stack_data" {
		t.Errorf("mount %+v %v", m, ok)
	}
	if m, ok := db.MountAt("/data/other"); !ok || m.Source != "/srv" {
		t.Errorf("mount %+v %v", m, ok)
	}
	if _, ok := db.MountAt("/database"); ok {
		t.Error("/database is not in /data")
	}
	if _, err := c.Service("postgres"); err == nil || !strings.Contains(err.Error(), `no service "postgres"`) || !strings.Contains(err.Error(), "app, db") {
		t.Errorf("error %v", err)
	}
}

func TestRefusalsAreExplained(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ script, dir, want, hint string }{
		"no compose":      {`echo "docker: 'compose' is not a docker command." >&2; exit 1`, dir, "is not a docker command", "v2 is not installed"},
		"daemon is down":  {`echo partial; echo "Cannot connect to the Docker daemon at unix:///x. Is it running?" >&2; exit 1`, dir, "Cannot connect", "systemctl start docker"},
		"not allowed":     {`echo "permission denied while trying to connect to the Docker daemon socket" >&2; exit 1`, dir, "permission denied", "become root"},
		"warnings go":     {`printf 'time="x" level=warning msg="obsolete"\nyaml: line 3: bad\n' >&2; exit 15`, dir, "yaml: line 3: bad", ""},
		"no folder":       {`exit 0`, "/no/such", "there is no folder /no/such", ""},
		"not even docker": {`exit 127`, dir, "exit status 127", "not installed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := fake(t, c.script)
			for _, ask := range []func() error{
				func() error { _, err := get(t, w, Project{Dir: c.dir}.Config()); return err },
				func() error { _, err := get(t, w, Project{Dir: c.dir}.Containers()); return err },
			} {
				err := ask()
				var f *Failure
				if !errors.As(err, &f) || !strings.Contains(err.Error(), c.want) || !strings.Contains(f.Hint, c.hint) || strings.Contains(err.Error(), "obsolete") {
					t.Errorf("error %v", err)
				}
			}
		})
	}
}

func TestMissingIsOnlyWhatDockerSays(t *testing.T) {
	w := fake(t, `echo '[]'; echo "Error response from daemon: get nosuch: no such volume" >&2; exit 1`)
	if v, err := get(t, w, VolumeNamed("nosuch")); v != nil || err != nil {
		t.Errorf("missing volume: %v %v", v, err)
	}
	w = fake(t, `echo '[]'; echo "Cannot connect to the Docker daemon" >&2; exit 1`)
	if v, err := get(t, w, VolumeNamed("any")); v != nil || err == nil {
		t.Errorf("daemon down: %v %v", v, err)
	}
	if i, err := get(t, w, ImageNamed("any")); i != nil || err == nil {
		t.Errorf("daemon down: %v %v", i, err)
	}
}

func TestContainers(t *testing.T) {
	id := strings.Repeat("a1", 32)
	w := fake(t, `case "$1" in
compose) echo 'level=warning' >&2; echo `+id+`;;
inspect) [ "$*" = "inspect --type container `+id+`" ] || exit 9
cat <<'E'
[{"Id":"`+id+`","Name":"/stack-db-1","State":{"Status":"exited","ExitCode":127,"Error":"no such file"},"RestartCount":3,
"Config":{"Labels":{"com.docker.compose.service":"db"},"Env":["PGDATA=/data/db"]},"HostConfig":{"NetworkMode":"x","RestartPolicy":{"Name":"always"}},
"NetworkSettings":{"Networks":{"b":{"IPAddress":"172.19.0.9"},"a":{"IPAddress":""}}}}]
E
;;
esac`)
	all, err := get(t, w, Project{Dir: "/"}.Containers())
	if err != nil || len(all) != 1 {
		t.Fatalf("%v %v", all, err)
	}
	c := Of(all, "db")[0]
	if c.Short() != "stack-db-1" || c.State.ExitCode != 127 || c.Health() != "none" || c.Env("PGDATA") != "/data/db" || c.Addr("5432") != "172.19.0.9:5432" {
		t.Errorf("%+v", c)
	}
	if len(Of(all, "app")) != 0 {
		t.Error("the service is not looked at")
	}
}

// TestContainersThatGo: a deploy takes containers away while they are looked at.
func TestContainersThatGo(t *testing.T) {
	a, b := strings.Repeat("a1", 32), strings.Repeat("b2", 32)
	dir := t.TempDir()
	w := fake(t, `case "$1" in
compose) [ -e `+dir+`/n ] || echo `+a+`; : >`+dir+`/n; echo `+b+`;;
inspect) case "$*" in *`+a+`*) echo '[{"Id":"half"}]'; echo "Error: No such container: `+a+`" >&2; exit 1;; esac; echo '[{"Id":"`+b+`"}]';;
esac`)
	all, err := get(t, w, Project{Dir: "/"}.Containers())
	if err != nil || len(all) != 1 || all[0].ID != b {
		t.Errorf("%v %v", all, err)
	}
	w = fake(t, `case "$1" in compose) echo `+a+`;; *) echo "Cannot connect to the Docker daemon" >&2; exit 1;; esac`)
	if _, err := get(t, w, Project{Dir: "/"}.Containers()); err == nil || !strings.Contains(err.Error(), "Cannot connect") {
		t.Errorf("an engine that ends is told as %v", err)
	}
	w = fake(t, `case "$1" in ps) echo `+a+`;; *) echo; echo "Error: No such container: `+a+`" >&2; exit 1;; esac`)
	if _, err := get(t, w, Everyone()); err == nil || !strings.Contains(err.Error(), "No such container") {
		t.Errorf("one that is listed and not there is told as %v", err)
	}
}

// TestLastFile: a file behind the others is read only when it is there.
func TestLastFile(t *testing.T) {
	dir := t.TempDir()
	w := fake(t, `echo "{\"name\":\"$*\"}"`)
	p := Project{Dir: dir, Files: []string{"a b.yaml", "c.yaml"}, Last: "ours.yaml"}
	for _, want := range []string{"compose -f a b.yaml -f c.yaml config --format json", "compose -f a b.yaml -f c.yaml -f ours.yaml config --format json"} {
		c, err := get(t, w, p.Config())
		if err != nil || c.Name != want {
			t.Errorf("docker %s, %v; want %s", c.Name, err, want)
		}
		out, err := w.Run(t.Context(), p.Command("config", "--format", "json"))
		if err != nil || !strings.Contains(string(out.Stdout), want) {
			t.Errorf("docker %s, %v; want %s", out.Stdout, err, want)
		}
		if err := os.WriteFile(filepath.Join(dir, "ours.yaml"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOlderThan(t *testing.T) {
	for v, want := range map[string]bool{"2.24.3": true, "2.24.4": false, "2.24.4-desktop.1": false, "2.40.3": false, "5.6.0": false, "1.29.2": true, "2.9.0+ds1": true, "unknown": false, "": false} {
		if OlderThan(v, "2.24.4") != want {
			t.Errorf("%s", v)
		}
	}
}
