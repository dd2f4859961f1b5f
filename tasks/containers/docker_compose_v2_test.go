package containers_test

import (
	"archive/tar"
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"remoterun/runner/hosttest"
	"remoterun/tasks/containers"
	"remoterun/tasks/tasktest"
)

// composeImage is made of this machine's static busybox, nothing from a registry.
const composeImage = "remoterun-test-mod/busybox:1"

// needCompose asks for a running engine with compose v2 and loads the image.
func needCompose(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("docker", "info", "--format", "{{.ServerVersion}}").CombinedOutput(); err != nil {
		hosttest.Missing(t, "a running Docker engine: "+strings.TrimSpace(string(out)))
	}
	if out, err := exec.Command("docker", "compose", "version").CombinedOutput(); err != nil {
		hosttest.Missing(t, "docker compose v2: "+strings.TrimSpace(string(out)))
	}
	p, err := exec.LookPath("busybox")
	if err != nil {
		hosttest.Missing(t, "busybox")
	}
	prog, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	_ = w.WriteHeader(&tar.Header{Name: "bin/busybox", Mode: 0o755, Size: int64(len(prog))})
	_, _ = w.Write(prog)
	for _, a := range []string{"sh", "sleep", "true", "test", "touch"} {
		_ = w.WriteHeader(&tar.Header{Name: "bin/" + a, Typeflag: tar.TypeSymlink, Linkname: "busybox"})
	}
	_ = w.Close()
	load := exec.Command("docker", "import", "-", composeImage)
	load.Stdin = &b
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("docker import: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("docker", "image", "rm", composeImage).Run() })
}

func TestDockerComposeReally(t *testing.T) {
	needCompose(t)
	dir := t.TempDir()
	project := "rr-mod-test"
	t.Cleanup(func() {
		_ = exec.Command("docker", "compose", "-p", project, "down", "-t", "0", "--remove-orphans").Run()
	})
	file := func(seconds string) {
		tasktest.WriteFile(t, dir+"/compose.yaml", strings.ReplaceAll(`
services:
  a:
    image: IMAGE
    command: [sleep, "`+seconds+`"]
    stop_grace_period: 0s
    healthcheck: {test: [CMD, "true"], interval: 1s}
  b:
    image: IMAGE
    command: [sleep, "1000"]
    stop_grace_period: 0s
    depends_on: [a]
`, "IMAGE", composeImage))
	}
	file("1000")
	h := tasktest.NewHost(t, nil)
	args := func(more string) string { return "{project_src: " + dir + ", project_name: " + project + more + "}" }
	apply := func(more string) tasktest.Outcome {
		return tasktest.Twice(t, h, containers.DockerComposeV2(), tasktest.Args(t, args(more)))
	}
	o := apply("")
	if got := tasktest.Dig(o.Result.Data, "actions"); strings.Count(got, "'Creating'") != 3 || strings.Count(got, "'Starting'") != 2 {
		t.Errorf("actions %s", got)
	}
	if got := tasktest.Dig(o.Result.Data, "containers"); strings.Count(got, "'running'") != 2 || !strings.Contains(got, "'Service': 'a'") {
		t.Errorf("containers %s", got)
	}
	if o := tasktest.Must(t, h, containers.DockerComposeV2(), tasktest.Args(t, args(", wait: yes, wait_timeout: 30"))); o.Result.Changed {
		t.Error("waiting is no change")
	}
	if o := tasktest.Must(t, h, containers.DockerComposeV2(), tasktest.Args(t, args(", wait: yes"))); len(o.Steps) > 0 {
		t.Errorf("everything is healthy, but %v", o.Steps)
	}
	file("2000")
	if o := apply(", services: [a]"); !strings.Contains(tasktest.Dig(o.Result.Data, "actions"), "Recreate") {
		t.Errorf("actions %s", tasktest.Dig(o.Result.Data, "actions"))
	}
	apply(", state: stopped")
	apply("")
	apply(", state: restarted")
	apply(", recreate: always")
	apply(", state: absent")
	tasktest.WriteFile(t, dir+"/compose.yaml", "services:\n  a: {image: "+composeImage+", command: [sh, -c, \"echo giving up; exit 3\"]}\n")
	o, err := tasktest.Apply(t.Context(), h, containers.DockerComposeV2(), tasktest.Args(t, args(", wait: yes")), false)
	if err != nil || !o.Result.Failed || !strings.Contains(o.Result.Msg, "giving up") {
		t.Errorf("%+v %v", o.Result, err)
	}
	tasktest.Must(t, h, containers.DockerComposeV2(), tasktest.Args(t, args(", state: absent")))
	o, err = tasktest.Apply(t.Context(), h, containers.DockerComposeV2(), tasktest.Args(t, "{project_src: /no/such}"), false)
	if err != nil || o.Result.Msg != "docker compose up in /no/such: there is no folder /no/such" {
		t.Errorf("%q %v", o.Result.Msg, err)
	}
}
