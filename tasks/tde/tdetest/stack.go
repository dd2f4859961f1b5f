//go:build linux

package tdetest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"remoterun/runner/hosttest/real"
)

// Image is the server that everything here runs on.
func Image() real.Image {
	return real.Image{What: "an image with pg_tde", Env: "REMOTERUN_TEST_TDE_IMAGE", Public: "percona/percona-distribution-postgresql:17"}
}

// Extension is the one that the image has and the tests run on.
func Extension() string {
	if e := os.Getenv("REMOTERUN_TEST_TDE_EXTENSION"); e != "" {
		return e
	}
	return "pg_tde"
}

// What the compose file of a Stack says.
const (
	Service  = "postgres"
	User     = "app"
	Database = "appdb"
	Password = "not the passphrase"
)

// ImageTag is the image's name in the engines of machines, whatever it is
// called in this machine's.
const ImageTag = "remoterun-test/pg17:1"

// Stack is a compose project on a machine, as a user would have written it:
// nothing of ours is in it.
type Stack struct {
	*real.Machine
	// Project is the compose project's name; Dir is its folder on the machine.
	Project, Dir string
	// Image is the image's name in the machine's engine.
	Image string
}

// Start makes a machine with an engine and the project's compose file. Nothing
// is started in it.
func Start(t testing.TB, op *real.Operator, o real.Options, project string) *Stack {
	t.Helper()
	Image().Need(t) // a skip before the machine is made
	o.Docker = true
	m := op.Start(t, o)
	m.Load(t, Image(), ImageTag)
	return New(t, m, project, ImageTag)
}

// New writes a project's compose file on a machine that has the image.
func New(t testing.TB, m *real.Machine, project, image string) *Stack {
	t.Helper()
	s := &Stack{Machine: m, Project: project, Dir: "/srv/" + project, Image: image}
	m.Write(t, s.Dir+"/compose.yaml", fmt.Sprintf(composeFile, image, User, Database, Password))
	return s
}

const composeFile = `services:
  postgres:
    image: %s
    pull_policy: never
    restart: unless-stopped
    environment:
      POSTGRES_USER: %s
      POSTGRES_DB: %s
      POSTGRES_PASSWORD: %s
    volumes:
      - data:/data/db
volumes:
  data: {}
`

// Compose runs docker compose in the project's folder, past sshd.
func (s *Stack) Compose(t testing.TB, args ...string) string {
	t.Helper()
	return s.Run(t, `cd "$1" && shift && exec docker compose "$@" 2>&1`, append([]string{s.Dir}, args...)...)
}

// SQL runs a query in the service's container as the project's superuser and
// returns the rows, unaligned; it fails the test on an error.
func (s *Stack) SQL(t testing.TB, database, query string) string {
	t.Helper()
	out, err := s.TrySQL(t, database, query)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TrySQL is SQL that may fail.
func (s *Stack) TrySQL(t testing.TB, database, query string) (string, error) {
	t.Helper()
	out, err := s.Try(t, `cd "$1" && exec docker compose exec -T postgres psql -XqAt -v ON_ERROR_STOP=1 -U "$2" -d "$3" -c "$4"`, s.Dir, User, database, query)
	return strings.TrimSuffix(out, "\n"), err
}
