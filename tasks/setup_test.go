package tasks_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
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

// TestSetupAgreesWithAnsible compares facts with those of an ansible on this
// machine; where none is installed the comparison is counted as missing.
func TestSetupAgreesWithAnsible(t *testing.T) {
	if _, err := exec.LookPath("ansible"); err != nil {
		t.Log("NOT COMPARED: ansible is not installed")
		return
	}
	cmd := exec.Command("ansible", "localhost", "-m", "setup", "-o")
	cmd.Dir = t.TempDir()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	_, js, _ := strings.Cut(string(out), "=> ")
	theirs, err := value.ParseJSON([]byte(strings.TrimSpace(js)))
	if err != nil {
		t.Fatal(err)
	}
	tm, _ := theirs.AsMap()
	fv, _ := tm.Lookup("ansible_facts")
	want, _ := fv.AsMap()
	ours := tasktest.Must(t, tasktest.NewHost(t, nil), tasks.Setup(), value.NewMap()).Result.Facts
	for _, key := range strings.Fields(`architecture distribution distribution_major_version distribution_release distribution_version os_family kernel
		kernel_version machine hostname nodename system user_id user_uid user_gid user_dir user_shell user_gecos memtotal_mb swaptotal_mb processor
		processor_count processor_cores processor_vcpus processor_nproc processor_threads_per_core default_ipv4 pkg_mgr machine_id selinux
		dns cmdline product_name userspace_bits real_user_id lsb.codename lo.ipv4 virtualization_role`) {
		w, g := dig(t, want, "ansible_"+key), dig(t, ours, key)
		if !sameJSON(w, g) {
			t.Errorf("%s\n ours %s\ntheirs %s", key, g, w)
		}
	}
	// Other tests make and remove interfaces meanwhile: only lasting ones count.
	for key, lasting := range map[string]string{"interfaces": "lo", "all_ipv4_addresses": strings.Trim(dig(t, want, "ansible_default_ipv4.address"), "'")} {
		g, _ := ours.Lookup(key)
		if !strings.Contains(value.Repr(g), "'"+lasting+"'") {
			t.Errorf("%s has no %s: %s", key, lasting, value.Repr(g))
		}
	}
}

// sameJSON compares two shown values without regard to the order of keys.
func sameJSON(a, b string) bool {
	norm := func(s string) string {
		var v any
		if json.Unmarshal([]byte(strings.NewReplacer("'", `"`, "True", "true", "False", "false", "None", "null").Replace(s)), &v) != nil {
			return s
		}
		out, _ := json.Marshal(v)
		return string(out)
	}
	return norm(a) == norm(b)
}
