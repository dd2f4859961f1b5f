package packages_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/hosttest"
	"remoterun/tasks/packages"
	"remoterun/tasks/tasktest"
)

// makeDeb builds a package of nothing but a file.
func makeDeb(t *testing.T, version string) string {
	t.Helper()
	root := t.TempDir()
	for _, d := range []string{"DEBIAN", "usr/share/remoterun-test"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tasktest.WriteFile(t, root+"/usr/share/remoterun-test/file", version)
	tasktest.WriteFile(t, root+"/DEBIAN/control", "Package: remoterun-test-package\nVersion: "+version+"\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nProvides: remoterun-test-virtual\nDescription: a test\n")
	out := filepath.Join(t.TempDir(), "p.deb")
	if b, err := exec.Command("dpkg-deb", "--root-owner-group", "-b", root, out).CombinedOutput(); err != nil {
		t.Fatalf("dpkg-deb: %v: %s", err, b)
	}
	return out
}

func TestAptReally(t *testing.T) {
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		hosttest.Missing(t, "root on a Debian machine")
	}
	t.Cleanup(func() { _ = exec.Command("dpkg", "--purge", "remoterun-test-package").Run() })
	h := tasktest.NewHost(t, nil)
	run := func(args string) tasktest.Outcome {
		t.Helper()
		return tasktest.Twice(t, h, packages.Apt(), tasktest.Args(t, args))
	}
	run("{deb: " + makeDeb(t, "1.0") + "}")
	still := func(args string) {
		t.Helper()
		if o := tasktest.Must(t, h, packages.Apt(), tasktest.Args(t, args)); len(o.Steps) > 0 || o.Result.Changed {
			t.Errorf("%s: %v", args, o.Steps)
		}
	}
	still("{name: remoterun-test-package}")
	still("{name: 'remoterun-test-package=1.*'}")
	still("{name: 'remoterun-test-package>=0.9'}")
	still("{name: remoterun-test-virtual}")
	still("{name: remoterun-test-package, state: latest}")
	run("{deb: " + makeDeb(t, "2.0") + "}")
	run("{name: remoterun-test-package, state: absent}")
	still("{name: remoterun-test-package, state: absent, purge: yes}")
	o, err := tasktest.Apply(t.Context(), h, packages.Apt(), tasktest.Args(t, "{name: remoterun-no-such-package}"), false)
	if err != nil || !o.Result.Failed || o.Result.Msg != "No package matching 'remoterun-no-such-package' is available" {
		t.Errorf("%q %v", o.Result.Msg, err)
	}
	o, err = tasktest.Apply(t.Context(), h, packages.Apt(), tasktest.Args(t, "{name: 'remoterun-no-such-*'}"), false)
	if err != nil || !strings.HasPrefix(o.Result.Msg, "No package(s) matching") {
		t.Errorf("%q %v", o.Result.Msg, err)
	}
	if o, err := tasktest.Apply(t.Context(), h, packages.Apt(), tasktest.Args(t, "{upgrade: dist}"), true); err != nil || o.Result.Failed {
		t.Errorf("%q %v", o.Result.Msg, err)
	}
	if o, err := tasktest.Apply(t.Context(), h, packages.Apt(), tasktest.Args(t, "{autoremove: yes}"), true); err != nil || o.Result.Failed {
		t.Errorf("%q %v", o.Result.Msg, err)
	}
}
