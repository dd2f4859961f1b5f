//go:build linux

package move

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/move/movetest"
	"remoterun/tasks/tasktest"
)

// faults are what happens at a step of the copy, as shell text on the host: $1 is
// the project. The client's end and a cut link are the same here: nobody follows
// any more, and the job does not know.
func faults() map[string]string {
	return map[string]string{
		"target killed": `docker kill "$1-move-target" >/dev/null`,
		"source killed": `docker kill "$1-move-source" >/dev/null`,
		"job killed":    `kill -KILL "-$(cat "/var/lib/remoterun/$1/jobs/move/pid")"`,
		"link cut":      `: >"$FAULTS/cut"; sleep 1`,
	}
}

// shim stands before docker in the job's PATH. The commands of a worker go through
// one shell in the target: what goes in there is read line by line on the way, and
// at the first line for a step that is wanted the fault is made, just before it or
// in its middle. Every step of the plan names its file in a line, so every step can
// be hit.
const shim = `#!/bin/sh
PATH=%[2]s
FAULTS=%[1]s
export PATH FAULTS
[ "$*" = "exec -i %[3]s-move-target sh" ] || exec docker "$@"
pass() {
	while IFS= read -r line; do
		n=$(printf '%%s' "$line" | sed -n 's|.*/remoterun/[a-z]*/\([0-9][0-9][0-9][0-9][0-9]\)\..*|\1|p' | head -n 1)
		if [ -n "$n" ] && [ -e "$FAULTS/want/$n" ] && mkdir "$FAULTS/hit/$n" 2>/dev/null; then
			case $n in
			*[02468]) sh "$FAULTS/want/$n" %[3]s ;;
			*) (sleep 0.1; sh "$FAULTS/want/$n" %[3]s) & ;;
			esac
		fi
		printf '%%s\n' "$line"
	done
}
p=$(mktemp -u "$FAULTS/pids/XXXXXX") && mkfifo "$p" || exit 1
exec 3<&0
pass <&3 >"$p" &
echo $! >"$p.pid"
exec docker "$@" <"$p" 3<&-
`

// faulty puts the shim in place.
func (l *lab) faulty() string {
	l.t.Helper()
	dir := l.t.TempDir()
	for _, d := range []string{"bin", "want", "hit", "pids"} {
		l.must(os.Mkdir(filepath.Join(dir, d), 0o755))
	}
	l.must(os.WriteFile(filepath.Join(dir, "bin", "docker"), fmt.Appendf(nil, shim, dir, os.Getenv("PATH"), l.project), 0o755))
	l.t.Cleanup(func() { _ = l.try(`cat "$1"/pids/*.pid 2>/dev/null | xargs -r kill -KILL`, dir) })
	l.env = []string{"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH"), "HOME=/root"}
	l.connect()
	return dir
}

// follow does the phase copy; a cut link ends it in the middle.
func (l *lab) follow(dir string) (play.Result, error) {
	ctx, cancel := context.WithCancel(l.t.Context())
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			if os.Remove(filepath.Join(dir, "cut")) == nil {
				cancel()
			}
			time.Sleep(50 * time.Millisecond)
		}
	}()
	args := value.MapOf("project", value.String(l.project), "compose_dir", value.String(l.dir), "service", value.String("db"), "phase", value.String("copy"), "image", value.String(l.to), "jobs", value.Int(2))
	d := Deps{Dir: func() string { return l.reports }, By: "anna@laptop", Yes: true}
	o, err := tasktest.Apply(ctx, tasktest.Host{Conn: l.conn}, moveDatabase(d.Filled()), args, false)
	return o.Result, err
}

// TestRealFaults: at steps of the copy, of which the plan itself is the list,
// something breaks; the same command again goes on, and in the end all is equal
// and nothing lost. REMOTERUN_FAULTS=all takes every step, once for each fault;
// else it is a sample by the seed that is printed (REMOTERUN_FAULTS=SEED repeats it).
func TestRealFaults(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	how := os.Getenv("REMOTERUN_FAULTS")
	if n, err := strconv.ParseUint(how, 10, 64); err == nil {
		seed = n
	}
	t.Logf("REMOTERUN_FAULTS=%d", seed)
	names := make([]string, 0, len(faults()))
	for n := range faults() {
		names = append(names, n)
	}
	slices.Sort(names)
	passes := [][]string{names}
	if how == "all" {
		passes = nil
		for _, n := range names {
			passes = append(passes, []string{n})
		}
	}
	for _, kinds := range passes {
		t.Run(strings.Join(kinds, ", "), func(t *testing.T) {
			if how == "all" && movetest.Passed(t) {
				return
			}
			faultPass(t, kinds, rand.New(rand.NewPCG(seed, 1)), how == "all")
		})
	}
}

// sample is how many steps are hit where not all are.
const sample = 12

func faultPass(t *testing.T, kinds []string, r *rand.Rand, all bool) {
	l := newLab(t, 17, 17)
	l.ok("preflight", "backup", "freeze", "target")
	dir := l.faulty()
	plan, err := os.ReadFile("/var/lib/remoterun/" + l.project + "/move/plan")
	l.must(err)
	lines := strings.Split(strings.TrimSpace(string(plan)), "\n")
	steps := r.Perm(len(lines))
	if !all {
		steps = steps[:min(sample, len(steps))]
	}
	told := map[string]string{}
	for _, i := range steps {
		f := strings.Split(lines[i], "\x1f")
		kind := kinds[r.IntN(len(kinds))]
		told[f[0]] = f[4] + ", " + f[11] + ": " + kind
		l.must(os.WriteFile(filepath.Join(dir, "want", f[0]), []byte(faults()[kind]), 0o644))
	}
	tries := 0
	for ; ; tries++ {
		res, err := l.follow(dir)
		if err == nil && !res.Failed {
			break
		}
		if tries > 2*len(steps)+5 {
			t.Fatalf("it does not come to an end: %v %s", err, res.Msg)
		}
	}
	hit, err := filepath.Glob(filepath.Join(dir, "hit", "*"))
	l.must(err)
	for _, h := range hit {
		t.Log("hit ", told[filepath.Base(h)])
	}
	t.Logf("%d of %d steps were hit, %d runs", len(hit), len(lines), tries+1)
	for _, i := range steps {
		f := strings.Split(lines[i], "\x1f")
		if _, err := os.Stat(filepath.Join(dir, "hit", f[0])); err == nil {
			continue
		}
		// A database without references, triggers and rules has nothing to do there.
		list, err := os.ReadFile("/var/lib/remoterun/" + l.project + "/move/sql/" + f[0] + ".list")
		if f[5] != "post" || err != nil || len(list) > 0 {
			t.Errorf("the fault was not made at %s", told[f[0]])
		}
	}
	l.ok("proof", "cut_over", "smoke")
	l.nothingLost()
	l.more()
	for _, name := range []string{"-move-source", "-move-target"} {
		if exec.Command("docker", "inspect", l.project+name).Run() == nil {
			t.Errorf("container %s is left", l.project+name)
		}
	}
}
