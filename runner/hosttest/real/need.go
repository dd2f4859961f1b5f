//go:build linux

package real

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"remoterun/runner/hosttest"
)

// lacking says which program is not there; .ci/parts brings them.
func lacking(programs ...string) string {
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			return p + " is not installed (make test as root on Debian installs it)"
		}
	}
	return ""
}

// NeedSSHD asks for what a Machine needs: root, namespaces, sshd, sudo and the
// shells.
func NeedSSHD(t testing.TB) {
	t.Helper()
	why := ""
	if os.Geteuid() != 0 {
		why = "only root can make namespaces"
	}
	for _, more := range []string{lacking("/usr/sbin/sshd", "sudo", "busybox", "tcsh", "bash", "nsenter", "mkfs.ext4", "ip", "pivot_root"), noNamespaces()} {
		if why == "" {
			why = more
		}
	}
	if why != "" {
		hosttest.Missing(t, "a machine with OpenSSH's sshd: "+why)
	}
}

// noNamespaces says why machines cannot be made here, "" when they can.
var noNamespaces = sync.OnceValue(func() string {
	out, err := exec.Command("unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "true").CombinedOutput()
	if err != nil {
		return "namespaces are refused: " + strings.TrimSpace(string(out))
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		return "no loop devices: " + err.Error()
	}
	return ""
})

// NeedDocker asks for a Docker engine to run inside machines.
func NeedDocker(t testing.TB) {
	t.Helper()
	NeedSSHD(t)
	if why := lacking("dockerd", "containerd", "docker", "iptables"); why != "" {
		hosttest.Missing(t, "a Docker engine: "+why)
	}
}

// NeedCompose asks for docker compose v2.
func NeedCompose(t testing.TB) {
	t.Helper()
	NeedDocker(t)
	out, err := exec.Command("docker", "compose", "version", "--short").CombinedOutput()
	if v := strings.TrimSpace(string(out)); err != nil || strings.HasPrefix(strings.TrimPrefix(v, "v"), "1.") {
		hosttest.Missing(t, fmt.Sprintf("docker compose v2: docker compose version says %q, %v", v, err))
	}
}

// Image is a container image that tests need and no package registry holds:
// the only kind of part that may be skipped on CI too.
type Image struct {
	// What it is, for messages: "an image with PostgreSQL 16".
	What string
	// Env names the environment variable that says which image to take: its
	// name in this machine's engine, or a file that docker save wrote.
	Env string
	// Public is the name when the variable is not set.
	Public string
}

// Name is the configured name or file.
func (i Image) Name() string {
	if name := os.Getenv(i.Env); name != "" {
		return name
	}
	return i.Public
}

// Need asks for the image and for compose, and returns Name.
func (i Image) Need(t testing.TB) string {
	t.Helper()
	NeedCompose(t)
	name := i.Name()
	if isFile(name) {
		return name
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "docker", "image", "inspect", "--format", "{{.Id}}", name).CombinedOutput(); err != nil {
		hosttest.Skip(t, fmt.Sprintf("%s: %s: %s; pull it, or set %s to an image or to a file of docker save", i.What, name, lastLine(out), i.Env))
	}
	return name
}

func isFile(name string) bool {
	st, err := os.Stat(name)
	return err == nil && st.Mode().IsRegular()
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
