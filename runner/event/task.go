package event

import (
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// Status is a task's outcome on one host.
type Status string

const (
	OK          Status = "ok"
	Changed     Status = "changed"
	Skipped     Status = "skipped"
	Failed      Status = "failed"
	Unreachable Status = "unreachable"
)

// Task names a task.
type Task struct {
	// ID is the same for all hosts that run the same task of the same file.
	ID      string
	Own     string // its name as rendered, empty = it has none
	Name    string // as shown: rendered, "module" when it has none
	Module  string // as written
	Action  string // its short name, as the binder found it
	Pos     value.Pos
	Handler bool
	Tags    []string
}

// Diff is a difference, ready to be shown: both texts or a prepared one.
type Diff struct {
	BeforeHeader, AfterHeader string
	Before, After             string
	Prepared                  string
	// Secret content is never shown: only that it differs.
	Secret bool
}

// StatusOf reads a result's outcome.
func StatusOf(r play.Result) Status {
	switch {
	case r.Failed:
		return Failed
	case r.Skipped:
		return Skipped
	case r.Changed:
		return Changed
	}
	return OK
}
