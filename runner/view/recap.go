package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fatih/color"

	"remoterun/runner/event"
)

// recap writes a line per host, by name, in Ansible's columns.
func (h *human) recap(st *event.Stats) {
	if st == nil {
		return
	}
	h.stars("PLAY RECAP")
	hosts := slices.Clone(st.Order)
	slices.Sort(hosts)
	for _, name := range hosts {
		h.out.write(h.recapLine(name, st.Hosts[name]))
	}
	h.out.write("\n")
	if st.Interrupted {
		h.interrupted(st)
	}
}

func (h *human) recapLine(name string, c *event.Counts) string {
	p := h.paint
	whole := p.ok
	switch {
	case c.Failed > 0 || c.Unreachable > 0:
		whole = p.failed
	case c.Changed > 0:
		whole = p.changed
	}
	pad := strings.Repeat(" ", max(0, 26-len([]rune(name))))
	return fmt.Sprintf("%s%s : %s %s %s %s %s %s %s\n", whole.Sprint(name), pad,
		counted("ok", c.OK, p.ok), counted("changed", c.Changed, p.changed), counted("unreachable", c.Unreachable, p.unreachable),
		counted("failed", c.Failed, p.failed), counted("skipped", c.Skipped, p.skipped), counted("rescued", c.Rescued, p.ok),
		counted("ignored", c.Ignored, p.warning))
}

// counted is one column: coloured when it isn't nought.
func counted(word string, n int, c *color.Color) string {
	text := fmt.Sprintf("%s=%-4d", word, n)
	if n == 0 {
		return text
	}
	return c.Sprint(text)
}

// mostNames is how many tasks are named of those that were not done.
const mostNames = 12

// interrupted says what was not done: hosts and where they stood, the tasks
// behind, the plays that had not begun.
func (h *human) interrupted(st *event.Stats) {
	text := "interrupted: every host had finished its play"
	if len(st.Undone) > 0 {
		places := make([]string, len(st.Undone))
		for i, u := range st.Undone {
			if places[i] = u.Host; u.At != "" {
				places[i] += " (at: " + u.At + ")"
			}
		}
		text = "interrupted: not finished on " + strings.Join(places, ", ") + "; the same command again begins at its first task"
	}
	h.say(h.paint.failed, text)
	for _, u := range st.Undone {
		if len(u.Unknown) > 0 {
			h.say(h.paint.failed, "unknown on "+u.Host+", it had been sent and no end was heard: "+strings.Join(u.Unknown, ", "))
		}
	}
	h.tasksLeft(st.Undone)
	if len(st.NotBegun) > 0 {
		h.say(h.paint.failed, "not begun: "+plays(st.NotBegun))
	}
}

// tasksLeft names the tasks that were not done, once for hosts that lack the same.
func (h *human) tasksLeft(undone []event.Undone) {
	for i, u := range undone {
		if i > 0 && slices.Equal(undone[i-1].Tasks, u.Tasks) || len(u.Tasks) == 0 {
			continue
		}
		var hosts []string
		for _, v := range undone[i:] {
			if !slices.Equal(v.Tasks, u.Tasks) {
				break
			}
			hosts = append(hosts, v.Host)
		}
		names := u.Tasks[:min(len(u.Tasks), mostNames)]
		text := "not done on " + strings.Join(hosts, ", ") + ": " + strings.Join(names, ", ")
		if more := len(u.Tasks) - len(names); more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		h.say(h.paint.failed, text)
	}
}

func plays(names []string) string {
	if len(names) == 1 {
		return "the play " + names[0]
	}
	return "the plays " + strings.Join(names, ", ")
}
