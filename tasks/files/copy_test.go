package files_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/value"
	"remoterun/tasks/files"
	"remoterun/tasks/tasktest"
)

func TestCopyTwice(t *testing.T) {
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		dir := t.TempDir()
		h.In = &tasktest.Inputs{Dir: t.TempDir()}
		tasktest.WriteFile(t, h.In.Dir+"/f", "binary \x00\xff\n")
		tasktest.WriteFile(t, dir+"/here", "on the host")
		for _, c := range []struct{ name, args, path, text, mode string }{
			{"file", "{src: f, dest: %s/f}", "f", "binary \x00\xff\n", "0644"},
			{"into a folder to make", "{src: f, dest: %s/n/m/, mode: '0600'}", "n/m/f", "binary \x00\xff\n", "0600"},
			{"content", "{content: 'a: b', dest: %s/c, owner: 4}", "c", "a: b", "0644"},
			{"content as JSON", "{content: {a: [1, null]}, dest: %s/j}", "j", `{"a": [1, null]}`, "0644"},
			{"empty content", "{content: '', dest: %s/e}", "e", "", "0644"},
			{"on the host", "{src: %[1]s/here, dest: %[1]s/there, remote_src: yes, mode: preserve}", "there", "on the host", "0644"},
		} {
			t.Run(c.name, func(t *testing.T) {
				tasktest.Twice(t, h, files.Copy(), tasktest.Args(t, fmt.Sprintf(c.args, dir)))
				if p := filepath.Join(dir, c.path); tasktest.ReadFile(t, p) != c.text || tasktest.Bits(t, p) != c.mode {
					t.Errorf("%q %s", tasktest.ReadFile(t, p), tasktest.Bits(t, p))
				}
			})
		}
	})
}

// makeTree makes a folder with awkward names.
func makeTree(t *testing.T, root string) map[string]string {
	t.Helper()
	texts := map[string]string{"a": "1", "sub/b c": "2\n", "sub/deep/it's": "3", "sub/-x": "4", "sub/back\\slash": "5", "empty": ""}
	for name, text := range texts {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		tasktest.WriteFile(t, p, text)
	}
	if err := os.MkdirAll(root+"/none", 0o755); err != nil {
		t.Fatal(err)
	}
	_ = os.Symlink("../a", root+"/sub/link")
	_ = os.Symlink("deep", root+"/sub/dirlink")
	return texts
}

func TestCopyTree(t *testing.T) {
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		h.In = &tasktest.Inputs{Dir: t.TempDir()}
		texts := makeTree(t, h.In.Dir+"/src")
		dir := t.TempDir()
		o := tasktest.Twice(t, h, files.Copy(), tasktest.Args(t, "{src: src/, dest: "+dir+"/to, mode: '0640', directory_mode: '0750'}"))
		for name, text := range texts {
			if p := filepath.Join(dir, "to", name); tasktest.ReadFile(t, p) != text || tasktest.Bits(t, p) != "0640" {
				t.Errorf("%s: %q %s", name, tasktest.ReadFile(t, p), tasktest.Bits(t, p))
			}
		}
		if tasktest.Bits(t, dir+"/to/sub/deep") != "0750" || tasktest.ReadFile(t, dir+"/to/sub/dirlink/it's") != "3" || o.Rounds > 3 {
			t.Errorf("folders %s, %d rounds", tasktest.Bits(t, dir+"/to/sub/deep"), o.Rounds)
		}
		tasktest.WriteFile(t, dir+"/to/a", "changed")
		_ = os.Chmod(dir+"/to/empty", 0o600)
		tasktest.WriteFile(t, dir+"/to/foreign", "stays")
		o = tasktest.Must(t, h, files.Copy(), tasktest.Args(t, "{src: src/, dest: "+dir+"/to}"))
		if len(o.Steps) != 1 || o.Steps[0] != "send 1 file to "+dir+"/to" || tasktest.ReadFile(t, dir+"/to/a") != "1" || tasktest.Bits(t, dir+"/to/empty") != "0600" || tasktest.ReadFile(t, dir+"/to/foreign") != "stays" {
			t.Errorf("steps %q", o.Steps)
		}
		tasktest.Twice(t, h, files.Copy(), tasktest.Args(t, "{src: src, dest: "+dir+"/whole, local_follow: no, owner: 7}"))
		if to, _ := os.Readlink(dir + "/whole/src/sub/link"); to != "../a" {
			t.Errorf("link leads to %q", to)
		}
		tasktest.Twice(t, h, files.Copy(), tasktest.Args(t, "{src: "+dir+"/whole/, dest: "+dir+"/again, remote_src: yes}"))
		if tasktest.ReadFile(t, dir+"/again/src/sub/b c") != "2\n" {
			t.Error("a remote copy is incomplete")
		}
		if left, _ := filepath.Glob(dir + "/*/.remoterun*"); left != nil {
			t.Errorf("left behind: %v", left)
		}
	})
}

func TestCopySecretsAndRefusals(t *testing.T) {
	h := tasktest.NewHost(t, nil)
	dir := t.TempDir()
	args := value.MapOf("content", value.MarkedString("hunter2", value.Sealed), "dest", value.String(dir+"/key"), "mode", value.String("0400"))
	o := tasktest.Must(t, h, files.Copy(), args)
	if tasktest.ReadFile(t, dir+"/key") != "hunter2" || !o.Plans[0].Diff[0].Secret || o.Plans[0].Diff[0].AfterText != "" {
		t.Errorf("%+v", o.Plans[0].Diff)
	}
	h.In = &tasktest.Inputs{Dir: dir}
	_ = os.Mkdir(dir+"/d", 0o755)
	for want, a := range map[string]string{
		"Copied file does not match the expected checksum": "{src: key, dest: /x, checksum: abc}",
		"src and content are mutually exclusive":           "{src: a, content: b, dest: /x}",
		"src (or content) is required":                     "{dest: /x}",
		"can not use content with a dir as dest":           "{content: a, dest: /x/}",
		"Source /no/such not found":                        "{src: /no/such, dest: /x, remote_src: yes}",
	} {
		o, err := tasktest.Apply(t.Context(), h, files.Copy(), tasktest.Args(t, a), false)
		if got := fmt.Sprint(err, o.Result.Msg); !strings.Contains(got, want) {
			t.Errorf("%s: %s", a, got)
		}
	}
}

// TestCopyTreeOddLinks: links that lead nowhere, to themselves, up into the folder
// that is copied, or to a device are copied as links, as Ansible does.
func TestCopyTreeOddLinks(t *testing.T) {
	h := tasktest.NewHost(t, nil)
	h.In = &tasktest.Inputs{Dir: t.TempDir()}
	src, dir := h.In.Dir+"/src", t.TempDir()
	for _, d := range []string{"/outside", "/src/sub"} {
		if err := os.MkdirAll(h.In.Dir+d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tasktest.WriteFile(t, h.In.Dir+"/outside/f", "out")
	tasktest.WriteFile(t, src+"/sub/f", "1")
	links := map[string]string{"broken": "nowhere", "loop": "loop", "self": ".", "sub/up": "..", "sub/here": "../sub", "null": "/dev/null"}
	for name, to := range links {
		if err := os.Symlink(to, filepath.Join(src, name)); err != nil {
			t.Fatal(err)
		}
	}
	_ = os.Symlink("../outside", src+"/other")
	tasktest.Twice(t, h, files.Copy(), tasktest.Args(t, "{src: src/, dest: "+dir+"/to}"))
	for name, want := range links {
		if to, _ := os.Readlink(filepath.Join(dir, "to", name)); to != want {
			t.Errorf("%s leads to %q, want %q", name, to, want)
		}
	}
	if tasktest.ReadFile(t, dir+"/to/other/f") != "out" || tasktest.ReadFile(t, dir+"/to/sub/f") != "1" {
		t.Error("what is no such link was not followed")
	}
}
