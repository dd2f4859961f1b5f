package tasks_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"remoterun/tasks"
	"remoterun/tasks/tasktest"
)

func TestMountTwice(t *testing.T) {
	dir := t.TempDir()
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir+"/a b").Run() })
	h := tasktest.NewHost(t, nil)
	h.Ask = nil // a mount namespace of its own does not see what is mounted later
	tab := dir + "/fstab"
	write(t, tab, "# table\n/dev/x / ext4 defaults 0 1\n")
	args := func(s string) string { return fmt.Sprintf("{path: '%s/a b', fstab: %s, %s}", dir, tab, s) }
	tasktest.Twice(t, h, tasks.Mount(), tasktest.Args(t, args("src: none here, fstype: tmpfs, opts: 'size=1m,mode=0700', state: present")))
	if got := read(t, tab); got != "# table\n/dev/x / ext4 defaults 0 1\nnone\\040here "+strings.ReplaceAll(dir, " ", `\040`)+"/a\\040b tmpfs size=1m,mode=0700 0 0\n" {
		t.Error(got)
	}
	tasktest.Twice(t, h, tasks.Mount(), tasktest.Args(t, args("src: none, fstype: tmpfs, opts: 'size=1m', state: mounted")))
	if err := exec.Command("mountpoint", "-q", dir+"/a b").Run(); err != nil {
		t.Error("not mounted")
	}
	tasktest.Twice(t, h, tasks.Mount(), tasktest.Args(t, args("src: none, fstype: tmpfs, opts: 'size=2m,noexec', state: mounted")))
	b, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, `/a\040b `) && !strings.Contains(line, "noexec") {
			t.Errorf("not remounted: %s", line)
		}
	}
	tasktest.Twice(t, h, tasks.Mount(), tasktest.Args(t, args("state: unmounted")))
	tasktest.Twice(t, h, tasks.Mount(), tasktest.Args(t, args("state: absent")))
	if _, err := os.Stat(dir + "/a b"); err == nil || strings.Contains(read(t, tab), "tmpfs") {
		t.Errorf("not absent: %v %s", err, read(t, tab))
	}
}

func TestWaitFor(t *testing.T) {
	h := tasktest.NewHost(t, nil)
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("220 mail ready\r\n"))
			_ = c.Close()
		}
	}()
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	must := func(args string) tasktest.Outcome {
		return tasktest.Must(t, h, tasks.WaitFor(), tasktest.Args(t, args))
	}
	must("{port: " + port + "}")
	if o := must("{port: " + port + ", search_regex: '^(\\d+) mail'}"); get(o, "match_groups") != "['220']" {
		t.Error(get(o, "match_groups"))
	}
	_ = l.Close()
	must("{port: " + port + ", state: stopped}")
	go func() { time.Sleep(300 * time.Millisecond); _ = os.WriteFile(dir+"/f", []byte("ready"), 0o600) }()
	if o := must("{path: " + dir + "/f, search_regex: 'rea(d)y', sleep: 1}"); o.Result.Changed || get(o, "elapsed") == "<none>" {
		t.Errorf("%+v", o.Result)
	}
	must("{path: " + dir + "/none, state: absent}")
	must("{port: " + port + ", state: drained, active_connection_states: [ESTABLISHED]}")
	for args, want := range map[string]string{
		"{port: " + port + ", timeout: 1}":                 "Timeout when waiting for 127.0.0.1:" + port,
		"{path: /none, timeout: 1, msg: gave up}":          "gave up",
		"{path: " + dir + "/f, state: absent, timeout: 1}": "Timeout when waiting for " + dir + "/f to be absent.",
	} {
		if o, err := tasktest.Apply(t.Context(), h, tasks.WaitFor(), tasktest.Args(t, args), false); err != nil || !o.Result.Failed || o.Result.Msg != want {
			t.Errorf("%s: %q %v", args, o.Result.Msg, err)
		}
	}
}
