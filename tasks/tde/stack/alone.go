package stack

import (
	"strings"

	"remoterun/runner/host"
	"remoterun/tasks/compose"
	"remoterun/tasks/tde/guard"
)

// Alone refuses a server on a volume that one in another container runs on: a
// project that was renamed (COMPOSE_PROJECT_NAME, a moved folder) leaves its old
// server running, and two on one cluster destroy it. PostgreSQL does not see the
// other: each is process 1 of a namespace of its own.
func (v Site) Alone(s host.Seen, t Truth, hostname string) error {
	if t.Record == nil || t.Record.Volume == "" {
		return nil
	}
	others, err := host.Get(s, runningOn(t.Record.Volume))
	if err != nil {
		return err
	}
	for _, c := range others {
		if v.Container == nil || c[0] != v.Container.ID {
			return guard.Refuse(v.Object(), "docker stop "+c[1]+" && docker rm "+c[1]+" on the host (its data are in the volume), then: remoterun unlock "+hostname,
				"a server runs in container %s, which is not the service's, on its volume %s: a second one would destroy the database", c[1], t.Record.Volume)
		}
	}
	return nil
}

// serversText prints id and name of each running container that has the volume $1 and
// in which a server runs, as far as that can be seen: not of what only reads the
// volume, for a backup.
const serversText = `l=$(docker ps --no-trunc --filter "volume=$1" --format '{{.ID}} {{.Names}}' 2>&1) || { printf '%s\n' "$l"; exit 1; }
printf '%s\n' "$l" | while read -r id name; do
	[ -n "$id" ] || continue
	t=$(docker top "$id" 2>/dev/null) && case $t in *postgres* | *postmaster*) ;; *) continue ;; esac
	printf '%s %s\n' "$id" "$name"
done
echo end`

// runningOn asks for the running containers of serversText.
func runningOn(volume string) host.Fact[[][2]string] {
	return host.Fact[[][2]string]{Q: host.NewProbe(serversText, volume, "running").Wide(), Parse: func(a host.Answer) ([][2]string, error) {
		body, whole := strings.CutSuffix(string(a.Stdout), "end\n")
		if a.Status != 0 || !whole {
			return nil, compose.Fail("docker ps", a.Status, string(a.Stdout))
		}
		var out [][2]string
		for line := range strings.Lines(body) {
			if f := strings.Fields(line); len(f) > 1 {
				out = append(out, [2]string{f[0], f[1]})
			}
		}
		return out, nil
	}}
}
