package services_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/tasks/services"
	"remoterun/tasks/tasktest"
)

// fakeSystemctl keeps two units in a folder: it plays systemd where none runs.
const fakeSystemctl = `#!/bin/sh
while :; do case $1 in --*|-p) [ "$1" = -p ] && shift; shift ;; *) break ;; esac; done
v=$1; shift
while :; do case $1 in -p) shift 2 ;; --) shift ;; *) break ;; esac; done
d=$FAKE/$1
case $v in
daemon-reload) echo reload >>"$FAKE/log"; exit ;;
show) if [ -d "$d" ]; then echo "Id=$1.service
LoadState=loaded
ActiveState=$(cat "$d/active")"; else echo "LoadState=not-found
ActiveState=inactive"; fi ;;
is-enabled) cat "$d/enabled"; [ "$(cat "$d/enabled")" = enabled ] ;;
start|restart) if [ -e "$d/broken" ]; then echo "Job failed" >&2; exit 1; fi; echo active >"$d/active"; echo "$v" >>"$FAKE/log" ;;
stop) echo inactive >"$d/active" ;;
enable) echo enabled >"$d/enabled" ;;
disable) echo disabled >"$d/enabled" ;;
mask) echo masked >"$d/enabled" ;;
esac
`

func fakeSystemd(t *testing.T, env []string) tasktest.Host {
	t.Helper()
	dir := t.TempDir()
	for _, u := range []string{"web", "bad"} {
		if err := os.MkdirAll(filepath.Join(dir, u), 0o755); err != nil {
			t.Fatal(err)
		}
		tasktest.WriteFile(t, filepath.Join(dir, u, "active"), "inactive\n")
		tasktest.WriteFile(t, filepath.Join(dir, u, "enabled"), "disabled\n")
	}
	tasktest.WriteFile(t, dir+"/bad/broken", "")
	bin := t.TempDir()
	tasktest.WriteFile(t, bin+"/systemctl", "#!/bin/sh\nFAKE="+dir+"\n"+strings.TrimPrefix(fakeSystemctl, "#!/bin/sh\n"))
	_ = os.Chmod(bin+"/systemctl", 0o755)
	path := os.Getenv("PATH")
	for _, e := range env {
		if p, ok := strings.CutPrefix(e, "PATH="); ok {
			path = p
		}
	}
	return tasktest.NewHost(t, []string{"PATH=" + bin + ":" + path, "HOME=/root", "FAKE=" + dir})
}

func TestSystemdTwice(t *testing.T) {
	for name, env := range tasktest.Shells(t) {
		t.Run(name, func(t *testing.T) {
			h := fakeSystemd(t, env)
			o := tasktest.Twice(t, h, services.SystemdService(), tasktest.Args(t, "{name: web, state: started, enabled: yes}"))
			if got := strings.Join(o.Steps, ", "); got != "systemctl enable web, systemctl start web" {
				t.Error(got)
			}
			if got := tasktest.Dig(o.Result.Data, "status.ActiveState"); got != "'inactive'" {
				t.Error(got)
			}
			tasktest.Twice(t, h, services.Service(), tasktest.Args(t, "{name: web, state: restarted, use: systemd}"))
			o = tasktest.Must(t, h, services.SystemdService(), tasktest.Args(t, "{name: web, state: started, daemon_reload: yes}"))
			if o.Result.Changed || len(o.Steps) != 1 {
				t.Errorf("daemon_reload: %v %v", o.Steps, o.Result.Changed)
			}
			tasktest.Twice(t, h, services.SystemdService(), tasktest.Args(t, "{name: web, state: stopped, enabled: no}"))
			tasktest.Twice(t, h, services.SystemdService(), tasktest.Args(t, "{name: web, masked: yes}"))
			o, _ = tasktest.Apply(t.Context(), h, services.SystemdService(), tasktest.Args(t, "{name: bad, state: started}"), false)
			if o.Result.Msg != "Unable to start service bad: Job failed" {
				t.Error(o.Result.Msg)
			}
			o, _ = tasktest.Apply(t.Context(), h, services.SystemdService(), tasktest.Args(t, "{name: none, state: started}"), false)
			if o.Result.Msg != "Could not find the requested service none: host" {
				t.Error(o.Result.Msg)
			}
		})
	}
}
