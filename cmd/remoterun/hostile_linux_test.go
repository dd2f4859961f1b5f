package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"remoterun/runner/hosttest"
	"remoterun/runner/hosttest/hostile"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/seal"
	"remoterun/tasks/tde/tdetest"
)

// wellApart is a host in namespaces of its own, with RAM and a disk of its own:
// what unlock mounts there is on no other.
func wellApart(t *testing.T, home string, op gossh.PublicKey) (string, int, gossh.PublicKey) {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	h, err := beginDemoHost(t.Context(), bin, home, op, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.stop() })
	addr := fmt.Sprintf("127.0.0.1:%d", h.port)
	var hostKey gossh.PublicKey
	seen := errors.New("seen")
	_, err = gossh.Dial("tcp", addr, &gossh.ClientConfig{User: "root", HostKeyCallback: func(_ string, _ net.Addr, k gossh.PublicKey) error {
		hostKey = k
		return seen
	}})
	if hostKey == nil || gossh.FingerprintSHA256(hostKey) != h.fingerprint {
		t.Fatalf("the host's key: %v", err)
	}
	return addr, h.port, hostKey
}

// apartEnv is set in a process whose /run and /var/lib are its own.
const apartEnv = "REMOTERUN_TEST_APART"

// apart runs a test in a process with a /run and a /var/lib of its own: what its
// hosts write there is on no disk of this machine. It is false in the outer one.
func apart(t *testing.T) bool {
	t.Helper()
	if os.Getenv(apartEnv) != "" {
		return true
	}
	if os.Geteuid() != 0 {
		hosttest.Missing(t, "root, for hosts with mounts of their own")
	}
	if out, err := exec.Command("unshare", "--mount", "--pid", "--uts", "--fork", "true").CombinedOutput(); err != nil {
		hosttest.Missing(t, "namespaces for hosts: "+strings.TrimSpace(string(out)))
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "sh", "-ec", `mount -t tmpfs run /run; mount -t tmpfs lib /var/lib; exec "$@"`, "sh",
		self, "-test.run", "^"+t.Name()+"$", "-test.count", "1", "-test.v")
	cmd.Env = append(os.Environ(), apartEnv+"=1")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// TestHostileVerbs: the same hosts, met by status and by unlock themselves. No
// database is needed: what they say of a key's place is theirs all the same.
func TestHostileVerbs(t *testing.T) {
	if !apart(t) {
		return
	}
	f := newHostileFleet(t, hostile.Modes(), 5, wellApart, map[string]string{
		"hosts": "tde_project={{ inventory_hostname }}\ntde_compose_dir=/srv/sync\ntde_database=no\ntde_swap=accept\ntde_server_copy=no\nansible_user=root\n"})
	// Garbage in the lock's own conversation is not told in a task's words.
	f.says = strings.NewReplacer("within 1s", "within 5s", "login of op", "login of root", "to the protocol: its answer is garbled", "to the protocol").Replace
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for h := range f.bad {
		sealFor(t, dir, h)
	}
	for _, h := range wellHosts {
		sealFor(t, dir, h)
	}
	t.Run("status of what is locked", func(t *testing.T) {
		said := f.meet(t, "status")
		for _, h := range wellHosts {
			if !strings.Contains(said[h], "remoterun unlock "+h) {
				t.Errorf("%s: status does not say what is next: %s", h, said[h])
			}
		}
	})
	t.Run("unlock", func(t *testing.T) {
		f.meet(t, "unlock")
		for _, h := range wellHosts {
			reports, err := filepath.Glob(filepath.Join(dir, "reports", "*"+h+"*"))
			if err != nil || len(reports) == 0 {
				t.Errorf("%s has no report: it was not unlocked to the end", h)
			}
		}
		for h := range f.bad {
			if reports, _ := filepath.Glob(filepath.Join(dir, "reports", "*"+h+".*")); len(reports) > 0 {
				t.Errorf("%s has a report: %v", h, reports)
			}
		}
	})
	t.Run("status of what is unlocked", func(t *testing.T) {
		said := f.meet(t, "status")
		for _, h := range wellHosts {
			if strings.Contains(said[h], "remoterun unlock "+h) {
				t.Errorf("%s is still locked: %s", h, said[h])
			}
		}
	})
}

// meet runs a verb on the whole fleet.
func (f hostileFleet) meet(t *testing.T, verb string) map[string]string {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &out, err: &errs, lowered: lowered{sealer: seal.Sealer{Iterations: 1000}, lock: 10 * time.Second},
		env:      func(n string) (string, bool) { v, ok := f.env[n]; return v, ok },
		terminal: func() (terminal, error) { return &scriptedTerminal{answers: []string{canary}}, nil }}
	if code := a.run(t.Context(), []string{verb, "all", "--output", "json", "--forks", "100"}); code != exitUnreachable {
		t.Errorf("exit code %d, want %d: %s", code, exitUnreachable, &errs)
	}
	return f.judge(t, out.String())
}

// sealFor puts a sealed keyring for a host into the folder keys.
func sealFor(t *testing.T, dir, hostname string) {
	t.Helper()
	k, err := seal.Keyring{}.Append(hostname+"-1", 128, tdetest.NewStream(hostname))
	if err != nil {
		t.Fatal(err)
	}
	id := seal.HexSum([]byte(hostname))[:32]
	c, m, err := seal.Sealer{Iterations: 1000}.Seal(t.Context(), k, tdetest.Passphrase(canary),
		seal.Manifest{KeyringID: id, Project: hostname, Host: hostname, Generation: 1, Made: time.Now().UTC().Truncate(time.Second), By: "op@laptop"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (custody.Store{Dir: filepath.Join(dir, "keys")}).Commit(c, m); err != nil {
		t.Fatal(err)
	}
}
