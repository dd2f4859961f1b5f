package runner

import (
	"fmt"
	"runtime"
	"strings"

	"remoterun/runner/event"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// Mistake is a panic in the work for one host: a mistake of this program, which
// ends as that host's failure.
type Mistake struct {
	// What is the panic's own text, Where the innermost places of this program, as
	// "function file:line", innermost first.
	What  string
	Where []string
	// Task and Pos say what was being done.
	Task string
	Pos  value.Pos
}

func (m *Mistake) Error() string {
	at := ""
	if len(m.Where) > 0 {
		at = " in " + m.Where[0]
	}
	task := ""
	if m.Task != "" {
		task = fmt.Sprintf(", at the task %q (%s)", m.Task, m.Pos)
	}
	return fmt.Sprintf("internal error: %s%s%s. This is a mistake of remoterun, not of the host: please report it with these words", m.What, at, task)
}

// mistake makes an error of a panic; task may be nil.
func mistake(what any, task *play.Task) *Mistake {
	stack := make([]byte, 64<<10)
	stack = stack[:runtime.Stack(stack, false)]
	m := &Mistake{What: fmt.Sprint(what), Where: places(string(stack))}
	if task != nil {
		m.Task, m.Pos = task.Title(), task.Pos
	}
	return m
}

// places reads a stack: the functions of this program behind the panic.
func places(stack string) []string {
	_, stack, _ = strings.Cut(stack, "\npanic(")
	lines := strings.Split(stack, "\n")
	var out []string
	for i := 0; i+1 < len(lines) && len(out) < 8; i++ {
		at, is := strings.CutPrefix(lines[i+1], "\t")
		if !is || !strings.HasPrefix(lines[i], "remoterun/") {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(lines[i], "remoterun/"), "(0x")
		at, _, _ = strings.Cut(at[strings.LastIndex(at, "/")+1:], " ")
		out = append(out, strings.TrimSuffix(name, "(...)")+" "+at)
	}
	return out
}

// survives does something for the host; a panic in it fails the host, and is told.
func (h *hostRun) survives(task *play.Task, do func()) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			h.crash(mistake(p, task))
		}
	}()
	do()
	return true
}

// crash ends the play for a host by a mistake of ours or of the play.
func (h *hostRun) crash(err error) {
	e := event.Outcome{Host: h.name, Task: h.queue.info(), Status: event.Failed, Err: err, Result: value.MapOf("msg", value.MarkedString(err.Error(), value.Unsafe))}
	if m, ok := err.(*Mistake); ok {
		e.Result.Put("exception", value.Strings(m.Where...))
	}
	h.p.r.emit(event.HostResult{Outcome: e})
	h.p.r.count(h.name, func(c *event.Counts) { c.Failed++ })
	h.over = failed
}
