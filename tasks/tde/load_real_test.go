package tde

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/seal"
	"remoterun/tasks/tde/tdetest"
)

// The keyring is never sent to what is not RAM of its own, whatever was there
// when it was looked at last.
func TestLoadProvesTheTargetItself(t *testing.T) {
	shells(t, func(t *testing.T, n *ns) {
		w, d := n.conn(t, "web1"), testDeps(t, knows(strong))
		setUp(t, d, w)
		for name, c := range map[string]struct{ prepare, want string }{
			"no mount":          {":", "the mount is not there"},
			"a folder":          {"mkdir -p $P", "not a mount of its own"},
			"a disk":            {"mkdir -p $P; mount --bind /usr/share $P", "not in RAM"},
			"somebody's RAM":    {"mkdir -p $P; mount -t tmpfs -o mode=711,uid=1000 x $P", "not root's"},
			"writable RAM":      {"mkdir -p $P; mount -t tmpfs -o mode=777 x $P", "others than root"},
			"RAM with a link":   {"mkdir -p $P; mount -t tmpfs -o mode=711 x $P; ln -s /etc/passwd $P/keyring", "holds keyring"},
			"RAM with a file":   {"mkdir -p $P; mount -t tmpfs -o mode=711 x $P; echo x >$P/notes", "holds notes"},
			"a path with links": {"mkdir -p /run/l/real; mount -t tmpfs -o mode=711 x /run/l/real; mkdir -p ${P%/*}; ln -s /run/l/real $P", "symbolic link"},
		} {
			t.Run(name, func(t *testing.T) {
				p := "/run/t/" + strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), "'", "") + "/keyring"
				n.sh(t, "P="+p+"; "+c.prepare)
				sent := &counting{Writer: w}
				out, err := d.LoadStep(memory.Load{Project: "sync", Host: "web1", Path: p, AcceptSwap: true}).Do(t.Context(), sent)
				if err != nil || out.Status != guard.StatusRefused || !strings.Contains(string(out.Stderr), c.want) {
					t.Errorf("%v %d %s, want %q", err, out.Status, out.Stderr, c.want)
				}
				if sent.n != 0 {
					t.Errorf("%d bytes of the key were sent", sent.n)
				}
			})
		}
	})
}

// A keyring that does not open the cluster on the host is not sent, and the
// missing keys are named; one that does goes to the data folder's owner.
func TestLoadChecksTheCluster(t *testing.T) {
	shells(t, func(t *testing.T, n *ns) {
		w, d := n.conn(t, "web1"), testDeps(t, knows(strong))
		setUp(t, d, w)
		o, _ := d.Session.Opened("sync", "web1")
		newer, err := o.Keyring.Append("sync-newer", 128, tdetest.NewStream("newer"))
		if err != nil {
			t.Fatal(err)
		}
		p, pgdata := memory.MountPath("sync"), "/var/lib/docker/volumes/sync_tde/_data"
		n.sh(t, "mkdir -p "+p+" "+pgdata+"/pg_tde; mount -t tmpfs -o mode=711 remoterun "+p+"; chown 26:27 "+pgdata)
		put := func(k seal.Keyring, key, file, magic string) {
			hex := fmt.Sprintf("%x", tdetest.SealHeader(t, k, key, magic))
			var esc strings.Builder
			for i := 0; i < len(hex); i += 2 {
				esc.WriteString("\\0" + fmt.Sprintf("%03o", mustByte(t, hex[i:i+2])))
			}
			n.sh(t, "printf '%b' '"+esc.String()+"' >"+pgdata+"/pg_tde/"+file)
		}
		last, _ := o.Keyring.Last()
		put(newer, "sync-newer", "1663_keys", "TDE\x04")
		put(o.Keyring, last.Name, "wal_keys", "WEK\x02")
		r := keyring(t, d, w, "load")
		mustRefuse(t, r, "1663_keys needs key sync-newer, which is missing")
		if left := n.sh(t, "ls -A "+p); left != "" {
			t.Errorf("in RAM: %q", left)
		}
		put(o.Keyring, last.Name, "1663_keys", "TDE\x04")
		changed(t, true, keyring(t, d, w, "load"))
		if got := n.sh(t, "stat -c '%u %g %a' "+p+"/keyring"); got != "26 27 400\n" {
			t.Errorf("owner and mode: %q", got)
		}
		r = changed(t, false, keyring(t, d, w, "load"))
		if checks := data(r, "header_checks").Items(); len(checks) != 2 {
			t.Errorf("checks: %v", checks)
		}
		if r := keyring(t, d, w, "make"); r.Changed || r.Failed {
			t.Errorf("make beside a cluster of ours: %+v", r)
		}
	})
}

func mustByte(t *testing.T, hex string) byte {
	t.Helper()
	var b byte
	if _, err := fmt.Sscanf(hex, "%02x", &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// counting counts how much of a command's stdin was read on the laptop.
type counting struct {
	host.Writer
	n   int
	cut int // stop after so many bytes, 0 = never
}

type countingInput struct {
	sh.Input
	c *counting
}

func (c *counting) Run(ctx context.Context, cmd sh.Cmd) (host.Output, error) {
	if cmd.Stdin != nil {
		cmd.Stdin = countingInput{cmd.Stdin, c}
	}
	return c.Writer.Run(ctx, cmd)
}

func (i countingInput) Open() (io.ReadCloser, error) {
	r, err := i.Input.Open()
	return countingReader{r, i.c}, err
}

type countingReader struct {
	io.ReadCloser
	c *counting
}

func (r countingReader) Read(p []byte) (int, error) {
	if r.c.cut > 0 && r.c.n >= r.c.cut {
		return 0, io.EOF
	}
	if r.c.cut > 0 {
		p = p[:min(len(p), r.c.cut-r.c.n)]
	}
	k, err := r.ReadCloser.Read(p)
	r.c.n += k
	return k, err
}

// A stream that breaks off leaves nothing of the key, and what was there stays.
func TestCutStreamLeavesNothing(t *testing.T) {
	shells(t, func(t *testing.T, n *ns) {
		w, d := n.conn(t, "web1"), testDeps(t, knows(strong))
		setUp(t, d, w)
		p := memory.MountPath("sync")
		n.sh(t, "mkdir -p "+p+"; mount -t tmpfs -o mode=711 remoterun "+p)
		step := d.LoadStep(memory.Load{Project: "sync", Host: "web1", Path: p, AcceptSwap: true})
		for _, cut := range []int{1, 291} {
			out, err := step.Do(t.Context(), &counting{Writer: w, cut: cut})
			if err != nil || out.Status != 1 || !strings.Contains(string(out.Stderr), "did not arrive whole") {
				t.Errorf("cut after %d: %v %d %s", cut, err, out.Status, out.Stderr)
			}
			if left := n.sh(t, "ls -A "+p); left != "" {
				t.Errorf("cut after %d left %q", cut, left)
			}
		}
		if out, err := step.Do(t.Context(), w); err != nil || out.Status != 0 || strings.TrimSpace(string(out.Stdout)) != "tmpfs" {
			t.Fatalf("%v %+v", err, out)
		}
		// A laptop that is killed in mid-stream.
		ctx, cancel := context.WithCancel(t.Context())
		stuck := &counting{Writer: blocked{w}}
		go func() { time.Sleep(300 * time.Millisecond); cancel() }()
		if _, err := step.Do(ctx, stuck); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		deadline := time.Now().Add(5 * time.Second)
		for n.sh(t, "ls -A "+p) != "keyring\n" {
			if time.Now().After(deadline) {
				t.Fatalf("left: %q", n.sh(t, "ls -A "+p))
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
}

// A signal at the worst moment, when the shell has just begun to clean up behind
// a stream that broke off, wipes all the same.
func TestSignalWhileCleaningUp(t *testing.T) {
	const calm, struck = "trap wipe EXIT\n", "trap 'kill -TERM $$; wipe' EXIT\n"
	if !strings.Contains(string(memory.LoadText), calm) {
		t.Fatal("the script cleans up in another way: this test strikes nothing")
	}
	shells(t, func(t *testing.T, n *ns) {
		p := memory.MountPath("sync")
		n.sh(t, "mkdir -p "+p+"; mount -t tmpfs -o mode=711 remoterun "+p)
		text := sh.Constant(strings.Replace(string(memory.LoadText), calm, struck, 1))
		c := sh.Script(text, p, "292", "0", "0:0", "0400", "accept").With(sh.Bytes("half"))
		c.Secret, c.Gated = true, true
		out, err := n.conn(t, "web1").Run(t.Context(), c)
		if err != nil || out.Status != 1 {
			t.Errorf("%v, status %d: %s", err, out.Status, out.Stderr)
		}
		if left := n.sh(t, "ls -A "+p); left != "" {
			t.Errorf("left: %q", left)
		}
	})
}

// blocked sends half of a command's stdin and then nothing more.
type blocked struct{ host.Writer }

type blockedInput struct{ sh.Input }

func (b blocked) Run(ctx context.Context, cmd sh.Cmd) (host.Output, error) {
	cmd.Stdin = blockedInput{cmd.Stdin}
	return b.Writer.Run(ctx, cmd)
}

func (b blockedInput) Open() (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(strings.NewReader("half"), never{})), nil
}

type never struct{}

func (never) Read([]byte) (int, error) { time.Sleep(2 * time.Second); return 0, io.EOF }
