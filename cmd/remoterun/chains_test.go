package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"remoterun/runner/event"
	"remoterun/runner/value"
)

// recorder keeps what a run reported, in a form that two runs can be compared
// by: no times, no temporary folders.
type recorder struct {
	mu    sync.Mutex
	lines []string
	// failures are whole results, for whoever wants to know why two ways differ.
	failures []string
}

func (r *recorder) Event(_ time.Time, e event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e := e.(type) {
	case event.ItemResult:
		r.result(e.Outcome, e.Label)
	case event.HostResult:
		r.result(e.Outcome, "")
	case event.Recap:
		for _, h := range e.Stats.Order {
			r.lines = append(r.lines, fmt.Sprintf("%s %+v", h, *e.Stats.Hosts[h]))
		}
	}
}

func (r *recorder) result(e event.Outcome, label string) {
	rc, _ := e.Result.Lookup("rc")
	changed, _ := e.Result.Lookup("changed")
	out, _ := e.Result.Lookup("stdout")
	if e.Task.Module == "debug" {
		out, _ = e.Result.Lookup("msg")
	}
	if e.Status == event.Failed || e.Status == event.Unreachable {
		r.failures = append(r.failures, fmt.Sprintf("%s %s: %s %v", e.Host, e.Task.Name, value.Show(value.FromMap(e.Result)), e.Err))
	}
	r.lines = append(r.lines, fmt.Sprintf("%s %s %s [%s] %s ignored=%v rescued=%v changed=%s rc=%s %q", e.Host, e.Task.Name, e.Task.Module, label, e.Status, e.Ignored, e.Rescued, value.Show(changed), value.Show(rc), value.Show(out)))
}

// snapshot is a folder as text: kinds, modes, targets and contents.
func snapshot(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		fmt.Fprintf(&b, "%s %s", rel, st.Mode())
		switch {
		case st.Mode().IsRegular():
			text, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %q", text)
		case st.Mode()&fs.ModeSymlink != 0:
			to, _ := os.Readlink(p)
			fmt.Fprintf(&b, " -> %s", strings.TrimPrefix(to, root))
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
