package ssh

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// FuzzKnownHosts: whatever stands in known_hosts, a file with a @revoked line
// that cannot be read is refused, and otherwise a key that stands nowhere in it
// is never accepted; the same of the lines in any order.
func FuzzKnownHosts(f *testing.F) {
	_, pub, err := fakeKey()
	if err != nil {
		f.Fatal(err)
	}
	// One for all: with a new one each time no text would do the same twice, and the
	// fuzzer would spend its time on making texts smaller that seem to be of interest.
	_, other, err := fakeKey()
	if err != nil {
		f.Fatal(err)
	}
	good := knownhosts.Line([]string{"web1"}, pub)
	for _, s := range []string{"", good, "# x\n" + good, "@revoked " + good, "@revoked web1 garbage", "@cert-authority * " + strings.TrimPrefix(good, "web1 "), "|1|AAAA|BBBB ssh-ed25519 AAAA",
		"web1,web2 ssh-rsa AAAA", "[web1]:22 " + good, "!web1,* " + strings.TrimPrefix(good, "web1 "), "web1 ssh-ed25519", "\x00\xff", strings.Repeat("a", 9000), "@unknown " + good, "*?*?*?*?*?*?*?*?b " + strings.TrimPrefix(good, "web1 ")} {
		f.Add(s)
	}
	file := filepath.Join(f.TempDir(), "known_hosts")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := loadKnown(settings{host: "web1", port: 22, known: []string{file}}, func(string) {})
		if err != nil {
			return
		}
		if len(k.algorithms()) == 0 {
			t.Fatal("no algorithm is left to offer")
		}
		if err := k.callback(t.Context(), []string{file}, nil)("web1:22", &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 22}, other); err == nil {
			t.Fatalf("a key that stands nowhere is accepted: %s", ssh.FingerprintSHA256(other))
		}
	})
}

// FuzzConfig: whatever stands in ssh_config, reading it ends with settings that
// make sense or an error that names the file, and never with a panic.
func FuzzConfig(f *testing.F) {
	for _, s := range []string{"", "Host *\n  Port 22\n", "Host web1 !web2 *.x\n HostName %h.example\n User a\n", "Port 99999999999999999999\n", "Port -1\n", "ConnectTimeout none\n", "Match all\n", "Match exec \"id\"\n",
		"Include ~/x\n", "Include *\n", "Host \"a b\"\n IdentityFile \"~/x y\"\n", "ServerAliveCountMax 0\nServerAliveInterval 0\n", "ProxyJump a,b,c\n", "ProxyCommand nc %h %p\n", "Host\n", "=\n", "Port=22 # x\n", "\x00\n", "Host *\nHost\n\tX\n", "UserKnownHostsFile none\n", "ServerAliveInterval 9223372036854775807\n", "ConnectTimeout 9w9w9w9w\n", "Match !host \"a\" user=b final\n", "Host 'a\\' \"b\\\"\n", "ProxyJump \"ssh://a@[::1]:2/,%h%%\" # x\n", "Host **********************a\n", "IdentityFile ${A}%d%\n"} {
		f.Add(s)
	}
	home := f.TempDir()
	file := filepath.Join(home, "config")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(strings.ToLower(text), "include") {
			t.Skip("other files are not the text's")
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := LoadConfig(file, home, func(string) string { return "" })
		if err == nil {
			var s settings
			if s, err = c.settle(Target{Name: "web1", Addr: "web1"}); err == nil {
				if s.port < 1 || s.port > 65535 || s.timeout <= 0 || s.limit() <= 0 || s.limit() > 24*time.Hour*400 || len(s.known) == 0 {
					t.Fatalf("settings without sense: %+v", s)
				}
			}
		}
		if err != nil && !strings.Contains(err.Error(), file) {
			t.Fatalf("the error names no file: %v", err)
		}
	})
}
