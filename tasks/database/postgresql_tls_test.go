package database_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"remoterun/runner/hosttest"
	"remoterun/tasks/database"
	"remoterun/tasks/tasktest"
)

// certificate makes a certificate of its own authority for a name, and its key, in PEM.
func certificate(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

// TestTheWayToTheServerIsEncrypted: what ssl_mode says is what the server sees.
func TestTheWayToTheServerIsEncrypted(t *testing.T) {
	p := hosttest.NeedPostgres(t)
	h := tasktest.NewHost(t, nil)
	dir := t.TempDir()
	login := fmt.Sprintf("login_port: %d, login_password: %q, db: postgres", p.Port, p.Password)
	ask := func(more string) (value, msg string) {
		t.Helper()
		o, err := tasktest.Apply(t.Context(), h, database.PostgresqlQuery(), tasktest.Args(t, "{"+login+", query: 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()', "+more+"}"), false)
		if err != nil {
			t.Fatal(err)
		}
		return o.Get("query_result"), o.Result.Msg
	}
	if got, msg := ask("login_host: 127.0.0.1"); got != "[{'ssl': False}]" {
		t.Errorf("prefer, and a server without: %s %s", got, msg)
	}
	if _, msg := ask("login_host: 127.0.0.1, ssl_mode: require"); !strings.Contains(msg, "server does not support SSL, but SSL was required") {
		t.Errorf("require, and a server without: %q", msg)
	}
	cert, key := certificate(t, "localhost")
	other, _ := certificate(t, "localhost")
	data, err := os.Stat(p.Data)
	if err != nil {
		t.Fatal(err)
	}
	owner := data.Sys().(*syscall.Stat_t)
	for name, text := range map[string][]byte{filepath.Join(p.Data, "server.crt"): cert, filepath.Join(p.Data, "server.key"): key, dir + "/ca": cert, dir + "/other": other} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(name, p.Data) && os.Getuid() == 0 {
			if err := os.Chown(name, int(owner.Uid), int(owner.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	tasktest.Must(t, h, database.PostgresqlSet(), tasktest.Args(t, fmt.Sprintf("{name: ssl, value: on, login_unix_socket: %s, login_port: %d}", p.Socket, p.Port)))
	for _, c := range []struct{ host, more, want string }{
		{"127.0.0.1", "ssl_mode: prefer", "True"},
		{"127.0.0.1", "ssl_mode: disable", "False"},
		{"127.0.0.1", "ssl_mode: allow", "False"},
		{"127.0.0.1", "ssl_mode: require", "True"},
		{"127.0.0.1", "ssl_mode: require, ca_cert: " + dir + "/other", "certificate signed by unknown authority"},
		{"127.0.0.1", "ssl_mode: verify-ca, ca_cert: " + dir + "/ca", "True"},
		{"127.0.0.1", "ssl_mode: verify-ca, ca_cert: " + dir + "/other", "certificate signed by unknown authority"},
		{"127.0.0.1", "ssl_mode: verify-full, ca_cert: " + dir + "/ca", "doesn't contain any IP SANs"},
		{"localhost", "ssl_mode: verify-full, ca_cert: " + dir + "/ca", "True"},
		{"localhost", "connect_params: {sslmode: verify-full, sslrootcert: " + dir + "/ca}", "True"},
		{"localhost", "ssl_mode: verify-full", "needs ca_cert"},
		{"localhost", "ssl_mode: verify-full, ca_cert: " + dir + "/none", "cannot be read"},
		{"localhost", "ssl_mode: verify-full, ca_cert: " + dir, "cannot be read"},
		{"localhost", "ssl_mode: require, ssl_cert: " + dir + "/ca, ssl_key: " + dir + "/other", "client certificate"},
	} {
		got, msg := ask("login_host: " + c.host + ", " + c.more)
		if got != "[{'ssl': "+c.want+"}]" && (msg == "" || !strings.Contains(msg, c.want)) {
			t.Errorf("%s, %s: %s %q, want %s", c.host, c.more, got, msg, c.want)
		}
	}
}
