package hosttest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Postgres is a real, plain server that a test has for itself.
type Postgres struct {
	// Addr is 127.0.0.1:port, Socket the folder of its unix socket, Data its
	// data directory.
	Addr, Socket, Data string
	Port               int
	// User is the superuser, Password what it logs in with over TCP.
	User, Password string
	Bin            string

	cred   *syscall.Credential
	own    string // folder of data and log
	server []string
}

// PostgresOptions say how a server differs from NeedPostgres's.
type PostgresOptions struct {
	// User is the superuser, postgres when empty.
	User string
	// Socket is a folder for the socket, the server's own when empty: two servers may
	// share one.
	Socket string
	// Init are more options of initdb, Server settings (name=value) of the server.
	Init, Server []string
}

// NeedPostgres starts a server on a free port and stops it with the test.
func NeedPostgres(t testing.TB) *Postgres {
	t.Helper()
	return StartPostgres(t, PostgresOptions{Init: []string{"--no-locale"}})
}

// StartPostgres is NeedPostgres with options.
func StartPostgres(t testing.TB, o PostgresOptions) *Postgres {
	t.Helper()
	bin := postgresBin()
	if bin == "" {
		Missing(t, "PostgreSQL server programs (Debian: postgresql)")
	}
	dir, err := os.MkdirTemp("", "rr-pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &Postgres{Socket: o.Socket, own: dir, Data: filepath.Join(dir, "data"), Bin: bin, User: o.User, Password: "p'w\\1", cred: unprivileged(t, dir), server: o.Server}
	if p.Socket == "" {
		p.Socket = dir
	} else {
		unprivileged(t, p.Socket)
	}
	if p.User == "" {
		p.User = "postgres"
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.Addr, p.Port = ln.Addr().String(), ln.Addr().(*net.TCPAddr).Port
	_ = ln.Close()
	pw := filepath.Join(dir, "pw")
	if err := os.WriteFile(pw, []byte(p.Password+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p.run(t, "initdb", append([]string{"-D", p.Data, "-U", p.User, "--pwfile=" + pw, "--auth-host=scram-sha-256", "--auth-local=trust", "-E", "UTF8", "-N"}, o.Init...)...)
	p.Start(t)
	t.Cleanup(func() { p.Stop(t) })
	return p
}

// Start starts the server and waits until it takes connections.
func (p *Postgres) Start(t testing.TB) {
	t.Helper()
	opts := fmt.Sprintf("-c listen_addresses=127.0.0.1 -c port=%d -c unix_socket_directories=%s -c fsync=off -c max_connections=30", p.Port, p.Socket)
	for _, s := range p.server {
		opts += " -c " + s
	}
	p.run(t, "pg_ctl", "-D", p.Data, "-w", "-t", "60", "-l", filepath.Join(p.own, "log"), "-o", opts, "start")
}

// Stop stops the server at once.
func (p *Postgres) Stop(t testing.TB) {
	t.Helper()
	p.run(t, "pg_ctl", "-D", p.Data, "-w", "-m", "immediate", "stop")
}

func (p *Postgres) run(t testing.TB, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(p.Bin, name), args...)
	cmd.Dir = p.own
	cmd.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}
	if p.cred != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.cred}
	}
	log, err := os.CreateTemp("", "rr-pg-log")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(log.Name())
	cmd.Stdout, cmd.Stderr = log, log // a file: the server keeps it open
	cmd.WaitDelay = time.Minute
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(log.Name())
		more, _ := os.ReadFile(filepath.Join(p.own, "log"))
		t.Fatalf("%s: %v\n%s%s", name, err, text, more)
	}
}

// postgresBin finds the newest server programs.
func postgresBin() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	best, bin := 0, ""
	for _, f := range found {
		v, _ := strconv.Atoi(strings.Split(f, "/")[4])
		if v > best {
			best, bin = v, filepath.Dir(f)
		}
	}
	if bin == "" {
		if f, err := exec.LookPath("initdb"); err == nil {
			bin = filepath.Dir(f)
		}
	}
	return bin
}

// unprivileged gives the folder to another user when the test runs as root,
// since the server refuses root.
func unprivileged(t testing.TB, dir string) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			Missing(t, "a user postgres or nobody to run the server")
		}
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
