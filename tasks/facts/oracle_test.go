//go:build oracle

package facts_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"remoterun/runner/value"
	"remoterun/tasks/facts"
	"remoterun/tasks/tasktest"
)

// TestSetupAgreesWithAnsible compares facts with those of an ansible on this
// machine: make oracle runs it, nothing else does.
func TestSetupAgreesWithAnsible(t *testing.T) {
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
	ours := tasktest.Must(t, tasktest.NewHost(t, nil), facts.Setup(), value.NewMap()).Result.Facts
	for _, key := range strings.Fields(`architecture distribution distribution_major_version distribution_release distribution_version os_family kernel
		kernel_version machine hostname nodename system user_id user_uid user_gid user_dir user_shell user_gecos memtotal_mb swaptotal_mb processor
		processor_count processor_cores processor_vcpus processor_nproc processor_threads_per_core default_ipv4 pkg_mgr machine_id selinux
		dns cmdline product_name userspace_bits real_user_id lsb.codename lo.ipv4 virtualization_role`) {
		w, g := tasktest.Dig(want, "ansible_"+key), tasktest.Dig(ours, key)
		if !sameJSON(w, g) {
			t.Errorf("%s\n ours %s\ntheirs %s", key, g, w)
		}
	}
	// Other tests make and remove interfaces meanwhile: only lasting ones count.
	for key, lasting := range map[string]string{"interfaces": "lo", "all_ipv4_addresses": strings.Trim(tasktest.Dig(want, "ansible_default_ipv4.address"), "'")} {
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
