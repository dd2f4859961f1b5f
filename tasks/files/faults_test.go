package files_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/local"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/archives"
	"remoterun/tasks/files"
	"remoterun/tasks/tasktest"
)

// TestFullDisk: the old file stays whole, nothing is left, and the message says
// what is wrong.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "none", dir).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
	tasktest.WriteFile(t, dir+"/f", "old")
	h := tasktest.NewHost(t, nil)
	h.Ask = nil
	h.In = &tasktest.Inputs{Dir: t.TempDir()}
	tasktest.WriteFile(t, h.In.Dir+"/big", string(bytes.Repeat([]byte("x"), 200<<10)))
	_ = os.Mkdir(h.In.Dir+"/tree", 0o755)
	tasktest.WriteFile(t, h.In.Dir+"/tree/big", string(bytes.Repeat([]byte("x"), 2<<20)))
	for _, args := range []string{"{src: big, dest: %s/f}", "{src: tree/, dest: %s/t}"} {
		o, err := tasktest.Apply(t.Context(), h, files.Copy(), tasktest.Args(t, fmt.Sprintf(args, dir)), false)
		// tar has words of its own for a short write.
		full := strings.Contains(o.Result.Msg, "No space left on device") || strings.Contains(o.Result.Msg, "Wrote only")
		if err != nil || !o.Result.Failed || !full {
			t.Errorf("%s: %q %v", args, o.Result.Msg, err)
		}
	}
	left, _ := filepath.Glob(dir + "/.remoterun*")
	more, _ := filepath.Glob(dir + "/t/.remoterun*")
	if tasktest.ReadFile(t, dir+"/f") != "old" || left != nil || more != nil {
		t.Errorf("file %q, left %v %v", tasktest.ReadFile(t, dir+"/f"), left, more)
	}
}

// TestAsAnotherUser works as a user without rights on what is root's.
func TestAsAnotherUser(t *testing.T) {
	dir := t.TempDir()
	for p := dir; p != "/tmp" && p != "/"; p = filepath.Dir(p) {
		_ = os.Chmod(p, 0o755)
	}
	mine := dir + "/mine"
	_ = os.Mkdir(mine, 0o755)
	_ = os.Chown(mine, 65534, 65534)
	tasktest.WriteFile(t, dir+"/roots", "secret")
	_ = os.Chmod(dir+"/roots", 0o600)
	_ = os.Mkdir(dir+"/shut", 0o700)
	tasktest.WriteFile(t, dir+"/shut/f", "x")
	conn := local.New("nobody", nil, local.Options{Shell: []string{"/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/bin/sh"}, Env: []string{"PATH=/usr/bin:/bin", "HOME=" + mine}})
	t.Cleanup(func() { _ = conn.Close() })
	h := tasktest.Host{Conn: conn, In: &tasktest.Inputs{Dir: t.TempDir()}}
	for _, c := range []struct {
		m    play.Module
		args string
	}{
		{files.Copy(), "{content: hello, dest: %s/mine/f, mode: '0640'}"},
		{files.LineInFile(), "{path: %s/mine/f, line: more}"},
		{files.File(), "{path: %s/mine/a/b, state: directory, mode: '0700'}"},
		{files.Copy(), "{content: x, dest: ~/g}"},
	} {
		args := c.args
		if strings.Contains(args, "%s") {
			args = fmt.Sprintf(args, dir)
		}
		tasktest.Twice(t, h, c.m, tasktest.Args(t, args))
	}
	if tasktest.ReadFile(t, mine+"/g") != "x" {
		t.Error("~ is not the user's home")
	}
	for _, c := range []struct {
		m          play.Module
		args, want string
	}{
		{files.File(), "{path: %s/roots, mode: '0644'}", "Operation not permitted"},
		{files.File(), "{path: %s/shut/f, state: absent}", "Permission denied"},
		{files.File(), "{path: %s/new, state: directory}", "Permission denied"},
		{files.LineInFile(), "{path: %s/roots, line: x}", "cannot be read"},
		{files.Copy(), "{content: x, dest: %s/roots}", "Permission denied"},
		{files.Slurp(), "{src: %s/roots}", "file is not readable"},
		{files.Stat(), "{path: %s/shut/f}", "Permission denied"},
		{files.File(), "{path: %s/mine/f, owner: root}", "chown failed"},
	} {
		o, err := tasktest.Apply(t.Context(), h, c.m, tasktest.Args(t, fmt.Sprintf(c.args, dir)), false)
		if got := fmt.Sprint(o.Result.Msg, err); !strings.Contains(got, c.want) || err == nil && !o.Result.Failed {
			t.Errorf("%s %s: %s, want %s", c.m.Spec().Name, c.args, got, c.want)
		}
	}
	if tasktest.ReadFile(t, dir+"/roots") != "secret" {
		t.Error("root's file changed")
	}
}

// BenchmarkCopyTree copies a folder of 5,000 files that the host has already.
func BenchmarkCopyTree(b *testing.B) {
	in := &tasktest.Inputs{Dir: b.TempDir()}
	for i := range 5000 {
		p := fmt.Sprintf("%s/t/d%d/f%d", in.Dir, i%50, i)
		_ = os.MkdirAll(filepath.Dir(p), 0o755)
		if err := os.WriteFile(p, fmt.Append(nil, i), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	conn := local.New("bench", nil, local.Options{})
	b.Cleanup(func() { _ = conn.Close() })
	h := tasktest.Host{Conn: conn, In: in}
	args := value.MapOf("src", value.String("t/"), "dest", value.String(b.TempDir()+"/to"))
	o := tasktest.Must(b, h, files.Copy(), args)
	if len(o.Steps) != 1 {
		b.Fatalf("steps %v", o.Steps)
	}
	for b.Loop() {
		if o := tasktest.Must(b, h, files.Copy(), args); len(o.Steps) != 0 || o.Rounds > 2 {
			b.Fatalf("steps %v, %d rounds", o.Steps, o.Rounds)
		}
	}
}

// TestUnarchiveOnAFullDisk: an archive that does not fit leaves nothing.
func TestUnarchiveOnAFullDisk(t *testing.T) {
	dir, src := t.TempDir(), t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=256k", "none", dir).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
	tasktest.WriteFile(t, src+"/a", "first")
	tasktest.WriteFile(t, src+"/big", strings.Repeat("x", 1<<20))
	if out, err := exec.Command("tar", "-czf", src+"/a.tgz", "-C", src, "a", "big").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, out)
	}
	for name, env := range tasktest.Shells(t) {
		h := tasktest.NewHost(t, env)
		h.In = &tasktest.Inputs{Dir: src}
		o, err := tasktest.Apply(t.Context(), h, archives.Unarchive(), tasktest.Args(t, fmt.Sprintf("{src: a.tgz, dest: %s}", dir)), false)
		if err != nil || !o.Result.Failed || !strings.Contains(o.Result.Msg, "failed to unpack a.tgz") {
			t.Errorf("%s: %q %v", name, o.Result.Msg, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
}
