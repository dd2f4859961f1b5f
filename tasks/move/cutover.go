package move

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/compose"
	"remoterun/tasks/pg"
)

// overlayMark is the first line of a file that is ours altogether.
const overlayMark = "# remoterun: these lines are written by remoterun; what is changed in them is lost"

// overrides are the names that compose looks for; of two it takes .yml.
const overridesText = `cd -- "$1" || exit 5
if [ -n "$2" ]; then f=$2; else
	f=compose.override.yaml
	for x in compose.override.yml compose.override.yaml docker-compose.override.yml docker-compose.override.yaml; do
		[ -e "$x" ] && { f=$x; break; }
	done
fi
echo "$f"
[ ! -e "$f" ] || cat -- "$f"`

// overrideFile is the override as it lies there.
type overrideFile struct{ path, text string }

func (s Stack) override() host.Fact[overrideFile] {
	name := ""
	if len(s.Files) > 0 {
		name = ownFile
	}
	return host.Fact[overrideFile]{Q: host.NewProbe(overridesText, s.Dir, name), Parse: func(a host.Answer) (overrideFile, error) {
		first, rest, ok := strings.Cut(string(a.Stdout), "\n")
		if a.Status != 0 || !ok {
			return overrideFile{}, fmt.Errorf("compose files in %s cannot be read", s.Dir)
		}
		return overrideFile{path.Join(s.Dir, first), rest}, nil
	}}
}

// free reports a file that the overlay can take: not there, empty, or ours.
func (f overrideFile) free() bool {
	return strings.TrimSpace(f.text) == "" || strings.HasPrefix(f.text, overlayMark)
}

// overlayText is the whole file.
func (m *mover) overlayText(base compose.Service) (string, error) {
	lines, err := m.to.Overlay(m.Stack, base, m.record)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(overlayMark + "\nservices:\n  " + yamlText(m.Service) + ":\n")
	for _, l := range lines {
		b.WriteString("    " + l + "\n")
	}
	v := m.record.New.Volume
	b.WriteString("volumes:\n  " + yamlText(v) + ":\n    name: " + yamlText(v) + "\n    external: true\n")
	return b.String(), nil
}

// writeText lands the overlay $1 by rename, as the file's owner has it, when
// compose takes it; else the old one stays. What follows checks it.
const writeText sh.Constant = "check() (\n" + compose.Text + "\n)\n" + `set -u
f=$1
shift
umask 022
cat >"$f.remoterun-new" && [ -s "$f.remoterun-new" ] || { rm -f "$f.remoterun-new"; echo "$f cannot be written" >&2; exit 1; }
had=no
if [ -e "$f" ]; then had=yes; cp -p "$f" "$f.remoterun-old" && cp -p "$f" "$f.remoterun-mode" && cat "$f.remoterun-new" >"$f.remoterun-mode" && mv "$f.remoterun-mode" "$f.remoterun-new" || exit 1; fi
mv "$f.remoterun-new" "$f" || exit 1
if check "$@" >/dev/null; then rm -f "$f.remoterun-old"; exit 0; fi
if [ $had = yes ]; then mv "$f.remoterun-old" "$f"; else rm -f "$f"; fi
exit 1`

// cutOver puts the stack onto the new cluster.
func (m *mover) cutOver(ctx context.Context, w host.Writer) error {
	r := m.record
	if !r.State.reached(Cut) {
		if err := m.settle(ctx, w); err != nil {
			return err
		}
	}
	for _, c := range []string{m.target(), m.source()} {
		if err := run(ctx, w, "stop "+c, sh.Script(stopServerText, c)); err != nil {
			return err
		}
	}
	base, err := m.base(ctx, w)
	if err != nil {
		return err
	}
	text, err := m.overlayText(base)
	if err != nil {
		return err
	}
	file, err := ask(ctx, w, m.override())
	if err != nil {
		return err
	}
	if !file.free() {
		return refuse(file.path, "move what it says of service "+m.Service+" to the compose file itself", "it is the operator's own")
	}
	if r.Overlay == "" {
		before := file.text
		r.Overlay, r.Before = file.path, &before
		if err := m.keep(ctx, w, r); err != nil {
			return err
		}
	}
	check := m.Stack.compose().Command("config", "-q")
	if err := run(ctx, w, "write "+r.Overlay, sh.Script(writeText, append([]string{r.Overlay}, check.Args...)...).With(sh.Bytes(text))); err != nil {
		return err
	}
	if err := m.effective(ctx, w); err != nil {
		return err
	}
	if err := m.to.CutOver(ctx, w, m.Stack, r); err != nil {
		return err
	}
	if err := m.up(ctx, w, r.New.Volume); err != nil {
		return err
	}
	r.State = Cut
	if err := m.startOthers(ctx, w); err != nil {
		return err
	}
	if r.Cut == "" {
		r.Cut = m.time()
	}
	return m.keep(ctx, w, r)
}

// base is the service without the overlay.
func (m *mover) base(ctx context.Context, w host.Writer) (compose.Service, error) {
	cfg, err := ask(ctx, w, m.Stack.compose().Config())
	if err != nil {
		return compose.Service{}, err
	}
	svc, err := cfg.Service(m.Service)
	if err != nil || m.record.Source.Config == "" {
		return svc, err
	}
	// As it was before our overlay: mounts are what it takes over.
	var was compose.Service
	if err := json.Unmarshal([]byte(m.record.Source.Config), &was); err != nil {
		return svc, fmt.Errorf("record of the service: %w", err)
	}
	return was, nil
}

// effective has compose itself say that the overlay is read: a COMPOSE_FILE in
// .env leaves it out, and would start the old server.
func (m *mover) effective(ctx context.Context, w host.Writer) error {
	cfg, err := ask(ctx, w, m.Stack.compose().Config())
	if err != nil {
		return err
	}
	svc, err := cfg.Service(m.Service)
	if err != nil {
		return err
	}
	for _, mt := range svc.Volumes {
		if mt.Type == "volume" && cfg.VolumeName(mt) == m.record.New.Volume {
			return nil
		}
	}
	return refuse(m.record.Overlay, "list the compose files in compose_files", "compose does not read it (is COMPOSE_FILE set in %s/.env?)", m.Dir)
}

// up starts the service and waits for SQL and for its health.
func (m *mover) up(ctx context.Context, w host.Writer, volume string) error {
	w.Say("starting the database")
	if out, err := m.Stack.compose().Up(m.Service).Do(ctx, w); err != nil || out.Status != 0 {
		if err == nil {
			err = compose.Fail("docker compose up -d "+m.Service, out.Status, string(out.Stderr))
		}
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, answerWithin, refuse(m.object(), "look at docker compose logs "+m.Service, "it does not answer within %s", answerWithin))
	defer cancel()
	for {
		all, err := ask(ctx, w, m.Stack.compose().Containers())
		if err != nil {
			return err
		}
		for _, c := range compose.Of(all, m.Service) {
			if c.State.Running && m.answers(ctx, w, c.ID) {
				if volume != "" && !mounted(c, volume) {
					return refuse("container "+c.Short(), "", "it runs without the volume %s", volume)
				}
				w.Say("SQL answered")
				return nil
			}
			if c.State.Status == "exited" {
				said, _ := output(ctx, w, "docker logs", compose.Docker("logs", "--tail", "5", c.ID))
				return refuse("container "+c.Short(), "look at docker compose logs "+m.Service, "it ended with status %d: %s", c.State.ExitCode, strings.TrimSpace(said))
			}
		}
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// answerWithin is how long a database may take to its first answer.
const answerWithin = 10 * time.Minute

func mounted(c compose.Container, volume string) bool {
	for _, mt := range c.Mounts {
		if mt.Name == volume || mt.Source == volume {
			return true
		}
	}
	return false
}

// answers asks the server in a container for its readiness.
func (m *mover) answers(ctx context.Context, w host.Writer, id string) bool {
	out, err := w.Run(ctx, compose.Docker("exec", id, "pg_isready", "-q", "-U", m.record.Source.Super))
	return err == nil && out.Status == 0
}

// startText gives a container its restart policy back and starts it, if it ran.
const startText sh.Constant = `docker inspect --type container "$1" >/dev/null 2>&1 || { echo gone; exit 0; }
docker update --restart="$2" "$1" >/dev/null || exit 1
[ "$3" = yes ] || exit 0
docker start "$1" >/dev/null`

// startOthers brings back what was stopped. One that does not start is told and
// does not stop the others.
func (m *mover) startOthers(ctx context.Context, w host.Writer) error {
	for _, o := range m.record.Others {
		policy, running := o.Policy, "no"
		if policy == "" {
			policy = "no"
		}
		if o.Running {
			running = "yes"
		}
		text, err := output(ctx, w, "start "+o.Name, sh.Script(startText, o.Name, policy, running))
		switch {
		case errors.Is(err, host.ErrTransport):
			return err
		case err != nil:
			w.Say("cannot start " + o.Name + ": " + err.Error())
		case strings.TrimSpace(text) == "gone":
			w.Say(o.Name + " is gone: a deploy took it away")
		case o.Running:
			w.Say("started " + o.Name)
		}
	}
	return nil
}

// settle carries settings and access rules over, on the server that still nobody
// but us reaches.
func (m *mover) settle(ctx context.Context, w host.Writer) error {
	if err := run(ctx, w, "start both servers", sh.Script(bothText, m.dir())); err != nil {
		return err
	}
	if err := m.unchanged(ctx, w); err != nil {
		return err
	}
	again, err := output(ctx, w, "look at what was done", sh.Script(againText, m.dir()))
	if err != nil {
		return err
	}
	if strings.TrimSpace(again) == "again" {
		m.record.State = Made
		if err := m.keep(ctx, w, m.record); err != nil {
			return err
		}
		return refuse("copy of "+m.Project, "the same command copies them again", "a server was killed since, which empties unlogged tables")
	}
	text, err := m.sql(ctx, w, false, "postgres", settingsSQL)
	if err != nil {
		return err
	}
	var sets []string
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		var s struct{ N, V string }
		if line == "" || json.Unmarshal([]byte(line), &s) != nil {
			continue
		}
		if _, err := m.sql(ctx, w, true, "postgres", "ALTER SYSTEM SET "+ident(s.N)+" = "+pg.Literal(s.V)+";\n"); err != nil {
			w.Say("setting " + s.N + " is not carried over: the new server does not take " + s.V)
			continue
		}
		sets = append(sets, s.N)
	}
	if len(sets) > 0 {
		w.Say("settings carried over: " + strings.Join(sets, ", "))
	}
	return m.access(ctx, w)
}

// settingsSQL prints what the old cluster's own files set, one JSON a line; what
// belongs to the place, to the library or to initdb stays behind.
const settingsSQL = `SELECT jsonb_build_object('N', f.name, 'V', f.setting)::text FROM pg_file_settings f JOIN pg_settings s ON s.name = f.name
WHERE f.error IS NULL AND f.name NOT IN ('listen_addresses', 'port', 'data_directory', 'hba_file', 'ident_file', 'config_file', 'external_pid_file', 'unix_socket_directories', 'dynamic_shared_memory_type', 'lc_messages', 'lc_monetary', 'lc_numeric', 'lc_time', 'shared_preload_libraries', 'log_timezone', 'default_text_search_config')
AND f.name NOT LIKE 'ssl%' AND f.name NOT LIKE 'primary_%' AND f.name NOT LIKE 'recovery_%' AND f.setting IS DISTINCT FROM s.boot_val
AND f.seqno = (SELECT max(g.seqno) FROM pg_file_settings g WHERE g.name = f.name) ORDER BY f.name;
`

// access carries pg_hba.conf over, when the new server reads it without a complaint.
func (m *mover) access(ctx context.Context, w host.Writer) error {
	r := m.record
	where, err := output(ctx, w, "find the new cluster's folder", sh.Script(`docker volume inspect -f '{{.Mountpoint}}' "$1"`, r.New.Volume))
	if err != nil {
		return err
	}
	below, _ := within(r.New.At, r.New.PGData)
	dir := path.Join(strings.TrimSpace(where), below)
	return run(ctx, w, "carry pg_hba.conf over", sh.Script(hbaText, path.Join(r.Source.Data, kept), dir))
}

const hbaText sh.Constant = `set -u
[ -f "$1/pg_hba.conf" ] || exit 0
o=$(stat -c %u:%g "$2/PG_VERSION") || exit 1
for f in pg_hba.conf pg_ident.conf; do
	[ -f "$1/$f" ] || continue
	[ -f "$2/$f.initdb" ] || cp -p "$2/$f" "$2/$f.initdb" || exit 1
	cat "$1/$f" >"$2/$f.new" && chmod 600 "$2/$f.new" && chown "$o" "$2/$f.new" && mv "$2/$f.new" "$2/$f" || exit 1
done`

// dollars prints JSON, which is YAML too, with every $ doubled: compose would
// read it as a variable.
func dollars(raw json.RawMessage) (string, error) {
	var compact strings.Builder
	enc := json.NewEncoder(&compact)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(raw); err != nil {
		return "", err
	}
	return strings.ReplaceAll(strings.TrimSpace(compact.String()), "$", "$$"), nil
}

// yamlText prints a text as a double-quoted YAML scalar for compose.
func yamlText(s string) string {
	text, _ := json.Marshal(s)
	out := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(text))
	return strings.ReplaceAll(out, "$", "$$")
}
