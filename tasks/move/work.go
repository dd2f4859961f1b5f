package move

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/job"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/tasks/move/catalog"
	"remoterun/tasks/move/copy"
	"remoterun/tasks/pg"
)

// mover is one move at work.
type mover struct {
	Stack
	to     Target
	record *Record
	args   Args
	by     string
	now    func() time.Time
	// memory is the megabytes that a sort of the load may take, jobs how much runs
	// side by side.
	memory, jobs int
	laptop       Laptop
	prompter     play.Prompter
	yes          bool
	dirs         string // what relative folders of the laptop are in
}

func (m *mover) time() string { return m.now().UTC().Format(time.RFC3339) }

// place is where the copy works.
func (m *mover) place() copy.Place {
	return copy.Place{Dir: m.dir(), Container: m.target(), SQL: "/remoterun/sql", RAM: "/remoterun/ram", Socket: "/remoterun/sock",
		SourcePort: sourcePort, TargetPort: targetPort, Super: m.record.Source.Super, Skip: m.to.Keep(), Jobs: m.jobs}
}

// plan makes the copy's plan of what the frozen source holds, and lays it down.
func (m *mover) plan(ctx context.Context, w host.Writer) error {
	if err := m.locales(ctx, w); err != nil {
		return err
	}
	if err := run(ctx, w, "take an old plan away", sh.Script(`cd "$1" || exit 1; rm -rf plan done out claims failed began peak sql/*; exit 0`, m.dir())); err != nil {
		return err
	}
	return m.lay(ctx, w, "lay the plan down", m.steps().Files())
}

// steps is the plan: the same for the same record.
func (m *mover) steps() copy.Plan {
	r := m.record
	return copy.Make(copy.Options{Source: r.Cluster, Super: r.Cluster.Super, TargetMajor: r.New.Major, KeepRoles: m.to.Keep(), Program: m.place().Program(), Prepare: m.to.Prepare(), NoStats: m.args.NoStats,
		Locale: func(d catalog.Database) string {
			if l := r.Locales[d.Name]; l != "" {
				return l
			}
			return copy.Locale(d)
		}})
}

// fallbacks are locales in the order in which they are tried where the target's
// library does not know the source's.
func fallbacks(major int) []string {
	out := []string{"LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8' LOCALE_PROVIDER libc"}
	if major >= 17 {
		out = append(out, "LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'")
	}
	return append(out, "LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER libc")
}

// locales finds out which databases cannot have their locale on the target.
func (m *mover) locales(ctx context.Context, w host.Writer) error {
	r := m.record
	known := map[string]bool{}
	try := func(options string) bool {
		if ok, seen := known[options]; seen {
			return ok
		}
		_, err := m.sql(ctx, w, true, "template1", "CREATE DATABASE remoterun_locale TEMPLATE template0 ENCODING 'UTF8' "+options+";\nDROP DATABASE remoterun_locale;\n")
		known[options] = err == nil
		return err == nil
	}
	r.Locales = map[string]string{}
	for _, d := range r.Cluster.Databases {
		own := copy.Locale(d)
		if d.Encoding != "UTF8" || try(own) {
			continue
		}
		for _, f := range fallbacks(r.New.Major) {
			if try(f) {
				r.Locales[d.Name] = f
				break
			}
		}
		if r.Locales[d.Name] == "" {
			return refuse("database "+d.Name, "take an image that knows it", "its locale %s is known to no library of the image", d.Collate)
		}
	}
	return m.keep(ctx, w, r)
}

// work is the job: both servers up, then the copy. Beside it the most that the disk
// held is kept in the file peak, in KiB.
const work = ensureText + `which='source target'
ensure "$1" || exit 1
m=$1
( (b=0
while kill -0 $$ 2>/dev/null; do
	u=$(df -Pk "$disk" 2>/dev/null | awk 'END { print $3 }')
	case $u in ''|*[!0-9]*) u=0;; esac
	[ "$u" -le "$b" ] || { b=$u; echo "$b" >"$m/peak"; }
	sleep 1
done) & )
` + copy.Runtime

// doing is what others read of the job.
func (m *mover) doing() string {
	if m.rehearsal {
		return "rehearsal of " + m.Project
	}
	return m.record.Verb + " " + m.Project
}

// copy runs the copy detached and follows it; one that is at work already is
// attached to.
func (m *mover) copy(ctx context.Context, w host.Writer) error {
	c := sh.Script(work, m.place().Args()...)
	started, err := output(ctx, w, "start the copy", m.job().Start(c, job.What{Who: m.by, Since: m.time(), Doing: m.doing()}))
	if err != nil {
		return err
	}
	if strings.TrimSpace(started) == "running" {
		s, err := m.job().Look(ctx, w, 0)
		if err != nil {
			return err
		}
		if s.Doing != m.doing() {
			return refuse(m.object(), "wait for its end, or remoterun rollback ends it", "%s is at work on it since %s (%s)", s.Who, s.Since, s.Doing)
		}
		w.Say("it is at work already, since " + s.Since + " by " + s.Who + ": attached to it")
	}
	if err := m.follow(ctx, w); err != nil {
		return err
	}
	if err := m.unchanged(ctx, w); err != nil {
		return err
	}
	m.record.State = Copied
	return m.keep(ctx, w, m.record)
}

// sayEvery is how often a step is told within one phase.
const sayEvery = 5 * time.Second

// follow tells how the job goes until it ends.
func (m *mover) follow(ctx context.Context, w host.Writer) error {
	var g gauge
	s, err := m.job().Follow(ctx, w, 0, time.Second, func(s job.State) {
		p := readProgress(s.Told)
		if line := g.line(p, m.now()); line != "" {
			w.Say(line)
		}
		if p.Bytes > 0 {
			w.Progress(p.Moved, p.Bytes)
		}
	})
	if err != nil {
		if errors.Is(err, host.ErrTransport) {
			return err
		}
		return fmt.Errorf("the copy goes on on the host; the same command attaches to it again: %w", err)
	}
	switch {
	case s.Phase == job.Ended && s.Status == 0:
		return nil
	case s.Phase == job.Ended:
		return refuse("copy of "+m.Project, "the same command goes on where it stopped; remoterun rollback goes back to the old database", "%s", complaint(s.Err))
	case s.Phase == job.Stopped:
		return refuse("copy of "+m.Project, "the same command goes on where it stopped", "it was stopped by another operator")
	}
	return refuse("copy of "+m.Project, "the same command goes on where it stopped", "its process is gone (%s): killed, or the host was booted", s.Phase)
}

// gauge makes lines of what a copy tells: one for each phase, and for steps when
// the last line is some time ago.
type gauge struct {
	phase, step string
	said, began time.Time
	from        int64 // bytes that were moved when it began to look
}

func (g *gauge) line(p Progress, now time.Time) string {
	if p.Phase == "" {
		return ""
	}
	if g.began.IsZero() {
		g.began, g.from = now, p.Moved
	}
	if p.Phase == g.phase && (p.Step == g.step || now.Sub(g.said) < sayEvery) {
		return ""
	}
	g.phase, g.step, g.said = p.Phase, p.Step, now
	return p.Line(now.Sub(g.began), p.Moved-g.from)
}

// Line tells how far it is; moved is what went over in the time since.
func (p Progress) Line(since time.Duration, moved int64) string {
	text := fmt.Sprintf("%s, step %d of %d: %s", p.Phase, p.Done+1, p.Steps, p.Step)
	if p.Bytes > 0 {
		text += fmt.Sprintf("; %d of %s", p.Moved>>20, mib(p.Bytes))
	}
	if sec := since.Seconds(); sec >= 2 && moved > 0 {
		rate := float64(moved) / sec
		text += fmt.Sprintf(", %.0f MiB/s, about %s left", rate/(1<<20), (time.Duration(float64(p.Bytes-p.Moved)/rate) * time.Second).Round(time.Second))
	}
	return text
}

// complaint shortens what the steps complained about.
func complaint(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.TrimSpace(l) == "" })
	return strings.Join(lines[max(0, len(lines)-5):], "; ")
}

// Progress is what a copy tells of itself.
type Progress struct {
	Phase, Step  string
	Done, Steps  int
	Moved, Bytes int64
}

func readProgress(told string) Progress {
	f := append(strings.Split(told, "\n"), "", "", "", "", "", "")
	p := Progress{Phase: f[0], Step: f[1]}
	p.Done, _ = strconv.Atoi(f[2])
	p.Steps, _ = strconv.Atoi(f[3])
	p.Moved, _ = strconv.ParseInt(f[4], 10, 64)
	p.Bytes, _ = strconv.ParseInt(f[5], 10, 64)
	return p
}

// unchanged compares the source with what it was when it was frozen: the WAL's
// position moves with every start, the next transaction only when something is written.
func (m *mover) unchanged(ctx context.Context, w host.Writer) error {
	text, err := m.sql(ctx, w, false, "postgres", catalog.ClusterSQL)
	if err != nil {
		return err
	}
	c, err := catalog.ParseCluster([]byte(text))
	if err != nil {
		return err
	}
	was := m.record.Cluster
	if c.System == was.System && c.NextXID == was.NextXID {
		return nil
	}
	m.record.State = Begun
	if err := m.keep(ctx, w, m.record); err != nil {
		return err
	}
	return refuse(m.object(), "the same command begins anew", "the old cluster was written to while it was copied (next transaction %s, it was %s)", c.NextXID, was.NextXID)
}

// ident quotes a name.
func ident(s string) string { return pg.Ident(s) }
