package move

import (
	"context"
	"errors"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/compose"
	"remoterun/tasks/move/catalog"
)

// engineText prints what the engine is: its version line, then a swarm's service
// of the name $1, if there is one.
const engineText sh.Constant = `docker --version 2>/dev/null
docker info -f '{{.SecurityOptions}}' 2>/dev/null | grep -oE 'rootless|userns' | head -n 1
[ "$(docker info -f '{{.Swarm.LocalNodeState}}' 2>/dev/null)" = active ] && docker service ls --format '{{.Name}}' 2>/dev/null | grep -E "(^|_)$1\$" | head -n 1 | sed 's/^/swarm /'
exit 0`

// engine refuses what is no compose project of Docker's.
func (m preflight) engine(ctx context.Context, w host.Writer) error {
	text, err := output(ctx, w, "look at the engine", sh.Script(engineText, m.Service))
	if err != nil {
		return err
	}
	return refuseEngine(text)
}

// refuseEngine reads what engineText printed.
func refuseEngine(text string) error {
	if strings.Contains(strings.ToLower(text), "podman") {
		return refuse("engine", "use Docker's own", "it is podman, whose volumes and restarts are others")
	}
	for _, kind := range []string{"rootless", "userns"} {
		if strings.Contains(text, "\n"+kind) {
			return refuse("engine", "use an engine of root's", "it runs as %s: folders of volumes belong to other users than inside", kind)
		}
	}
	if _, svc, ok := strings.Cut(text, "swarm "); ok {
		return refuse("service "+strings.TrimSpace(svc), "deploy the stack by docker compose first", "it is a swarm's, which starts containers by itself")
	}
	return nil
}

// addressesText prints the addresses of this host's containers.
const addressesText sh.Constant = compose.EveryText + `every '{{range .NetworkSettings.Networks}}{{println .IPAddress}}{{println .GlobalIPv6Address}}{{end}}'`

const connectedSQL = `SELECT DISTINCT host(client_addr) || ' ' || coalesce(nullif(application_name, ''), usename) FROM pg_stat_activity WHERE client_addr IS NOT NULL AND NOT client_addr <<= ANY (ARRAY['127.0.0.0/8', '::1/128']::inet[]);
`

// outside refuses an application that connects from elsewhere than this host's
// containers: nothing here can stop it by name, and it would keep failing.
func (m preflight) outside(ctx context.Context, w host.Writer, id, role string) error {
	if m.args.Outside == "accept" {
		return nil
	}
	text, err := output(ctx, w, "ask who connects", sh.Script(insideText, id, "postgres", role).With(sh.Bytes(connectedSQL)))
	if err != nil {
		return err
	}
	ours, err := output(ctx, w, "ask for the containers' addresses", sh.Script(addressesText))
	if err != nil {
		return err
	}
	var from []string
	for line := range strings.Lines(text) {
		addr, who, _ := strings.Cut(strings.TrimSpace(line), " ")
		if addr != "" && !strings.Contains("\n"+ours, "\n"+addr+"\n") {
			from = append(from, addr+" ("+who+")")
		}
	}
	if len(from) == 0 {
		return nil
	}
	return refuse(m.object(), "stop it while the database is moved; or set outside: accept, if it may fail meanwhile", "an application connects from outside of this host's containers: %s", strings.Join(from, ", "))
}

// dumpableText dumps the schema of the database $3 to nowhere.
const dumpableText sh.Constant = `exec docker exec -e PGDATABASE="$3" -e PGAPPNAME=remoterun/look "$1" sh -c 'exec pg_dump -w -U "$1" --schema-only -f /dev/null' sh "$2" </dev/null`

// dumpable refuses a database that cannot be read out.
func dumpable(ctx context.Context, w host.Writer, c catalog.Cluster, id string) error {
	for _, d := range c.Databases {
		if err := run(ctx, w, "dump the schema of "+d.Name, sh.Script(dumpableText, id, c.Super, d.Name)); err != nil {
			return answered(err, refuse("database "+d.Name, "mend what it says", "its schema cannot be dumped: %v", err))
		}
	}
	return nil
}

// sleeping explains a server that does not let anybody in.
func sleeping(err error, object string) error {
	var exit *host.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	said := lastOf(string(exit.Output.Stderr))
	for _, s := range []struct{ says, why, out string }{
		{"not yet accepting connections", "it is still recovering from a crash", "wait until it is done: docker compose logs"},
		{"Hot standby mode is disabled", "it is a standby, which takes nobody in", "move the server that it follows"},
		{"in recovery", "it is still recovering from a crash", "wait until it is done: docker compose logs"},
		{"starting up", "it is still starting, or recovering from a crash", "wait until it is done: docker compose logs"},
		{"shutting down", "it is being stopped", "start it: docker compose up -d"},
		{"no password supplied", "it asks for a password at its own socket", "allow the socket in pg_hba.conf (local all all trust), and SELECT pg_reload_conf()"},
		{"Peer authentication failed", "its socket lets only a user of the same name in", "allow the socket in pg_hba.conf (local all all trust), and SELECT pg_reload_conf()"},
		{"does not exist", "it has not the role that its service names", "set POSTGRES_USER to its superuser in the compose file"},
	} {
		if strings.Contains(said, s.says) {
			return refuse(object, s.out, "%s", s.why)
		}
	}
	return err
}

// lastOf is the last line of what a program said.
func lastOf(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}
