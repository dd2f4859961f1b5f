package move

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/tasks/move/catalog"
)

// TestEngines: what is no compose project of Docker's is refused by name.
func TestEngines(t *testing.T) {
	for said, want := range map[string]string{
		"Docker version 26.1.5, build a72d7cd\n":                      "",
		"podman version 4.3.1\n":                                      "engine: it is podman, whose volumes and restarts are others; use Docker's own",
		"Emulate Docker CLI using podman.\nPodman version 5.0\n":      "engine: it is podman",
		"Docker version 26.1.5, build a72d7cd\nrootless\n":            "engine: it runs as rootless",
		"Docker version 26.1.5, build a72d7cd\nswarm sync_postgres\n": "service sync_postgres: it is a swarm's, which starts containers by itself; deploy the stack by docker compose first",
		"Docker version 26.1.5, build a72d7cd\nuserns\n":              "engine: it runs as userns",
	} {
		got := ""
		if err := refuseEngine(said); err != nil {
			got = err.Error()
		}
		if want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
	}
}

// TestSleepingServers: a server that lets nobody in is told by its reason.
func TestSleepingServers(t *testing.T) {
	for said, want := range map[string]string{
		"psql: error: connection to server failed: FATAL:  the database system is in recovery mode":                                               "it is still recovering from a crash; wait until it is done: docker compose logs",
		"psql: error: FATAL:  the database system is not yet accepting connections\nDETAIL:  Consistent recovery state has not been yet reached.": "it is still recovering from a crash; wait until it is done",
		"psql: error: FATAL:  the database system is starting up":                                                                                 "it is still starting, or recovering from a crash; wait until it is done",
		"psql: error: FATAL:  the database system is not accepting connections\nDETAIL:  Hot standby mode is disabled.":                           "it is a standby, which takes nobody in; move the server that it follows",
		"psql: error: fe_sendauth: no password supplied":                                                                                          "it asks for a password at its own socket; allow the socket in pg_hba.conf",
		"psql: error: FATAL:  role \"postgres\" does not exist":                                                                                   "it has not the role that its service names; set POSTGRES_USER",
	} {
		err := sleeping(&host.ExitError{What: "ask the database", Output: host.Output{Status: 2, Stderr: []byte(strings.ReplaceAll(said, "\n", "; "))}}, "database of sync")
		if r, ok := asRefusal(err); !ok || !strings.HasPrefix(r.Error(), "database of sync: "+want) {
			t.Errorf("%s: %v", said, err)
		}
	}
	if err := sleeping(host.ErrTransport, "x"); !errors.Is(err, host.ErrTransport) {
		t.Errorf("a cut link: %v", err)
	}
}

// TestCommands: what a server's command sets, in each way of writing it, and what is
// no server.
func TestCommands(t *testing.T) {
	cmd := []string{"postgres", "-c", "Max_Connections=40", "-cwork_mem=8MB", "--log-statement=all", "-c", "pg_stat_statements.max=100", "-N", "30"}
	got := commandSettings(cmd)
	if want := []string{"max_connections", "work_mem", "log_statement", "pg_stat_statements.max"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := plainSettings(got); len(got) != 3 || slices.Contains(got, "pg_stat_statements.max") {
		t.Errorf("the server's own: %q", got)
	}
	for _, c := range []struct {
		cmd, want string
		ok        bool
	}{
		{"postgres -c a=b", "-c a=b", true}, {"-c a=b", "-c a=b", true}, {"", "", true}, {"/usr/lib/postgresql/16/bin/postgres -p 5433", "-p 5433", true},
		{"docker-entrypoint.sh postgres -c a=b", "-c a=b", true}, {"/usr/local/bin/docker-entrypoint.sh -c a=b", "-c a=b", true},
		{"sh -c postgres", "", false}, {"docker-entrypoint.sh", "", false}, {"/start.sh postgres", "", false},
	} {
		options, ok := server(strings.Fields(c.cmd))
		if got := strings.Join(options, " "); got != c.want || ok != c.ok {
			t.Errorf("%q: %q %v", c.cmd, got, ok)
		}
	}
	for text, want := range map[string]string{"-D /x": "-D", "-D/x": "-D/x", "--pgdata=/x": "--pgdata=/x", "-c data_directory=/x": "data_directory", "-c work_mem=1MB": ""} {
		if got := movesFolder(strings.Fields(text)); got != want {
			t.Errorf("%s: %q", text, got)
		}
	}
}

// TestMountsOfOurServers: the deepest mount holds the data; what stands inside the
// data folder goes along, and a rehearsal writes to nothing of the running server's.
func TestMountsOfOurServers(t *testing.T) {
	s := Source{PGData: "/var/lib/postgresql/data", Mounts: []Mount{
		{Type: "volume", Source: "data", Target: "/var/lib/postgresql/data"}, {Type: "volume", Source: "above", Target: "/var/lib/postgresql"},
		{Type: "volume", Source: "wal", Target: "/var/lib/postgresql/data/pg_wal"}, {Type: "bind", Source: "/srv/a.conf", Target: "/var/lib/postgresql/data/a.conf", ReadOnly: true},
		{Type: "volume", Source: "spaces", Target: "/spaces"}, {Type: "tmpfs", Target: "/tmp"},
	}}
	if home, below := s.home(); home.Source != "data" || below != "" {
		t.Errorf("home: %+v %q", home, below)
	}
	words := func(rehearsal bool) string {
		var out []string
		for _, m := range s.mounts("/var/lib/postgresql/data/"+kept, rehearsal) {
			out = append(out, m.words())
		}
		return strings.Join(out, "\n")
	}
	if got := words(false); got != "type=volume,target=/var/lib/postgresql/data,source=data\ntype=volume,target=/var/lib/postgresql,source=above\ntype=volume,target=/var/lib/postgresql/data/remoterun-kept/pg_wal,source=wal\ntype=bind,target=/var/lib/postgresql/data/remoterun-kept/a.conf,source=/srv/a.conf,readonly\ntype=volume,target=/spaces,source=spaces\ntype=tmpfs,target=/tmp" {
		t.Errorf("the move:\n%s", got)
	}
	if got := words(true); got != "type=volume,target=/spaces,source=spaces,readonly\ntype=tmpfs,target=/tmp" {
		t.Errorf("the rehearsal:\n%s", got)
	}
}

// TestTextsOfTwins: both forms of the question are whole.
func TestTextsOfTwins(t *testing.T) {
	if strings.Count(twinsSQL, "%s\nORDER") != 1 {
		t.Error("there is no place for what servers since 15 add")
	}
	if m := (&mover{Stack: Stack{Project: "p"}, to: Plain{Name: "img:14"}}); (preflight{m}).refuseCluster(catalog.Cluster{Version: 140001}, 14) == nil {
		t.Error("a server of 14 as a target was not refused")
	}
}
