package move

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/sh"
)

// TestAnEngineThatEnds: a Docker engine that does not answer, from whichever call on,
// has not said that a container, a volume or a mount is not there. Each text that
// asks what is there ends with an error and touches nothing.
func TestAnEngineThatEnds(t *testing.T) {
	for name, c := range map[string]struct {
		text sh.Constant
		args []string
	}{
		"put the old cluster aside":   {retireText, []string{"DATA"}},
		"stop containers":             {stopText, []string{"10", "app", "db"}},
		"stop a server of ours":       {stopServerText, []string{"source"}},
		"start a container":           {startText, []string{"app", "always", "yes"}},
		"end a rehearsal":             {strikeText, []string{"p", "DIR", "DIR/ram/x", "p_source", "DIR/state"}},
		"look for copies":             {leftText, []string{"p_new=id1", "p_newer=id2"}},
		"look at the old cluster":     {oldText, []string{"DATA", "postgres:16", "p_db"}},
		"look at the data folder":     {folderText, []string{"DATA", "db"}},
		"ask for addresses":           {addressesText, nil},
		"choose a name":               {freeText, []string{"p_new", ""}},
		"ask who reaches the server":  {reachText, []string{"db"}},
		"make a volume":               {volumeText, []string{"p", "p_new", "", ""}},
		"start what copies":           {bothText, []string{"MOVE"}},
		"start what copies, its name": {volumeText, []string{"p", "p_new", "id1", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			for n := 1; ; n++ {
				dir := t.TempDir()
				words := layEngine(t, dir, n, c.args)
				cmd := exec.Command("sh", append([]string{"-c", string(c.text), "sh"}, words...)...)
				cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH")}
				out, err := cmd.CombinedOutput()
				failed, _ := os.ReadFile(filepath.Join(dir, "failed"))
				if len(failed) == 0 {
					break
				}
				if !strings.Contains(string(failed), "question") {
					continue
				}
				asked++
				if err == nil {
					t.Errorf("the engine ended at its call %d (%s), and this was told: %s", n, strings.TrimSpace(string(failed)), out)
				}
				if _, err := os.Stat(filepath.Join(dir, "data", "postmaster.pid")); err != nil {
					t.Errorf("the engine ended at its call %d, and the data folder was changed: %v", n, err)
				}
			}
			if asked == 0 {
				t.Error("no question was asked")
			}
		})
	}
}

// layEngine makes a docker that ends at its call n, and what the texts look at.
func layEngine(t *testing.T, dir string, n int, args []string) []string {
	t.Helper()
	for name, text := range map[string]string{
		"data/PG_VERSION": "16\n", "data/postmaster.pid": "1\n", "data/global/pg_control": "c",
		"move/conf": "ram=" + dir + "/ram\nvolume=p_new\nsuper=postgres\n", "move/name.source": "source\n", "move/name.target": "target\n", "move/port.source": "1\n", "move/port.target": "2\n",
		"move/run.source": "docker run x\n", "move/run.target": "docker run x\n", "move/volatile": "",
		"docker": fmt.Sprintf(`#!/bin/sh
cd %s
echo "$*" >>calls
if [ "$(grep -c '' calls)" -ge %d ]; then
	echo "Cannot connect to the Docker daemon. Is it running?" >&2
	case "$*" in ps*|inspect*|"volume ls"*|"volume inspect"*) echo "question: $*" >>failed;; *) echo "order: $*" >>failed;; esac
	exit 1
fi
case "$*" in
ps*volume=*) ;;
ps*) echo c1; echo c2;;
*State.Running*) if [ -e stopped ] || [ "$6" = source ]; then echo false; else echo true; fi;;
stop*) : >stopped;;
*"-f x"*) case "$*" in *" p_"*) echo "Error: No such volume" >&2; exit 1;; esac; echo x;;
run*pg_control*) echo "Database system identifier: 77";;
volume\ ls*) echo p_rehearsal;;
*) echo /elsewhere;;
esac
`, dir, n),
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var out []string
	for _, a := range args {
		out = append(out, strings.NewReplacer("DATA", dir+"/data", "DIR", dir+"/work", "MOVE", dir+"/move").Replace(a))
	}
	return out
}
