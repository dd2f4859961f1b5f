package view

import (
	"slices"
	"strings"
	"time"

	"remoterun/runner/event"
	"remoterun/runner/value"
)

// minimal is the look of ad hoc tasks, as Ansible's: a line per host, and the
// output of commands beneath it.
type minimal struct{ *human }

func newMinimal(o Options) minimal {
	o.Footer = false
	return minimal{newHuman(o)}
}

// commands are modules whose output is shown as it came.
var commands = []string{"command", "shell", "raw", "script"}

// Event shows a host's result, and warnings.
func (m minimal) Event(_ time.Time, e event.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch e := e.(type) {
	case event.HostResult:
		m.out.write(m.result(e.Outcome))
	case event.Warning:
		m.warn(e.Text)
	case event.PlayNoHosts:
		m.warn("no hosts matched, nothing to do")
	}
}

func (m minimal) result(e event.Outcome) string {
	word, c := "SUCCESS", m.paint.ok
	switch e.Status {
	case event.Changed:
		word, c = "CHANGED", m.paint.changed
	case event.Failed:
		word, c = "FAILED", m.paint.failed
	case event.Unreachable:
		word, c = "UNREACHABLE!", m.paint.unreachable
	case event.Skipped:
		word, c = "SKIPPED", m.paint.skipped
	}
	text := e.Host + " | " + word + m.body(e) + "\n"
	for _, d := range e.Diff {
		text += m.diffText(d)
	}
	return lined(c, text)
}

// body is a command's output, or the result as JSON; with -vv of commands, too.
func (m minimal) body(e event.Outcome) string {
	rc, ran := e.Result.Lookup("rc")
	_, has := e.Result.Lookup("stdout")
	if ran && has && !e.NoLog && m.o.Verbosity < 2 && slices.Contains(commands, actionOf(e.Task)) {
		text := " | rc=" + value.Show(rc) + " >>"
		for _, name := range []string{"stdout", "stderr"} {
			v, _ := e.Result.Lookup(name)
			if s := strings.TrimRight(Safe(value.Show(v)), "\n"); s != "" {
				text += "\n" + s
			}
		}
		if v, ok := e.Result.Lookup("msg"); ok && value.Show(rc) != "0" {
			text += "\n" + Safe(value.Show(v))
		}
		return text
	}
	js, err := value.JSON(value.FromMap(shownResult(e, m.o.Verbosity)), value.JSONStyle{Indent: 4, SortKeys: true, KeepUTF8: true, MaskSecret: true})
	if err != nil {
		js = err.Error()
	}
	return " => " + js
}
