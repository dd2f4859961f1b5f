package move

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"sort"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/compose"
	"remoterun/tasks/move/catalog"
)

// Ports of the two servers in the folder of their sockets: neither has a network.
const (
	sourcePort = 5432
	targetPort = 5433
)

// reachText prints every container of the engine that shares a network with the
// container $1, or its network itself: name, restart policy, running, project.
const reachText = compose.EveryText + `exec 2>&1
me=$(docker inspect -f '{{.Name}}' "$1") || exit 1
nets=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.NetworkID}} {{end}}' "$1")
id=$(docker inspect -f '{{.Id}}' "$1")
all=$(every '{{.Id}}|{{range .NetworkSettings.Networks}}{{.NetworkID}} {{end}}|{{.HostConfig.NetworkMode}}|{{.Name}}|{{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}}|{{.State.Running}}|{{index .Config.Labels "com.docker.compose.project"}}' -a) || exit 1
while IFS= read -r line; do
	[ "${line%%|*}" != "$id" ] || continue
	line=${line#*|}
	for n in $nets; do
		case $line in *"$n"*) echo "${line#*|}"; break;; esac
	done
	case ${line#*|} in "container:$id|"*|"container:${me#/}|"*) echo "${line#*|}";; esac
done <<E
$all
E
echo end`

// reach asks which containers can reach the database's.
func reach(id string) host.Fact[[]Other] {
	return host.Fact[[]Other]{Q: host.NewProbe(reachText, id).Wide(), Parse: func(a host.Answer) ([]Other, error) {
		body, whole := strings.CutSuffix(string(a.Stdout), "end\n")
		if a.Status != 0 || !whole {
			return nil, compose.Fail("docker inspect", a.Status, string(a.Stdout))
		}
		var out []Other
		seen := map[string]bool{}
		for line := range strings.Lines(body) {
			f := strings.Split(strings.TrimSuffix(line, "\n"), "|")
			if len(f) != 5 || seen[f[1]] {
				continue
			}
			seen[f[1]] = true
			out = append(out, Other{Name: strings.TrimPrefix(f[1], "/"), Policy: strings.TrimSuffix(f[2], ":0"), Running: f[3] == "true", Ours: f[4] != ""})
		}
		sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
		return out, nil
	}}
}

// freeze stops everything that can write to the old cluster, puts it out of the
// reach of deploys, and starts a server of ours on it that nobody else reaches.
func (m *mover) freeze(ctx context.Context, w host.Writer) error {
	r := m.record
	if r.Backup == "" && r.Frozen == "" {
		return refuse(m.object(), "put the phase backup before this one (with backup: no, if you have your own)", "no backup of it was made")
	}
	if err := m.agree(ctx, w); err != nil {
		return err
	}
	if r.Frozen == "" {
		r.Frozen = m.time()
		if err := m.keep(ctx, w, r); err != nil {
			return err
		}
	}
	var stop []string
	for _, o := range r.Others {
		if o.Running || o.Policy != "no" {
			stop = append(stop, o.Name)
		}
	}
	w.Say("stopping " + strings.Join(append(append([]string{}, stop...), "the database"), ", "))
	if err := run(ctx, w, "stop the containers that can reach the database", sh.Script(stopText, append([]string{"30"}, stop...)...)); err != nil {
		return err
	}
	if err := m.stopOld(ctx, w); err != nil {
		return err
	}
	if err := run(ctx, w, "put the old cluster aside in "+r.Source.Data, sh.Script(retireText, r.Source.Data)); err != nil {
		return err
	}
	if err := m.conf(ctx, w); err != nil {
		return err
	}
	if err := run(ctx, w, "start the old server for us alone", sh.Script(bothText, m.dir(), "source")); err != nil {
		return err
	}
	c, err := m.readSource(ctx, w)
	if err != nil {
		return err
	}
	r.Cluster, r.State = c, Frozen
	return m.keep(ctx, w, r)
}

// stopOld stops and removes the service's own container, wherever it is.
func (m *mover) stopOld(ctx context.Context, w host.Writer) error {
	all, err := ask(ctx, w, m.Stack.compose().Containers())
	if err != nil {
		return err
	}
	for _, c := range compose.Of(all, m.Service) {
		if err := run(ctx, w, "stop the database", sh.Script(stopServerText, c.ID)); err != nil {
			return err
		}
	}
	return nil
}

// layText unpacks what stdin holds into folder $1.
const layText sh.Constant = `set -u
umask 077
mkdir -p "$1" && cd "$1" && mkdir -p sql && chmod 755 sql || exit 1
tar -x -o -f - && sync`

// lay writes files into the move's folder. Those in sql/ are read by the target.
func (m *mover) lay(ctx context.Context, w host.Writer, what string, files map[string]string) error {
	var b bytes.Buffer
	t := tar.NewWriter(&b)
	for _, n := range slices.Sorted(maps.Keys(files)) {
		text, mode := files[n], int64(0o600)
		if strings.HasPrefix(n, "sql/") {
			mode = 0o644
		}
		if err := t.WriteHeader(&tar.Header{Name: n, Mode: mode, Size: int64(len(text)), Format: tar.FormatUSTAR}); err != nil {
			return err
		}
		if _, err := t.Write([]byte(text)); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return run(ctx, w, what, sh.Script(layText, m.dir()).With(sh.Bytes(b.Bytes())))
}

// conf says how both servers are started.
func (m *mover) conf(ctx context.Context, w host.Writer) error {
	r := m.record
	files := map[string]string{
		"conf":        "ram=" + sh.Quote(m.ram()) + "\nsuper=" + sh.Quote(r.Source.Super) + "\ndisk=" + sh.Quote(r.Disk) + "\nvolume=" + sh.Quote(r.New.volume()) + "\n",
		"name.source": m.source(), "port.source": fmt.Sprint(sourcePort),
		"run.source": sh.Join(m.runSource()...),
	}
	if r.New.Volume != "" {
		files["name.target"], files["port.target"] = m.target(), fmt.Sprint(targetPort)
		files["run.target"] = sh.Join(m.runTarget()...)
	}
	return m.lay(ctx, w, "write down how the servers are started", files)
}

// runSource starts the old server on the old cluster: the same image, no network,
// no restart, nobody lets it write.
func (m *mover) runSource() []string {
	s := m.record.Source
	words := m.runWords(m.source())
	if s.User != "" {
		words = append(words, "--user", s.User)
	}
	for _, e := range s.Env {
		// What a server's work depends on; anything else may be a secret.
		if n, _, _ := strings.Cut(e, "="); n == "LANG" || n == "TZ" || n == "LOCPATH" || strings.HasPrefix(n, "LC_") {
			words = append(words, "--env", e)
		}
	}
	data := s.PGData + "/" + kept
	if m.rehearsal {
		data = s.PGData // of the copy
		words = append(words, "--mount", "type=volume,source="+m.copied()+",target="+s.PGData)
	}
	words = append(words, "--env", "PGDATA="+data)
	for _, mt := range s.mounts(data, m.rehearsal) {
		words = append(words, "--mount", mt.words())
	}
	words = append(words, s.Image, "postgres")
	options, _ := server(s.Cmd)
	words = append(words, options...)
	return append(words, settings("port", fmt.Sprint(sourcePort), "listen_addresses", "", "unix_socket_directories", "/remoterun/sock", "hba_file", "/remoterun/sock/hba.conf", "ssl", "off", "archive_mode", "off",
		"autovacuum", "off", "default_transaction_read_only", "on", "logging_collector", "off", "log_statement", "none", "synchronous_standby_names", "", "restart_after_crash", "off", "enable_mergejoin", "off")...) // catalog.NoMerge: pg_dump, too
}

// runWords are common to both containers of ours.
func (m *mover) runWords(name string) []string {
	return []string{"docker", "run", "--detach", "--name", name, "--label", "remoterun.project=" + m.Project, "--pull", "never", "--network", "none", "--restart", "no", "--shm-size", "256m", "--stop-signal", "SIGINT",
		"--mount", "type=bind,source=" + m.ram() + "/sock,target=/remoterun/sock"}
}

// mounts are those of a server of ours whose data folder is data. What stands
// inside the old one (a settings file, the WAL) stands inside this one. A rehearsal
// has a copy of the folder that is whole, and writes to nothing of the running
// server's.
func (s Source) mounts(data string, rehearsal bool) []Mount {
	home, _ := s.home()
	var out []Mount
	for _, mt := range s.Mounts {
		below, inside := compose.Within(s.PGData, mt.Target)
		inside = inside && mt.Target != home.Target
		switch {
		case rehearsal && (inside || mt.holds(s.PGData)):
			continue
		case rehearsal:
			mt.ReadOnly = mt.Type != "tmpfs"
		case inside:
			mt.Target = path.Join(data, below)
		}
		out = append(out, mt)
	}
	return out
}

// holds reports a mount that the folder is in.
func (mt Mount) holds(folder string) bool {
	_, ok := compose.Within(mt.Target, folder)
	return ok
}

func (mt Mount) words() string {
	text := "type=" + mt.Type + ",target=" + mt.Target
	if mt.Source != "" {
		text += ",source=" + mt.Source
	}
	if mt.ReadOnly {
		text += ",readonly"
	}
	return text
}

func settings(pairs ...string) []string {
	var out []string
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, "-c", pairs[i]+"="+pairs[i+1])
	}
	return out
}

// sql runs a script on one of the two servers.
func (m *mover) sql(ctx context.Context, w host.Writer, target bool, database, text string) (string, error) {
	name, port := m.source(), sourcePort
	if target {
		name, port = m.target(), targetPort
	}
	return output(ctx, w, "ask "+name, sh.Script(askText, name, fmt.Sprint(port), m.record.Source.Super, database).With(sh.Bytes(text)))
}

// readSource asks the old cluster what is in it.
func (m *mover) readSource(ctx context.Context, w host.Writer) (catalog.Cluster, error) {
	text, err := m.sql(ctx, w, false, "postgres", catalog.ClusterSQL)
	if err != nil {
		return catalog.Cluster{}, err
	}
	c, err := catalog.ParseCluster([]byte(text))
	if err != nil {
		return c, err
	}
	for i, d := range c.Databases {
		if c.Databases[i].Container, err = m.readDatabase(ctx, w, d.Name); err != nil {
			return c, err
		}
	}
	c.Template.Container, err = m.readDatabase(ctx, w, "template1")
	return c, err
}

func (m *mover) readDatabase(ctx context.Context, w host.Writer, name string) (catalog.Contents, error) {
	text, err := m.sql(ctx, w, false, name, catalog.ContentsSQL)
	if err != nil {
		return catalog.Contents{}, fmt.Errorf("database %s: %w", name, err)
	}
	return catalog.ParseContents([]byte(text))
}
