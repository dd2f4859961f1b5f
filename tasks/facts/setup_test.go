package facts_test

import (
	"os"
	"testing"

	"remoterun/runner/value"
	"remoterun/tasks/facts"
	"remoterun/tasks/tasktest"
)

func TestSetupOnThisMachine(t *testing.T) {
	tasktest.EachShell(t, func(t *testing.T, h tasktest.Host) {
		o := tasktest.Must(t, h, facts.Setup(), value.NewMap())
		f := o.Result.Facts
		if o.Rounds != 1 || len(o.Steps) > 0 {
			t.Errorf("%d rounds, steps %v", o.Rounds, o.Steps)
		}
		name, _ := os.Hostname()
		for key, want := range map[string]string{"nodename": "'" + name + "'", "system": "'Linux'", "user_id": "'root'", "user_dir": "'/root'", "distribution": "", "machine_id": ""} {
			if got := tasktest.Dig(f, key); got == "<none>" || got == "''" || want != "" && got != want {
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
		if tasktest.Dig(f, "date_time.epoch") == "<none>" || tasktest.Dig(f, "env.PATH") == "<none>" || tasktest.Dig(f, "lo.ipv4.address") != "'127.0.0.1'" {
			t.Errorf("date %s path %s lo %s", tasktest.Dig(f, "date_time.epoch"), tasktest.Dig(f, "env.PATH"), tasktest.Dig(f, "lo.ipv4.address"))
		}
		o = tasktest.Must(t, h, facts.Setup(), tasktest.Args(t, "{filter: [ansible_dist*]}"))
		if tasktest.Dig(o.Result.Facts, "distribution") == "<none>" || tasktest.Dig(o.Result.Facts, "env") != "<none>" {
			t.Error("filter")
		}
		o = tasktest.Must(t, h, facts.Setup(), tasktest.Args(t, "{gather_subset: ['!all', network]}"))
		if tasktest.Dig(o.Result.Facts, "mounts") != "<none>" || tasktest.Dig(o.Result.Facts, "interfaces") == "<none>" || tasktest.Dig(o.Result.Facts, "hostname") == "<none>" {
			t.Error("gather_subset")
		}
	})
}
