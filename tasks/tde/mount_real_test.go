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

// TestMemoryMountRefuses: what stands in the way is refused, and typing what the
// refusal says lets the mount be made.
func TestMemoryMountRefuses(t *testing.T) {
	shells(t, func(t *testing.T, n *ns) {
		w, m := n.conn(t, "web1"), memory.Module()
		for name, c := range map[string]struct{ prepare, want string }{
			"a folder that holds something": {"mkdir -p P; echo x >P/notes", "holds notes"},
			"a folder in it":                {"mkdir -p P/more/more", "holds more"},
			"an odd name":                   {"mkdir -p P; echo x >\"P/it's here\"", "holds it's here"},
			"somebody else's folder":        {"mkdir -p P; chown 1000 P", "others than root"},
			"a folder for everybody":        {"mkdir -p P; chmod 777 P; echo x >P/notes", "others than root"},
			"somebody else's RAM":           {"mkdir -p P; mount -t tmpfs -o mode=711,uid=1000 x P", "others than root"},
			"a link":                        {"mkdir -p /run/remoterun/q /tmp; ln -s /tmp P", "symbolic link"},
			"a file":                        {"mkdir -p /run/remoterun/q; echo x >P", "not a folder"},
			"a disk":                        {"mkdir -p P; mount --bind /usr/share P", "not in RAM"},
			"a key on a disk":               {"mkdir -p P D; mount --bind D P; echo x >P/keyring", "has to be replaced"},
			"a key without a mount":         {"mkdir -p P; echo x >P/keyring", "holds keyring already"},
			"RAM with a foreign file":       {"mkdir -p P; mount -t tmpfs -o mode=711 x P; echo x >P/.hidden", ".hidden"},
		} {
			t.Run(name, func(t *testing.T) {
				p := "/run/remoterun/q/" + strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), "'", "")
				n.sh(t, strings.NewReplacer("P", p, "D", t.TempDir()).Replace(c.prepare))
				states := []string{"absent", "mounted"}
				if strings.Contains(name, "s folder") {
					states = states[1:] // an empty folder without a mount holds no key
				}
				var r play.Result
				for _, state := range states {
					r, _ = task(t, m, w, false, "path", value.String(p), "swap", value.String("accept"), "state", value.String(state))
					if !refused(r) || !strings.Contains(r.Msg, c.want) || !strings.Contains(r.Msg, p) {
						t.Errorf("%s: %+v, want a refusal with %q", state, r, c.want)
					}
				}
				for range 3 {
					n.sh(t, r.Msg[strings.LastIndex(r.Msg, ": ")+2:])
					if r, _ = task(t, m, w, false, "path", value.String(p), "swap", value.String("accept")); !r.Failed {
						return
					}
				}
				t.Errorf("what it says was typed, and it says %s", r.Msg)
			})
		}
	})
}

// TestMemoryMountMendsItsMode: a mount of ours that was opened to others is closed
// again, and nothing is asked of the operator.
func TestMemoryMountMendsItsMode(t *testing.T) {
	shells(t, func(t *testing.T, n *ns) {
		w, m, p := n.conn(t, "web1"), memory.Module(), memory.MountPath("sync")
		n.sh(t, "mkdir -p "+p+"; mount -t tmpfs -o mode=777 x "+p+"; echo x >"+p+"/keyring")
		r, _ := task(t, m, w, false, "path", value.String(p), "swap", value.String("accept"))
		if r.Failed || !r.Changed || strings.TrimSpace(n.sh(t, "stat -c %a "+p)) != "711" {
			t.Errorf("%+v", r)
		}
	})
}

// TestNoKeyringIsCalledWiped: where the keyring is not in RAM, wiping says so and
// what to type; then it is gone, and wiping says nothing.
func TestNoKeyringIsCalledWiped(t *testing.T) {
	shells(t, func(t *testing.T, n *ns) {
		p := memory.MountPath("sync")
		for name, prepare := range map[string]string{
			"no mount":        "mkdir -p P; echo x >P/keyring",
			"a mounted disk":  "mkdir -p P; mount --bind D P; echo x >P/keyring",
			"a disk over RAM": "mkdir -p P; mount -t tmpfs x P; echo y >P/keyring; mount --bind D P; echo x >P/keyring",
			"an empty disk":   "mkdir -p P; mount --bind D P",
		} {
			t.Run(name, func(t *testing.T) {
				n.sh(t, strings.NewReplacer("P", p, "D", t.TempDir()).Replace(prepare))
				drop := "(set -- " + p + "\n" + string(memory.DropMountText) + "\n) 2>&1; echo status $?"
				said := n.sh(t, drop)
				_, typed, ok := strings.Cut(said, "Type on the host: ")
				if !ok || !strings.Contains(said, "status 11") {
					t.Fatalf("it says %s", said)
				}
				typed, _, _ = strings.Cut(typed, "\n")
				n.sh(t, typed)
				if said := n.sh(t, drop+"; ls -d "+p+" 2>/dev/null || echo gone"); said != "status 0\ngone\n" {
					t.Errorf("%s was typed, and it says %s", typed, said)
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
