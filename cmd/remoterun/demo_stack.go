package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// demoStack is a compose project with a database of its own, on this machine's
// engine. Its names hold a random part: what bears them is the demo's.
type demoStack struct {
	project, dir, image string
}

// demoImage is the image with the extension: as the tests have it, else the
// public one.
func demoImage() string {
	if name := os.Getenv("REMOTERUN_TEST_TDE_IMAGE"); name != "" {
		return name
	}
	return "percona/percona-distribution-postgresql:17"
}

// demoExtension is the one that the image has.
func demoExtension() string {
	if name := os.Getenv("REMOTERUN_TEST_TDE_EXTENSION"); name != "" {
		return name
	}
	return "pg_tde"
}

// docker runs the engine's client and returns what it printed.
func docker(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "docker", args...).CombinedOutput() // #nosec G204: our own
	text := strings.TrimSpace(string(out))
	if err != nil {
		lines := strings.Split(text, "\n")
		return text, fmt.Errorf("docker %s: %w: %s", args[0], err, lines[len(lines)-1])
	}
	return text, nil
}

// findStack writes a compose project into dir when everything for it is on
// this machine; else why says what is missing. Nothing is pulled.
func findStack(ctx context.Context, dir string) (s *demoStack, why string, err error) {
	image := demoImage()
	pgdata, why := stackParts(ctx, image)
	if why != "" {
		return nil, why, nil
	}
	b := make([]byte, 4)
	if _, err := rand.Read(b); err != nil {
		return nil, "", err
	}
	s = &demoStack{project: "demo-" + hex.EncodeToString(b), image: image}
	s.dir = filepath.Join(dir, "srv", s.project)
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, "", err
	}
	return s, "", os.WriteFile(filepath.Join(s.dir, "compose.yaml"), fmt.Appendf(nil, demoCompose, image, pgdata), 0o600)
}

const demoCompose = `services:
  postgres:
    image: %s
    pull_policy: never
    environment:
      POSTGRES_USER: app
      POSTGRES_DB: appdb
      POSTGRES_PASSWORD: only for the demo
    volumes:
      - data:%s
volumes:
  data: {}
`

// stackParts looks for engine, compose and image; pgdata is the image's data
// folder.
func stackParts(ctx context.Context, image string) (pgdata, why string) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if h := os.Getenv("DOCKER_HOST"); h != "" && !strings.HasPrefix(h, "unix://") {
		return "", "DOCKER_HOST leads to another machine"
	}
	if _, err := exec.LookPath("docker"); err != nil {
		return "", "there is no Docker here"
	}
	if _, err := docker(ctx, "version", "--format", "{{.Server.Version}}"); err != nil {
		return "", "no Docker engine answers"
	}
	if v, err := docker(ctx, "compose", "version", "--short"); err != nil || strings.HasPrefix(strings.TrimPrefix(v, "v"), "1.") {
		return "", "there is no docker compose v2"
	}
	text, err := docker(ctx, "image", "inspect", "--format", "{{json .Config.Env}}", image)
	if err != nil {
		return "", "image " + image + " is not on this machine"
	}
	var env []string
	if json.Unmarshal([]byte(text), &env) == nil {
		for _, v := range env {
			if p, ok := strings.CutPrefix(v, "PGDATA="); ok {
				return p, ""
			}
		}
	}
	return "", "image " + image + " does not say where its data folder is"
}

// remove takes the stack away, whatever state it is in.
func (s *demoStack) remove(ctx context.Context) error {
	var errs []error
	for _, label := range []string{"com.docker.compose.project=" + s.project, "remoterun.project=" + s.project} {
		errs = append(errs, forListed(ctx, []string{"rm", "-f", "-v"}, "ps", "-aq", "--filter", "label="+label))
	}
	errs = append(errs, forListed(ctx, []string{"rm", "-f", "-v"}, "ps", "-aq", "--filter", "volume="+s.project+"_tde"))
	errs = append(errs, forListed(ctx, []string{"network", "rm"}, "network", "ls", "-q", "--filter", "label=com.docker.compose.project="+s.project))
	for _, filter := range []string{"label=com.docker.compose.project=" + s.project, "name=" + s.project + "_"} {
		errs = append(errs, forListed(ctx, []string{"volume", "rm", "-f"}, "volume", "ls", "-q", "--filter", filter))
	}
	// The tag by which the overlay pins the image; the image stays.
	errs = append(errs, forListed(ctx, []string{"rmi"}, "images", "--format", "{{.Repository}}:{{.Tag}}", "remoterun/"+s.project))
	ram := "/run/remoterun/" + s.project
	if err := exec.CommandContext(ctx, "umount", ram+"/keyring").Run(); err == nil { // locked: it is gone already
		_ = exec.CommandContext(ctx, "umount", ram+"/keyring").Run()
	}
	_ = os.Remove(ram + "/keyring") // only when empty: a mount that stays is told below
	_ = os.Remove(ram)
	errs = append(errs, os.RemoveAll("/var/lib/remoterun/"+s.project))
	if _, err := os.Stat(ram); err == nil {
		errs = append(errs, fmt.Errorf("%s could not be removed", ram))
	}
	for _, dir := range []string{"/run/remoterun", "/var/lib/remoterun"} {
		_ = os.Remove(dir) // stays when somebody else's projects are in it
	}
	return errors.Join(errs...)
}

// forListed gives what a docker command lists to another one.
func forListed(ctx context.Context, do []string, list ...string) error {
	text, err := docker(ctx, list...)
	if err != nil || text == "" {
		return err
	}
	_, err = docker(ctx, append(do, strings.Fields(text)...)...)
	return err
}
