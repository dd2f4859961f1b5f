package files_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/tasks/files"
	"remoterun/tasks/system"
	"remoterun/tasks/tasktest"
)

// racer is the user who owns the folder that root writes into.
const racer = 4321

// TestMain is the racing program when the test starts itself as another user.
func TestMain(m *testing.M) {
	if how := os.Getenv("REMOTERUN_RACE"); how != "" {
		race(how, os.Args[1], os.Args[2])
	}
	os.Exit(m.Run())
}

// race swaps things in the folder home for ever: links to what is root's (vault)
// against what root expects there.
func race(how, home, vault string) {
	app := home + "/app"
	_ = os.Symlink(vault, home+"/app.link")
	for {
		own(app)
		switch how {
		case "folder":
			exchange(app, home+"/app.link")
		case "name":
			_ = os.Symlink(vault+"/conf", app+"/conf.link")
			exchange(app+"/conf", app+"/conf.link")
		case "temp":
			d, err := os.Open(app)
			if err != nil {
				continue
			}
			names, _ := d.Readdirnames(-1)
			_ = d.Close()
			for _, n := range names {
				if strings.HasPrefix(n, ".remoterun") || strings.HasSuffix(n, "~") {
					_ = os.Rename(app+"/"+n, app+"/taken")
					_ = os.Symlink(vault+"/conf", app+"/"+n)
				}
			}
		}
	}
}

// own makes files of the racer's own where none are.
func own(app string) {
	for _, n := range []string{"/conf", "/other"} {
		if f, err := os.OpenFile(app+n, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644); err == nil {
			_, _ = f.WriteString("mine\n")
			_ = f.Close()
		}
	}
}

// exchange swaps two names at once.
func exchange(a, b string) {
	pa, _ := syscall.BytePtrFromString(a)
	pb, _ := syscall.BytePtrFromString(b)
	const cwd, swap = -100, 2
	at := cwd
	_, _, _ = syscall.Syscall6(renameat2, uintptr(at), uintptr(unsafe.Pointer(pa)), uintptr(at), uintptr(unsafe.Pointer(pb)), swap, 0)
}

// raced is one way in which root changes something in the racer's folder.
type raced struct {
	name string
	m    play.Module
	args string
}

func writers() []raced {
	return []raced{
		{"copy", files.Copy(), "{content: 'new N', dest: %s/app/conf, owner: '4321', mode: '0644'}"},
		{"copy with a backup", files.Copy(), "{content: 'new N', dest: %s/app/conf, backup: yes}"},
		{"copy that is validated", files.Copy(), "{content: 'new N', dest: %s/app/conf, validate: 'grep new %%s', owner: '4321', mode: '0755'}"},
		{"copy of a large file", files.Copy(), "{src: big, dest: %s/app/conf, owner: '4321'}"},
		{"copy in place", files.Copy(), "{content: 'new N', dest: %s/app/conf, unsafe_writes: yes, backup: yes}"},
		{"copy that follows", files.Copy(), "{content: 'new N', dest: %s/app/conf, follow: yes, owner: '4321'}"},
		{"template", files.Template(), "{src: big, dest: %s/app/conf, owner: '4321', mode: '0640', force: yes}"},
		{"lineinfile", files.LineInFile(), "{path: %s/app/conf, line: 'new N', create: yes, backup: yes, owner: '4321'}"},
		{"folder", files.File(), "{path: %s/app/conf, state: directory, owner: '4321', mode: '0777'}"},
		{"deep folder", files.File(), "{path: %s/app/dN/conf, state: directory, owner: '4321', mode: '0777'}"},
		{"recurse", files.File(), "{path: %s/app, state: directory, recurse: yes, owner: '4321', mode: 'a+rwX'}"},
		{"mode", files.File(), "{path: %s/app/conf, mode: '0666', owner: '4321', follow: no}"},
		{"link", files.File(), "{path: %s/app/conf, src: /nowhereN, state: link, force: yes, follow: no}"},
		{"hard link", files.File(), "{path: %s/app/conf, src: %[1]s/app/other, state: hard, force: yes}"},
		{"touch", files.File(), "{path: %s/app/conf, state: touch, mode: '0666', owner: '4321', follow: no}"},
		{"absent", files.File(), "{path: %s/app/conf, state: absent}"},
		{"folder copy", files.Copy(), "{src: tree/, dest: %s/app, owner: '4321', mode: '0666', directory_mode: '0777', backup: yes}"},
		{"folder copy into a new folder", files.Copy(), "{src: tree/, dest: %s/app/dN/conf, owner: '4321', directory_mode: '0777'}"},
		{"folder copy that keeps", files.Copy(), "{src: tree/, dest: %s/app}"},
		{"folder copy of attributes", files.Copy(), "{src: tree/, dest: %s/app, mode: 'a+rw', owner: '4321', directory_mode: 'a+rwx', force: no}"},
		{"folder copy on the host", files.Copy(), "{src: %[1]s/../source/, dest: %[1]s/app, remote_src: yes}"},
		{"folder template", files.Template(), "{src: big, dest: %s/app/dN/, owner: '4321', mode: '0640'}"},
		{"temporary file", files.TempFile(), "{path: %s/app, prefix: conf}"},
		{"temporary folder", files.TempFile(), "{path: %s/app, prefix: conf, state: directory}"},
		{"cron file", system.Cron(), "{name: n, cron_file: %s/app/conf, user: root, job: 'echo N', backup: yes}"},
		{"cron file goes", system.Cron(), "{name: n, cron_file: %s/app/conf, state: absent}"},
		{"authorized key", system.AuthorizedKey(), "{user: root, path: %s/app/conf, key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHRhY2tlZCBvbiBhcyBhIHRlc3Qga2V5IG9ubHk0 N', manage_dir: no}"},
		{"authorized key with its folder", system.AuthorizedKey(), "{user: '4321', path: %s/app/conf, key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHRhY2tlZCBvbiBhcyBhIHRlc3Qga2V5IG9ubHk0 N'}"},
		{"sysctl", system.Sysctl(), "{name: kernel.none, value: N, sysctl_file: %s/app/conf, reload: no, state: present}"},
	}
}

// TestRaces lets the owner of a folder race with root, who writes there: what is
// root's stays as it is, and nothing of it comes to light. REMOTERUN_RACES says
// how often each way is tried.
func TestRaces(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("root is needed to race against")
	}
	runs := 2
	if n, err := strconv.Atoi(os.Getenv("REMOTERUN_RACES")); err == nil {
		runs = n
	}
	self := copySelf(t)
	for name, env := range tasktest.Shells(t) {
		if name == "bash" {
			continue
		}
		for _, how := range []string{"folder", "name", "temp"} {
			for _, w := range writers() {
				t.Run(name+"/"+how+"/"+w.name, func(t *testing.T) { raceAgainst(t, self, env, how, w, runs) })
			}
		}
	}
}

// copySelf puts the test's own program where every user can start it.
func copySelf(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "race")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	_ = os.Chmod(dir, 0o755)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("install", "-m", "0755", exe, dir+"/race").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir + "/race"
}

func raceAgainst(t *testing.T, self string, env []string, how string, w raced, runs int) {
	base, err := os.MkdirTemp("/tmp", "race")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	_ = os.Chmod(base, 0o755)
	home, vault := base+"/home", base+"/vault"
	for _, d := range []string{home, home + "/app", vault, base + "/source", base + "/source/sub"} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tasktest.WriteFile(t, vault+"/conf", "root's own")
	_ = os.Chmod(vault+"/conf", 0o600)
	for _, p := range []string{home, home + "/app"} {
		_ = os.Chown(p, racer, racer)
	}
	h := tasktest.NewHost(t, env)
	h.Ask = nil
	h.In = &tasktest.Inputs{Dir: t.TempDir()}
	cmd := exec.Command(self, home, vault)
	cmd.Env = []string{"REMOTERUN_RACE=" + how}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: racer, Gid: racer}, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	done := 0
	for n := range runs {
		tasktest.WriteFile(t, h.In.Dir+"/big", strings.Repeat(fmt.Sprintln("new", n), 20000))
		_ = os.Mkdir(h.In.Dir+"/tree", 0o755)
		_ = os.MkdirAll(h.In.Dir+"/tree/other.d/conf", 0o755)
		for _, d := range []string{h.In.Dir + "/tree", base + "/source"} {
			tasktest.WriteFile(t, d+"/conf", fmt.Sprint("new ", n))
		}
		tasktest.WriteFile(t, h.In.Dir+"/tree/other.d/conf/f", fmt.Sprint("new ", n))
		args := fmt.Sprintf(strings.ReplaceAll(w.args, "N", strconv.Itoa(n)), home)
		args, _, _ = strings.Cut(args, "%!(EXTRA")
		o, err := tasktest.Apply(t.Context(), h, w.m, tasktest.Args(t, args), false)
		if err == nil && !o.Result.Failed {
			done++
		}
		var stopped syscall.WaitStatus
		_ = cmd.Process.Signal(syscall.SIGSTOP)
		if _, err := syscall.Wait4(cmd.Process.Pid, &stopped, syscall.WUNTRACED, nil); err != nil || !stopped.Stopped() {
			t.Fatalf("the racer ended: %v %v", stopped, err)
		}
		if n%2 == 0 {
			tidy(home + "/app")
		}
		lost := robbed(t, home, vault)
		_ = cmd.Process.Signal(syscall.SIGCONT)
		if lost != "" {
			t.Fatalf("run %d of %s against %s: %s (result %+v, %v)", n, w.name, how, lost, o.Result, err)
		}
	}
	t.Logf("%d of %d runs ended well", done, runs)
}

// tidy takes away what stands in the racer's way, by the racer's means.
func tidy(app string) {
	rm := exec.Command("find", app+"/", "-mindepth", "1", "-maxdepth", "1", "-delete")
	rm.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: racer, Gid: racer}}
	_ = rm.Run()
}

// robbed says what the racer got, empty = nothing.
func robbed(t *testing.T, home, vault string) string {
	t.Helper()
	for p, mode := range map[string]os.FileMode{vault: 0o755, vault + "/conf": 0o600} {
		st, err := os.Lstat(p)
		if err != nil {
			return p + " is gone"
		}
		own := st.Sys().(*syscall.Stat_t)
		if st.Mode().Perm() != mode || own.Uid != 0 || own.Gid != 0 {
			return fmt.Sprintf("%s has mode %v, owner %d:%d", p, st.Mode(), own.Uid, own.Gid)
		}
	}
	if text := tasktest.ReadFile(t, vault+"/conf"); text != "root's own" {
		return fmt.Sprintf("root's file holds %q", text)
	}
	in, _ := os.ReadDir(vault)
	if len(in) != 1 {
		return fmt.Sprintf("root's folder holds %v", in)
	}
	return leaked(home)
}

// leaked looks for root's text in files of the racer's folder.
func leaked(home string) (found string) {
	_ = filepath.WalkDir(home, func(p string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && !strings.Contains(p, "/app.link/") {
			if b, _ := os.ReadFile(p); strings.Contains(string(b), "root's own") {
				found = sh.Quote(p) + " holds root's text"
			}
		}
		return nil
	})
	return found
}
