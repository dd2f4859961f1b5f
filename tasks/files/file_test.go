package files_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"remoterun/tasks/files"
	"remoterun/tasks/tasktest"
)

func TestFileTwice(t *testing.T) {
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		dir := t.TempDir()
		tasktest.WriteFile(t, dir+"/plain", "x")
		if err := os.MkdirAll(dir+"/tree/a b/c", 0o755); err != nil {
			t.Fatal(err)
		}
		tasktest.WriteFile(t, dir+"/tree/a b/c/f", "x")
		tasktest.WriteFile(t, dir+"/tree/run", "x")
		_ = os.Chmod(dir+"/tree/run", 0o755)
		if err := os.Symlink("run", dir+"/tree/link"); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("made", dir+"/leads"); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct{ name, args, path, mode string }{
			{"folder where a link leads", "{path: %s/leads, state: directory, mode: '0750'}", "made", "0750"},
			{"folder with parents", "{path: %s/x/y z, state: directory, mode: '0750'}", "x/y z", "0750"},
			{"setgid comes", "{path: %s/x, state: directory, mode: '2755'}", "x", "2755"},
			{"setgid goes", "{path: %s/x, state: directory, mode: '0755'}", "x", "0755"},
			{"symbolic on a file", "{path: %s/plain, mode: 'u+x,g=u,o='}", "plain", "0770"},
			{"mode by number", "{path: %s/plain, mode: 0600}", "plain", "0600"},
			{"owner by number", "{path: %s/plain, owner: 1, group: '2'}", "plain", "0600"},
			{"owner by name", "{path: %s/plain, owner: root, group: root}", "plain", "0600"},
			{"new folder, symbolic", "{path: %s/n, state: directory, mode: 'u=rwx,go='}", "n", "0700"},
			{"touch with times kept", "{path: %s/t, state: touch, mode: '0640', modification_time: preserve, access_time: preserve}", "t", "0640"},
			{"relative link", "{path: %s/l, src: plain, state: link}", "l", "0777"},
			{"link replaced", "{path: %s/l, src: x, state: link}", "l", "0777"},
			{"link over a folder link", "{path: %s/l, src: plain, state: link}", "l", "0777"},
			{"hard link", "{path: %s/h, src: %[1]s/plain, state: hard}", "h", "0600"},
			{"recurse symbolic", "{path: %s/tree, state: directory, recurse: yes, mode: 'u=rwX,go=rX', owner: 3}", "tree/a b/c/f", "0644"},
			{"recurse octal", "{path: %s/tree, recurse: yes, state: directory, mode: '0700'}", "tree/run", "0700"},
			{"file gone", "{path: %s/h, state: absent}", "", ""},
			{"tree gone", "{path: %s/tree, state: absent}", "", ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				o := tasktest.Twice(t, h, files.File(), tasktest.Args(t, fmt.Sprintf(c.args, dir)))
				if c.path == "" {
					return
				}
				if got := tasktest.Bits(t, filepath.Join(dir, c.path)); got != c.mode {
					t.Errorf("mode %s, want %s (steps %v)", got, c.mode, o.Steps)
				}
			})
		}
	})
}

func TestFileRefuses(t *testing.T) {
	h := tasktest.NewHost(t, nil)
	dir := t.TempDir()
	tasktest.WriteFile(t, dir+"/plain", "x")
	_ = os.MkdirAll(dir+"/full/x", 0o755)
	for want, args := range map[string]string{
		"file (%s/none) is absent, cannot continue":                                               "{path: %s/none, state: file}",
		"file (%s/full) is directory, cannot continue":                                            "{path: %s/full, state: file}",
		"%s/plain already exists as a file":                                                       "{path: %s/plain, state: directory}",
		"refusing to convert from file to symlink for %s/plain":                                   "{path: %s/plain, src: full, state: link}",
		"refusing to convert from directory to symlink for %s/full":                               "{path: %s/full, src: ../plain, state: link}",
		"the directory %s/full is not empty, refusing to convert it":                              "{path: %s/full, src: /, state: link, force: yes}",
		`src file does not exist, use "force=yes" if you really want to create the link: %s/gone`: "{path: %s/l, src: gone, state: link}",
		"src is required for creating new symlinks":                                               "{path: %s/l, state: link}",
		"chown failed: failed to look up user nobody-here or to change the owner of %s/plain":     "{path: %s/plain, owner: nobody-here}",
	} {
		if got := want; len(got) > 3 {
			args = fmt.Sprintf(args, dir)
			o, err := tasktest.Apply(t.Context(), h, files.File(), tasktest.Args(t, args), false)
			if err != nil {
				t.Fatal(err)
			}
			expect := want
			for i := 0; i+1 < len(expect); i++ {
				if expect[i:i+2] == "%s" {
					expect = expect[:i] + dir + expect[i+2:]
				}
			}
			if !o.Result.Failed || len(o.Result.Msg) < len(expect) || o.Result.Msg[len(o.Result.Msg)-len(expect):] != expect {
				t.Errorf("%s:\n got %q\nwant %q", args, o.Result.Msg, expect)
			}
		}
	}
}
