package files_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"

	"remoterun/tasks/files"
	"remoterun/tasks/tasktest"
)

func TestStat(t *testing.T) {
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		dir := t.TempDir()
		tasktest.WriteFile(t, dir+"/f", "hello\n")
		_ = os.Chmod(dir+"/f", 0o4640|os.ModeSetuid)
		_ = os.Symlink("f", dir+"/l")
		_ = os.Symlink("gone", dir+"/broken")
		_ = os.Symlink(dir+"/loop/x", dir+"/loop") // GNU's readlink -f follows it for ever
		for _, c := range []struct{ args, path, want string }{
			{"{path: %s/f}", "stat.checksum", "'f572d396fae9206628714fb2ce00f72e94f2258f'"},
			{"{path: %s/f, checksum_algorithm: sha256}", "stat.checksum", "'5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03'"},
			{"{path: %s/f, get_checksum: no}", "stat.checksum", "<none>"},
			{"{path: %s/f}", "stat.size", "6"},
			{"{path: %s/f}", "stat.mode", "'4640'"},
			{"{path: %s/f}", "stat.isuid", "True"},
			{"{path: %s/f}", "stat.pw_name", "'root'"},
			{"{path: %s/l}", "stat.islnk", "True"},
			{"{path: %s/l}", "stat.lnk_target", "'f'"},
			{"{path: %s/l}", "stat.lnk_source", "'" + dir + "/f'"},
			{"{path: %s/l, follow: yes}", "stat.isreg", "True"},
			{"{path: %s/broken, follow: yes}", "stat.exists", "False"},
			{"{path: %s/none}", "stat.exists", "False"},
			{"{path: %s/loop}", "stat.lnk_target", "'" + dir + "/loop/x'"},
			{"{path: %s/loop, follow: yes}", "stat.exists", "False"},
			{"{path: %s/f/x}", "stat.exists", "False"},
			{"{path: %s}", "stat.isdir", "True"},
		} {
			o := tasktest.Must(t, h, files.Stat(), tasktest.Args(t, fmt.Sprintf(c.args, dir)))
			if got := tasktest.Dig(o.Result.Data, c.path); got != c.want || o.Result.Changed || len(o.Steps) > 0 {
				t.Errorf("%s %s = %s, want %s", c.args, c.path, got, c.want)
			}
		}
	})
}

func TestSlurp(t *testing.T) {
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		dir := t.TempDir()
		tasktest.WriteFile(t, dir+"/f", "a\x00\xff\n")
		o := tasktest.Must(t, h, files.Slurp(), tasktest.Args(t, "{src: "+dir+"/f}"))
		if b, _ := base64.StdEncoding.DecodeString(strings.Trim(o.Get("content"), "'")); string(b) != "a\x00\xff\n" {
			t.Errorf("%q", b)
		}
		for p, want := range map[string]string{"": "source is a directory and must be a file: " + dir, "/x": "file not found: " + dir + "/x"} {
			if o, _ := tasktest.Apply(t.Context(), h, files.Slurp(), tasktest.Args(t, "{path: "+dir+p+"}"), false); o.Result.Msg != want {
				t.Errorf("%q, want %q", o.Result.Msg, want)
			}
		}
	})
}

func TestFetchTwice(t *testing.T) {
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		dir, out := t.TempDir(), t.TempDir()
		tasktest.WriteFile(t, dir+"/f", "x\x00")
		h.In = &tasktest.Inputs{Dir: t.TempDir()}
		o := tasktest.Must(t, h, files.Fetch(), tasktest.Args(t, fmt.Sprintf("{src: %s/f, dest: %s}", dir, out)))
		if tasktest.ReadFile(t, out+"/test"+dir+"/f") != "x\x00" || !o.Result.Changed || o.Get("checksum") == "<none>" {
			t.Errorf("%+v", o.Result)
		}
		if o = tasktest.Must(t, h, files.Fetch(), tasktest.Args(t, fmt.Sprintf("{src: %s/f, dest: %s}", dir, out))); len(o.Steps) > 0 || o.Result.Changed {
			t.Error("fetched again")
		}
		tasktest.Must(t, h, files.Fetch(), tasktest.Args(t, fmt.Sprintf("{src: %s/f, dest: %s/flat/, flat: yes}", dir, out)))
		if tasktest.ReadFile(t, out+"/flat/f") != "x\x00" {
			t.Error("flat")
		}
		for args, want := range map[string]string{"{src: %s/none, dest: %s}": "the remote file does not exist, not transferring, ignored", "{src: %s, dest: %s}": "remote file is a directory, fetch cannot work on directories"} {
			if o, _ := tasktest.Apply(t.Context(), h, files.Fetch(), tasktest.Args(t, fmt.Sprintf(args, dir, out)), false); !o.Result.Failed || o.Result.Msg != want {
				t.Errorf("%q", o.Result.Msg)
			}
		}
	})
}

// TestLinksThroughThemselves: every look ends.
func TestLinksThroughThemselves(t *testing.T) {
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		dir := t.TempDir()
		_ = os.Symlink(dir+"/loop/x", dir+"/loop")
		o, err := tasktest.Apply(t.Context(), h, files.LineInFile(), tasktest.Args(t, "{path: "+dir+"/loop, line: x}"), false)
		if want := "Destination " + dir + "/loop does not exist !"; err != nil || o.Result.Msg != want {
			t.Errorf("%q, %v, want %q", o.Result.Msg, err, want)
		}
		tasktest.Must(t, h, files.File(), tasktest.Args(t, "{path: "+dir+"/loop, state: absent}"))
		if _, err := os.Lstat(dir + "/loop"); err == nil {
			t.Error("it is still there")
		}
	})
}
