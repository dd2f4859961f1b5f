package tasks_test

import (
	"os"
	"testing"

	"remoterun/runner/value"
	"remoterun/tasks"
	"remoterun/tasks/tasktest"
)

func TestSetupOnThisMachine(t *testing.T) {
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		o := tasktest.Must(t, h, tasks.Setup(), value.NewMap())
		f := o.Result.Facts
		if o.Rounds != 1 || len(o.Steps) > 0 {
			t.Errorf("%d rounds, steps %v", o.Rounds, o.Steps)
		}
		name, _ := os.Hostname()
		for key, want := range map[string]string{"nodename": "'" + name + "'", "system": "'Linux'", "user_id": "'root'", "user_dir": "'/root'", "distribution": "", "machine_id": ""} {
			if got := dig(t, f, key); got == "<none>" || got == "''" || want != "" && got != want {
				t.Errorf("%s = %s, want %s", key, got, want)
			}
		}
		v, _ := f.Lookup("nodename")
		if v.Marks()&value.Unsafe == 0 {
			t.Error("a fact is not marked unsafe")
		}
		for _, key := range []string{"memtotal_mb", "processor_vcpus"} {
			if n, _ := f.Lookup(key); value.Repr(n) == "0" || !n.IsNumber() {
				t.Errorf("%s = %s", key, value.Repr(n))
			}
		}
		if dig(t, f, "date_time.epoch") == "<none>" || dig(t, f, "env.PATH") == "<none>" || dig(t, f, "lo.ipv4.address") != "'127.0.0.1'" {
			t.Errorf("date %s path %s lo %s", dig(t, f, "date_time.epoch"), dig(t, f, "env.PATH"), dig(t, f, "lo.ipv4.address"))
		}
		o = tasktest.Must(t, h, tasks.Setup(), tasktest.Args(t, "{filter: [ansible_dist*]}"))
		if dig(t, o.Result.Facts, "distribution") == "<none>" || dig(t, o.Result.Facts, "env") != "<none>" {
			t.Error("filter")
		}
		o = tasktest.Must(t, h, tasks.Setup(), tasktest.Args(t, "{gather_subset: ['!all', network]}"))
		if dig(t, o.Result.Facts, "mounts") != "<none>" || dig(t, o.Result.Facts, "interfaces") == "<none>" || dig(t, o.Result.Facts, "hostname") == "<none>" {
			t.Error("gather_subset")
		}
	})
}
