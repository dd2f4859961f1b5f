// Package journal keeps what was about to run on hosts and how it ended: one
// JSON line before anything is sent, one when the outcome is known. It is for
// people who ask later what happened; nothing reads it to decide. Lines hold
// what steps say of themselves, never a secret.
package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"remoterun/runner/secret"
)

// Entry is one line.
type Entry struct {
	At   time.Time `json:"at"`
	Host string    `json:"host,omitempty"`
	Task string    `json:"task,omitempty"`
	// ID ties an outcome to its beginning within a run.
	ID int `json:"id,omitempty"`
	// Steps are set on the line before, Outcome on the line after: done,
	// failed: …, unknown: … (the link broke).
	Steps   []string `json:"steps,omitempty"`
	Outcome string   `json:"outcome,omitempty"`
	// Run begins a run: the command line without secrets.
	Run string `json:"run,omitempty"`
	Who string `json:"who,omitempty"`
}

// Journal is one run's file. Safe for concurrent use.
type Journal struct {
	mu  sync.Mutex
	f   *os.File
	red *secret.Redactor
	n   int
	err error
}

// keep is how many runs' files stay.
const keep = 200

// Open makes the file of a run in dir (0700), named by its time; older ones
// beyond 200 are removed.
func Open(dir, who, run string, red *secret.Redactor) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	name := time.Now().UTC().Format("20060102T150405.000000Z") + ".jsonl"
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{f: f, red: red}
	j.write(Entry{Run: run, Who: who})
	prune(dir)
	return j, j.err
}

func prune(dir string) {
	names := Runs(dir)
	for len(names) > keep {
		_ = os.Remove(filepath.Join(dir, names[0]))
		names = names[1:]
	}
}

func (j *Journal) write(e Entry) {
	e.At = time.Now().UTC()
	line, err := json.Marshal(e)
	if err == nil {
		_, err = io.WriteString(j.f, j.red.Redact(string(line))+"\n")
	}
	j.err = errors.Join(j.err, err)
}

// Work is one task's steps.
type Work struct {
	Task  string
	Steps []string
}

// Begin notes steps before they are sent; what it returns notes the outcome of
// each task, in any order and from any goroutine.
func (j *Journal) Begin(host string, work []Work) (end func(i int, outcome string)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	first := j.n + 1
	for _, w := range work {
		j.n++
		j.write(Entry{Host: host, Task: w.Task, ID: j.n, Steps: w.Steps})
	}
	if err := j.f.Sync(); err != nil {
		j.err = errors.Join(j.err, err)
	}
	return func(i int, outcome string) {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.write(Entry{Host: host, Task: work[i].Task, ID: first + i, Outcome: outcome})
	}
}

// Close ends the file; the error is the first of writing.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return errors.Join(j.err, j.f.Close())
}

// Runs lists the files of a folder, oldest first.
func Runs(dir string) []string {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range list {
		if strings.HasSuffix(e.Name(), ".jsonl") {
			out = append(out, e.Name())
		}
	}
	slices.Sort(out)
	return out
}

// Read reads one run's file; a last line that a crash cut is left out.
func Read(path string) ([]Entry, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no run %s: remoterun log lists them", strings.TrimSuffix(filepath.Base(path), ".jsonl"))
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []Entry
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		var e Entry
		if json.Unmarshal(sc.Bytes(), &e) == nil {
			out = append(out, e)
		}
	}
	return out, sc.Err()
}
