//go:build linux

package real

import (
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"remoterun/runner/hosttest/sshd"
)

// Password is every ordinary user's password, for sudo and for logging in.
const Password = "let me in"

// passwordHash is what /etc/shadow holds for it (sha512crypt).
const passwordHash = "$6$remoterun$2QdZwo3ZQQVeoTVwd1vIUcAmKE6abcWuR9oJKQ9CNkhOWsj16rbBJ0cgV5bQ4J3YHH4AHZh8wV3WSXkdWnfsi."

// The users of every machine, beside root. All take the operator's key.
const (
	UserSudo    = "op"      // bash; sudo asks for Password
	UserFree    = "free"    // sudo asks for nothing
	UserOut     = "out"     // not in sudoers
	UserTTY     = "needtty" // sudo wants a terminal
	UserNologin = "gone"    // its login shell is nologin
	UserDash    = "dashy"   // its login shells are these; sudo asks for Password
	UserAsh     = "ashy"
	UserTcsh    = "tcshy"
)

// users gives name, login shell and sudo rule.
func users() [][3]string {
	const asks, free = "ALL=(ALL:ALL) ALL", "ALL=(ALL:ALL) NOPASSWD: ALL"
	return [][3]string{
		{UserSudo, "/bin/bash", asks}, {UserFree, "/bin/bash", free}, {UserOut, "/bin/bash", ""}, {UserTTY, "/bin/bash", free},
		{UserNologin, "/usr/sbin/nologin", asks}, {UserDash, "/bin/dash", asks}, {UserAsh, "/usr/local/bin/ash", asks}, {UserTcsh, "/bin/tcsh", asks},
	}
}

const firstUID = 4200

// HostKey is what the machine's sshd shows.
func (m *Machine) HostKey() gossh.PublicKey { return m.hostKey }

// seed writes the files that make the machine different from this one.
func (m *Machine) seed(t testing.TB) {
	t.Helper()
	etc := filepath.Join(m.dir, "seed", "etc")
	signer, key, err := sshd.NewSigner()
	if err != nil {
		t.Fatal(err)
	}
	block, err := gossh.MarshalPrivateKey(key, m.Name)
	if err != nil {
		t.Fatal(err)
	}
	m.hostKey = signer.PublicKey()
	put(t, filepath.Join(etc, "ssh", "remoterun_host_key"), string(pem.EncodeToMemory(block)), 0o600)
	put(t, filepath.Join(etc, "ssh", "sshd_config"), m.o.SSHD+sshdConfig, 0o644)
	put(t, filepath.Join(etc, "ssh", "operators"), string(gossh.MarshalAuthorizedKey(m.op.public)), 0o644)
	put(t, filepath.Join(etc, "hostname"), m.Name+"\n", 0o644)
	put(t, filepath.Join(etc, "hosts"), "127.0.0.1 localhost "+m.Name+"\n", 0o644)
	m.seedUsers(t, etc)
	// cp -a hands the folders' modes on to the machine's own folders.
	for _, dir := range []string{"", "ssh"} {
		if err := os.Chmod(filepath.Join(etc, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

const sshdConfig = `
ListenAddress 127.0.0.1:22
HostKey /etc/ssh/remoterun_host_key
AuthorizedKeysFile /etc/ssh/operators
PermitRootLogin prohibit-password
PasswordAuthentication yes
UsePAM yes
PrintMotd no
AcceptEnv LANG LC_*
MaxStartups 100
Subsystem sftp internal-sftp
`

func (m *Machine) seedUsers(t testing.TB, etc string) {
	t.Helper()
	passwd, shadow := old(t, "/etc/passwd"), old(t, "/etc/shadow")
	sudoers := "Defaults env_reset, secure_path=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"\n" +
		"Defaults:" + UserTTY + " requiretty\nroot ALL=(ALL:ALL) ALL\n"
	for i, u := range users() {
		name, shell, rule := u[0], u[1], u[2]
		passwd += fmt.Sprintf("%s:x:%d:100::/home/%s:%s\n", name, firstUID+i, name, shell)
		shadow += fmt.Sprintf("%s:%s:19000:0:99999:7:::\n", name, passwordHash)
		if rule != "" {
			sudoers += name + " " + rule + "\n"
		}
		home := filepath.Join(m.dir, "seed", "home", name)
		if err := os.MkdirAll(home, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(home, firstUID+i, 100); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(etc, "passwd"), passwd, 0o644)
	put(t, filepath.Join(etc, "shadow"), shadow, 0o640)
	put(t, filepath.Join(etc, "sudoers"), sudoers, 0o440)
	bin := filepath.Join(m.dir, "seed", "usr", "local", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/bin/busybox", filepath.Join(bin, "ash")); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{".", "usr", "usr/local", "home"} {
		if err := os.Chmod(filepath.Join(m.dir, "seed", dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// old is one of this machine's own files, which the new one continues.
func old(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(text), "\n") + "\n"
}
