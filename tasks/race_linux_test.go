package tasks_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks"
	"remoterun/tasks/tasktest"
)

// racer is the user who owns the folder that root writes into.
const racer = 4321

// racing is the racing program, when the test has started itself as another user.
func racing() {
	if how := os.Getenv("REMOTERUN_RACE"); how != "" {
		race(how, os.Args[1], os.Args[2])
	}
}

// race swaps things in the folder home for ever: links to what is root's (vault)
// against what root expects there. As open it reads what it can of new files.
func race(how, home, vault string) {
	app := home + "/app"
	_ = os.Symlink(vault, home+"/app.link")
	var held reader
	for {
		if how == "open" {
			held.look(home)
			continue
		}
		own(app)
		switch how {
		case "folder":
			exchange(app, home+"/app.link")
		case "name":
			_ = os.Symlink(vault+"/conf", app+"/conf.link")
			exchange(app+"/conf", app+"/conf.link")
		case "temp":
			take(app, vault)
		}
	}
}

// take puts links in the place of temporary files and backups.
func take(app, vault string) {
	d, err := os.Open(app)
	if err != nil {
		return
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

// reader holds what could be opened of others' files: what is written to them
// later is read, too.
type reader struct {
	files []*os.File
	seen  map[uint64]bool
}

func (r *reader) look(home string) {
	if r.seen == nil {
		r.seen = map[uint64]bool{}
	}
	_ = filepath.WalkDir(home+"/app", func(p string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			r.open(p)
		}
		return nil
	})
	for _, f := range r.files {
		b := make([]byte, 4096)
		n, _ := f.ReadAt(b, 0)
		if s := string(b[:n]); strings.Contains(s, "new ") || strings.Contains(s, "PRIVATE KEY") {
			_ = os.WriteFile(home+"/seen", []byte(f.Name()+" was open: "+s[:min(n, 100)]), 0o600)
		}
	}
}

func (r *reader) open(p string) {
	f, err := os.OpenFile(p, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return
	}
	st, err := f.Stat()
	own, _ := st.Sys().(*syscall.Stat_t)
	if err != nil || own.Uid == racer || r.seen[own.Ino] || len(r.files) > 800 {
		_ = f.Close()
		return
	}
	r.seen[own.Ino] = true
	r.files = append(r.files, f)
}

// mine is what the racer's files hold.
const mine = "mine\n#Ansible: n\n* * * * * root true\n"

// own makes files of the racer's own where none are.
func own(app string) {
	for _, n := range []string{"/conf", "/other"} {
		if f, err := os.OpenFile(app+n, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644); err == nil {
			_, _ = f.WriteString(mine)
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

// TestRaces lets the owner of a folder race with root, who writes there: what is
// root's stays as it is, and nothing of it comes to light; what root writes for
// itself alone is read by nobody. REMOTERUN_RACES says how often each way is tried,
// on every kind of host; without it each way meets two of the four, twice, one on
// either kind.
func TestRaces(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("root is needed to race against")
	}
	runs, all := 2, false
	if n, err := strconv.Atoi(os.Getenv("REMOTERUN_RACES")); err == nil {
		runs, all = n, true
	}
	self := copySelf(t)
	for name, env := range tasktest.Shells(t) {
		if name == "bash" {
			continue
		}
		for i, how := range []string{"folder", "name", "temp", "open"} {
			for k, w := range ways() {
				if !all && (i+k)%4 != map[string]int{"dash": 0, "busybox": 2}[name] {
					continue
				}
				t.Run(name+"/"+how+"/"+w.name, func(t *testing.T) { raceAgainst(t, self, env, how, w, runs) })
			}
		}
	}
}

// TestRacesRun shows that each way does something where nobody races.
func TestRacesRun(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("root is needed to write in others' folders")
	}
	for name, env := range tasktest.Shells(t) {
		if name == "bash" {
			continue
		}
		for k, w := range ways() {
			if name == "busybox" && k%3 > 0 && !strings.Contains("archive git user mysql_db openssh_keypair openssl_privatekey docker_image", w.module) {
				continue // TestSuite tries all of them there
			}
			t.Run(name+"/"+w.name, func(t *testing.T) {
				s := newStage(t, env)
				tasktest.WriteFile(t, s.home+"/app/conf", mine)
				tasktest.WriteFile(t, s.home+"/app/other", mine)
				if w.module == "user" || w.name == "folder" {
					_ = os.Remove(s.home + "/app/conf")
				}
				o, err := s.apply(t, w, 1, false)
				if err != nil || o.Result.Failed || !o.Result.Changed {
					t.Errorf("%+v, %v", o.Result, err)
				}
			})
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

// stage is where it is done: the racer's home, and root's vault, source and fakes
// of programs that would need a server.
type stage struct {
	base, home, vault string
	h                 tasktest.Host
}

func newStage(t *testing.T, env []string) *stage {
	t.Helper()
	base, err := os.MkdirTemp("/tmp", "race")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	_ = os.Chmod(base, 0o755)
	s := &stage{base: base, home: base + "/home", vault: base + "/vault"}
	for _, d := range []string{s.home, s.home + "/app", s.vault, base + "/source", base + "/source/sub", base + "/fakes"} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tasktest.WriteFile(t, s.vault+"/conf", "root's own")
	_ = os.Chmod(s.vault+"/conf", 0o600)
	for _, p := range []string{s.home, s.home + "/app"} {
		_ = os.Chown(p, racer, racer)
	}
	for name, text := range map[string]string{
		"mysql":     "cat >/dev/null; echo d",
		"mysqldump": "echo new dump",
		"pg_dump":   "echo new dump",
		"docker":    "case \"$*\" in *inspect*) echo '[{\"Id\":\"x\",\"RepoTags\":[\"d:latest\"]}]' ;; *save*) o=; for a; do case $o in --output) echo new image >\"$a\"; exit ;; esac; o=$a; done; echo new image ;; esac",
		"getent":    "case $1 in passwd) echo games:x:5:60:games:" + s.home + "/app/conf:/bin/sh ;; *) exec /usr/bin/getent \"$@\" ;; esac",
	} {
		tasktest.WriteFile(t, base+"/fakes/"+name, "#!/bin/sh\n"+text+"\n")
		_ = os.Chmod(base+"/fakes/"+name, 0o755)
	}
	for _, name := range []string{"git", "openssl", "ssh-keygen"} {
		if real, err := exec.LookPath(name); err == nil {
			_ = os.Symlink(real, base+"/fakes/"+name)
		}
	}
	tasktest.WriteFile(t, base+"/key", "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIGtra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tr\n-----END PRIVATE KEY-----\n")
	s.h = tasktest.NewHost(t, withFakes(env, base+"/fakes"))
	s.h.Ask = nil
	s.h.In = &tasktest.Inputs{Dir: t.TempDir()}
	return s
}

// withFakes puts programs in front of a host's.
func withFakes(env []string, dir string) []string {
	out := []string{"HOME=" + os.Getenv("HOME")}
	at := os.Getenv("PATH")
	for _, e := range env {
		if p, ok := strings.CutPrefix(e, "PATH="); ok {
			at = p
		}
	}
	return append(out, "PATH="+dir+":"+at)
}

// repo makes a repository of git and an archive in root's folder.
func (s *stage) repo(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(s.base + "/clone"); err == nil {
		return
	}
	out, err := exec.Command("sh", "-c", `cd "$1" && mkdir repo && cd repo && git init -q && echo new text >f && git add f && git -c user.name=n -c user.email=e commit -qm m && git clone -q . ../clone`, "sh", s.base).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// apply runs a way for the nth time; private gives what it writes to root alone.
func (s *stage) apply(t *testing.T, w way, n int, private bool) (tasktest.Outcome, error) {
	t.Helper()
	return s.applied(t.Context(), t, w, n, private)
}

func (s *stage) applied(ctx context.Context, t *testing.T, w way, n int, private bool) (tasktest.Outcome, error) {
	t.Helper()
	in := s.h.In.Dir
	tasktest.WriteFile(t, in+"/big", strings.Repeat(fmt.Sprintln("new", n), 20000))
	_ = os.MkdirAll(in+"/tree/other.d/conf", 0o755)
	for _, d := range []string{in + "/tree", s.base + "/source"} {
		tasktest.WriteFile(t, d+"/conf", fmt.Sprintln("new", n))
	}
	tasktest.WriteFile(t, in+"/tree/other.d/conf/f", fmt.Sprintln("new", n))
	if private {
		for _, p := range []string{in + "/tree/conf", in + "/tree/other.d/conf/f", s.base + "/source/conf"} {
			_ = os.Chmod(p, 0o600)
		}
	}
	if w.module == "git" {
		s.repo(t)
	}
	for _, to := range []string{in + "/tree.tar", s.base + "/tree.tar"} {
		if w.module != "unarchive" {
			break
		}
		if out, err := exec.Command("tar", "-cf", to, "-C", in+"/tree", ".").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	text := strings.NewReplacer("@N", strconv.Itoa(n), "@H", s.home, "@B", s.base).Replace(w.args)
	m := module(t, w.module)
	args := tasktest.Args(t, text)
	if private {
		secretly(m, args)
	}
	return tasktest.Apply(ctx, s.h, m, args, false)
}

// secretly lets only root read what comes of a task.
func secretly(m play.Module, args *value.Map) {
	for _, name := range []string{"owner", "directory_mode"} {
		args.Delete(value.String(name))
	}
	if slices.ContainsFunc(m.Spec().Args, func(a play.Arg) bool { return a.Name == "mode" && a.Type != "str" }) {
		args.Put("mode", value.String("0600"))
	}
}

func module(t *testing.T, name string) play.Module {
	t.Helper()
	for _, m := range tasks.All() {
		if m.Spec().Name == name {
			return m
		}
	}
	t.Fatalf("there is no module %s", name)
	return nil
}

func raceAgainst(t *testing.T, self string, env []string, how string, w way, runs int) {
	s := newStage(t, env)
	cmd := exec.Command(self, s.home, s.vault)
	cmd.Env = []string{"REMOTERUN_RACE=" + how}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: racer, Gid: racer}, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	done := 0
	for n := range runs {
		if how == "open" {
			s.private(t)
		}
		o, err := s.apply(t, w, n, how == "open")
		if err == nil && !o.Result.Failed {
			done++
		}
		var stopped syscall.WaitStatus
		_ = cmd.Process.Signal(syscall.SIGSTOP)
		if _, err := syscall.Wait4(cmd.Process.Pid, &stopped, syscall.WUNTRACED, nil); err != nil || !stopped.Stopped() {
			t.Fatalf("the racer ended: %v %v", stopped, err)
		}
		if n%2 == 0 && how != "open" {
			tidy(s.home + "/app")
		}
		lost := s.robbed(t)
		_ = cmd.Process.Signal(syscall.SIGCONT)
		if lost != "" {
			t.Fatalf("run %d of %s against %s: %s (result %+v, %v)", n, w.name, how, lost, o.Result, err)
		}
	}
	t.Logf("%d of %d runs ended well", done, runs)
}

// private puts a file of root's alone where a task will write: what replaces it is
// root's alone, too.
func (s *stage) private(t *testing.T) {
	t.Helper()
	for _, n := range []string{"conf", "other", "conf.tar"} {
		p := s.home + "/app/" + n
		_ = os.RemoveAll(p)
		f, err := os.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(f, "private\n")
		_ = f.Close()
	}
}

// tidy takes away what stands in the racer's way, by the racer's means.
func tidy(app string) {
	rm := exec.Command("find", app+"/", "-mindepth", "1", "-maxdepth", "1", "-delete")
	rm.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: racer, Gid: racer}}
	_ = rm.Run()
}

// robbed says what the racer got, empty = nothing.
func (s *stage) robbed(t *testing.T) string {
	t.Helper()
	for p, mode := range map[string]os.FileMode{s.vault: 0o755, s.vault + "/conf": 0o600} {
		st, err := os.Lstat(p)
		if err != nil {
			return p + " is gone"
		}
		own := st.Sys().(*syscall.Stat_t)
		if st.Mode().Perm() != mode || own.Uid != 0 || own.Gid != 0 {
			return fmt.Sprintf("%s has mode %v, owner %d:%d", p, st.Mode(), own.Uid, own.Gid)
		}
	}
	if text := tasktest.ReadFile(t, s.vault+"/conf"); text != "root's own" {
		return fmt.Sprintf("root's file holds %q", text)
	}
	in, _ := os.ReadDir(s.vault)
	if len(in) != 1 {
		return fmt.Sprintf("root's folder holds %v", in)
	}
	if b, err := os.ReadFile(s.home + "/seen"); err == nil {
		return string(b)
	}
	return leaked(s.home)
}

// beginning is what a file, which may be huge, begins with.
func beginning(p string) string {
	f, err := os.Open(p)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, 1<<20))
	return string(b)
}

// leaked looks for root's text in files of the racer's folder.
func leaked(home string) (found string) {
	_ = filepath.WalkDir(home, func(p string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && !strings.Contains(p, "/app.link/") {
			if strings.Contains(beginning(p), "root's own") {
				found = sh.Quote(p) + " holds root's text"
			}
		}
		return nil
	})
	return found
}
