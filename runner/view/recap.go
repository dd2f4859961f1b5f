package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fatih/color"

	"remoterun/runner"
)

// recap writes a line per host, by name, in Ansible's columns.
func (h *human) recap(st *runner.Stats) {
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

func (h *human) recapLine(name string, c *runner.Counts) string {
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

// interrupted says what was not done.
func (h *human) interrupted(st *runner.Stats) {
	text := "interrupted: every host had finished"
	if len(st.Undone) > 0 {
		places := make([]string, len(st.Undone))
		for i, name := range st.Undone {
			if places[i] = name; st.At[name] != "" {
				places[i] += " (at: " + st.At[name] + ")"
			}
		}
		text = "interrupted: not finished on " + strings.Join(places, ", ") + "; the same command again goes on from there"
	}
	h.say(h.paint.failed, text)
}
