package compose

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// said runs text with a docker on PATH that the script plays; the folder it may
// count in is $D.
func runText(t *testing.T, docker, text string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte("#!/bin/sh\nD="+dir+"\n"+docker), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", text, "sh")
	cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestEvery: one that goes between the list and the look is left out; an engine
// that fails, at whichever call, is never an answer.
func TestEvery(t *testing.T) {
	const text = EveryText + `x=$(every F -a) || { echo failed; exit 1; }
echo "[$x]"`
	for name, c := range map[string]struct{ docker, want string }{
		"all there": {`case $1 in ps) echo a; echo b;; inspect) shift 5; for i; do echo "is $i"; done;; esac`, "[is a\nis b]\n"},
		"none":      {`case $1 in ps) ;; *) exit 9;; esac`, "[]\n"},
		"one goes": {`case $1 in
ps) [ -e $D/n ] || echo gone; : >$D/n; echo b;;
inspect) shift 5; r=0; for i; do if [ $i = gone ]; then echo; echo "Error: No such container: gone" >&2; r=1; else echo "is $i"; fi; done; exit $r;;
esac`, "[is b]\n"},
		"all go": {`case $1 in
ps) [ -e $D/n ] || echo gone; : >$D/n;;
inspect) echo; echo "Error: No such container: gone" >&2; exit 1;;
esac`, "[]\n"},
		"no engine":           {`echo "Cannot connect to the Docker daemon" >&2; exit 1`, "Cannot connect to the Docker daemon\nfailed\n"},
		"the engine ends":     {`case $1 in ps) [ ! -e $D/n ] || { echo "Cannot connect" >&2; exit 1; }; : >$D/n; echo a;; *) echo "Cannot connect" >&2; exit 1;; esac`, "Cannot connect\nfailed\n"},
		"one that stays dumb": {`case $1 in ps) echo a; echo b;; *) shift 5; [ "$*" = a ] && { echo "is a"; exit 0; }; echo "no answer" >&2; exit 1;; esac`, "container b: no answer\nfailed\n"},
	} {
		if out, err := runText(t, c.docker, text); out != c.want || (err != nil) != strings.HasSuffix(c.want, "failed\n") {
			t.Errorf("%s: %v %q, want %q", name, err, out, c.want)
		}
	}
}

func TestGone(t *testing.T) {
	const text = GoneText + `if gone volume v; then echo gone; else echo there; fi`
	for name, c := range map[string]struct{ docker, want string }{
		"there":         {`[ "$*" = "inspect --type volume -f x v" ] && echo x`, "there\n"},
		"gone":          {`echo "Error: No such volume: v" >&2; exit 1`, "gone\n"},
		"gone, daemon":  {`echo "Error response from daemon: get v: no such volume" >&2; exit 1`, "gone\n"},
		"not answering": {`echo "Cannot connect to the Docker daemon" >&2; exit 1`, "volume v: Cannot connect to the Docker daemon\n"},
	} {
		if out, err := runText(t, c.docker, text); out != c.want || (err != nil) != (name == "not answering") {
			t.Errorf("%s: %v %q, want %q", name, err, out, c.want)
		}
	}
}
