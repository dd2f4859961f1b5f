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

// overlay is what the compose files get, with the file that it goes into and the
// configuration as it is without it.
type overlay struct {
	file   compose.OverrideFile
	text   string // of the file, as it will be
	before compose.Config
	// change is that of the user's own file, nil = it is the override.
	change *compose.Change
	// preview is the configuration with another text of the file.
	preview func(text, format string) sh.Cmd
}

// cutting puts the new cluster in the place of the old one, and tries it.
type cutting struct{ *mover }

// overlaid makes the overlay of what the user's own files say now.
func (m cutting) overlaid(ctx context.Context, w host.Writer) (overlay, error) {
	if m.how() == applyEdit {
		return m.edited(ctx, w)
	}
	var o overlay
	p := m.Stack.compose()
	file, err := ask(ctx, w, p.Override())
	if err != nil {
		return o, err
	}
	o.file = file
	text, err := output(ctx, w, "read the compose files", p.Preview(file.Without(), "json"))
	if err != nil {
		return o, err
	}
	if o.before, err = compose.ParseConfig(text); err != nil {
		return o, fmt.Errorf("docker compose config in %s: %w", m.Dir, err)
	}
	a, err := m.addition(ctx, w, o.before)
	if err != nil {
		return o, err
	}
	o.text, err = file.With(a, m.yes)
	o.preview = p.Preview
	return o, refusedClash(err)
}

// cutOver puts the stack onto the new cluster.
func (m cutting) cutOver(ctx context.Context, w host.Writer) error {
	r := m.record
	// With the overlay on its way the service's own server may run on the new
	// cluster, and ours must not.
	if !r.State.reached(Cut) && r.Overlay == "" {
		if err := m.settle(ctx, w); err != nil {
			return err
		}
	}
	for _, c := range []string{m.target(), m.source()} {
		if err := run(ctx, w, "stop "+c, sh.Script(stopServerText, c)); err != nil {
			return err
		}
	}
	o, err := m.overlaid(ctx, w)
	if err != nil {
		return err
	}
	if r.Overlay == "" {
		before := o.file.Text
		r.Apply, r.Overlay, r.Before = m.how(), o.file.Path, &before
		if err := m.keep(ctx, w, r); err != nil {
			return err
		}
	}
	if err := m.land(ctx, w, o); err != nil {
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

// upAgain starts what a power cut has ended after the cut-over.
func (m cutting) upAgain(ctx context.Context, w host.Writer) error {
	if err := m.up(ctx, w, m.record.New.Volume); err != nil {
		return err
	}
	return m.startOthers(ctx, w)
}

// effective has compose itself say that the overlay is read: a COMPOSE_FILE in
// .env leaves it out, and would start the old server.
func (m cutting) effective(ctx context.Context, w host.Writer) error {
	cfg, err := ask(ctx, w, m.Stack.compose().Config())
	if err != nil {
		return err
	}
	if m.serves(cfg) {
		return nil
	}
	return refuse(m.record.Overlay, "list the compose files in compose_files", "compose does not read it (is COMPOSE_FILE set in %s/.env?)", m.Dir)
}

// up starts the service and waits for SQL and for its health.
func (m cutting) up(ctx context.Context, w host.Writer, volume string) error {
	w.Say("starting the database")
	if out, err := m.Stack.compose().Up(m.Service).Do(ctx, w); err != nil || out.Status != 0 {
		if err == nil {
			err = compose.Fail("docker compose up -d "+m.Service, out.Status, string(out.Stderr))
		}
		return err
	}
	if err := m.serving(ctx, w, volume); err != nil {
		return err
	}
	w.Say("SQL answered")
	return nil
}

// serving waits until the service answers SQL: a container that runs may still be
// recovering what a power cut left.
func (m cutting) serving(ctx context.Context, w host.Writer, volume string) error {
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
					return refuse("container "+c.Short(), "docker compose up -d --force-recreate "+m.Service+" in "+m.Dir+", then the same command goes on; or remoterun rollback", "it runs without the volume %s", volume)
				}
				return nil
			}
			if c.State.Status == "exited" || c.RestartCount >= 2 {
				said, _ := output(ctx, w, "docker logs", compose.Docker("logs", "--tail", "5", c.ID))
				return refuse("container "+c.Short(), "mend what it says, and the same command goes on; or remoterun rollback", "its server ended with status %d: %s", c.State.ExitCode, strings.TrimSpace(said))
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
func (m cutting) answers(ctx context.Context, w host.Writer, id string) bool {
	out, err := w.Run(ctx, compose.Docker("exec", id, "pg_isready", "-q", "-U", m.record.Source.Super))
	return err == nil && out.Status == 0
}

// startText gives a container its restart policy back and starts it, if it ran.
const startText sh.Constant = compose.GoneText + `! gone container "$1" || { echo gone; exit 0; }
docker update --restart="$2" "$1" >/dev/null || exit 1
[ "$3" = yes ] || exit 0
docker start "$1" >/dev/null`

// startOthers brings back what was stopped. One that does not start is told and
// does not stop the others.
func (m cutting) startOthers(ctx context.Context, w host.Writer) error {
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
func (m cutting) settle(ctx context.Context, w host.Writer) error {
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
		if err := m.bothUp(ctx, w); err != nil {
			return err
		}
		if err := m.prove(ctx, w); err != nil {
			return err
		}
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
		if _, err := m.sql(ctx, w, true, "postgres", "ALTER SYSTEM SET "+ident(s.N)+" = "+settingText(s.N, s.V)+";\n"); err != nil {
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

// settingText is a value as ALTER SYSTEM takes it: of a list each name by itself,
// since one text would become one name.
func settingText(name, value string) string {
	switch name {
	case "search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries":
	default:
		return pg.Literal(value)
	}
	var out []string
	for _, v := range strings.Split(value, ",") {
		out = append(out, pg.Literal(strings.Trim(strings.TrimSpace(v), `"`)))
	}
	return strings.Join(out, ", ")
}

// settingsSQL prints what the old cluster's own files set, one JSON a line; what
// belongs to the place, to the library or to initdb stays behind.
const settingsSQL = `SELECT jsonb_build_object('N', f.name, 'V', f.setting)::text FROM pg_file_settings f JOIN pg_settings s ON s.name = f.name
WHERE f.error IS NULL AND f.name NOT IN ('listen_addresses', 'port', 'data_directory', 'hba_file', 'ident_file', 'config_file', 'external_pid_file', 'unix_socket_directories', 'dynamic_shared_memory_type', 'lc_messages', 'lc_monetary', 'lc_numeric', 'lc_time', 'shared_preload_libraries', 'log_timezone', 'default_text_search_config')
AND f.name NOT LIKE 'ssl%' AND f.name NOT LIKE 'primary_%' AND f.name NOT LIKE 'recovery_%' AND f.setting IS DISTINCT FROM s.boot_val
AND f.seqno = (SELECT max(g.seqno) FROM pg_file_settings g WHERE g.name = f.name) ORDER BY f.name;
`

// access carries pg_hba.conf over, when the new server reads it without a complaint.
func (m cutting) access(ctx context.Context, w host.Writer) error {
	r := m.record
	where, err := output(ctx, w, "find the new cluster's folder", sh.Script(`docker volume inspect -f '{{.Mountpoint}}' "$1"`, r.New.Volume))
	if err != nil {
		return err
	}
	below, _ := compose.Within(r.New.At, r.New.PGData)
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
