package sh

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tempLab is a folder to write into and a home whose notes a test can see: the
// user is one who does not own /, played by a HOME and a shell function.
type tempLab struct {
	dir, home string
	argv      []string
}

func newTempLab(t *testing.T, argv []string) tempLab {
	t.Helper()
	return tempLab{t.TempDir(), t.TempDir(), argv}
}

// script is text after Temp, with the notes in the lab's home whoever runs it.
func (l tempLab) script(text string) *exec.Cmd {
	own := strings.Replace(string(Temp), "if [ -O / ]", "if false", 1)
	cmd := exec.Command(l.argv[0], append(l.argv[1:], "-c", own+text, "sh", l.dir)...)
	cmd.Env = append(os.Environ(), "HOME="+l.home, "XDG_STATE_HOME=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// left is what lies in the folder and in the notes.
func (l tempLab) left(t *testing.T) string {
	t.Helper()
	var all []string
	for _, d := range []string{l.dir, filepath.Join(l.home, ".local/state/remoterun/.tmp")} {
		list, err := os.ReadDir(d)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, e := range list {
			all = append(all, e.Name())
		}
	}
	return strings.Join(all, " ")
}

const writer = `
_name "$1"; set -C; : >"$_t"; set +C
_name "$1" d; mkdir "$_t"; : >"$_t/inner"
`

// TestTempEnds: a script with temporary files that ends by itself, by an error,
// by any signal, or by printing to nobody, leaves nothing.
func TestTempEnds(t *testing.T) {
	for _, argv := range shells(t) {
		for name, end := range map[string]string{
			"the end": "", "exit": "exit 3", "set -e": "set -e; false", "HUP": "kill -1 $$; sleep 9", "INT": "kill -2 $$; sleep 9",
			"QUIT": "kill -3 $$; sleep 9", "PIPE": "kill -13 $$; sleep 9", "TERM": "kill $$; sleep 9",
			"a syntax error": `eval "if then"`, "a subshell": "( kill $$ )", "a folder with blanks": `mkdir "$1/a b"; _name "$1/a b/"; : >"$_t"; rm -f "$_t"; rmdir "$1/a b"`,
		} {
			t.Run(strings.Join(argv, " ")+"/"+name, func(t *testing.T) {
				l := newTempLab(t, argv)
				out, _ := l.script(writer + end).CombinedOutput()
				if left := l.left(t); left != "" {
					t.Errorf("left: %s (the script said %q)", left, out)
				}
			})
		}
	}
}

// TestTempReaderGone: who reads stdout and stderr is gone: both are pipes that
// nobody has open any more.
func TestTempReaderGone(t *testing.T) {
	for _, argv := range shells(t) {
		for _, to := range []string{"", " >&2"} {
			l := newTempLab(t, argv)
			cmd := l.script(writer + "read -r x; while :; do echo something" + to + "; done")
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stdout, cmd.Stderr = w, w
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			_, _ = w.Close(), r.Close()
			_, _ = io.WriteString(in, "go\n")
			_ = cmd.Wait()
			if left := l.left(t); left != "" {
				t.Errorf("%v%s: left: %s", argv, to, left)
			}
		}
	}
}

// TestTempKilled: what a killed script left is there until the next one begins,
// and what a living one needs stays.
func TestTempKilled(t *testing.T) {
	for _, argv := range shells(t) {
		t.Run(strings.Join(argv, " "), func(t *testing.T) {
			l := newTempLab(t, argv)
			alive := l.script(writer + "echo made; read -r x")
			in, _ := alive.StdinPipe()
			out, _ := alive.StdoutPipe()
			if err := alive.Start(); err != nil {
				t.Fatal(err)
			}
			_, _ = io.ReadFull(out, make([]byte, 5))
			theirs := l.left(t)
			if b, err := l.script(writer + "kill -9 $$").CombinedOutput(); err == nil {
				t.Fatalf("it ended by itself: %s", b)
			}
			if n := len(strings.Fields(l.left(t))); n != 6 {
				t.Fatalf("%d things are there, want two files, two folders and two notes: %s", n, l.left(t))
			}
			if b, err := l.script("").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, b)
			}
			if got := l.left(t); got != theirs {
				t.Errorf("after the next script there is %q, the living one has %q", got, theirs)
			}
			_ = in.Close()
			_ = alive.Wait()
			if left := l.left(t); left != "" {
				t.Errorf("left: %s", left)
			}
		})
	}
}

// TestTempNotesOfOthers: a note is only believed for names that are ours, a
// process id that another program has by now is no living writer, and a note
// that was cut says nothing.
func TestTempNotesOfOthers(t *testing.T) {
	for _, argv := range shells(t) {
		l := newTempLab(t, argv)
		notes := filepath.Join(l.home, ".local/state/remoterun/.tmp")
		if err := os.MkdirAll(notes, 0o700); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{
			fmt.Sprintf("%d.1", os.Getpid()): "f " + l.dir + "/.remoterun.old\n",
			"999999.7":                       "f " + l.dir + "/precious\nd " + l.dir + "\nf relative/.remoterun.x\nx " + l.dir + "/.remoterun.keep\nd " + l.dir + "/.remoterun.\nf " + l.dir + "/.remoterun.cut",
			"README":                         "f " + l.dir + "/.remoterun.keep\n",
		} {
			if err := os.WriteFile(filepath.Join(notes, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, f := range []string{"precious", ".remoterun.old", ".remoterun.keep", ".remoterun.cut"} {
			if err := os.WriteFile(filepath.Join(l.dir, f), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if b, err := l.script("").CombinedOutput(); err != nil || len(b) > 0 {
			t.Fatalf("%v: %v: %s", argv, err, b)
		}
		if got := l.left(t); got != ".remoterun.cut .remoterun.keep precious README" {
			t.Errorf("%v: left: %s", argv, got)
		}
	}
}

// TestTempWithoutHome: a user without a home keeps the notes in /tmp, in a
// folder of its own; somebody else's link there is not followed.
func TestTempWithoutHome(t *testing.T) {
	for _, argv := range shells(t) {
		l := newTempLab(t, argv)
		tmp := t.TempDir()
		run := func(text string) string {
			cmd := l.script(text)
			cmd.Env = append(cmd.Env, "HOME=/nonexistent/x", "TMPDIR="+tmp)
			if os.Geteuid() == 0 { // who can make any folder
				cmd.Env = append(cmd.Env, "HOME=", "XDG_STATE_HOME=relative")
			}
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v: %v", argv, err)
			}
			return string(out)
		}
		folder := filepath.Join(tmp, ".remoterun-tmp-"+strconv.Itoa(os.Getuid()))
		if out := run(writer + `echo "$_d"`); strings.TrimSpace(out) != folder {
			t.Errorf("%v: notes in %q, want %q", argv, out, folder)
		}
		if i, err := os.Stat(folder); err != nil || i.Mode().Perm() != 0o700 {
			t.Errorf("%v: %v %v", argv, i, err)
		}
		_ = os.RemoveAll(folder)
		if err := os.Symlink(l.home, folder); err != nil {
			t.Fatal(err)
		}
		if out := run(writer + `echo "[$_d]"`); strings.TrimSpace(out) != "[]" {
			t.Errorf("%v: notes in %q behind a link", argv, out)
		}
		if left := l.left(t); left != "" {
			t.Errorf("%v: left: %s", argv, left)
		}
	}
}

// TestTempInChain: each step of a chain cleans up for itself.
func TestTempInChain(t *testing.T) {
	for _, argv := range shells(t) {
		l := newTempLab(t, argv)
		own := strings.Replace(string(Temp), "if [ -O / ]", "if false", 1)
		step := Cmd{Text: own + writer + `ls -A "$1" | wc -l`, Args: []string{l.dir}}
		script, _, err := Batch{Chain: []Link{{Steps: []Cmd{step, step}}, {Steps: []Cmd{{Text: own + writer + "exit 4", Args: []string{l.dir}}}}}}.Render("0123")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(l.argv[0], append(l.argv[1:], "-c", script)...)
		cmd.Env = append(os.Environ(), "HOME="+l.home, "XDG_STATE_HOME=")
		out, _ := cmd.Output()
		if n := strings.Count(string(out), "2\n0123 s"); n != 2 {
			t.Errorf("%v: %q", argv, out)
		}
		if left := l.left(t); left != "" {
			t.Errorf("%v: left: %s", argv, left)
		}
	}
}

// TestTempKilledAnywhere kills writers at places that nobody chose; the next
// script leaves nothing of them.
func TestTempKilledAnywhere(t *testing.T) {
	for _, argv := range shells(t) {
		l := newTempLab(t, argv)
		for i := range 40 {
			cmd := l.script("while :; do " + writer + "done")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(3+i%17) * time.Millisecond)
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			_ = cmd.Wait()
		}
		if b, err := l.script("").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		if left := l.left(t); left != "" {
			t.Errorf("%v: left: %s", argv, left)
		}
	}
}
