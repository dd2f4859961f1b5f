package system_test

import (
	"testing"

	"remoterun/runner/value"
	"remoterun/tasks/system"
	"remoterun/tasks/tasktest"
)

func TestPingRaw(t *testing.T) {
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		if o := tasktest.Must(t, h, system.Ping(), value.NewMap()); o.Get("ping") != "'pong'" {
			t.Error(o.Get("ping"))
		}
		if o := tasktest.Must(t, h, system.Raw(), tasktest.Args(t, `{_raw_params: "cd /; pwd"}`)); o.Get("stdout") != `'/\n'` || !o.Result.Changed {
			t.Error(o.Get("stdout"))
		}
		if o, _ := tasktest.Apply(t.Context(), h, system.Raw(), tasktest.Args(t, "{cmd: exit 9}"), false); !o.Result.Failed || o.Get("rc") != "9" {
			t.Error(o.Get("rc"))
		}
	})
}

func TestScript(t *testing.T) {
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		h.In = &tasktest.Inputs{Dir: t.TempDir()}
		dir := t.TempDir()
		tasktest.WriteFile(t, h.In.Dir+"/s.sh", "#!/bin/sh\necho \"$1|$2\"; pwd; touch made; exit $3\n")
		o := tasktest.Must(t, h, system.Script(), tasktest.Args(t, `{_raw_params: "s.sh 'a b' c 0", chdir: `+dir+`, creates: `+dir+`/made}`))
		if want := `'a b|c\n` + dir + `\n'`; o.Get("stdout") != want || !o.Result.Changed {
			t.Errorf("%s, want %s", o.Get("stdout"), want)
		}
		o = tasktest.Must(t, h, system.Script(), tasktest.Args(t, `{_raw_params: "s.sh", creates: `+dir+`/made}`))
		if len(o.Steps) > 0 || o.Result.Changed {
			t.Error("creates was not looked at")
		}
		o, err := tasktest.Apply(t.Context(), h, system.Script(), tasktest.Args(t, `{cmd: "s.sh 1 2 5", executable: sh, chdir: `+dir+`}`), false)
		if err != nil || !o.Result.Failed || o.Get("rc") != "5" {
			t.Errorf("%+v %v", o.Result, err)
		}
	})
}
