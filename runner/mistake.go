package runner

import (
	"fmt"
	"runtime"
	"strings"

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
