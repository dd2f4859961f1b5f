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

func TestTemplateTwice(t *testing.T) {
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		dir := t.TempDir()
		h.In = &tasktest.Inputs{Dir: t.TempDir(), Vars: map[string]string{"port": "80"}}
		tasktest.WriteFile(t, h.In.Dir+"/a.conf.j2", "listen {{ port }};\n")
		_ = os.Chmod(h.In.Dir+"/a.conf.j2", 0o640)
		_ = os.Mkdir(dir+"/d", 0o755)
		_ = os.Symlink("real", dir+"/link")
		for _, c := range []struct{ name, args, path, text, mode string }{
			{"new", "{src: a.conf.j2, dest: %s/a b.conf}", "a b.conf", "listen 80;\n", "0644"},
			{"mode given", "{src: a.conf.j2, dest: %s/m, mode: '0600'}", "m", "listen 80;\n", "0600"},
			{"symbolic mode of a new file", "{src: a.conf.j2, dest: %s/s, mode: 'g+w,o='}", "s", "listen 80;\n", "0660"},
			{"mode of the source", "{src: a.conf.j2, dest: %s/p, mode: preserve}", "p", "listen 80;\n", "0640"},
			{"into a folder", "{src: a.conf.j2, dest: %s/d}", "d/a.conf.j2", "listen 80;\n", "0644"},
			{"into a folder to make", "{src: a.conf.j2, dest: %s/e/f/}", "e/f/a.conf.j2", "listen 80;\n", "0644"},
			{"through a link", "{src: a.conf.j2, dest: %s/link, follow: yes, force: yes, mode: '0644'}", "real", "listen 80;\n", "0644"},
			{"instead of a link", "{src: a.conf.j2, dest: %s/link, mode: '0604'}", "link", "listen 80;\n", "0604"},
		} {
			t.Run(c.name, func(t *testing.T) {
				if c.name == "through a link" {
					tasktest.WriteFile(t, dir+"/real", "old")
				}
				tasktest.Twice(t, h, files.Template(), tasktest.Args(t, fmt.Sprintf(c.args, dir)))
				p := filepath.Join(dir, c.path)
				if tasktest.ReadFile(t, p) != c.text || tasktest.Bits(t, p) != c.mode {
					t.Errorf("%q %s, want %q %s", tasktest.ReadFile(t, p), tasktest.Bits(t, p), c.text, c.mode)
				}
			})
		}
		left, _ := filepath.Glob(dir + "/.remoterun*")
		if left != nil {
			t.Errorf("left behind: %v", left)
		}
	})
}

func TestTemplateKeepsModeAndMakesBackup(t *testing.T) {
	h := tasktest.NewHost(t, nil)
	dir := t.TempDir()
	h.In = &tasktest.Inputs{Dir: t.TempDir()}
	tasktest.WriteFile(t, h.In.Dir+"/t", "new\n")
	tasktest.WriteFile(t, dir+"/f", "old\n")
	_ = os.Chmod(dir+"/f", 0o4751)
	_ = os.Chown(dir+"/f", 1, 2)
	_ = os.Chmod(dir+"/f", 0o4751|os.ModeSetuid)
	o := tasktest.Must(t, h, files.Template(), tasktest.Args(t, "{src: t, dest: "+dir+"/f, backup: yes}"))
	if tasktest.Bits(t, dir+"/f") != "4751" {
		t.Errorf("mode %s", tasktest.Bits(t, dir+"/f"))
	}
	copied, _ := o.Result.Data.Lookup("backup_file")
	if got := tasktest.ReadFile(t, value.Str(copied)); got != "old\n" || !strings.HasPrefix(value.Str(copied), dir+"/f.") {
		t.Errorf("backup %s holds %q", value.Str(copied), got)
	}
	if copied.Marks()&value.Unsafe == 0 {
		t.Error("text of a host is not marked unsafe")
	}
	uid, _ := o.Result.Data.Lookup("uid")
	if n, _ := uid.AsInt(); n != 1 {
		t.Errorf("uid %d", n)
	}
	o, _ = tasktest.Apply(t.Context(), h, files.Template(), tasktest.Args(t, "{src: t, dest: "+dir+"/none/f}"), false)
	if o.Result.Msg != "Destination directory "+dir+"/none does not exist" {
		t.Errorf("msg %q", o.Result.Msg)
	}
}
