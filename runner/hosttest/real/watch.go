//go:build linux

package real

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Watcher looks for secrets in arguments and environments of everything that a
// test has started, its machines' processes too, again and again: what a process
// showed for a moment is gone when a search at the end comes.
type Watcher struct {
	mu     sync.Mutex
	forms  []form
	hits   map[string]string // by form and file: what was seen first
	passes int
	seen   int // files that were read
	quit   chan struct{}
	done   chan struct{}
}

// Bounds of a Watcher: how long it rests after a pass, at least and as a multiple
// of what the pass took, and how many hits it keeps.
const (
	watchRest  = 10 * time.Millisecond
	watchShare = 4
	watchHits  = 50
)

// Watch begins to look; it ends with the test, or at Stop. A process that lives
// shorter than a pass and its rest can be missed.
func Watch(t testing.TB, n Needles) *Watcher {
	t.Helper()
	w := &Watcher{forms: n.forms(), hits: map[string]string{}, quit: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	t.Cleanup(func() { w.Stop() })
	return w
}

// Add has it look for more from now on.
func (w *Watcher) Add(n Needles) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, fm := range n.forms() {
		if !slices.ContainsFunc(w.forms, func(have form) bool { return have.name == fm.name && bytes.Equal(have.text, fm.text) }) {
			w.forms = append(slices.Clone(w.forms), fm)
		}
	}
}

// Stop ends it and answers what was found: form, file, process and its arguments.
func (w *Watcher) Stop() []string {
	w.mu.Lock()
	select {
	case <-w.quit:
	default:
		close(w.quit)
	}
	w.mu.Unlock()
	<-w.done
	return w.Hits()
}

// Hits is what was found so far.
func (w *Watcher) Hits() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, h := range w.hits {
		out = append(out, h)
	}
	slices.Sort(out)
	return out
}

// Passes says how often it has looked, and into how many files in all.
func (w *Watcher) Passes() (passes, files int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.passes, w.seen
}

func (w *Watcher) run() {
	defer close(w.done)
	for {
		begun := time.Now()
		w.pass()
		select {
		case <-w.quit:
			return
		case <-time.After(max(watchRest, watchShare*time.Since(begun))):
		}
	}
}

// pass reads what every process shows now. Processes of machines have names in
// this machine's /proc, too.
func (w *Watcher) pass() {
	w.mu.Lock()
	forms := w.forms
	w.mu.Unlock()
	procs, _ := filepath.Glob("/proc/[0-9]*")
	read := 0
	for _, p := range procs {
		for _, f := range []string{"cmdline", "environ"} {
			text, err := os.ReadFile(p + "/" + f)
			if err != nil || len(text) == 0 {
				continue // gone since, or the kernel's own
			}
			read++
			for _, fm := range forms {
				if bytes.Contains(text, fm.text) && ours(filepath.Base(p)) {
					w.keep(fm.name, p, f)
				}
			}
		}
	}
	w.mu.Lock()
	w.passes, w.seen = w.passes+1, w.seen+read
	w.mu.Unlock()
}

// keep notes a hit, the first of its kind in programs of that name.
func (w *Watcher) keep(name, proc, file string) {
	comm, _ := os.ReadFile(proc + "/comm")
	args, _ := os.ReadFile(proc + "/cmdline")
	w.mu.Lock()
	defer w.mu.Unlock()
	key := name + " " + file + " " + string(comm)
	if _, known := w.hits[key]; !known && len(w.hits) < watchHits {
		w.hits[key] = fmt.Sprintf("%s in %s/%s of %q", name, proc, file, bytes.ReplaceAll(args, []byte{0}, []byte(" ")))
	}
}

// ours reports this test's process and what descends from it; other tests run
// beside it and may show what they plant.
func ours(pid string) bool {
	self := strconv.Itoa(os.Getpid())
	for range 64 {
		if pid == self {
			return true
		}
		st, err := os.ReadFile("/proc/" + pid + "/stat")
		i := bytes.LastIndexByte(st, ')') // the name before may hold anything
		f := strings.Fields(string(st[i+1:]))
		if err != nil || len(f) < 2 || f[1] == "0" {
			return false
		}
		pid = f[1]
	}
	return false
}
