package tasks_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"

	"remoterun/runner/value"
	"remoterun/tasks"
	"remoterun/tasks/tasktest"
)

// dig walks into a result: "stat.size".
func dig(t *testing.T, m *value.Map, path string) string {
	t.Helper()
	v := value.FromMap(m)
	for part := range strings.SplitSeq(path, ".") {
		mm, ok := v.AsMap()
		if !ok {
			return "<no mapping at " + part + ">"
		}
		if v, ok = mm.Lookup(part); !ok {
			return "<none>"
		}
	}
	return value.Repr(v)
}

func TestStat(t *testing.T) {
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		dir := t.TempDir()
		write(t, dir+"/f", "hello\n")
		_ = os.Chmod(dir+"/f", 0o4640|os.ModeSetuid)
		_ = os.Symlink("f", dir+"/l")
		_ = os.Symlink("gone", dir+"/broken")
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
			{"{path: %s/f/x}", "stat.exists", "False"},
			{"{path: %s}", "stat.isdir", "True"},
		} {
			o := tasktest.Must(t, h, tasks.Stat(), tasktest.Args(t, fmt.Sprintf(c.args, dir)))
			if got := dig(t, o.Result.Data, c.path); got != c.want || o.Result.Changed || len(o.Steps) > 0 {
				t.Errorf("%s %s = %s, want %s", c.args, c.path, got, c.want)
			}
		}
	})
}

func TestSlurpPingRaw(t *testing.T) {
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		dir := t.TempDir()
		write(t, dir+"/f", "a\x00\xff\n")
		o := tasktest.Must(t, h, tasks.Slurp(), tasktest.Args(t, "{src: "+dir+"/f}"))
		if b, _ := base64.StdEncoding.DecodeString(strings.Trim(get(o, "content"), "'")); string(b) != "a\x00\xff\n" {
			t.Errorf("%q", b)
		}
		for p, want := range map[string]string{"": "source is a directory and must be a file: " + dir, "/x": "file not found: " + dir + "/x"} {
			if o, _ := tasktest.Apply(t.Context(), h, tasks.Slurp(), tasktest.Args(t, "{path: "+dir+p+"}"), false); o.Result.Msg != want {
				t.Errorf("%q, want %q", o.Result.Msg, want)
			}
		}
		if o := tasktest.Must(t, h, tasks.Ping(), value.NewMap()); get(o, "ping") != "'pong'" {
			t.Error(get(o, "ping"))
		}
		if o := tasktest.Must(t, h, tasks.Raw(), tasktest.Args(t, `{_raw_params: "cd /; pwd"}`)); get(o, "stdout") != `'/\n'` || !o.Result.Changed {
			t.Error(get(o, "stdout"))
		}
		if o, _ := tasktest.Apply(t.Context(), h, tasks.Raw(), tasktest.Args(t, "{cmd: exit 9}"), false); !o.Result.Failed || get(o, "rc") != "9" {
			t.Error(get(o, "rc"))
		}
	})
}

func TestScript(t *testing.T) {
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		h.In = &tasktest.Inputs{Dir: t.TempDir()}
		dir := t.TempDir()
		write(t, h.In.Dir+"/s.sh", "#!/bin/sh\necho \"$1|$2\"; pwd; touch made; exit $3\n")
		o := tasktest.Must(t, h, tasks.Script(), tasktest.Args(t, `{_raw_params: "s.sh 'a b' c 0", chdir: `+dir+`, creates: `+dir+`/made}`))
		if want := `'a b|c\n` + dir + `\n'`; get(o, "stdout") != want || !o.Result.Changed {
			t.Errorf("%s, want %s", get(o, "stdout"), want)
		}
		o = tasktest.Must(t, h, tasks.Script(), tasktest.Args(t, `{_raw_params: "s.sh", creates: `+dir+`/made}`))
		if len(o.Steps) > 0 || o.Result.Changed {
			t.Error("creates was not looked at")
		}
		o, err := tasktest.Apply(t.Context(), h, tasks.Script(), tasktest.Args(t, `{cmd: "s.sh 1 2 5", executable: sh, chdir: `+dir+`}`), false)
		if err != nil || !o.Result.Failed || get(o, "rc") != "5" {
			t.Errorf("%+v %v", o.Result, err)
		}
	})
}

func TestFetchTwice(t *testing.T) {
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		dir, out := t.TempDir(), t.TempDir()
		write(t, dir+"/f", "x\x00")
		h.In = &tasktest.Inputs{Dir: t.TempDir()}
		o := tasktest.Must(t, h, tasks.Fetch(), tasktest.Args(t, fmt.Sprintf("{src: %s/f, dest: %s}", dir, out)))
		if read(t, out+"/test"+dir+"/f") != "x\x00" || !o.Result.Changed || get(o, "checksum") == "<none>" {
			t.Errorf("%+v", o.Result)
		}
		if o = tasktest.Must(t, h, tasks.Fetch(), tasktest.Args(t, fmt.Sprintf("{src: %s/f, dest: %s}", dir, out))); len(o.Steps) > 0 || o.Result.Changed {
			t.Error("fetched again")
		}
		tasktest.Must(t, h, tasks.Fetch(), tasktest.Args(t, fmt.Sprintf("{src: %s/f, dest: %s/flat/, flat: yes}", dir, out)))
		if read(t, out+"/flat/f") != "x\x00" {
			t.Error("flat")
		}
		for args, want := range map[string]string{"{src: %s/none, dest: %s}": "the remote file does not exist", "{src: %s, dest: %s}": "remote file is a directory, fetch cannot work on directories"} {
			if o, _ := tasktest.Apply(t.Context(), h, tasks.Fetch(), tasktest.Args(t, fmt.Sprintf(args, dir, out)), false); !o.Result.Failed || o.Result.Msg != want {
				t.Errorf("%q", o.Result.Msg)
			}
		}
	})
}
