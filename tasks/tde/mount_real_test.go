package tde

import (
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/seal"
)

// shells runs a test against dash with coreutils and against busybox.
func shells(t *testing.T, f func(t *testing.T, n *ns)) {
	t.Run("dash", func(t *testing.T) { f(t, newNS(t, false)) })
	t.Run("busybox", func(t *testing.T) { f(t, newNS(t, true)) })
}

func TestMemoryMountOnRealMounts(t *testing.T) {
	shells(t, func(t *testing.T, n *ns) {
		w, m := n.conn(t, "web1"), memory.Module()
		p := memory.MountPath("sync")
		mount := func(check bool, args ...any) play.Result {
			r, _ := task(t, m, w, check, append([]any{"path", value.String(p), "swap", value.String("accept")}, args...)...)
			return r
		}
		if r := mount(true); !r.Changed || r.Failed || strings.Contains(n.sh(t, "cat /proc/self/mountinfo"), p) {
			t.Fatalf("check mode: %+v", r)
		}
		r := mount(false)
		if !r.Changed || r.Failed {
			t.Fatalf("first: %+v", r)
		}
		if fs := value.Str(data(r, "fstype")); fs != "tmpfs" && fs != "ramfs" {
			t.Errorf("fstype %q", fs)
		}
		if got := strings.TrimSpace(n.sh(t, "stat -c '%u %a' "+p)); got != "0 711" {
			t.Errorf("owner and mode %q", got)
		}
		if r := mount(false); r.Changed || r.Failed {
			t.Errorf("second: %+v", r)
		}
		if r := mount(false, "mode", value.String("0750")); !r.Changed || strings.TrimSpace(n.sh(t, "stat -c %a "+p)) != "750" {
			t.Errorf("mode: %+v", r)
		}
		n.sh(t, "echo secret >"+p+"/keyring")
		if r := mount(false, "state", value.String("absent")); !r.Changed || r.Failed || strings.Contains(n.sh(t, "cat /proc/self/mountinfo"), p) {
			t.Errorf("absent: %+v", r)
		}
		if r := mount(false, "state", value.String("absent")); r.Changed || r.Failed {
			t.Errorf("absent again: %+v", r)
		}
	})
}

func TestMemoryMountRefuses(t *testing.T) {
	shells(t, func(t *testing.T, n *ns) {
		w, m := n.conn(t, "web1"), memory.Module()
		for name, c := range map[string]struct{ prepare, want string }{
			"a folder that holds something": {"mkdir -p P; echo x >P/notes", "holds notes"},
			"somebody else's folder":        {"mkdir -p P; chown 1000 P", "others than root"},
			"a link":                        {"mkdir -p /run/remoterun/q /tmp; ln -s /tmp P", "symbolic link"},
			"a file":                        {"mkdir -p /run/remoterun/q; echo x >P", "not a folder"},
			"a disk":                        {"mkdir -p P; mount --bind /usr/share P", "not in RAM"},
			"RAM with a foreign file":       {"mkdir -p P; mount -t tmpfs -o mode=711 x P; echo x >P/.hidden", ".hidden"},
		} {
			t.Run(name, func(t *testing.T) {
				p := "/run/remoterun/q/" + strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), "'", "")
				n.sh(t, strings.ReplaceAll(c.prepare, "P", p))
				states := []string{"mounted", "absent"}
				if strings.Contains(name, "somebody") {
					states = states[:1] // an empty folder without a mount holds no key
				}
				for _, state := range states {
					r, _ := task(t, m, w, false, "path", value.String(p), "swap", value.String("accept"), "state", value.String(state))
					if !refused(r) || !strings.Contains(r.Msg, c.want) || !strings.Contains(r.Msg, p) {
						t.Errorf("%s: %+v, want a refusal with %q", state, r, c.want)
					}
				}
			})
		}
	})
}

// The probes answer the same on a machine where nothing can be written.
func TestProbesWriteNothing(t *testing.T) {
	shells(t, func(t *testing.T, n *ns) {
		w, d := n.conn(t, "web1"), testDeps(t, knows(strong))
		setUp(t, d, w)
		n.sh(t, "mkdir -p /var/lib/docker/volumes/sync_tde/_data/pg_tde /run/remoterun/sync/keyring; mount -t tmpfs -o mode=711 remoterun /run/remoterun/sync/keyring; echo x >/run/remoterun/sync/keyring/keyring")
		probes := []host.Question{memory.Mount(memory.MountPath("sync")).Q, custody.Server(seal.StateDir, "sync").Q, pgtde.Clusters("sync").Q, pgtde.Headers("/var/lib/docker/volumes/sync_tde/_data").Q}
		ask := func() (out []host.Answer) {
			for _, q := range probes {
				a, err := q.Ask(t.Context(), w)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, a)
			}
			return out
		}
		before := ask()
		n.sh(t, "mount -o remount,bind,ro / && mount -o remount,ro /run/remoterun/sync/keyring && mount -o remount,ro /run && mount -o remount,ro /var/lib && ! touch /tmp/x /run/x /var/lib/x 2>/dev/null")
		for i, a := range ask() {
			if a.Status != 0 || string(a.Stdout) != string(before[i].Stdout) || !strings.HasSuffix(string(a.Stdout), "end\n") {
				t.Errorf("probe %d: status %d %q, before %q", i, a.Status, a.Stdout, before[i].Stdout)
			}
		}
	})
}
