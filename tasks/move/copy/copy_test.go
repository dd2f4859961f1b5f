package copy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/hosttest"
	"remoterun/runner/job"
	"remoterun/runner/local"
	"remoterun/tasks/move/catalog"
	"remoterun/tasks/move/copy"
	"remoterun/tasks/move/movetest"
	"remoterun/tasks/move/proof"
)

// read asks a server what is in it.
func read(t *testing.T, p *hosttest.Postgres) catalog.Cluster {
	t.Helper()
	c, err := catalog.ParseCluster([]byte(movetest.PSQL(t, p, "postgres", catalog.ClusterSQL)))
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range c.Databases {
		c.Databases[i].Container = contents(t, p, d.Name)
	}
	c.Template.Container = contents(t, p, "template1")
	return c
}

func contents(t *testing.T, p *hosttest.Postgres, database string) catalog.Contents {
	t.Helper()
	c, err := catalog.ParseContents([]byte(movetest.PSQL(t, p, database, catalog.ContentsSQL)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// lab is a copy between two servers of this machine.
type lab struct {
	t     *testing.T
	pair  movetest.Pair
	place copy.Place
	plan  copy.Plan
	job   job.Job
	w     *host.Worker
}

func start(t *testing.T) *lab {
	t.Helper()
	pair := movetest.Start(t)
	c := read(t, pair.Source)
	dir := t.TempDir()
	open(t, dir)
	conn := local.New("h", nil, local.Options{})
	t.Cleanup(func() { _ = conn.Close() })
	l := &lab{t: t, pair: pair, job: job.Job{Dir: filepath.Join(dir, "job")}, w: &host.Worker{Host: "h", Conn: conn, Kept: &host.Kept{}}}
	l.place = copy.Place{Dir: dir, SQL: filepath.Join(dir, "sql"), RAM: filepath.Join(dir, "ram"), Socket: pair.Source.Socket, SourcePort: pair.Source.Port, TargetPort: pair.Target.Port, Super: pair.Source.User, Jobs: 2}
	l.plan = copy.Make(copy.Options{Source: c, Super: c.Super, TargetMajor: c.Major(), Program: l.place.Program()})
	for name, text := range l.plan.Files() {
		put(t, filepath.Join(dir, name), text)
	}
	put(t, filepath.Join(dir, "ram", "x"), "")
	return l
}

func open(t *testing.T, dir string) {
	for d := dir; strings.HasPrefix(d, os.TempDir()+"/"); d = filepath.Dir(d) {
		_ = os.Chmod(d, 0o755)
	}
}

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run runs the copy's job to its end.
func (l *lab) run() job.State {
	l.t.Helper()
	out, err := l.w.Run(l.t.Context(), l.job.Start(l.place.Command(), job.What{Who: "anna"}))
	if err != nil || out.Status != 0 {
		l.t.Fatalf("start: %v %s", err, out.Stderr)
	}
	s, err := l.job.Follow(l.t.Context(), l.w, 0, 20*time.Millisecond, func(job.State) {})
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

// side reads what the steps kept of one side.
func (l *lab) side(kind copy.Kind) proof.Side {
	l.t.Helper()
	s, err := l.plan.Side(kind, 15, func(file string) ([]byte, error) { return os.ReadFile(filepath.Join(l.place.Dir, file)) })
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

// TestCopyEverything: the seed arrives whole, between two real servers, and the
// proof says so.
func TestCopyEverything(t *testing.T) {
	l := start(t)
	if s := l.run(); s.Phase != job.Ended || s.Status != 0 {
		t.Fatalf("the copy %s %d: %s\n%s", s.Phase, s.Status, s.Err, l.complaints())
	}
	r := proof.Compare(l.side(copy.KindSource), l.side(copy.KindTarget), nil)
	for _, d := range r.Differences {
		t.Errorf("%s %s %s:\n  source %s\n  target %s", d.Database, d.Kind, d.Name, d.Source, d.Target)
	}
	if r.Tables < 17 || r.Rows < 3900 || r.Objects < 280 || r.Databases != 4 {
		t.Errorf("too little was compared: %+v", r)
	}
}

func (l *lab) complaints() string {
	text, _ := os.ReadFile(filepath.Join(l.job.Dir, "err"))
	return string(text)
}
