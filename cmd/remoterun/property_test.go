package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"remoterun/runner/reach"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"remoterun/runner/hosttest/sshd"
	"remoterun/runner/hosttest/sshtest"
)

// setting is a whole number of the environment.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestChainsEqualOneTaskAtATime is the promise of look-ahead and guarded chains:
// the host's log, the end state and what is reported are those of one task at a
// time, whatever the tasks are and wherever one fails. make property runs it with
// another seed and many more playbooks.
func TestChainsEqualOneTaskAtATime(t *testing.T) {
	books := 200
	if testing.Short() {
		books = 40
	}
	seed, books, first := number(t, "REMOTERUN_PROPERTY_SEED", 1), number(t, "REMOTERUN_PROPERTY_BOOKS", books), number(t, "REMOTERUN_PROPERTY_FIRST", 0)
	t.Logf("%d playbooks of REMOTERUN_PROPERTY_SEED=%d", books, seed)
	srv, d := sshtest.Listen(t, sshd.Config{})
	next := make(chan int)
	var wg sync.WaitGroup
	// More at a time than there are processors: a book waits most of its time.
	for range 4 * runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				t.Run(fmt.Sprint(i), func(t *testing.T) { sameBook(t, seed, i, dialled{d, srv.Port()}) })
			}
		})
	}
	for i := first; i < first+books; i++ {
		next <- i
	}
	close(next)
	wg.Wait()
}

// sameBook makes book i of a seed and plays it both ways.
func sameBook(t *testing.T, seed, i int, remote reach.Connector) {
	defer func() {
		if t.Failed() {
			t.Logf("again: REMOTERUN_PROPERTY_SEED=%d REMOTERUN_PROPERTY_FIRST=%d REMOTERUN_PROPERTY_BOOKS=1 go test -run TestChainsEqual ./cmd/remoterun", seed, i)
		}
	}()
	g := &maker{Rand: rand.New(rand.NewPCG(uint64(seed), uint64(i))), hosts: 1}
	at := ground{open: true, hosts: []string{"h1"}, base: filepath.Join(t.TempDir(), "hosts"), remote: true, connector: remote}
	strategy := "linear"
	switch g.IntN(10) {
	case 0, 1:
		at.connector, at.remote = nil, false
	case 2, 3:
		g.hosts, at.hosts = 3, []string{"h1", "h2", "h3"}
	case 4:
		strategy, g.free = "free", true
	case 5:
		strategy, g.free, g.hosts, at.hosts = "free", true, 3, []string{"h1", "h2", "h3"}
	}
	book, text := g.put(t, t.TempDir(), strategy)
	at.same(t, book, text, 1+g.IntN(4)/3)
}

// TestChainsAsAnsible plays some of them by ansible-playbook, too: the same tasks
// ran on the host, in the same order, and left the same files.
func TestChainsAsAnsible(t *testing.T) {
	if _, err := exec.LookPath("ansible-playbook"); err != nil {
		t.Skip("ansible-playbook is not installed")
	}
	seed, books := number(t, "REMOTERUN_PROPERTY_SEED", 1), number(t, "REMOTERUN_PROPERTY_ANSIBLE", 2)
	for i := range books {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			g := &maker{Rand: rand.New(rand.NewPCG(uint64(seed), uint64(1<<32+i))), hosts: 1, plain: true}
			at := ground{open: true, hosts: []string{"h1"}, base: filepath.Join(t.TempDir(), "hosts")}
			book, text := g.put(t, t.TempDir(), "linear")
			at.fresh(t)
			_, lines := at.run(t, book)
			got := snapshot(t, at.base)
			at.fresh(t)
			cmd := exec.Command("ansible-playbook", "-i", "h1,", "-c", "local", "-e", "other=h1", "-e", "root="+at.base+"/h1", "-e", "laptop="+at.base+"/laptop/", book)
			cmd.Env = append(os.Environ(), "ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3", "ANSIBLE_LOCALHOST_WARNING=false", "ANSIBLE_NOCOLOR=1")
			out, _ := cmd.CombinedOutput()
			if strings.Contains(string(out), "ERROR! Unexpected Exception") {
				t.Skipf("Ansible breaks off at this one: %s", out)
			}
			if want := snapshot(t, at.base); got != want {
				t.Errorf("Ansible leaves another state (- Ansible, + here)\n%s\n%s\n%s\n%s", difference(want, got), strings.Join(lines, "\n"), out, text)
			}
		})
	}
}
