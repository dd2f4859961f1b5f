package view

import (
	"strings"

	udiff "github.com/aymanbagabas/go-udiff"

	"remoterun/runner/event"
)

// diffText is a difference as Ansible shows it: a unified diff with three lines
// of context and an empty line behind it.
func (h *human) diffText(d event.Diff) string {
	switch {
	case d.Secret:
		return "diff hidden: the content is secret\n"
	case d.Prepared != "":
		return Safe(strings.TrimSuffix(d.Prepared, "\n")) + "\n"
	}
	before, after := d.Before, d.After
	text := udiff.Unified(header("before", d.BeforeHeader), header("after", d.AfterHeader), before, after)
	if text == "" {
		return ""
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(h.diffLine(line))
	}
	if !strings.HasSuffix(text, "\n") {
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	return b.String()
}

func header(side, name string) string {
	if name == "" {
		return side
	}
	return side + ": " + name
}

func (h *human) diffLine(line string) string {
	switch {
	case strings.HasPrefix(line, "+"):
		return lined(h.paint.added, line)
	case strings.HasPrefix(line, "-"):
		return lined(h.paint.removed, line)
	case strings.HasPrefix(line, "@@"):
		return lined(h.paint.lines, line)
	}
	return Safe(line)
}
