package copy_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"remoterun/tasks/move/copy"
)

// TestEveryStepMayBeTheFirst: a job that was killed goes on at any step, and that is
// then the one that opens the shell in the target. The engine and the servers' own
// programs are stubs: what is seen is that the job comes to its end.
func TestEveryStepMayBeTheFirst(t *testing.T) {
	for _, shell := range [][]string{{"dash"}, {"bash"}, {"busybox", "sh"}} {
		if _, err := exec.LookPath(shell[0]); err != nil {
			t.Fatalf("%v (make parts installs it)", err)
		}
		for _, kind := range []string{"globals", "database", "target", "source", "large", "index", "post"} {
			t.Run(shell[0]+", "+kind, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				stubs(t, dir, kind)
				out, err := play(t, shell, dir, "target")
				if _, done := os.Stat(dir + "/done/00001"); err != nil || done != nil {
					t.Errorf("%v %v: %s", err, done, out)
				}
			})
		}
	}
}

// play runs the plan in dir to its end, with the stubs first in PATH.
func play(t *testing.T, shell []string, dir, container string) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // a hang, not a slow machine
	defer cancel()
	p := copy.Place{Dir: dir, Container: container, SQL: dir + "/sql", RAM: dir + "/ram", Socket: dir + "/sock", SourcePort: 1, TargetPort: 2, Super: "postgres"}
	cmd := exec.CommandContext(ctx, shell[0], append(append(shell[1:], "-c", copy.Runtime, "sh"), p.Args()...)...)
	cmd.Env = []string{"PATH=" + dir + "/bin:" + os.Getenv("PATH"), "JOB=" + dir + "/job"}
	cmd.WaitDelay = time.Minute // programs that end after their shell, on a slow machine
	return cmd.CombinedOutput()
}

// stubs lays out a plan of one step, and programs that say what they are asked for.
func stubs(t *testing.T, dir, kind string) {
	t.Helper()
	dumps := "#!/bin/sh\np=\nfor a; do [ \"$p\" != -f ] || echo dump >\"$a\"; p=$a; done\n"
	for name, text := range map[string]string{
		"bin/docker":     "#!/bin/sh\nsed -u 's|/remoterun/io|" + dir + "/io|g' | sh\n",
		"bin/psql":       "#!/bin/sh\n:\n",
		"bin/pg_dump":    dumps,
		"bin/pg_dumpall": dumps,
		"bin/pg_restore": dumps + "echo '3; 0 0 INDEX app i u'\necho '4; 0 0 TRIGGER app t u'\n",
		"plan":           strings.Join([]string{"00001", "1", "no", "7", "data", kind, "-", "1", "template1", "app", "dbname=app", "a step"}, "\x1f") + "\n",
		"io/x":           "", "job/x": "", "ram/x": "", "sql/00001.sql": "",
	} {
		put(t, filepath.Join(dir, name), text)
	}
	for _, name := range []string{"docker", "psql", "pg_dump", "pg_dumpall", "pg_restore"} {
		if err := os.Chmod(filepath.Join(dir, "bin", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStampsStayBehind: what a server writes into its columns' options by itself does
// not come to the target, what someone set does; also where a name holds a line's end.
func TestStampsStayBehind(t *testing.T) {
	const dump = "SET x = 1;\n" +
		"ALTER TABLE ONLY public.a ALTER COLUMN i SET (pg_attver=22161880);\n" +
		"ALTER TABLE ONLY public.a ALTER COLUMN j SET (pg_attver=22161880, n_distinct=5);\n" +
		"ALTER TABLE ONLY public.a ALTER COLUMN k SET (n_distinct=5, pg_attver=1, n_distinct_inherited=6);\n" +
		"ALTER FOREIGN TABLE ONLY public.f ALTER COLUMN \"two\nlines\" SET (pg_attver=7);\n" +
		"COMMENT ON TABLE public.a IS 'SET (pg_attver=5) is said here';\n"
	const want = "SET x = 1;\n" +
		"ALTER TABLE ONLY public.a ALTER COLUMN i RESET (n_distinct);\n" +
		"ALTER TABLE ONLY public.a ALTER COLUMN j SET (n_distinct=5);\n" +
		"ALTER TABLE ONLY public.a ALTER COLUMN k SET (n_distinct=5, n_distinct_inherited=6);\n" +
		"ALTER FOREIGN TABLE ONLY public.f ALTER COLUMN \"two\nlines\" RESET (n_distinct);\n" +
		"COMMENT ON TABLE public.a IS 'SET (pg_attver=5) is said here';\n"
	for _, sed := range []string{"sed", "busybox"} {
		t.Run(sed, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			stubs(t, dir, "database")
			put(t, filepath.Join(dir, "text"), dump)
			for name, text := range map[string]string{
				"pg_restore": "#!/bin/sh\np=\nfor a; do [ \"$p\" != -f ] || cat " + dir + "/text >\"$a\"; p=$a; done\n",
				"psql":       "#!/bin/sh\np=\nfor a; do case $p$a in -f*.pre) cp \"$a\" " + dir + "/got;; esac; p=$a; done\n",
				"sed":        "#!/bin/sh\nexec " + map[string]string{"sed": "/bin/sed", "busybox": "busybox sed"}[sed] + " \"$@\"\n",
			} {
				put(t, filepath.Join(dir, "bin", name), text)
				if err := os.Chmod(filepath.Join(dir, "bin", name), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			out, err := play(t, []string{"dash"}, dir, "")
			got, read := os.ReadFile(filepath.Join(dir, "got"))
			if err != nil || read != nil || string(got) != want {
				t.Errorf("%v %v %s\n%s", err, read, out, got)
			}
		})
	}
}
