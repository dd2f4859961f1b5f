package system_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"remoterun/tasks/system"
	"remoterun/tasks/tasktest"
)

func TestMountTwice(t *testing.T) {
	dir := t.TempDir()
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir+"/a b").Run() })
	h := tasktest.NewHost(t, nil)
	h.Ask = nil // a mount namespace of its own does not see what is mounted later
	tab := dir + "/fstab"
	tasktest.WriteFile(t, tab, "# table\n/dev/x / ext4 defaults 0 1\n")
	args := func(s string) string { return fmt.Sprintf("{path: '%s/a b', fstab: %s, %s}", dir, tab, s) }
	tasktest.Twice(t, h, system.Mount(), tasktest.Args(t, args("src: none here, fstype: tmpfs, opts: 'size=1m,mode=0700', state: present")))
	if got := tasktest.ReadFile(t, tab); got != "# table\n/dev/x / ext4 defaults 0 1\nnone\\040here "+strings.ReplaceAll(dir, " ", `\040`)+"/a\\040b tmpfs size=1m,mode=0700 0 0\n" {
		t.Error(got)
	}
	tasktest.Twice(t, h, system.Mount(), tasktest.Args(t, args("src: none, fstype: tmpfs, opts: 'size=1m', state: mounted")))
	if err := exec.Command("mountpoint", "-q", dir+"/a b").Run(); err != nil {
		t.Error("not mounted")
	}
	tasktest.Twice(t, h, system.Mount(), tasktest.Args(t, args("src: none, fstype: tmpfs, opts: 'size=2m,noexec', state: mounted")))
	b, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, `/a\040b `) && !strings.Contains(line, "noexec") {
			t.Errorf("not remounted: %s", line)
		}
	}
	tasktest.Twice(t, h, system.Mount(), tasktest.Args(t, args("state: unmounted")))
	tasktest.Twice(t, h, system.Mount(), tasktest.Args(t, args("state: absent")))
	if _, err := os.Stat(dir + "/a b"); err == nil || strings.Contains(tasktest.ReadFile(t, tab), "tmpfs") {
		t.Errorf("not absent: %v %s", err, tasktest.ReadFile(t, tab))
	}
}
