package stack

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/hosttest"
	"remoterun/runner/local"
	"remoterun/tasks/compose"
	"remoterun/tasks/tde/guard"
)

// edited is a stack whose own file is to get the overlay.
type edited struct {
	t    *testing.T
	site Site
	o    Overlay
	w    *host.Worker
	said []string
}

func newEdited(t *testing.T, files map[string]string) *edited {
	t.Helper()
	if exec.Command("docker", "compose", "version").Run() != nil {
		hosttest.Missing(t, "docker compose v2")
	}
	if os.Getuid() != 0 {
		hosttest.Missing(t, "root")
	}
	e := &edited{t: t, site: Site{Stack: Stack{Project: "p", Dir: t.TempDir(), Service: "postgres", Extension: "pg_tde"}}, o: testOverlay(t, `{}`)}
	e.w = &host.Worker{Host: "here", Conn: local.New("here", nil, local.Options{}), Kept: &host.Kept{}, Said: func(s string) { e.said = append(e.said, s) }}
	t.Cleanup(func() { _ = e.w.Conn.Close() })
	for name, text := range files {
		e.write(name, text)
	}
	return e
}

func (e *edited) write(name, text string) { write(e.t, e.site.Dir, name, []byte(text)) }

func (e *edited) read(name string) string {
	text, _ := os.ReadFile(filepath.Join(e.site.Dir, name))
	return string(text)
}

// landing is what the files as they are now get.
func (e *edited) landing(how string) Landing {
	e.t.Helper()
	p := e.site.Compose()
	e.site.Config = askHere(e.t, p.Config())
	e.site.Spec = e.site.Config.Services["postgres"]
	e.o.Base, e.o.Written = e.site.Spec, askHere(e.t, p.Written("postgres"))
	l, err := e.site.Landing(how, e.o, askHere(e.t, e.site.Override()), askHere(e.t, p.Sources()), false)
	if err != nil {
		e.t.Fatal(err)
	}
	return l
}

// do makes it so; the error is nil where it came to be in force.
func (e *edited) do(l Landing) error {
	e.t.Helper()
	out, err := l.Step(e.site).Do(e.t.Context(), e.w)
	if err == nil && out.Status != 0 {
		err = errors.New(string(out.Stderr))
	}
	if err == nil {
		if lacks := e.site.LacksIn(composeConfig(e.t, e.site.Dir)); lacks != nil {
			e.t.Errorf("done, and it lacks %v", lacks)
		}
	}
	return err
}

const editBase = "# by hand\nname: p\nservices:\n  postgres:\n    image: postgres:16\n    command: postgres -c 'work_mem=${MEM:-1MB}'\n    environment: {POSTGRES_PASSWORD: hunter2, TZ: UTC}\n    volumes: [\"old:/var/lib/postgresql/data\"]\n  app: {image: app}\nvolumes:\n  old:"

// TestLandingInTheUsersFile: the file that has the service gets the overlay, with its
// owner and mode, is shown, is kept as it was, and comes back byte by byte.
func TestLandingInTheUsersFile(t *testing.T) {
	e := newEdited(t, map[string]string{"compose.yaml": editBase})
	file := filepath.Join(e.site.Dir, "compose.yaml")
	if err := errors.Join(os.Chown(file, 1234, 1235), os.Chmod(file, 0o640)); err != nil {
		t.Fatal(err)
	}
	l := e.landing(ApplyEdit)
	if err := e.do(l); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(e.site.StateDir()) })
	st, err := os.Stat(file)
	if err != nil || st.Mode() != 0o640 || st.Sys().(*syscall.Stat_t).Uid != 1234 || st.Sys().(*syscall.Stat_t).Gid != 1235 {
		t.Errorf("%v %v", st, err)
	}
	said := strings.Join(e.said, "\n")
	for _, want := range []string{file + " is edited, it is the first that has service postgres", "+    # remoterun keeps: image: postgres:16", "POSTGRES_PASSWORD: ***"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not said:\n%s", want, said)
		}
	}
	if strings.Contains(said, "hunter2") {
		t.Errorf("a password is shown:\n%s", said)
	}
	if w := strings.Join(l.Warnings(e.site), "\n"); !strings.Contains(w, "commit the change") || !strings.Contains(w, e.site.StateDir()+"/before.compose.yaml") {
		t.Errorf("warnings %s", w)
	}
	if kept, _ := os.ReadFile(e.site.StateDir() + "/before.compose.yaml"); string(kept) != editBase {
		t.Errorf("kept is %q", kept)
	}
	if back := compose.StripOurs(e.read("compose.yaml")); back != editBase {
		t.Errorf("it comes out as\n%q", back)
	}
	if again := e.landing(ApplyEdit); !again.Edit.Nothing() {
		t.Errorf("twice is not the same:\n%s", again.Edit.Diff())
	}
	if left, _ := filepath.Glob(e.site.StateDir() + "/overlay.*"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestLandingMoves: an overlay that was written beside the file goes into it, and
// comes out of the other: a file of ours vanishes, the user's lines stay.
func TestLandingMoves(t *testing.T) {
	for name, theirs := range map[string]string{"a file of ours": "", "a file of theirs": "# mine\nservices:\n  postgres:\n    ports: [\"127.0.0.1::5432\"]\n"} {
		t.Run(name, func(t *testing.T) {
			e := newEdited(t, map[string]string{"compose.yaml": editBase})
			if theirs != "" {
				e.write("compose.override.yaml", theirs)
			}
			if err := e.do(e.landing(ApplyOverride)); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(e.read("compose.override.yaml"), compose.Mark) || e.read("compose.yaml") != editBase {
				t.Fatal("the override is not written")
			}
			l := e.landing(ApplyEdit)
			if err := e.do(l); err != nil {
				t.Fatal(err)
			}
			if got := e.read("compose.override.yaml"); got != theirs {
				t.Errorf("the override is\n%s", got)
			}
			if !strings.Contains(e.read("compose.yaml"), compose.Mark) || len(l.Warnings(e.site)) != 2 {
				t.Errorf("%v\n%s", l.Warnings(e.site), e.read("compose.yaml"))
			}
		})
	}
}

// TestLandingRefused: what would change something else, was changed meanwhile or is
// not the file itself stays byte by byte, and the lines are told instead.
func TestLandingRefused(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		then  func(*edited)
		why   string
		told  bool // found before anything is done
	}{
		"used elsewhere":    {map[string]string{"compose.yaml": "name: p\nservices:\n  postgres: &db\n    image: postgres:16\n  other:\n    <<: *db\n"}, nil, "take service postgres over (*db)", true},
		"a link":            {map[string]string{"real.yaml": editBase}, func(e *edited) { _ = os.Symlink("real.yaml", filepath.Join(e.site.Dir, "compose.yaml")) }, "symbolic link", true},
		"included":          {map[string]string{"compose.yaml": "name: p\ninclude: [db.yaml]\n", "db.yaml": editBase}, nil, "is it in one that is included?", true},
		"COMPOSE_FILE":      {map[string]string{"compose.yaml": editBase, "other.yaml": editBase, ".env": "COMPOSE_FILE=other.yaml\n"}, nil, "it lacks the volume p_tde", false},
		"changed meanwhile": {map[string]string{"compose.yaml": editBase}, nil, "somebody has changed it since it was looked at", false},
		"a link meanwhile":  {map[string]string{"compose.yaml": editBase}, nil, "it is no longer a file", false},
		"by another file":   {map[string]string{"compose.yaml": editBase, "compose.override.yaml": "services:\n  other:\n    extends: {file: compose.yaml, service: postgres}\n"}, nil, "service other is not what it was", false},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEdited(t, c.files)
			if c.then != nil {
				c.then(e)
			}
			before := e.read("compose.yaml")
			l := e.landing(ApplyEdit)
			switch {
			case c.told:
				if l.No == nil || !strings.Contains(l.No.Error(), c.why) || !strings.Contains(l.Text, "p_tde") {
					t.Errorf("%v\n%s", l.No, l.Text)
				}
				p := l.Told(guard.Refuse("x", "y", "z"))
				if _, err := p.Steps[0].Do(t.Context(), e.w); err != nil || len(e.said) != 1 || !strings.HasSuffix(e.said[0], "\n"+l.Text) {
					t.Errorf("told %q", e.said)
				}
			default:
				switch name {
				case "changed meanwhile":
					before += "\n# later"
					e.write("compose.yaml", before)
				case "a link meanwhile":
					_ = os.Rename(filepath.Join(e.site.Dir, "compose.yaml"), filepath.Join(e.site.Dir, "aside"))
					_ = os.Symlink("aside", filepath.Join(e.site.Dir, "compose.yaml"))
				}
				if err := e.do(l); err == nil || !strings.Contains(err.Error(), c.why) {
					t.Errorf("error %v", err)
				}
			}
			if got := e.read("compose.yaml"); got != before {
				t.Errorf("the file is\n%s", got)
			}
		})
	}
}
