//go:build linux

package lock_test

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/hosttest/real"
	"remoterun/runner/lock"
	"remoterun/runner/sh"
)

// squat gives a process descriptors whose links read like the files of a lock:
// in namespaces of its own a user calls a file whatever it likes.
const squat = `setsid unshare -Urm sh -c 'mount -t tmpfs none /mnt && mkdir -p "/mnt$1" && cd "/mnt$1" && exec 6>>mark 7>>work 9>>lock && umount -l /mnt && sleep 600' sh "$1" </dev/null >/dev/null 2>&1 &
sleep 1`

// TestRealLockIsNotSquatted: an ordinary user of the server whose processes look
// like the holder and like work keeps nobody from the lock.
func TestRealLockIsNotSquatted(t *testing.T) {
	for _, shell := range []string{"dash", "bash", "busybox"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			m := real.NewOperator(t).Start(t, real.Options{Name: shell, Shell: shell})
			const dir = "/run/remoterun.locks/squat"
			evil, err := m.Connect(t, real.UserOut, nil).Shell(t.Context(), host.As{})
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				run(t, evil, sh.Script(squat, dir))
			}
			if out := m.Run(t, `for p in /proc/[0-9]*; do [ "$(readlink $p/fd/7)" = "$1" ] && [ "$(readlink $p/fd/6)" = "${1%/*}/mark" ] && echo ${p#/proc/}; done; true`, dir+"/work"); len(strings.Fields(out)) < 3 {
				t.Fatalf("the attack is none: %q", out)
			}
			c := m.Connect(t, "root", nil)
			for i := range races() {
				h, err := lock.Take(t.Context(), c, host.As{}, "h", "squat", "x", lock.Options{Who: "anna", Beat: time.Second, TakeOver: i%2 == 0})
				if err != nil {
					t.Fatalf("try %d: %v", i, err)
				}
				if err := h.Release(); err != nil {
					t.Fatalf("try %d: %v", i, err)
				}
			}
			if out := m.Run(t, `ls -d /run/remoterun-lock* 2>/dev/null; ls -A "$1"`, dir); strings.TrimSpace(out) != "lock\nmark\nwork" {
				t.Errorf("left: %q", out)
			}
		})
	}
}

// races is how often the lock is taken under the squatter's hands:
// REMOTERUN_RACES (make races: 200), a few without it.
func races() int {
	if n, err := strconv.Atoi(os.Getenv("REMOTERUN_RACES")); err == nil {
		return n
	}
	return 10
}

// operator is one at work: a connection under a lock.
type operatorAt struct {
	held *lock.Held
	conn *lock.Conn
}

func takeAt(t *testing.T, m *real.Machine, user string, as host.As, opt lock.Options) (operatorAt, error) {
	t.Helper()
	c := m.Connect(t, user, real.Answer(real.Password))
	opt.Beat = time.Second
	h, err := lock.Take(t.Context(), c, as, "h", "p", "x", opt)
	if err != nil {
		return operatorAt{}, err
	}
	return operatorAt{h, lock.Guard(c, h)}, nil
}

// long starts work that would leave a mark in half a minute, in a frame and in a
// channel of its own, each with a child that is deaf to TERM, and returns what is
// to be dead afterwards.
func (o operatorAt) long(t *testing.T, m *real.Machine, as host.As, mark string) (pids []string) {
	t.Helper()
	s, err := o.conn.Shell(t.Context(), as)
	if err != nil {
		t.Fatal(err)
	}
	const work = `sh -c 'trap "" TERM; echo $$ >"$1.t"; mv "$1.t" "$1.pid"; n=0; while [ $n -lt 300 ]; do sleep 0.1; n=$((n + 1)); done; : >"${1%.*}"' sh "$1.$2"; :`
	go func() { _, _ = s.Run(t.Context(), sh.Script(work, mark, "frame")) }()
	go func() { _, _ = o.conn.Exec(t.Context(), as, sh.Script(work, mark, "own")) }()
	for _, name := range []string{"frame", "own"} {
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			if pid, err := m.Try(t, `cat "$1.pid" 2>/dev/null`, mark+"."+name); err == nil && pid != "" {
				pids = append(pids, strings.TrimSpace(pid))
				break
			}
			if time.Now().After(end) {
				t.Fatal("the work did not begin")
			}
		}
	}
	return pids
}

func run(t *testing.T, s host.Shell, c sh.Cmd) host.Output {
	t.Helper()
	out, err := s.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestRealLockCoversEveryIdentity: whoever logs in and whoever the work runs as,
// when the lock is in other hands the work of the first one is dead and begins
// no more.
func TestRealLockCoversEveryIdentity(t *testing.T) {
	root := host.As{User: "root", Method: "sudo"}
	out := host.As{User: real.UserOut, Method: "sudo"}
	m := real.NewOperator(t).Start(t, real.Options{Name: "identities"})
	for name, c := range map[string]struct {
		login  string
		lock   host.As // who takes the lock
		work   host.As // who works
		second string  // the login of who comes next, who takes root's lock
	}{
		"root, work of another user":             {"root", host.As{}, out, "root"},
		"root by sudo, work of the login user":   {real.UserFree, root, host.As{}, real.UserSudo},
		"root by sudo, work of another user":     {real.UserFree, root, out, "root"},
		"root twice":                             {"root", host.As{}, root, "root"},
		"a user, root's work":                    {real.UserFree, host.As{}, root, real.UserSudo},
		"a user, another user's work after root": {real.UserFree, host.As{}, out, real.UserSudo},
	} {
		t.Run(name, func(t *testing.T) {
			first, err := takeAt(t, m, c.login, c.lock, lock.Options{Who: "anna"})
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(name, "after root") {
				if _, err := first.conn.Shell(t.Context(), root); err != nil {
					t.Fatal(err)
				}
			}
			mark := "/tmp/mark-" + strings.ReplaceAll(name, " ", "-")
			pids := first.long(t, m, c.work, mark)
			as := root
			if c.second == "root" {
				as = host.As{}
			}
			var held *lock.HeldError
			if _, err := takeAt(t, m, c.second, as, lock.Options{Who: "bert"}); !errors.As(err, &held) || held.Who != "anna" {
				t.Errorf("two have it: %v", err)
			}
			second, err := takeAt(t, m, c.second, as, lock.Options{Who: "bert", TakeOver: true})
			if err != nil {
				t.Fatal(err)
			}
			if lives(t, m, pids) {
				t.Error("the first one's work lives")
			}
			s, err := first.conn.Shell(t.Context(), c.work)
			if err == nil {
				_, err = s.Run(t.Context(), sh.Script(`: >"$1"`, mark))
			}
			if !errors.Is(err, lock.ErrLost) {
				t.Errorf("the first one goes on: %v", err)
			}
			if _, err := m.Try(t, `[ ! -e "$1" ]`, mark); err != nil {
				t.Error("the first one's work left its mark")
			}
			if err := second.held.Release(); err != nil {
				t.Error(err)
			}
			if left, _ := m.Try(t, "ls -d /run/remoterun-lock.* /proc/[0-9]*/fd/7 2>/dev/null | grep lock"); left != "" {
				t.Errorf("left: %s", left)
			}
		})
	}
}

// TestRealLockOfADeadLaptop: the link is cut; another user's work is ended, and
// then the lock is free, also when that user forks faster than it is killed.
func TestRealLockOfADeadLaptop(t *testing.T) {
	m := real.NewOperator(t).Start(t, real.Options{Name: "dead"})
	out := host.As{User: real.UserOut, Method: "sudo"}
	first, err := takeAt(t, m, "root", host.As{}, lock.Options{Who: "anna"})
	if err != nil {
		t.Fatal(err)
	}
	pids := first.long(t, m, out, "/tmp/dead")
	_ = first.conn.Close()
	second := await(t, m)
	if lives(t, m, pids) {
		t.Error("the dead operator's work lives")
	}
	s, err := second.conn.Shell(t.Context(), out)
	if err != nil {
		t.Fatal(err)
	}
	// The user finds its own file and keeps it open in ever new processes.
	run(t, s, sh.Script(`w=$(readlink /proc/$$/fd/7)
cat >/tmp/fork <<'E'
exec 7>>"$1"
f() { (sleep 0.1; f) & exit; }
f
E
setsid sh /tmp/fork "$w" </dev/null >/dev/null 2>&1 &`))
	if text := m.Run(t, `sleep 0.5; for p in /proc/[0-9]*; do for w in /run/remoterun-lock.*/w.*; do [ $p/fd/7 -ef "$w" ] && echo "$p"; done; done; true`); text == "" {
		t.Fatal("the attack is none")
	}
	_ = second.conn.Close()
	third := await(t, m)
	if err := third.held.Release(); err != nil {
		t.Error(err)
	}
}

// lives reports a process that is not waiting to be buried.
func lives(t *testing.T, m *real.Machine, pids []string) bool {
	t.Helper()
	return slices.ContainsFunc(pids, func(pid string) bool {
		_, err := m.Try(t, `grep -q "^State:.[^Z]" "/proc/$1/status" 2>/dev/null`, pid)
		return err == nil
	})
}

// await takes the lock as soon as it is free.
func await(t *testing.T, m *real.Machine) operatorAt {
	t.Helper()
	for range 60 {
		o, err := takeAt(t, m, "root", host.As{}, lock.Options{Who: "bert"})
		if err == nil {
			return o
		}
		if held := new(lock.HeldError); !errors.As(err, &held) {
			t.Fatal(err)
		}
	}
	t.Fatal("the lock is not given back")
	return operatorAt{}
}

// TestRealFullDisk: neither a full disk nor one that cannot be written keeps root from
// the lock: what is done under it may be to take a key out of memory.
func TestRealFullDisk(t *testing.T) {
	m := real.NewOperator(t).Start(t, real.Options{Name: "full"})
	for what, disk := range map[string]string{
		"full":      `mkdir -p /var/lib/remoterun && mount -t tmpfs -o size=16k,nr_inodes=4 none /var/lib/remoterun && ! { cat /dev/zero >/var/lib/remoterun/fill; } 2>/dev/null`,
		"read-only": `mkdir -p /var/lib/remoterun && mount -t tmpfs -o ro none /var/lib/remoterun`,
	} {
		m.Run(t, disk)
		c := m.Connect(t, "root", nil)
		h, err := lock.Take(t.Context(), c, host.As{}, "h", "p", "x", lock.Options{Who: "anna", Beat: time.Second})
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		_, err = lock.Take(t.Context(), m.Connect(t, "root", nil), host.As{}, "h", "p", "y", lock.Options{Who: "bert", Beat: time.Second})
		if held := new(lock.HeldError); !errors.As(err, &held) || held.Who != "anna" {
			t.Errorf("%s: a second one: %v", what, err)
		}
		if who, err := seenBy(t, c, "/var/lib/remoterun/p"); err != nil || who == nil || who.Who != "anna" {
			t.Errorf("%s: seen: %v, %v", what, who, err)
		}
		if err := h.Release(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		m.Run(t, `umount /var/lib/remoterun`)
	}
}

// seenBy is who holds a project's lock, as somebody sees it who only asks.
func seenBy(t *testing.T, c host.Conn, dir string) (*lock.HeldError, error) {
	t.Helper()
	s, err := c.Shell(t.Context(), host.As{})
	if err != nil {
		return nil, err
	}
	fact := lock.Seen(dir)
	probe, ok := fact.Q.(host.Probe)
	if !ok {
		t.Fatal("the question is no probe")
	}
	out, err := s.Run(t.Context(), probe.Cmd())
	if err != nil {
		return nil, err
	}
	return fact.Parse(host.Answer{Stdout: out.Stdout})
}
