//go:build linux

package real_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/hosttest/real"
	"remoterun/runner/sh"
)

func TestMachineKeepsToItself(t *testing.T) {
	op := real.NewOperator(t)
	m := op.Start(t, real.Options{Name: "alone", Shell: "busybox"})
	m.Write(t, "/etc/only-here", "x")
	m.Run(t, "echo ram > /run/mark; echo disk > /var/mark")
	if _, err := os.Stat("/etc/only-here"); !os.IsNotExist(err) {
		t.Errorf("the machine's file is on this machine: %v", err)
	}
	before := m.Run(t, "cat /proc/sys/kernel/random/boot_id; hostname; /bin/sh --help 2>&1 | head -1")
	if !strings.Contains(before, "\nalone\n") || !strings.Contains(before, "BusyBox") {
		t.Errorf("boot id, name and shell: %q", before)
	}
	c := m.Connect(t, "root", nil)
	m.Reboot(t)
	if got := m.Run(t, "cat /var/mark /run/mark 2>&1; cat /proc/sys/kernel/random/boot_id"); !strings.HasPrefix(got, "disk\ncat: ") || strings.Contains(before, got[strings.LastIndex(got, "\n")+1:]) {
		t.Errorf("after the reboot: %q, before: %q", got, before)
	}
	if _, err := c.Exec(t.Context(), host.As{}, sh.Exec("true")); !errors.Is(err, host.ErrTransport) {
		t.Errorf("a connection outlived the reboot: %v", err)
	}
	if got := m.Run(t, "cat /etc/only-here"); got != "x" {
		t.Errorf("the disk lost its file: %q", got)
	}
}

func TestEngineAndCompose(t *testing.T) {
	real.NeedCompose(t)
	op := real.NewOperator(t)
	m := op.Start(t, real.Options{Name: "engine", Docker: true})
	m.LoadBusybox(t)
	m.Write(t, "/srv/app/compose.yaml", "services:\n  web:\n    image: "+real.BusyboxImage+"\n    pull_policy: never\n    command: sleep 1000\n    stop_grace_period: 0s\n    restart: unless-stopped\n    volumes: [data:/data]\nvolumes:\n  data: {}\n")
	m.Run(t, "cd /srv/app && docker compose up -d && docker compose exec -T web sh -c 'echo kept > /data/a'")
	m.Reboot(t)
	if got := m.Run(t, "cd /srv/app && docker compose exec -T web cat /data/a && docker compose down -v 2>&1"); !strings.HasPrefix(got, "kept\n") {
		t.Errorf("after the reboot: %q", got)
	}
}

func TestLinkFaults(t *testing.T) {
	op := real.NewOperator(t)
	m := op.Start(t, real.Options{Name: "faulty"})
	c := m.Connect(t, "root", nil)
	run := func() (host.Output, error) { return c.Exec(t.Context(), host.As{}, sh.Exec("echo", "hello")) }
	m.Link.Delay(100 * time.Millisecond)
	start := time.Now()
	if out, err := run(); err != nil || string(out.Stdout) != "hello\n" || time.Since(start) < 100*time.Millisecond {
		t.Errorf("delayed: %q, %v after %s", out.Stdout, err, time.Since(start))
	}
	m.Link.Delay(0)
	m.Link.Freeze()
	done := make(chan error, 1)
	go func() { _, err := run(); done <- err }()
	select {
	case err := <-done:
		t.Errorf("an answer through a frozen link: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	m.Link.Thaw()
	if err := <-done; err != nil {
		t.Errorf("after the thaw: %v", err)
	}
	m.Link.Cut()
	if _, err := run(); !errors.Is(err, host.ErrTransport) {
		t.Errorf("after the cut: %v", err)
	}
}

func TestJumpHost(t *testing.T) {
	op := real.NewOperator(t)
	gate := op.Start(t, real.Options{Name: "gate"})
	inner := op.Start(t, real.Options{Name: "inner", Hidden: true})
	l := op.Through(t, gate, inner, "127.0.0.9:22")
	c := inner.Connect(t, real.UserFree, nil)
	out, err := c.Exec(t.Context(), host.As{User: "root", Method: "sudo"}, sh.Script("hostname; id -un"))
	if err != nil || string(out.Stdout) != "inner\nroot\n" || l.Count() != 1 {
		t.Errorf("%q, %v, %d connections", out.Stdout, err, l.Count())
	}
}

// TestResidueFindsWhatIsPlanted: a search that finds nothing proves nothing
// unless it finds what is there.
func TestResidueFindsWhatIsPlanted(t *testing.T) {
	op := real.NewOperator(t)
	m := op.Start(t, real.Options{Name: "residue"})
	canary := real.Needles{"the canary": []byte("canary\x00\x01\xfe of 24 bytes, raw")}
	if found := m.Residue(t, canary); len(found) != 0 {
		t.Fatalf("found before it was planted: %q", found)
	}
	for _, plant := range []string{
		`printf '%s' "$1" | base64 -d > /var/lib/raw; sync; rm /var/lib/raw`,
		`printf '%s' "$1" | base64 -d | od -An -tx1 | tr -d ' \n' | tee /run/hex > /root/hex`,
		`{ printf x; printf '%s' "$1" | base64 -d; } | base64 > /home/b64`,
		`(exec -a "$(cat /run/hex)" sleep 60) > /dev/null 2>&1 &`,
		`KEY=$(cat /run/hex) sleep 60 > /dev/null 2>&1 &`,
	} {
		m.Run(t, plant, "Y2FuYXJ5AAH+IG9mIDI0IGJ5dGVzLCByYXc=")
	}
	found := strings.Join(m.Residue(t, canary), "\n")
	for _, want := range []string{"the canary at offset", "the canary in hex at offset", "the canary in base64 at offset", "/cmdline", "/environ"} {
		if !strings.Contains(found, want) {
			t.Errorf("%q is not in\n%s", want, found)
		}
	}
	if files := strings.Join(m.Files(t, canary), "\n"); !strings.Contains(files, "/root/hex") {
		t.Errorf("files: %s", files)
	}
}
