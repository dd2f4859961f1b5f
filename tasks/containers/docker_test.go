package containers_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"remoterun/runner/hosttest"
	"remoterun/runner/play"
	"remoterun/tasks/containers"
	"remoterun/tasks/tasktest"
)

// TestDockerReally makes, changes and removes what an engine has: each task changes
// once.
func TestDockerReally(t *testing.T) {
	img := os.Getenv("REMOTERUN_TEST_PG17_IMAGE")
	if exec.Command("docker", "info").Run() != nil || img == "" {
		hosttest.Skip(t, "an image of PostgreSQL 17: set REMOTERUN_TEST_PG17_IMAGE to one that a Docker engine here has")
	}
	id := "rr-modules-test"
	clean := func() {
		_ = exec.Command("docker", "rm", "-fv", id).Run()
		_ = exec.Command("docker", "network", "rm", id).Run()
		_ = exec.Command("docker", "volume", "rm", id).Run()
		_ = exec.Command("docker", "image", "rm", id+":v1").Run()
	}
	clean()
	t.Cleanup(clean)
	h := tasktest.NewHost(t, nil)
	full := `name: ID, image: IMG, command: [sleep, "600"], pull: never, force_kill: yes, env: {A: "x y", B: 1}, labels: {k: v}, networks: [{name: ID, aliases: [web]}], volumes: ["ID:/data:ro", /tmp:/host], restart_policy: unless-stopped,
		user: "0", hostname: box, working_dir: /tmp, memory: 64M, cpus: 0.5, capabilities: [NET_ADMIN], cap_drop: [MKNOD], published_ports: ["127.0.0.1:39381:80"], etc_hosts: {db: 10.0.0.1}, init: yes, read_only: no, log_driver: json-file, log_options: {max-size: 1m}, tmpfs: ["/scratch"], exposed_ports: ["81"], shm_size: 8M`
	for _, c := range []struct {
		m      play.Module
		args   string
		always bool
	}{
		{containers.DockerNetwork(), `name: ID, labels: {a: b}, ipam_config: [{subnet: 172.31.250.0/24, gateway: 172.31.250.1}], internal: no`, false},
		{containers.DockerNetwork(), `name: ID, labels: {a: c}`, false},
		{containers.DockerVolume(), `name: ID, labels: {a: b}`, false},
		{containers.DockerVolume(), `name: ID, labels: {a: c}, recreate: options-changed`, false},
		{containers.DockerImage(), `name: IMG, source: local, repository: ID, tag: v1`, false},
		{containers.DockerContainer(), full, false},
		{containers.DockerContainer(), strings.Replace(full, "B: 1", "B: 2", 1), false},
		{containers.DockerContainer(), `name: ID, image: IMG, pull: never, state: stopped, force_kill: yes`, false},
		{containers.DockerContainer(), `name: ID, state: started`, false},
		{containers.DockerContainer(), `name: ID, restart: yes, force_kill: yes`, true},
		{containers.DockerContainer(), `name: ID, state: absent, keep_volumes: no, force_kill: yes`, false},
		{containers.DockerContainer(), `name: ID, image: IMG, pull: never, command: echo hello, detach: no, cleanup: yes, entrypoint: []`, true},
		{containers.DockerImage(), `name: ID, tag: v1, state: absent`, false},
		{containers.DockerVolume(), `name: ID, state: absent`, false},
		{containers.DockerNetwork(), `name: ID, state: absent, force: yes`, false},
	} {
		args := strings.NewReplacer("ID", id, "IMG", img).Replace(c.args)
		for i, want := range []bool{true, false} {
			o, err := tasktest.Apply(t.Context(), h, c.m, tasktest.Args(t, "{"+args+"}"), false)
			if err != nil || o.Result.Failed || o.Result.Changed != (want || c.always) {
				t.Fatalf("%s %s, run %d: changed=%v %s %v %q %s", c.m.Spec().Name, args, i+1, o.Result.Changed, o.Result.Msg, err, o.Steps, o.Get("differences"))
			}
			if strings.Contains(args, "echo hello") && !strings.Contains(tasktest.Dig(o.Result.Data, "container.Output"), "hello") {
				t.Errorf("it printed %s %q", o.Get("container"), o.Steps)
			}
		}
	}
}
