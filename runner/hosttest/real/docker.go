//go:build linux

package real

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// BusyboxImage is the name under which LoadBusybox puts its image.
const BusyboxImage = "remoterun-test/busybox:1"

// LoadBusybox puts a small image into the machine's engine: this machine's
// static busybox with all its applets, nothing from a registry.
func (m *Machine) LoadBusybox(t testing.TB) {
	t.Helper()
	layer, err := busyboxLayer()
	if err != nil {
		t.Fatal(err)
	}
	cmd := m.Command(t.Context(), "docker", "import", "-c", `CMD ["sh"]`, "-c", "ENV PATH=/bin", "-", BusyboxImage)
	cmd.Stdin = bytes.NewReader(layer)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: docker import: %v: %s", m.Name, err, out)
	}
}

func busyboxLayer() ([]byte, error) {
	prog, err := exec.LookPath("busybox")
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(prog)
	if err != nil {
		return nil, err
	}
	applets, err := exec.Command(prog, "--list").Output()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, dir := range []string{"bin/", "etc/", "root/", "tmp/", "var/"} {
		_ = w.WriteHeader(&tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: 0o755}) // Close tells
	}
	_ = w.WriteHeader(&tar.Header{Name: "etc/passwd", Mode: 0o644, Size: int64(len(passwd))})
	_, _ = io.WriteString(w, passwd)
	_ = w.WriteHeader(&tar.Header{Name: "bin/busybox", Mode: 0o755, Size: int64(len(text))})
	_, _ = w.Write(text)
	for _, name := range strings.Fields(string(applets)) {
		if name != "busybox" {
			_ = w.WriteHeader(&tar.Header{Name: "bin/" + name, Typeflag: tar.TypeSymlink, Linkname: "busybox"})
		}
	}
	err = w.Close()
	return b.Bytes(), err
}

const passwd = "root:x:0:0:root:/root:/bin/sh\n"

// Load puts an image into the machine's engine under the name tag.
func (m *Machine) Load(t testing.TB, i Image, tag string) {
	t.Helper()
	name := i.Need(t)
	file := name
	if !isFile(name) {
		file = saved(t, name)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := m.Command(t.Context(), "docker", "load", "-q")
	cmd.Stdin = f
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: docker load: %v: %s", m.Name, err, out)
	}
	said := lastLine(out)
	loaded, ok := strings.CutPrefix(said, "Loaded image: ")
	if !ok {
		t.Fatalf("docker load of %s says %q: the file must hold one tagged image", name, said)
	}
	m.Run(t, `docker tag "$1" "$2" && docker rmi "$1" > /dev/null`, loaded, tag)
}

// saved writes an image of this machine's engine to a file, once per image.
func saved(t testing.TB, name string) string {
	t.Helper()
	id, err := exec.Command("docker", "image", "inspect", "--format", "{{.Id}}", name).Output()
	if err != nil {
		t.Fatalf("docker image inspect %s: %v", name, err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "remoterun-test")
	_, hex, _ := strings.Cut(strings.TrimSpace(string(id)), ":")
	file := filepath.Join(dir, hex+".tar")
	if isFile(file) {
		return file
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	part := fmt.Sprintf("%s.%d", file, os.Getpid())
	if out, err := exec.Command("docker", "save", "-o", part, name).CombinedOutput(); err != nil {
		t.Fatalf("docker save %s: %v: %s", name, err, out)
	}
	if err := os.Rename(part, file); err != nil {
		t.Fatal(err)
	}
	return file
}
