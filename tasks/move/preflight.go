package move

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/compose"
	"remoterun/tasks/move/catalog"
)

func asRefusal(err error) (*Refusal, bool) {
	var r *Refusal
	ok := errors.As(err, &r)
	if ok {
		return r, true
	}
	var f *compose.Failure
	if errors.As(err, &f) {
		return &Refusal{Object: f.What, Problem: f.Error()}, true
	}
	return nil, false
}

// means is what a host has.
type means struct {
	cores  int
	memory int64 // free or cache, in MiB
}

// meansFact asks for cores and memory.
func meansFact() host.Fact[means] {
	q := host.NewProbe(`nproc 2>/dev/null || grep -c '^processor' /proc/cpuinfo; sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo`).Wide()
	return host.Fact[means]{Q: q, Parse: func(a host.Answer) (means, error) {
		f := strings.Fields(string(a.Stdout))
		if len(f) < 2 {
			return means{cores: 1, memory: 512}, nil
		}
		n, _ := strconv.Atoi(f[0])
		kb, _ := strconv.ParseInt(f[1], 10, 64)
		return means{cores: max(1, n), memory: kb / 1024}, nil
	}}
}

// share is how much of it a move takes: a quarter of the memory for sorts, shared
// among the jobs; a host with 1 GB and one core has to do.
func (m means) share(jobs int) (int, int) {
	if jobs <= 0 {
		jobs = m.cores
	}
	return jobs, int(min(2048, max(32, m.memory/4/int64(jobs))))
}

// preflight refuses what would stop a move, and writes the record; nothing else
// is changed.
func (p Phases) preflight(s host.Seen, v site) (play.Plan, error) {
	if v.going() {
		img, err := p.image(s)
		if err != nil {
			return planOf(err)
		}
		return p.onTheWay(v, img.ID), nil
	}
	if v.at() == Done && v.record.Verb == p.Args.Verb {
		img, err := p.image(s)
		if err != nil {
			return planOf(err)
		}
		if img.ID == v.record.New.ID {
			return play.Plan{Note: "it was moved before: " + v.record.Cut}, nil
		}
	}
	m, err := p.mover(s, v)
	if err != nil {
		return planOf(err)
	}
	img, err := p.image(s)
	if err != nil {
		return planOf(err)
	}
	if err := v.movable(); err != nil {
		return planOf(err)
	}
	if p.Args.Phase == "rehearse" {
		return p.rehearsal(m, v, img), nil
	}
	step := act{"look at the database, and begin the record", func(ctx context.Context, w host.Writer) error {
		return preflight{m}.begin(ctx, w, v, img, p.Args.Phase == "look")
	}}
	changes := play.Result{Changed: p.Args.Phase == "preflight"}
	return play.Plan{Steps: []host.Step{step}, Result: changes, Finish: func([]host.Output) (play.Result, error) { return changes, nil }, Repeats: !changes.Changed}, nil
}

// going reports a move that has changed something and has not come to its end.
func (v site) going() bool {
	switch v.at() {
	case None, Rolled, Done:
		return false
	case Begun:
		return v.record.Frozen != ""
	}
	return true
}

// onTheWay lets the same move go on, and refuses any other.
func (p Phases) onTheWay(v site, image string) play.Plan {
	r := v.record
	out := "remoterun " + r.Verb + " goes on with it, remoterun rollback goes back"
	switch {
	case p.Args.Phase != "preflight":
		return failed(refuse(v.object(), out, "a move of it is under way (%s), since %s by %s: there is nothing to rehearse", r.State, r.Began, r.By))
	case r.Verb != p.Args.Verb:
		return failed(refuse(v.object(), out, "another move of it is under way: %s by %s since %s (%s)", r.Verb, r.By, r.Began, r.State))
	}
	if r.New.ID != "" && image != r.New.ID {
		return failed(refuse(v.object(), "give image as it was, or remoterun rollback first", "a move of it to another image is under way"))
	}
	return play.Plan{Note: "the move goes on: " + string(r.State)}
}

// movable refuses a service that cannot be moved as it stands.
func (v site) movable() error {
	switch {
	case v.db == nil:
		return refuse(v.object(), "start it: docker compose up -d "+v.Service, "service %s has no container", v.Service)
	case !v.running():
		return refuse(v.object(), "start it: docker compose up -d "+v.Service, "container %s does not run (%s)", v.db.Short(), v.db.State.Status)
	case len(compose.Of(v.all, v.Service)) > 1:
		return refuse(v.object(), "run one", "service %s has %d containers", v.Service, len(compose.Of(v.all, v.Service)))
	case len(v.svc.Entrypoint) > 0:
		return refuse("service "+v.Service, "take entrypoint: out of the compose file", "its entrypoint is %q, which belongs to another image", strings.Join(v.svc.Entrypoint, " "))
	}
	options, ok := server(v.db.Config.Cmd)
	if !ok {
		return refuse("service "+v.Service, "write command: [postgres, -c, ...], and docker compose up -d "+v.Service, "its command is %q, which is not the server: what it does besides could not be done with the old cluster", strings.Join(v.db.Config.Cmd, " "))
	}
	if word := movesFolder(options); word != "" {
		return refuse("service "+v.Service, "say it by PGDATA in the environment, and docker compose up -d "+v.Service, "its command puts the data folder elsewhere than PGDATA (%s)", word)
	}
	return nil
}

// Accepter is a Target that refuses some clusters before anything is changed.
type Accepter interface {
	// Accept is told the old cluster and the new server's major version.
	Accept(c catalog.Cluster, major int) error
}

// preflight looks at all that could stop a move, before anything is changed.
type preflight struct{ *mover }

// begin asks the running database what it is, and refuses or writes the record;
// with only it does not write.
func (m preflight) begin(ctx context.Context, w host.Writer, v site, img *compose.Image, only bool) error {
	src, err := v.sourceOf()
	if err != nil {
		return err
	}
	if err := src.lies(ctx, w); err != nil {
		return err
	}
	if err := m.engine(ctx, w); err != nil {
		return err
	}
	c, err := live(ctx, w, v.db.ID, src.Super)
	if err != nil {
		return sleeping(err, m.object())
	}
	src.Super, src.Version = c.Super, fmt.Sprint(c.Version)
	fits := &suit{m: m.mover, v: v, c: c, img: img}
	if err := fits.check(ctx, w); err != nil {
		return err
	}
	others, err := ask(ctx, w, reach(v.db.ID))
	if err != nil {
		return err
	}
	// The database's own policy comes back with compose; the others' are kept here.
	r := &Record{ID: newID(), Verb: m.args.Verb, State: Begun, By: m.by, Began: m.time(), Source: src, Others: others, Cluster: c, New: New{Major: fits.major, User: fits.user}}
	last := m.record
	if last != nil {
		r.New.Old = last.New.Old
	}
	if last != nil && last.State == Begun {
		if began, err := time.Parse(time.RFC3339, last.Began); err == nil && m.now().Sub(began) < time.Hour && last.New.ID == img.ID {
			r.Backup = last.Backup // made a moment ago, and nothing was changed since
		}
		last = nil
	}
	m.record = r
	if err := m.choose(ctx, w, img); err != nil {
		return err
	}
	if err := m.room(ctx, w, c); err != nil {
		return err
	}
	// What the compose files say is refused now, if it has to be.
	if _, err = (cutting{m.mover}).overlaid(ctx, w); err != nil || only {
		return err
	}
	if last != nil {
		// What was moved before, and where its old cluster is, stays to be read.
		if err := run(ctx, w, "keep the record of the last move", sh.Script(`cp -p "$1" "${1%.json}-$2.json"`, m.recordFile(), last.ID)); err != nil {
			return err
		}
	}
	if !m.rehearsal {
		if err := (rehearsal{m.mover}).endRehearsal(ctx, w); err != nil {
			return err
		}
	}
	if err := m.keep(ctx, w, r); err != nil {
		return err
	}
	return m.tag(ctx, w)
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// live asks the running server, as one of its roles, inside its container.
func live(ctx context.Context, w host.Writer, id, role string) (catalog.Cluster, error) {
	look := func(database, sql string) (string, error) {
		return output(ctx, w, "ask the database", sh.Script(insideText, id, database, role).With(sh.Bytes(sql)))
	}
	text, err := look("postgres", catalog.ClusterSQL)
	if err != nil {
		return catalog.Cluster{}, err
	}
	c, err := catalog.ParseCluster([]byte(text))
	if err != nil {
		return c, err
	}
	for i, d := range c.Databases {
		if !d.Allows {
			continue
		}
		text, err := look(d.Name, catalog.ContentsSQL)
		if err == nil {
			c.Databases[i].Container, err = catalog.ParseContents([]byte(text))
		}
		if err != nil {
			return c, fmt.Errorf("database %s: %w", d.Name, err)
		}
	}
	return c, nil
}

// imageMajor asks an image for its server's major version.
func imageMajor(ctx context.Context, w host.Writer, image string) (int, error) {
	text, err := output(ctx, w, "ask the image for its version", sh.Script(`exec docker run --rm --pull never --network none --entrypoint /bin/sh "$1" -c 'PATH=$PATH:/usr/local/bin; for d in /usr/pgsql-*/bin /usr/lib/postgresql/*/bin; do [ -d "$d" ] && PATH=$PATH:$d; done; postgres -V && pg_dump -V >/dev/null && psql -V >/dev/null' </dev/null`, image))
	f := strings.Fields(text)
	for i, x := range f {
		if i > 0 && strings.Trim(x, "0123456789.") == "" {
			major, _, _ := strings.Cut(x, ".")
			n, cerr := strconv.Atoi(major)
			if cerr == nil && n > 0 && err == nil {
				return n, nil
			}
		}
	}
	return 0, refuse("image "+image, "name an image of PostgreSQL", "it does not say which version its server is: %v %s", err, text)
}

// oldestTarget is the first server that a database is moved to.
const oldestTarget = 15

// refuseCluster refuses what no copy carries.
func (m preflight) refuseCluster(c catalog.Cluster, major int) error {
	object := m.object()
	switch {
	case c.Major() < 12:
		return refuse(object, "upgrade it to 12 first", "it is of PostgreSQL %d: 12 to 18 are moved", c.Major())
	case c.Recovery:
		return refuse(object, "move the server that it follows, or SELECT pg_promote() first", "it is in recovery, and takes no writes: it follows another server, or waits for WAL")
	case major < c.Major():
		return refuse("image "+m.to.Image(), fmt.Sprintf("name an image of PostgreSQL %d or newer", c.Major()), "it is of PostgreSQL %d, and the database of %d: no way leads back", major, c.Major())
	case major < oldestTarget:
		return refuse("image "+m.to.Image(), fmt.Sprintf("name an image of PostgreSQL %d or newer", oldestTarget), "it is of PostgreSQL %d, which is not maintained any more: nothing is moved there", major)
	case len(c.Spaces) > 0:
		return refuse(object, "move what is in it to pg_default", "it has tablespaces (%s), which are folders outside of the volume", strings.Join(c.Spaces, ", "))
	case c.Prepared > 0:
		return refuse(object, "COMMIT PREPARED or ROLLBACK PREPARED them (pg_prepared_xacts)", "%s open", value.Count(c.Prepared, "prepared transaction is", "prepared transactions are"))
	}
	for _, d := range c.Databases {
		if !d.Allows {
			return refuse("database "+d.Name, "ALTER DATABASE ... ALLOW_CONNECTIONS true, or drop it", "it takes no connections, so that it cannot be copied")
		}
		if len(d.Container.Methods) > 0 {
			return refuse("database "+d.Name, "leave it where it is: only plain tables are moved by now", "it has tables of the access method %s, which the new cluster would keep as plain ones", strings.Join(d.Container.Methods, ", "))
		}
		if strings.ContainsAny(d.Name, "\n\r\t\x1f") {
			return refuse(fmt.Sprintf("database %q", d.Name), "rename it", "its name holds a control character")
		}
	}
	return nil
}

// extensions refuses an image that lacks one.
func (m preflight) extensions(ctx context.Context, w host.Writer, c catalog.Cluster, img *compose.Image) error {
	used := map[string]string{}
	for _, d := range c.Databases {
		for _, e := range d.Container.Extensions {
			used[e.Name] = d.Name
		}
	}
	delete(used, "plpgsql")
	for _, no := range []string{"timescaledb", "citus"} {
		if d, ok := used[no]; ok {
			return refuse("database "+d, "follow that extension's own guide", "it has the extension %s, which is not moved by a copy of its tables", no)
		}
	}
	need := m.to.Extensions()
	if len(used)+len(need) == 0 {
		return nil
	}
	text, err := output(ctx, w, "ask the image for its extensions", sh.Script(`exec docker run --rm --pull never --network none --entrypoint /bin/sh "$1" -c 'find / -xdev -name "*.control" -path "*extension*" 2>/dev/null; echo end' </dev/null`, img.ID))
	if err != nil {
		return err
	}
	for _, name := range need {
		if !strings.Contains(text, "/"+name+".control\n") {
			return refuse("image "+m.to.Image(), "name an image that has it", "it lacks the extension %s", name)
		}
	}
	for name, d := range used {
		if !strings.Contains(text, "/"+name+".control\n") {
			return refuse("image "+m.to.Image(), "name an image that has it, or DROP EXTENSION "+name+" in the database", "it lacks the extension %s, which database %s has", name, d)
		}
	}
	return nil
}

// roomText prints the disk of the folder $1 ("" = the engine's own): the folder,
// then df's line.
const roomText sh.Constant = `d=$1
[ -n "$d" ] || d=$(docker info -f '{{.DockerRootDir}}') || exit 1
while [ -n "$d" ] && [ ! -e "$d" ]; do d=${d%/*}; done
echo "${d:-/}"
df -Pk "${d:-/}" | tail -n 1`

// room refuses a disk that the copy does not fit on: what is there, a third more
// for WAL and sorting, and 512 MiB that stay free. A rehearsal needs a copy of the
// old cluster besides.
func (m preflight) room(ctx context.Context, w host.Writer, c catalog.Cluster) error {
	var need int64 = 512 << 20
	for _, d := range c.Databases {
		need += d.Bytes + d.Bytes/3
		if m.rehearsal {
			need += d.Bytes
		}
	}
	folder := ""
	if m.record != nil {
		folder = m.record.New.Folder
	}
	text, err := output(ctx, w, "look for room", sh.Script(roomText, folder))
	at, line, _ := strings.Cut(text, "\n")
	f := strings.Fields(line)
	if err != nil || len(f) < 6 {
		return err
	}
	used, _ := strconv.ParseInt(f[2], 10, 64)
	kb, _ := strconv.ParseInt(f[3], 10, 64)
	if m.record != nil {
		m.record.Disk, m.record.Used = at, used<<10
	}
	if free := kb << 10; free < need {
		return refuse("disk "+f[5], "make room on it", "%d MiB are free, and the copy needs about %d MiB", free>>20, need>>20)
	}
	return nil
}
